// The formats beyond the simplest: ShareGPT, tools, segments, self-instruct, and what any row may carry.
#include "support/test.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "io/json.h"
#include "support/byte_tokenizer.h"
#include "support/data_fixture.h"

#define SYSTEM "<|im_start|>system\n"
#define USER "<|im_start|>user\n"
#define TOOL "<|im_start|>tool\n"
#define END "<|im_end|>"
#define ASSISTANT "<|im_start|>assistant\n"

#define CALLS                                                                                                      \
  "{\"conversations\":[{\"from\":\"human\",\"value\":\"time?\"},{\"from\":\"function_call\",\"value\":\"{now}\"}," \
  "{\"from\":\"observation\",\"value\":\"12\"},{\"from\":\"tool\",\"value\":\"pm\"},{\"from\":\"gpt\",\"value\":\"noon\"}],"

static void sharegpt_rows(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const char *rows = CALLS "\"system\":\"S\",\"tools\":\"[{\\\"name\\\":\\\"now\\\"}]\",\"id\":\"x\"}\n" CALLS "\"tools\":[]}\n";
  dataset set = data_fixture_read(&f, "s.jsonl", rows);
  assert_int_equal(set.n, 2);
  assert_string_equal(data_fixture_show(&f, &set.items[0]),
                      SYSTEM "S" END "\n" USER "time?" END "\n" ASSISTANT "[{now}" END "]\n" TOOL "12" END "\n" TOOL "pm" END
                             "\n" ASSISTANT "[noon" END "]\n");
  assert_string_equal(set.items[0].answer, "noon");
  f.options.train_on_last = true;
  set = data_fixture_read(&f, "s.jsonl", rows);
  assert_string_equal(data_fixture_show(&f, &set.items[1]), USER "time?" END "\n" ASSISTANT "{now}" END "\n" TOOL "12" END
                                                                 "\n" TOOL "pm" END "\n" ASSISTANT "[noon" END "]\n");
  data_fixture_end(&f);
}

static void messages_with_tools(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  dataset set =
      data_fixture_read(&f, "m.jsonl",
                        "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":\"call\"},"
                        "{\"role\":\"tool\",\"content\":\"r<|im_end|>\"},{\"role\":\"function\",\"content\":\"s\"},"
                        "{\"role\":\"assistant\",\"content\":\"a\",\"tool_calls\":[]}],\"tools\":[{\"type\":\"function\"}]}");
  assert_string_equal(data_fixture_show(&f, set.items), USER "u" END "\n" ASSISTANT "[call" END "]\n" TOOL "r" END END "\n" TOOL
                                                             "s" END "\n" ASSISTANT "[a" END "]\n");
  data_fixture_end(&f);
}

static void segment_rows(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin(NULL, true);
  dataset set = data_fixture_read(&f, "s.jsonl",
                                  "{\"segments\":[{\"label\":false,\"text\":\"Q: \"},{\"label\":true,\"text\":\"A<|im_end|>\"},"
                                  "{\"label\":false,\"text\":\"\\nQ: \"},{\"label\":true,\"text\":\"B\"}]}\n"
                                  "{\"segments\":[{\"label\":true,\"text\":\"a\\n\"},{\"label\":false,\"text\":\"\\n\\nth\"}]}\n"
                                  "{\"segments\":[{\"label\":false,\"text\":\"t\"},{\"label\":true,\"text\":\"he\"}]}\n");
  assert_string_equal(data_fixture_show(&f, &set.items[0]), "<|endoftext|>Q: [A<|im_end|>]\nQ: [B<|endoftext|>]");
  assert_int_equal(set.items[0].ids[0], BYTE_EOS); // this tokenizer's BOS
  assert_int_equal(set.items[0].n - set.items[0].prompt_n, 2);
  assert_string_equal(set.items[0].answer, "B");
  uint32_t controls = 0; // what a text says is no control token
  for (uint32_t i = 0; i < set.items[0].n; i++) controls += set.items[0].ids[i] == BYTE_IM_END;
  assert_int_equal(controls, 0);
  // "\n\n" is one token across the border, and carries loss by its last byte: not.
  assert_string_equal(data_fixture_show(&f, &set.items[1]), "<|endoftext|>[a]\n\n\nth");
  assert_int_equal(set.items[1].ids[2], BYTE_NEWLINES);
  assert_string_equal(data_fixture_show(&f, &set.items[2]), "<|endoftext|>[the<|endoftext|>]");
  assert_int_equal(set.items[2].n, 3);
  data_fixture_end(&f);
}

static void self_instruct_rows(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const char *rows =
      "{\"id\":\"t0\",\"name\":\"n\",\"instruction\":\"Add.\",\"instances\":[{\"input\":\"1\",\"output\":\"2\"},"
      "{\"input\":\"\",\"output\":\"3\"}],\"is_classification\":false,\"weight\":2}\n\n"
      "{\"instruction\":\"Say\",\"instances\":[{\"output\":\"hi\"}]}\n";
  dataset set = data_fixture_read(&f, "seed.jsonl", rows);
  assert_int_equal(set.n, 3);
  assert_string_equal(data_fixture_show(&f, &set.items[0]), USER "Add.\n\n1" END "\n" ASSISTANT "[2" END "]\n");
  assert_string_equal(data_fixture_show(&f, &set.items[1]), USER "Add." END "\n" ASSISTANT "[3" END "]\n");
  assert_string_equal(data_fixture_show(&f, &set.items[2]), USER "Say" END "\n" ASSISTANT "[hi" END "]\n");
  assert_int_equal(set.items[1].line, 1);
  assert_int_equal(set.items[2].line, 3);
  assert_true(set.items[1].weight == 2 && set.items[2].weight == 1);
  assert_string_equal(set.items[0].origin->task, "seed");
  data_fixture_end(&f);
}

// One bad instance does not take the others with it.
static void bad_instances_are_skipped_one_by_one(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  f.options.skip_bad_examples = true;
  dataset set = data_fixture_read(&f, "seed.jsonl",
                                  "{\"instruction\":\"a\",\"instances\":[{\"output\":\"\"},{\"output\":\"b\"},{\"output\":3}]}\n"
                                  "{\"instruction\":5,\"instances\":[{\"output\":\"b\"},{\"output\":\"c\"}]}\n");
  assert_int_equal(set.n, 1);
  assert_int_equal(set.skipped_bad, 4);
  data_fixture_end(&f);
}

static void what_any_row_may_carry(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const char *row =
      ",\"task\":\"t\",\"source\":\"s\",\"cluster\":\"c\",\"choices\":[\"yes\",\"no\"],\"weight\":0.25,"
      "\"category\":\"k\",\"metric\":\"m\"}\n";
  const char *rows[] = {
      "{\"instruction\":\"i\",\"output\":\"o\"",
      "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"},"
      "{\"role\":\"assistant\",\"content\":\"a\"}]",
      "{\"conversations\":[{\"from\":\"human\",\"value\":\"u\"},"
      "{\"from\":\"gpt\",\"value\":\"a\"}]",
      "{\"prompt\":\"p\",\"completion\":\"c\"",
      "{\"text\":\"t\"",
      "{\"segments\":[{\"label\":true,\"text\":\"yes\"}]",
      "{\"input_ids\":[1,2],\"labels\":[1,2]",
      "{\"instruction\":\"i\",\"instances\":[{\"output\":\"o\"}]",
      "{\"Definition\":\"d\",\"Categories\":[\"C\"],\"Source\":[\"S\"],\"Instances\":[{\"input\":\"i\",\"output\":\"o\"}]"};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    dataset set = data_fixture_read(&f, "r.jsonl", arena_printf(f.a, "%s%s", rows[i], row));
    const example *x = set.items;
    assert_int_equal(set.n, 1);
    assert_string_equal(x->origin->task, "t");
    assert_string_equal(x->origin->cluster, "c");
    assert_true(x->weight == 0.25f);
    assert_int_equal(x->choices->n, 2);
    assert_string_equal(packed_next(x->choices->data), "no");
    assert_string_equal(x->origin->source, "s");
    assert_string_equal(x->origin->category, "k");
    assert_string_equal(x->origin->metric, "m");
  }
  data_fixture_end(&f);
}

static void formats_can_be_forced(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const char *row =
      "{\"text\":\"t\",\"segments\":[{\"label\":true,\"text\":\"s\"}],\"conversations\":[{\"from\":\"human\",\"value\":\"u\"},"
      "{\"from\":\"gpt\",\"value\":\"a\"}],\"instruction\":\"i\",\"output\":\"o\",\"instances\":[{\"output\":\"p\"}]}";
  const struct {
    data_format format;
    const char *answer;
  } cases[] = {{DATA_AUTO, "a"},   {DATA_SHAREGPT, "a"},      {DATA_SEGMENTS, "s"},
               {DATA_ALPACA, "o"}, {DATA_SELF_INSTRUCT, "p"}, {DATA_TEXT, ""}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    f.options.format = cases[i].format;
    assert_string_equal(data_fixture_read(&f, "r.jsonl", row).items->answer, cases[i].answer);
  }
  data_fixture_end(&f);
}

static void end_markers_are_stripped(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  f.options.strip_suffix = "</s>";
  dataset set = data_fixture_read(&f, "p.jsonl",
                                  "{\"prompt\":\"p</s>\",\"completion\":\"c</s>\"}\n{\"prompt\":\"p\",\"completion\":\"</s>c\"}\n"
                                  "{\"prompt\":\"p\",\"completion\":\"c</s></s>\"}\n");
  assert_string_equal(data_fixture_show(&f, &set.items[0]), USER "p</s>" END "\n" ASSISTANT "[c" END "]\n");
  assert_string_equal(set.items[0].answer, "c");
  assert_string_equal(set.items[1].answer, "</s>c");
  assert_string_equal(set.items[2].answer, "c</s>"); // once
  set = data_fixture_read(&f, "t.jsonl", "{\"text\":\"t</s>\"}");
  assert_int_equal(set.items->n, 2);
  const char empty[] = "{\"prompt\":\"p\",\"completion\":\"</s>\"}";
  data_fixture_refuse(&f, "p.jsonl", empty, sizeof empty - 1, "p.jsonl:1: message 2: expected an answer to learn");
  data_fixture_end(&f);
}

// Rows and files of a directory.
static void several_line_objects_are_files_of_one_example(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  dataset set = data_fixture_read(&f, "one.json", "\n{\n  \"prompt\": \"}{\\\"\\\\\",\n  \"completion\": \"c\"\n}\n\n");
  assert_int_equal(set.n, 1);
  assert_int_equal(set.items->line, 1);
  data_fixture_end(&f);
}

// --- real files, with a real tokenizer ---

static json read_shared(data_fixture *f, const char *name) {
  json d;
  err e = {0};
  if (!json_read(arena_strdup(f->a, test_path(test_shared_data(), name)), 1 << 24, &d, &e)) fail_msg("%s", e.message);
  return d;
}

static const char *string_of(const cJSON *in, const char *key) {
  return cJSON_GetObjectItemCaseSensitive(in, key)->valuestring;
}

static void real_sharegpt(void **state) {
  (void)state;
  const char *name = "instruct/sharegpt/fastchat_dummy_conversation.json";
  data_fixture f = data_fixture_begin_real("chatml");
  dataset set = data_fixture_read_shared(&f, name);
  json d = read_shared(&f, name);
  uint64_t n = 0;
  const cJSON *row, *turn;
  cJSON_ArrayForEach(row, d.root) {
    uint32_t at = 0;
    cJSON_ArrayForEach(turn, cJSON_GetObjectItemCaseSensitive(row, "conversations")) {
      if (strcmp(string_of(turn, "from"), "gpt")) continue;
      assert_string_equal(data_fixture_next_run(&f, &set.items[n], &at), arena_printf(f.a, "%s" END, string_of(turn, "value")));
    }
    assert_string_equal(data_fixture_next_run(&f, &set.items[n++], &at), "");
  }
  assert_int_equal(n, set.n);
  assert_int_equal(n, 500);
  json_free(&d);
  data_fixture_end(&f);
}

static void real_self_instruct(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin_real(NULL);
  dataset set = data_fixture_read_shared(&f, "instruct/self-instruct/seed_tasks.jsonl");
  const char *path = arena_strdup(f.a, test_path(test_shared_data(), "instruct/self-instruct/seed_tasks.jsonl"));
  char *data, *next;
  uint64_t size, n = 0;
  err e = {0};
  assert_true(file_read(f.a, path, 1 << 20, &data, &size, &e));
  for (char *line = data; line && *line; line = next) { // every seed task has one instance
    next = strchr(line, '\n');
    if (next) *next++ = 0;
    cJSON *row = cJSON_Parse(line);
    assert_non_null(row);
    const cJSON *instance = cJSON_GetObjectItemCaseSensitive(row, "instances")->child;
    uint32_t at = 0;
    const example *x = &set.items[n++];
    assert_string_equal(data_fixture_next_run(&f, x, &at), arena_printf(f.a, "%s<|endoftext|>", string_of(instance, "output")));
    assert_int_equal(at, x->n);
    const char *shown = data_fixture_show(&f, x), *input = string_of(instance, "input");
    assert_non_null(strstr(shown, string_of(row, "instruction")));
    assert_int_equal(strstr(shown, arena_printf(f.a, "\n\n### Input:\n%s\n\n### Response:\n[", input)) != NULL, *input != 0);
    cJSON_Delete(row);
  }
  assert_int_equal(n, 175);
  assert_int_equal(set.n, 175);
  data_fixture_end(&f);
}

static void real_end_markers(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin_real("chatml");
  dataset with = data_fixture_read_shared(&f, "instruct/t0/quarel_choose_between.jsonl");
  f.options.strip_suffix = "<|endoftext|>";
  dataset without = data_fixture_read_shared(&f, "instruct/t0/quarel_choose_between.jsonl");
  assert_int_equal(with.n, without.n);
  for (uint64_t i = 0; i < with.n; i++)
    assert_string_equal(with.items[i].answer, arena_printf(f.a, "%s<|endoftext|>", without.items[i].answer));
  data_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sharegpt_rows),
      cmocka_unit_test(messages_with_tools),
      cmocka_unit_test(segment_rows),
      cmocka_unit_test(self_instruct_rows),
      cmocka_unit_test(bad_instances_are_skipped_one_by_one),
      cmocka_unit_test(what_any_row_may_carry),
      cmocka_unit_test(formats_can_be_forced),
      cmocka_unit_test(end_markers_are_stripped),
      cmocka_unit_test(several_line_objects_are_files_of_one_example),
      cmocka_unit_test(real_sharegpt),
      cmocka_unit_test(real_self_instruct),
      cmocka_unit_test(real_end_markers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
