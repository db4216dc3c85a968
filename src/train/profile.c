// The trace's events are complete ones ("ph": "X"), nested on two tracks by their times alone:
//   host     step N → prepare (wait for the batch), run → submit, wait; report
//   device   recording (micro, update) → node (its operation and its tensor) → command (its shader, copy, fill or write)
#include "train/profile.h"

#include <math.h>

#include "base/file.h"
#include "io/json.h"

enum { HOST = 1, DEVICE = 2 }; // tracks

profile *profile_new(arena *a, const char *path, gpu_device *d, uint64_t n_steps) {
  profile *p = ARENA_NEW(a, profile);
  *p = (profile){.memory = a, .path = path, .device = d, .trace = {.memory = a}};
  p->first = n_steps > 1 ? 2 : 1;
  p->last = n_steps > 3 ? 3 : n_steps;
  return p;
}

bool profile_takes(const profile *p, uint64_t step) {
  return p && step >= p->first && step <= p->last;
}

void profile_begin_step(profile *p, uint64_t step) {
  if (profile_takes(p, step)) device_trace(p->device, &p->trace);
}

void profile_add(profile *p, uint64_t step, const char *name, double begin, double end) {
  if (!profile_takes(p, step)) return;
  void *spans = p->spans;
  arena_grow(p->memory, &spans, &p->capacity, p->n_spans + 1, sizeof *p->spans);
  p->spans = spans;
  profile_span *s = &p->spans[p->n_spans++];
  *s = (profile_span){.begin = begin, .end = end};
  snprintf(s->name, sizeof s->name, "%s", name);
}

// --- the file --------------------------------------------------------------------------------------------------------

typedef struct writer {
  text out;
  double zero; // the trace's time 0
} writer;

static long long nanoseconds(const writer *w, double at) {
  return llround((at - w->zero) * 1e9);
}

// Begins an event; put_args or "}" ends it. Times are whole nanoseconds, so that what is nested stays so.
static void put_event(writer *w, int track, const char *name, double begin, double end) {
  const long long from = nanoseconds(w, begin), n = nanoseconds(w, end) - from;
  text_puts(&w->out, ",\n{\"name\": ");
  json_put_string(&w->out, name);
  text_printf(&w->out, ", \"cat\": \"%s\", \"ph\": \"X\", \"pid\": %d, \"tid\": 1, \"ts\": %lld.%03lld, \"dur\": %lld.%03lld",
              track == HOST ? "host" : "device", track, from / 1000, from % 1000, n / 1000, n % 1000);
}

static void put_track(writer *w, int track, const char *name) {
  text_printf(&w->out, "%s\n{\"name\": \"process_name\", \"ph\": \"M\", \"pid\": %d, \"tid\": 1, \"args\": {\"name\": ",
              track == HOST ? "" : ",", track);
  json_put_string(&w->out, name);
  text_puts(&w->out, "}}");
}

static void put_host(writer *w, const profile *p) {
  for (uint64_t i = 0; i < p->n_spans; i++) {
    put_event(w, HOST, p->spans[i].name, p->spans[i].begin, p->spans[i].end);
    text_putc(&w->out, '}');
  }
  for (uint64_t i = 0; i < p->trace.n; i++) {
    const trace_span *s = &p->trace.spans[i];
    if (s->kind == TRACE_COMMAND) continue;
    put_event(w, HOST, s->kind == TRACE_SUBMIT ? "submit" : "wait", s->begin, s->end);
    text_printf(&w->out, ", \"args\": {\"slice\": %llu}}", (unsigned long long)s->slice);
  }
}

static void put_node(writer *w, const trace_span *first, const trace_span *last) {
  const recording_label *l = &first->label;
  if (!l->op) return;
  text name = {0};
  text_printf(&name, "%s %s", l->op, l->tensor);
  put_event(w, DEVICE, name.data, first->begin, last->end);
  text_free(&name);
  text_puts(&w->out, ", \"args\": {\"op\": ");
  json_put_string(&w->out, l->op);
  text_puts(&w->out, ", \"tensor\": ");
  json_put_string(&w->out, l->tensor);
  text_printf(&w->out, ", \"node\": %u", l->node);
  if (l->segment != UINT32_MAX) text_printf(&w->out, ", \"segment\": %u", l->segment);
  text_puts(&w->out, "}}");
}

static bool same_recording(const trace_span *a, const trace_span *b) {
  return a->recording == b->recording && b->label.node >= a->label.node; // nodes that begin again: another run of it
}

static bool same_node(const trace_span *a, const trace_span *b) {
  return same_recording(a, b) && a->label.op == b->label.op && a->label.node == b->label.node;
}

static void put_device(writer *w, const profile *p) {
  arena *a = arena_new("profile");
  const trace_span **spans = ARENA_ARRAY(a, const trace_span *, p->trace.n + 1);
  uint64_t n = 0;
  for (uint64_t i = 0; i < p->trace.n; i++)
    if (p->trace.spans[i].kind == TRACE_COMMAND) spans[n++] = &p->trace.spans[i];
  for (uint64_t i = 0; i < n; i++) {
    uint64_t r = i, k = i; // the recording's last command, the node's
    if (!i || !same_recording(spans[i - 1], spans[i])) {
      while (r + 1 < n && same_recording(spans[r], spans[r + 1])) r++;
      put_event(w, DEVICE, spans[i]->recording, spans[i]->begin, spans[r]->end);
      text_putc(&w->out, '}');
    }
    if (!i || !same_node(spans[i - 1], spans[i])) {
      while (k + 1 < n && same_node(spans[k], spans[k + 1])) k++;
      put_node(w, spans[i], spans[k]);
    }
    put_event(w, DEVICE, spans[i]->command, spans[i]->begin, spans[i]->end);
    text_putc(&w->out, '}');
  }
  arena_free(a);
}

static bool write(const profile *p, err *e) {
  writer w = {.zero = p->n_spans ? p->spans[0].begin : 0};
  for (uint64_t i = 0; i < p->n_spans; i++) w.zero = fmin(w.zero, p->spans[i].begin);
  const gpu_snapshot *s = device_snapshot(p->device);
  text_puts(&w.out, "{\"displayTimeUnit\": \"ms\", \"otherData\": {\"vkift\": \"" VKIFT_VERSION "\", \"device\": ");
  json_put_string(&w.out, s->name);
  text_puts(&w.out, ", \"driver\": ");
  json_put_string(&w.out, s->driver_info);
  text_printf(&w.out, ", \"device_timestamps\": %s}, \"traceEvents\": [", device_has_timestamps(p->device) ? "true" : "false");
  put_track(&w, HOST, "host");
  put_track(&w, DEVICE, s->name);
  put_host(&w, p);
  put_device(&w, p);
  text_puts(&w.out, "\n]}\n");
  const bool ok = file_replace(p->path, w.out.data, w.out.length, e);
  text_free(&w.out);
  return ok;
}

bool profile_end_step(profile *p, uint64_t step, err *e) {
  if (!profile_takes(p, step)) return true;
  device_trace(p->device, NULL);
  if (step < p->last) return true;
  trace_finish(&p->trace);
  return write(p, e);
}
