#include "eval/score.h"

#include <math.h>

score *score_new(arena *a, const model *m, const batch *b, const gpu_plan *limits) {
  score *s = ARENA_NEW(a, score);
  s->batch = b;
  s->graph = graph_new(a, "eval", b->in.counts);
  const model_forward f = {.g = s->graph, .m = m, .in = &b->in};
  tensor *h = op_gather_rows(s->graph, model_build(&f), b->target_rows, b->inverse);
  s->loss = model_head_loss(&f, h, b->target_ids);
  s->loss->keep = true;
  if (m->labels.n) {
    s->logits = op_linear(s->graph, h, model_head(m)->t, NULL);
    s->logits->keep = true;
  }
  graph_plan_within(s->graph, limits);
  return s;
}

bool score_record(score *s, gpu_device *d, const graph_memory *activations, gpu_heap *staging, err *e) {
  s->device = d;
  graph_bind_memory(s->graph, activations);
  TRY(heap_alloc(staging, tensor_bytes(s->loss), &s->staging, e));
  if (s->logits) TRY(heap_alloc(staging, tensor_bytes(s->logits), &s->logits_staging, e));
  s->recording = recording_new(d, "eval");
  TRY(graph_record(s->graph, d, s->recording, e));
  recording_barrier(s->recording);
  recording_copy(s->recording, s->loss->memory, s->staging, tensor_bytes(s->loss));
  if (s->logits) recording_copy(s->recording, s->logits->memory, s->logits_staging, tensor_bytes(s->logits));
  return recording_end(s->recording, e);
}

void score_free(score *s) {
  if (s) recording_free(s->recording);
}

bool score_run(score *s, uint32_t slot, const float **losses, err *e) {
  gpu_recording *list[] = {s->batch->upload[slot], s->recording};
  TRY(gpu_run(s->device, list, 2, e));
  *losses = gpu_map(s->staging);
  return true;
}

// The next examples, in order, that fill a row.
static pack_row next_row(const dataset *set, uint64_t first, const pack_limits *limits, const example **room) {
  pack_row row = {.examples = room};
  for (uint64_t i = first; i < set->n; i++) {
    const example *x = &set->items[i];
    if (row.n_tokens + x->n > limits->tokens || row.n_targets + x->n_targets > limits->targets) break;
    room[row.n++] = x;
    row.n_tokens += x->n;
    row.n_targets += x->n_targets;
  }
  return row;
}

bool score_dataset(score *s, batch *b, const dataset *set, score_each *each, void *user, score_total *total, err *e) {
  *total = (score_total){0};
  arena *a = arena_new("evaluation");
  const example **room = ARENA_ARRAY(a, const example *, b->limits.tokens);
  double sum = 0, weights_sum = 0;
  uint64_t passed = 0;
  bool ok = true;
  for (uint64_t first = 0; ok && first < set->n;) {
    const pack_row row = next_row(set, first, &b->limits, room);
    const float *losses;
    if (!row.n) {
      const example *x = &set->items[first];
      ok = ERR(e, "%s:%u: an example of %u tokens does not fit into a row of %u", x->origin->file, x->line, x->n,
               b->limits.tokens);
      break;
    }
    batch_put(b, 0, &row, 0);
    ok = score_run(s, 0, &losses, e);
    const float *logits = s->logits ? gpu_map(s->logits_staging) : NULL;
    for (uint32_t i = 0; ok && i < row.n; i++) {
      const example *x = row.examples[i];
      for (uint32_t t = 0; t < x->n_targets; t++) sum += (double)x->weight * losses[t];
      weights_sum += (double)x->weight * x->n_targets;
      if (each) ok = each(user, x, losses, logits, e);
      losses += x->n_targets;
      if (logits) logits += (uint64_t)x->n_targets * tensor_row_size(s->logits);
      total->n_targets += x->n_targets;
      total->n_tokens += x->n;
      dataset_passed(set, x, &passed);
    }
    total->n_examples += row.n;
    first += row.n;
  }
  total->loss = weights_sum > 0 ? sum / weights_sum : NAN;
  arena_free(a);
  return ok;
}

bool score_examples(arena *a, const model *m, gpu_device *d, uint64_t want, const dataset *set, score_each *each, void *user,
                    err *e) {
  uint32_t longest = 0;
  for (uint64_t i = 0; i < set->n; i++)
    if (longest < set->items[i].n) longest = set->items[i].n;
  pack_limits limits = {0};
  TRY(batch_capacity(m, device_plan(d), want, longest, &limits.tokens, e));
  batch *b = batch_new(a, m, &limits, longest - (m->labels.n > 0)); // a label has no place of its own
  score *s = score_new(a, m, b, device_plan(d));
  gpu_heap *heap = heap_new(d, "evaluation", GPU_MEMORY_DEVICE),
           *staging = heap_new(d, "host side of evaluation", GPU_MEMORY_STAGING);
  graph_memory activations = {0};
  graph_memory_add(&activations, s->graph);
  score_total total;
  const bool ok = batch_allocate(b, heap, e) && batch_open(b, m, d, staging, e) && graph_memory_allocate(&activations, heap, e) &&
                  score_record(s, d, &activations, staging, e) && score_dataset(s, b, set, each, user, &total, e);
  score_free(s);
  batch_free(b);
  heap_free(heap);
  heap_free(staging);
  return ok;
}
