// Tokenizers: an input that begins like JSON is a tokenizer.json; any other is text, in part content, for small tokenizers,
// which must give it back.
#define _GNU_SOURCE
#include "fuzz.h"

#include <string.h>

#include "data/tokenizer.h"
#include "data/tokenizer_parts.h"

enum { TEXT_BYTES = 2048 }; // longer texts find nothing new and take long

// Encodes, checks what must hold of any result, decodes.
static void encode(const tokenizer *t, const char *s, uint64_t n, const uint8_t *content, text *decoded) {
  token_list list = {0};
  err e = {0};
  bool ok = tokenizer_encode(t, s, n, content, true, &list, &e);
  fuzz_check(ok, &e);
  int32_t *ids = malloc((size_t)(list.n + 1) * sizeof *ids);
  REQUIRE(ids, "%llu ids", (unsigned long long)list.n);
  for (uint64_t i = 0; i < list.n; i++) {
    const token *x = &list.items[i];
    REQUIRE(tokenizer_content(t, x->id), "id %d", (int)x->id);
    REQUIRE(x->begin <= x->end && x->end <= n, "[%u, %u) of %llu", x->begin, x->end, (unsigned long long)n);
    for (uint32_t b = x->begin; content && tokenizer_is_special(t, x->id) && x->id != t->model.unk && b < x->end; b++)
      REQUIRE(!content[b], "content at byte %u became %s", b, tokenizer_content(t, x->id));
    ids[i] = x->id;
  }
  err decoding = {0};
  if (ok) fuzz_check(tokenizer_decode(t, ids, list.n, false, decoded, &decoding), &decoding);
  free(ids);
  token_list_free(&list);
}

static void read_as_json(const uint8_t *data, size_t size) {
  char path[32];
  int fd = fuzz_file(data, size, path);
  arena *a = arena_new("fuzz");
  tokenizer *t = NULL;
  err e = {0};
  bool ok = tokenizer_read(a, path, &t, &e);
  close(fd);
  fuzz_check(ok, &e);
  static const char sample[] = "I'm <s>a b\n 12 caf\xC3\xA9 e\xCC\x81 \xE2\x96\x81x\xF0\x9F\x98\x80</s>";
  uint8_t content[sizeof sample];
  for (size_t i = 0; i < sizeof sample; i++) content[i] = (uint8_t)(i & 4);
  text decoded = {0};
  if (ok) encode(t, sample, sizeof sample - 1, NULL, &decoded);
  if (ok) encode(t, sample, sizeof sample - 1, content, &decoded);
  text_free(&decoded);
  tokenizer_free(t);
  arena_free(a);
}

// All bytes, a few merges, two control tokens; byte-level, or with byte fall-back and a normaliser.
static tokenizer *small(arena *a, bool byte_level) {
  text s = {0};
  text_puts(&s,
            "{\"added_tokens\":[{\"id\":256,\"content\":\"<s>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"
            "\"normalized\":false,\"special\":true},{\"id\":257,\"content\":\"<s>>\",\"single_word\":true,\"lstrip\":true,"
            "\"rstrip\":true,"
            "\"normalized\":true,\"special\":true}],");
  text_puts(&s,
            byte_level
                ? "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},\"decoder\":{\"type\":\"ByteLevel\"},"
                : "\"normalizer\":{\"type\":\"NFC\"},\"decoder\":{\"type\":\"ByteFallback\"},");
  text_puts(&s, "\"model\":{\"byte_fallback\":true,\"vocab\":{\"<s>\":256,\"<s>>\":257,\"<s\":258,\"ss\":259");
  for (int b = 0; b < 256; b++) {
    char letter[5] = "", name[8];
    letter[utf8_encode(byte_alphabet_code((uint8_t)b), letter)] = 0;
    snprintf(name, sizeof name, "<0x%02X>", (unsigned)b);
    text_putc(&s, ',');
    json_put_string(&s, byte_level ? letter : name);
    text_printf(&s, ":%d", b);
  }
  text_puts(&s, byte_level ? "},\"merges\":[\"< s\",\"<s >\",\"s s\"]}}" : "},\"merges\":[]}}");
  tokenizer *t = NULL;
  err e = {0};
  REQUIRE(tokenizer_parse(a, "small", arena_strndup(a, s.data, s.length), s.length, &t, &e), "%s", e.message);
  text_free(&s);
  return t;
}

// The first half marks the second as content, by a bit of each byte.
static void encode_as_text(const uint8_t *data, size_t size) {
  size_t n = size / 2;
  char *s = malloc(n ? n : 1);
  uint8_t *content = malloc(n ? n : 1);
  REQUIRE(s && content, "%zu bytes", n);
  memcpy(s, data + size - n, n);
  for (size_t i = 0; i < n; i++) content[i] = data[i] & 1;
  static tokenizer *tokenizers[2]; // for the whole run
  static arena *a;
  if (!a) a = arena_new("fuzz");
  for (int byte_level = 0; byte_level < 2; byte_level++) {
    tokenizer *t = tokenizers[byte_level] = tokenizers[byte_level] ? tokenizers[byte_level] : small(a, byte_level);
    text decoded = {0};
    text_put(&decoded, "", 0);
    encode(t, s, n, content, &decoded);
    // Text without control tokens comes back as it was, but for composition.
    memset(content, 1, n);
    text_clear(&decoded);
    encode(t, s, n, content, &decoded);
    bool same = decoded.length == n && !memcmp(decoded.data, s, n);
    REQUIRE(!byte_level || same || !utf8_valid(s, n, NULL), "%zu bytes became %zu", n, decoded.length);
    text_free(&decoded);
  }
  free(s);
  free(content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size && data[0] == '{') read_as_json(data, size);
  else encode_as_text(data, size < TEXT_BYTES ? size : TEXT_BYTES);
  return 0;
}
