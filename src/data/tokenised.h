// Tokenised examples as bytes, in memory or in a file: what a data set is once it has been read. Only what dataset.h calls an
// example is kept in memory for each; its tokens stay where they are until they are wanted.
//
//   file    header | record … | end          all of it hashed; the end has the counts
//   record  struct record | example_plain or nothing | ids i32 [n] | second u32 or nothing | sketch u32 [MINHASH_N] or
//           nothing | references | choices (each: n u32, bytes u32, data, padded to 4) | choice_tokens or nothing | target u8 [n] |
//           task, cluster, source, category, metric, answer (each with a NUL), padded to 8
//
// In the byte order of the machine: the files are a cache, not for exchange.
#ifndef DATA_TOKENISED_H
#define DATA_TOKENISED_H

#include "base/file.h"
#include "data/dataset.h"

typedef struct tokenised_key {
  uint64_t low, high;
} tokenised_key;

// What a data set has besides its examples.
typedef struct tokenised_counts {
  uint64_t skipped_bad, dropped_long, truncated, without_demonstrations;
  augment_counts augmented;
  uint64_t repeated_texts, asked_texts;
} tokenised_counts;

typedef struct tokenised_writer {
  file_writer file;       // where it is written; unused in memory
  bool in_memory, failed; // failed: it could not be written
  text image;             // … then all of it, else one record
  struct XXH3_state_s *hash;
  uint64_t n, n_tokens, bytes;
} tokenised_writer;

// path NULL: into memory. Abort or end it, also after a failure.
bool tokenised_begin(const char *path, tokenised_key key, tokenised_writer *w, err *e);
// x->origin may have NULL for task, cluster and source; `file` is the number of its file in tokenised_open's list.
bool tokenised_put(tokenised_writer *w, const example *x, uint32_t file, err *e);
// The finished file appears at its path. In memory: `w->image` is complete, and the caller's. The writer is at its end either way.
bool tokenised_end(tokenised_writer *w, const tokenised_counts *counts, err *e);
void tokenised_abort(tokenised_writer *w); // a zeroed writer, or one that has ended, is fine

// Appends what the bytes hold to `set`. They must live as long as the arena. false, with nothing appended, where they are not
// whole, not of this key, or not what a writer writes: every length, id and string is checked. map: of the bytes, NULL in memory.
bool tokenised_open(arena *a, const void *bytes, uint64_t size, const file_map *map, tokenised_key key, uint32_t vocab_size,
                    const char *const *files, uint32_t n_files, dataset *set, tokenised_counts *counts);

#endif
