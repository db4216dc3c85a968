// One row of labelled data through one phrasing of a pack.
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/rng.h"
#include "data/template_pack.h"
#include "io/quote.h"
#include "jinja/jinja.h"

enum { COLUMNS_SHOWN = 12, ORIGIN_ROW = 1 };

// A row and what its pack makes of it.
typedef struct work {
  arena *a;
  const template_pack *p;
  const json *row;
  value variables;
} work;

// --- which phrasings ---

// The first per_row places of a shuffle: draw k takes one of those that are left. The numbers depend on the seed, the row's
// place and the task alone.
void template_pack_draw(const template_pack *p, uint64_t seed, uint64_t place, uint32_t *chosen) {
  const rng stream = rng_new(seed, RNG_TEMPLATE);
  const uint32_t n = p->n_templates, task = (uint32_t)XXH3_64bits(p->task, strlen(p->task));
  if (p->per_row == n) {
    for (uint32_t i = 0; i < n; i++) chosen[i] = i;
    return;
  }
  for (uint32_t k = 0; k < p->per_row; k++) {
    const rng_block b = rng_philox(stream.key, (uint32_t[4]){(uint32_t)place, (uint32_t)(place >> 32), k, task});
    uint32_t left = (uint32_t)((uint64_t)b.v[0] * (n - k) >> 32); // the how manieth of those that are left
    // chosen[0..k) is sorted: each that is not above the number moves it by one.
    uint32_t at = 0;
    for (; at < k && chosen[at] <= left; at++) left++;
    memmove(chosen + at + 1, chosen + at, (k - at) * sizeof *chosen);
    chosen[at] = left;
  }
}

// --- variables ---

static bool is_undefined(const work *w, const err *fault, err *e) {
  text columns = {0};
  char name[QUOTE_BYTES];
  uint32_t n = 0;
  const cJSON *item;
  cJSON_ArrayForEach(item, w->row->root) {
    if (cJSON_IsNull(item)) continue;
    if (n++ < COLUMNS_SHOWN) text_printf(&columns, "%s%s", n > 1 ? ", " : "", quote_string(item->string, name));
  }
  ERR(e, "%s: %s; the row has the columns %s%s", w->row->origin, fault->message, n ? columns.data : "(none)",
      n > COLUMNS_SHOWN ? ", …" : "");
  text_free(&columns);
  return false;
}

static bool evaluate(const work *w, const jinja_template *t, value *out, err *e) {
  bool undefined;
  err fault = {0};
  if (jinja_evaluate_strict(w->a, t, w->variables, out, &undefined, &fault)) return true;
  return undefined ? is_undefined(w, &fault, e) : ERR(e, "%s: %s", w->row->origin, fault.message);
}

static bool evaluate_column(const work *w, const pack_column *c, value *out, err *e) {
  uint64_t unused = 0;
  char name[QUOTE_BYTES];
  if (c->computed) return evaluate(w, c->computed, out, e);
  const value *found = value_find(w->variables, value_text(c->theirs), &unused);
  *out = found ? *found : (value){.kind = VALUE_UNDEFINED};
  if (found || cJSON_GetObjectItemCaseSensitive(w->row->root, c->theirs)) return true;
  const char *place = arena_printf(w->a, "%s: columns.%s", w->p->file, c->ours);
  err fault = {0};
  ERR(&fault, "%s: expected the column %s, found none of that name", place, quote_string(c->theirs, name));
  return is_undefined(w, &fault, e);
}

// The columns that one file of the pack says: none of them sees another.
static bool set_columns_of(work *w, uint32_t depth, err *e) {
  value *columns = ARENA_ARRAY(w->a, value, w->p->n_columns);
  for (uint32_t i = 0; i < w->p->n_columns; i++)
    if (w->p->columns[i].depth == depth) TRY(evaluate_column(w, &w->p->columns[i], &columns[i], e));
  for (uint32_t i = 0; i < w->p->n_columns; i++)
    if (columns[i].kind != VALUE_UNDEFINED) value_put_text(w->a, w->variables, w->p->columns[i].ours, columns[i]);
  return true;
}

// The row's own, over them those of the file that was given, over these those of the file that it takes from, and so on: what
// a pack computes is computed from the columns as they were renamed for it.
static bool set_columns(work *w, err *e) {
  const cJSON *item;
  const value all = value_dict_new(w->a);
  w->variables = value_dict_new(w->a);
  cJSON_ArrayForEach(item, w->row->root) {
    if (cJSON_IsNull(item)) continue;
    const value v = value_from_json(w->a, item, ORIGIN_ROW);
    value_put_text(w->a, all, item->string, v);
    value_put_text(w->a, w->variables, item->string, v);
  }
  value_put_text(w->a, w->variables, "row", all);
  for (uint32_t depth = 0; depth < w->p->n_files; depth++) TRY(set_columns_of(w, depth, e));
  value_put_text(w->a, w->variables, "row", all);
  return true;
}

// The text of a value that stands for itself; NULL for lists and the like.
static const char *text_of(arena *a, value v) {
  switch ((value_kind)v.kind) {
    case VALUE_STRING: return arena_strndup(a, v.bytes, v.length);
    case VALUE_INT: return arena_printf(a, "%lld", (long long)v.integer);
    case VALUE_FLOAT: return arena_printf(a, "%.15g", v.number);
    case VALUE_BOOL: return v.boolean ? "true" : "false";
    default: return NULL;
  }
}

static bool evaluate_texts(const work *w, const char *what, const jinja_template *t, uint32_t least, strings *out, err *e) {
  value v;
  TRY(evaluate(w, t, &v, e));
  if (!value_is_sequence(v) || v.list->n < least)
    return ERR(e, "%s: %s: %s: expected a list of at least %u, found %s", w->row->origin, w->p->file, what, least,
               value_is_sequence(v) ? "fewer" : value_type_name(v));
  const char **items = ARENA_ARRAY(w->a, const char *, v.list->n);
  for (uint64_t i = 0; i < v.list->n; i++) {
    items[i] = text_of(w->a, v.list->items[i]);
    if (!items[i] || !*items[i])
      return ERR(e, "%s: %s: %s[%llu]: expected some text, found %s", w->row->origin, w->p->file, what, (unsigned long long)i,
                 items[i] ? "an empty string" : value_type_name(v.list->items[i]));
  }
  *out = (strings){items, (uint32_t)v.list->n};
  return true;
}

// --- the right choice ---

static bool wrong_label(const work *w, const char *label, strings expected, err *e) {
  text all = {0};
  char shown[QUOTE_BYTES];
  for (uint32_t i = 0; i < expected.n && i < COLUMNS_SHOWN; i++)
    text_printf(&all, "%s%s", i ? ", " : "", quote_string(expected.items[i], shown));
  ERR(e, "%s: %s: label: expected %s%s in the column \"%.100s\", found %s", w->row->origin, w->p->file, all.data,
      expected.n > COLUMNS_SHOWN ? ", …" : "", w->p->label.column, quote_string(label, shown));
  text_free(&all);
  return false;
}

static bool find_text(const char *wanted, strings among, uint32_t *at) {
  for (*at = 0; *at < among.n; ++*at)
    if (!strcmp(among.items[*at], wanted)) return true;
  return false;
}

// A number or letter that counts the choices. Where letters do, a number counts from 1: some of ARC's answers have none.
static bool find_counted(const work *w, const char *label, uint32_t n, uint32_t *at, err *e) {
  const label_form form = w->p->label.form;
  const size_t length = strlen(label);
  const bool is_letter = form == LABEL_LETTER && length == 1 && (*label | 0x20) >= 'a' && (*label | 0x20) <= 'z';
  const uint32_t first = form != LABEL_INDEX;
  char shown[QUOTE_BYTES];
  *at = UINT32_MAX;
  if (is_letter) *at = (uint32_t)((*label | 0x20) - 'a');
  else if (length && length < 9 && strspn(label, "0123456789") == length) sscanf(label, "%u", at), *at -= first;
  if (*at < n) return true;
  const char *column = w->p->label.column, *found = quote_string(label, shown);
  if (form == LABEL_LETTER)
    return ERR(e, "%s: %s: label: expected a letter from A to %c, or a number from 1, in the column \"%.100s\", found %s",
               w->row->origin, w->p->file, 'A' + (int)(n < 26 ? n : 26) - 1, column, found);
  return ERR(e, "%s: %s: label: expected a number from %u to %u in the column \"%.100s\", found %s", w->row->origin, w->p->file,
             first, n - 1 + first, column, found);
}

static bool find_label(const work *w, strings choices, uint32_t *at, err *e) {
  const pack_label *l = &w->p->label;
  uint64_t unused = 0;
  const value *v = value_find(w->variables, value_text(l->column), &unused);
  err fault = {0};
  if (!v) {
    ERR(&fault, "%s: label: expected the column \"%.100s\", found nothing there", w->p->file, l->column);
    return is_undefined(w, &fault, e);
  }
  const char *label = text_of(w->a, *v);
  if (!label)
    return ERR(e, "%s: %s: label: expected a text or number in the column \"%.100s\", found a %s", w->row->origin, w->p->file,
               l->column, value_type_name(*v));
  if (l->form == LABEL_VALUES) {
    const strings values = {l->values, l->n};
    if (!find_text(label, values, at)) return wrong_label(w, label, values, e);
    *at = l->meant[*at];
    return true;
  }
  if (l->form == LABEL_TEXT) return find_text(label, choices, at) || wrong_label(w, label, choices, e);
  return find_counted(w, label, choices.n, at, e);
}

// --- rendering ---

// What came from the row among bytes [from, to) of a rendering, in pieces of a line each.
static void put_own(const jinja_output *of, uint64_t from, uint64_t to, text *own) {
  for (uint64_t i = from; i < to; i++) {
    if (jinja_origin(of, i) != ORIGIN_ROW) continue;
    if (own->length && (i == from || jinja_origin(of, i - 1) != ORIGIN_ROW)) text_putc(own, '\n');
    text_putc(own, of->text.data[i]);
  }
}

static bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

// own: what of it came from the row; NULL: nobody asks.
static bool render(const work *w, const jinja_template *t, const char *what, const pack_template *of, text *out, text *own,
                   err *e) {
  bool undefined;
  err fault = {0};
  char name[QUOTE_BYTES];
  jinja_output all;
  if (!jinja_render_strict(t, w->variables, &all, &undefined, &fault))
    return undefined ? is_undefined(w, &fault, e) : ERR(e, "%s: %s", w->row->origin, fault.message);
  uint64_t from = 0, to = all.text.length;
  while (to && is_space(all.text.data[to - 1])) to--;
  while (from < to && is_space(all.text.data[from])) from++;
  text_put(out, to ? all.text.data + from : "", (size_t)(to - from));
  if (own) put_own(&all, from, to, own);
  jinja_output_free(&all);
  return out->length || ERR(e, "%s: %s: template %s: %s: expected some text, found none", w->row->origin, of->file,
                            quote_string(of->name, name), what);
}

static const char *options_of(arena *a, strings choices) {
  text lines = {0};
  for (uint32_t i = 0; i < choices.n; i++) text_printf(&lines, "%s- %s", i ? "\n" : "", choices.items[i]);
  const char *kept = arena_strdup(a, lines.data);
  text_free(&lines);
  return kept;
}

static value string_of(const char *string, uint32_t origin) {
  return value_string(string, strlen(string), origin);
}

static value list_of(arena *a, strings all, uint32_t origin) {
  value list = value_list_new(a, VALUE_LIST);
  for (uint32_t i = 0; i < all.n; i++) value_append(a, list, string_of(all.items[i], origin));
  return list;
}

// The words of the choices, and which one is right. What the pack says of its choices is the template's own where that
// has other words for them.
static bool set_choices(work *w, const pack_template *t, const char **options, strings *words, err *e) {
  const template_pack *p = w->p;
  strings choices = p->choices;
  uint32_t right;
  if (p->row_choices) TRY(evaluate_texts(w, "choices", p->row_choices, 2, &choices, e));
  *words = t->choices.n ? t->choices : choices;
  const uint32_t origin = p->row_choices && !t->choices.n ? ORIGIN_ROW : ORIGIN_TEMPLATE;
  *options = t->shows_options ? options_of(w->a, *words) : "";
  if (words->n) value_put_text(w->a, w->variables, "choices", list_of(w->a, *words, origin));
  value_put_text(w->a, w->variables, "options", string_of(*options, origin));
  if (!p->label.column) return true;
  TRY(find_label(w, choices, &right, e));
  value_put_text(w->a, w->variables, "answer_choice", string_of(words->items[right], origin));
  return true;
}

static void add_options(const char *options, text *prompt) {
  text_printf(prompt, "\n\nOptions:\n%s", options);
}

// What an example carries beside its conversation.
static bool set_attributes(const work *w, const pack_template *t, strings words, raw_example *out, err *e) {
  const template_pack *p = w->p;
  const char *answer = out->messages[1].content;
  char name[QUOTE_BYTES], found[QUOTE_BYTES];
  uint32_t unused;
  out->task = t->inverted ? p->inverted_task : p->task;
  out->cluster = p->cluster;
  out->source = p->source;
  out->definition = t->definition || t->inverted ? t->definition : p->definition;
  out->avoid = t->avoid || t->inverted ? t->avoid : p->avoid;
  out->personas = t->has_personas || t->inverted ? t->personas : p->personas;
  if (t->inverted) return true;
  if (p->row_references) TRY(evaluate_texts(w, "references", p->row_references, 1, &out->references, e));
  if (!words.n || (t->has_choices && !t->choices.n)) return true;
  out->choices = words;
  if (find_text(answer, words, &unused)) return true;
  return ERR(e, "%s: %s: template %s: answer: expected one of the choices (\"choices: []\" where it is to be another), found %s",
             w->row->origin, t->file, quote_string(t->name, name), quote_string(answer, found));
}

bool template_pack_render(arena *a, const template_pack *p, const json *row, uint32_t i, raw_example *out, err *e) {
  work w = {.a = a, .p = p, .row = row};
  const pack_template *t = &p->templates[i];
  const char *options;
  strings words;
  char found[64];
  REQUIRE(i < p->n_templates, "%s: template %u of %u", p->file, i, p->n_templates);
  if (!cJSON_IsObject(row->root)) return ERR(e, "%s: expected an object, found %s", row->origin, json_describe(row->root, found));
  TRY(set_columns(&w, e));
  TRY(set_choices(&w, t, &options, &words, e));
  text prompt = {0}, answer = {0}, own = {0};
  const bool ok = render(&w, t->prompt, "prompt", t, &prompt, &own, e) && render(&w, t->answer, "answer", t, &answer, NULL, e);
  if (ok) {
    if (t->adds_options) add_options(options, &prompt);
    out->messages = ARENA_ARRAY(a, message, 2);
    out->n_messages = 2;
    out->messages[0] = (message){.role = ROLE_USER, .content = arena_strndup(a, prompt.data, prompt.length)};
    out->messages[1] = (message){.role = ROLE_ASSISTANT, .content = arena_strndup(a, answer.data, answer.length), .train = true};
    out->own = arena_strndup(a, own.length ? own.data : "", own.length);
  }
  text_free(&prompt), text_free(&answer), text_free(&own);
  return ok && set_attributes(&w, t, words, out, e);
}
