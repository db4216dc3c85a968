// The readers of the single formats, for formats.c: each fills in what is its own. Inside formats.
#ifndef DATA_FORMATS_PARTS_H
#define DATA_FORMATS_PARTS_H

#include <cjson/cJSON.h>

#include "data/formats.h"

// The field, or NULL where it is missing or null.
const cJSON *formats_field(const cJSON *in, const char *key);
// "file:line: where: expected …, found …"
bool formats_unexpected(const json *d, const char *where, const char *expected, const cJSON *found, err *e);
// A list of strings; empty where the field is missing. An array without strings, or with something else, is refused.
bool formats_strings(arena *a, const json *d, const cJSON *in, const char *where, const char *key, strings *out, err *e);
// None of them is empty.
bool formats_check_personas(const json *d, const char *where, strings personas, err *e);

// formats_chat.c — lists of turns.
bool formats_read_messages(arena *a, const json *d, const dataset_options *o, raw_example *out, err *e);
bool formats_read_sharegpt(arena *a, const json *d, const dataset_options *o, raw_example *out, err *e);
bool formats_read_prompt_completion(arena *a, const json *d, raw_example *out, err *e);
// Appends the messages of the list d.key. `trains`: whether its assistant turns carry loss unless they say otherwise.
bool formats_read_list(arena *a, const json *d, const char *key, bool trains, raw_example *out, err *e);

// formats_judged.c — what other objectives learn from: pairs of answers, labels.
bool formats_same_message(const message *a, const message *b);
bool formats_read_preference(arena *a, const json *d, const dataset_options *o, raw_example *out, err *e);
bool formats_read_labelled(arena *a, const json *d, const dataset_options *o, raw_example *out, err *e);

// formats_pairs.c — instruction and answer.
bool formats_read_alpaca(arena *a, const json *d, const dataset_options *o, raw_example *out, err *e);
bool formats_open_instances(arena *a, formats_row *r, const char *key, err *e);
bool formats_read_self_instruct(arena *a, const formats_row *r, uint32_t i, raw_example *out, err *e);
bool formats_read_superni(arena *a, const formats_row *r, uint32_t i, raw_example *out, err *e);

// formats_tokens.c — examples that no prompt is put around.
bool formats_read_tokens(arena *a, const json *d, const dataset_options *o, raw_example *out, err *e);
bool formats_read_segments(arena *a, const json *d, const dataset_options *o, raw_example *out, err *e);

#endif
