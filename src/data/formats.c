// The table of row formats, and what holds for rows of any of them. All messages name the file and line (the document's
// origin), the field, what was expected and what was found.
#include "data/formats.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "data/formats_parts.h"
#include "data/template_pack.h"
#include "io/quote.h"

typedef struct shape {
  const char *name;
  data_format format;
  const char *keys[2]; // a row that has them all is of this shape
} shape;

// The more particular come first: labelled and preference rows also have fields of simpler formats.
static const shape shapes[] = {
    {"messages", DATA_MESSAGES, {"messages"}},
    {"sharegpt", DATA_SHAREGPT, {"conversations"}},
    {"self-instruct", DATA_SELF_INSTRUCT, {"instruction", "instances"}},
    {"Super-NaturalInstructions", DATA_SUPERNI, {"Definition", "Instances"}},
    {"preference", DATA_PREFERENCE, {"chosen", "rejected"}},
    {"alpaca", DATA_ALPACA, {"instruction", "output"}},
    {"prompt/completion", DATA_PROMPT_COMPLETION, {"prompt", "completion"}},
    {"pre-tokenised", DATA_TOKENS, {"input_ids"}},
    {"segments", DATA_SEGMENTS, {"segments"}},
    {"labelled", DATA_LABELLED, {"text", "label"}},
    {"labelled", DATA_LABELLED, {"sentence1", "sentence2"}},
    {"text", DATA_TEXT, {"text"}},
    {"template pack", DATA_PACK, {""}}, // said by the file, never by a row
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

const cJSON *formats_field(const cJSON *in, const char *key) {
  const cJSON *value = cJSON_GetObjectItemCaseSensitive(in, key);
  return cJSON_IsNull(value) ? NULL : value;
}

static const shape *shape_of(const cJSON *row) {
  for (const shape *s = shapes; s < shapes + N_SHAPES; s++)
    if (*s->keys[0] && formats_field(row, s->keys[0]) && (!s->keys[1] || formats_field(row, s->keys[1]))) return s;
  return NULL;
}

const char *formats_name(data_format format) {
  for (const shape *s = shapes; s < shapes + N_SHAPES; s++)
    if (s->format == format) return s->name;
  return "auto";
}

bool formats_unexpected(const json *d, const char *where, const char *expected, const cJSON *found, err *e) {
  char buffer[64];
  return ERR(e, "%s: %s: expected %s, found %s", d->origin, where, expected, json_describe(found, buffer));
}

bool formats_strings(arena *a, const json *d, const cJSON *in, const char *where, const char *key, strings *out, err *e) {
  const cJSON *list = formats_field(in, key), *item;
  char place[96];
  snprintf(place, sizeof place, "%s%s%s", where, *where ? "." : "", key);
  *out = (strings){0};
  if (!list) return true;
  if (!cJSON_IsArray(list) || !list->child) return formats_unexpected(d, place, "a list of strings", list, e);
  const char **items = ARENA_ARRAY(a, const char *, cJSON_GetArraySize(list));
  out->items = items;
  cJSON_ArrayForEach(item, list) {
    if (!cJSON_IsString(item)) return formats_unexpected(d, place, "strings only", item, e);
    items[out->n++] = item->valuestring;
  }
  return true;
}

bool formats_check_personas(const json *d, const char *where, strings personas, err *e) {
  for (uint32_t i = 0; i < personas.n; i++)
    if (!*personas.items[i])
      return ERR(e, "%s: %s%spersonas[%u]: expected a system message, found an empty string", d->origin, where, *where ? "." : "",
                 i);
  return true;
}

static bool check_object(const json *row, err *e) {
  if (cJSON_IsObject(row->root)) return true;
  char buffer[64];
  return ERR(e, "%s: expected an object, found %s", row->origin, json_describe(row->root, buffer));
}

bool formats_detect(const json *row, data_format *format, err *e) {
  TRY(check_object(row, e));
  const shape *s = shape_of(row->root);
  if (s) return *format = s->format, true;
  text keys = {0};
  char buffer[QUOTE_BYTES];
  int n = 0;
  const cJSON *item;
  cJSON_ArrayForEach(item, row->root) {
    if (n++ == 6) break;
    text_printf(&keys, "%s%s", n > 1 ? ", " : "", quote_string(item->string, buffer));
  }
  ERR(e,
      "%s: expected the fields of a known format (\"messages\"; \"conversations\"; \"instruction\" and \"output\"; \"prompt\" "
      "and "
      "\"completion\"; \"text\"; \"text\" and \"label\"; \"sentence1\" and \"sentence2\"; \"segments\"; \"input_ids\"; "
      "\"chosen\" and \"rejected\"; "
      "\"instruction\" and "
      "\"instances\"; \"Definition\" and \"Instances\"), found %s%s",
      row->origin, n ? keys.data : "no fields", n > 6 ? ", …" : "");
  text_free(&keys);
  return false;
}

// --- any row ---

// What no prompt has a place for, and answers that teach nothing.
static bool check_conversation(const char *origin, bool all_tokens, const raw_example *x, err *e) {
  uint32_t n_user = 0, n_assistant = 0, n_trained = 0;
  for (uint32_t i = 0; i < x->n_messages; i++) {
    const message *m = &x->messages[i];
    n_user += m->role == ROLE_USER;
    n_assistant += m->role == ROLE_ASSISTANT;
    n_trained += m->train;
    if (m->role == ROLE_SYSTEM && i)
      return ERR(e, "%s: message %u: expected a system message in the first place only, found another one", origin, i + 1);
    if (m->train && !*m->content && !m->tool_calls)
      return ERR(e, "%s: message %u: expected an answer to learn, found an empty one", origin, i + 1);
  }
  if (!n_user) return ERR(e, "%s: expected at least one user turn, found none", origin);
  if (!n_assistant) return ERR(e, "%s: expected an answer (an assistant turn), found none", origin);
  if (!n_trained && !all_tokens) return ERR(e, "%s: the mask covers nothing: every assistant turn has \"train\": false", origin);
  return true;
}

// A string, or a list of which the first counts, as in Super-NaturalInstructions.
static bool read_category(const json *d, const char **category, err *e) {
  const cJSON *found = formats_field(d->root, "category"), *first = cJSON_IsArray(found) ? found->child : found;
  if (first && !cJSON_IsString(first)) return formats_unexpected(d, "category", "a string or a list of strings", found, e);
  if (first) *category = first->valuestring;
  return true;
}

static bool read_attributes(arena *a, const json *d, raw_example *out, err *e) {
  double number = 1;
  TRY(json_string_or(d, d->root, "", "task", &out->task, e));
  TRY(json_string_or(d, d->root, "", "cluster", &out->cluster, e));
  TRY(json_string_or(d, d->root, "", "source", &out->source, e));
  TRY(read_category(d, &out->category, e));
  TRY(json_string_or(d, d->root, "", "metric", &out->metric, e));
  if (!out->cluster) out->cluster = out->category;
  TRY(formats_strings(a, d, d->root, "", "references", &out->references, e));
  TRY(formats_strings(a, d, d->root, "", "choices", &out->choices, e));
  TRY(json_string_or(d, d->root, "", "definition", &out->definition, e));
  TRY(json_string_or(d, d->root, "", "things_to_avoid", &out->avoid, e));
  TRY(formats_strings(a, d, d->root, "", "personas", &out->personas, e));
  TRY(formats_check_personas(d, "", out->personas, e));
  TRY(json_number_or(d, d->root, "", "weight", &number, e));
  out->weight = (float)number;
  if (!(out->weight > 0) || !isfinite(out->weight))
    return formats_unexpected(d, "weight", "a number above 0 that a float can hold", formats_field(d->root, "weight"), e);
  return true;
}

static bool check_shape(const json *d, data_format format, bool detected, err *e) {
  TRY(check_object(d, e));
  const shape *s = shape_of(d->root);
  if (!detected || !s || s->format == format) return true;
  return ERR(e, "%s: expected a row of the format %s, as the first example is, found one of the format %s", d->origin,
             formats_name(format), s->name);
}

// Pairs are wanted, and other rows have none.
static bool check_pairs(const json *d, data_format format, err *e) {
  if (format == DATA_PREFERENCE) return true;
  return ERR(e,
             "%s: expected \"prompt\", \"chosen\" and \"rejected\", since objective dpo learns from pairs of answers, found a "
             "row of the format %s",
             d->origin, formats_name(format));
}

// Nothing is read of the row but what its pack asks for.
static bool open_pack_row(arena *a, uint32_t place, formats_row *r) {
  const template_pack *p = r->options->pack;
  uint32_t *chosen = ARENA_ARRAY(a, uint32_t, p->per_row);
  template_pack_draw(p, r->options->seed, place, chosen);
  r->templates = chosen;
  r->n = p->per_row;
  r->shared.weight = 1;
  return true;
}

bool formats_open(arena *a, const json *row, uint32_t place, data_format format, bool detected, const dataset_options *options,
                  formats_row *r, err *e) {
  *r = (formats_row){.json = row, .format = format, .options = options, .shared = {.format = format, .place = 1}};
  if (options->pairs) TRY(check_pairs(row, format, e));
  if (format == DATA_PACK) return open_pack_row(a, place, r);
  TRY(check_shape(row, format, detected, e));
  TRY(read_attributes(a, row, &r->shared, e));
  if (format == DATA_SELF_INSTRUCT) return formats_open_instances(a, r, "instances", e);
  if (format != DATA_SUPERNI) return r->n = 1, true;
  TRY(superni_read(a, row, &r->task, e));
  if (!r->shared.category) r->shared.category = r->task.category;
  if (!r->shared.cluster) r->shared.cluster = r->shared.category;
  if (!r->shared.source) r->shared.source = r->task.source;
  return formats_open_instances(a, r, "Instances", e);
}

// --- end markers in the text of answers ---

static const char *without_suffix(arena *a, const char *s, const char *suffix) {
  size_t n = strlen(s), n_suffix = strlen(suffix);
  if (n < n_suffix || strcmp(s + n - n_suffix, suffix)) return s;
  return arena_strndup(a, s, n - n_suffix);
}

static strings all_without_suffix(arena *a, strings all, const char *suffix) {
  const char **items = ARENA_ARRAY(a, const char *, all.n);
  for (uint32_t i = 0; i < all.n; i++) items[i] = without_suffix(a, all.items[i], suffix);
  return (strings){items, all.n};
}

static void strip_answers(arena *a, const char *suffix, message *messages, uint32_t n) {
  for (uint32_t i = 0; i < n; i++)
    if (messages[i].role == ROLE_ASSISTANT) messages[i].content = without_suffix(a, messages[i].content, suffix);
}

static void strip_suffix(arena *a, const char *suffix, raw_example *x) {
  strip_answers(a, suffix, x->messages, x->n_messages);
  strip_answers(a, suffix, x->rejected, x->n_rejected);
  if (x->text) x->text = without_suffix(a, x->text, suffix);
  for (uint32_t i = 0; i < x->n_segments; i++)
    if (x->segments[i].train) x->segments[i].text = without_suffix(a, x->segments[i].text, suffix);
  x->references = all_without_suffix(a, x->references, suffix);
  x->choices = all_without_suffix(a, x->choices, suffix);
}

// --- one example ---

// The other answer is as good a conversation, and another one.
static bool check_pair(arena *a, const char *origin, const raw_example *x, err *e) {
  const raw_example other = {.messages = x->rejected, .n_messages = x->n_rejected};
  TRY(check_conversation(arena_printf(a, "%s: rejected", origin), false, &other, e));
  uint32_t same = 0;
  while (same < x->n_messages && same < x->n_rejected && formats_same_message(&x->messages[same], &x->rejected[same])) same++;
  return same < x->n_messages || same < x->n_rejected ||
         ERR(e, "%s: chosen, rejected: expected two answers that differ, found the same", origin);
}

static bool read_one(arena *a, const formats_row *r, uint32_t i, raw_example *out, err *e) {
  const json *d = r->json;
  const dataset_options *o = r->options;
  switch (r->format) {
    case DATA_TEXT: return json_string(d, d->root, "", "text", &out->text, e);
    case DATA_TOKENS: return formats_read_tokens(a, d, o, out, e);
    case DATA_SEGMENTS: return formats_read_segments(a, d, o, out, e);
    case DATA_ALPACA: return formats_read_alpaca(a, d, o, out, e);
    case DATA_MESSAGES: return formats_read_messages(a, d, o, out, e);
    case DATA_SHAREGPT: return formats_read_sharegpt(a, d, o, out, e);
    case DATA_PROMPT_COMPLETION: return formats_read_prompt_completion(a, d, out, e);
    case DATA_SELF_INSTRUCT: return formats_read_self_instruct(a, r, i, out, e);
    case DATA_SUPERNI: return formats_read_superni(a, r, i, out, e);
    case DATA_PACK: out->place = i + 1; return template_pack_render(a, o->pack, d, r->templates[i], out, e);
    case DATA_PREFERENCE: return formats_read_preference(a, d, o, out, e);
    case DATA_LABELLED: return formats_read_labelled(a, d, o, out, e);
    case DATA_AUTO: break;
  }
  REQUIRE(false, "%s: a format that was not recognised", d->origin);
}

bool formats_read(arena *a, const formats_row *r, uint32_t i, raw_example *out, err *e) {
  *out = r->shared;
  if (r->places) out->place = r->places[i];
  TRY(read_one(a, r, i, out, e));
  if (r->options->strip_suffix && *r->options->strip_suffix) strip_suffix(a, r->options->strip_suffix, out);
  if (out->text && !*out->text) return ERR(e, "%s: text: expected some text, found an empty string", r->json->origin);
  if (r->format == DATA_TEXT || r->format == DATA_TOKENS || r->format == DATA_SEGMENTS) return true;
  if (r->options->any_conversation) return true;
  const char *origin = r->json->origin;
  if (r->places)
    origin = arena_printf(a, "%s: %s[%u]", origin, r->format == DATA_SUPERNI ? "Instances" : "instances", r->places[i] - 1);
  TRY(check_conversation(origin, r->options->all_tokens, out, e));
  return !r->options->pairs || check_pair(a, origin, out, e);
}
