// Compiling on all cores: kernels that were asked for wait in a queue, and threads make their pipelines. The pipeline
// cache that they share is synchronised by Vulkan itself.
//
//   idle → queued → making → made, or failed; who waits for a failed one gets its message, and it is idle again
//
// The threads start with the first kernels and stay until the device closes: more graphs may follow.
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "gpu/internal.h"

enum { MOST_THREADS = 32 };
static const double PATIENCE = 1; // seconds of waiting before the person at the terminal hears of it

struct kernel_pool {
  gpu_device *device;
  pthread_t threads[MOST_THREADS];
  uint32_t n_threads, most_threads;
  pthread_mutex_t lock;             // of all below, and of the kernels' state, failure and next
  pthread_cond_t has_work, is_made; // is_made is timed by the monotonic clock
  gpu_kernel *first, *last;         // the queue
  uint32_t n_pending;               // queued or being made
  bool is_stopped;
  // the caller's own
  double waited; // since nothing was pending
  bool was_said;
};

// --- the threads -----------------------------------------------------------------------------------------------------

static gpu_kernel *take(kernel_pool *p) {
  gpu_kernel *k = p->first;
  p->first = k->next;
  if (!p->first) p->last = NULL;
  k->state = KERNEL_MAKING;
  return k;
}

// With the lock held, which it gives back while it works.
static void make(kernel_pool *p, gpu_kernel *k) {
  pthread_mutex_unlock(&p->lock);
  err failure = {0};
  const bool ok = kernel_compile(p->device, k, &failure);
  pthread_mutex_lock(&p->lock);
  k->state = ok ? KERNEL_MADE : KERNEL_FAILED;
  k->failure = failure;
  p->n_pending--;
  pthread_cond_broadcast(&p->is_made);
}

static void *work(void *of) {
  kernel_pool *p = of;
  pthread_mutex_lock(&p->lock);
  for (;;) {
    while (!p->first && !p->is_stopped) pthread_cond_wait(&p->has_work, &p->lock);
    if (p->is_stopped) break;
    make(p, take(p));
  }
  pthread_mutex_unlock(&p->lock);
  return NULL;
}

// --- the caller ------------------------------------------------------------------------------------------------------

static kernel_pool *pool_new(gpu_device *d) {
  kernel_pool *p = ARENA_NEW(d->memory, kernel_pool);
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  p->device = d;
  p->most_threads = cores < 1 ? 1 : cores > MOST_THREADS ? MOST_THREADS : (uint32_t)cores;
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->has_work, NULL);
  pthread_cond_init(&p->is_made, &monotonic);
  pthread_condattr_destroy(&monotonic);
  return p;
}

void kernel_pool_add(gpu_device *d, gpu_kernel *k) {
  if (!d->pool) d->pool = pool_new(d);
  kernel_pool *p = d->pool;
  pthread_mutex_lock(&p->lock);
  if (k->state == KERNEL_IDLE) {
    k->state = KERNEL_QUEUED;
    k->next = NULL;
    if (p->last) p->last->next = k;
    else p->first = k;
    p->last = k;
    p->n_pending++;
    // One that does not start is no error: others, or who waits, do its work.
    if (p->n_threads < p->most_threads && p->n_threads < p->n_pending)
      p->n_threads += !pthread_create(&p->threads[p->n_threads], NULL, work, p);
    pthread_cond_signal(&p->has_work);
  }
  pthread_mutex_unlock(&p->lock);
}

static void tell(kernel_pool *p) {
  const gpu_device *d = p->device;
  const uint32_t n = p->n_pending;
  p->was_said = true;
  if (!d->on_compiling) return;
  pthread_mutex_unlock(&p->lock);
  d->on_compiling(d->on_compiling_user, n);
  pthread_mutex_lock(&p->lock);
}

// Waits for some kernel to be made, at most until the person has to be told.
static void wait(kernel_pool *p) {
  const double began = clock_seconds(), until = began + PATIENCE - p->waited;
  const struct timespec at = {.tv_sec = (time_t)until, .tv_nsec = (long)((until - floor(until)) * 1e9)};
  if (!p->n_threads) make(p, take(p));
  else if (p->was_said) pthread_cond_wait(&p->is_made, &p->lock);
  else pthread_cond_timedwait(&p->is_made, &p->lock, &at);
  p->waited += clock_seconds() - began;
  if (!p->was_said && p->waited >= PATIENCE && p->n_pending) tell(p);
}

bool kernel_pool_wait(gpu_device *d, gpu_kernel *k, err *e) {
  kernel_pool *p = d->pool;
  pthread_mutex_lock(&p->lock);
  while (k->state == KERNEL_QUEUED || k->state == KERNEL_MAKING) wait(p);
  const bool ok = k->state == KERNEL_MADE;
  if (!ok) {
    err_set(e, "%s", k->failure.message);
    k->state = KERNEL_IDLE;
  }
  if (!p->n_pending) p->waited = 0, p->was_said = false;
  pthread_mutex_unlock(&p->lock);
  return ok;
}

bool kernel_pool_is_idle(const gpu_device *d) {
  kernel_pool *p = d->pool;
  if (!p) return true;
  pthread_mutex_lock(&p->lock);
  const bool idle = !p->n_pending;
  pthread_mutex_unlock(&p->lock);
  return idle;
}

void kernel_pool_stop(gpu_device *d) {
  kernel_pool *p = d->pool;
  if (!p) return;
  pthread_mutex_lock(&p->lock);
  p->is_stopped = true; // what is queued stays unmade
  pthread_cond_broadcast(&p->has_work);
  pthread_mutex_unlock(&p->lock);
  for (uint32_t i = 0; i < p->n_threads; i++) pthread_join(p->threads[i], NULL);
  for (gpu_kernel *k = p->first; k; k = k->next) k->state = KERNEL_IDLE;
  pthread_mutex_destroy(&p->lock);
  pthread_cond_destroy(&p->has_work);
  pthread_cond_destroy(&p->is_made);
  d->pool = NULL;
}
