#include "data/labels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset_files.h"
#include "data/rows.h"
#include "io/quote.h"

bool labels_of_row(const raw_example *raw, const char **plain, const char **label, err *e) {
  const message *m = raw->messages;
  if (raw->n_messages == 0)
    return ERR(e, "expected a text and its label (\"text\" and \"label\", say), found a row of the format %s",
               formats_name(raw->format));
  const bool is_instance = raw->input && raw->n_messages == 2; // whose first turn is not put into words yet
  if (raw->n_messages != 2 || m[0].role != ROLE_USER || m[1].role != ROLE_ASSISTANT)
    return ERR(e, "expected one text and its label (a turn of the user and the answer to it), found %u turns%s", raw->n_messages,
               m[0].role == ROLE_SYSTEM ? ", a system message among them" : "");
  *plain = is_instance ? raw->input : m[0].content;
  *label = m[1].content;
  return *label[0] || ERR(e, "label: expected a name, found an empty string");
}

bool labels_number(const strings *labels, const char *label, uint32_t *number, err *e) {
  for (uint32_t i = 0; i < labels->n; i++)
    if (!strcmp(labels->items[i], label)) return *number = i, true;
  char found[QUOTE_BYTES];
  text all = {0};
  labels_list(labels, &all);
  ERR(e, "label: expected one of the labels %s, found %s", all.data, quote_string(label, found));
  text_free(&all);
  return false;
}

// As transformers truncates: the text's end goes, and what the tokenizer puts behind it stays. Control tokens are matched
// nowhere in a text, so a special one at its end was added.
static void cut_text(const tokenizer *t, masked *m, uint32_t most) {
  const int32_t last = m->ids[m->n - 1];
  if (tokenizer_is_special(t, last)) m->ids[most - 1] = last;
  m->n = most;
}

bool labels_encode(arena *a, const dataset_options *o, const raw_example *raw, masked *out, bool *cut, err *e) {
  const char *plain, *label;
  uint32_t number;
  masked m;
  TRY(labels_of_row(raw, &plain, &label, e) && labels_number(o->labels, label, &number, e));
  TRY(mask_encode_text(a, o->tokenizer, plain, -1, &m, e));
  if (!*plain || !m.n) return ERR(e, "text: expected some text, found an empty string");
  *cut = o->max_length && m.n > o->max_length && (o->excess == EXCESS_DEFAULT || o->excess == EXCESS_TRUNCATE);
  if (*cut) cut_text(o->tokenizer, &m, o->max_length);
  *out = (masked){
      .ids = ARENA_ARRAY(a, int32_t, (uint64_t)m.n + 1), .target = ARENA_ARRAY(a, uint8_t, (uint64_t)m.n + 1), .n = m.n + 1};
  memcpy(out->ids, m.ids, m.n * sizeof *m.ids);
  out->ids[m.n] = (int32_t)number;
  out->target[m.n] = 1;
  out->prompt_n = m.n;
  return true;
}

// --- those of a data set -----------------------------------------------------------------------------------------------

typedef struct finding {
  arena *memory;
  const char **items; // [LABELS_MOST], sorted
  uint32_t n;
} finding;

static bool is_number(const char *s) {
  return *s && !s[strspn(s, "0123456789")] && (*s != '0' || !s[1]);
}

// Numbers first, by their values, as the rows of a head stand that was trained on numbers; then names, by strcmp.
static int compare(const char *x, const char *y) {
  const bool x_number = is_number(x), y_number = is_number(y);
  const size_t n_x = strlen(x), n_y = strlen(y);
  if (x_number != y_number) return x_number ? -1 : 1;
  if (x_number && n_x != n_y) return n_x < n_y ? -1 : 1;
  return strcmp(x, y);
}

static row_outcome take_label(void *user, const formats_row *row, raw_example *raw, uint32_t place, err *e) {
  finding *f = user;
  const char *plain, *label, *origin = row->json->origin;
  (void)place;
  if (!labels_of_row(raw, &plain, &label, e)) return err_prefix(e, "%s", origin), ROW_BAD;
  uint32_t low = 0, high = f->n;
  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    const int order = compare(f->items[middle], label);
    if (!order) return ROW_TAKEN;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  if (f->n == LABELS_MOST)
    return ERR(e, "%s: label: expected at most %d different ones, found another: are these labels?", origin, LABELS_MOST),
           ROW_STOP;
  memmove(f->items + low + 1, f->items + low, (f->n - low) * sizeof *f->items);
  f->items[low] = arena_strdup(f->memory, label);
  f->n++;
  return ROW_TAKEN;
}

bool labels_find(arena *a, const char *path, const char *split, const dataset_options *o, strings *labels, err *e) {
  static const strings none = {0};
  dataset_files files;
  dataset_options options = *o;
  options.labels = &none;
  options.watch = NULL;
  finding f = {.memory = a, .items = ARENA_ARRAY(a, const char *, LABELS_MOST), .n = labels->n};
  if (labels->n) memcpy(f.items, labels->items, labels->n * sizeof *f.items);
  TRY(dataset_files_find(a, path, split, &files, e) && dataset_files_set_pack(&files, path, &options, e));
  rows_reading rows = {.options = &options, .on = take_label, .user = &f};
  for (uint64_t i = 0; i < files.n; i++) TRY(rows_read(&rows, files.paths[i], e));
  *labels = (strings){f.items, f.n};
  return true;
}

bool labels_check(const char *where, const strings *labels, err *e) {
  char found[QUOTE_BYTES];
  if (labels->n < 2)
    return ERR(e, "%s: expected at least two labels to tell apart, found %s", where,
               labels->n ? quote_string(labels->items[0], found) : "none");
  if (labels->n > LABELS_MOST) return ERR(e, "%s: expected at most %d labels, found %u", where, LABELS_MOST, labels->n);
  for (uint32_t i = 0; i < labels->n; i++) {
    if (!*labels->items[i]) return ERR(e, "%s: expected names of labels, found an empty one", where);
    for (uint32_t k = 0; k < i; k++)
      if (!strcmp(labels->items[i], labels->items[k]))
        return ERR(e, "%s: expected different labels, found %s twice", where, quote_string(labels->items[i], found));
  }
  return true;
}

void labels_list(const strings *labels, text *out) {
  enum { SHOWN = 12 };
  char name[QUOTE_BYTES];
  text_puts(out, "");
  for (uint32_t i = 0; i < labels->n && i < SHOWN; i++)
    text_printf(out, "%s%s", i ? ", " : "", quote_string(labels->items[i], name));
  if (labels->n > SHOWN) text_printf(out, ", … (%u)", labels->n);
}

void labels_count(const strings *labels, const dataset *set, uint64_t *counts) {
  memset(counts, 0, labels->n * sizeof *counts);
  for (uint64_t i = 0; i < set->n; i++) {
    const int32_t number = set->items[i].ids[set->items[i].n - 1];
    REQUIRE(number >= 0 && (uint32_t)number < labels->n, "label %d of %u", number, labels->n);
    counts[number]++;
  }
}

// --- weights -----------------------------------------------------------------------------------------------------------

// As scikit-learn has them: what all examples of a label weigh together is the same for each.
static bool balance(const strings *labels, const uint64_t *counts, double *out, err *e) {
  uint64_t n = 0;
  char name[QUOTE_BYTES];
  for (uint32_t i = 0; i < labels->n; i++) n += counts[i];
  for (uint32_t i = 0; i < labels->n; i++) {
    if (!counts[i])
      return ERR(e, "class_weights: balanced: expected training examples of each label, found none of %s",
                 quote_string(labels->items[i], name));
    out[i] = (double)n / ((double)labels->n * (double)counts[i]);
  }
  return true;
}

bool labels_weigh(const strings *labels, const char *const *given, size_t n, const uint64_t *counts, double *out, err *e) {
  char name[QUOTE_BYTES];
  if (n == 1 && !strcmp(given[0], "balanced")) return balance(labels, counts, out, e);
  if (n && n != labels->n) {
    text all = {0};
    labels_list(labels, &all);
    ERR(e, "class_weights: expected balanced, or a number for each of the %u labels (%s), found %zu", labels->n, all.data, n);
    text_free(&all);
    return false;
  }
  for (uint32_t i = 0; i < labels->n; i++) {
    char *end = NULL;
    out[i] = n ? strtod(given[i], &end) : 1;
    if (n && (end == given[i] || *end || !(out[i] > 0) || !isnormal((float)out[i])))
      return ERR(e, "class_weights: expected numbers above 0 that a float can hold, found %s", quote_string(given[i], name));
  }
  return true;
}
