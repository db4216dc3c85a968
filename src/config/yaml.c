// YAML through libyaml's events, so that every message has its line and nothing nests further than it may.
#define _GNU_SOURCE
#include "config/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/file.h"
#include "config/names.h"
#include "vkift.h"

enum { FILE_LIMIT = 1 << 20 };

typedef struct reader {
  arena *memory;
  const char *path, *dir;
  yaml_parser_t parser;
  yaml_event_t event;
  bool have_event;
  unsigned long line; // of the event, 1-based
  const option_set *sets;
  size_t n_sets;
  const option **seen;
  unsigned long *seen_line;
  uint64_t n_seen;
  err *e;
} reader;

static const char *describe(const yaml_event_t *event) {
  switch (event->type) {
    case YAML_SCALAR_EVENT: return "a value";
    case YAML_SEQUENCE_START_EVENT: return "a list";
    case YAML_MAPPING_START_EVENT: return "a mapping of keys to values";
    case YAML_ALIAS_EVENT: return "an alias";
    default: return "the end";
  }
}

// The next event, which must be none of the things that make YAML hard to bound or to read.
static bool next(reader *r) {
  if (r->have_event) yaml_event_delete(&r->event);
  r->have_event = false;
  if (!yaml_parser_parse(&r->parser, &r->event)) {
    yaml_mark_t mark = r->parser.problem_mark;
    return ERR(r->e, "%s:%zu: expected YAML, found a fault at column %zu: %s", r->path, mark.line + 1, mark.column + 1,
               r->parser.problem ? r->parser.problem : "memory ran out");
  }
  r->have_event = true;
  r->line = (unsigned long)r->event.start_mark.line + 1;
  const yaml_char_t *anchor = NULL, *tag = NULL;
  if (r->event.type == YAML_ALIAS_EVENT) anchor = r->event.data.alias.anchor;
  if (r->event.type == YAML_SCALAR_EVENT) anchor = r->event.data.scalar.anchor, tag = r->event.data.scalar.tag;
  if (r->event.type == YAML_SEQUENCE_START_EVENT)
    anchor = r->event.data.sequence_start.anchor, tag = r->event.data.sequence_start.tag;
  if (r->event.type == YAML_MAPPING_START_EVENT)
    anchor = r->event.data.mapping_start.anchor, tag = r->event.data.mapping_start.tag;
  if (anchor)
    return ERR(r->e, "%s:%lu: anchors and aliases ('%.100s') are not read here: write the value out", r->path, r->line, anchor);
  if (tag) return ERR(r->e, "%s:%lu: tags ('%.100s') are not read here: write the plain value", r->path, r->line, tag);
  return true;
}

static const char *scalar(reader *r, const char *where) {
  if (r->event.type != YAML_SCALAR_EVENT) {
    ERR(r->e, "%s: expected a value, found %s", where, describe(&r->event));
    return NULL;
  }
  const char *value = (const char *)r->event.data.scalar.value;
  if (strlen(value) != r->event.data.scalar.length) {
    ERR(r->e, "%s: expected text, found a NUL byte in it", where);
    return NULL;
  }
  return value;
}

static bool is_plain(const reader *r) {
  return r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool is_null(const reader *r) {
  if (r->event.type != YAML_SCALAR_EVENT || !is_plain(r)) return false;
  const char *v = (const char *)r->event.data.scalar.value;
  return !*v || !strcmp(v, "~") || !strcmp(v, "null");
}

// One scalar into the option. Numbers and booleans have to be plain: "3" in quotes is a text.
static bool store_scalar(reader *r, const option *o, void *values, const char *where, bool append) {
  const char *value = scalar(r, where);
  if (!value) return false;
  bool textual = o->type == OPTION_TEXT || o->type == OPTION_PATH || o->type == OPTION_ENUM || o->type == OPTION_LIST ||
                 o->type == OPTION_DATA;
  if (!textual && !is_plain(r)) {
    text expected = {0};
    option_describe(o, &expected);
    ERR(r->e, "%s: expected %s, found the text \"%.100s\" (leave out the quotation marks)", where, expected.data, value);
    text_free(&expected);
    return false;
  }
  return option_store(r->memory, o, values, where, value, r->dir, append, r->e);
}

// {path: …, weight: …} in a list of data.
static bool store_data_mapping(reader *r, const option *o, void *values, const char *where) {
  const char *path = NULL;
  double weight = 0;
  for (;;) {
    TRY(next(r));
    if (r->event.type == YAML_MAPPING_END_EVENT) break;
    const char *key = scalar(r, where);
    if (!key) return false;
    bool is_path = !strcmp(key, "path"), is_weight = !strcmp(key, "weight");
    if (!is_path && !is_weight) return ERR(r->e, "%s: expected the keys path and weight, found '%.100s'", where, key);
    if (is_path ? path != NULL : weight != 0) return ERR(r->e, "%s: '%s' stands twice", where, key);
    TRY(next(r));
    const char *value = scalar(r, where);
    if (!value) return false;
    if (is_path) {
      path = arena_strdup(r->memory, value);
    } else {
      static const option weight_option = {
          .name = "weight", .type = OPTION_NUMBER, .most = INFINITY, .rules = OPTION_ABOVE_LEAST};
      TRY(store_scalar(r, &weight_option, &weight, arena_printf(r->memory, "%s: weight", where), false));
    }
  }
  if (!path) return ERR(r->e, "%s: expected a path in this mapping, found none", where);
  return option_add_data(r->memory, o, values, where, path, weight != 0 ? weight : 1, r->dir, r->e);
}

static bool store_sequence(reader *r, const option *o, void *values, const char *where) {
  if (o->type != OPTION_LIST && o->type != OPTION_DATA) {
    text expected = {0};
    option_describe(o, &expected);
    ERR(r->e, "%s: expected %s, found a list", where, expected.data);
    text_free(&expected);
    return false;
  }
  if (o->type == OPTION_LIST) memset((char *)values + o->offset, 0, sizeof(vkift_strings));
  if (o->type == OPTION_DATA) memset((char *)values + o->offset, 0, sizeof(vkift_data_list));
  for (;;) {
    TRY(next(r));
    if (r->event.type == YAML_SEQUENCE_END_EVENT) return true;
    if (r->event.type == YAML_MAPPING_START_EVENT && o->type == OPTION_DATA) TRY(store_data_mapping(r, o, values, where));
    else TRY(store_scalar(r, o, values, where, true));
  }
}

static bool note_seen(reader *r, const option *o) {
  for (uint64_t i = 0; i < r->n_seen; i++) {
    if (r->seen[i] == o)
      return ERR(r->e, "%s:%lu: '%s' stands twice: first in line %lu", r->path, r->line, o->name, r->seen_line[i]);
  }
  r->seen[r->n_seen] = o;
  r->seen_line[r->n_seen++] = r->line;
  return true;
}

static bool read_pair(reader *r) {
  const char *place = arena_printf(r->memory, "%s:%lu", r->path, r->line);
  const char *key = scalar(r, place);
  if (!key) return false;
  const option_set *in = NULL;
  const option *o = strchr(key, '-') ? NULL : option_find(r->sets, r->n_sets, key, &in);
  if (!o || (o->rules & OPTION_FLAG_ONLY))
    return names_unknown_option(r->sets, r->n_sets, arena_printf(r->memory, "%s: ", place), key, false, r->e);
  TRY(note_seen(r, o));
  TRY(next(r));
  if (is_null(r)) return true;
  const char *where = arena_printf(r->memory, "%s:%lu: %s", r->path, r->line, o->name);
  if (r->event.type == YAML_SEQUENCE_START_EVENT) return store_sequence(r, o, in->values, where);
  if (r->event.type == YAML_MAPPING_START_EVENT && o->type == OPTION_DATA) {
    memset((char *)in->values + o->offset, 0, sizeof(vkift_data_list));
    return store_data_mapping(r, o, in->values, where);
  }
  return store_scalar(r, o, in->values, where, false);
}

static bool read_document(reader *r) {
  TRY(next(r)); // the stream's start
  TRY(next(r)); // the document's start, or the stream's end where there is nothing
  if (r->event.type == YAML_STREAM_END_EVENT) return true;
  TRY(next(r));
  if (!is_null(r)) {
    if (r->event.type != YAML_MAPPING_START_EVENT)
      return ERR(r->e, "%s:%lu: expected lines of the form \"key: value\", found %s", r->path, r->line, describe(&r->event));
    TRY(next(r));
    while (r->event.type != YAML_MAPPING_END_EVENT) {
      TRY(read_pair(r));
      TRY(next(r));
    }
  }
  TRY(next(r)); // the document's end
  TRY(next(r));
  if (r->event.type != YAML_STREAM_END_EVENT)
    return ERR(r->e, "%s:%lu: expected one YAML document, found another", r->path, r->line);
  return true;
}

bool yaml_read(arena *a, const char *path, const option_set *sets, size_t n_sets, err *e) {
  char *data;
  uint64_t size, n_options = 0;
  TRY(file_read(a, path, FILE_LIMIT, &data, &size, e));
  for (size_t s = 0; s < n_sets; s++)
    for (const option *o = sets[s].options; o->name; o++) n_options++;
  reader r = {.memory = a,
              .path = path,
              .dir = arena_strndup(a, path, (size_t)(path_name(path) - path)),
              .sets = sets,
              .n_sets = n_sets,
              .seen = ARENA_ARRAY(a, const option *, n_options),
              .seen_line = ARENA_ARRAY(a, unsigned long, n_options),
              .e = e};
  REQUIRE(yaml_parser_initialize(&r.parser), "libyaml could not start");
  yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&r.parser, (const unsigned char *)data, (size_t)size);
  bool ok = read_document(&r);
  if (r.have_event) yaml_event_delete(&r.event);
  yaml_parser_delete(&r.parser);
  return ok;
}

// --- writing ---------------------------------------------------------------------------------------------------------

// Double-quoted style can hold every text. Beside control characters, YAML wants NEL, the line and paragraph separators,
// the byte-order mark and non-characters escaped.
bool yaml_quote(const char *string, text *out, err *e) {
  text_putc(out, '"');
  for (size_t left = strlen(string); left;) {
    uint32_t code = 0;
    int n = utf8_decode(string, left, &code);
    if (!n) return ERR(e, "'%.200s': expected UTF-8, which config.yaml has to be, found another byte", string);
    bool hidden = code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029 || code == 0xFEFF ||
                  (code & 0xFFFE) == 0xFFFE;
    if (code == '"' || code == '\\') text_printf(out, "\\%c", (int)code);
    else if (code == '\n') text_puts(out, "\\n");
    else if (code == '\t') text_puts(out, "\\t");
    else if (hidden) text_printf(out, code > 0xFFFF ? "\\U%08X" : "\\u%04X", code);
    else text_put(out, string, (size_t)n);
    string += n, left -= (size_t)n;
  }
  text_putc(out, '"');
  return true;
}

static bool put_path(const option *o, const char *path, text *out, err *e) {
  for (int i = 0; o->names && o->names[i]; i++)
    if (!strcmp(o->names[i], path)) return yaml_quote(path, out, e);
  char *absolute = realpath(path, NULL);
  if (!absolute) return ERR(e, "%s: cannot find it: %s", path, strerror(errno));
  bool ok = yaml_quote(absolute, out, e);
  free(absolute);
  return ok;
}

static bool put_value(const option *o, const void *values, text *out, err *e) {
  const void *from = (const char *)values + o->offset;
  switch (o->type) {
    case OPTION_TEXT: return yaml_quote(*(const char *const *)from, out, e);
    case OPTION_PATH: return put_path(o, *(const char *const *)from, out, e);
    case OPTION_LIST: {
      const vkift_strings *list = from;
      text_puts(out, "[");
      for (size_t i = 0; i < list->n; i++) {
        text_puts(out, i ? ", " : "");
        TRY(yaml_quote(list->items[i], out, e));
      }
      text_puts(out, "]");
      return true;
    }
    case OPTION_DATA: {
      const vkift_data_list *list = from;
      for (size_t i = 0; i < list->n; i++) {
        text_puts(out, "\n  - path: ");
        TRY(put_path(o, list->items[i].path, out, e));
        text_puts(out, "\n    weight: ");
        number_format(list->items[i].weight, out);
      }
      return true;
    }
    default: option_format(o, values, out); return true;
  }
}

bool yaml_write(const option *options, const void *values, const void *defaults, text *out, err *e) {
  const char *group = NULL;
  for (const option *o = options; o->name; o++) {
    if (o->rules & (OPTION_FLAG_ONLY | OPTION_NOT_RECORDED)) continue;
    if (!group || strcmp(group, o->group)) text_printf(out, "%s# %s\n", group ? "\n" : "", o->group);
    group = o->group;
    if (o->unset && option_is_default(o, values, defaults)) {
      text_printf(out, "# %s: %s\n", o->name, o->unset);
      continue;
    }
    text_printf(out, o->type == OPTION_DATA ? "%s:" : "%s: ", o->name);
    TRY(put_value(o, values, out, e));
    text_putc(out, '\n');
  }
  return true;
}
