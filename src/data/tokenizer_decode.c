// From ids back to text: tokens as a list of strings, which each step of the decoder rewrites.
#include <string.h>

#include "data/tokenizer_parts.h"

static const char REPLACEMENT[] = "\xEF\xBF\xBD"; // U+FFFD

typedef struct strings {
  text bytes;
  uint64_t *ends; // of each string in `bytes`
  uint64_t n, capacity;
} strings;

static strings strings_new(void) {
  strings s = {0};
  text_put(&s.bytes, "", 0); // so that `data` is never NULL
  return s;
}

static void close_string(strings *s, arena *memory) {
  void *items = s->ends;
  arena_grow(memory, &items, &s->capacity, s->n + 1, sizeof *s->ends);
  s->ends = items;
  s->ends[s->n++] = s->bytes.length;
}

// ---- steps: one string to one ----

// Adds bytes as text; what is not UTF-8 becomes U+FFFD, one for each longest beginning of a valid sequence (Unicode
// Standard, "U+FFFD substitution of maximal subparts"), as Rust's from_utf8_lossy does.
static void put_lossy(text *out, const char *s, size_t length) {
  for (size_t i = 0; i < length;) {
    int n = utf8_decode(s + i, length - i, NULL);
    if (n) {
      text_put(out, s + i, (size_t)n);
      i += (size_t)n;
      continue;
    }
    // A beginning is one that some further bytes, 0x80… or 0xBF…, would complete.
    size_t taken = 1;
    for (size_t k = 2; k <= 3 && i + k <= length; k++) {
      char low[4] = "\x80\x80\x80\x80", high[4] = "\xBF\xBF\xBF\xBF";
      memcpy(low, s + i, k);
      memcpy(high, s + i, k);
      bool begins = false;
      for (size_t full = k + 1; full <= 4; full++)
        begins = begins || utf8_decode(low, full, NULL) == (int)full || utf8_decode(high, full, NULL) == (int)full;
      if (!begins) break;
      taken = k;
    }
    text_put(out, REPLACEMENT, 3);
    i += taken;
  }
}

static void replace(const decode_step *step, const char *s, size_t length, text *out) {
  size_t n = strlen(step->pattern), content_n = strlen(step->content);
  for (size_t i = 0; i < length;) {
    bool match = i + n <= length && !memcmp(s + i, step->pattern, n);
    if (match) text_put(out, step->content, content_n);
    else text_putc(out, s[i]);
    i += match ? n : 1;
  }
}

static void strip(const decode_step *step, const char *s, size_t length, text *out) {
  size_t n = strlen(step->content), begin = 0, end = length;
  for (uint32_t i = 0; i < step->start && end - begin >= n && !memcmp(s + begin, step->content, n); i++) begin += n;
  for (uint32_t i = 0; i < step->stop && end - begin >= n && !memcmp(s + end - n, step->content, n); i++) end -= n;
  text_put(out, s + begin, end - begin);
}

static void metaspace(const decode_step *step, bool first, const char *s, size_t length, text *out) {
  decode_step to_space = {.pattern = step->pattern, .content = first && step->drop_first ? "" : " "};
  replace(&to_space, s, length, out);
}

// ---- steps: all strings at once ----

static void byte_level(const strings *in, strings *out, arena *memory) {
  text raw = {0};
  text_put(&raw, "", 0);
  uint64_t begin = 0;
  for (uint64_t i = 0; i < in->n; begin = in->ends[i++]) {
    const char *s = in->bytes.data + begin;
    uint64_t length = in->ends[i] - begin, n;
    char *bytes = arena_alloc(memory, length);
    if (byte_alphabet_decode(s, length, bytes, &n)) text_put(&raw, bytes, (size_t)n);
    else text_put(&raw, s, (size_t)length);
  }
  put_lossy(&out->bytes, raw.data, raw.length);
  close_string(out, memory);
  text_free(&raw);
}

static int hex_digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The byte that a token <0xNN> stands for, else −1. `tokenizers` reads the two digits as Rust's from_str_radix does, which
// takes one with a plus sign before it, too.
static int fallback_byte(const char *s, uint64_t length) {
  if (length != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>') return -1;
  int high = s[3] == '+' ? 0 : hex_digit(s[3]), low = hex_digit(s[4]);
  return high < 0 || low < 0 ? -1 : 16 * high + low;
}

// A run of byte tokens as text where it is UTF-8, else as one U+FFFD for each.
static void flush_run(text *run, strings *out, arena *memory) {
  if (!run->length) return;
  if (utf8_valid(run->data, run->length, NULL)) {
    text_put(&out->bytes, run->data, run->length);
    close_string(out, memory);
  } else {
    for (size_t i = 0; i < run->length; i++) {
      text_put(&out->bytes, REPLACEMENT, 3);
      close_string(out, memory);
    }
  }
  text_clear(run);
}

static void byte_fallback(const strings *in, strings *out, arena *memory) {
  text run = {0};
  uint64_t begin = 0;
  for (uint64_t i = 0; i < in->n; begin = in->ends[i++]) {
    const char *s = in->bytes.data + begin;
    uint64_t length = in->ends[i] - begin;
    int byte = fallback_byte(s, length);
    if (byte >= 0) {
      text_putc(&run, (char)byte);
      continue;
    }
    flush_run(&run, out, memory);
    text_put(&out->bytes, s, (size_t)length);
    close_string(out, memory);
  }
  flush_run(&run, out, memory);
  text_free(&run);
}

static void fuse(const strings *in, strings *out, arena *memory) {
  text_put(&out->bytes, in->bytes.data, in->bytes.length);
  close_string(out, memory);
}

static void each(const decode_step *step, const strings *in, strings *out, arena *memory) {
  uint64_t begin = 0;
  for (uint64_t i = 0; i < in->n; begin = in->ends[i++]) {
    const char *s = in->bytes.data + begin;
    size_t length = (size_t)(in->ends[i] - begin);
    if (step->kind == DECODE_REPLACE) replace(step, s, length, &out->bytes);
    else if (step->kind == DECODE_STRIP) strip(step, s, length, &out->bytes);
    else metaspace(step, i == 0, s, length, &out->bytes);
    close_string(out, memory);
  }
}

static void apply(const decode_step *step, const strings *in, strings *out, arena *memory) {
  switch (step->kind) {
    case DECODE_BYTE_LEVEL: byte_level(in, out, memory); break;
    case DECODE_BYTE_FALLBACK: byte_fallback(in, out, memory); break;
    case DECODE_FUSE: fuse(in, out, memory); break;
    case DECODE_REPLACE:
    case DECODE_STRIP:
    case DECODE_METASPACE: each(step, in, out, memory); break;
  }
}

// The strings of the ids, as the decoder takes them: of an added token what was looked for in the text.
static bool gather(const tokenizer *t, const int32_t *ids, uint64_t n, bool skip_special, strings *s, arena *memory, err *e) {
  for (uint64_t i = 0; i < n; i++) {
    const char *content = tokenizer_content(t, ids[i]);
    if (!content && ids[i] >= 0 && (uint32_t)ids[i] < t->n_rows) continue;
    if (!content)
      return ERR(e, "%s: id %d at position %llu: expected a token of the vocabulary (ids 0 to %u)", t->path, (int)ids[i],
                 (unsigned long long)i, t->n_ids - 1);
    const added_token *added = t->added_index[ids[i]] >= 0 ? &t->added[t->added_index[ids[i]]] : NULL;
    if (added && added->skipped && skip_special) continue;
    if (!t->decoder.present && s->n) text_putc(&s->bytes, ' ');
    text_puts(&s->bytes, added ? added->pattern : content);
    close_string(s, memory);
  }
  return true;
}

bool tokenizer_decode(const tokenizer *t, const int32_t *ids, uint64_t n, bool skip_special, text *out, err *e) {
  arena *memory = arena_new("decoding");
  strings s = strings_new();
  bool ok = gather(t, ids, n, skip_special, &s, memory, e);
  uint64_t most = 8 * s.bytes.length + 4096; // real decoders do not lengthen text
  for (uint64_t i = 0; ok && i < t->decoder.n; i++) {
    strings next = strings_new();
    apply(&t->decoder.steps[i], &s, &next, memory);
    text_free(&s.bytes);
    s = next;
    ok =
        s.bytes.length <= most || ERR(e, "%s: the decoder makes more than %llu bytes of text", t->path, (unsigned long long)most);
  }
  if (ok && s.bytes.length) text_put(out, s.bytes.data, s.bytes.length);
  text_free(&s.bytes);
  arena_free(memory);
  return ok;
}
