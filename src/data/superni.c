// Tk-Instruct's encoding (its ni_collator.py):
//
//   Definition: {definition}\n\n
//    Positive Example 1 -\nInput: {input}\n Output: {output}\n[ Explanation: {explanation}\n]\n
//    Negative Example 1 -\n…
//   Now complete the following example -\nInput: {input}\nOutput:␣
//
// White space at both ends of a piece is removed as Python's strip does, and a piece ends with "." unless its last
// character is ASCII punctuation. The older files' further pieces follow the definition in the same manner.
#include "data/superni.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

// --- reading ---

static const cJSON *member(const cJSON *in, const char *key) {
  const cJSON *value = cJSON_GetObjectItemCaseSensitive(in, key);
  return cJSON_IsNull(value) ? NULL : value;
}

static bool unexpected(const json *d, const char *where, const char *expected, const cJSON *found, err *e) {
  char buffer[64];
  return ERR(e, "%s: %s: expected %s, found %s", d->origin, where, expected, json_describe(found, buffer));
}

// A string, or the first string of a list. NULL where the field is missing or the list is empty.
static bool first_string(const json *d, const char *key, const char **value, err *e) {
  const cJSON *found = member(d->root, key), *first = cJSON_IsArray(found) ? found->child : found;
  if (first && !cJSON_IsString(first)) return unexpected(d, key, "a string or a list of strings", found, e);
  *value = first ? first->valuestring : NULL;
  return true;
}

// All strings of a list with ", " between them.
static bool joined_strings(arena *a, const json *d, const char *key, const char **value, err *e) {
  TRY(first_string(d, key, value, e));
  if (!*value || cJSON_IsString(member(d->root, key))) return true;
  text joined = {0};
  bool ok = true;
  const cJSON *item;
  cJSON_ArrayForEach(item, member(d->root, key)) {
    if (!cJSON_IsString(item)) ok = unexpected(d, key, "a list of strings only", item, e);
    if (!ok) break;
    text_printf(&joined, "%s%s", joined.length ? ", " : "", item->valuestring);
  }
  if (ok) *value = arena_strdup(a, joined.data);
  text_free(&joined);
  return ok;
}

static bool read_demonstration(const json *d, const char *where, const cJSON *item, superni_example *x, err *e) {
  TRY(json_string(d, item, where, "input", &x->input, e));
  TRY(json_string(d, item, where, "output", &x->output, e));
  TRY(json_string_or(d, item, where, "reason", &x->explanation, e)); // v1's name for it
  return json_string_or(d, item, where, "explanation", &x->explanation, e);
}

// v1 has the two lists in an object "Examples".
static bool read_demonstrations(arena *a, const json *d, const char *key, superni_example **all, uint32_t *n, err *e) {
  const cJSON *list = member(d->root, key), *nested = member(d->root, "Examples");
  if (!list && nested && !cJSON_IsObject(nested)) return unexpected(d, "Examples", "an object", nested, e);
  if (!list && nested) list = member(nested, key);
  *n = 0;
  if (!list) return true;
  if (!cJSON_IsArray(list)) return unexpected(d, key, "a list of demonstrations", list, e);
  *all = ARENA_ARRAY(a, superni_example, cJSON_GetArraySize(list));
  const cJSON *item;
  cJSON_ArrayForEach(item, list) {
    char where[64];
    snprintf(where, sizeof where, "%s[%u]", key, *n);
    TRY(read_demonstration(d, where, item, &(*all)[(*n)++], e));
  }
  return true;
}

bool superni_read(arena *a, const json *d, superni_task *t, err *e) {
  *t = (superni_task){0};
  TRY(first_string(d, "Definition", &t->definition, e));
  if (!t->definition) return unexpected(d, "Definition", "a string or a list of strings", member(d->root, "Definition"), e);
  TRY(first_string(d, "Things to Avoid", &t->avoid, e));
  TRY(first_string(d, "Emphasis & Caution", &t->caution, e));
  TRY(first_string(d, "Prompt", &t->prompt, e));
  TRY(read_demonstrations(a, d, "Positive Examples", &t->positive, &t->n_positive, e));
  TRY(read_demonstrations(a, d, "Negative Examples", &t->negative, &t->n_negative, e));
  TRY(first_string(d, "Categories", &t->category, e));
  return joined_strings(a, d, "Source", &t->source, e);
}

// --- the text ---

// The bytes of white space at the end of s[0..n).
static size_t space_at_end(const char *s, size_t n) {
  uint32_t code = 0;
  for (size_t back = 1; back <= 3 && back <= n; back++) // no white space has four bytes
    if (utf8_decode(s + n - back, back, &code) == (int)back) return utf8_is_space(code) ? back : 0;
  return 0;
}

static void strip(const char **s, size_t *n) {
  uint32_t code = 0;
  int length;
  while ((length = utf8_decode(*s, *n, &code)) && utf8_is_space(code)) *s += length, *n -= (size_t)length;
  for (size_t space; (space = space_at_end(*s, *n));) *n -= space;
}

static bool is_punctuation(char c) {
  return c && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", c);
}

// "{title}{piece}[.]\n". Of an empty piece, the title's last character counts.
static void put_piece(text *out, const char *title, const char *piece, size_t n) {
  strip(&piece, &n);
  text_puts(out, title);
  text_put(out, piece, n);
  if (!is_punctuation(out->data[out->length - 1])) text_putc(out, '.');
  text_putc(out, '\n');
}

// v1 writes "-" or nothing where it has nothing to say.
static void put_v1_piece(text *out, const char *title, const char *piece) {
  if (!piece) return;
  const char *s = piece;
  size_t n = strlen(piece);
  strip(&s, &n);
  if (!n || (n == 1 && *s == '-')) return;
  put_piece(out, title, s, n);
  text_putc(out, '\n');
}

static void put_demonstrations(text *out, const char *kind, const superni_example *all, uint32_t n, bool explanations) {
  for (uint32_t i = 0; i < n; i++) {
    text_printf(out, " %s Example %u -\n", kind, i + 1);
    put_piece(out, "Input: ", all[i].input, strlen(all[i].input));
    put_piece(out, " Output: ", all[i].output, strlen(all[i].output));
    if (explanations && all[i].explanation) put_piece(out, " Explanation: ", all[i].explanation, strlen(all[i].explanation));
    text_putc(out, '\n');
  }
}

void superni_put_prompt(const superni_task *t, const superni_encoding *how, const char *input, size_t input_n, text *out) {
  put_piece(out, "Definition: ", t->definition, strlen(t->definition));
  text_putc(out, '\n');
  put_v1_piece(out, "Things to Avoid: ", t->avoid);
  put_v1_piece(out, "Emphasis & Caution: ", t->caution);
  put_v1_piece(out, "Prompt: ", t->prompt);
  put_demonstrations(out, "Positive", t->positive, how->n_pos < t->n_positive ? how->n_pos : t->n_positive, how->explanations);
  put_demonstrations(out, "Negative", t->negative, how->n_neg < t->n_negative ? how->n_neg : t->n_negative, how->explanations);
  text_puts(out, "Now complete the following example -\n");
  put_piece(out, "Input: ", input, input_n);
  text_puts(out, "Output: ");
}
