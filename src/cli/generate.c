// vkift generate: answers to prompts, or a conversation at the terminal. Here are its options and what its parts share.
#include "cli/generate.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/options.h"
#include "cli/source.h"
#include "config/train_options.h"
#include "io/json.h"

static const option sampling_table[] = {
#define AT(field) .offset = offsetof(vkift_generate_options, field), .group = "Answers"
    {"raw", OPTION_BOOL, AT(raw), .help = "continue the prompt's text as it is, without a template"},
    {"max_new_tokens", OPTION_INTEGER, AT(max_new_tokens), .least = 1, .most = 1 << 20,
     .help = "an answer ends here at the latest"},
    {"stop", OPTION_LIST, AT(stop), .rules = OPTION_WHOLE, .unset = "none", .value = "TEXT",
     .help = "an answer ends before this text; may be given several times"},
    {"repetition_penalty", OPTION_NUMBER, AT(repetition_penalty), .least = 0, .most = 1000, .rules = OPTION_ABOVE_LEAST,
     .help = "above 1 makes tokens of the prompt and the answer so far less likely"},
    {"temperature", OPTION_NUMBER, AT(temperature), .least = 0, .most = 100, .help = "0: always the most likely token"},
    {"top_k", OPTION_INTEGER, AT(top_k), .least = 0, .most = 1 << 30, .help = "sample among so many likeliest tokens; 0: all"},
    {"top_p", OPTION_NUMBER, AT(top_p), .least = 0, .most = 1, .rules = OPTION_ABOVE_LEAST,
     .help = "sample among the likeliest tokens that together have this probability"},
    {"min_p", OPTION_NUMBER, AT(min_p), .least = 0, .most = 1,
     .help = "sample among tokens at least so likely, as a share of the likeliest one"},
    {"seed", OPTION_INTEGER, AT(seed), .least = 0, .most = 9e18,
     .help = "of the sampling: the same seed gives a prompt the same answer, however many are answered at once"},
    {"batch_size", OPTION_INTEGER, AT(batch_size), .least = 1, .most = 64, .help = "prompts of --prompts answered at once"},
    {0},
#undef AT
};

static const option prompt_table[] = {
#define AT(field) .offset = offsetof(generate_flags, field), .group = "Prompts"
    {"prompt", OPTION_TEXT, AT(prompt), .unset = "none", .help = "the text to answer"},
    {"prompt_file", OPTION_PATH, AT(prompt_file), .unset = "none", .value = "FILE", .help = "the prompt is this file's text"},
    {"prompts", OPTION_PATH, AT(prompts), .unset = "none", .value = "FILE",
     .help = "a prompt on each line; of a .jsonl file a string, or an object with prompt (and system) or messages. Prints a JSON "
             "object for each, in their order"},
    {"system", OPTION_TEXT, AT(system), .unset = "none", .help = "a system message before every prompt"},
    {"chat", OPTION_BOOL, AT(chat), .help = "a conversation: each line of stdin is a turn; /help lists what else can be said"},
    {"compare", OPTION_BOOL, AT(compare),
     .help = "the same prompts answered by the base and by the tuned model, one under the "
             "other; with --json in one object"},
    {"json", OPTION_BOOL, AT(json), .help = "one JSON object an answer"},
    {0},
#undef AT
};

static const command_help help = {
    .usage =
        "vkift generate [RUN | --model PATH [--adapter DIR]] (--prompt TEXT | --prompt-file FILE | --prompts FILE | --chat) "
        "[options]",
    .about = "Completes prompts with a base model, a base model and an adapter, or what a run trained.",
    .example =
        "vkift generate runs/first --prompt 'Name three primary colours.'\n"
        "vkift generate runs/first --prompts questions.jsonl >answers.jsonl",
};

// --- the session -----------------------------------------------------------------------------------------------------

static bool should_stop(void *unused) {
  return interrupted(unused) || ferror(stdout); // nobody could read the rest
}

static void on_text(void *user, const char *bytes, size_t length) {
  session *s = user;
  text_put(&s->answer, bytes, length);
  if (s->own->json) return;
  fwrite(bytes, 1, length, stdout);
  fflush(stdout);
}

bool session_open(session *s, bool base, err *e) {
  vkift_source source = s->source;
  source.base |= base;
  vkift_error error = {0};
  s->options.user = s;
  s->options.text = on_text;
  s->options.should_stop = should_stop;
  TRY(library_ok(vkift_generator_open(&source, &s->generator, &error), &error, e));
  if (vkift_generator_has_end(s->generator) || s->options.stop.n) return true;
  if (s->own->chat) {
    e->usage = true;
    return ERR(e,
               "--chat: the model names no token that ends an answer, so none would end: give the text after which the turn "
               "is yours with --stop TEXT");
  }
  log_warn("the model names no token that ends an answer: each goes on to --max-new-tokens %lld, unless --stop TEXT ends it",
           (long long)s->options.max_new_tokens);
  return true;
}

bool session_answer(session *s, const vkift_message *messages, size_t n, vkift_generate_result *r, err *e) {
  text_clear(&s->answer);
  text_puts(&s->answer, "");
  vkift_error error = {0};
  return library_ok(vkift_generate(s->generator, messages, n, &s->options, r, &error), &error, e);
}

void session_put_answer(text *out, const char *answer, size_t length, int64_t new_tokens, vkift_finish finish) {
  static const char *const names[] = {"end", "length", "stopped", "stop_string"};
  text_puts(out, "\"answer\": ");
  json_put_bytes(out, answer, length);
  text_printf(out, ", \"new_tokens\": %lld, \"finish\": \"%s\"", (long long)new_tokens, names[finish]);
}

void session_print_json(const session *s, const char *prompt, const vkift_generate_result *r) {
  text out = {0};
  text_puts(&out, "{\"prompt\": ");
  json_put_string(&out, prompt);
  text_puts(&out, ", ");
  session_put_answer(&out, s->answer.data, s->answer.length, r->new_tokens, r->finish);
  text_printf(&out, ", \"prompt_tokens\": %lld, \"prompt_seconds\": %.4g, \"new_seconds\": %.4g}", (long long)r->prompt_tokens,
              r->prompt_seconds, r->new_seconds);
  puts(out.data);
  fflush(stdout);
  text_free(&out);
}

void session_note_cut(const session *s, const vkift_generate_result *r) {
  if (s->own->json || r->finish != VKIFT_FINISH_LENGTH || !log_stderr_is_terminal()) return;
  if (r->new_tokens >= s->options.max_new_tokens)
    log_note("the answer was cut at --max-new-tokens %lld", (long long)r->new_tokens);
  else log_note("the answer was cut: the model's context is full");
}

// --- the command -----------------------------------------------------------------------------------------------------

static bool check(const session *s, err *e) {
  const generate_flags *own = s->own;
  const vkift_source *source = &s->source;
  const vkift_generate_options *o = &s->options;
  const int ways = (own->prompt != NULL) + (own->prompt_file != NULL) + (own->prompts != NULL) + own->chat;
  const bool samples = o->top_k || o->top_p < 1 || o->min_p > 0;
  const char *fault = NULL;
  if (!source->run == !source->model) fault = "give a run directory, or --model and perhaps --adapter";
  else if (source->run && source->adapter) fault = "--adapter belongs to --model; a run brings its own";
  else if (ways != 1) fault = "give one of --prompt, --prompt-file, --prompts and --chat";
  else if (o->raw && (own->chat || own->system)) fault = "--raw has no turns: it goes with neither --chat nor --system";
  else if (own->compare && own->chat) fault = "--compare answers prompts: give --prompt, --prompt-file or --prompts, not --chat";
  else if (own->compare && !source->run && !source->adapter)
    fault = "--compare needs what was tuned: a run directory, or --adapter";
  else if (samples && o->temperature <= 0)
    fault = "--top-k, --top-p and --min-p narrow what is sampled: give --temperature above 0";
  if (!fault) return true;
  e->usage = true;
  return ERR(e, "%s", fault);
}

bool generate_run(int argc, char **argv, err *e) {
  session s = {.options = vkift_generate_defaults()};
  generate_flags own = {0};
  const vkift_source source_defaults = {0};
  const vkift_generate_options defaults = s.options;
  const generate_flags own_defaults = {0};
  const option_set sets[] = {{prompt_table, &own}, {source_option_table, &s.source}, {sampling_table, &s.options}};
  flags f;
  arena *a = arena_new("command line");
  bool ok = flags_read(a, sets, 3, "run directory", argc, argv, &f, e) && flags_store(a, &f, e);
  if (ok && f.help) {
    options_print_help(&help, sets, (const void *const[]){&own_defaults, &source_defaults, &defaults}, 3);
  } else if (ok) {
    interrupts_catch(own.chat);
    s.source.run = f.positional;
    s.own = &own;
    ok = check(&s, e) && source_check(&s.source, e) && (own.chat ? generate_chat(&s, e) : generate_prompts(&s, e));
    vkift_generator_close(s.generator);
  }
  text_free(&s.answer);
  arena_free(a);
  return ok;
}
