// Bytes from a file, made fit for a message: cut where they are long, control characters (which could drive the
// terminal) and bytes that are not UTF-8 written as \xNN.
#ifndef IO_QUOTE_H
#define IO_QUOTE_H

#include <stdint.h>

enum { QUOTE_BYTES = 128 };

// "\"bytes\"" in `buffer`, which is returned.
const char *quote(const char *bytes, uint64_t length, char buffer[QUOTE_BYTES]);
const char *quote_string(const char *string, char buffer[QUOTE_BYTES]);
// As much as fits into `size` bytes (at least 16).
const char *quote_short(const char *bytes, uint64_t length, char *buffer, uint64_t size);

#endif
