#include "cli/marked.h"

#include <unistd.h>

#include "base/log.h"

marked_style marked_style_of_stdout(void) {
  if (log_colour(STDOUT_FILENO)) return (marked_style){"\033[1;32m", "\033[36m", "\033[0m", "\033[0m"};
  return (marked_style){"[[", "", "]]", ""};
}

void marked_put_visible(text *out, const char *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    const unsigned char c = (unsigned char)bytes[i];
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) text_printf(out, "\\x%02x", c);
    else text_putc(out, (char)c);
  }
}
