// Every example of a data file, one after the other, in the form in which its row has it: items (jsonl.c) to rows to examples
// (formats.c). A file of any size needs the memory of one row.
#ifndef DATA_ROWS_H
#define DATA_ROWS_H

#include "data/formats.h"

typedef enum row_outcome {
  ROW_TAKEN,
  ROW_BAD, // this example cannot be used: an error, or counted with skip_bad_examples
  ROW_STOP // the reading ends with the callback's error, whatever the options
} row_outcome;

// One example; it lives until the callback returns. place: its line, its item of the array, or with a file of one object its
// instance; 1-based.
typedef row_outcome rows_fn(void *user, const formats_row *row, raw_example *raw, uint32_t place, err *e);

// Of `options` count format, skip_bad_examples, progress and what formats.h reads. Zero what is not given.
typedef struct rows_reading {
  const dataset_options *options;
  rows_fn *on;
  void *user;
  uint64_t n_bad;                   // examples that were passed over with skip_bad_examples, of all files so far
  err first_bad;                    // … the first of them
  uint64_t done_bytes, total_bytes; // of files before this one and of all, for options->progress
} rows_reading;

bool rows_read(rows_reading *r, const char *path, err *e);
bool rows_read_memory(rows_reading *r, const char *name, const void *data, uint64_t size, err *e);

#endif
