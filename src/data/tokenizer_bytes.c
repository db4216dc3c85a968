// GPT-2's byte alphabet (openai/gpt-2, src/encoder.py, bytes_to_unicode): printable bytes of Latin-1 stand for themselves,
// the other 68, in order, are the characters from U+0100 on.
#include "data/tokenizer_parts.h"

static bool is_printable(uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

uint32_t byte_alphabet_code(uint8_t byte) {
  if (is_printable(byte)) return byte;
  uint32_t rank = 0;
  for (uint32_t b = 0; b < byte; b++) rank += !is_printable(b);
  return 0x100 + rank;
}

int byte_alphabet_byte(uint32_t code) {
  if (code < 0x100) return is_printable(code) ? (int)code : -1;
  code -= 0x100; // the rank among the others: 0x00–0x20, 0x7F–0xA0, 0xAD
  return code < 33 ? (int)code : code < 67 ? (int)(code - 33 + 0x7F) : code == 67 ? 0xAD : -1;
}

bool byte_alphabet_decode(const char *s, uint64_t length, char *out, uint64_t *n) {
  *n = 0;
  for (uint64_t i = 0; i < length;) {
    uint32_t code = 0;
    int size = utf8_decode(s + i, (size_t)(length - i), &code), byte = size ? byte_alphabet_byte(code) : -1;
    if (byte < 0) return false;
    out[(*n)++] = (char)byte;
    i += (uint64_t)size;
  }
  return true;
}
