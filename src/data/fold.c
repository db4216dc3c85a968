#include "data/fold.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/draw.h"
#include "io/quote.h"

typedef enum side { SIDE_TRAIN, SIDE_HELD, SIDE_NEIGHBOUR, SIDE_SOURCE } side;

typedef struct folding {
  const clusters *c;
  const fold_options *o;
  uint32_t held_out;
  side *sides; // [c->n_origins]
  fold *out;
} folding;

static side side_of(const folding *f, const example *x) {
  return f->sides[clusters_origin(f->c, x) - f->c->origins];
}

static const char *name_of(const folding *f) {
  return f->o->leave_out_task ? f->c->tasks[f->held_out].name : f->c->items[f->held_out].name;
}

// --- the rules for whole tasks -----------------------------------------------------------------------------------------

static bool is_neighbour(const cluster_item *x, uint32_t of) {
  for (uint32_t i = 0; i < x->n_neighbours; i++)
    if (x->neighbours[i] == of) return true;
  return false;
}

static bool shares_source(const cluster_origin *x, const bool *held) {
  for (uint32_t k = 0; k < x->n_sources; k++)
    if (held[x->sources[k]]) return true;
  return false;
}

static void take_sides(arena *a, folding *f) {
  const clusters *c = f->c;
  bool *held = ARENA_ARRAY(a, bool, c->n_sources);
  f->sides = ARENA_ARRAY(a, side, c->n_origins);
  for (uint32_t i = 0; i < c->n_origins; i++) {
    const cluster_origin *x = &c->origins[i];
    if ((f->o->leave_out_task ? x->task : c->tasks[x->task].cluster) != f->held_out) continue;
    f->sides[i] = SIDE_HELD;
    for (uint32_t k = 0; k < x->n_sources; k++) held[x->sources[k]] = true;
  }
  for (uint32_t i = 0; i < c->n_origins && !f->o->leave_out_task; i++) {
    const cluster_origin *x = &c->origins[i];
    if (f->sides[i] == SIDE_HELD) continue;
    if (!f->o->keep_neighbours && is_neighbour(&c->items[f->held_out], c->tasks[x->task].cluster)) f->sides[i] = SIDE_NEIGHBOUR;
    else if (!f->o->keep_sources && shares_source(x, held)) f->sides[i] = SIDE_SOURCE;
  }
}

// --- draws -------------------------------------------------------------------------------------------------------------

// The examples of `set` that are held out, or those that are not, each task's in the order of their numbers. What came of one row
// draws the same.
static draw *draw_all(arena *a, const folding *f, const dataset *set, bool held, uint32_t purpose, uint64_t *n) {
  draw *draws = ARENA_ARRAY(a, draw, set->n);
  *n = 0;
  for (uint64_t i = 0, row = 0; i < set->n; i++) {
    const example *x = &set->items[i];
    if (!dataset_same_row(&set->items[row], x)) row = i;
    if ((side_of(f, x) == SIDE_HELD) != held) continue;
    draws[(*n)++] = (draw){draw_key(f->o->seed, set->items[row].index, purpose), i, clusters_origin(f->c, x)->task};
  }
  if (*n) qsort(draws, (size_t)*n, sizeof *draws, draw_order);
  return draws;
}

static uint64_t task_end(const draw *draws, uint64_t from, uint64_t n) {
  uint64_t end = from;
  while (end < n && draws[end].task == draws[from].task) end++;
  return end;
}

static uint64_t share_of(double share, uint64_t n) {
  return (uint64_t)llround(share * (double)n);
}

// Of each task held out, the last rows are set aside (never all) and of the others the first examples are evaluated on.
static void pick_eval(const fold_options *o, const draw *draws, uint64_t n, bool *evaluated, bool *aside) {
  for (uint64_t from = 0, end; from < n; from = end) {
    end = task_end(draws, from, n);
    const uint64_t wanted = share_of(o->seen_share, end - from);
    uint64_t border = end;
    while (end - border < wanted) {
      uint64_t row = border - 1;
      while (row > from && draws[row - 1].key == draws[row].key) row--;
      if (row == from) break;
      border = row;
    }
    for (uint64_t i = border; i < end; i++) aside[draws[i].i] = true;
    for (uint64_t i = from; i < border && (!o->eval_per_task || i - from < o->eval_per_task); i++) evaluated[draws[i].i] = true;
  }
}

// Of each task trained on, the first rows: one at least, never all.
static void pick_valid(const fold_options *o, const draw *draws, uint64_t n, bool *chosen) {
  for (uint64_t from = 0, end; from < n && o->valid_share > 0; from = end) {
    end = task_end(draws, from, n);
    uint64_t wanted = share_of(o->valid_share, end - from), at = from;
    if (!wanted) wanted = 1;
    if (o->valid_per_task && wanted > o->valid_per_task) wanted = o->valid_per_task;
    while (at - from < wanted) {
      uint64_t next = at;
      while (next < end && draws[next].key == draws[at].key) next++;
      if (next == end) break;
      while (at < next) chosen[draws[at++].i] = true;
    }
  }
}

// --- the sets ----------------------------------------------------------------------------------------------------------

static void add(dataset *set, const example *x) {
  set->items[set->n++] = *x;
  set->n_tokens += x->n;
  set->n_targets += x->n_targets;
}

static dataset set_like(arena *a, const dataset *of, uint64_t n) {
  return (dataset){.items = ARENA_ARRAY(a, example, n), .maps = of->maps};
}

static void leave_out(fold_left_out *count, bool *tasks, uint32_t task) {
  count->n++;
  count->n_tasks += !tasks[task];
  tasks[task] = true;
}

// out->eval, and in out->train what the rules for whole tasks let pass.
static void divide(arena *a, arena *scratch, folding *f) {
  const dataset *set = f->c->set;
  bool *evaluated = ARENA_ARRAY(scratch, bool, set->n), *aside = ARENA_ARRAY(scratch, bool, set->n);
  bool *tasks[] = {ARENA_ARRAY(scratch, bool, f->c->n_tasks), ARENA_ARRAY(scratch, bool, f->c->n_tasks)};
  uint64_t n_held;
  const draw *draws = draw_all(scratch, f, set, true, DRAW_EVAL, &n_held);
  fold *out = f->out;
  pick_eval(f->o, draws, n_held, evaluated, aside);
  out->eval = set_like(a, set, n_held);
  out->train = set_like(a, set, set->n);
  for (uint64_t i = 0; i < set->n; i++) {
    const example *x = &set->items[i];
    const uint32_t task = clusters_origin(f->c, x)->task;
    switch (side_of(f, x)) {
      case SIDE_NEIGHBOUR: leave_out(&out->neighbours, tasks[0], task); break;
      case SIDE_SOURCE: leave_out(&out->sources, tasks[1], task); break;
      case SIDE_TRAIN: add(&out->train, x); break;
      case SIDE_HELD:
        if (evaluated[i]) add(&out->eval, x);
        else out->not_evaluated++;
        if (aside[i] && f->o->with_seen) add(&out->train, x);
    }
  }
}

static void take_valid(arena *a, arena *scratch, folding *f) {
  dataset *train = &f->out->train, pool = *train;
  bool *chosen = ARENA_ARRAY(scratch, bool, pool.n);
  uint64_t n;
  const draw *draws = draw_all(scratch, f, &pool, false, DRAW_VALID, &n);
  pick_valid(f->o, draws, n, chosen);
  uint64_t n_chosen = 0;
  for (uint64_t i = 0; i < pool.n; i++) n_chosen += chosen[i];
  f->out->valid = set_like(a, &pool, n_chosen);
  train->n = train->n_tokens = train->n_targets = 0;
  for (uint64_t i = 0; i < pool.n; i++) {
    const example x = pool.items[i]; // in the same array, behind the others
    add(chosen[i] ? &f->out->valid : train, &x);
  }
  f->out->valid_prompts = mixture_drop_leaked(train, &f->out->valid);
}

static bool check_train(const folding *f, err *e) {
  const fold *out = f->out;
  if (out->train.n > out->seen) return true;
  char shown[QUOTE_BYTES];
  return ERR(
      e,
      "%s held out: nothing is left to train on of %llu examples: %llu are its own, %llu of neighbouring clusters, %llu of a "
      "source that it shares, %llu have a prompt that is evaluated on, %llu are like an example that is",
      quote_string(name_of(f), shown), (unsigned long long)f->c->set->n, (unsigned long long)(out->eval.n + out->not_evaluated),
      (unsigned long long)out->neighbours.n, (unsigned long long)out->sources.n, (unsigned long long)out->same_prompts,
      (unsigned long long)out->near);
}

bool fold_make(arena *a, const clusters *c, uint32_t held_out, const fold_options *o, fold *out, err *e) {
  REQUIRE(held_out < (o->leave_out_task ? c->n_tasks : c->n), "number %u of %u clusters, %u tasks", held_out, c->n, c->n_tasks);
  REQUIRE(o->seen_share >= 0 && o->seen_share < 1 && o->valid_share >= 0 && o->valid_share < 1, "shares %g and %g", o->seen_share,
          o->valid_share);
  folding f = {.c = c, .o = o, .held_out = held_out, .out = out};
  arena *scratch = arena_new("a fold's draws");
  *out = (fold){.name = name_of(&f)};
  take_sides(scratch, &f);
  divide(a, scratch, &f);
  out->same_prompts = mixture_drop_leaked(&out->train, &out->eval);
  if (!o->keep_near) out->near = mixture_drop_near(&out->train, &out->eval, FOLD_NEAR, &out->first_near);
  take_valid(a, scratch, &f);
  for (uint64_t i = 0; i < out->train.n; i++) out->seen += side_of(&f, &out->train.items[i]) == SIDE_HELD;
  arena_free(scratch);
  return check_train(&f, e);
}

bool fold_check_all(const clusters *c, const fold_options *o, const uint32_t *held_out, uint32_t n, fold_look *look, void *user,
                    err *e) {
  const uint32_t all = o->leave_out_task ? c->n_tasks : c->n;
  if (all < 2) {
    char shown[QUOTE_BYTES];
    return ERR(e, "expected at least two %s, of which one can be held out, found %u: %s",
               o->leave_out_task ? "tasks" : "clusters", all,
               all ? quote_string(o->leave_out_task ? c->tasks[0].name : c->items[0].name, shown) : "none");
  }
  for (uint32_t i = 0; i < (held_out ? n : all); i++) {
    arena *a = arena_new("a fold to look at");
    fold f;
    const bool ok = fold_make(a, c, held_out ? held_out[i] : i, o, &f, e) && (!look || look(user, i, &f, e));
    arena_free(a);
    if (!ok) return false;
  }
  return true;
}

void fold_describe(const fold *f, text *out) {
  const struct {
    uint64_t n;
    const char *what;
  } left_out[] = {{f->neighbours.n, "of neighbouring clusters"},
                  {f->sources.n, "of a source that it shares"},
                  {f->same_prompts, "whose prompt is evaluated on"},
                  {f->near, "like one that is evaluated on"},
                  {f->valid_prompts, "whose prompt chooses the checkpoint"}};
  text_printf(out, "%llu examples to train on", (unsigned long long)f->train.n);
  if (f->seen) text_printf(out, " (%llu of what is held out)", (unsigned long long)f->seen);
  if (f->valid.n) text_printf(out, ", %llu to choose the checkpoint by", (unsigned long long)f->valid.n);
  text_printf(out, ", %llu of %llu to evaluate on", (unsigned long long)f->eval.n,
              (unsigned long long)(f->eval.n + f->not_evaluated));
  bool any = false;
  for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++) {
    if (!left_out[i].n) continue;
    text_printf(out, "%s%llu %s", any ? ", " : "; left out: ", (unsigned long long)left_out[i].n, left_out[i].what);
    any = true;
  }
  if (!f->near) return;
  text_printf(out, " (the first: %s:%u, like %s:%u)", f->first_near.x.origin->file, f->first_near.x.line,
              f->first_near.like.origin->file, f->first_near.like.line);
}
