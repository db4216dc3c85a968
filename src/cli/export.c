// vkift export: what was trained, in the form that other tools load.
#include <stdio.h>

#include "base/arena.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/source.h"
#include "config/train_options.h"

static const option export_table[] = {
#define AT(field) .offset = offsetof(vkift_export_options, field), .group = "Output"
    {"merge", OPTION_BOOL, AT(merge), .help = "add the adapter to the weights and write a Hugging Face model directory"},
    {"output_dir", OPTION_PATH, AT(output_dir), .unset = "required", .value = "DIR",
     .help = "where to; never a directory with something in it"},
    {0},
#undef AT
};

static const command_help help = {
    .usage = "vkift export --merge [RUN | --model PATH --adapter DIR] --output-dir DIR [options]",
    .about =
        "Writes a tuned model as a Hugging Face directory, with the tokenizer and the chat template that it was trained with.",
    .example = "vkift export --merge runs/first --output-dir models/first",
};

static bool check(const vkift_export_options *o, err *e) {
  const char *fault = NULL;
  if (!o->source.run == !o->source.model) fault = "give a run directory, or --model and --adapter";
  else if (o->source.run && o->source.adapter) fault = "--adapter belongs to --model; a run brings its own";
  else if (!o->output_dir) fault = "--output-dir is missing: where to write";
  else if (!o->merge) fault = "--merge is missing: it adds the adapter to the weights and writes the whole model";
  if (!fault) return true;
  e->usage = true;
  return ERR(e, "%s", fault);
}

bool export_run(int argc, char **argv, err *e) {
  vkift_export_options o = vkift_export_defaults();
  const vkift_export_options defaults = o;
  const option_set sets[] = {{export_table, &o}, {source_option_table, &o.source}};
  flags f;
  arena *a = arena_new("command line");
  bool ok = flags_read(a, sets, 2, "run directory", argc, argv, &f, e) && flags_store(a, &f, e);
  if (ok && f.help) {
    options_print_help(&help, sets, (const void *const[]){&defaults, &defaults.source}, 2);
  } else if (ok) {
    o.source.run = f.positional;
    vkift_error error = {0};
    ok = check(&o, e) && source_check(&o.source, e) && library_ok(vkift_export(&o, &error), &error, e);
    if (ok) printf("written: %s\n\nnext:\n  vkift generate --model %s --chat\n", o.output_dir, o.output_dir);
  }
  arena_free(a);
  return ok;
}
