// The shapes that examples come in: one JSON row to conversations, texts or token lists.
#ifndef DATA_FORMATS_H
#define DATA_FORMATS_H

#include "base/arena.h"
#include "base/err.h"
#include "data/dataset.h"
#include "data/prompt.h"
#include "data/superni.h"
#include "io/json.h"

struct cJSON;

typedef struct segment {
  const char *text;
  bool train; // its text carries loss
} segment;

// One example, not yet tokenised. Strings belong to the row's JSON document or to the arena that was given.
typedef struct raw_example {
  data_format format;
  message *messages; // conversations: [n_messages]
  uint32_t n_messages;
  message *rejected; // of a pair: the prompt with the rejected answer, [n_rejected]; messages has the chosen one
  uint32_t n_rejected;
  const char *text;  // text
  segment *segments; // [n_segments]
  uint32_t n_segments;
  int32_t *ids;    // pre-tokenised: [n_ids]
  uint8_t *target; // [n_ids]
  uint32_t n_ids;
  const char *task, *cluster, *source; // NULL where the row has none
  const char *category, *metric;       // … likewise
  strings references, choices;         // empty where it has none
  const char *definition, *avoid;      // of its task; NULL where it has none
  strings personas;                    // that the answer fits; empty where it has none
  float weight;
  uint32_t place;    // of the example among those of its row, 1-based
  const char *input; // Super-NaturalInstructions: the instance's; the conversation has no user's turn yet. Else NULL
  const char *own;   // of a template pack: what of its prompt came from the row. Else NULL
} raw_example;

// A row: one example, or several (self-instruct, Super-NaturalInstructions) that share what it says.
typedef struct formats_row {
  const json *json;
  data_format format;
  const dataset_options *options;
  raw_example shared;
  superni_task task;              // Super-NaturalInstructions
  const struct cJSON **instances; // [n], of the formats with several examples in a row
  uint32_t *places;               // [n]: of each among all that the row has, 1-based
  const uint32_t *templates;      // [n], of a template pack
  uint32_t n;
} formats_row;

const char *formats_name(data_format format);

// The format of a row, by its fields.
bool formats_detect(const json *row, data_format *format, err *e);

// Checks a row's shape and reads what its examples share. `detected`: the format was taken from the first row, so that a
// row of another shape is named as such. `place`: the row's in its file, from which templates are drawn.
bool formats_open(arena *a, const json *row, uint32_t place, data_format format, bool detected, const dataset_options *options,
                  formats_row *r, err *e);
// Reads and checks example i < r->n.
bool formats_read(arena *a, const formats_row *r, uint32_t i, raw_example *out, err *e);

#endif
