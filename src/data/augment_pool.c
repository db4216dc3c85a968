#include "data/augment_pool.h"

#include <string.h>
#include <xxhash.h>

enum { FIRST_ITEMS = 16 }; // that arena_grow makes room for

typedef struct pool_task {
  const char *name; // NULL: a free place
  pool_candidate *items;
  uint64_t capacity;
  uint32_t n;
} pool_task;

struct augment_pool {
  arena *memory;    // tables and names; the candidates' strings are their own
  pool_task *tasks; // [mask + 1], found by the hash of their names
  uint64_t mask, n_tasks, bytes, most_bytes;
  uint32_t limit; // candidates of a task
};

augment_pool *augment_pool_new(uint64_t most_bytes) {
  arena *a = arena_new("demonstrations");
  augment_pool *p = ARENA_NEW(a, augment_pool);
  *p = (augment_pool){.memory = a, .mask = 15, .most_bytes = most_bytes, .limit = POOL_OF_TASK};
  p->tasks = ARENA_ARRAY(a, pool_task, p->mask + 1);
  return p;
}

static uint64_t bytes_of(const pool_candidate *c) {
  return sizeof *c + c->bytes.length;
}

static void cut(augment_pool *p, pool_task *t, uint32_t limit) {
  while (t->n > limit) {
    pool_candidate *c = &t->items[--t->n];
    p->bytes -= bytes_of(c);
    text_free(&c->bytes);
  }
}

static void cut_all(augment_pool *p, uint32_t limit) {
  for (uint64_t i = 0; i <= p->mask; i++) cut(p, &p->tasks[i], limit);
}

void augment_pool_free(augment_pool *p) {
  if (!p) return;
  cut_all(p, 0);
  arena_free(p->memory);
}

// --- tasks -------------------------------------------------------------------------------------------------------------

static pool_task *find(const augment_pool *p, const char *name) {
  uint64_t at = XXH3_64bits(name, strlen(name)) & p->mask;
  while (p->tasks[at].name && strcmp(p->tasks[at].name, name)) at = (at + 1) & p->mask;
  return &p->tasks[at];
}

static void grow(augment_pool *p) {
  const pool_task *before = p->tasks;
  const uint64_t n = p->mask + 1;
  p->mask = 2 * n - 1;
  p->tasks = ARENA_ARRAY(p->memory, pool_task, 2 * n);
  for (uint64_t i = 0; i < n; i++)
    if (before[i].name) *find(p, before[i].name) = before[i];
}

static pool_task *find_or_add(augment_pool *p, const char *name) {
  pool_task *t = find(p, name);
  if (t->name) return t;
  if (2 * ++p->n_tasks > p->mask) grow(p);
  t = find(p, name);
  t->name = arena_strdup(p->memory, name);
  p->bytes += sizeof *t + FIRST_ITEMS * sizeof *t->items + strlen(name);
  return t;
}

// --- candidates --------------------------------------------------------------------------------------------------------

static size_t put(text *bytes, const char *string) {
  const size_t at = bytes->length;
  text_put(bytes, string, strlen(string) + 1);
  return at;
}

static pool_candidate copy(const pool_candidate *x, strings personas) {
  pool_candidate c = {.key = x->key, .place = x->place, .n_personas = personas.n};
  put(&c.bytes, x->system);
  const size_t prompt_at = put(&c.bytes, x->prompt), answer_at = put(&c.bytes, x->answer), personas_at = c.bytes.length;
  for (uint32_t i = 0; i < personas.n; i++) put(&c.bytes, personas.items[i]);
  c.system = c.bytes.data;
  c.prompt = c.bytes.data + prompt_at;
  c.answer = c.bytes.data + answer_at;
  c.personas = c.bytes.data + personas_at;
  return c;
}

// In a pool that is full even with one candidate a task, the tasks that come later have none.
static bool has_room(const augment_pool *p, const pool_task *t, uint64_t key) {
  if (!t->n) return p->bytes < p->most_bytes;
  return t->n < p->limit || key < t->items[t->n - 1].key;
}

bool augment_pool_wants(const augment_pool *p, const char *task, uint64_t key) {
  return has_room(p, find(p, task), key);
}

void augment_pool_add(augment_pool *p, const char *task, const pool_candidate *x, strings personas) {
  if (!augment_pool_wants(p, task, x->key)) return;
  pool_candidate c = copy(x, personas);
  if (c.bytes.length > POOL_CANDIDATE_BYTES) {
    text_free(&c.bytes);
    return;
  }
  pool_task *t = find_or_add(p, task);
  arena_grow(p->memory, (void **)&t->items, &t->capacity, t->n + (uint64_t)1, sizeof *t->items);
  uint32_t at = t->n++;
  for (; at && t->items[at - 1].key > x->key; at--) t->items[at] = t->items[at - 1];
  t->items[at] = c;
  p->bytes += bytes_of(&c);
  cut(p, t, p->limit);
  while (p->bytes > p->most_bytes && p->limit > 1) cut_all(p, p->limit /= 2);
}

const pool_candidate *augment_pool_of(const augment_pool *p, const char *task, uint32_t *n) {
  const pool_task *t = find(p, task);
  *n = t->n;
  return t->items;
}

bool augment_pool_has_persona(const pool_candidate *c, const char *persona) {
  const char *at = c->personas;
  for (uint32_t i = 0; i < c->n_personas; i++, at += strlen(at) + 1)
    if (!strcmp(at, persona)) return true;
  return false;
}
