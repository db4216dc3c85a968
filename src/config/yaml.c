// Options from YAML's events, so that every message has its line and nothing nests further than it may.
#define _GNU_SOURCE
#include "config/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "config/names.h"
#include "io/yaml_events.h"
#include "vkift.h"

typedef struct reader {
  arena *memory;
  const char *dir;
  yaml_events at;
  const option_set *sets;
  size_t n_sets;
  const option **seen;
  unsigned long *seen_line;
  uint64_t n_seen;
  err *e;
} reader;

static bool is_null(const reader *r) {
  if (r->at.event.type != YAML_SCALAR_EVENT || !yaml_events_is_plain(&r->at)) return false;
  const char *v = (const char *)r->at.event.data.scalar.value;
  return !*v || !strcmp(v, "~") || !strcmp(v, "null");
}

// One scalar into the option. Numbers and booleans have to be plain: "3" in quotes is a text.
static bool store_scalar(reader *r, const option *o, void *values, const char *where, bool append) {
  const char *value = yaml_events_scalar(&r->at, where);
  if (!value) return false;
  bool textual = o->type == OPTION_TEXT || o->type == OPTION_PATH || o->type == OPTION_ENUM || o->type == OPTION_LIST ||
                 o->type == OPTION_DATA;
  if (!textual && !yaml_events_is_plain(&r->at)) {
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
    TRY(yaml_events_next(&r->at));
    if (r->at.event.type == YAML_MAPPING_END_EVENT) break;
    const char *key = yaml_events_scalar(&r->at, where);
    if (!key) return false;
    bool is_path = !strcmp(key, "path"), is_weight = !strcmp(key, "weight");
    if (!is_path && !is_weight) return ERR(r->e, "%s: expected the keys path and weight, found '%.100s'", where, key);
    if (is_path ? path != NULL : weight != 0) return ERR(r->e, "%s: '%s' stands twice", where, key);
    TRY(yaml_events_next(&r->at));
    const char *value = yaml_events_scalar(&r->at, where);
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

// An item of a list of names: its commas are its own.
static bool store_name(reader *r, const option *o, void *values, const char *where) {
  const char *value = yaml_events_scalar(&r->at, where);
  return value && option_add_name(r->memory, o, values, where, value, r->e);
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
    TRY(yaml_events_next(&r->at));
    if (r->at.event.type == YAML_SEQUENCE_END_EVENT) return true;
    if (r->at.event.type == YAML_MAPPING_START_EVENT && o->type == OPTION_DATA) TRY(store_data_mapping(r, o, values, where));
    else if (o->type == OPTION_LIST) TRY(store_name(r, o, values, where));
    else TRY(store_scalar(r, o, values, where, true));
  }
}

static bool note_seen(reader *r, const option *o) {
  for (uint64_t i = 0; i < r->n_seen; i++) {
    if (r->seen[i] == o)
      return ERR(r->e, "%s:%lu: '%s' stands twice: first in line %lu", r->at.origin, r->at.line, o->name, r->seen_line[i]);
  }
  r->seen[r->n_seen] = o;
  r->seen_line[r->n_seen++] = r->at.line;
  return true;
}

static bool read_pair(reader *r) {
  const char *place = arena_printf(r->memory, "%s:%lu", r->at.origin, r->at.line);
  const char *key = yaml_events_scalar(&r->at, place);
  if (!key) return false;
  const option_set *in = NULL;
  const option *o = strchr(key, '-') ? NULL : option_find(r->sets, r->n_sets, key, &in);
  if (!o || (o->rules & OPTION_FLAG_ONLY))
    return names_unknown_option(r->sets, r->n_sets, arena_printf(r->memory, "%s: ", place), key, false, r->e);
  TRY(note_seen(r, o));
  TRY(yaml_events_next(&r->at));
  if (is_null(r)) return true;
  const char *where = arena_printf(r->memory, "%s:%lu: %s", r->at.origin, r->at.line, o->name);
  if (r->at.event.type == YAML_SEQUENCE_START_EVENT) return store_sequence(r, o, in->values, where);
  if (r->at.event.type == YAML_MAPPING_START_EVENT && o->type == OPTION_DATA) {
    memset((char *)in->values + o->offset, 0, sizeof(vkift_data_list));
    return store_data_mapping(r, o, in->values, where);
  }
  return store_scalar(r, o, in->values, where, false);
}

static bool read_document(reader *r) {
  bool any;
  TRY(yaml_events_begin(&r->at, &any));
  if (!any) return true;
  if (!is_null(r)) {
    if (r->at.event.type != YAML_MAPPING_START_EVENT)
      return ERR(r->e, "%s:%lu: expected lines of the form \"key: value\", found %s", r->at.origin, r->at.line,
                 yaml_events_describe(&r->at));
    TRY(yaml_events_next(&r->at));
    while (r->at.event.type != YAML_MAPPING_END_EVENT) {
      TRY(read_pair(r));
      TRY(yaml_events_next(&r->at));
    }
  }
  return yaml_events_end(&r->at);
}

bool yaml_read(arena *a, const char *path, const option_set *sets, size_t n_sets, err *e) {
  char *data;
  uint64_t size, n_options = 0;
  TRY(file_read(a, path, YAML_FILE_BYTES, &data, &size, e));
  for (size_t s = 0; s < n_sets; s++)
    for (const option *o = sets[s].options; o->name; o++) n_options++;
  reader r = {.memory = a,
              .dir = arena_strndup(a, path, (size_t)(path_name(path) - path)),
              .sets = sets,
              .n_sets = n_sets,
              .seen = ARENA_ARRAY(a, const option *, n_options),
              .seen_line = ARENA_ARRAY(a, unsigned long, n_options),
              .e = e};
  yaml_events_open(&r.at, path, data, size, e);
  bool ok = read_document(&r);
  yaml_events_close(&r.at);
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
