// The events of a YAML file, one after the other, without what makes YAML hard to bound or to read: anchors, aliases, tags
// and further documents are refused with their line. Inside vkift's readers of YAML (yaml_tree.h, config/yaml.h).
#ifndef IO_YAML_EVENTS_H
#define IO_YAML_EVENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <yaml.h>

#include "base/err.h"

enum { YAML_FILE_BYTES = 1 << 20 }; // the longest file that is read

typedef struct yaml_events {
  const char *origin; // file name for messages; the caller's
  yaml_parser_t parser;
  yaml_event_t event; // the one at hand
  bool have_event;
  unsigned long line; // of the event, 1-based
  err *e;
} yaml_events;

// `source` must live until the reading is closed. UTF-8 with or without a byte-order mark.
void yaml_events_open(yaml_events *r, const char *origin, const char *source, uint64_t length, err *e);
void yaml_events_close(yaml_events *r);

// Moves to the first event of the document's value; *any is false where the file has no document.
bool yaml_events_begin(yaml_events *r, bool *any);
bool yaml_events_next(yaml_events *r);
// At the last event of the value: nothing but the end of the file is behind it.
bool yaml_events_end(yaml_events *r);

const char *yaml_events_describe(const yaml_events *r); // "a list", … for messages
bool yaml_events_is_plain(const yaml_events *r);        // the scalar at hand has no quotation marks
// The text of the scalar at hand, until the next event. NULL, with a message that begins with `where`, where the event is
// another or the text holds a NUL.
const char *yaml_events_scalar(yaml_events *r, const char *where);

#endif
