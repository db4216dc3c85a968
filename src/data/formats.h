// The shapes that examples come in: one JSON row to one conversation, text or token list.
#ifndef DATA_FORMATS_H
#define DATA_FORMATS_H

#include "base/arena.h"
#include "base/err.h"
#include "data/dataset.h"
#include "data/prompt.h"
#include "io/json.h"

// One row, not yet tokenised. Strings belong to the row's JSON document or to the arena that formats_read was given.
typedef struct raw_example {
  data_format format;
  message *messages; // alpaca, messages, prompt/completion: [n_messages]
  uint32_t n_messages;
  const char *text; // text
  int32_t *ids;     // pre-tokenised: [n_ids]
  uint8_t *target;  // [n_ids]
  uint32_t n_ids;
  const char *task, *cluster, *source; // NULL where the row has none
  float weight;
} raw_example;

const char *formats_name(data_format format);

// The format of a row, by its fields. Formats that are known but not read yet are refused by name.
bool formats_detect(const json *row, data_format *format, err *e);

// Reads and checks one row. `detected`: the format was taken from the first row, so that a row of another shape is
// named as such.
bool formats_read(arena *a, const json *row, data_format format, bool detected, const dataset_options *options,
                  raw_example *out, err *e);

#endif
