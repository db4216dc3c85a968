// YAML through libyaml's events, so that every message has its line and nothing nests further than its reader lets it.
#include "io/yaml_events.h"

#include <string.h>

void yaml_events_open(yaml_events *r, const char *origin, const char *source, uint64_t length, err *e) {
  *r = (yaml_events){.origin = origin, .e = e};
  REQUIRE(yaml_parser_initialize(&r->parser), "libyaml could not start");
  if (length >= 3 && !memcmp(source, "\xEF\xBB\xBF", 3)) source += 3, length -= 3;
  yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&r->parser, (const unsigned char *)source, (size_t)length);
}

void yaml_events_close(yaml_events *r) {
  if (r->have_event) yaml_event_delete(&r->event);
  yaml_parser_delete(&r->parser);
}

const char *yaml_events_describe(const yaml_events *r) {
  switch (r->event.type) {
    case YAML_SCALAR_EVENT: return "a value";
    case YAML_SEQUENCE_START_EVENT: return "a list";
    case YAML_MAPPING_START_EVENT: return "a mapping of keys to values";
    case YAML_ALIAS_EVENT: return "an alias";
    default: return "the end";
  }
}

bool yaml_events_next(yaml_events *r) {
  if (r->have_event) yaml_event_delete(&r->event);
  r->have_event = false;
  if (!yaml_parser_parse(&r->parser, &r->event)) {
    yaml_mark_t mark = r->parser.problem_mark;
    return ERR(r->e, "%s:%zu: expected YAML, found a fault at column %zu: %s", r->origin, mark.line + 1, mark.column + 1,
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
    return ERR(r->e, "%s:%lu: anchors and aliases ('%.100s') are not read here: write the value out", r->origin, r->line, anchor);
  if (tag) return ERR(r->e, "%s:%lu: tags ('%.100s') are not read here: write the plain value", r->origin, r->line, tag);
  return true;
}

bool yaml_events_begin(yaml_events *r, bool *any) {
  TRY(yaml_events_next(r)); // the stream's start
  TRY(yaml_events_next(r)); // the document's start, or the stream's end where there is nothing
  *any = r->event.type != YAML_STREAM_END_EVENT;
  return !*any || yaml_events_next(r);
}

bool yaml_events_end(yaml_events *r) {
  TRY(yaml_events_next(r)); // the document's end
  TRY(yaml_events_next(r));
  if (r->event.type == YAML_STREAM_END_EVENT) return true;
  return ERR(r->e, "%s:%lu: expected one YAML document, found another", r->origin, r->line);
}

bool yaml_events_is_plain(const yaml_events *r) {
  return r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

const char *yaml_events_scalar(yaml_events *r, const char *where) {
  if (r->event.type != YAML_SCALAR_EVENT) {
    ERR(r->e, "%s: expected a value, found %s", where, yaml_events_describe(r));
    return NULL;
  }
  const char *value = (const char *)r->event.data.scalar.value;
  if (strlen(value) != r->event.data.scalar.length) {
    ERR(r->e, "%s: expected text, found a NUL byte in it", where);
    return NULL;
  }
  return value;
}
