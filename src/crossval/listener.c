#include "crossval/listener.h"

#include <string.h>

struct listener_notes {
  arena *memory;
  const char **said; // [n]: warnings
  uint64_t n, capacity;
};

struct listener_notes *listener_notes_new(arena *a) {
  struct listener_notes *n = ARENA_NEW(a, struct listener_notes);
  n->memory = a;
  return n;
}

static bool is_news(struct listener_notes *notes, const char *line) {
  for (uint64_t i = 0; i < notes->n; i++)
    if (!strcmp(notes->said[i], line)) return false;
  arena_grow(notes->memory, (void **)&notes->said, &notes->capacity, notes->n + 1, sizeof *notes->said);
  notes->said[notes->n++] = arena_strdup(notes->memory, line);
  return true;
}

static void on_step(void *user, const vkift_step *x) {
  const vkift_train_events *to = &((const listener *)user)->v->events->train;
  if (to->step) to->step(to->user, x);
}

static void on_evaluation(void *user, const vkift_eval_point *x) {
  const vkift_train_events *to = &((const listener *)user)->v->events->train;
  if (to->evaluation) to->evaluation(to->user, x);
}

static void on_reading(void *user, int64_t done, int64_t total) {
  const vkift_train_events *to = &((const listener *)user)->v->events->train;
  if (to->reading) to->reading(to->user, done, total);
}

static bool on_should_stop(void *user) {
  return crossval_should_stop(((const listener *)user)->v);
}

// Each arm would say what the first one said, of device, data and memory. Warnings and what is said of a resumed run are its own.
static void on_note(void *user, const char *line) {
  static const char *const own[] = {"resumed from ", "checkpoint skipped: ", "the run began on another device",
                                    "the run was stopped before"};
  const listener *l = user;
  const bool warns = !strncmp(line, "warning: ", 9);
  bool passes = l->all;
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) passes = passes || !strncmp(line, own[i], strlen(own[i]));
  if (warns) passes = is_news(l->v->notes, line);
  if (!passes) return;
  arena *a = arena_new("a note");
  crossval_note(l->v, l->all || warns ? line : arena_printf(a, "%s: %s", l->who, line));
  arena_free(a);
}

vkift_train_events listener_events(listener *l) {
  return (vkift_train_events){l, on_step, on_evaluation, on_note, on_reading, on_should_stop};
}
