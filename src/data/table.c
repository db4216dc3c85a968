// Finding the rows of CSV and TSV, and taking them apart.
#include "data/table.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "io/quote.h"

// --- rows ---

static jsonl_status broken(const table *t, uint64_t line, err *e, const char *expected, const char *found) {
  ERR(e, "%s:%llu: expected %s, found %s", t->name, (unsigned long long)line, expected, found);
  return JSONL_BROKEN;
}

// Behind the closing quotation mark of the field that begins at `p`; NULL where there is none within the longest row.
static const char *skip_quoted(table *t, const char *p) {
  const char *most = t->end - p > JSONL_ITEM_BYTES ? p + JSONL_ITEM_BYTES : t->end;
  for (p++; p < most; p++) {
    t->line += *p == '\n';
    if (*p != '"') continue;
    if (p + 1 == t->end || p[1] != '"') return p + 1;
    p++;
  }
  return NULL;
}

// The end of the row that begins at t->at: at its line break, or at the end of the file.
static const char *row_end(table *t) {
  const char *p = t->at;
  if (t->separator == '\t') {
    const char *newline = memchr(p, '\n', (size_t)(t->end - p));
    return newline ? newline : t->end;
  }
  for (bool at_field = true; p < t->end && *p != '\n'; at_field = p[-1] == t->separator) {
    if (!at_field || *p != '"') p++;
    else if (!(p = skip_quoted(t, p))) return NULL;
    else if (p < t->end && *p != '\n') p++; // the separator, or what has no place here
  }
  return p;
}

static void skip_empty_lines(table *t) {
  for (; t->at < t->end; t->line++) {
    if (*t->at == '\n') t->at++;
    else if (t->end - t->at > 1 && t->at[0] == '\r' && t->at[1] == '\n') t->at += 2;
    else return;
  }
}

jsonl_status table_next(table *t, jsonl_item *row, err *e) {
  skip_empty_lines(t);
  if (t->at == t->end) return JSONL_END;
  const char *from = t->at;
  const uint64_t line = t->line;
  if (line > UINT32_MAX) return broken(t, line, e, "at most 4294967295 lines", "more");
  const char *to = row_end(t);
  if (!to) {
    t->at = t->end;
    return broken(t, line, e, "a closing quotation mark for each field of this row that begins with one", "none");
  }
  t->at = to < t->end ? to + 1 : to;
  t->line += to < t->end;
  if (to > from && to[-1] == '\r') to--;
  *row = (jsonl_item){.data = from, .length = (uint64_t)(to - from), .place = (uint32_t)line};
  if (row->length > JSONL_ITEM_BYTES) {
    ERR(e, "%s:%llu: expected a row of at most %d bytes, found %llu", t->name, (unsigned long long)line, JSONL_ITEM_BYTES,
        (unsigned long long)row->length);
    return JSONL_BAD;
  }
  const char *nul = memchr(from, 0, (size_t)row->length);
  if (!nul) return JSONL_ITEM;
  ERR(e, "%s:%llu: byte %llu of the row: expected text, found a NUL", t->name, (unsigned long long)line,
      (unsigned long long)(nul - from + 1));
  return JSONL_BAD;
}

// --- fields ---

// A field of TSV in quotation marks, with only doubled ones inside.
static bool is_quoted_line(const char *from, const char *to) {
  if (to - from < 2 || *from != '"' || to[-1] != '"') return false;
  for (const char *p = from + 1; p < to - 1; p++)
    if (*p == '"' && (++p == to - 1 || *p != '"')) return false;
  return true;
}

static void put_unquoted(const char *from, const char *to, text *out) {
  for (; from < to; from++) {
    text_putc(out, *from);
    from += *from == '"';
  }
}

// Takes the field at *at, up to a separator or the end.
static bool next_field(const table *t, const char *origin, uint32_t field, const char **at, const char *end, text *out, err *e) {
  const char *from = *at, *to;
  text_clear(out);
  text_put(out, "", 0);
  if (t->separator != '\t' && from < end && *from == '"') {
    for (to = from + 1; to < end && (*to != '"' || (to + 1 < end && to[1] == '"')); to++) to += *to == '"';
    REQUIRE(to < end, "%s: a row with an open quotation mark", origin);
    put_unquoted(from + 1, to, out);
    *at = to + 1;
    if (*at == end || **at == t->separator) return true;
    char found[QUOTE_BYTES];
    return ERR(e, "%s: field %u: expected a comma or the end of the row behind the closing quotation mark, found %s", origin,
               field + 1, quote(*at, (uint64_t)(end - *at), found));
  }
  to = memchr(from, t->separator, (size_t)(end - from));
  *at = to ? to : end;
  if (t->separator == '\t' && is_quoted_line(from, *at)) put_unquoted(from + 1, *at - 1, out);
  else text_put(out, from, (size_t)(*at - from));
  return true;
}

typedef bool field_fn(void *user, uint32_t field, const char *content, err *e);

static bool each_field(const table *t, const char *origin, const jsonl_item *row, field_fn *on, void *user, err *e) {
  const char *at = row->data, *end = row->data + row->length;
  size_t bad;
  if (!utf8_valid(at, row->length, &bad))
    return ERR(e, "%s: byte %zu of the row: expected UTF-8, found byte 0x%02X", origin, bad + 1, (unsigned char)at[bad]);
  text field = {0};
  bool ok = true;
  for (uint32_t i = 0; ok; i++, at++) {
    ok = next_field(t, origin, i, &at, end, &field, e) && on(user, i, field.data, e);
    if (at >= end) break;
  }
  text_free(&field);
  return ok;
}

// --- the header ---

typedef struct header {
  arena *a;
  table *t;
  uint64_t capacity, line;
} header;

// Spaces around a name are none of it.
static bool add_column(void *user, uint32_t field, const char *written, err *e) {
  header *h = user;
  table *t = h->t;
  size_t n = strlen(written);
  for (; n && *written == ' '; written++) n--;
  while (n && written[n - 1] == ' ') n--;
  const char *content = arena_strndup(h->a, written, n);
  char found[QUOTE_BYTES];
  if (field == TABLE_COLUMNS)
    return ERR(e, "%s:%llu: expected at most %d columns, found more", t->name, (unsigned long long)h->line, TABLE_COLUMNS);
  for (uint32_t i = 0; i < t->n_columns; i++)
    if (!strcmp(t->columns[i], content))
      return ERR(e, "%s:%llu: expected a header with each column's name once, found %s as columns %u and %u", t->name,
                 (unsigned long long)h->line, quote_string(content, found), i + 1, field + 1);
  arena_grow(h->a, (void **)&t->columns, &h->capacity, t->n_columns + 1, sizeof *t->columns);
  t->columns[t->n_columns++] = content;
  return true;
}

bool table_open(arena *a, const char *name, const char *data, uint64_t size, char separator, table *t, err *e) {
  TRY(jsonl_check_text(name, data, size, e));
  *t = (table){.name = name, .at = data, .end = data + size, .line = 1, .separator = separator};
  if (size >= 3 && !memcmp(data, "\xEF\xBB\xBF", 3)) t->at += 3;
  jsonl_item row;
  const jsonl_status status = table_next(t, &row, e);
  if (status == JSONL_END) return ERR(e, "%s: expected a header row and at least one row below it, found an empty file", name);
  if (status != JSONL_ITEM) return false;
  header h = {.a = a, .t = t, .line = row.place};
  TRY(each_field(t, arena_printf(a, "%s:%u", name, row.place), &row, add_column, &h, e));
  if (separator == ',' && t->n_columns == 1 && strchr(t->columns[0], ';'))
    return ERR(e, "%s:%u: expected commas between the columns' names, found semicolons: save it with commas", name, row.place);
  skip_empty_lines(t);
  if (t->at < t->end) return true;
  return ERR(e, "%s: expected at least one row below the header, found none", name);
}

// --- a row ---

typedef struct fields {
  const table *t;
  cJSON *row;
  uint32_t n;
} fields;

static bool add_field(void *user, uint32_t field, const char *content, err *e) {
  fields *f = user;
  f->n = field + 1;
  if (field >= f->t->n_columns) return true; // counted, and refused then
  return cJSON_AddStringToObject(f->row, f->t->columns[field], content) ||
         ERR(e, "%s: not enough host memory for a row", f->t->name);
}

bool table_parse(const table *t, const char *origin, const jsonl_item *row, json *doc, err *e) {
  *doc = (json){.origin = origin, .root = cJSON_CreateObject()};
  if (!doc->root) return ERR(e, "%s: not enough host memory for a row", t->name);
  fields f = {.t = t, .row = doc->root};
  bool ok = each_field(t, origin, row, add_field, &f, e);
  if (ok && f.n != t->n_columns)
    ok = ERR(e, "%s: expected %u fields, as many as the header has, found %u", origin, t->n_columns, f.n);
  if (!ok) json_free(doc);
  return ok;
}
