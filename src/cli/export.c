// vkift export: what was trained, in the form that other tools load.
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "cli/source.h"
#include "config/train_options.h"

static const char *const format_names[] = {"hf", "peft", "gguf", "gguf-adapter", NULL};
static const char *const type_names[] = {"auto", "f32", "f16", "bf16", "q8_0", "q4_0", NULL};

typedef struct export_flags {
  vkift_export_options options;
  bool merge;
} export_flags;

static const option export_table[] = {
#define AT(field) .offset = offsetof(export_flags, options.field)
#define GROUP .group = "Output"
    {"format", OPTION_ENUM, AT(format), GROUP, .names = format_names,
     .help =
         "hf: a Hugging Face model directory with the adapter merged; peft: the adapter by itself; gguf: the merged model for "
         "llama.cpp, with a Modelfile for ollama; gguf-adapter: the adapter for llama.cpp, with a Modelfile"},
    {"dtype", OPTION_ENUM, AT(dtype), GROUP, .names = type_names,
     .help = "of the written weights; auto: as the base has them, of adapters f32; q8_0 and q4_0 for gguf"},
    {"output_dir", OPTION_PATH, AT(output_dir), GROUP, .unset = "required", .value = "DIR",
     .help = "where to; never a directory with something in it"},
    {"merge", OPTION_BOOL, .offset = offsetof(export_flags, merge), GROUP, .help = "as --format hf and gguf do in any case"},
#undef GROUP
#define GROUP .group = "Model"
    {"model", OPTION_PATH, AT(source.model), GROUP, .unset = "the run's", .help = "a Hugging Face directory or a GGUF file"},
    {"adapter", OPTION_PATH, AT(source.adapter), GROUP, .unset = "none", .value = "DIR",
     .help = "a PEFT LoRA adapter for the model"},
    {"chat_template", OPTION_PATH, AT(source.chat_template), GROUP, .names = template_names,
     .unset = "the run's or the model's, else alpaca", .value = "FILE|NAME",
     .help = "a Jinja file, or the built-in alpaca or chatml"},
    {0},
#undef GROUP
#undef AT
};

static const command_help help = {
    .usage = "vkift export [RUN | --model PATH --adapter DIR] --output-dir DIR [options]",
    .about =
        "Writes a tuned model or its adapter as other tools load it, with the tokenizer and the chat template that it was "
        "trained with.",
    .example = "vkift export runs/first --format gguf --dtype q8_0 --output-dir models/first",
};

static bool check(const export_flags *f, err *e) {
  const vkift_export_options *o = &f->options;
  const char *fault = NULL;
  if (!o->source.run == !o->source.model) fault = "give a run directory, or --model and --adapter";
  else if (o->source.run && o->source.adapter) fault = "--adapter belongs to --model; a run brings its own";
  else if (!o->output_dir) fault = "--output-dir is missing: where to write";
  else if (f->merge && o->format != VKIFT_EXPORT_HF && o->format != VKIFT_EXPORT_GGUF)
    fault = "--merge and an adapter's --format contradict each other";
  if (!fault) return true;
  e->usage = true;
  return ERR(e, "%s", fault);
}

// Its files have no template for turns.
static bool is_classifier(arena *a, const vkift_export_options *o) {
  return (o->format == VKIFT_EXPORT_HF || o->format == VKIFT_EXPORT_PEFT) &&
         !file_exists(path_join(a, o->output_dir, "chat_template.jinja"));
}

static void say_next(arena *a, const vkift_export_options *o) {
  static const char *const next[] = {[VKIFT_EXPORT_HF] = "vkift generate --model %s --chat",
                                     [VKIFT_EXPORT_PEFT] = "vkift generate --model BASE --adapter %s --chat",
                                     [VKIFT_EXPORT_GGUF] = "vkift generate --model %s/model.gguf --chat",
                                     [VKIFT_EXPORT_GGUF_ADAPTER] = "llama-cli -m BASE.gguf --lora %s/adapter.gguf"};
  static const char *const of_classifier[] = {[VKIFT_EXPORT_HF] = "vkift eval --model %s --data FILE",
                                              [VKIFT_EXPORT_PEFT] = "vkift eval --model BASE --adapter %s --data FILE"};
  const char *line = is_classifier(a, o) ? of_classifier[o->format] : next[o->format], *place = strstr(line, "%s");
  printf("written: %s\n\nnext:\n  %.*s%s%s\n", o->output_dir, (int)(place - line), line, o->output_dir, place + 2);
}

bool export_run(int argc, char **argv, err *e) {
  export_flags o = {.options = vkift_export_defaults()};
  const export_flags defaults = o;
  const option_set sets[] = {{export_table, &o}};
  flags f;
  arena *a = arena_new("command line");
  bool ok = flags_read(a, sets, 1, "run directory", argc, argv, &f, e) && flags_store(a, &f, e);
  if (ok && f.help) {
    options_print_help(&help, sets, (const void *const[]){&defaults}, 1);
  } else if (ok) {
    o.options.source.run = f.positional;
    vkift_error error = {0};
    ok = check(&o, e) && source_check(&o.options.source, e) && library_ok(vkift_export(&o.options, &error), &error, e);
    if (ok) say_next(a, &o.options);
  }
  arena_free(a);
  return ok;
}
