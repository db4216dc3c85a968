// vkift bench: how fast each kernel and a whole training step are on this device, beside what it can do at most.
#include <stdio.h>

#include "base/arena.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "config/train_options.h"

typedef struct bench_flags {
  vkift_bench_options o;
  bool json;
} bench_flags;

#define AT(field) .offset = offsetof(bench_flags, field), .group = "Options"
static const option bench_table[] = {
    {"model", OPTION_PATH, AT(o.model), .unset = "the shapes of SmolLM2-135M, without a file",
     .help = "measure this model's shapes; of a directory config.json is enough"},
    {"rows", OPTION_INTEGER, AT(o.rows), .least = 2, .most = 65535, .help = "tokens of a row"},
    {"filter", OPTION_TEXT, AT(o.filter), .unset = "all",
     .help = "only what has this text in its name and shape: linear_dw, \"-> 1536\""},
    {"tune", OPTION_BOOL, AT(o.tune),
     .help = "measure first which kernel suits each matrix product, as training does; off: the defaults"},
    {"variants", OPTION_BOOL, AT(o.variants),
     .help = "also each matrix product by every kernel that the device may take, its default first"},
    {"seconds", OPTION_NUMBER, AT(o.seconds), .least = 0, .most = 3600,
     .help = "for each figure, which is the median of the runs in that time (three at least)"},
    {"weight_dtype", OPTION_ENUM, AT(o.weight_dtype), .names = source_type_names,
     .help = "of the training step's frozen weights; auto: as in the model's file, bf16 without one"},
    {"quantize", OPTION_ENUM, AT(o.quantize), .names = quantize_names,
     .help = "nf4: the training step's linear weights in 4 bits, as vkift train has them"},
    {"double_quantization", OPTION_BOOL, AT(o.double_quantization), .help = "with nf4: its scales, too"},
    {"device", OPTION_TEXT, AT(o.device), .unset = "the best", .value = "DEVICE",
     .help = "an index that `vkift devices` prints, or part of a name"},
    {"report", OPTION_PATH, AT(o.report), .unset = "none", .value = "FILE",
     .help = "write the device, its features, known-answer checks and all figures as one JSON object, to be sent in"},
    {"json", OPTION_BOOL, AT(json), .help = "print one JSON array"},
    {0},
};
#undef AT

static const command_help help = {
    .usage = "vkift bench [--model PATH] [--rows N] [--filter TEXT] [--json] [--report FILE]",
    .about =
        "Measures what the device can do at most (multiply-adds in registers, a streaming copy), then each kernel of a "
        "training step, forward and backward, then steps of generation and of LoRA training, as throughput and as share of that "
        "peak. "
        "GFLOP/s count a multiply-add twice; GB/s count what must at least be read and written.",
    .example = "vkift bench --filter linear",
};

typedef struct listing {
  bool json;
  int64_t n;
} listing;

static void put_time(double seconds, char out[24]) {
  if (seconds < 1e-3) snprintf(out, 24, "%.1f us", 1e6 * seconds);
  else if (seconds < 1) snprintf(out, 24, "%.2f ms", 1e3 * seconds);
  else snprintf(out, 24, "%.2f s", seconds);
}

static void put_rate(double rate, char out[24]) {
  if (rate > 0) snprintf(out, 24, "%.1f", rate);
  else snprintf(out, 24, "-");
}

static void on_figure(void *user, const vkift_bench_figure *f) {
  listing *l = user;
  char flops[24], bytes[24], took[24];
  put_rate(f->gflops, flops), put_rate(f->gbytes_per_second, bytes), put_time(f->seconds, took);
  if (l->json) {
    printf("%s%s", l->n ? ",\n " : "[", f->json);
  } else {
    if (!l->n) printf("%-18s %-38s %9s %9s %7s %10s  %s\n", "name", "shape", "GFLOP/s", "GB/s", "of peak", "time", "variant");
    printf("%-18s %-38s %9s %9s %5.1f %% %10s  %s\n", f->name, f->shape, flops, bytes, 100 * f->share_of_peak, took, f->variant);
  }
  l->n++;
  fflush(stdout);
}

bool bench_run(int argc, char **argv, err *e) {
  bench_flags o = {.o = vkift_bench_defaults()};
  const bench_flags defaults = o;
  const option_set set = {bench_table, &o};
  flags f;
  arena *a = arena_new("command line");
  bool ok = flags_read(a, &set, 1, NULL, argc, argv, &f, e) && flags_store(a, &f, e);
  if (ok && f.help) {
    options_print_help(&help, &set, (const void *const[]){&defaults}, 1);
  } else if (ok) {
    listing l = {.json = o.json};
    vkift_error error = {0};
    ok = library_ok(vkift_bench(&o.o, on_figure, &l, &error), &error, e);
    if (l.json && l.n) puts("]");
    if (ok && o.o.report) log_note("written: %s", o.o.report);
  }
  arena_free(a);
  return ok;
}
