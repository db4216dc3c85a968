// The labels of a classifier. With objective classify an example is the tokens of its text, and behind them the number of its
// label: that is the one token which carries loss, and the state of the text's last token predicts it.
#ifndef DATA_LABELS_H
#define DATA_LABELS_H

#include "data/formats.h"
#include "data/mask.h"

enum { LABELS_MOST = 4096 };

// A row's text and its label, both as they stand: what one user says and the answer to it, whatever form the row has.
bool labels_of_row(const raw_example *raw, const char **plain, const char **label, err *e);
// The number of a label; an error names all of them.
bool labels_number(const strings *labels, const char *label, uint32_t *number, err *e);
// The example, cut to max_length tokens of text where that is longer and the options allow it (*cut).
bool labels_encode(arena *a, const dataset_options *o, const raw_example *raw, masked *out, bool *cut, err *e);

// Adds the labels of a split of the data at `path` to `labels`: numbers by their values, then names in the order of strcmp.
bool labels_find(arena *a, const char *path, const char *split, const dataset_options *o, strings *labels, err *e);
// At least two, at most LABELS_MOST, none of them empty or twice. `where` begins the message.
bool labels_check(const char *where, const strings *labels, err *e);
// "no, yes" for messages and notes; of many the first few.
void labels_list(const strings *labels, text *out);
// The number of examples that have each: counts [labels->n].
void labels_count(const strings *labels, const dataset *set, uint64_t *counts);
// What a list of --class-weights says of each label: "balanced" (of counts; all of them must occur), or a number for each.
// out [labels->n].
bool labels_weigh(const strings *labels, const char *const *given, size_t n, const uint64_t *counts, double *out, err *e);

#endif
