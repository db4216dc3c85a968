// Each token's text is what decoding one token more adds: a token alone may be a part of a character, or lose its space.
#include "data/token_text.h"

#include <string.h>

bool token_texts(arena *a, const tokenizer *t, const int32_t *ids, uint32_t n, token_text *texts, err *e) {
  static const char unfinished[] = "\xEF\xBF\xBD"; // what a part of a character is decoded to
  text decoded = {0};
  size_t shown = 0;
  bool ok = true;
  for (uint32_t i = 0; ok && i < n; i++) {
    text_clear(&decoded);
    ok = tokenizer_decode(t, ids, i + 1, false, &decoded, e);
    size_t end = ok ? decoded.length : 0;
    while (i + 1 < n && end >= shown + 3 && !memcmp(decoded.data + end - 3, unfinished, 3)) end -= 3;
    if (end < shown) end = shown;
    texts[i] = (token_text){"", end - shown};
    if (end > shown) texts[i].data = arena_strndup(a, decoded.data + shown, end - shown);
    shown = end;
  }
  text_free(&decoded);
  return ok;
}
