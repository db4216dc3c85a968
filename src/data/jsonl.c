// Finding the items of JSON Lines and of JSON arrays. Whether an item is valid JSON is the parser's to say.
#include "data/jsonl.h"

#include <stdio.h>
#include <string.h>

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

// Also without a byte-order mark: JSON begins with ASCII, so that one of the first two bytes is a NUL.
static bool is_utf16(const char *data, uint64_t size) {
  if (size < 2) return false;
  return !memcmp(data, "\xFF\xFE", 2) || !memcmp(data, "\xFE\xFF", 2) || !data[0] != !data[1];
}

// What people take for data too, by its first bytes; NULL: none of it.
static const char *binary_kind(const char *data, uint64_t size) {
  static const struct {
    const char *begin, *kind;
  } kinds[] = {{"\x1F\x8B", "a gzip file: unpack it first"},
               {"(\xB5/\xFD", "a Zstandard file: unpack it first"},
               {"BZh", "a bzip2 file: unpack it first"},
               {"PK\x03\x04", "a zip archive or a spreadsheet: unpack it, or export it as CSV"},
               {"PAR1", "a Parquet file: convert it to JSON Lines first"},
               {"ARROW1", "an Arrow file: convert it to JSON Lines first"},
               {"SQLite format 3", "a database: export it as CSV"}};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    const size_t n = strlen(kinds[i].begin);
    if (size >= n && !memcmp(data, kinds[i].begin, n)) return kinds[i].kind;
  }
  return NULL;
}

bool jsonl_check_text(const char *name, const char *data, uint64_t size, err *e) {
  const char *kind = binary_kind(data, size);
  if (kind) return ERR(e, "%s: expected text, found %s", name, kind);
  return !is_utf16(data, size) || ERR(e, "%s: expected text in UTF-8, found UTF-16; convert it first", name);
}

static void skip_space(jsonl *r) {
  for (; r->at < r->end && (is_blank(*r->at) || *r->at == '\n'); r->at++) r->line += *r->at == '\n';
}

// Whether an object begins at `s`, ends behind a line break, and has nothing but white space behind it. A line break in
// a string is no JSON: then the file is one of lines, and the first of them is at fault.
static bool fills_lines(const char *s, const char *end) {
  uint64_t depth = 0;
  bool in_string = false, broken = false;
  if (*s != '{') return false;
  for (; s < end && *s; s++) {
    if (in_string) {
      if (*s == '\n') return false;
      if (*s == '\\' && end - s > 1 && s[1]) s++;
      else if (*s == '"') in_string = false;
      continue;
    }
    in_string = *s == '"';
    broken |= *s == '\n';
    depth += *s == '{' || *s == '[';
    if ((*s == '}' || *s == ']') && !--depth) break;
  }
  if (depth || s >= end || !broken) return false;
  for (s++; s < end && (is_blank(*s) || *s == '\n'); s++) continue;
  return s == end;
}

bool jsonl_open(const char *name, const char *data, uint64_t size, jsonl *r, err *e) {
  TRY(jsonl_check_text(name, data, size, e));
  *r = (jsonl){.name = name, .at = data, .end = data + size, .line = 1};
  if (size >= 3 && !memcmp(data, "\xEF\xBB\xBF", 3)) r->at += 3;
  skip_space(r);
  if (r->at == r->end) return ERR(e, "%s: expected at least one example, found an empty file", name);
  r->is_array = *r->at == '[';
  r->is_document = fills_lines(r->at, r->end);
  r->at += r->is_array;
  return true;
}

// The next line that is not blank.
static jsonl_status next_line(jsonl *r, jsonl_item *item, err *e) {
  skip_space(r);
  if (r->at == r->end) return JSONL_END;
  const char *from = r->at, *newline = memchr(from, '\n', (size_t)(r->end - from)), *to = newline ? newline : r->end;
  unsigned long long line = r->line++;
  r->at = newline ? newline + 1 : r->end;
  r->items++;
  while (to > from && is_blank(to[-1])) to--;
  *item = (jsonl_item){.data = from, .length = (uint64_t)(to - from), .place = (uint32_t)line};
  if (line > UINT32_MAX) {
    ERR(e, "%s:%llu: expected at most %u lines, found more", r->name, line, UINT32_MAX);
    return JSONL_BROKEN;
  }
  const char *nul = item->length > JSONL_ITEM_BYTES ? NULL : memchr(from, 0, (size_t)item->length);
  if (item->length > JSONL_ITEM_BYTES)
    ERR(e, "%s:%llu: expected a line of at most %d bytes, found %llu", r->name, line, JSONL_ITEM_BYTES,
        (unsigned long long)item->length);
  else if (nul) ERR(e, "%s:%llu: byte %llu: expected text, found a NUL", r->name, line, (unsigned long long)(nul - from + 1));
  else if (item->length == 1 && *from == '{')
    ERR(e,
        "%s:%llu: expected a JSON object on one line, found one that goes on below it (only the items of a JSON array, or "
        "one object that fills the file, may stand on several lines)",
        r->name, line);
  else return JSONL_ITEM;
  return JSONL_BAD;
}

static jsonl_status broken_array(const jsonl *r, err *e, const char *expected) {
  char found[32] = "the end of the file";
  if (r->at<r->end && * r->at> ' ' && *r->at < 0x7F) snprintf(found, sizeof found, "'%c'", *r->at);
  else if (r->at < r->end) snprintf(found, sizeof found, "the byte 0x%02X", (unsigned char)*r->at);
  ERR(e, "%s:%llu: item %llu of the array: expected %s, found %s", r->name, (unsigned long long)r->line,
      (unsigned long long)r->items + 1, expected, found);
  return JSONL_BROKEN;
}

// Moves r->at behind the value that begins there, to the comma or bracket that ends it. Strings hide what is in them.
static bool skip_value(jsonl *r) {
  uint64_t depth = 0;
  bool in_string = false;
  for (const char *from = r->at; r->at < r->end && r->at - from <= JSONL_ITEM_BYTES; r->at++) {
    char c = *r->at;
    if (!c) return false;
    r->line += c == '\n';
    if (in_string) {
      if (c == '\\' && r->end - r->at > 1 && r->at[1]) r->at++;
      else if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (!depth && (c == ',' || c == ']')) {
      return true;
    } else if (c == '{' || c == '[') {
      depth++;
    } else if (c == '}' || c == ']') {
      if (!depth--) return false;
    }
  }
  return false;
}

static jsonl_status next_element(jsonl *r, jsonl_item *item, err *e) {
  skip_space(r);
  if (r->is_closed) return r->at == r->end ? JSONL_END : broken_array(r, e, "nothing behind the array");
  if (!r->items && r->at < r->end && *r->at == ']') {
    ERR(e, "%s: expected at least one example, found an empty array", r->name);
    return JSONL_BROKEN;
  }
  const char *from = r->at;
  uint64_t line = r->line;
  if (!skip_value(r)) {
    if (r->at - from <= JSONL_ITEM_BYTES) return broken_array(r, e, "a value with a comma or \"]\" behind it");
    ERR(e, "%s:%llu: item %llu of the array: expected at most %d bytes, found more", r->name, (unsigned long long)line,
        (unsigned long long)r->items + 1, JSONL_ITEM_BYTES);
    return JSONL_BROKEN;
  }
  if (r->at == from) return broken_array(r, e, "a value");
  r->items++;
  *item = (jsonl_item){.data = from, .length = (uint64_t)(r->at - from), .place = (uint32_t)r->items};
  r->is_closed = *r->at++ == ']';
  return JSONL_ITEM;
}

// The whole file.
static jsonl_status next_document(jsonl *r, jsonl_item *item, err *e) {
  if (r->at == r->end) return JSONL_END;
  *item = (jsonl_item){.data = r->at, .length = (uint64_t)(r->end - r->at), .place = 1};
  r->at = r->end;
  r->items++;
  if (item->length <= JSONL_DOCUMENT_BYTES) return JSONL_ITEM;
  ERR(e, "%s: expected an object of at most %d bytes, found %llu", r->name, JSONL_DOCUMENT_BYTES,
      (unsigned long long)item->length);
  return JSONL_BROKEN;
}

jsonl_status jsonl_next(jsonl *r, jsonl_item *item, err *e) {
  if (r->is_document) return next_document(r, item, e);
  return r->is_array ? next_element(r, item, e) : next_line(r, item, e);
}
