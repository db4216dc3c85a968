#include "data/joined.h"

#include <stdlib.h>
#include <string.h>

// --- texts that were there ---------------------------------------------------------------------------------------------

static uint64_t *place_of(uint64_t *seen, uint64_t size, uint64_t hash) {
  uint64_t at = hash & (size - 1);
  while (seen[at] && seen[at] != hash) at = (at + 1) & (size - 1);
  return &seen[at];
}

static void grow(joined *j) {
  const uint64_t size = j->seen_size ? 2 * j->seen_size : 1024;
  uint64_t *larger = calloc(size, sizeof *larger);
  REQUIRE(larger, "out of host memory: %llu texts", (unsigned long long)size);
  for (uint64_t i = 0; i < j->seen_size; i++)
    if (j->seen[i]) *place_of(larger, size, j->seen[i]) = j->seen[i];
  free(j->seen);
  j->seen = larger;
  j->seen_size = size;
}

bool joined_has_seen(joined *j, uint64_t hash) {
  const uint64_t kept = hash ? hash : 1;
  if (2 * (j->n_seen + 1) > j->seen_size) grow(j);
  uint64_t *place = place_of(j->seen, j->seen_size, kept);
  if (*place) return true;
  *place = kept;
  j->n_seen++;
  return false;
}

// --- examples ----------------------------------------------------------------------------------------------------------

static void clear(joined *j) {
  arena_free(j->memory);
  j->memory = NULL;
  j->n = 0;
}

bool joined_end(joined *j, joined_put *put, void *user, err *e) {
  bool ok = true;
  if (j->n > 1) { // of one token nothing is predicted
    uint8_t *target = ARENA_ARRAY(j->memory, uint8_t, j->n);
    memset(target + 1, 1, j->n - 1);
    example x = {.ids = j->ids,
                 .target = target,
                 .n = j->n,
                 .n_targets = j->n - 1,
                 .weight = j->weight,
                 .line = j->line,
                 .origin = &j->origin,
                 .answer = ""};
    ok = put(user, &x, e);
  }
  clear(j);
  return ok;
}

static bool same_or_none(const char *a, const char *b) {
  return a == b || (a && b && !strcmp(a, b));
}

static bool goes_on(const joined *j, const example *x) {
  return j->weight == x->weight && same_or_none(j->origin.task, x->origin->task) &&
         same_or_none(j->origin.cluster, x->origin->cluster) && same_or_none(j->origin.source, x->origin->source);
}

static const char *keep(arena *a, const char *s) {
  return s ? arena_strdup(a, s) : NULL;
}

static void begin(joined *j, const example *x, uint32_t max_length) {
  const example_origin *o = x->origin;
  j->memory = arena_new("joined texts");
  j->ids = ARENA_ARRAY(j->memory, int32_t, max_length);
  j->line = x->line;
  j->weight = x->weight;
  j->origin = (example_origin){.task = keep(j->memory, o->task),
                               .cluster = keep(j->memory, o->cluster),
                               .source = keep(j->memory, o->source),
                               .category = keep(j->memory, o->category),
                               .metric = keep(j->memory, o->metric)};
}

bool joined_add(joined *j, const example *x, uint32_t max_length, joined_put *put, void *user, err *e) {
  if (j->memory && !goes_on(j, x)) TRY(joined_end(j, put, user, e));
  for (uint32_t at = 0; at < x->n;) {
    if (!j->memory) begin(j, x, max_length);
    const uint32_t room = max_length - j->n, left = x->n - at, n = left < room ? left : room;
    memcpy(j->ids + j->n, x->ids + at, n * sizeof *x->ids);
    j->n += n;
    at += n;
    if (j->n == max_length) TRY(joined_end(j, put, user, e));
  }
  return true;
}

void joined_free(joined *j) {
  clear(j);
  free(j->seen);
  *j = (joined){0};
}
