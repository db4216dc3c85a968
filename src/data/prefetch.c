#include "data/prefetch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { AHEAD = 2 }; // batches that are ready at most, beside the one that is in use

struct prefetch {
  loader *loader;
  pack_limits limits;
  bool packing;
  uint64_t n_batches;
  pthread_t thread;
  pthread_mutex_t lock; // of all below
  pthread_cond_t changed;
  ready_batch ready[AHEAD]; // batch i at i % AHEAD
  uint64_t made, taken;
  bool is_stopped;
  // the caller's own
  ready_batch current;
};

// --- the thread --------------------------------------------------------------------------------------------------------

static example *copy_example(arena *a, const example *x) {
  example *copy = ARENA_NEW(a, example);
  int32_t *ids = ARENA_ARRAY(a, int32_t, x->n);
  uint8_t *target = ARENA_ARRAY(a, uint8_t, x->n);
  memcpy(ids, x->ids, x->n * sizeof *ids);
  memcpy(target, x->target, x->n);
  *copy = *x;
  copy->ids = ids;
  copy->target = target;
  return copy;
}

static ready_batch make(prefetch *p, uint64_t *passed) {
  ready_batch b = {.memory = arena_new("a batch")};
  const example *const *batch = loader_next(p->loader, &b.n, &b.epoch);
  b.examples = ARENA_ARRAY(b.memory, const example *, b.n);
  for (uint32_t i = 0; i < b.n; i++) {
    b.examples[i] = copy_example(b.memory, batch[i]);
    dataset_passed(p->loader->set, batch[i], passed);
  }
  pack_examples(b.memory, b.examples, b.n, &p->limits, p->packing, &b.rows, &b.n_rows);
  b.next = p->loader->state;
  return b;
}

static void *work(void *of) {
  prefetch *p = of;
  uint64_t passed = 0;
  for (uint64_t i = 0; i < p->n_batches; i++) {
    pthread_mutex_lock(&p->lock);
    while (!p->is_stopped && p->made - p->taken == AHEAD) pthread_cond_wait(&p->changed, &p->lock);
    const bool stopped = p->is_stopped;
    pthread_mutex_unlock(&p->lock);
    if (stopped) break;
    const ready_batch b = make(p, &passed);
    pthread_mutex_lock(&p->lock);
    p->ready[p->made++ % AHEAD] = b;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
  }
  return NULL;
}

// --- the caller --------------------------------------------------------------------------------------------------------

bool prefetch_new(loader *l, const pack_limits *limits, bool packing, uint64_t n_batches, prefetch **out, err *e) {
  prefetch *p = calloc(1, sizeof *p);
  REQUIRE(p, "out of host memory");
  *p = (prefetch){.loader = l, .limits = *limits, .packing = packing, .n_batches = n_batches};
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->changed, NULL);
  const int fault = pthread_create(&p->thread, NULL, work, p);
  if (fault) {
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->changed);
    free(p);
    return ERR(e, "cannot start the thread that reads data: %s", strerror(fault));
  }
  *out = p;
  return true;
}

const ready_batch *prefetch_next(prefetch *p) {
  arena_free(p->current.memory);
  pthread_mutex_lock(&p->lock);
  REQUIRE(p->taken < p->n_batches, "batch %llu of %llu", (unsigned long long)p->taken + 1, (unsigned long long)p->n_batches);
  while (p->made == p->taken) pthread_cond_wait(&p->changed, &p->lock);
  p->current = p->ready[p->taken++ % AHEAD];
  pthread_cond_signal(&p->changed);
  pthread_mutex_unlock(&p->lock);
  return &p->current;
}

void prefetch_free(prefetch *p) {
  if (!p) return;
  pthread_mutex_lock(&p->lock);
  p->is_stopped = true;
  pthread_cond_signal(&p->changed);
  pthread_mutex_unlock(&p->lock);
  pthread_join(p->thread, NULL);
  arena_free(p->current.memory);
  for (; p->taken < p->made; p->taken++) arena_free(p->ready[p->taken % AHEAD].memory);
  pthread_mutex_destroy(&p->lock);
  pthread_cond_destroy(&p->changed);
  free(p);
}
