#include "io/quote.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

const char *quote_short(const char *bytes, uint64_t length, char *buffer, uint64_t size) {
  static const char more[] = "…\"";
  REQUIRE(size >= 16, "a buffer of %llu bytes", (unsigned long long)size);
  uint64_t room = size - sizeof more, used = 0; // what a cut text still needs: the ellipsis, the quote and the NUL
  buffer[used++] = '"';
  for (uint64_t i = 0; i < length;) {
    char piece[8];
    int code_bytes = utf8_decode(bytes + i, (size_t)(length - i), NULL);
    unsigned char c = (unsigned char)bytes[i];
    bool plain = code_bytes > 1 ? !(c == 0xC2 && (unsigned char)bytes[i + 1] < 0xA0) : code_bytes == 1 && c >= 0x20 && c != 0x7F;
    uint64_t taken = plain ? (uint64_t)code_bytes : 1, put;
    if (plain) {
      memcpy(piece, bytes + i, (size_t)taken);
      put = taken;
    } else {
      put = (uint64_t)snprintf(piece, sizeof piece, "\\x%02X", c);
    }
    if (used + put > room) {
      memcpy(buffer + used, more, sizeof more);
      return buffer;
    }
    memcpy(buffer + used, piece, (size_t)put);
    used += put;
    i += taken;
  }
  buffer[used++] = '"';
  buffer[used] = 0;
  return buffer;
}

const char *quote(const char *bytes, uint64_t length, char buffer[QUOTE_BYTES]) {
  return quote_short(bytes, length, buffer, QUOTE_BYTES);
}

const char *quote_string(const char *string, char buffer[QUOTE_BYTES]) {
  return quote(string, strlen(string), buffer);
}
