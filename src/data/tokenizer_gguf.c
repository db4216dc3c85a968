// The tokenizer of a GGUF file, by way of an equivalent tokenizer.json: so there is one reader, and one meaning.
//
// tokenizer.ggml.model "gpt2": byte-level, split as tokenizer.ggml.pre names it. "llama": sentencepiece's BPE with byte
// fall-back; it has scores instead of merges, and becomes a list of merges as transformers' converter makes one: each
// way to split a token into two others is a merge, higher scores first. (Sentencepiece itself merges the pair whose token
// has the highest score, the leftmost of equals. The two differ only where a token overlaps itself.)
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/tokenizer_gguf.h"

enum { TOKEN_BYTES = 4096 }; // of one token; the longest known have a few hundred

#define METASPACE "\xE2\x96\x81" // ▁

typedef struct gguf_tokenizer {
  const gguf *g;
  arena *memory;
  uint32_t n;
  const char **tokens;
  uint8_t *types;
  const gguf_value *scores, *merges; // NULL where there are none
  tokenizer_map ids;
  int64_t bos, eos, unk; // −1: none
  bool add_bos, add_eos, add_space_prefix, is_phi3;
  text *out;
  err *e;
} gguf_tokenizer;

// ---- pre-tokenizers by their names in llama.cpp ----

#define BYTE_LEVEL(use_regex) \
  "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":" use_regex "}"
#define SEQUENCE(first, second) "{\"type\":\"Sequence\",\"pretokenizers\":[" first "," second "]}"
#define SPLIT(regex) "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" regex "\"},\"behavior\":\"Isolated\",\"invert\":false}"
#define DIGITS "{\"type\":\"Digits\",\"individual_digits\":true}"
// The patterns of Llama 3 and Qwen 2, which differ in how many digits make a word.
#define WORDS(digits)                                                            \
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|" digits \
  "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|"                                   \
  "\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"

static const char pre_gpt2[] = BYTE_LEVEL("true");
static const char pre_digits[] = SEQUENCE(DIGITS, BYTE_LEVEL("true"));
static const char pre_llama3[] = SEQUENCE(SPLIT(WORDS("\\\\p{N}{1,3}")), BYTE_LEVEL("false"));
static const char pre_qwen2[] = SEQUENCE(SPLIT(WORDS("\\\\p{N}")), BYTE_LEVEL("false"));

static const gguf_pre known_pre[] = {
    {"default", pre_gpt2},
    {"gpt-2", pre_gpt2},
    {"phi-2", pre_gpt2},
    {"olmo", pre_gpt2},
    {"mpt", pre_gpt2},
    {"smollm", pre_digits},
    {"starcoder", pre_digits},
    {"refact", pre_digits},
    {"llama-bpe", pre_llama3, .ignore_merges = true, .add_bos = true},
    {"llama3", pre_llama3, .ignore_merges = true, .add_bos = true},
    {"llama-v3", pre_llama3, .ignore_merges = true, .add_bos = true},
    {"qwen2", pre_qwen2, .nfc = true},
    {"deepseek-r1-qwen", pre_qwen2, .nfc = true},
};

const gguf_pre *tokenizer_gguf_pre(size_t i) {
  return i < sizeof known_pre / sizeof *known_pre ? &known_pre[i] : NULL;
}

static bool find_pre(const gguf_tokenizer *r, const gguf_pre **pre) {
  const char *name = "default";
  if (gguf_find(r->g, "tokenizer.ggml.pre")) TRY(gguf_get_string(r->memory, r->g, "tokenizer.ggml.pre", &name, r->e));
  for (size_t i = 0; i < sizeof known_pre / sizeof *known_pre; i++) {
    *pre = &known_pre[i];
    if (!strcmp(known_pre[i].name, name)) return true;
  }
  return ERR(r->e, "%s: tokenizer.ggml.pre: \"%.100s\" is not a pre-tokenizer that vkift knows", r->g->path, name);
}

// ---- reading ----

// An array of `n` items (0: any number), of strings or of numbers; NULL where the key is missing.
static bool find_array(const gguf_tokenizer *r, const char *key, bool strings, uint64_t n, const gguf_value **value) {
  *value = gguf_find(r->g, key);
  if (!*value) return true;
  bool fits = (*value)->type == GGUF_ARRAY && ((*value)->item_type == GGUF_STRING) == strings;
  if (!fits) return ERR(r->e, "%s: %s: expected an array of %s", r->g->path, key, strings ? "strings" : "numbers");
  if (n && (*value)->n != n)
    return ERR(r->e, "%s: %s: expected %llu items, one for each token, found %llu", r->g->path, key, (unsigned long long)n,
               (unsigned long long)(*value)->n);
  return true;
}

// A string of the file as a C string.
static bool copy_string(const gguf_tokenizer *r, const char *key, uint64_t index, gguf_string s, const char **copy) {
  if (s.length > TOKEN_BYTES)
    return ERR(r->e, "%s: %s[%llu]: expected at most %d bytes, found %llu", r->g->path, key, (unsigned long long)index,
               TOKEN_BYTES, (unsigned long long)s.length);
  if (!utf8_valid(s.data, (size_t)s.length, NULL) || memchr(s.data, 0, (size_t)s.length))
    return ERR(r->e, "%s: %s[%llu]: expected UTF-8 without NUL", r->g->path, key, (unsigned long long)index);
  *copy = arena_strndup(r->memory, s.data, (size_t)s.length);
  return true;
}

static bool read_tokens(gguf_tokenizer *r) {
  static const char key[] = "tokenizer.ggml.tokens", type_key[] = "tokenizer.ggml.token_type";
  const gguf_value *tokens, *types;
  TRY(find_array(r, key, true, 0, &tokens));
  if (!tokens || !tokens->n || tokens->n > BPE_MAX_IDS)
    return ERR(r->e, "%s: %s: expected 1 to %d tokens, found %llu", r->g->path, key, BPE_MAX_IDS,
               tokens ? (unsigned long long)tokens->n : 0);
  r->n = (uint32_t)tokens->n;
  TRY(find_array(r, type_key, false, r->n, &types));
  if (types && (types->item_type == GGUF_F32 || types->item_type == GGUF_F64))
    return ERR(r->e, "%s: %s: expected integers", r->g->path, type_key);
  r->tokens = ARENA_ARRAY(r->memory, const char *, r->n);
  r->types = ARENA_ARRAY(r->memory, uint8_t, r->n);
  tokenizer_map_init(&r->ids, r->memory, r->n);
  for (uint32_t i = 0; i < r->n; i++) {
    int64_t type = types ? gguf_int_at(types, i) : TYPE_NORMAL;
    if (type < TYPE_NORMAL || type > TYPE_BYTE)
      return ERR(r->e, "%s: %s[%u]: expected a type from 1 to 6, found %lld", r->g->path, type_key, i, (long long)type);
    r->types[i] = (uint8_t)type;
    TRY(copy_string(r, key, i, tokens->strings[i], &r->tokens[i]));
    if (!tokenizer_map_put(&r->ids, r->tokens[i], strlen(r->tokens[i]), (int32_t)i))
      return ERR(r->e, "%s: %s[%u]: \"%.100s\" stands there twice", r->g->path, key, i, r->tokens[i]);
  }
  return true;
}

// The id of a special token; `otherwise` where the file does not say.
static bool read_special_id(const gguf_tokenizer *r, const char *key, int64_t otherwise, int64_t *id) {
  uint32_t value = 0;
  *id = otherwise < r->n ? otherwise : -1;
  if (!gguf_find(r->g, key)) return true;
  TRY(gguf_get_u32(r->g, key, &value, r->e));
  if (value >= r->n) return ERR(r->e, "%s: %s: expected an id below %u, found %u", r->g->path, key, r->n, value);
  *id = value;
  return true;
}

static bool read_all(gguf_tokenizer *r, bool sentencepiece) {
  TRY(read_tokens(r));
  TRY(find_array(r, "tokenizer.ggml.merges", true, 0, &r->merges));
  TRY(find_array(r, "tokenizer.ggml.scores", false, r->n, &r->scores));
  if (!r->merges && !(sentencepiece && r->scores))
    return ERR(r->e, "%s: expected tokenizer.ggml.merges%s, found none", r->g->path,
               sentencepiece ? " or tokenizer.ggml.scores" : "");
  // What llama.cpp takes for granted with "llama".
  TRY(read_special_id(r, "tokenizer.ggml.bos_token_id", sentencepiece ? 1 : -1, &r->bos));
  TRY(read_special_id(r, "tokenizer.ggml.eos_token_id", sentencepiece ? 2 : -1, &r->eos));
  TRY(read_special_id(r, "tokenizer.ggml.unknown_token_id", sentencepiece ? 0 : -1, &r->unk));
  TRY(gguf_get_bool_or(r->g, "tokenizer.ggml.add_bos_token", &r->add_bos, r->e));
  TRY(gguf_get_bool_or(r->g, "tokenizer.ggml.add_eos_token", &r->add_eos, r->e));
  TRY(gguf_get_bool_or(r->g, "tokenizer.ggml.add_space_prefix", &r->add_space_prefix, r->e));
  if ((r->add_bos && r->bos < 0) || (r->add_eos && r->eos < 0))
    return ERR(r->e, "%s: expected tokenizer.ggml.%s_token_id, as the token is to be added, found none", r->g->path,
               r->add_bos && r->bos < 0 ? "bos" : "eos");
  return true;
}

// ---- merges from scores ----

typedef struct scored_merge {
  float score;
  uint32_t left_characters, right_characters;
  int32_t left, right, result;
} scored_merge;

// Higher scores first, then longer left and right parts, then lower ids.
static int by_score(const void *a, const void *b) {
  const scored_merge *x = a, *y = b;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  if (x->left_characters != y->left_characters) return x->left_characters > y->left_characters ? -1 : 1;
  if (x->right_characters != y->right_characters) return x->right_characters > y->right_characters ? -1 : 1;
  if (x->result != y->result) return x->result < y->result ? -1 : 1;
  return x->left < y->left ? -1 : x->left > y->left;
}

static int32_t mergeable(const gguf_tokenizer *r, const char *s, uint64_t n) {
  int32_t id = tokenizer_map_get(&r->ids, s, n);
  return id >= 0 && (r->types[id] == TYPE_NORMAL || r->types[id] == TYPE_UNUSED) ? id : -1;
}

static uint32_t characters(const char *s, uint64_t n) {
  uint32_t count = 0;
  for (uint64_t i = 0; i < n; i++) count += ((unsigned char)s[i] & 0xC0) != 0x80;
  return count;
}

static bool derive_merges(gguf_tokenizer *r, scored_merge **merges, uint64_t *n) {
  uint64_t capacity = 0;
  *merges = NULL;
  *n = 0;
  for (uint32_t id = 0; id < r->n; id++) {
    const char *s = r->tokens[id];
    uint64_t length = strlen(s);
    float score = gguf_float_at(r->scores, id);
    if (!isfinite(score))
      return ERR(r->e, "%s: tokenizer.ggml.scores[%u]: expected a finite number, found %g", r->g->path, id, (double)score);
    if (mergeable(r, s, length) < 0) continue;
    for (uint64_t cut = 1; cut < length; cut++) {
      if (((unsigned char)s[cut] & 0xC0) == 0x80) continue; // within a character
      int32_t left = mergeable(r, s, cut), right = mergeable(r, s + cut, length - cut);
      if (left < 0 || right < 0) continue;
      void *items = *merges;
      arena_grow(r->memory, &items, &capacity, *n + 1, sizeof **merges);
      *merges = items;
      (*merges)[(*n)++] = (scored_merge){score, characters(s, cut), characters(s + cut, length - cut), left, right, (int32_t)id};
    }
  }
  if (*n) qsort(*merges, (size_t)*n, sizeof **merges, by_score);
  return true;
}

// ---- Phi-3 ----

bool tokenizer_gguf_phi3_name(const char *name) {
  for (; *name; name++) {
    char low[6] = "";
    for (int i = 0; i < 5 && name[i]; i++) low[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 'a' - 'A') : name[i];
    if (!strncmp(low, "phi-3", 5) || !strncmp(low, "phi3", 4)) return true;
  }
  return false;
}

bool tokenizer_gguf_phi3_strips(const char *content) {
  return strcmp(content, "<unk>") && strcmp(content, "<s>") && strcmp(content, "<|endoftext|>");
}

// ---- writing ----

static void put_pair(gguf_tokenizer *r, uint64_t index, const char *left, const char *right) {
  text_puts(r->out, index ? ",\n[" : "\n[");
  json_put_string(r->out, left);
  text_putc(r->out, ',');
  json_put_string(r->out, right);
  text_putc(r->out, ']');
}

static bool put_merges(gguf_tokenizer *r) {
  scored_merge *derived;
  uint64_t n;
  text_puts(r->out, "\"merges\":[");
  if (!r->merges) {
    TRY(derive_merges(r, &derived, &n));
    for (uint64_t i = 0; i < n; i++) put_pair(r, i, r->tokens[derived[i].left], r->tokens[derived[i].right]);
  }
  for (uint64_t i = 0; r->merges && i < r->merges->n; i++) {
    const char *merge;
    TRY(copy_string(r, "tokenizer.ggml.merges", i, r->merges->strings[i], &merge));
    const char *space = *merge ? strchr(merge + 1, ' ') : NULL; // a token may begin with the space itself
    if (!space)
      return ERR(r->e, "%s: tokenizer.ggml.merges[%llu]: expected two tokens, found \"%.100s\"", r->g->path,
                 (unsigned long long)i, merge);
    put_pair(r, i, arena_strndup(r->memory, merge, (size_t)(space - merge)), space + 1);
  }
  text_puts(r->out, "]");
  return true;
}

static void put_added(gguf_tokenizer *r) {
  const char *separator = "\n";
  text_puts(r->out, "\"added_tokens\":[");
  for (uint32_t i = 0; i < r->n; i++) {
    bool special = r->types[i] == TYPE_CONTROL || r->types[i] == TYPE_UNKNOWN;
    if ((!special && r->types[i] != TYPE_USER_DEFINED) || !*r->tokens[i]) continue;
    text_printf(r->out, "%s{\"id\":%u,\"content\":", separator, i);
    json_put_string(r->out, r->tokens[i]);
    text_printf(r->out, ",\"single_word\":false,\"lstrip\":false,\"rstrip\":%s,\"normalized\":false,\"special\":%s}",
                r->is_phi3 && tokenizer_gguf_phi3_strips(r->tokens[i]) ? "true" : "false", special ? "true" : "false");
    separator = ",\n";
  }
  text_puts(r->out, "],\n");
}

static void put_template_token(gguf_tokenizer *r, int64_t id, const char *separator) {
  text_printf(r->out, "%s{\"SpecialToken\":{\"id\":", separator);
  json_put_string(r->out, r->tokens[id]);
  text_puts(r->out, ",\"type_id\":0}}");
}

static void put_template_ids(gguf_tokenizer *r, int64_t id, const char *separator) {
  text_puts(r->out, separator);
  json_put_string(r->out, r->tokens[id]);
  text_puts(r->out, ":{\"id\":");
  json_put_string(r->out, r->tokens[id]);
  text_printf(r->out, ",\"ids\":[%lld],\"tokens\":[", (long long)id);
  json_put_string(r->out, r->tokens[id]);
  text_puts(r->out, "]}");
}

// TemplateProcessing with what is to be added. For pairs: one after the other, each as when it is alone.
static void put_template(gguf_tokenizer *r) {
  text_puts(r->out, "{\"type\":\"TemplateProcessing\"");
  for (int pair = 0; pair < 2; pair++) {
    text_puts(r->out, pair ? "],\"pair\":[" : ",\"single\":[");
    for (int part = 0; part <= pair; part++) {
      const char *separator = part ? "," : "";
      if (r->add_bos) put_template_token(r, r->bos, separator);
      text_printf(r->out, "%s{\"Sequence\":{\"id\":\"%c\",\"type_id\":%d}}", r->add_bos ? "," : separator, 'A' + part, part);
      if (r->add_eos) put_template_token(r, r->eos, ",");
    }
  }
  text_puts(r->out, "],\"special_tokens\":{");
  if (r->add_bos) put_template_ids(r, r->bos, "");
  if (r->add_eos && !(r->add_bos && r->bos == r->eos)) put_template_ids(r, r->eos, r->add_bos ? "," : "");
  text_puts(r->out, "}}");
}

static bool put_model(gguf_tokenizer *r, bool sentencepiece, bool ignore_merges) {
  text_puts(r->out, "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":");
  if (sentencepiece && r->unk >= 0) json_put_string(r->out, r->tokens[r->unk]);
  else text_puts(r->out, "null");
  text_printf(r->out, ",\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,\"fuse_unk\":%s,\"byte_fallback\":%s,",
              sentencepiece ? "true" : "false", sentencepiece ? "true" : "false");
  text_printf(r->out, "\"ignore_merges\":%s,\n\"vocab\":{", ignore_merges ? "true" : "false");
  for (uint32_t i = 0; i < r->n; i++) {
    text_puts(r->out, i ? ",\n" : "\n");
    json_put_string(r->out, r->tokens[i]);
    text_printf(r->out, ":%u", i);
  }
  text_puts(r->out, "},\n");
  TRY(put_merges(r));
  text_puts(r->out, "}");
  return true;
}

static bool put_sentencepiece(gguf_tokenizer *r) {
  static const char replace[] = "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"" METASPACE "\"}";
  const char *prefix = r->add_space_prefix ? "{\"type\":\"Prepend\",\"prepend\":\"" METASPACE "\"}," : "";
  const char *strip = r->add_space_prefix ? ",{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}" : "";
  text_printf(r->out,
              "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[%s%s]},\n\"pre_tokenizer\":null,\n\"post_processor\":",
              prefix, replace);
  put_template(r);
  text_printf(r->out,
              ",\n\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"" METASPACE
              "\"},\"content\":\" \"},{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}%s]},\n",
              strip);
  return put_model(r, true, false);
}

static bool put_byte_level(gguf_tokenizer *r, const gguf_pre *pre) {
  text_printf(r->out, "\"normalizer\":%s,\n\"pre_tokenizer\":%s,\n\"post_processor\":", pre->nfc ? "{\"type\":\"NFC\"}" : "null",
              pre->json);
  if (r->add_bos || r->add_eos) put_template(r);
  else text_puts(r->out, "null");
  text_printf(r->out, ",\n\"decoder\":%s,\n", BYTE_LEVEL("true"));
  return put_model(r, false, pre->ignore_merges);
}

static bool write_json(gguf_tokenizer *r) {
  const char *model;
  const gguf_pre *pre = NULL;
  TRY(gguf_get_string(r->memory, r->g, "tokenizer.ggml.model", &model, r->e));
  bool sentencepiece = !strcmp(model, "llama");
  if (!sentencepiece && strcmp(model, "gpt2") != 0)
    return ERR(r->e, "%s: tokenizer.ggml.model: expected \"gpt2\" or \"llama\", found \"%.100s\"", r->g->path, model);
  if (!sentencepiece) TRY(find_pre(r, &pre));
  const char *name = "";
  if (gguf_find(r->g, "general.name")) TRY(gguf_get_string(r->memory, r->g, "general.name", &name, r->e));
  r->is_phi3 = tokenizer_gguf_phi3_name(name);
  r->add_bos = sentencepiece || pre->add_bos;
  r->add_space_prefix = true;
  TRY(read_all(r, sentencepiece));
  text_puts(r->out, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\n");
  put_added(r);
  TRY(sentencepiece ? put_sentencepiece(r) : put_byte_level(r, pre));
  text_puts(r->out, "}\n");
  return true;
}

bool tokenizer_from_gguf(arena *a, const gguf *g, tokenizer **t, err *e) {
  text out = {0};
  gguf_tokenizer r = {.g = g, .memory = arena_new("tokenizer of a GGUF"), .out = &out, .e = e};
  bool ok = write_json(&r);
  if (ok) {
    const char *source = arena_strndup(a, out.data, out.length);
    ok = tokenizer_parse(a, arena_printf(r.memory, "%s (its tokenizer as tokenizer.json)", g->path), source, out.length, t, e);
  }
  text_free(&out);
  arena_free(r.memory);
  return ok;
}
