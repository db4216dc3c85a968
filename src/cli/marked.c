#include "cli/marked.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"

marked_style marked_style_of_stdout(void) {
  if (log_colour(STDOUT_FILENO)) return (marked_style){"\033[1;32m", "\033[36m", "\033[0m", "\033[0m"};
  return (marked_style){"[[", "", "]]", ""};
}

static bool is_control(const char *at, size_t left, int *n) {
  uint32_t code;
  *n = utf8_decode(at, left, &code);
  if (*n < 1) *n = 1, code = 0xfffd; // part of a character, whose other bytes the next token may have
  return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

static void put(text *out, const char *bytes, size_t length, const char *allowed) {
  for (size_t i = 0; i < length;) {
    int n;
    const bool escape = is_control(bytes + i, length - i, &n) && !(bytes[i] && strchr(allowed, bytes[i]));
    for (const size_t end = i + (size_t)n; i < end; i++) {
      if (escape) text_printf(out, "\\x%02x", (unsigned char)bytes[i]);
      else text_putc(out, bytes[i]);
    }
  }
}

void marked_put_name(text *out, const char *name) {
  put(out, name, strlen(name), "");
}

const char *marked_name(arena *a, const char *name) {
  text out = {0};
  marked_put_name(&out, name);
  const char *visible = arena_strndup(a, out.length ? out.data : "", out.length);
  text_free(&out);
  return visible;
}

void marked_put_visible(text *out, const char *bytes, size_t length) {
  put(out, bytes, length, "\n\t");
}
