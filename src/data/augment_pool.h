// Worked examples by task, from which demonstrations are drawn: of each task those with the lowest keys. Keys are random
// numbers of the examples, so this is a uniform sample whatever the order, and memory stays bounded whatever the file.
#ifndef DATA_AUGMENT_POOL_H
#define DATA_AUGMENT_POOL_H

#include "data/formats.h"

enum {
  POOL_OF_TASK = 64,           // candidates of a task; halved while all tasks together are too large
  POOL_CANDIDATE_BYTES = 8192, // a longer one is no demonstration
  POOL_BYTES = 64 << 20,       // of the candidates of all tasks
};

typedef struct pool_candidate {
  uint64_t key;
  uint32_t place; // of its row in the file
  text bytes;     // all of its strings, each with its NUL; the last are its personas
  const char *system, *prompt, *answer, *personas;
  uint32_t n_personas;
} pool_candidate;

typedef struct augment_pool augment_pool;

augment_pool *augment_pool_new(uint64_t most_bytes);
void augment_pool_free(augment_pool *p); // NULL is fine
// Whether a candidate with this key would be among the lowest of its task.
bool augment_pool_wants(const augment_pool *p, const char *task, uint64_t key);
// Takes a copy of key, place, system ("" where there is none), prompt and answer, where it is wanted and short enough.
void augment_pool_add(augment_pool *p, const char *task, const pool_candidate *x, strings personas);
// The *n candidates of a task, by key.
const pool_candidate *augment_pool_of(const augment_pool *p, const char *task, uint32_t *n);
bool augment_pool_has_persona(const pool_candidate *c, const char *persona);

#endif
