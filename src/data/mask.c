// The one place where text becomes ids with a loss mask.
#include "data/mask.h"

#include <string.h>

static bool is_added(const token *t) {
  return t->end == 0; // it stands for no byte
}

// A space that a tokenizer puts behind a control token stands for none either: it is no text of the byte before it.
static bool is_empty(const token *t) {
  return t->begin == t->end;
}

// What a post-processor adds behind the text (an EOS, say) is left out: the prompt has its own end.
static void drop_added_end(token_list *l, uint64_t length) {
  while (length && l->n && is_added(&l->items[l->n - 1])) l->n--;
}

// `target` NULL: all. A token that stands for no byte is in front, where nothing predicts it or the prompt holds it.
static void to_arena(arena *a, const token_list *l, const char *target, uint64_t prompt_end, masked *out) {
  *out = (masked){.ids = ARENA_ARRAY(a, int32_t, l->n), .target = ARENA_ARRAY(a, uint8_t, l->n), .n = (uint32_t)l->n};
  for (uint32_t i = 0; i < out->n; i++) {
    const token *t = &l->items[i];
    out->ids[i] = t->id;
    out->target[i] = target ? !is_empty(t) && target[t->last] : true;
    out->prompt_n += t->end <= prompt_end;
    out->has_border |= target && !is_empty(t) && target[t->begin] != target[t->last];
  }
}

bool mask_encode(arena *a, const tokenizer *t, const prompt_style *style, const rendered *r, masked *out, err *e) {
  token_list tokens = {0};
  bool ok = tokenizer_encode(t, r->text.data, r->text.length, (const uint8_t *)r->content.data, style->kind == PROMPT_ALPACA,
                             &tokens, e);
  drop_added_end(&tokens, r->text.length);
  if (ok) to_arena(a, &tokens, r->target.data, r->prompt_end, out);
  token_list_free(&tokens);
  return ok;
}

// Content throughout: control tokens are matched nowhere. The EOS stands for no byte, and carries loss.
static bool encode_plain(arena *a, const tokenizer *t, const char *plain, const char *target, int32_t eos, masked *out, err *e) {
  token_list tokens = {0};
  size_t length = strlen(plain);
  text content = {0};
  for (size_t i = 0; i < length; i++) text_putc(&content, 1);
  bool ok = tokenizer_encode(t, plain, length, (const uint8_t *)content.data, true, &tokens, e);
  if (ok && target) drop_added_end(&tokens, length);
  bool ends = eos >= 0 && !(tokens.n && tokens.items[tokens.n - 1].id == eos);
  if (ok && ends) token_list_put(&tokens, (token){.id = eos});
  if (ok) {
    to_arena(a, &tokens, target, 0, out);
    if (ends) out->target[out->n - 1] = 1;
    out->prompt_n = 0;
  }
  text_free(&content);
  token_list_free(&tokens);
  return ok;
}

bool mask_encode_text(arena *a, const tokenizer *t, const char *plain, int32_t eos, masked *out, err *e) {
  return encode_plain(a, t, plain, NULL, eos, out, e);
}

bool mask_encode_marked(arena *a, const tokenizer *t, const char *plain, const char *target, int32_t eos, masked *out, err *e) {
  size_t length = strlen(plain);
  return encode_plain(a, t, plain, target, length && target[length - 1] ? eos : -1, out, e);
}

const char *mask_added_bos(const tokenizer *t) {
  token_list tokens = {0};
  const char *bos = NULL;
  // With a text behind it: on nothing at all, a post-processor's BOS and EOS could not be told apart.
  if (tokenizer_encode(t, "a", 1, (const uint8_t[1]){1}, true, &tokens, NULL) && tokens.n && is_added(&tokens.items[0]))
    bos = tokenizer_content(t, tokens.items[0].id);
  token_list_free(&tokens);
  return bos ? bos : "";
}
