// vkift plan: what a training run will take, before anything runs; and whether it fits, or what would make it fit.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/show.h"
#include "cli/cli.h"
#include "cli/json_line.h"
#include "cli/run_options.h"
#include "config/train_options.h"
#include "io/json.h"

typedef struct plan_flags {
  const char *config, *vram, *bench;
  double pretraining_tokens, gflops;
  bool json;
} plan_flags;

#define AT(field) .offset = offsetof(plan_flags, field), .group = "This command", .rules = OPTION_FLAG_ONLY
static const option plan_flag_table[] = {
    {"config", OPTION_PATH, AT(config), .unset = "none", .value = "FILE",
     .help = "YAML file whose keys are these options with underscores; flags win over it"},
    {"vram", OPTION_TEXT, AT(vram), .unset = "the device's", .value = "SIZE",
     .help = "plan for so much device memory (8GiB) and the least limits of any device; no device is needed"},
    {"pretraining_tokens", OPTION_NUMBER, AT(pretraining_tokens), .unset = "as config.json says, if it does", .least = 0,
     .most = INFINITY, .help = "tokens that the model was pretrained on, to compare with"},
    {"gflops", OPTION_NUMBER, AT(gflops), .unset = "not known", .least = 0, .most = INFINITY,
     .help = "what a training step was measured to compute in a second, in 10^9 operations, for the expected time"},
    {"bench", OPTION_PATH, AT(bench), .unset = "none", .value = "FILE",
     .help = "take that figure from what `vkift bench --report FILE` wrote on the device"},
    {"json", OPTION_BOOL, AT(json), .help = "print one JSON object"},
    {0},
};
#undef AT

static const command_help help = {
    .usage = "vkift plan [--config FILE] [--model PATH] [--data PATH] [--vram SIZE] [options]",
    .about =
        "Says what `vkift train` with the same options will take: parameters, operations, device memory to the byte, and whether "
        "it fits. Of the model only config.json (or a GGUF file) is read. Without --data a row has --micro-batch-tokens, by "
        "default 2048, and a step is one row; with it, rows are those that training would choose.",
    .example = "vkift plan --model models/SmolLM2-135M --vram 4GiB",
};

static bool parse_size(const char *given, uint64_t *bytes, err *e) {
  static const struct {
    const char *unit;
    double bytes;
  } units[] = {{"", 1},         {"K", 0x1p10},   {"M", 0x1p20}, {"G", 0x1p30}, {"T", 0x1p40}, {"KiB", 0x1p10}, {"MiB", 0x1p20},
               {"GiB", 0x1p30}, {"TiB", 0x1p40}, {"KB", 1e3},   {"MB", 1e6},   {"GB", 1e9},   {"TB", 1e12}};
  char *end = NULL;
  const double number = *given >= '0' && *given <= '9' ? strtod(given, &end) : 0;
  while (end && *end == ' ') end++;
  for (size_t i = 0; end && i < sizeof units / sizeof *units; i++)
    if (!strcmp(end, units[i].unit) && number * units[i].bytes >= 1 && number * units[i].bytes < 0x1p60) {
      *bytes = (uint64_t)(number * units[i].bytes);
      return true;
    }
  e->usage = true;
  return ERR(e, "--vram: expected a size like 8GiB or 8000MB, found \"%.60s\"", given);
}

// What a training step computed in a second, of a bench's report.
static bool read_bench(const char *path, double *gflops, err *e) {
  enum { LIMIT = 16 << 20 };
  json d;
  cJSON *figures;
  TRY(json_read(path, LIMIT, &d, e));
  bool ok = json_array(&d, d.root, "", "figures", &figures, e);
  for (const cJSON *f = ok ? figures->child : NULL; ok && f; f = f->next) {
    const char *name;
    ok = json_string(&d, f, "figures", "name", &name, e);
    if (ok && !strcmp(name, "train_step")) ok = json_number(&d, f, "figures", "gflops", gflops, e);
  }
  if (ok && !(*gflops > 0)) ok = ERR(e, "%s: figures: expected a train_step with its gflops, found none", path);
  json_free(&d);
  return ok;
}

// --- as JSON ---------------------------------------------------------------------------------------------------------------

static void put(text *out, const char *key, double value) {
  text_printf(out, ", \"%s\": ", key);
  json_line_put_number(out, value, 17);
}

// 0 stands for what is not known.
static void put_known(text *out, const char *key, double value) {
  put(out, key, value > 0 ? value : NAN);
}

static void print_json(const vkift_planned *p) {
  text out = {0};
  text_puts(&out, "{\"device\": ");
  json_put_string(&out, p->device);
  text_printf(&out, ", \"fits\": %s", p->fits ? "true" : "false");
  put_known(&out, "budget_bytes", (double)p->budget_bytes);
  put(&out, "parameters", (double)p->parameters);
  put(&out, "trained_parameters", (double)p->trained_parameters);
  put(&out, "device_bytes", (double)p->device_bytes);
  put(&out, "frozen_bytes", (double)p->frozen_bytes);
  put(&out, "weight_bytes", (double)p->weight_bytes);
  put(&out, "gradient_bytes", (double)p->gradient_bytes);
  put(&out, "optimizer_bytes", (double)p->optimizer_bytes);
  put(&out, "activation_bytes", (double)p->activation_bytes);
  put(&out, "rest_bytes", (double)p->rest_bytes);
  put(&out, "row_tokens", (double)p->row_tokens);
  put(&out, "layers", (double)p->layers);
  put(&out, "checkpointing_layers", (double)p->checkpointing_layers);
  put(&out, "checkpointing_group", (double)p->checkpointing_group);
  put(&out, "row_flops", p->row_flops);
  put(&out, "row_bytes", p->row_bytes);
  put(&out, "step_tokens", p->step_tokens);
  put(&out, "step_flops", p->step_flops);
  put(&out, "step_bytes", p->step_bytes);
  put_known(&out, "steps", (double)p->steps);
  put_known(&out, "run_flops", p->run_flops);
  put_known(&out, "pretraining_flops", p->pretraining_flops);
  put_known(&out, "step_seconds", p->step_seconds);
  text_puts(&out, ", \"ways\": [");
  for (size_t i = 0; i < p->n_ways; i++) {
    text_puts(&out, i ? ", {\"change\": " : "{\"change\": ");
    json_put_string(&out, p->ways[i].change);
    put(&out, "device_bytes", (double)p->ways[i].device_bytes);
    text_printf(&out, ", \"fits\": %s}", p->ways[i].fits ? "true" : "false");
  }
  text_puts(&out, "]}");
  puts(out.data);
  text_free(&out);
}

// --- for people ------------------------------------------------------------------------------------------------------------

static void memory_line(const char *what, uint64_t bytes) {
  printf("  %-28s %12s\n", what, show_bytes(bytes).text);
}

static void print_memory(const vkift_planned *p) {
  printf("device memory\n");
  memory_line("frozen weights", p->frozen_bytes);
  memory_line("trained weights", p->weight_bytes);
  memory_line("gradients", p->gradient_bytes);
  memory_line("optimizer", p->optimizer_bytes);
  memory_line("activations", p->activation_bytes);
  memory_line("rest", p->rest_bytes);
  memory_line("all", p->device_bytes);
  printf("  rows of %s tokens", show_count(p->row_tokens).text);
  if (!p->checkpointing_layers) printf(", no checkpointing\n");
  else {
    printf(", checkpointing of %lld of %lld layers", (long long)p->checkpointing_layers, (long long)p->layers);
    if (p->checkpointing_group > 1) printf(" in groups of %lld", (long long)p->checkpointing_group);
    putchar('\n');
  }
  if (!p->budget_bytes) printf("  %s does not say what it has\n\n", p->device);
  else
    printf("  %s %s, of which a run may take %s\n\n", p->fits ? "fits" : "DOES NOT FIT", p->device,
           show_bytes(p->budget_bytes).text);
}

static void print_work(const vkift_planned *p, const plan_flags *own) {
  printf("work\n  a row                        %12.3g operations, %s read and written\n", p->row_flops,
         show_bytes((uint64_t)p->row_bytes).text);
  printf("  a step of %-18s %12.3g operations, %s read and written\n", show_count((int64_t)p->step_tokens).text, p->step_flops,
         show_bytes((uint64_t)p->step_bytes).text);
  if (p->run_flops > 0) printf("  the run of %-17s %12.3g operations\n", show_count(p->steps).text, p->run_flops);
  if (p->pretraining_flops > 0) printf("  pretraining took about       %12.3g operations\n", p->pretraining_flops);
  if (p->run_flops > 0 && p->pretraining_flops > 0)
    printf("  the run's share of that      %12.3g %%\n", 100 * p->run_flops / p->pretraining_flops);
  if (p->step_seconds > 0) {
    printf("  time of a step               %12.3g s, at the %.4g GFLOP/s %s%s\n", p->step_seconds, own->gflops,
           own->bench ? "of a step in " : "that were given", own->bench ? own->bench : "");
    if (p->steps) printf("  time of the run              %12s\n", show_time(p->step_seconds * (double)p->steps).text);
  } else {
    printf(
        "  time                              unknown: --bench takes what `vkift bench --report FILE` measured, or give "
        "--gflops\n");
  }
}

static void print_ways(const vkift_planned *p) {
  if (p->n_ways) printf("\nwhat needs less\n");
  for (size_t i = 0; i < p->n_ways; i++)
    printf("  %-60s %12s  %s\n", p->ways[i].change, show_bytes(p->ways[i].device_bytes).text,
           p->ways[i].fits ? "fits" : "does not fit");
}

static void on_plan(void *user, const vkift_planned *p) {
  const plan_flags *own = user;
  if (own->json) {
    print_json(p);
    return;
  }
  printf("parameters %s, trained %s\n\n", show_count(p->parameters).text, show_count(p->trained_parameters).text);
  print_memory(p);
  print_work(p, own);
  print_ways(p);
}

static bool read_options(arena *a, const flags *f, const option_set *sets, size_t n_sets, vkift_plan_options *o, plan_flags *own,
                         err *e) {
  const vkift_train_options defaults = vkift_train_defaults();
  const run_options from = {.sets = sets,
                            .n_sets = n_sets,
                            .options = &o->train,
                            .defaults = &defaults,
                            .bytes = sizeof defaults,
                            .built_in = "train.yaml"};
  TRY(run_options_read(a, f, &from, e));
  if (own->vram) TRY(parse_size(own->vram, &o->vram_bytes, e));
  if (own->bench && own->gflops > 0) {
    e->usage = true;
    return ERR(e, "--bench and --gflops contradict each other: give one of them");
  }
  if (own->bench) TRY(read_bench(own->bench, &own->gflops, e));
  o->pretraining_tokens = own->pretraining_tokens;
  o->gflops = own->gflops;
  return true;
}

bool plan_run(int argc, char **argv, err *e) {
  vkift_plan_options o = vkift_plan_defaults();
  const vkift_train_options defaults = o.train;
  plan_flags own = {0};
  const plan_flags own_defaults = {0};
  const option_set sets[] = {{train_option_table, &o.train}, {plan_flag_table, &own}};
  flags f;
  arena *a = arena_new("command line");
  bool ok = flags_read(a, sets, 2, NULL, argc, argv, &f, e);
  if (ok && f.help) {
    options_print_help(&help, sets, (const void *const[]){&defaults, &own_defaults}, 2);
  } else if (ok) {
    vkift_error error = {0};
    ok = read_options(a, &f, sets, 2, &o, &own, e) && library_ok(vkift_plan(&o, on_plan, &own, &error), &error, e);
  }
  arena_free(a);
  return ok;
}
