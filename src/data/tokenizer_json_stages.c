// tokenizer.json: normalizer, pre_tokenizer, post_processor and decoder. A component that is not known, and a value that
// is not supported, is refused by its name.
#include <cjson/cJSON.h>
#include <string.h>

#include "data/tokenizer_parts.h"

// Longest string that a component may put in or look for. Real ones are a character or two.
enum { STAGE_STRING_BYTES = 256 };

// ---- what all have in common ----

static bool unknown(const stage_reader *r, const char *where, const char *what) {
  return ERR(r->e, "%s: %s: \"%.100s\" is not a component that vkift knows", r->t->path, where, what);
}

static bool unsupported(const stage_reader *r, const char *where, const char *key, const char *expected, const cJSON *found) {
  char buffer[64];
  return ERR(r->e, "%s: %s.%s: expected %s, found %s", r->t->path, where, key, expected, json_describe(found, buffer));
}

static bool read_type(const stage_reader *r, const cJSON *in, const char *where, const char **type) {
  return json_string(r->doc, in, where, "type", type, r->e);
}

// A string of at most STAGE_STRING_BYTES, copied.
static bool read_string(stage_reader *r, const cJSON *in, const char *where, const char *key, bool may_be_empty,
                        const char **value) {
  const char *s;
  TRY(json_string(r->doc, in, where, key, &s, r->e));
  size_t n = strlen(s);
  if (n > STAGE_STRING_BYTES || (!n && !may_be_empty))
    return ERR(r->e, "%s: %s.%s: expected a string of %d to %d bytes, found %zu", r->t->path, where, key, may_be_empty ? 0 : 1,
               STAGE_STRING_BYTES, n);
  *value = arena_strdup(r->memory, s);
  return true;
}

// A string of one character.
static bool read_character(stage_reader *r, const cJSON *in, const char *where, const char *key, const char **value) {
  TRY(read_string(r, in, where, key, false, value));
  if (utf8_decode(*value, strlen(*value), NULL) == (int)strlen(*value)) return true;
  return unsupported(r, where, key, "one character", cJSON_GetObjectItemCaseSensitive(in, key));
}

// {"String": "…"}
static bool read_string_pattern(stage_reader *r, const cJSON *in, const char *where, const char **value) {
  cJSON *pattern;
  TRY(json_object(r->doc, in, where, "pattern", &pattern, r->e));
  if (!cJSON_GetObjectItemCaseSensitive(pattern, "String")) return unsupported(r, where, "pattern", "{\"String\": …}", pattern);
  return read_string(r, pattern, arena_printf(r->memory, "%s.pattern", where), "String", false, value);
}

// Reads each item of a Sequence's list.
static bool read_list(stage_reader *r, const cJSON *in, const char *where, const char *key,
                      bool (*read)(stage_reader *, const cJSON *, const char *)) {
  cJSON *list;
  uint64_t i = 0;
  TRY(json_array(r->doc, in, where, key, &list, r->e));
  for (const cJSON *item = list->child; item; item = item->next, i++) {
    if (i >= TOKENIZER_STAGES) return unsupported(r, where, key, "at most 64 components", list);
    TRY(read(r, item, arena_printf(r->memory, "%s.%s[%llu]", where, key, (unsigned long long)i)));
  }
  return true;
}

// One more of a stage's steps.
static bool grow(stage_reader *r, const char *where, void **steps, uint64_t *n, uint64_t *capacity, uint64_t bytes) {
  if (*n == TOKENIZER_STAGES) return ERR(r->e, "%s: %s: expected at most %d components", r->t->path, where, TOKENIZER_STAGES);
  arena_grow(r->memory, steps, capacity, ++*n, bytes);
  return true;
}

#define ADD_STEP(r, where, list, step)                                                      \
  do {                                                                                      \
    void *steps_ = (list)->steps;                                                           \
    TRY(grow((r), (where), &steps_, &(list)->n, &(list)->capacity, sizeof *(list)->steps)); \
    (list)->steps = steps_;                                                                 \
    (list)->steps[(list)->n - 1] = (step);                                                  \
  } while (0)

// ---- normalizer ----

static bool read_normalizer(stage_reader *r, const cJSON *in, const char *where) {
  const char *type;
  TRY(read_type(r, in, where, &type));
  normalize_step step = {.pattern = "", .content = ""};
  if (!strcmp(type, "Sequence")) return read_list(r, in, where, "normalizers", read_normalizer);
  if (!strcmp(type, "Prepend")) {
    step.kind = NORMALIZE_PREPEND;
    TRY(read_string(r, in, where, "prepend", true, &step.content));
  } else if (!strcmp(type, "Replace")) {
    step.kind = NORMALIZE_REPLACE;
    TRY(read_string_pattern(r, in, where, &step.pattern));
    TRY(read_string(r, in, where, "content", true, &step.content));
  } else if (!strcmp(type, "NFC")) {
    step.kind = NORMALIZE_NFC;
  } else {
    return unknown(r, where, type);
  }
  ADD_STEP(r, where, &r->t->normalizer, step);
  return true;
}

bool stage_normalizer(stage_reader *r, const cJSON *field) {
  return !field || cJSON_IsNull(field) || read_normalizer(r, field, "normalizer");
}

// ---- pre_tokenizer ----

// GPT-2's pattern, which ByteLevel has built in (openai/gpt-2, src/encoder.py).
static const char byte_level_pattern[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

// Rust's char::is_numeric, which knows Unicode 17.0.
#define DIGITS_PATTERN "[\\p{N}\\x{11DE0}-\\x{11DE9}\\x{16FF4}-\\x{16FF6}]"

static bool add_split(stage_reader *r, const char *where, const char *pattern, pretokenize_keep keep) {
  pretokenize_step step = {.kind = PRETOKENIZE_SPLIT, .keep = keep};
  ADD_STEP(r, where, &r->t->pretokenizer, step); // first of all, so that tokenizer_free finds the pattern
  regex *compiled = &r->t->pretokenizer.steps[r->t->pretokenizer.n - 1].pattern;
  return regex_compile(r->regex_memory, arena_strdup(r->memory, pattern), compiled, r->e) ||
         err_prefix(r->e, "%s: %s", r->t->path, where);
}

static bool read_byte_level(stage_reader *r, const cJSON *in, const char *where) {
  bool prefix, use_regex = true;
  TRY(json_bool(r->doc, in, where, "add_prefix_space", &prefix, r->e));
  TRY(json_bool_or(r->doc, in, where, "use_regex", &use_regex, r->e));
  r->t->model.byte_level = true;
  pretokenize_step step = {.kind = PRETOKENIZE_PREFIX};
  if (prefix) ADD_STEP(r, where, &r->t->pretokenizer, step);
  return !use_regex || add_split(r, where, byte_level_pattern, KEEP_ALL);
}

static bool read_split(stage_reader *r, const cJSON *in, const char *where) {
  cJSON *pattern;
  const char *behavior, *source = NULL, *literal = NULL;
  bool invert;
  const char *inner = arena_printf(r->memory, "%s.pattern", where);
  TRY(json_object(r->doc, in, where, "pattern", &pattern, r->e));
  TRY(json_string_or(r->doc, pattern, inner, "Regex", &source, r->e));
  TRY(json_string_or(r->doc, pattern, inner, "String", &literal, r->e));
  TRY(json_string(r->doc, in, where, "behavior", &behavior, r->e));
  TRY(json_bool(r->doc, in, where, "invert", &invert, r->e));
  if (!source == !literal) return unsupported(r, where, "pattern", "{\"Regex\": …} or {\"String\": …}", pattern);
  const bool removed = !strcmp(behavior, "Removed"), joined = !strcmp(behavior, "MergedWithPrevious");
  if (!removed && !joined && strcmp(behavior, "Isolated") != 0)
    return unsupported(r, where, "behavior", "\"Isolated\", \"Removed\" or \"MergedWithPrevious\"",
                       cJSON_GetObjectItemCaseSensitive(in, "behavior"));
  if (joined && invert)
    return unsupported(r, where, "invert", "false with MergedWithPrevious", cJSON_GetObjectItemCaseSensitive(in, "invert"));
  text escaped = {0};
  for (const char *c = literal ? literal : ""; *c; c++) {
    if (strchr("\\^$.|?*+()[]{}-&#~", *c)) text_putc(&escaped, '\\');
    text_putc(&escaped, *c);
  }
  if (literal) source = arena_strndup(r->memory, escaped.data ? escaped.data : "", escaped.length);
  text_free(&escaped);
  return add_split(r, where, source, joined ? KEEP_JOINED : !removed ? KEEP_ALL : invert ? KEEP_MATCHES : KEEP_GAPS);
}

// Shared with the decoder of that name.
static bool read_metaspace(stage_reader *r, const cJSON *in, const char *where, const char **replacement,
                           metaspace_prepend *prepend) {
  const char *scheme = "always";
  bool prefix = true;
  TRY(read_character(r, in, where, "replacement", replacement));
  TRY(json_string_or(r->doc, in, where, "prepend_scheme", &scheme, r->e));
  TRY(json_bool_or(r->doc, in, where, "add_prefix_space", &prefix, r->e));
  const cJSON *given = cJSON_GetObjectItemCaseSensitive(in, "prepend_scheme");
  if (!strcmp(scheme, "always")) *prepend = METASPACE_ALWAYS;
  else if (!strcmp(scheme, "first")) *prepend = METASPACE_FIRST;
  else if (!strcmp(scheme, "never")) *prepend = METASPACE_NEVER;
  else return unsupported(r, where, "prepend_scheme", "\"always\", \"first\" or \"never\"", given);
  if (prefix || *prepend == METASPACE_NEVER) return true;
  return unsupported(r, where, "prepend_scheme", "\"never\", as add_prefix_space is false", given);
}

static bool read_pre_tokenizer(stage_reader *r, const cJSON *in, const char *where) {
  const char *type;
  TRY(read_type(r, in, where, &type));
  if (!strcmp(type, "Sequence")) return read_list(r, in, where, "pretokenizers", read_pre_tokenizer);
  // What comes behind ByteLevel would see its alphabet instead of text.
  if (r->t->model.byte_level)
    return ERR(r->e, "%s: %s: expected nothing behind ByteLevel, found \"%.100s\"", r->t->path, where, type);
  if (!strcmp(type, "ByteLevel")) return read_byte_level(r, in, where);
  if (!strcmp(type, "Split")) return read_split(r, in, where);
  if (!strcmp(type, "Digits")) {
    bool individual;
    TRY(json_bool(r->doc, in, where, "individual_digits", &individual, r->e));
    return add_split(r, where, individual ? DIGITS_PATTERN : DIGITS_PATTERN "+", KEEP_ALL);
  }
  if (strcmp(type, "Metaspace") != 0) return unknown(r, where, type);
  pretokenize_step step = {.kind = PRETOKENIZE_METASPACE, .split = true};
  TRY(read_metaspace(r, in, where, &step.replacement, &step.prepend));
  TRY(json_bool_or(r->doc, in, where, "split", &step.split, r->e));
  ADD_STEP(r, where, &r->t->pretokenizer, step);
  return true;
}

bool stage_pre_tokenizer(stage_reader *r, const cJSON *field) {
  return !field || cJSON_IsNull(field) || read_pre_tokenizer(r, field, "pre_tokenizer");
}

// ---- post_processor ----

// The ids of one special token of a template.
static bool read_special(stage_reader *r, const cJSON *in, const char *where, const char *name, id_list *out) {
  cJSON *all, *special, *ids;
  const char *place = arena_printf(r->memory, "%s.special_tokens", where);
  char found[64];
  TRY(json_object(r->doc, in, where, "special_tokens", &all, r->e));
  TRY(json_object(r->doc, all, place, name, &special, r->e));
  place = arena_printf(r->memory, "%s.%.100s", place, name);
  TRY(json_array(r->doc, special, place, "ids", &ids, r->e));
  for (const cJSON *item = ids->child; item; item = item->next) {
    double id = cJSON_IsNumber(item) ? item->valuedouble : -1;
    bool known = id >= 0 && id < r->t->n_ids && id == (double)(int32_t)id && r->t->content[(int32_t)id];
    if (!known)
      return ERR(r->e, "%s: %s.ids: expected ids of the vocabulary, found %s", r->t->path, place, json_describe(item, found));
    if (out->n == TOKENIZER_STAGES) return ERR(r->e, "%s: %s: expected at most %d ids", r->t->path, place, TOKENIZER_STAGES);
    void *list = out->ids;
    arena_grow(r->memory, &list, &out->capacity, out->n + 1, sizeof *out->ids);
    out->ids = list;
    out->ids[out->n++] = (int32_t)id;
  }
  return true;
}

// "single": what stands before the text, the text ("A"), and what stands behind it. (vkift never encodes pairs.)
static bool read_template(stage_reader *r, const cJSON *in, const char *where) {
  cJSON *single;
  bool behind = false;
  TRY(json_array(r->doc, in, where, "single", &single, r->e));
  for (const cJSON *item = single->child; item; item = item->next) {
    const cJSON *sequence = cJSON_GetObjectItemCaseSensitive(item, "Sequence");
    const cJSON *special = cJSON_GetObjectItemCaseSensitive(item, "SpecialToken");
    const char *id;
    if (!sequence == !special) return unsupported(r, where, "single", "items {\"Sequence\": …} or {\"SpecialToken\": …}", item);
    TRY(json_string(r->doc, sequence ? sequence : special, arena_printf(r->memory, "%s.single[]", where), "id", &id, r->e));
    if (special) {
      TRY(read_special(r, in, where, id, behind ? &r->t->after : &r->t->before));
    } else {
      if (behind || strcmp(id, "A") != 0) return unsupported(r, where, "single", "the sequence \"A\", once", single);
      behind = true;
    }
  }
  return behind || unsupported(r, where, "single", "the sequence \"A\", once", single);
}

static bool read_post_processor(stage_reader *r, const cJSON *in, const char *where) {
  const char *type;
  TRY(read_type(r, in, where, &type));
  if (!strcmp(type, "Sequence")) return read_list(r, in, where, "processors", read_post_processor);
  if (!strcmp(type, "ByteLevel")) return true; // trims offsets, which vkift takes from its own stages
  if (strcmp(type, "TemplateProcessing") != 0) return unknown(r, where, type);
  if (r->t->before.n || r->t->after.n)
    return ERR(r->e, "%s: %s: expected one TemplateProcessing, found another", r->t->path, where);
  return read_template(r, in, where);
}

bool stage_post_processor(stage_reader *r, const cJSON *field) {
  return !field || cJSON_IsNull(field) || read_post_processor(r, field, "post_processor");
}

// ---- decoder ----

static bool read_decoder(stage_reader *r, const cJSON *in, const char *where) {
  const char *type;
  TRY(read_type(r, in, where, &type));
  decode_step step = {.pattern = "", .content = ""};
  if (!strcmp(type, "Sequence")) return read_list(r, in, where, "decoders", read_decoder);
  if (!strcmp(type, "ByteLevel")) {
    step.kind = DECODE_BYTE_LEVEL;
  } else if (!strcmp(type, "ByteFallback")) {
    step.kind = DECODE_BYTE_FALLBACK;
  } else if (!strcmp(type, "Fuse")) {
    step.kind = DECODE_FUSE;
  } else if (!strcmp(type, "Replace")) {
    step.kind = DECODE_REPLACE;
    TRY(read_string_pattern(r, in, where, &step.pattern));
    TRY(read_string(r, in, where, "content", true, &step.content));
  } else if (!strcmp(type, "Strip")) {
    step.kind = DECODE_STRIP;
    TRY(read_character(r, in, where, "content", &step.content));
    TRY(json_u32(r->doc, in, where, "start", &step.start, r->e));
    TRY(json_u32(r->doc, in, where, "stop", &step.stop, r->e));
  } else if (!strcmp(type, "Metaspace")) {
    metaspace_prepend prepend;
    step.kind = DECODE_METASPACE;
    TRY(read_metaspace(r, in, where, &step.pattern, &prepend));
    step.drop_first = prepend != METASPACE_NEVER;
  } else {
    return unknown(r, where, type);
  }
  ADD_STEP(r, where, &r->t->decoder, step);
  return true;
}

bool stage_decoder(stage_reader *r, const cJSON *field) {
  r->t->decoder.present = field && !cJSON_IsNull(field);
  return !r->t->decoder.present || read_decoder(r, field, "decoder");
}
