// Of a classifier's run, how often texts of each label were given each label: a table for every file of predictions/.
#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "data/jsonl.h"
#include "report/page.h"

enum { MOST_LABELS = 12, MOST_TABLES = 6, MOST_NAME = 40 };

typedef struct confusion {
  const vkift_strings *labels;
  uint64_t counts[MOST_LABELS][MOST_LABELS]; // right, given
  uint64_t n;
} confusion;

static size_t number_of(const vkift_strings *labels, const cJSON *name) {
  size_t i = 0;
  while (i < labels->n && !(cJSON_IsString(name) && !strcmp(labels->items[i], name->valuestring))) i++;
  return i;
}

// What names other labels is of another model.
static void count(confusion *c, const json *row) {
  const cJSON *references = cJSON_GetObjectItemCaseSensitive(row->root, "references");
  const size_t right = number_of(c->labels, cJSON_IsArray(references) ? references->child : NULL),
               given = number_of(c->labels, cJSON_GetObjectItemCaseSensitive(row->root, "prediction"));
  if (right == c->labels->n || given == c->labels->n) return;
  c->counts[right][given]++;
  c->n++;
}

static bool read_rows(const char *path, const file_map *map, confusion *c, err *e) {
  const char *data = (const char *)map->data;
  jsonl lines = {.name = path, .at = data, .end = data + map->size, .line = 1};
  char origin[4200];
  for (;;) {
    jsonl_item item;
    json row;
    const jsonl_status status = jsonl_next(&lines, &item, e);
    if (status == JSONL_END) return true;
    if (status != JSONL_ITEM) return false;
    snprintf(origin, sizeof origin, "%s:%u", path, item.place);
    TRY(json_parse(origin, item.data, item.length, &row, e));
    count(c, &row);
    json_free(&row);
  }
}

static bool read_file(const char *path, confusion *c, err *e) {
  file_map map;
  TRY(file_map_open(path, &map, e));
  const bool ok = read_rows(path, &map, c, e);
  file_unmap(&map);
  return ok;
}

// A label as a column's title.
static const char *title_of(arena *a, const doc *d, const char *label) {
  doc words = {.markdown = d->markdown};
  doc_quote_cut(&words, label, MOST_NAME);
  const char *copy = arena_strdup(a, words.out.data);
  doc_free(&words);
  return copy;
}

static void put_table(doc *d, arena *a, const char *file, const confusion *c) {
  doc_column columns[MOST_LABELS + 1] = {{"right label", false}};
  const vkift_strings *labels = c->labels;
  for (size_t k = 0; k < labels->n; k++) columns[k + 1] = (doc_column){title_of(a, d, labels->items[k]), true};
  doc_paragraph(d, NULL);
  doc_quote_cut(d, file, MOST_NAME);
  doc_end_paragraph(d);
  doc_table(d, "Texts by the label that is right and the label that was given", columns, labels->n + 1);
  for (size_t i = 0; i < labels->n; i++) {
    doc_row(d);
    doc_cell(d), doc_quote_cut(d, labels->items[i], MOST_NAME);
    for (size_t k = 0; k < labels->n; k++) {
      doc_cell(d);
      doc_number(d, (double)c->counts[i][k], NUMBER_COUNT, 0, "predictions/%s:confusion(%zu,%zu)", file, i, k);
    }
  }
  doc_end_table(d);
}

bool page_classes(doc *d, const page_run *r, const vkift_strings *labels, err *e) {
  const char *dir = path_join(r->memory, r->dir, "predictions");
  char **names;
  uint64_t n, shown = 0;
  if (labels->n < 2 || labels->n > MOST_LABELS || !file_is_dir(dir)) return true;
  TRY(dir_list(r->memory, dir, &names, &n, e));
  for (uint64_t i = 0; i < n && shown < MOST_TABLES; i++) {
    confusion c = {.labels = labels};
    if (!path_ends_with(names[i], ".jsonl")) continue;
    TRY(read_file(path_join(r->memory, dir, names[i]), &c, e));
    if (!c.n) continue;
    if (!shown++) {
      doc_section(d, "classes", "Which labels were given");
      doc_paragraph(d, NULL);
      doc_say(d, "Of the texts of each label (rows) how many were given each label (columns), in every file of predictions.");
      doc_end_paragraph(d);
    }
    put_table(d, r->memory, names[i], &c);
  }
  if (shown) doc_end_section(d);
  return true;
}
