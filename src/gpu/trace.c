// Timestamps: what the device's own clock says of each command of a timed recording, and what the host saw of the slice
// that it ran in.
//
// A part of a timed recording of n commands writes n + 1 timestamps, the first before them and one behind each, every one
// once all before it has ended. So the spans of commands follow one another without overlap; where commands without a
// barrier between them overlap on the device, each gets the time by which it ended later than those before it.
#include "base/log.h"
#include "gpu/internal.h"

enum { PART_STAMPS = 33 }; // a part of a timed recording is closed after so many, less one, commands

bool device_has_timestamps(const gpu_device *d) {
  return d->snapshot.timestamp_bits && d->snapshot.timestamp_period > 0;
}

// --- recording -------------------------------------------------------------------------------------------------------

bool stamps_open(gpu_recording *r, recording_part *p, err *e) {
  VkQueryPoolCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO, .queryType = VK_QUERY_TYPE_TIMESTAMP, .queryCount = PART_STAMPS};
  TRY(VK(vkCreateQueryPool(r->device->handle, &info, NULL, &p->stamps)));
  p->commands = ARENA_ARRAY(r->memory, timed_command, PART_STAMPS - 1);
  vkCmdResetQueryPool(p->buffer, p->stamps, 0, PART_STAMPS);
  vkCmdWriteTimestamp(p->buffer, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, p->stamps, 0);
  return true;
}

bool stamps_full(const recording_part *p) {
  return p->n_timed == PART_STAMPS - 1;
}

void stamps_add(gpu_recording *r, recording_part *p, const char *what) {
  p->commands[p->n_timed++] = (timed_command){what, r->label};
  vkCmdWriteTimestamp(p->buffer, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, p->stamps, p->n_timed);
}

void stamps_free(gpu_device *d, recording_part *p) {
  vkDestroyQueryPool(d->handle, p->stamps, NULL);
}

// --- the trace -------------------------------------------------------------------------------------------------------

void device_trace(gpu_device *d, gpu_trace *t) {
  d->trace = t;
}

static void add(gpu_trace *t, trace_span span) {
  span.slice = t->n_slices;
  void *spans = t->spans;
  arena_grow(t->memory, &spans, &t->capacity, t->n + 1, sizeof span);
  t->spans = spans;
  t->spans[t->n++] = span;
}

void trace_add_host(gpu_device *d, double begin, double submitted, double end) {
  gpu_trace *t = d->trace;
  t->n_slices++;
  add(t, (trace_span){.kind = TRACE_SUBMIT, .begin = begin, .end = submitted});
  add(t, (trace_span){.kind = TRACE_WAIT, .begin = submitted, .end = end});
}

bool trace_add_part(gpu_device *d, const recording_part *p, err *e) {
  if (!p->stamps) return true;
  uint64_t stamps[PART_STAMPS];
  TRY(VK(vkGetQueryPoolResults(d->handle, p->stamps, 0, p->n_timed + 1, sizeof stamps, stamps, sizeof *stamps,
                               VK_QUERY_RESULT_64_BIT)));
  const uint32_t bits = d->snapshot.timestamp_bits;
  const uint64_t mask = bits < 64 ? ((uint64_t)1 << bits) - 1 : UINT64_MAX;
  const double tick = 1e-9 * (double)d->snapshot.timestamp_period;
  // Seconds from the trace's first timestamp on: the clock itself has too many digits for a double, and may start again at 0.
  if (!d->trace->has_base) d->trace->base = stamps[0], d->trace->has_base = true;
  for (uint32_t i = 0; i < p->n_timed; i++)
    add(d->trace, (trace_span){.kind = TRACE_COMMAND,
                               .begin = (double)((stamps[i] - d->trace->base) & mask) * tick,
                               .end = (double)((stamps[i + 1] - d->trace->base) & mask) * tick,
                               .recording = p->recording,
                               .command = p->commands[i].command,
                               .label = p->commands[i].label});
  return true;
}

static double within(double x, double least, double most) {
  return x < least ? least : x > most ? most : x;
}

// The host sees a slice end a little after its last command: the least such difference is taken for none at all. Clocks
// that run apart are held within their slice.
void trace_finish(gpu_trace *t) {
  double shift = 0, wait_end = 0, submit = 0;
  bool first = true;
  for (uint64_t i = 0; i < t->n; i++) {
    const trace_span *s = &t->spans[i];
    if (s->kind == TRACE_WAIT) wait_end = s->end;
    if (s->kind != TRACE_COMMAND) continue;
    if (first || wait_end - s->end < shift) shift = wait_end - s->end;
    first = false;
  }
  for (uint64_t i = 0; i < t->n; i++) {
    trace_span *s = &t->spans[i];
    if (s->kind == TRACE_SUBMIT) submit = s->begin;
    if (s->kind == TRACE_WAIT) wait_end = s->end;
    if (s->kind != TRACE_COMMAND) continue;
    s->begin = within(s->begin + shift, submit, wait_end);
    s->end = within(s->end + shift, s->begin, wait_end);
  }
}
