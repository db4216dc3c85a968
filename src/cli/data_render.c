// vkift data render: conversations as the text that a model would get, with where messages and the loss stand.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "cli/cli.h"
#include "cli/data_verbs.h"
#include "cli/marked.h"
#include "cli/options.h"
#include "config/train_options.h"
#include "io/json.h"

typedef struct render_flags {
  bool json;
} render_flags;

static const option render_table[] = {
#define AT(field) .offset = offsetof(vkift_render_options, field), .group = "Data"
    {"data", OPTION_PATH, AT(data), .help = "as for vkift train, in a form that holds conversations"},
#define READING(field) AT(reading.field)
#include "config/reading.def"
#define AUGMENT(field) AT(augment.field)
#include "config/augment.def"
    {"seed", OPTION_INTEGER, AT(seed), .least = 0, .most = INFINITY,
     .help = "of the augmentations and of a template pack's phrasings, as in training"},
#undef AT
#define AT(field) .offset = offsetof(vkift_render_options, field), .group = "Prompt"
    {"add_generation_prompt", OPTION_BOOL, AT(add_generation_prompt), .help = "end where an answer is to begin"},
    {"bos_token", OPTION_TEXT, AT(bos_token), .unset = "the model's, else none",
     .help = "without a model: the template's bos_token"},
    {"eos_token", OPTION_TEXT, AT(eos_token), .unset = "the model's, else none",
     .help = "without a model: the template's eos_token"},
    {0},
#undef AT
};

static const option render_flag_table[] = {
    {"json", OPTION_BOOL, .offset = offsetof(render_flags, json), .group = "Output", .help = "one JSON object an example"},
    {0},
};

static const command_help render_help = {
    .usage = "vkift data render [RUN | --model PATH | --chat-template FILE] --data PATH [options]",
    .about =
        "Prints conversations as a chat template renders them, with what carries loss in green (between [[ and ]] where there "
        "is no colour). With --json also the byte spans of each message's content and of the loss. A conversation that the "
        "template refuses prints its error. With --chat-template alone no model is needed.",
    .example = "vkift data render --chat-template chat_template.jinja --eos-token '</s>' --data chats.jsonl --json",
};

// --- one conversation --------------------------------------------------------------------------------------------------

static void put_json_spans(text *out, const vkift_span *spans, size_t n) {
  text_putc(out, '[');
  for (size_t i = 0; i < n; i++) text_printf(out, "%s[%zu, %zu]", i ? ", " : "", spans[i].begin, spans[i].end);
  text_putc(out, ']');
}

static void put_json(text *out, const vkift_rendering *r) {
  if (r->error) {
    text_puts(out, "{\"error\": ");
    json_put_string(out, r->error);
    text_puts(out, "}\n");
    return;
  }
  text_puts(out, "{\"text\": ");
  json_put_bytes(out, r->text, r->length);
  text_puts(out, ", \"messages\": [");
  for (size_t i = 0; i < r->n_messages; i++) {
    text_printf(out, "%s{\"role\": \"%s\", \"spans\": ", i ? ", " : "", r->messages[i].role);
    put_json_spans(out, r->messages[i].spans, r->messages[i].n_spans);
    text_putc(out, '}');
  }
  text_puts(out, "], \"assistant\": ");
  put_json_spans(out, r->assistant, r->n_assistant);
  text_puts(out, "}\n");
}

static void put_marked(text *out, const vkift_rendering *r) {
  const marked_style s = marked_style_of_stdout();
  size_t at = 0;
  text_printf(out, "example %lld  (", (long long)r->index);
  marked_put_visible(out, r->file, strlen(r->file));
  text_printf(out, ":%lld)\n", (long long)r->line);
  if (r->error) {
    text_puts(out, "! ");
    marked_put_visible(out, r->error, strlen(r->error));
  }
  for (size_t i = 0; i < r->n_assistant; i++) {
    const vkift_span *span = &r->assistant[i];
    marked_put_visible(out, r->text + at, span->begin - at);
    text_puts(out, s.loss);
    marked_put_visible(out, r->text + span->begin, span->end - span->begin);
    text_puts(out, s.end_loss);
    at = span->end;
  }
  marked_put_visible(out, r->text + at, r->length - at);
  text_puts(out, "\n\n");
}

static void on_rendering(void *user, const vkift_rendering *r) {
  const render_flags *own = user;
  text out = {0};
  if (own->json) put_json(&out, r);
  else put_marked(&out, r);
  fwrite(out.data, 1, out.length, stdout);
  text_free(&out);
}

// --- the verb ----------------------------------------------------------------------------------------------------------

bool data_render_run(int argc, char **argv, err *e) {
  vkift_render_options o = vkift_render_defaults();
  const vkift_render_options defaults = o;
  render_flags own = {0};
  const render_flags own_defaults = own;
  const option_set sets[] = {{source_option_table, &o.source}, {render_table, &o}, {render_flag_table, &own}};
  flags f;
  arena *a = arena_new("command line");
  bool ok = flags_read(a, sets, 3, "run directory", argc, argv, &f, e) && flags_store(a, &f, e);
  if (ok && f.help) {
    options_print_help(&render_help, sets, (const void *const[]){&defaults.source, &defaults, &own_defaults}, 3);
  } else if (ok && f.positional && o.source.model) {
    e->usage = true;
    ok = ERR(e, "give a run directory, or --model");
  } else if (ok) {
    vkift_error error = {0};
    o.source.run = f.positional;
    ok = library_ok(vkift_data_render(&o, on_rendering, &own, &error), &error, e);
  }
  arena_free(a);
  return ok;
}
