// The journal of vkift data make: what the model wrote at each attempt, line by line as it is done, so that what was killed goes on
// where it was. Its first line says of which command it is.
//
//   {"vkift_data_make": 1, "model": …, "seed": 42, …}
//   {"attempt": 0, "guideline": …, "verdict": …, "finish": "end", "from": [NAME, …], "text": TEXT}
//
// Attempts follow one another from 0. Of a last line that has no end, as a kill leaves it, nothing counts.
#ifndef EVAL_MAKE_JOURNAL_H
#define EVAL_MAKE_JOURNAL_H

#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "data/strings.h"
#include "vkift.h"

typedef struct make_entry {
  const char *text;
  strings from;
  vkift_finish finish;
} make_entry;

typedef struct make_journal {
  const char *path;
  FILE *file;
  make_entry *entries; // [n], of earlier calls
  uint64_t n, capacity;
} make_journal;

// header: a JSON object on one line, without its end. A journal that is there already is read, its last line mended, and it is
// refused where its header is another (unless nothing stands behind that): the message names the first key that differs.
bool make_journal_open(arena *a, const char *path, const char *header, make_journal *j, err *e);
void make_journal_close(make_journal *j); // a zeroed one is fine
bool make_journal_add(make_journal *j, uint64_t attempt, const char *task, vkift_made verdict, const make_entry *x, err *e);

#endif
