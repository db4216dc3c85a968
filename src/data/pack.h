// Packing: the examples of one optimizer step laid one after the other into rows of a fixed capacity, without padding
// between them, and the host arrays that one submission of a row needs.
#ifndef DATA_PACK_H
#define DATA_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "data/dataset.h"

enum { PACK_COUNTS = 5 }; // of a packed row

// What one row can hold. Every example must fit into an empty row.
typedef struct pack_limits {
  uint32_t tokens;  // N, the row's capacity
  uint32_t targets; // T, its capacity in target rows; 0: as many as there are tokens
  uint32_t pairs;   // P, its capacity in pairs of answers; 0: what pairs have besides tokens is not wanted
  bool labels;      // the last id of each example is the number of a label (data/labels.h)
} pack_limits;

// The examples of one row in the order in which they stand there.
typedef struct pack_row {
  const example **examples;
  uint32_t n, n_tokens, n_targets;
} pack_row;

// Distributes n examples to rows, first fit in order of decreasing length (ties: lower index, then earlier in the list),
// so that the rows depend on the examples alone. Within a row examples stand in order of their index. Without packing
// each has a row of its own, in the order given.
void pack_examples(arena *a, const example *const *examples, uint32_t n, const pack_limits *limits, bool packing, pack_row **rows,
                   uint32_t *n_rows);

// Where a row is written: buffers of the caller with N tokens and T target rows of place. An example that stands at
// [b, e) has its token o at row o. Of a pair the two sequences stand one after the other, neither sees the other, and b and e are
// those of a sequence, but for rng_keys, which tell the two apart. A label, which is no token, stands as its text's last token does, and
// no length counts it.
typedef struct packed_row {
  int32_t *tokens;     // [N]
  int32_t *positions;  // [N]: o − b
  int32_t *key_ranges; // [N, 4]: keys [max(b, o + 1 − window), o + 1) that o sees, queries [o, min(e, o + window)) that see o
  int32_t *window_ranges; // [N, 4] or NULL: then the window is theirs, and key_ranges have none
  int32_t *rng_keys;      // [N, 3]: the example's index, epoch, o − b
  int32_t *lengths;       // [N]: e − b
  // Target rows, ascending: row r predicts the token behind it, where that one carries loss.
  int32_t *target_rows;  // [T]
  int32_t *target_ids;   // [T]
  float *target_weights; // [T]
  int32_t *inverse;      // [N]: t with target_rows[t] = o, or −1
  // The distinct ids, ascending; id embed_ids[i] stands at embed_positions[embed_starts[i] … embed_starts[i + 1]).
  int32_t *embed_ids;       // [N]
  int32_t *embed_starts;    // [N + 1]
  int32_t *embed_positions; // [N], ascending within an id
  // The same of the places in their examples (`positions`), where the model has a table of them; else NULLs.
  int32_t *place_ids, *place_starts, *place_positions;
  // Pairs: targets [x, y) of pair_spans are the chosen answer's, [y, z) the rejected one's. NULL without limits.pairs.
  int32_t *pair_spans;   // [P, 4]: x, y, z, 0
  int32_t *answers;      // [T]: 2 i for a target of pair i's chosen answer, 2 i + 1 for one of its rejected answer
  float *pair_reference; // [P, 2]: example.reference
  float *pair_weights;   // [P]
  int32_t *counts;       // [PACK_COUNTS]: tokens, targets, distinct ids, pairs, distinct places
} packed_row;

// Arrays of the host's for one row.
packed_row pack_new_row(arena *a, const pack_limits *limits);

// `window`: of sliding-window attention, in tokens; 0: none. What a row leaves unused is 0 (inverse: −1).
void pack_fill(const pack_row *row, const pack_limits *limits, uint32_t window, uint32_t epoch, packed_row *out);

#endif
