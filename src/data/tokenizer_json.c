// tokenizer.json: the vocabulary, the merges and the added tokens. (The stages: tokenizer_json_stages.c.)
// Left unread: truncation and padding, which are the data loader's, and what only concerns offsets or pairs of texts.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "data/tokenizer_parts.h"

// The largest known (262,144 tokens) have 33 MB.
static const uint64_t most_file_bytes = (uint64_t)1 << 28;
// Letters, digits, marks and connectors: \w of Rust's regex.
static const char word_pattern[] =
    "[\\p{L}\\p{Nl}\\p{M}\\p{Nd}\\p{Pc}\\x{200C}\\x{200D}\\x{24B6}-\\x{24E9}\\x{1F130}-\\x{1F149}"
    "\\x{1F150}-\\x{1F169}\\x{1F170}-\\x{1F189}]";

typedef struct reader {
  tokenizer *t;
  arena *memory; // lives as long as the tokenizer
  arena *scratch;
  const json *doc;
  err *e;
} reader;

// ---- vocabulary ----

static bool read_id(const reader *r, const cJSON *item, const char *where, uint32_t *id) {
  double x = cJSON_IsNumber(item) ? item->valuedouble : -1;
  char found[64];
  if (!(x >= 0 && x < BPE_MAX_IDS && x == (double)(uint32_t)x))
    return ERR(r->e, "%s: %.200s: expected an id from 0 to %d, found %s", r->t->path, where, BPE_MAX_IDS - 1,
               json_describe(item, found));
  *id = (uint32_t)x;
  return true;
}

// Sets n_ids, and makes room for so many.
static bool count_ids(reader *r, const cJSON *vocab, const cJSON *added) {
  tokenizer *t = r->t;
  uint32_t id = 0, largest = 0;
  uint64_t n = 0;
  for (const cJSON *item = vocab->child; item; item = item->next, n++) {
    if (!read_id(r, item, arena_printf(r->scratch, "model.vocab: token \"%.100s\"", item->string), &id)) return false;
    if (id > largest) largest = id;
  }
  if (!n) return ERR(r->e, "%s: model.vocab: expected tokens, found none", t->path);
  t->n_words = largest + 1;
  t->n_added = 0;
  for (const cJSON *item = added ? added->child : NULL; item; item = item->next, n++) {
    const char *where = arena_printf(r->scratch, "added_tokens[%llu].id", (unsigned long long)t->n_added++);
    if (!read_id(r, cJSON_GetObjectItemCaseSensitive(item, "id"), where, &id)) return false;
    if (id > largest) largest = id;
  }
  t->n_ids = largest + 1;
  t->content = ARENA_ARRAY(r->memory, const char *, t->n_ids);
  t->added_index = ARENA_ARRAY(r->memory, int32_t, t->n_ids);
  t->barred = ARENA_ARRAY(r->memory, uint8_t, t->n_ids);
  t->added = ARENA_ARRAY(r->memory, added_token, t->n_added);
  for (uint32_t i = 0; i < t->n_ids; i++) t->added_index[i] = -1;
  tokenizer_map_init(&t->ids, r->memory, n);
  return true;
}

static bool put_token(reader *r, const char *content, uint32_t id) {
  tokenizer *t = r->t;
  if (t->content[id])
    return ERR(r->e, "%s: the tokens \"%.100s\" and \"%.100s\" both have the id %u", t->path, t->content[id], content, id);
  t->content[id] = arena_strdup(r->memory, content);
  tokenizer_map_put(&t->ids, t->content[id], strlen(content), (int32_t)id);
  return true;
}

// ---- added tokens ----

// <|…|>, which some files do not mark as special. Other added tokens are a part of ordinary text: Gemma's runs of spaces and line
// feeds, Qwen's <think>. transformers and llama.cpp find them in it, too.
static bool is_marker(const char *s) {
  const size_t n = strlen(s);
  return n > 4 && !memcmp(s, "<|", 2) && !memcmp(s + n - 2, "|>", 2);
}

static bool read_added_token(reader *r, const cJSON *item, uint64_t index, uint32_t *next_id) {
  tokenizer *t = r->t;
  added_token *a = &t->added[index];
  const char *where = arena_printf(r->scratch, "added_tokens[%llu]", (unsigned long long)index), *content;
  uint32_t id;
  TRY(json_u32(r->doc, item, where, "id", &id, r->e));
  TRY(json_string(r->doc, item, where, "content", &content, r->e));
  TRY(json_bool(r->doc, item, where, "special", &a->special, r->e));
  TRY(json_bool(r->doc, item, where, "single_word", &a->single_word, r->e));
  TRY(json_bool(r->doc, item, where, "lstrip", &a->lstrip, r->e));
  TRY(json_bool(r->doc, item, where, "rstrip", &a->rstrip, r->e));
  TRY(json_bool(r->doc, item, where, "normalized", &a->normalized, r->e));
  if (!*content) return ERR(r->e, "%s: %s.content: expected text, found none", t->path, where);
  // `tokenizers` does not read the id: a token of the vocabulary keeps its own, others are numbered behind the vocabulary.
  int32_t known = tokenizer_map_get(&t->ids, content, strlen(content));
  uint32_t expected = known >= 0 ? (uint32_t)known : *next_id;
  if (id != expected)
    return ERR(r->e, "%s: %s.id: expected %u, which \"%.100s\" has in the vocabulary or gets behind it, found %u", t->path, where,
               expected, content, id);
  if (known < 0) {
    TRY(put_token(r, content, id));
    ++*next_id;
  }
  if (t->added_index[id] >= 0) return ERR(r->e, "%s: %s: the token \"%.100s\" is added twice", t->path, where, content);
  t->added_index[id] = (int32_t)index;
  a->id = (int32_t)id;
  a->content = a->pattern = t->content[id];
  a->control = a->special || is_marker(a->content);
  return true;
}

static bool read_added(reader *r, const cJSON *list, uint32_t vocab_size) {
  uint64_t index = 0;
  for (const cJSON *item = list ? list->child : NULL; item; item = item->next)
    TRY(read_added_token(r, item, index++, &vocab_size));
  return true;
}

// Once the normaliser is known: what is looked for in normalised text, and what decoding leaves out.
static bool finish_added(reader *r, pcre2_general_context *regex_memory) {
  tokenizer *t = r->t;
  bool single_word = false;
  for (uint64_t i = 0; i < t->n_added; i++) {
    added_token *a = &t->added[i];
    single_word = single_word || a->single_word;
    t->barred[a->id] = a->control;
    if (!a->normalized) continue;
    piece p = {.s = a->content, .n = strlen(a->content)};
    TRY(normalize(&t->normalizer, r->scratch, p, &p, r->e));
    a->pattern = arena_strndup(r->memory, p.s, (size_t)p.n);
    if (!p.n)
      return ERR(r->e, "%s: added_tokens[%llu]: the normalizer leaves nothing of \"%.100s\"", t->path, (unsigned long long)i,
                 a->content);
  }
  for (uint64_t i = 0; i < t->n_added; i++) {
    // Exactly as `tokenizers`: by what the token reads as when it is decoded.
    int32_t read_as = tokenizer_map_get(&t->ids, t->added[i].pattern, strlen(t->added[i].pattern));
    t->added[i].skipped = tokenizer_is_special(t, read_as);
  }
  if (single_word) TRY(regex_compile(regex_memory, word_pattern, &t->word, r->e));
  return (added_matcher_build(&t->raw, r->memory, t->added, t->n_added, false, r->e) &&
          added_matcher_build(&t->normalized, r->memory, t->added, t->n_added, true, r->e)) ||
         err_prefix(r->e, "%s", t->path);
}

// ---- the model ----

// "left right", or ["left", "right"].
static bool read_merge(reader *r, const cJSON *item, uint32_t rank) {
  tokenizer *t = r->t;
  const char *left = NULL, *right = NULL;
  char found[64];
  uint64_t left_n = 0, right_n = 0;
  if (cJSON_IsString(item)) {
    if (!strncmp(item->valuestring, "#version", 8)) return true; // the head of a merges.txt
    const char *space = strchr(item->valuestring, ' ');
    if (space && !strchr(space + 1, ' ')) {
      left = item->valuestring, left_n = (uint64_t)(space - left);
      right = space + 1, right_n = strlen(right);
    }
  } else if (cJSON_IsArray(item) && cJSON_GetArraySize(item) == 2 && cJSON_IsString(item->child) &&
             cJSON_IsString(item->child->next)) {
    left = item->child->valuestring, left_n = strlen(left);
    right = item->child->next->valuestring, right_n = strlen(right);
  }
  if (!left) return ERR(r->e, "%s: model.merges[%u]: expected two tokens, found %s", t->path, rank, json_describe(item, found));
  text whole = {0};
  text_put(&whole, left, (size_t)left_n);
  text_put(&whole, right, (size_t)right_n);
  int32_t left_id = tokenizer_map_get(&t->ids, left, left_n), right_id = tokenizer_map_get(&t->ids, right, right_n);
  int32_t result = tokenizer_map_get(&t->ids, whole.data, whole.length);
  bool ok = true;
  if (left_id < 0 || right_id < 0 || result < 0) {
    bool bad_left = left_id < 0, bad_right = !bad_left && right_id < 0;
    const char *name = bad_left ? left : bad_right ? right : whole.data;
    uint64_t n = bad_left ? left_n : bad_right ? right_n : whole.length;
    ok = ERR(r->e, "%s: model.merges[%u]: expected tokens of the vocabulary, found \"%.*s\"", t->path, rank,
             (int)(n < 100 ? n : 100), name);
  } else {
    bpe_put_merge(&t->model, left_id, right_id, result, rank);
  }
  text_free(&whole);
  return ok;
}

static bool read_affix(reader *r, const cJSON *model, const char *key) {
  const char *value = "";
  TRY(json_string_or(r->doc, model, "model", key, &value, r->e));
  return !*value || ERR(r->e, "%s: model.%s: expected null or \"\", found \"%.100s\"", r->t->path, key, value);
}

// Before anything that other kinds have in other forms: a Unigram's vocabulary is a list.
static bool check_type(reader *r, const cJSON *model) {
  const char *type = "BPE";
  TRY(json_string_or(r->doc, model, "model", "type", &type, r->e));
  return !strcmp(type, "BPE") || ERR(r->e, "%s: model.type: expected \"BPE\", found \"%.100s\"", r->t->path, type);
}

static bool read_options(reader *r, const cJSON *model) {
  tokenizer *t = r->t;
  const char *unk = NULL;
  double dropout = 0;
  TRY(json_number_or(r->doc, model, "model", "dropout", &dropout, r->e));
  if (dropout != 0) return ERR(r->e, "%s: model.dropout: expected null, found %g", t->path, dropout);
  TRY(read_affix(r, model, "continuing_subword_prefix"));
  TRY(read_affix(r, model, "end_of_word_suffix"));
  TRY(json_bool_or(r->doc, model, "model", "fuse_unk", &t->model.fuse_unk, r->e));
  TRY(json_bool_or(r->doc, model, "model", "byte_fallback", &t->model.fallback, r->e));
  TRY(json_bool_or(r->doc, model, "model", "ignore_merges", &t->model.ignore_merges, r->e));
  TRY(json_string_or(r->doc, model, "model", "unk_token", &unk, r->e));
  t->model.unk = -1;
  if (!unk) return true;
  t->model.unk = tokenizer_map_get(&t->ids, unk, strlen(unk));
  return t->model.unk >= 0 ||
         ERR(r->e, "%s: model.unk_token: expected a token of the vocabulary, found \"%.100s\"", t->path, unk);
}

// The tokens <0xNN>: all of them, or none.
static bool find_fallback(reader *r) {
  tokenizer *t = r->t;
  int n = 0, missing = 0;
  for (int b = 0; b < 256; b++) {
    char name[8];
    snprintf(name, sizeof name, "<0x%02X>", (unsigned)b);
    t->model.fallback_id[b] = tokenizer_map_get(&t->ids, name, 6);
    if (t->model.fallback_id[b] >= 0) n++;
    else missing = b;
  }
  if (!n) t->model.fallback = false;
  if (!t->model.fallback || n == 256) return true;
  return ERR(r->e, "%s: model.byte_fallback: expected all of the tokens <0x00> to <0xFF>, found %d of them, without <0x%02X>",
             t->path, n, (unsigned)missing);
}

// What each token of the model stands for in a word. (Tokens that are only added are no part of the model.)
static bool put_words(reader *r, uint32_t vocab_size, const cJSON *vocab) {
  tokenizer *t = r->t;
  for (const cJSON *item = vocab->child; item; item = item->next) {
    int32_t id = (int32_t)item->valuedouble;
    const char *content = t->content[id];
    uint64_t length = strlen(content), n;
    if (!t->model.byte_level) {
      bpe_put_token(&t->model, content, length, id);
      continue;
    }
    char *bytes = arena_alloc(r->memory, length);
    if (byte_alphabet_decode(content, length, bytes, &n)) bpe_put_token(&t->model, bytes, n, id);
  }
  if (!t->model.byte_level || !t->model.fallback) return true;
  for (int b = 0; b < 256; b++)
    if (t->model.byte_id[b] < 0)
      return ERR(r->e,
                 "%s: model.byte_fallback: expected false, or the whole byte alphabet in a vocabulary of %u for ByteLevel; byte "
                 "%d is missing",
                 t->path, vocab_size, b);
  t->model.fallback = false; // never needed
  return true;
}

static bool read_model(reader *r, const cJSON *model, const cJSON *vocab, uint32_t vocab_size) {
  tokenizer *t = r->t;
  cJSON *merges;
  TRY(json_array(r->doc, model, "model", "merges", &merges, r->e));
  bpe_init(&t->model, r->memory, t->n_ids, vocab_size, (uint64_t)cJSON_GetArraySize(merges));
  TRY(find_fallback(r));
  TRY(put_words(r, vocab_size, vocab));
  uint32_t rank = 0;
  for (const cJSON *item = merges->child; item; item = item->next) TRY(read_merge(r, item, rank++));
  bpe_finish(&t->model);
  return true;
}

// ---- the whole ----

static bool read_all(reader *r, const cJSON *root, pcre2_general_context *regex_memory) {
  tokenizer *t = r->t;
  const char *version = "1.0";
  cJSON *model, *vocab;
  TRY(json_object(r->doc, root, "", "model", &model, r->e));
  TRY(json_string_or(r->doc, root, "", "version", &version, r->e));
  if (strcmp(version, "1.0") != 0) return ERR(r->e, "%s: version: expected \"1.0\", found \"%.100s\"", t->path, version);
  TRY(check_type(r, model));
  TRY(json_object(r->doc, model, "model", "vocab", &vocab, r->e));
  cJSON *added = cJSON_GetObjectItemCaseSensitive(root, "added_tokens");
  if (cJSON_IsNull(added)) added = NULL;
  if (added) TRY(json_array(r->doc, root, "", "added_tokens", &added, r->e));
  TRY(count_ids(r, vocab, added));
  uint32_t vocab_size = 0;
  for (const cJSON *item = vocab->child; item; item = item->next, vocab_size++)
    TRY(put_token(r, item->string, (uint32_t)item->valuedouble));
  TRY(read_options(r, model));
  TRY(read_added(r, added, vocab_size));

  stage_reader stages = {.t = t, .memory = r->memory, .doc = r->doc, .regex_memory = regex_memory, .e = r->e};
  TRY(stage_normalizer(&stages, cJSON_GetObjectItemCaseSensitive(root, "normalizer")));
  TRY(stage_pre_tokenizer(&stages, cJSON_GetObjectItemCaseSensitive(root, "pre_tokenizer")));
  TRY(stage_post_processor(&stages, cJSON_GetObjectItemCaseSensitive(root, "post_processor")));
  TRY(stage_decoder(&stages, cJSON_GetObjectItemCaseSensitive(root, "decoder")));
  TRY(finish_added(r, regex_memory));
  return read_model(r, model, vocab, vocab_size);
}

// Compiled patterns live in the arena too; only their machine code does not (tokenizer_free).
static void *regex_malloc(size_t bytes, void *memory) {
  return arena_alloc(memory, bytes);
}

static void regex_nothing_to_free(void *block, void *memory) {
  (void)block, (void)memory;
}

bool tokenizer_parse(arena *a, const char *origin, const char *source, uint64_t length, tokenizer **t, err *e) {
  tokenizer *made = ARENA_NEW(a, tokenizer);
  *made = (tokenizer){.path = arena_strdup(a, origin), .source = source, .source_bytes = length};
  json doc = {0};
  pcre2_general_context *regex_memory = pcre2_general_context_create(regex_malloc, regex_nothing_to_free, a);
  REQUIRE(regex_memory, "an arena never runs out");
  reader r = {.t = made, .memory = a, .scratch = arena_new("tokenizer.json"), .doc = &doc, .e = e};
  bool ok = json_parse(made->path, source, length, &doc, e) && read_all(&r, doc.root, regex_memory);
  json_free(&doc);
  arena_free(r.scratch);
  if (ok) *t = made;
  else tokenizer_free(made);
  return ok;
}

bool tokenizer_read(arena *a, const char *path, tokenizer **t, err *e) {
  char *source;
  uint64_t length;
  TRY(file_read(a, path, most_file_bytes, &source, &length, e));
  return tokenizer_parse(a, path, source, length, t, e);
}
