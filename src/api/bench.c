// vkift_bench, over bench/bench.h, and the report that an owner of a device can send in.
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "api/status.h"
#include "base/file.h"
#include "bench/bench.h"
#include "io/json.h"

// Figures go to the caller and into the report.
typedef struct collector {
  void (*figure)(void *user, const vkift_bench_figure *figure);
  void *user;
  text figures;
} collector;

static void collect(void *user, const vkift_bench_figure *f) {
  collector *c = user;
  text_printf(&c->figures, "%s\n  %s", c->figures.length ? "," : "", f->json);
  if (c->figure) c->figure(c->user, f);
}

static bool usage(err *e) {
  e->usage = true;
  return false;
}

static bool check(arena *a, const vkift_bench_options *o, err *e) {
  if (o->rows < 2 || o->rows > 65535) return ERR(e, "rows: expected 2 to 65535, found %lld", (long long)o->rows), usage(e);
  if (!(o->seconds >= 0 && o->seconds <= 3600)) return ERR(e, "seconds: expected 0 to 3600, found %g", o->seconds), usage(e);
  if (o->report && o->filter) return ERR(e, "report and filter contradict each other: a report has all figures"), usage(e);
  if (o->double_quantization && !o->quantize) return ERR(e, "double_quantization needs quantize nf4"), usage(e);
  TRY(!o->report || file_may_be_written(a, o->report, e));
  return true;
}

static void put_checks(gpu_device *d, text *out) {
  device_check_row rows[DEVICE_CHECKS];
  device_check(d, rows);
  for (int i = 0; i < DEVICE_CHECKS; i++) {
    text_printf(out, "%s\n  {\"what\": ", i ? "," : "");
    json_put_string(out, rows[i].what);
    text_printf(out, ", \"ok\": %s, \"skipped\": %s, \"found\": ", rows[i].ok ? "true" : "false",
                rows[i].skipped ? "true" : "false");
    json_put_string(out, rows[i].found);
    text_putc(out, '}');
  }
}

static bool write_report(const vkift_bench_options *o, const model *m, gpu_device *d, const text *figures, err *e) {
  text out = {0};
  char day[16];
  const time_t now = time(NULL);
  strftime(day, sizeof day, "%Y-%m-%d", gmtime(&now));
  text_printf(&out, "{\"vkift\": \"%s\", \"date\": \"%s\", \"model\": ", VKIFT_VERSION, day);
  json_put_string(&out, path_name(m->path));
  text_printf(&out, ", \"rows\": %lld,\n \"device\": ", (long long)o->rows);
  device_report(device_snapshot(d), device_plan(d), true, &out);
  text_puts(&out, ",\n \"checks\": [");
  put_checks(d, &out);
  text_printf(&out, "],\n \"figures\": [%s]}\n", figures->data);
  const bool ok = file_replace(o->report, out.data, out.length, e);
  text_free(&out);
  return ok;
}

// The step begins with what is kept.
static bool keep_choices(const bench *b) {
  if (b->options->tune) choices_save(b->device);
  return true;
}

static bool measure_all(bench *b, model *m, err *e) {
  if (b->options->tune) choices_load(b->device); // else the device has no choices: the defaults
  return peak_measure(b, e) && copies_measure(b, e) && kernels_measure(b, &m->config, e) &&
         (!b->options->variants || variants_measure(b, &m->config, e)) && keep_choices(b) && decode_measure(b, m, e) &&
         train_step_measure(b, m, e);
}

static bool run(arena *a, const vkift_bench_options *o, collector *c, err *e) {
  bench b = {.memory = a, .options = o, .figure = collect, .user = c};
  model *m = NULL;
  TRY(check(a, o, e));
  TRY(bench_model(a, o->model, &m, e));
  bool ok =
      device_open(a, o->device, &b.device, e) && bench_rows_fit(&b, m, e) && train_step_check(&b, m, e) && measure_all(&b, m, e);
  if (ok && !c->figures.length) ok = ERR(e, "filter: no figure has \"%s\" in its name and shape", o->filter), usage(e);
  if (ok) keep_choices(&b);
  ok = ok && (!o->report || write_report(o, m, b.device, &c->figures, e));
  model_close(m);
  device_close(b.device);
  const uint32_t messages = b.device ? device_validation_messages(b.device) : 0;
  return ok && (!messages || ERR(e, "%u messages of the validation layers", messages));
}

vkift_status vkift_bench(const vkift_bench_options *options, void (*figure)(void *user, const vkift_bench_figure *figure),
                         void *user, vkift_error *error) {
  err e = {0};
  arena *a = arena_new("bench");
  collector c = {.figure = figure, .user = user};
  const bool ok = run(a, options, &c, &e);
  text_free(&c.figures);
  arena_free(a);
  return status_from(ok, &e, error);
}
