// Files that are wrong on purpose: each must be refused with a message, none may crash, hang, or be believed.
#ifndef SUPPORT_BAD_FILES_H
#define SUPPORT_BAD_FILES_H

#include "base/err.h"
#include "base/text.h"

// Opens a file, reads every byte that it offers, closes it.
typedef bool (*bad_files_open)(const char *path, err *e);

// Refused within a second, with a message that begins with the file's path and contains `message`.
void bad_files_refuse(bad_files_open open, const char *name, const text *bytes, const char *message);
// Every beginning of a good file (each `step` bytes) is refused; the whole is taken.
void bad_files_cut(bad_files_open open, const char *name, const text *good, size_t step);
// `n` copies of a good file with one byte changed: taken or refused with a message. Returns how many were refused.
int bad_files_mutate(bad_files_open open, const char *name, const text *good, int n);

// Reads every byte, for the openers.
void bad_files_touch(const void *data, uint64_t bytes);

// Building: little-endian numbers.
void put_u32(text *t, uint32_t x);
void put_u64(text *t, uint64_t x);

#endif
