// Characters: what str methods need of Unicode, without its tables.
#include "jinja/chars.h"

#include "base/err.h"
#include "base/text.h"

bool chars_is_space(uint32_t c) {
  return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool chars_is_printable(uint32_t c) {
  if (c < 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0xAD) return false;
  if (c != ' ' && chars_is_space(c)) return false;
  return !(c >= 0x200B && c <= 0x200F) && !(c >= 0x202A && c <= 0x202E) && !(c >= 0x2060 && c <= 0x206F) && c != 0xFEFF &&
         !(c >= 0xE000 && c <= 0xF8FF) && c < 0xE0000;
}

// In these ranges capitals stand on even (odd) code points, each before its small letter.
static bool is_paired(uint32_t c, bool *capitals_odd) {
  *capitals_odd = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E);
  return *capitals_odd || (c >= 0x100 && c <= 0x137 && c != 0x130 && c != 0x131) || (c >= 0x14A && c <= 0x177) ||
         (c >= 0x1E00 && c <= 0x1E95) || (c >= 0x1EA0 && c <= 0x1EFF) || (c >= 0x460 && c <= 0x481) ||
         (c >= 0x48A && c <= 0x4BF) || (c >= 0x4D0 && c <= 0x52F);
}

uint32_t chars_upper(uint32_t c) {
  bool odd;
  if (c >= 'a' && c <= 'z') return c - 32;
  if (c < 0x80) return c;
  if (is_paired(c, &odd)) return (c & 1) == odd ? c : c - 1;
  if ((c >= 0xE0 && c <= 0xFE && c != 0xF7) || (c >= 0x3B1 && c <= 0x3CB && c != 0x3C2) || (c >= 0x430 && c <= 0x44F))
    return c - 32;
  if (c >= 0x450 && c <= 0x45F) return c - 80;
  return c == 0xFF ? 0x178 : c == 0xB5 ? 0x39C : c == 0x3C2 ? 0x3A3 : c == 0x3AC ? 0x386 : c >= 0x3AD && c <= 0x3AF ? c - 37 : c;
}

uint32_t chars_lower(uint32_t c) {
  bool odd;
  if (c >= 'A' && c <= 'Z') return c + 32;
  if (c < 0x80) return c;
  if (is_paired(c, &odd)) return (c & 1) == odd ? c + 1 : c;
  if ((c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3AB && c != 0x3A2) || (c >= 0x410 && c <= 0x42F))
    return c + 32;
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  return c == 0x178 ? 0xFF : c == 0x386 ? 0x3AC : c >= 0x388 && c <= 0x38A ? c + 37 : c;
}

bool chars_is_letter(uint32_t c) {
  if (chars_upper(c) != c || chars_lower(c) != c || c == 0xDF || c == 0xAA || c == 0xBA) return true;
  return c > 0x2AF && !(c >= 0x300 && c <= 0x36F) && !(c >= 0x2000 && c <= 0x2BFF) && !(c >= 0x3000 && c <= 0x3004) &&
         !(c >= 0x3008 && c <= 0x3020) && !(c >= 0xFE00 && c <= 0xFE6F) && !(c >= 0xFF00 && c <= 0xFF20) && c < 0x1F000;
}

uint32_t chars_at(const char *bytes, uint64_t length, uint64_t at, uint32_t *size) {
  uint32_t code;
  int n = utf8_decode(bytes + at, (size_t)(length - at), &code);
  REQUIRE(n, "byte %llu of a string is not UTF-8", (unsigned long long)at);
  *size = (uint32_t)n;
  return code;
}

uint32_t chars_before(const char *bytes, uint64_t at, uint32_t *size) {
  uint64_t begin = at - 1;
  while (begin && ((unsigned char)bytes[begin] & 0xC0) == 0x80) begin--;
  return chars_at(bytes, at, begin, size);
}
