// vkift generate: answers to prompts, or a conversation at the terminal.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/show.h"
#include "cli/cli.h"
#include "cli/json_line.h"
#include "cli/options.h"
#include "cli/source.h"
#include "config/train_options.h"
#include "io/json.h"

typedef struct generate_flags {
  const char *prompt, *prompt_file, *system;
  bool chat, json;
} generate_flags;

static const option sampling_table[] = {
#define AT(field) .offset = offsetof(vkift_generate_options, field), .group = "Answers"
    {"raw", OPTION_BOOL, AT(raw), .help = "continue the prompt's text as it is, without a template"},
    {"max_new_tokens", OPTION_INTEGER, AT(max_new_tokens), .least = 1, .most = 1 << 20,
     .help = "an answer ends here at the latest"},
    {"temperature", OPTION_NUMBER, AT(temperature), .least = 0, .most = 100, .help = "0: always the most likely token"},
    {"top_p", OPTION_NUMBER, AT(top_p), .least = 0, .most = 1, .rules = OPTION_ABOVE_LEAST,
     .help = "sample among the likeliest tokens that together have this probability"},
    {"seed", OPTION_INTEGER, AT(seed), .least = 0, .most = 9e18, .help = "of the sampling"},
    {0},
#undef AT
};

static const option prompt_table[] = {
#define AT(field) .offset = offsetof(generate_flags, field), .group = "Prompts"
    {"prompt", OPTION_TEXT, AT(prompt), .unset = "none", .help = "the text to answer"},
    {"prompt_file", OPTION_PATH, AT(prompt_file), .unset = "none", .value = "FILE",
     .help = "the prompt is this file's text; of a .jsonl file, each line's JSON string is one"},
    {"system", OPTION_TEXT, AT(system), .unset = "none", .help = "a system message before every prompt"},
    {"chat", OPTION_BOOL, AT(chat), .help = "a conversation: each line of stdin is a turn; /clear starts again, /exit ends"},
    {"json", OPTION_BOOL, AT(json), .help = "one JSON object an answer"},
    {0},
#undef AT
};

static const command_help help = {
    .usage = "vkift generate [RUN | --model PATH [--adapter DIR]] (--prompt TEXT | --prompt-file FILE | --chat) [options]",
    .about = "Completes prompts with a base model, a base model and an adapter, or what a run trained.",
    .example = "vkift generate runs/first --prompt 'Name three primary colours.'",
};

typedef struct session {
  vkift_generator *generator;
  vkift_generate_options options;
  const generate_flags *own;
  text answer;
} session;

static void on_text(void *user, const char *bytes, size_t length) {
  session *s = user;
  text_put(&s->answer, bytes, length);
  if (s->own->json) return;
  fwrite(bytes, 1, length, stdout);
  fflush(stdout);
}

static bool answer(session *s, const vkift_message *messages, size_t n, vkift_generate_result *r, err *e) {
  text_clear(&s->answer);
  text_puts(&s->answer, "");
  vkift_error error = {0};
  return library_ok(vkift_generate(s->generator, messages, n, &s->options, r, &error), &error, e);
}

static void print_json(const session *s, const char *prompt, const vkift_generate_result *r) {
  static const char *const finish_names[] = {"end", "length", "stopped"};
  text out = {0};
  text_puts(&out, "{\"prompt\": ");
  json_put_string(&out, prompt);
  text_puts(&out, ", \"answer\": ");
  json_put_bytes(&out, s->answer.data, s->answer.length);
  text_printf(&out, ", \"prompt_tokens\": %lld, \"new_tokens\": %lld, \"finish\": \"%s\"}", (long long)r->prompt_tokens,
              (long long)r->new_tokens, finish_names[r->finish]);
  puts(out.data);
  fflush(stdout);
  text_free(&out);
}

// An answer that was cut looks like one that ends badly. (--json has "finish".)
static void note_cut(const session *s, const vkift_generate_result *r) {
  if (s->own->json || r->finish != VKIFT_FINISH_LENGTH || !log_stderr_is_terminal()) return;
  if (r->new_tokens >= s->options.max_new_tokens)
    log_note("the answer was cut at --max-new-tokens %lld", (long long)r->new_tokens);
  else log_note("the answer was cut: the model's context is full");
}

static bool answer_prompt(session *s, const char *prompt, err *e) {
  vkift_message messages[2] = {{VKIFT_SYSTEM, s->own->system}, {VKIFT_USER, prompt}};
  bool system = s->own->system != NULL;
  vkift_generate_result r = {0};
  TRY(answer(s, messages + !system, system ? 2 : 1, &r, e));
  if (s->own->json) print_json(s, prompt, &r);
  else putchar('\n');
  if (!s->own->json && log_stderr_is_terminal())
    log_note("%s tokens read in %.1f s, %s written in %.1f s", show_count(r.prompt_tokens).text, r.prompt_seconds,
             show_count(r.new_tokens).text, r.new_seconds);
  note_cut(s, &r);
  return true;
}

static bool answer_file(arena *a, session *s, const char *path, err *e) {
  char *data;
  uint64_t size;
  TRY(file_read(a, path, 1 << 30, &data, &size, e));
  size_t bad;
  if (!utf8_valid(data, (size_t)size, &bad)) return ERR(e, "%s: byte %zu: expected UTF-8", path, bad);
  if (strlen(data) != size) return ERR(e, "%s: byte %zu: expected text, found NUL", path, strlen(data));
  const char *dot = strrchr(path_name(path), '.');
  if (!dot || strcmp(dot, ".jsonl")) return answer_prompt(s, data, e);
  unsigned long number = 1;
  for (char *line = data; *line && !interrupted(NULL); number++) {
    size_t length = strcspn(line, "\n");
    text prompt = {0};
    const char *where = arena_printf(a, "%s:%lu", path, number);
    bool ok = json_line_string(where, line, length, &prompt, e);
    text_puts(&prompt, "");
    if (ok && strlen(prompt.data) != prompt.length) ok = ERR(e, "%s: expected a prompt without NUL", where);
    ok = ok && answer_prompt(s, prompt.data, e);
    text_free(&prompt);
    if (!ok) return false;
    line += length + (line[length] == '\n');
  }
  return true;
}

// The conversation so far; the arena of one lasts until /clear.
typedef struct conversation {
  arena *memory;
  vkift_message *messages;
  uint64_t n, capacity;
} conversation;

static void say(conversation *c, vkift_role role, const char *content, size_t length) {
  arena_grow(c->memory, (void **)&c->messages, &c->capacity, c->n + 1, sizeof *c->messages);
  c->messages[c->n++] = (vkift_message){role, arena_strndup(c->memory, content, length)};
}

static void begin(conversation *c, const char *system) {
  arena_free(c->memory);
  *c = (conversation){.memory = arena_new("conversation")};
  if (system) say(c, VKIFT_SYSTEM, system, strlen(system));
}

static bool turn(session *s, conversation *c, const char *line, size_t length, err *e) {
  if (!utf8_valid(line, length, NULL) || memchr(line, 0, length)) return ERR(e, "stdin: expected UTF-8 text");
  say(c, VKIFT_USER, line, length);
  vkift_generate_result r = {0};
  TRY(answer(s, c->messages, (size_t)c->n, &r, e));
  if (s->own->json) print_json(s, c->messages[c->n - 1].content, &r);
  else putchar('\n');
  fflush(stdout);
  note_cut(s, &r);
  say(c, VKIFT_ASSISTANT, s->answer.data, s->answer.length);
  return true;
}

static bool chat(session *s, err *e) {
  bool terminal = isatty(STDIN_FILENO) == 1;
  if (terminal) log_note("each line is a turn; /clear starts again, /exit or Ctrl-D ends");
  conversation c = {0};
  begin(&c, s->own->system);
  char *line = NULL;
  size_t capacity = 0;
  bool ok = true;
  while (ok && !interrupted(NULL)) {
    if (terminal) fputs("> ", stderr);
    ssize_t length = getline(&line, &capacity, stdin);
    if (length < 0) break;
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) line[--length] = 0;
    if (!strcmp(line, "/exit")) break;
    if (!strcmp(line, "/clear")) begin(&c, s->own->system);
    else if (length) ok = turn(s, &c, line, (size_t)length, e);
  }
  if (terminal) fputc('\n', stderr);
  free(line);
  arena_free(c.memory);
  return ok;
}

static bool check(const vkift_source *source, const vkift_generate_options *o, const generate_flags *own, err *e) {
  int ways = (own->prompt != NULL) + (own->prompt_file != NULL) + own->chat;
  const char *fault = NULL;
  if (!source->run == !source->model) fault = "give a run directory, or --model and perhaps --adapter";
  else if (source->run && source->adapter) fault = "--adapter belongs to --model; a run brings its own";
  else if (ways != 1) fault = "give one of --prompt, --prompt-file and --chat";
  else if (o->raw && (own->chat || own->system)) fault = "--raw has no turns: it goes with neither --chat nor --system";
  if (!fault) return true;
  e->usage = true;
  return ERR(e, "%s", fault);
}

bool generate_run(int argc, char **argv, err *e) {
  vkift_source source = {0};
  session s = {.options = vkift_generate_defaults()};
  generate_flags own = {0};
  const vkift_source source_defaults = {0};
  const vkift_generate_options defaults = s.options;
  const generate_flags own_defaults = {0};
  const option_set sets[] = {{prompt_table, &own}, {source_option_table, &source}, {sampling_table, &s.options}};
  flags f;
  arena *a = arena_new("command line");
  bool ok = flags_read(a, sets, 3, "run directory", argc, argv, &f, e) && flags_store(a, &f, e);
  if (ok && f.help) {
    options_print_help(&help, sets, (const void *const[]){&own_defaults, &source_defaults, &defaults}, 3);
  } else if (ok) {
    interrupts_catch(own.chat);
    source.run = f.positional;
    s.own = &own;
    s.options.user = &s;
    s.options.text = on_text;
    s.options.should_stop = interrupted;
    vkift_error error = {0};
    ok = check(&source, &s.options, &own, e) && source_check(&source, e) &&
         library_ok(vkift_generator_open(&source, &s.generator, &error), &error, e);
    if (ok && own.chat) ok = chat(&s, e);
    else if (ok && own.prompt) ok = answer_prompt(&s, own.prompt, e);
    else if (ok) ok = answer_file(a, &s, own.prompt_file, e);
    vkift_generator_close(s.generator);
  }
  text_free(&s.answer);
  arena_free(a);
  return ok;
}
