// Options as data: values, YAML files in both directions, wrong names.
#include "support/test.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/nearest.h"
#include "config/names.h"
#include "config/train_options.h"
#include "config/yaml.h"

static arena *memory;

static int setup(void **state) {
  (void)state;
  memory = arena_new("test");
  return 0;
}

static int teardown(void **state) {
  (void)state;
  arena_free(memory);
  return 0;
}

static const char *yaml_file(const char *yaml) {
  const char *path = test_path(test_directory(), "t.yaml");
  test_write(path, yaml, strlen(yaml));
  return path;
}

static vkift_train_options read_good(const char *yaml) {
  vkift_train_options o;
  err e = {0};
  if (!train_options_read(memory, yaml_file(yaml), &o, &e)) fail_msg("%s", e.message);
  return o;
}

// The file is refused with a message that begins with its name and holds `expected`; it is no wrong usage.
static void refuses(const char *yaml, const char *expected) {
  vkift_train_options o;
  err e = {0};
  const char *path = yaml_file(yaml);
  if (train_options_read(memory, path, &o, &e)) fail_msg("was read:\n%s", yaml);
  if (!strstr(e.message, expected)) fail_msg("expected '%s' in: %s", expected, e.message);
  if (strncmp(e.message, path, strlen(path))) fail_msg("names no file: %s", e.message);
  assert_false(e.usage);
}

static void every_type_is_read(void **state) {
  (void)state;
  vkift_train_options o = read_good(
      "# a comment\n"
      "model: base\n"
      "data:\n  - a.jsonl\n  - b:2.5\n  - {path: c:d, weight: 3}\n"
      "learning_rate: 1e-4\n"
      "warmup_steps: 0\n"
      "packing: false\n"
      "method: full\n"
      "target_modules: [q_proj, v_proj]\n"
      "device: 0\n"
      "chat_template: chatml\n"
      "max_length: null\n"
      "seed: 9007199254740993\n");
  assert_string_equal(o.model, test_path(test_directory(), "base"));
  assert_int_equal(o.data.n, 3);
  assert_string_equal(o.data.items[1].path, test_path(test_directory(), "b"));
  assert_true(o.data.items[0].weight == 1 && o.data.items[1].weight == 2.5 && o.data.items[2].weight == 3);
  assert_string_equal(path_name(o.data.items[2].path), "c:d");
  assert_true(o.learning_rate == 1e-4);
  assert_int_equal(o.warmup_steps, 0);
  assert_false(o.packing);
  assert_int_equal(o.method, VKIFT_FULL);
  assert_int_equal(o.target_modules.n, 2);
  assert_string_equal(o.target_modules.items[1], "v_proj");
  assert_string_equal(o.device, "0");
  assert_string_equal(o.chat_template, "chatml"); // a built-in name, not a path
  assert_int_equal(o.max_length, 0);
  assert_true(o.seed == 9007199254740993); // more digits than a double holds
  assert_int_equal(o.batch_size, 16);      // as by default
}

static void data_takes_one_path_too(void **state) {
  (void)state;
  vkift_train_options o = read_good("data: /x/y.jsonl:0.5\n");
  assert_int_equal(o.data.n, 1);
  assert_string_equal(o.data.items[0].path, "/x/y.jsonl");
  assert_true(o.data.items[0].weight == 0.5);
  assert_int_equal(read_good("").data.n, 0);
  assert_int_equal(read_good("target_modules: all-linear\n").target_modules.n, 0);
}

// A comma in an item is its own; in one text, it parts names.
static void names_in_a_list_may_hold_commas(void **state) {
  (void)state;
  const vkift_strings list = read_good("target_modules: [\"a, b\", c]\n").target_modules;
  assert_int_equal(list.n, 2);
  assert_string_equal(list.items[0], "a, b");
  assert_int_equal(read_good("target_modules: a,b,c\n").target_modules.n, 3);
  assert_int_equal(read_good("target_modules: [all-linear]\n").target_modules.n, 0);
  refuses("target_modules: [\"\"]\n", "target_modules: expected a name, found nothing");
}

static void bad_files_are_refused(void **state) {
  (void)state;
  refuses("model: m\nlerning_rate: 1\n", ":2: unknown key lerning_rate: did you mean learning_rate?");
  refuses("cutoff_len: 512\n", ":1: unknown key cutoff_len: LLaMA-Factory calls it so; it is max_length here");
  refuses("qwertyuiop: 1\n", ":1: unknown key qwertyuiop: the keys are");
  refuses("learning-rate: 1\n", ":1: unknown key learning-rate: did you mean learning_rate?");
  refuses("seed: 1\nmodel: m\nseed: 2\n", ":3: 'seed' stands twice: first in line 1");
  refuses("batch_size: many\n", ":1: batch_size: expected a whole number from 1 to 1048576, found 'many'");
  refuses("batch_size: 1.5\n", "expected a whole number");
  refuses("batch_size: 0\n", "found '0'");
  refuses("batch_size: \"4\"\n", "found the text \"4\" (leave out the quotation marks)");
  refuses("learning_rate: .inf\n", "learning_rate: expected a number above 0, found '.inf'");
  refuses("learning_rate: 0x10\n", "found '0x10'");
  refuses("learning_rate: 1e999\n", "found '1e999'");
  refuses("seed: 99999999999999999999\n", "found '99999999999999999999'");
  refuses("lora_dropout: 1\n", "expected a number from 0 and below 1, found '1'");
  refuses("packing: maybe\n", "packing: expected true or false, found 'maybe'");
  refuses("packing: 1\n", "expected true or false");
  refuses("method: qlora\n", "expected one of lora, full, freeze, head, found 'qlora'");
  refuses("method: [lora]\n", "expected one of lora, full, freeze, head, found a list");
  refuses("method: {a: b}\n", "expected a value, found a mapping");
  refuses("data:\n  - [a]\n", "data: expected a value, found a list");
  refuses("data: {path: a, weight: 0}\n", ":1: data: weight: expected a number above 0, found '0'");
  refuses("data: {weight: 1}\n", "expected a path in this mapping, found none");
  refuses("data: {path: a, path: b}\n", "'path' stands twice");
  refuses("data: {path: a, colour: b}\n", "expected the keys path and weight, found 'colour'");
  refuses("model: &m x\nadapter: *m\n", ":1: anchors and aliases ('m') are not read here");
  refuses("adapter: *m\n", ":1: anchors and aliases ('m')");
  refuses("model: !!python/object x\n", "tags (");
  refuses("a: &a [x]\n", "unknown key");
  refuses("- model\n", ":1: expected lines of the form \"key: value\", found a list");
  refuses("just text\n", "expected lines of the form \"key: value\", found a value");
  refuses("model: m\n---\nmodel: n\n", ":2: expected one YAML document, found another");
  refuses("target_modules: [a\n", "expected YAML, found a fault at column");
  refuses("model: \"a\\0b\"\n", "found a NUL byte");
  refuses("model: \xFF\n", "expected YAML");
  refuses("? [a, b]\n: c\n", ":1: expected a value, found a list");
  refuses("config: other.yaml\n", "unknown key config");
}

static void a_large_file_is_refused(void **state) {
  (void)state;
  size_t bytes = (1 << 20) + 1;
  char *yaml = arena_alloc(memory, bytes + 1);
  memset(yaml, '#', bytes);
  refuses(yaml, "expected at most 1048576 bytes, found 1048577");
}

static void deep_nesting_is_refused_early(void **state) {
  (void)state;
  char *yaml = arena_alloc(memory, 500010);
  memcpy(yaml, "data: ", 6);
  memset(yaml + 6, '[', 500000);
  refuses(yaml, ":1: data: expected a value, found a list");
}

// What is written reads back as the same options, whatever is in the strings.
static void config_yaml_round_trips(void **state) {
  (void)state;
  const char *odd = test_path(test_directory(), "odd \"name\" \\ # 'x': \xC2\x85\xE2\x80\xA8\xF0\x9F\x98\x80");
  err e = {0};
  assert_true(dir_make(odd, &e));
  vkift_train_options o = vkift_train_defaults(), back;
  o.model = odd;
  o.adapter = odd;
  vkift_data data[] = {{odd, 1}, {odd, 0.1}};
  o.data = (vkift_data_list){data, 2};
  o.device = "yes: \n\t\x01\x7F no";
  o.chat_template = "chatml";
  const char *modules[] = {"q_proj", "null"};
  o.target_modules = (vkift_strings){modules, 2};
  o.learning_rate = 0.1 + 0.2;
  o.seed = INT64_MAX;
  o.lr_scheduler_type = VKIFT_CONSTANT;
  o.use_rslora = true;
  o.output_dir = o.profile = "not/recorded";
  const char *path = test_path(test_directory(), "config.yaml");
  if (!train_options_write(path, &o, &e)) fail_msg("%s", e.message);
  if (!train_options_read(memory, path, &back, &e)) fail_msg("%s", e.message);
  assert_null(back.output_dir);
  assert_null(back.profile);
  back.output_dir = back.profile = o.output_dir;
  for (const option *row = train_option_table; row->name; row++)
    if (!option_is_default(row, &back, &o)) fail_msg("%s changed", row->name);
}

static void a_path_that_is_no_utf8_cannot_be_recorded(void **state) {
  (void)state;
  vkift_train_options o = vkift_train_defaults();
  o.device = "\xFF";
  err e = {0};
  const char *path = test_path(test_directory(), "never.yaml");
  assert_false(train_options_write(path, &o, &e));
  assert_non_null(strstr(e.message, "expected UTF-8"));
  assert_false(file_exists(path));
}

// Every default may be given, so that a written config.yaml is never refused by the ranges.
static void defaults_are_in_range(void **state) {
  (void)state;
  vkift_train_options defaults = vkift_train_defaults(), copy = defaults;
  for (const option *o = train_option_table; o->name; o++) {
    if (o->unset) continue;
    text value = {0};
    err e = {0};
    option_format(o, &defaults, &value);
    if (!option_store(memory, o, &copy, o->name, value.data, NULL, false, &e)) fail_msg("%s", e.message);
    text_free(&value);
  }
}

static vkift_train_options plain(void) {
  static const vkift_data data = {"d.jsonl", 1};
  vkift_train_options o = vkift_train_defaults();
  o.model = "m";
  o.data = (vkift_data_list){&data, 1};
  return o;
}

static void contradicts(vkift_train_options o, const char *expected) {
  err e = {0};
  assert_false(train_options_check(&o, &e));
  assert_true(e.usage);
  if (!strstr(e.message, expected)) fail_msg("expected '%s' in: %s", expected, e.message);
}

static void contradictions_are_wrong_usage(void **state) {
  (void)state;
  err e = {0};
  vkift_train_options good = plain(), o = good;
  assert_true(train_options_check(&good, &e));
  contradicts(vkift_train_defaults(), "no model is given");
  o = good, o.data.n = 0;
  contradicts(o, "no data is given");
  o = good, o.init = VKIFT_INIT_RANDOM;
  contradicts(o, "init random needs method full");
  o = good, o.adapter = "a", o.method = VKIFT_FULL;
  contradicts(o, "adapter needs method lora");
  static const char *const names[] = {"norm"};
  o = good, o.method = VKIFT_FREEZE;
  contradicts(o, "method freeze needs trainable (names of what trains) or trainable_layers (the last layers)");
  o = good, o.trainable = (vkift_strings){names, 1};
  contradicts(o, "trainable needs method freeze");
  o = good, o.method = VKIFT_FULL, o.trainable_layers = 2;
  contradicts(o, "trainable_layers needs method freeze");
  o = good, o.method = VKIFT_FREEZE, o.trainable_layers = 2, o.modules_to_save = (vkift_strings){names, 1};
  contradicts(o, "modules_to_save needs method lora: full trains everything, and freeze what trainable names");
  o = good, o.method = VKIFT_FULL, o.use_dora = true;
  contradicts(o, "use_dora needs method lora");
  o = good, o.neftune_noise_alpha = -1;
  contradicts(o, "neftune_noise_alpha");
  o = good, o.eval_data = "e", o.eval_split = 0.1;
  contradicts(o, "eval_data and eval_split");
  o = good, o.augment.num_demonstrations = 1, o.eval_split = 0.1;
  contradicts(o, "num_demonstrations and eval_split");
  o = good, o.augment.persona_ratio = 1.5;
  contradicts(o, "persona_ratio: expected a number from 0 to 1, found '1.5'");
  o = good, o.augment.num_demonstrations = -1;
  contradicts(o, "num_demonstrations: expected a whole number from 0 to 16, found '-1'");
  o = good, o.batch_size = -1;
  contradicts(o, "batch_size: expected a whole number from 1");
  o = good, o.learning_rate = NAN;
  contradicts(o, "learning_rate: expected a number above 0");
  o = good, o.method = (vkift_method)7;
  contradicts(o, "method");
}

// What other trainers call a thing is answered with ours, and every such answer is an option that there is.
static void other_trainers_names_are_known(void **state) {
  (void)state;
  vkift_train_options o;
  const option_set set = {train_option_table, &o};
  static const char *const pairs[][2] = {
      {"per_device_train_batch_size", "--batch-size"},
      {"gradient_accumulation_steps", "--batch-size"},
      {"micro_batch_size", "--batch-size"},
      {"sequence_len", "--max-length"},
      {"max-seq-length", "--max-length"},
      {"cutoff-len", "--max-length"},
      {"iters", "--max-steps"},
      {"num_epochs", "--num-train-epochs"},
      {"lora_rank", "--lora-r"},
      {"lora_target", "--target-modules"},
      {"val_set_size", "--eval-split"},
      {"base_model", "--model"},
      {"lorar", "--lora-r"},
      {"bach-size", "--batch-size"},
  };
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    err e = {0};
    assert_false(names_unknown_option(&set, 1, "", pairs[i][0], true, &e));
    if (!strstr(e.message, pairs[i][1])) fail_msg("%s: expected %s in: %s", pairs[i][0], pairs[i][1], e.message);
  }
}

static void nearest_names(void **state) {
  (void)state;
  const char *const names[] = {"train", "tokenize", "eval", NULL};
  assert_string_equal(nearest_name(names, "tran"), "train");
  assert_string_equal(nearest_name(names, "tarin"), "train");
  assert_string_equal(nearest_name(names, "tokenise"), "tokenize");
  assert_null(nearest_name(names, "quantize"));
  assert_null(nearest_name(names, "a name that is much longer than any name that there is, to no end"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(every_type_is_read, setup, teardown),
      cmocka_unit_test_setup_teardown(data_takes_one_path_too, setup, teardown),
      cmocka_unit_test_setup_teardown(names_in_a_list_may_hold_commas, setup, teardown),
      cmocka_unit_test_setup_teardown(bad_files_are_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(a_large_file_is_refused, setup, teardown),
      cmocka_unit_test_setup_teardown(deep_nesting_is_refused_early, setup, teardown),
      cmocka_unit_test_setup_teardown(config_yaml_round_trips, setup, teardown),
      cmocka_unit_test_setup_teardown(a_path_that_is_no_utf8_cannot_be_recorded, setup, teardown),
      cmocka_unit_test_setup_teardown(defaults_are_in_range, setup, teardown),
      cmocka_unit_test(contradictions_are_wrong_usage),
      cmocka_unit_test(other_trainers_names_are_known),
      cmocka_unit_test(nearest_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
