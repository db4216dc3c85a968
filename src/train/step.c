#include "train/step.h"

#include <math.h>
#include <string.h>

#include "models/dora.h"

enum { SCALAR_WORDS = 16 }; // room for either struct

static tensor *scalars(arena *a, const char *name) {
  return tensor_persistent(a, name, DTYPE_F32, LIVE_ALL, 1, (uint32_t[]){SCALAR_WORDS});
}

static void build_micro(step *s, const model *m, const step_options *o) {
  batch *b = s->batch;
  graph *g = s->micro;
  const model_forward f = {
      .g = g, .m = m, .in = &b->in, .lora_dropout = o->lora_dropout, .neftune_alpha = o->neftune_alpha, .seed = o->seed};
  tensor *h = op_gather_rows(g, model_build(&f), b->target_rows, b->inverse);
  tensor *loss = model_head_loss(&f, h, b->target_ids);
  tensor *upstream = b->target_weights, *rewards;
  if (o->dpo) {
    loss = op_dpo_loss(g, loss, &b->pairs, o->dpo, &rewards);
    upstream = b->pair_weights;
    op_reward_sum(g, rewards, upstream, s->state);
  }
  op_loss_sum(g, loss, upstream, s->state);
  graph_backward(g, loss, upstream, o->recompute);
}

static void build_optimizer(step *s, const params_region *r, uint32_t first, uint32_t n, bool decay) {
  if (!n) return;
  tensor *hyper = r->head ? s->head_hyper : s->hyper;
  if (r->scales) op_adamw_8bit(s->update, r->weight, r->grad, r->m, r->v, r->scales, s->codes, first, n, decay, hyper, s->state);
  else op_adamw(s->update, r->weight, r->grad, r->m, r->v, first, n, decay, hyper, s->state);
}

static void build_update(step *s, const model *m, arena *a) {
  const params *p = s->params;
  tensor **grads = ARENA_ARRAY(a, tensor *, p->n_regions);
  for (uint32_t i = 0; i < p->n_regions; i++) {
    grads[i] = p->regions[i].grad;
    if (p->regions[i].scales && !s->codes)
      s->codes = tensor_persistent(a, "codes", DTYPE_F32, LIVE_ALL, 1, (uint32_t[]){ADAMW_8BIT_CODES});
  }
  op_grad_norm(s->update, grads, p->n_regions, s->squares, s->hyper, s->state);
  for (uint32_t i = 0; i < p->n_regions; i++) {
    const params_region *r = &p->regions[i];
    build_optimizer(s, r, 0, r->decay_blocks, true);
    build_optimizer(s, r, r->decay_blocks, r->n_blocks - r->decay_blocks, false);
  }
  dora_append_norms(s->update, m);
}

step *step_new(arena *a, const model *m, batch *b, params *p, const step_options *options, const gpu_plan *limits) {
  step *s = ARENA_NEW(a, step);
  s->batch = b;
  s->params = p;
  s->timed = options->timed;
  s->hyper = scalars(a, "hyper");
  for (uint32_t i = 0; i < p->n_regions; i++)
    if (p->regions[i].head) s->head_hyper = scalars(a, "head_hyper");
  s->state = scalars(a, "state");
  s->squares = tensor_persistent(a, "squares", DTYPE_F32, LIVE_ALL, 1, &p->n_blocks);
  s->micro = graph_new(a, "micro", b->in.counts);
  s->update = graph_new(a, "update", b->in.counts);
  build_micro(s, m, options);
  build_update(s, m, a);
  graph_plan_within(s->micro, limits);
  graph_plan_within(s->update, limits);
  return s;
}

bool step_allocate(step *s, gpu_heap *heap, err *e) {
  tensor *own[] = {s->hyper, s->head_hyper, s->state, s->squares};
  for (int i = 0; i < 4; i++)
    if (own[i]) TRY(heap_alloc(heap, tensor_bytes(own[i]), &own[i]->memory, e));
  return !s->codes || heap_alloc(heap, tensor_bytes(s->codes), &s->codes->memory, e);
}

static bool send_codes(const step *s, gpu_device *d, err *e) {
  float codes[ADAMW_8BIT_CODES];
  adamw_8bit_codes(codes);
  return !s->codes || gpu_upload(d, s->codes->memory, codes, sizeof codes, e);
}

static gpu_recording *new_recording(const step *s, const char *name) {
  gpu_recording *r = recording_new(s->device, name);
  if (s->timed) recording_time(r);
  return r;
}

static bool record_update(step *s, err *e) {
  s->send_hyper = new_recording(s, "hyper");
  recording_copy(s->send_hyper, s->host_hyper, s->hyper->memory, sizeof(struct step_hyper));
  if (s->head_hyper) recording_copy(s->send_hyper, s->host_head_hyper, s->head_hyper->memory, sizeof(struct step_hyper));
  TRY(recording_end(s->send_hyper, e));
  s->update_recording = new_recording(s, "update");
  TRY(graph_record(s->update, s->device, s->update_recording, e));
  recording_barrier(s->update_recording);
  recording_copy(s->update_recording, s->state->memory, s->host_state, tensor_bytes(s->state));
  recording_copy(s->update_recording, s->squares->memory, s->host_squares, tensor_bytes(s->squares));
  return recording_end(s->update_recording, e);
}

bool step_request(const step *s, gpu_device *d, err *e) {
  return graph_request(s->micro, d, e) && graph_request(s->update, d, e);
}

bool step_record(step *s, gpu_device *d, const graph_memory *activations, gpu_heap *staging, err *e) {
  s->device = d;
  const tensor *own[] = {s->hyper, s->head_hyper, s->state, s->squares};
  gpu_slice *host[] = {&s->host_hyper, &s->host_head_hyper, &s->host_state, &s->host_squares};
  for (int i = 0; i < 4; i++)
    if (own[i]) TRY(heap_alloc(staging, tensor_bytes(own[i]), host[i], e));
  TRY(send_codes(s, d, e));
  graph_bind_memory(s->micro, activations);
  graph_bind_memory(s->update, activations);
  s->micro_recording = new_recording(s, "micro");
  TRY(graph_record(s->micro, d, s->micro_recording, e));
  TRY(recording_end(s->micro_recording, e));
  return record_update(s, e);
}

void step_free(step *s) {
  if (!s) return;
  recording_free(s->micro_recording);
  recording_free(s->send_hyper);
  recording_free(s->update_recording);
}

// Up to BATCH_SLOTS rows, and with `update` the end of the step, as one run.
static bool run_rows(step *s, const pack_row *rows, uint32_t n, uint64_t epoch, bool update, err *e) {
  gpu_recording *list[2 * BATCH_SLOTS + 2];
  uint32_t n_list = 0;
  for (uint32_t i = 0; i < n; i++) {
    batch_put(s->batch, i, &rows[i], epoch);
    list[n_list++] = s->batch->upload[i];
    list[n_list++] = s->micro_recording;
  }
  if (update) {
    list[n_list++] = s->send_hyper;
    list[n_list++] = s->update_recording;
  }
  return gpu_run(s->device, list, n_list, e);
}

static bool run_all(step *s, const pack_row *rows, uint32_t n_rows, uint64_t epoch, bool update, err *e) {
  for (uint32_t i = 0; i < n_rows; i += BATCH_SLOTS) {
    const uint32_t n = n_rows - i < BATCH_SLOTS ? n_rows - i : BATCH_SLOTS;
    TRY(run_rows(s, rows + i, n, epoch, update && i + n == n_rows, e));
  }
  return true;
}

bool step_run(step *s, const pack_row *rows, uint32_t n_rows, uint64_t epoch, const struct step_hyper *hyper, err *e) {
  struct step_hyper of_head = *hyper;
  of_head.learning_rate = hyper->head_learning_rate;
  memcpy(gpu_map(s->host_hyper), hyper, sizeof *hyper);
  if (s->head_hyper) memcpy(gpu_map(s->host_head_hyper), &of_head, sizeof of_head);
  return run_all(s, rows, n_rows, epoch, true, e);
}

bool step_gradients(step *s, const pack_row *rows, uint32_t n_rows, uint64_t epoch, err *e) {
  return run_all(s, rows, n_rows, epoch, false, e);
}

struct step_state step_result(const step *s) {
  struct step_state state;
  memcpy(&state, gpu_map(s->host_state), sizeof state);
  return state;
}

static double sum_of_squares(const step *s, const trained *t) {
  const float *squares = gpu_map(s->host_squares);
  uint32_t first = t->first_block;
  for (uint32_t i = 0; i < t->region; i++) first += s->params->regions[i].n_blocks;
  double sum = 0;
  for (uint32_t i = 0; i < t->n_blocks; i++) sum += squares[first + i];
  return sum;
}

double step_tensor_norm(const step *s, const trained *t, const struct step_hyper *hyper) {
  const trained *end = s->params->items + s->params->n;
  double sum = 0;
  for (const trained *piece = t; piece < end && piece->t == t->t; piece++) sum += sum_of_squares(s, piece);
  return sqrt(sum) * hyper->inverse_targets;
}

bool step_set_applied(step *s, uint32_t applied, err *e) {
  const struct step_state state = {.applied = applied};
  return gpu_upload(s->device, s->state->memory, &state, sizeof state, e);
}
