// Texts that follow each other, joined and cut into examples of one length. Before one is joined, it can be told whether it was
// there already.
#ifndef DATA_JOINED_H
#define DATA_JOINED_H

#include "data/dataset.h"

// What has not become an example yet. It belongs to the first text that stands in it. Zero is empty.
typedef struct joined {
  arena *memory; // NULL: nothing is there
  int32_t *ids;  // [n], less than max_length of them
  uint32_t n, line;
  float weight;
  example_origin origin;
  uint64_t *seen; // [seen_size] hashes of texts: open addressing, at most half full; 0: a free place
  uint64_t n_seen, seen_size;
} joined;

// Where the examples go: origin->file is not set, nor is the hash.
typedef bool joined_put(void *user, example *x, err *e);

// Whether a text of this hash was asked for before.
bool joined_has_seen(joined *j, uint64_t hash);
// Adds a text. Those of other tasks or weights do not share an example.
bool joined_add(joined *j, const example *x, uint32_t max_length, joined_put *put, void *user, err *e);
// What is there becomes an example, though it is shorter.
bool joined_end(joined *j, joined_put *put, void *user, err *e);
void joined_free(joined *j);

#endif
