// Super-NaturalInstructions: Tk-Instruct's encoding, what fits, and which files a path stands for.
#include "support/test.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "base/file.h"
#include "data/dataset_files.h"
#include "data/superni.h"
#include "support/data_fixture.h"

#define TASK                                                                                                       \
  "{\"Definition\": [\"Say it\", \"unused\"], \"Categories\": [\"Speech\"], \"Source\": [\"a\", \"b\"],\n"         \
  "\"Positive Examples\": [{\"input\": \" one. \", \"output\": \"1\", \"explanation\": \"so\"},"                   \
  "{\"input\": \"two\", \"output\": \"2!\", \"explanation\": \"\"}, {\"input\": \"three\", \"output\": \"3\"}],\n" \
  "\"Negative Examples\": [{\"input\": \"4\", \"output\": \"5\", \"explanation\": \"no\\u00a0\"}],\n"              \
  "\"Instances\": [{\"id\": \"x\", \"input\": \"six\", \"output\": [\"6\", \"VI\"]}, {\"input\": \"?\\n\", \"output\": \"7\"}]}"

#define DEFINITION "Definition: Say it.\n\n"
#define ONE " Positive Example 1 -\nInput: one.\n Output: 1.\n\n"
#define TWO " Positive Example 2 -\nInput: two.\n Output: 2!\n\n"
#define THREE " Positive Example 3 -\nInput: three.\n Output: 3.\n\n"
#define FOUR " Negative Example 1 -\nInput: 4.\n Output: 5.\n\n"
#define NOW(input) "Now complete the following example -\nInput: " input "\nOutput: "
#define CHAT(user, answer) "<|im_start|>user\n" user "<|im_end|>\n<|im_start|>assistant\n[" answer "<|im_end|>]\n"

static void the_encoding(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  dataset set = data_fixture_read(&f, "dir/task1_say.json", TASK);
  assert_int_equal(set.n, 2);
  const example *x = &set.items[0], *y = &set.items[1];
  assert_string_equal(data_fixture_show(&f, x), CHAT(DEFINITION ONE TWO NOW("six."), "6"));
  assert_string_equal(data_fixture_show(&f, y), CHAT(DEFINITION ONE TWO NOW("?"), "7"));
  assert_string_equal(x->origin->task, "task1_say");
  assert_string_equal(x->origin->cluster, "Speech");
  assert_string_equal(x->origin->source, "a, b");
  assert_string_equal(x->answer, "6");
  assert_int_equal(x->references->n, 2);
  assert_string_equal(packed_next(x->references->data), "VI");
  assert_int_equal(x->line, 1);
  assert_int_equal(y->line, 2);
  const struct {
    superni_encoding how;
    const char *user;
  } cases[] = {
      {{0, 0, false}, DEFINITION NOW("six.")},
      {{9, 9, false}, DEFINITION ONE TWO THREE FOUR NOW("six.")},
      {{0, 1, true}, DEFINITION " Negative Example 1 -\nInput: 4.\n Output: 5.\n Explanation: no.\n\n" NOW("six.")},
      {{2, 0, true},
       DEFINITION " Positive Example 1 -\nInput: one.\n Output: 1.\n Explanation: so.\n\n"
                  " Positive Example 2 -\nInput: two.\n Output: 2!\n Explanation: .\n\n" NOW("six.")},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    f.options.superni = cases[i].how;
    set = data_fixture_read(&f, "t.json", TASK);
    assert_string_equal(data_fixture_show(&f, set.items), arena_printf(f.a, CHAT("%s", "6"), cases[i].user));
  }
  data_fixture_end(&f);
}

// What Python strips is more than ASCII's white space; of an empty piece, its title's end counts.
static void ends_of_pieces(void **state) {
  (void)state;
  const struct {
    const char *input, *line;
  } cases[] = {{"", "Input: ."},
               {" \n\t", "Input: ."},
               {"a\xC2\xA0\xE3\x80\x80", "Input: a."},
               {"\xE2\x80\xA8"
                "a~",
                "Input: a~"},
               {"a\x1C", "Input: a."},
               {"a\xE2\x80\x8B", "Input: a\xE2\x80\x8B."}, // a space of no width is none
               {"\xE2\x82\xAC", "Input: \xE2\x82\xAC."},
               {"a\xE3\x80\x82", "Input: a\xE3\x80\x82."}, // nor is a full stop of Chinese ASCII's
               {"a b\\", "Input: a b\\"}};
  superni_task task = {.definition = "d?"};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    text out = {0}, expected = {0};
    superni_put_prompt(&task, &(superni_encoding){2, 2, true}, cases[i].input, strlen(cases[i].input), &out);
    text_printf(&expected, "Definition: d?\n\nNow complete the following example -\n%s\nOutput: ", cases[i].line);
    assert_string_equal(out.data, expected.data);
    text_free(&out), text_free(&expected);
  }
}

static void older_files(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  f.options.superni.explanations = true;
  dataset set =
      data_fixture_read(&f, "subtask1.json",
                        "{\n\"Title\": \"t\", \"Prompt\": \"Do it\", \"Definition\": \"d \\n\", \"Things to Avoid\": \" - \","
                        "\"Emphasis & Caution\": \"be careful\\n\",\n\"Instances\": [{\"input\": \"i\", \"output\": [\"o\"]}],"
                        "\"Examples\": {\"Positive Examples\": [{\"input\": \"a\", \"output\": \"b\", \"reason\": \"r\"}]}}");
  assert_string_equal(data_fixture_show(&f, set.items),
                      CHAT("Definition: d.\n\nEmphasis & Caution: be careful.\n\nPrompt: Do it.\n\n"
                           " Positive Example 1 -\nInput: a.\n Output: b.\n Explanation: r.\n\n" NOW("i."),
                           "o"));
  assert_string_equal(set.items->origin->cluster, "");
  data_fixture_end(&f);
}

static void demonstrations_are_left_out_before_the_input_is_cut(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  f.options.superni = (superni_encoding){3, 1, false};
  const char *prompts[] = {DEFINITION ONE TWO THREE FOUR NOW("six."),
                           DEFINITION ONE TWO THREE NOW("six."),
                           DEFINITION ONE TWO FOUR NOW("six."),
                           DEFINITION ONE TWO NOW("six."),
                           DEFINITION ONE FOUR NOW("six."),
                           DEFINITION ONE NOW("six."),
                           DEFINITION FOUR NOW("six."),
                           DEFINITION NOW("six.")};
  uint32_t n[8];
  for (int i = 0; i < 8; i++) { // how long each of them is
    text row = {0};
    text_puts(&row, "{\"completion\":\"6\",\"prompt\":");
    json_put_string(&row, prompts[i]);
    text_puts(&row, "}");
    n[i] = data_fixture_read(&f, "p.jsonl", row.data).items->n;
    text_free(&row);
  }
  // Positive demonstrations are tried before negative ones, and a negative one may fit where a positive one does not.
  const struct {
    uint32_t most;
    int is;
  } cases[] = {{n[0], 0},     {n[0] - 1, 1}, {n[1], 1},     {n[1] - 1, 2}, {n[3], 3},
               {n[3] - 1, 4}, {n[5], 5},     {n[5] - 1, 6}, {n[6] - 1, 7}, {n[7], 7}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    f.options.max_length = cases[i].most;
    dataset set = data_fixture_read(&f, "t.json", TASK);
    assert_string_equal(data_fixture_show(&f, set.items), arena_printf(f.a, CHAT("%s", "6"), prompts[cases[i].is]));
    assert_int_equal(set.without_demonstrations > 0, cases[i].is > 0);
    assert_int_equal(set.dropped_long + set.truncated, 0);
  }
  const char *long_input = "{\"Definition\":\"d\",\"Instances\":[{\"input\":\"a\xC3\xA9\xC3\xA9\xC3\xA9z\",\"output\":\"o\"}]}";
  const char *cut[] = {".",
                       "a.",
                       "a.",
                       "a\xC3\xA9.",
                       "a\xC3\xA9.",
                       "a\xC3\xA9\xC3\xA9.",
                       "a\xC3\xA9\xC3\xA9.",
                       "a\xC3\xA9\xC3\xA9\xC3\xA9.",
                       "a\xC3\xA9\xC3\xA9\xC3\xA9z."};
  f.options.max_length = 0;
  const uint32_t whole = data_fixture_read(&f, "t.json", long_input).items->n;
  f.options.excess = EXCESS_TRUNCATE;
  for (uint32_t left_out = 0; left_out < 9; left_out++) { // the byte tokenizer: each byte less is a token less
    f.options.max_length = whole - left_out;
    dataset set = data_fixture_read(&f, "t.json", long_input);
    const char *user = arena_printf(f.a, "Definition: d.\n\n" NOW("%s"), cut[8 - left_out]);
    assert_string_equal(data_fixture_show(&f, set.items), arena_printf(f.a, CHAT("%s", "o"), user));
    assert_int_equal(set.truncated, left_out > 0);
  }
  f.options.max_length = whole - 9;
  data_fixture_refuse(&f, "t.json", long_input, strlen(long_input), "t.json: no example is left: 1 longer than");
  data_fixture_end(&f);
}

static void instances_can_be_limited(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  text task = {0};
  text_puts(&task, "{\"Definition\":\"d\",\"Instances\":[");
  for (int i = 0; i < 50; i++) text_printf(&task, "%s\n{\"input\":\"%d\",\"output\":\"o\"}", i ? "," : "", i);
  text_puts(&task, "]}");
  f.options.max_instances = 10;
  bool other = false;
  for (uint64_t seed = 1; seed < 3; seed++) {
    f.options.seed = seed;
    dataset set = data_fixture_read(&f, "t.json", task.data), again = data_fixture_read(&f, "t.json", task.data);
    assert_int_equal(set.n, 10);
    for (uint32_t i = 0; i < 10; i++) {
      assert_int_equal(set.items[i].line, again.items[i].line);
      if (i) assert_true(set.items[i - 1].line < set.items[i].line);
      other |= set.items[i].line != i + 1;
    }
  }
  assert_true(other);
  f.options.first_instances = true;
  dataset set = data_fixture_read(&f, "t.json", task.data);
  for (uint32_t i = 0; i < 10; i++) assert_int_equal(set.items[i].line, i + 1);
  text_free(&task);
  data_fixture_end(&f);
}

// --- paths ---

static void write_task(const char *dir, const char *name) {
  test_write(test_path(dir, name), TASK, strlen(TASK));
}

static uint64_t n_of(data_fixture *f, const char *path, const char *split, uint64_t *n_missing) {
  dataset set = {0};
  err e = {0};
  if (!dataset_read_split(f->a, path, split, &f->options, &set, &e)) fail_msg("%s", e.message);
  if (n_missing) *n_missing = set.missing_tasks;
  return set.n;
}

static void refuses(data_fixture *f, const char *path, const char *split, const char *expected) {
  dataset set = {0};
  err e = {0};
  assert_false(dataset_read_split(f->a, path, split, &f->options, &set, &e));
  if (!strstr(e.message, expected)) fail_msg("expected: %s\nfound:    %s", expected, e.message);
}

static void write_list(const char *path, const char *names) {
  test_write(path, names, strlen(names));
}

static void directories_and_lists_of_tasks(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const char *root = arena_strdup(f.a, test_path(test_directory(), "ni")), *tasks = arena_strdup(f.a, test_path(root, "tasks"));
  const char *splits = arena_strdup(f.a, test_path(root, "splits/default"));
  assert_true(dir_make(tasks, NULL));
  refuses(&f, tasks, "train",
          "expected train.jsonl in this directory (or a file NAME.jsonl for each task, or task files of "
          "Super-NaturalInstructions: task*.json)");
  write_task(tasks, "task1_a.json"), write_task(tasks, "task2_b.json"), write_task(tasks, "subtask3_c.json");
  write_list(test_path(tasks, "README.md"), "no task\n");
  write_list(test_path(tasks, "other.json"), "no task\n");
  assert_int_equal(n_of(&f, tasks, "train", NULL), 6);
  assert_int_equal(n_of(&f, root, "train", NULL), 6);
  assert_true(dir_make(splits, NULL));
  refuses(&f, root, "train", "train_tasks.txt");
  write_list(test_path(splits, "train_tasks.txt"), "task2_b\r\n\r\ntask1_a");
  write_list(test_path(splits, "dev_tasks.txt"), "subtask3_c\ntask9_gone\n");
  write_list(test_path(splits, "test_tasks.txt"), "task9_gone\n");
  uint64_t n_missing;
  assert_int_equal(n_of(&f, root, "train", &n_missing), 4);
  assert_int_equal(n_missing, 0);
  assert_int_equal(n_of(&f, root, "valid", &n_missing), 2);
  assert_int_equal(n_missing, 1);
  refuses(&f, root, "test", "test_tasks.txt: expected files of its 1 tasks in tasks/ beside the list");
  dataset_files files;
  assert_true(dataset_files_find(f.a, test_path(splits, "train_tasks.txt"), "train", &files, NULL));
  assert_int_equal(files.n, 2);
  assert_string_equal(path_name(files.paths[0]), "task2_b.json"); // the list's order
  write_list(test_path(root, "mine.txt"), "task1_a\n");
  assert_int_equal(n_of(&f, test_path(root, "mine.txt"), "test", NULL), 2);
  write_list(test_path(root, "bad.txt"), "task1_a\n../secret\n");
  refuses(&f, test_path(root, "bad.txt"), "train",
          "bad.txt:2: expected the name of a task, as in task001_quoref_question_generation, found \"../secret\"");
  write_list(test_path(root, "empty.txt"), "\n \n");
  refuses(&f, test_path(root, "empty.txt"), "train", "empty.txt: expected names of tasks, one a line, found none");
  // Files of which nothing fits are passed over while others have some.
  f.options.max_length = 20;
  refuses(&f, tasks, "train", "no example is left of its 3 files: all are bad or longer than 20 tokens");
  data_fixture_end(&f);
}

// --- real tasks ---

static void real_tasks(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin_real("chatml");
  const char *dir = arena_strdup(f.a, test_path(test_shared_data(), "instruct/superni"));
  dataset all = {0}, test = {0};
  err e = {0};
  if (!dataset_read_split(f.a, test_path(dir, "tasks"), "train", &f.options, &all, &e)) fail_msg("%s", e.message);
  uint64_t n = 0, n_first = 0;
  char **names;
  uint64_t n_names;
  assert_true(dir_list(f.a, test_path(dir, "tasks"), &names, &n_names, &e));
  for (uint64_t t = 0; t < n_names; t++) { // the instances, found in another way
    char *data;
    uint64_t size;
    assert_true(file_read(f.a, path_join(f.a, path_join(f.a, dir, "tasks"), names[t]), 1 << 24, &data, &size, &e));
    cJSON *task = cJSON_Parse(data);
    const cJSON *instance, *list = cJSON_GetObjectItemCaseSensitive(task, "Instances");
    const char *category = cJSON_GetObjectItemCaseSensitive(task, "Categories")->child->valuestring;
    cJSON_ArrayForEach(instance, list) {
      const example *x = &all.items[n++];
      uint32_t at = 0;
      const cJSON *output = cJSON_GetObjectItemCaseSensitive(instance, "output");
      assert_string_equal(data_fixture_next_run(&f, x, &at), arena_printf(f.a, "%s<|im_end|>", output->child->valuestring));
      assert_string_equal(data_fixture_next_run(&f, x, &at), "");
      assert_int_equal(x->references->n, cJSON_GetArraySize(output));
      assert_string_equal(x->origin->cluster, category);
      assert_memory_equal(x->origin->task, names[t], strlen(x->origin->task));
    }
    n_first += cJSON_GetArraySize(list) < 100 ? (uint64_t)cJSON_GetArraySize(list) : 100;
    cJSON_Delete(task);
  }
  assert_int_equal(n_names, 27);
  assert_int_equal(n, all.n);
  assert_true(dataset_read_split(f.a, test_path(dir, "tasks"), "test", &f.options, &test, &e));
  assert_int_equal(test.n, n_first);
  dataset official = {0};
  assert_true(dataset_read_split(f.a, test_path(dir, "official_default_test_tasks.txt"), "test", &f.options, &official, &e));
  assert_int_equal(official.missing_tasks, 119 - 6);
  assert_int_equal(official.n, 600);
  data_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_encoding),
      cmocka_unit_test(ends_of_pieces),
      cmocka_unit_test(older_files),
      cmocka_unit_test(demonstrations_are_left_out_before_the_input_is_cut),
      cmocka_unit_test(instances_can_be_limited),
      cmocka_unit_test(directories_and_lists_of_tasks),
      cmocka_unit_test(real_tasks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
