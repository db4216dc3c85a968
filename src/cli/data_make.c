// vkift data make: rows that a model writes from guidelines and seed examples.
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/show.h"
#include "cli/cli.h"
#include "cli/data_verbs.h"
#include "cli/json_line.h"
#include "cli/options.h"
#include "cli/source.h"
#include "config/make_options.h"
#include "config/train_options.h"
#include "io/json.h"

typedef struct make_flags {
  bool json;
} make_flags;

static const option make_flag_table[] = {
    {"json", OPTION_BOOL, .offset = offsetof(make_flags, json), .group = "Output", .help = "the counts as one JSON object"},
    {0},
};

static const command_help make_help = {
    .usage = "vkift data make --guideline FILE --seeds PATH (RUN | --model PATH [--adapter DIR]) --output FILE [options]",
    .about =
        "A model writes new instructions, inputs and answers from annotation guidelines and seed examples. What has a bad form, "
        "or is like what exists, is left out and counted. Each row says where it came from. What was stopped or killed goes on "
        "when the same command is given again, and gives the same rows; with more --num-rows it adds to them.",
    .example =
        "vkift data make --guideline task1146_country_capital.json --seeds seed_tasks.jsonl --model models/SmolLM2-135M-Instruct "
        "--output made.jsonl --num-rows 500",
};

typedef struct making {
  int64_t num_rows;
} making;

static void on_attempt(void *user, const vkift_make_attempt *x) {
  const making *m = user;
  if (!x->from_journal)
    log_progress(x->rows >= m->num_rows, "attempt %s: %s of %s rows", show_count(x->attempts).text, show_count(x->rows).text,
                 show_count(m->num_rows).text);
}

static void on_note(void *user, const char *message) {
  (void)user;
  log_note("%s", message);
}

static void print_text(const vkift_make_options *o, const vkift_make_result *r) {
  const int64_t left_out = r->attempts - r->rows;
  if (r->stopped) printf("stopped with %s rows", show_count(r->rows).text);
  else printf("%s rows in %s", show_count(r->rows).text, o->output);
  printf(" of %s attempts", show_count(r->attempts).text);
  if (r->earlier_attempts) printf(", %s of them earlier", show_count(r->earlier_attempts).text);
  printf(", in %s\n", show_time(r->seconds).text);
  if (left_out) printf("left out:\n");
  for (int i = VKIFT_MADE_ROW + 1; i < VKIFT_MADE_KINDS; i++)
    if (r->counts[i]) printf("  %8s  %s\n", show_count(r->counts[i]).text, vkift_made_name((vkift_made)i));
  if (r->stopped) printf("the same command goes on\n");
  else if (r->rows < o->num_rows) printf("these are fewer than --num-rows: a larger --max-attempts goes on\n");
}

static void print_json(const vkift_make_options *o, const vkift_make_result *r) {
  text out = {0};
  text_puts(&out, "{\"output\": ");
  json_put_string(&out, o->output);
  text_printf(&out, ", \"rows\": %lld, \"attempts\": %lld, \"earlier_attempts\": %lld, \"stopped\": %s, \"seconds\": ",
              (long long)r->rows, (long long)r->attempts, (long long)r->earlier_attempts, r->stopped ? "true" : "false");
  json_line_put_number(&out, r->seconds, 6);
  text_puts(&out, ", \"left_out\": {");
  for (int i = VKIFT_MADE_ROW + 1; i < VKIFT_MADE_KINDS; i++)
    text_printf(&out, "%s\"%s\": %lld", i > VKIFT_MADE_ROW + 1 ? ", " : "", vkift_made_name((vkift_made)i),
                (long long)r->counts[i]);
  text_puts(&out, "}}\n");
  fwrite(out.data, 1, out.length, stdout);
  text_free(&out);
}

static bool make(const vkift_make_options *o, bool as_json, err *e) {
  making m = {.num_rows = o->num_rows};
  const vkift_make_events events = {.user = &m, .attempt = on_attempt, .note = on_note, .should_stop = interrupted};
  vkift_make_result result;
  vkift_error error = {0};
  interrupts_catch(false);
  TRY(source_check(&o->source, e) && library_ok(vkift_data_make(o, &events, &result, &error), &error, e));
  (as_json ? print_json : print_text)(o, &result);
  return true;
}

bool data_make_run(int argc, char **argv, err *e) {
  vkift_make_options o = vkift_make_defaults();
  const vkift_make_options defaults = o;
  make_flags own = {0};
  const make_flags own_defaults = own;
  const option_set sets[] = {{source_option_table, &o.source}, {make_option_table, &o}, {make_flag_table, &own}};
  flags f;
  arena *a = arena_new("command line");
  bool ok = flags_read(a, sets, 3, "run directory", argc, argv, &f, e) && flags_store(a, &f, e);
  if (ok && f.help) {
    options_print_help(&make_help, sets, (const void *const[]){&defaults.source, &defaults, &own_defaults}, 3);
  } else if (ok) {
    o.source.run = f.positional;
    ok = make(&o, own.json, e);
  }
  arena_free(a);
  return ok;
}
