// What the targets share: the readers take paths, so the input becomes a file that lives in memory.
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The file's descriptor; its path goes to `path`. The caller closes it.
static inline int fuzz_file(const uint8_t *data, size_t size, char path[32]) {
  int fd = memfd_create("input", MFD_CLOEXEC);
  REQUIRE(fd >= 0 && write(fd, data, size) == (ssize_t)size, "a file of %zu bytes in memory", size);
  snprintf(path, 32, "/proc/self/fd/%d", fd);
  return fd;
}

// Reads every byte, so that one outside the file is seen.
static inline void fuzz_touch(const void *data, uint64_t bytes) {
  const volatile uint8_t *p = data;
  for (uint64_t i = 0; i < bytes; i++) (void)p[i];
}

// A failure has a message, success none.
static inline void fuzz_check(bool ok, const err *e) {
  REQUIRE(ok ? !e->failed : e->failed && e->message[0], "ok %d with the message \"%s\"", ok, e->message);
}

#endif
