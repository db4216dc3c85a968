// The command line: flags, and the help made of the option tables.
#include "support/test.h"

#include <string.h>

#include "cli/options.h"
#include "config/train_options.h"

typedef struct parsed {
  arena *memory;
  vkift_train_options o;
  option_set sets[1];
  flags f;
  err e;
  bool ok;
} parsed;

enum { MOST_WORDS = 16 };

// The words of `line`, separated by single spaces, read as a command line of training.
static parsed *parse(const char *line) {
  static parsed p;
  if (p.memory) arena_free(p.memory);
  p = (parsed){.memory = arena_new("test"), .o = vkift_train_defaults()};
  p.sets[0] = (option_set){train_option_table, &p.o};
  char *words = arena_strdup(p.memory, line), *argv[MOST_WORDS];
  int argc = 0;
  for (char *word = *words ? words : NULL; word && argc < MOST_WORDS;) {
    argv[argc++] = word;
    char *space = strchr(word, ' ');
    if (space) *space++ = 0;
    word = space;
  }
  p.ok = flags_read(p.memory, p.sets, 1, "RUN", argc, argv, &p.f, &p.e) && flags_store(p.memory, &p.f, &p.e);
  return &p;
}

static void refuses(const char *line, const char *expected) {
  parsed *p = parse(line);
  if (p->ok) fail_msg("was taken: %s", line);
  if (!strstr(p->e.message, expected)) fail_msg("expected '%s' in: %s", expected, p->e.message);
  assert_true(p->e.usage);
}

static void values_stand_behind_or_after_an_equals_sign(void **state) {
  (void)state;
  parsed *p = parse("--learning-rate 1e-4 --lora-r=8 --lora_alpha 16 --method full --model m");
  assert_true(p->ok);
  assert_true(p->o.learning_rate == 1e-4);
  assert_int_equal(p->o.lora_r, 8);
  assert_true(p->o.lora_alpha == 16);
  assert_int_equal(p->o.method, VKIFT_FULL);
  assert_string_equal(p->o.model, "m");
  assert_string_equal(flags_value(&p->f, "lora_r"), "8");
  assert_null(flags_value(&p->f, "data"));
}

static void booleans_take_no_word(void **state) {
  (void)state;
  assert_false(parse("--no-packing")->o.packing);
  assert_true(parse("--no-packing --packing")->o.packing);
  assert_false(parse("--packing=false")->o.packing);
  assert_true(parse("--use-rslora runs/x")->o.use_rslora);
  assert_string_equal(parse("--use-rslora runs/x")->f.positional, "runs/x");
  refuses("--packing=yes", "--packing: expected true or false, found 'yes'");
  refuses("--no-packing=true", "--no-packing: expected no value, found 'true'");
  refuses("--no-lora-r", "unknown option --no-lora-r");
}

static void lists_add_up(void **state) {
  (void)state;
  parsed *p = parse("--data a.jsonl --data b:2 --data c:d:0.5 --data e: --target-modules q_proj,v_proj --target-modules o_proj");
  assert_true(p->ok);
  assert_int_equal(p->o.data.n, 4);
  assert_string_equal(p->o.data.items[1].path, "b");
  assert_true(p->o.data.items[1].weight == 2);
  assert_string_equal(p->o.data.items[2].path, "c:d");
  assert_true(p->o.data.items[2].weight == 0.5);
  assert_string_equal(p->o.data.items[3].path, "e:"); // only a final :number is a weight
  assert_int_equal(p->o.target_modules.n, 3);
  assert_string_equal(p->o.target_modules.items[2], "o_proj");
  assert_int_equal(parse("--target-modules all-linear")->o.target_modules.n, 0);
  refuses("--target-modules q_proj,,v_proj", "--target-modules: expected names with commas between them");
  refuses("--data :2", "--data: expected a path, found nothing");
  refuses("--data a:0", "--data: expected a weight above 0");
  refuses("--data a:-1", "--data: expected a weight above 0");
}

static void the_last_flag_wins(void **state) {
  (void)state;
  assert_int_equal(parse("--seed 1 --seed 2")->o.seed, 2);
}

static void wrong_flags_are_answered(void **state) {
  (void)state;
  refuses("--lerning-rate 1", "unknown option --lerning-rate: did you mean --learning-rate?");
  refuses("--per-device-train-batch-size 4",
          "unknown option --per-device-train-batch-size: transformers and TRL call it so; it is --batch-size here");
  refuses("--iters=10", "--max-steps");
  refuses("--quantum", "unknown option --quantum: --help lists the options");
  refuses("--model", "--model: expected a path after it, found the end of the line");
  refuses("--model --seed 1", "--model: expected a path after it, found --seed");
  refuses("--seed -1", "--seed: expected a whole number of at least 0, found '-1'");
  refuses("--seed 1.0", "found '1.0'");
  refuses("--learning-rate 0", "--learning-rate: expected a number above 0, found '0'");
  refuses("--warmup-ratio 1.5", "--warmup-ratio: expected a number from 0 to 1, found '1.5'");
  refuses("--lr-scheduler-type cosin", "--lr-scheduler-type: expected one of cosine, linear, constant, found 'cosin'");
  refuses("-x", "unknown option -x: options are words here");
  refuses("runs/a runs/b", "expected only one RUN, found 'runs/b'");
  refuses("--model=", "--model: expected a path, found ''");
}

static void words_behind_two_dashes_are_no_flags(void **state) {
  (void)state;
  assert_string_equal(parse("-- --help")->f.positional, "--help");
  assert_true(parse("--model x --wrong -h")->f.help); // help is given even then
}

static void help_is_complete_and_narrow(void **state) {
  (void)state;
  vkift_train_options o = vkift_train_defaults();
  const option_set set = {train_option_table, &o};
  const command_help help = {.usage = "vkift x", .about = "About.", .example = "vkift x y"};
  text out = {0};
  options_help(&help, &set, (const void *const[]){&o}, 1, &out);
  for (const char *line = out.data; *line;) {
    size_t length = strcspn(line, "\n");
    if (length > 80) fail_msg("wider than 80: %.*s", (int)length, line);
    line += length + (line[length] == '\n');
  }
  for (const option *row = train_option_table; row->name; row++)
    if (!strstr(out.data, row->help) && strlen(row->help) < 40) fail_msg("%s is not explained", row->name);
  assert_non_null(strstr(out.data,
                         "  --learning-rate X           peak of the schedule [2e-4 for lora, 1e-3 for\n" // broken
                         "                              head, 2e-5 for all else]\n"));
  assert_non_null(strstr(out.data, "  --[no-]packing"));
  assert_non_null(strstr(out.data, "the files [on]\n"));
  assert_non_null(strstr(out.data, "--lr-scheduler-type cosine|linear|constant\n"));
  assert_non_null(strstr(out.data, "[cosine]"));
  text_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_stand_behind_or_after_an_equals_sign),
      cmocka_unit_test(booleans_take_no_word),
      cmocka_unit_test(lists_add_up),
      cmocka_unit_test(the_last_flag_wins),
      cmocka_unit_test(wrong_flags_are_answered),
      cmocka_unit_test(words_behind_two_dashes_are_no_flags),
      cmocka_unit_test(help_is_complete_and_narrow),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
