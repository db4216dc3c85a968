// Data sets: each format's ids and loss mask, lengths, splitting.
#include "support/test.h"

#include "base/file.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "data/mask.h"
#include "io/json.h"
#include "support/byte_tokenizer.h"
#include "support/data_fixture.h"

#define INTRO "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
#define INTRO_INPUT                                                                                             \
  "Below is an instruction that describes a task, paired with an input that provides further context. Write a " \
  "response that appropriately completes the request.\n\n"
#define USER "<|im_start|>user\n"
#define END "<|im_end|>"
#define ASSISTANT "<|im_start|>assistant\n"

static void alpaca_rows(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin(NULL, false);
  dataset set =
      data_fixture_read(&f, "some/dir/tasks.v1.json",
                        "\xEF\xBB\xBF [\r\n{\"instruction\":\"Add.\",\"input\":\"1, 2\",\"output\":\"3\",\"weight\":0.5,"
                        "\"task\":\"sum\"},\n{\"instruction\":\"Hi\",\"input\":\"\",\"output\":\"Ho\",\"system\":\"Be.\","
                        "\"history\":[[\"a\",\"b\"]],\"cluster\":\"c\",\"source\":\"s\"}]\n");
  assert_int_equal(set.n, 2);
  example *x = &set.items[0], *y = &set.items[1];
  assert_string_equal(data_fixture_show(&f, x),
                      INTRO_INPUT "### Instruction:\nAdd.\n\n### Input:\n1, 2\n\n### Response:\n[3<|endoftext|>]");
  assert_string_equal(data_fixture_show(&f, y), "Be.\n\n" INTRO
                                                "### Instruction:\na\n\n### Response:\n[b<|endoftext|>]\n\n"
                                                "### Instruction:\nHi\n\n### Response:\n[Ho<|endoftext|>]");
  assert_true(x->weight == 0.5f && y->weight == 1);
  assert_string_equal(x->origin->task, "sum");
  assert_string_equal(y->origin->task, "tasks.v1");
  assert_string_equal(x->origin->cluster, "");
  assert_string_equal(y->origin->cluster, "c");
  assert_string_equal(y->origin->source, "s");
  assert_string_equal(y->answer, "Ho");
  assert_string_equal(y->origin->file, "some/dir/tasks.v1.json");
  assert_int_equal(y->line, 2);
  assert_int_equal(y->index, 1);
  assert_int_equal(y->n - y->prompt_n, 3);
  assert_int_equal(set.n_tokens, x->n + y->n);
  assert_int_equal(set.n_targets, 2 + 2 + 3);
  data_fixture_end(&f);

  f = data_fixture_begin("chatml", false); // in a chat, the input is a paragraph of its own
  set = data_fixture_read(&f, "a.jsonl", "{\"instruction\":\"Add.\",\"input\":\"1, 2\",\"output\":\"3\"}");
  assert_string_equal(data_fixture_show(&f, set.items), USER "Add.\n\n1, 2" END "\n" ASSISTANT "[3" END "]\n");
  data_fixture_end(&f);
}

static void message_rows(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const char *data =
      "{\"messages\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"user\",\"content\":\"u<|im_end|>\"},"
      "{\"role\":\"assistant\",\"content\":\"one\"},{\"role\":\"user\",\"content\":\"v\"},"
      "{\"role\":\"assistant\",\"content\":\"two\"}],\"tools\":null}\r\n\r\n"
      "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"},"
      "{\"role\":\"assistant\",\"content\":\"one\",\"train\":true},{\"role\":\"user\",\"content\":\"v\"},"
      "{\"role\":\"assistant\",\"content\":\"two\",\"train\":false},"
      "{\"role\":\"user\",\"content\":\"w\",\"train\":false}],\"tools\":[]}\n";
  dataset set = data_fixture_read(&f, "m.jsonl", data);
  assert_int_equal(set.n, 2);
  assert_int_equal(set.items[1].line, 3);
  assert_string_equal(data_fixture_show(&f, &set.items[0]), "<|im_start|>system\nS" END "\n" USER "u<|im_end|>" END "\n" ASSISTANT
                                                            "[one" END "]\n" USER "v" END "\n" ASSISTANT "[two" END "]\n");
  assert_string_equal(data_fixture_show(&f, &set.items[1]),
                      USER "u" END "\n" ASSISTANT "[one" END "]\n" USER "v" END "\n" ASSISTANT "two" END "\n" USER "w" END "\n");
  // What the user wrote like a control token is none: five messages, five ends.
  uint32_t n_ends = 0;
  for (uint32_t i = 0; i < set.items[0].n; i++) n_ends += set.items[0].ids[i] == BYTE_IM_END;
  assert_int_equal(n_ends, 5);
  assert_int_equal(set.items[0].n - set.items[0].prompt_n, 5); // t w o <|im_end|> \n
  f.options.train_on_last = true;
  set = data_fixture_read(&f, "m.jsonl", data);
  assert_int_equal(set.items[0].n_targets, 4);
  assert_string_equal(set.items[0].answer, "two");
  assert_int_equal(set.items[1].n_targets, 4); // its own "train" wins
  f.options.all_tokens = true;
  set = data_fixture_read(&f, "m.jsonl", data);
  assert_int_equal(set.items[0].n_targets, set.items[0].n - 1);
  data_fixture_end(&f);
}

static void prompt_completion_rows(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  dataset set =
      data_fixture_read(&f, "p.jsonl",
                        "{\"prompt\":\"Q\",\"completion\":\"A\"}\n"
                        "{\"prompt\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"},"
                        "{\"role\":\"user\",\"content\":\"c\"}],\"completion\":[{\"role\":\"assistant\",\"content\":\"d\"}]}");
  assert_string_equal(data_fixture_show(&f, &set.items[0]), USER "Q" END "\n" ASSISTANT "[A" END "]\n");
  assert_string_equal(data_fixture_show(&f, &set.items[1]),
                      USER "a" END "\n" ASSISTANT "b" END "\n" USER "c" END "\n" ASSISTANT "[d" END "]\n");
  data_fixture_end(&f);
}

static void text_rows(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin(NULL, true);
  dataset set = data_fixture_read(&f, "t.jsonl", "{\"text\":\"ab<|im_end|>\"}");
  example *x = set.items;
  assert_int_equal(x->ids[0], BYTE_EOS); // this tokenizer's BOS
  assert_int_equal(x->ids[x->n - 1], BYTE_EOS);
  assert_int_equal(x->n, 1 + 12 + 1); // the text stays text
  assert_int_equal(x->n_targets, x->n - 1);
  assert_int_equal(x->target[0], 0);
  assert_int_equal(x->prompt_n, 0);
  f.options.max_length = 5;
  set = data_fixture_read(&f, "t.jsonl", "{\"text\":\"ab<|im_end|>\"}");
  assert_int_equal(set.n, 3); // 5, 5, 4
  for (uint32_t i = 0, at = 0; i < 3; at += set.items[i++].n) {
    assert_memory_equal(set.items[i].ids, x->ids + at, set.items[i].n * sizeof *x->ids);
    assert_int_equal(set.items[i].n_targets, set.items[i].n - 1);
  }
  assert_int_equal(set.dropped_long + set.truncated, 0);
  data_fixture_end(&f);
}

static void token_rows(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin(NULL, false);
  dataset set = data_fixture_read(&f, "i.jsonl", "{\"input_ids\":[72,105,33,10,65],\"labels\":[72,-100,33,-100,65]}");
  assert_string_equal(data_fixture_show(&f, set.items), "Hi[!]\n[A]");
  assert_int_equal(set.items->prompt_n, 4);
  f.options.all_tokens = true;
  set = data_fixture_read(&f, "i.jsonl", "{\"input_ids\":[72,105,33]}");
  assert_int_equal(set.items->n_targets, 2);
  data_fixture_end(&f);
}

static void bos_stands_where_the_tokenizer_or_the_template_has_it(void **state) {
  (void)state;
  const char *row = "{\"prompt\":\"Q\",\"completion\":\"A\"}";
  data_fixture f = data_fixture_begin(NULL, true);
  dataset set = data_fixture_read(&f, "p.jsonl", row);
  assert_int_equal(set.items->ids[0], BYTE_EOS);
  assert_int_equal(set.items->ids[1], 'B');
  assert_int_equal(set.items->ids[set.items->n - 1], BYTE_EOS);
  assert_string_equal(mask_added_bos(f.t), "<|endoftext|>");
  data_fixture_end(&f);
  f = data_fixture_begin("chatml", true);
  set = data_fixture_read(&f, "p.jsonl", row);
  assert_int_equal(set.items->ids[0], BYTE_IM_START);
  data_fixture_end(&f);
  f = data_fixture_begin(NULL, false);
  assert_string_equal(mask_added_bos(f.t), "");
  data_fixture_end(&f);
}

// A token across the border of a target counts by its last byte.
static void straddling_tokens_count_by_their_last_byte(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  dataset set = data_fixture_read(&f, "p.jsonl", "{\"prompt\":\"the\",\"completion\":\"\\n\\nthe\"}");
  example *x = set.items;
  const int32_t tail[] = {'n', 't', BYTE_NEWLINES, '\n', BYTE_THE, BYTE_IM_END, '\n'};
  const uint8_t mask[] = {0, 0, 1, 1, 1, 1, 0};
  assert_memory_equal(x->ids + x->n - 7, tail, sizeof tail);
  assert_memory_equal(x->target + x->n - 7, mask, sizeof mask);
  assert_int_equal(x->prompt_n, x->n - 5);
  data_fixture_end(&f);
}

// Llama 2's tokenizer puts a space of its own behind a control token in the text: it is no byte of the answer before it.
// OpenAI's way to leave an answer out.
static void the_weight_of_a_message_is_its_train(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
#define TURNS(first, second)                                                                                         \
  "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":\"a\",\"weight\":" first \
  "},"                                                                                                               \
  "{\"role\":\"user\",\"content\":\"v\"},{\"role\":\"assistant\",\"content\":\"b\",\"weight\":" second "}]}"
  dataset set = data_fixture_read(&f, "m.jsonl", TURNS("0", "1") "\n" TURNS("1", "0"));
  assert_int_equal(set.items[0].n_targets, 2); // an answer of one letter, and its end
  assert_int_equal(set.items[1].n_targets, 2);
  assert_string_equal(data_fixture_show(&f, &set.items[0]),
                      USER "u" END "\n" ASSISTANT "a" END "\n" USER "v" END "\n" ASSISTANT "[b" END "]\n");
  f.options.train_on_last = true;
  set = data_fixture_read(&f, "m.jsonl", TURNS("1", "1"));
  assert_int_equal(set.items[0].n_targets, 2);
  data_fixture_end(&f);
}

static void a_space_that_no_text_has_carries_no_loss(void **state) {
  (void)state;
  const char *path = test_path(test_shared_data(), "models/stories260K/hf/tokenizer.json");
  data_fixture f = data_fixture_begin("alpaca", false);
  prompt_style style;
  err e = {0};
  tokenizer_free(f.t);
  if (!tokenizer_read(f.a, path, &f.t, &e) || !prompt_from_template(f.a, "test", NULL, "", "</s>", &style, &e))
    fail_msg("%s", e.message);
  f.options.tokenizer = f.t;
  f.options.vocab_size = tokenizer_vocab_size(f.t);
  f.options.prompt = &style;
  dataset set =
      data_fixture_read(&f, "m.jsonl",
                        "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"},"
                        "{\"role\":\"user\",\"content\":\"c\"},{\"role\":\"assistant\",\"content\":\"d\"}]}");
  const example *x = set.items;
  const int32_t end = tokenizer_id(f.t, "</s>");
  uint32_t n_ends = 0;
  for (uint32_t i = 1; i < x->n; i++) {
    if (x->ids[i - 1] == end) assert_false(x->target[i]);
    n_ends += x->ids[i] == end && x->target[i];
  }
  assert_int_equal(n_ends, 2);
  assert_int_equal(x->n_targets, 4); // b, its end, d, its end
  data_fixture_end(&f);
}

// Phi-3's <|end|> takes the newline behind it, which is the template's: the end of the turn is learned all the same.
static void a_control_token_that_takes_white_space_is_learned(void **state) {
  (void)state;
  const char *path = test_path(test_directory(), "rstrip.json");
  data_fixture f = data_fixture_begin("chatml", false);
  text plain = {0}, made = {0};
  err e = {0};
  byte_tokenizer_json(false, &plain);
  for (const char *at = plain.data; *at;) {
    static const char off[] = "\"rstrip\":false";
    const bool here = !strncmp(at, off, strlen(off));
    text_put(&made, here ? "\"rstrip\":true" : at, here ? strlen(off) - 1 : 1);
    at += here ? strlen(off) : 1;
  }
  test_write(path, made.data, made.length);
  tokenizer_free(f.t);
  test_ok(tokenizer_read(f.a, path, &f.t, &e), &e);
  f.options.tokenizer = f.t;
  const example *x = data_fixture_read(&f, "p.jsonl", "{\"prompt\":\"u\",\"completion\":\"\\na\"}").items;
  const int32_t tail[] = {'t', '\n', '\n', 'a', BYTE_IM_END};
  const uint8_t mask[] = {0, 0, 1, 1, 1};
  assert_memory_equal(x->ids + x->n - 5, tail, sizeof tail);
  assert_memory_equal(x->target + x->n - 5, mask, sizeof mask);
  text_free(&plain);
  text_free(&made);
  data_fixture_end(&f);
}

static void lengths(void **state) {
  (void)state;
  const char *data =
      "{\"prompt\":\"Q\",\"completion\":\"A\"}\n{\"prompt\":\"Q\",\"completion\":\"a longer answer\"}\n"
      "{\"prompt\":\"a prompt that is longer\",\"completion\":\"A\"}\n";
  data_fixture f = data_fixture_begin("chatml", false);
  uint32_t shortest = data_fixture_read(&f, "p.jsonl", data).items[0].n;
  f.options.max_length = shortest + 2;
  dataset set = data_fixture_read(&f, "p.jsonl", data);
  assert_int_equal(set.n, 1);
  assert_int_equal(set.dropped_long, 2);
  f.options.excess = EXCESS_TRUNCATE;
  set = data_fixture_read(&f, "p.jsonl", data);
  assert_int_equal(set.n, 2);
  assert_int_equal(set.truncated, 1);
  assert_int_equal(set.dropped_long, 1); // nothing of the answer was left
  assert_string_equal(data_fixture_show(&f, &set.items[1]), USER "Q" END "\n" ASSISTANT "[a lon]");
  f.options.excess = EXCESS_SPLIT;
  set = data_fixture_read(&f, "p.jsonl", data);
  assert_int_equal(set.n, 1 + 2 + 1);
  assert_int_equal(set.items[2].prompt_n, 0);
  assert_int_equal(set.dropped_long + set.truncated, 0);
  f.options.excess = EXCESS_ERROR;
  dataset none = {0};
  err e = {0};
  assert_false(dataset_read_memory(f.a, "p.jsonl", data, strlen(data), &f.options, &none, &e));
  assert_non_null(strstr(e.message, "p.jsonl:2: expected at most"));
  data_fixture_end(&f);
}

static void splits_are_seeded_and_complete(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin(NULL, false);
  text data = {0};
  for (int i = 0; i < 100; i++) text_printf(&data, "{\"text\":\"row %d\"}\n", i);
  bool first[100];
  for (int run = 0; run < 3; run++) {
    dataset set = data_fixture_read(&f, "t.jsonl", data.data), held;
    uint64_t tokens = set.n_tokens, targets = set.n_targets;
    dataset_split(f.a, &set, 0.1, run < 2 ? 42 : 43, &held);
    assert_int_equal(held.n, 10);
    assert_int_equal(set.n, 90);
    assert_int_equal(set.n_tokens + held.n_tokens, tokens);
    assert_int_equal(set.n_targets + held.n_targets, targets);
    bool is_held[100] = {false}, seen[100] = {false};
    for (uint64_t i = 0; i < 10; i++) is_held[held.items[i].index] = seen[held.items[i].index] = true;
    for (uint64_t i = 0; i < 90; i++) {
      assert_false(seen[set.items[i].index]);
      seen[set.items[i].index] = true;
      assert_true(!i || set.items[i - 1].index < set.items[i].index);
    }
    if (run == 0) memcpy(first, is_held, sizeof first);
    assert_int_equal(!memcmp(first, is_held, sizeof first), run < 2);
  }
  dataset set = data_fixture_read(&f, "t.jsonl", "{\"text\":\"a\"}\n{\"text\":\"b\"}"), held;
  dataset_split(f.a, &set, 1e-9, 1, &held);
  assert_int_equal(set.n, 1);
  assert_int_equal(held.n, 1);
  dataset_split(f.a, &set, 0.5, 1, &held);
  assert_int_equal(set.n, 1);
  assert_int_equal(held.n, 0);
  text_free(&data);
  data_fixture_end(&f);
}

static void copies_are_split_together(void **state) {
  (void)state;
  arena *a = arena_new("test");
  for (uint64_t seed = 0; seed < 20; seed++) {
    dataset set = {.items = ARENA_ARRAY(a, example, 21), .n = 21}, held; // 7 examples, each three times
    for (uint32_t i = 0; i < 21; i++) set.items[i].index = i / 3;
    dataset_split(a, &set, 0.37, seed, &held);
    assert_int_equal(held.n + set.n, 21);
    assert_int_equal(held.n, 9); // 8 are wanted
    for (uint64_t i = 0; i < held.n; i++)
      for (uint64_t k = 0; k < set.n; k++) assert_int_not_equal(held.items[i].index, set.items[k].index);
  }
  dataset one = {.items = ARENA_ARRAY(a, example, 3), .n = 3}, none;
  dataset_split(a, &one, 0.5, 1, &none);
  assert_int_equal(none.n, 0);
  assert_int_equal(one.n, 3);
  arena_free(a);
}

static void what_came_of_one_row_is_split_together(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  text data = {0};
  for (int i = 0; i < 40; i++) {
    text_printf(&data, "{\"instruction\":\"i %d\",\"instances\":[", i);
    for (int k = 0; k <= i % 3; k++) text_printf(&data, "%s{\"input\":\"%d\",\"output\":\"o\"}", k ? "," : "", k);
    text_puts(&data, "]}\n");
  }
  dataset set = data_fixture_read(&f, "s.jsonl", data.data), held;
  const uint64_t n = set.n;
  dataset_split(f.a, &set, 0.25, 3, &held);
  assert_int_equal(set.n + held.n, n);
  assert_in_range(held.n, 18, 22); // 20 are wanted
  for (uint64_t i = 0; i < held.n; i++)
    for (uint64_t k = 0; k < set.n; k++) assert_int_not_equal(held.items[i].line, set.items[k].line);
  // A large row does not take all with it, and where no row fits, the smallest is held out.
  text_clear(&data);
  for (int i = 0; i < 3; i++) {
    text_printf(&data, "{\"instruction\":\"i %d\",\"instances\":[", i);
    for (int k = 0; k < 20 - i; k++) text_printf(&data, "%s{\"input\":\"%d\",\"output\":\"o\"}", k ? "," : "", k);
    text_puts(&data, "]}\n");
  }
  set = data_fixture_read(&f, "s.jsonl", data.data);
  dataset_split(f.a, &set, 0.1, 3, &held);
  assert_int_equal(held.n, 18);
  set = data_fixture_read(&f, "s.jsonl",
                          "{\"instruction\":\"i\",\"instances\":[{\"input\":\"a\",\"output\":\"o\"},"
                          "{\"input\":\"b\",\"output\":\"o\"}]}");
  dataset_split(f.a, &set, 0.5, 3, &held); // nothing would be left
  assert_int_equal(held.n, 0);
  // The pieces of a long text are texts of their own.
  f.options.max_length = 10;
  set = data_fixture_read(&f, "t.jsonl", "{\"text\":\"one long text that is cut into a number of pieces, each of ten tokens\"}");
  dataset_split(f.a, &set, 0.25, 3, &held);
  assert_int_equal(held.n, 2);
  text_free(&data);
  data_fixture_end(&f);
}

static void the_hash_sees_every_part(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin(NULL, false);
  const char *rows[] = {
      "{\"input_ids\":[1,2,3],\"labels\":[-100,2,3]}",        "{\"input_ids\":[1,2,4],\"labels\":[-100,2,4]}",
      "{\"input_ids\":[1,2,3],\"labels\":[-100,-100,3]}",     "{\"input_ids\":[1,2,3],\"labels\":[-100,2,3],\"weight\":2}",
      "{\"input_ids\":[1,2,3,3],\"labels\":[-100,2,3,-100]}",
  };
  uint64_t hashes[5];
  for (int i = 0; i < 5; i++) {
    dataset set = data_fixture_read(&f, "i.jsonl", rows[i]);
    hashes[i] = dataset_hash(&set);
    for (int k = 0; k < i; k++) assert_true(hashes[k] != hashes[i]);
  }
  dataset again = data_fixture_read(&f, "other.jsonl", rows[0]);
  assert_true(dataset_hash(&again) == hashes[0]);
  data_fixture_end(&f);
}

static void files_of_a_directory(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin(NULL, false);
  const char *dir = test_directory(), *train = test_path(dir, "train.jsonl");
  test_write(train, "{\"text\":\"a\"}\n", 13);
  err e = {0};
  dataset set = {0};
  assert_true(dataset_read_split(f.a, dir, "train", &f.options, &set, &e));
  assert_true(dataset_read_split(f.a, train, "valid", &f.options, &set, &e)); // a file is itself; appended
  assert_int_equal(set.n, 2);
  assert_int_equal(set.items[1].index, 1);
  assert_string_equal(set.items[0].origin->file, train);
  assert_string_equal(set.items[1].origin->task, "train");
  assert_false(dataset_read_split(f.a, dir, "valid", &f.options, &set, &e));
  assert_non_null(strstr(e.message, "expected valid.jsonl in this directory"));
  e = (err){0};
  assert_false(dataset_read_split(f.a, test_path(dir, "nothing"), "train", &f.options, &set, &e));
  assert_non_null(strstr(e.message, "expected a data file or a directory of them, found nothing"));
  data_fixture_end(&f);
}

// Without a train.jsonl: a file for each task, by name, whatever the split.
static void a_directory_of_tasks(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin(NULL, false);
  const char *dir = test_path(test_directory(), "tasks-by-file");
  assert_true(dir_make(dir, NULL));
  test_write(test_path(dir, "sums.jsonl"), "{\"text\":\"a\"}\n", 13);
  test_write(test_path(dir, "copy.jsonl"), "{\"text\":\"b\"}\n", 13);
  test_write(test_path(dir, ".hidden.jsonl"), "{", 1);
  test_write(test_path(dir, "CLUSTERS.json"), "{", 1);
  err e = {0};
  dataset set = {0};
  assert_true(dataset_read_split(f.a, dir, "train", &f.options, &set, &e));
  assert_int_equal(set.n, 2);
  assert_string_equal(set.items[0].origin->task, "copy");
  assert_string_equal(set.items[1].origin->task, "sums");
  test_write(test_path(dir, "test.jsonl"), "{\"text\":\"c\"}\n", 13); // now it is a directory of splits
  assert_false(dataset_read_split(f.a, dir, "train", &f.options, &set, &e));
  assert_non_null(strstr(e.message, "expected train.jsonl in this directory"));
  data_fixture_end(&f);
}

// --- real files, with a real tokenizer ---

static const char *string_of(const cJSON *in, const char *key) {
  const cJSON *value = cJSON_GetObjectItemCaseSensitive(in, key);
  return cJSON_IsString(value) ? value->valuestring : "";
}

static void real_messages(void **state) {
  (void)state;
  const char *name = "instruct/messages/openai_toy_chat_fine_tuning.jsonl", *path = test_path(test_shared_data(), name);
  data_fixture f = data_fixture_begin_real("chatml");
  dataset none = {0};
  err e = {0};
  assert_false(dataset_read(f.a, path, &f.options, &none, &e)); // its fourth conversation has nobody asking
  assert_non_null(strstr(e.message, "openai_toy_chat_fine_tuning.jsonl:4: expected at least one user turn, found none"));
  f.options.skip_bad_examples = true;
  dataset set = data_fixture_read_shared(&f, name);
  assert_int_equal(set.skipped_bad, 1);
  FILE *file = fopen(path, "rb"); // the answers, found in another way: line by line
  assert_non_null(file);
  static char line[1 << 16];
  uint64_t n = 0;
  for (uint32_t number = 1; fgets(line, sizeof line, file); number++) {
    if (number == 4) continue;
    assert_int_equal(set.items[n].line, number);
    json row;
    assert_true(json_parse("line", line, strlen(line), &row, NULL));
    uint32_t at = 0;
    const cJSON *m;
    cJSON_ArrayForEach(m, cJSON_GetObjectItemCaseSensitive(row.root, "messages")) {
      if (strcmp(string_of(m, "role"), "assistant")) continue;
      assert_string_equal(data_fixture_next_run(&f, &set.items[n], &at),
                          arena_printf(f.a, "%s<|im_end|>", string_of(m, "content")));
    }
    assert_string_equal(data_fixture_next_run(&f, &set.items[n], &at), "");
    json_free(&row);
    n++;
  }
  fclose(file);
  assert_int_equal(n, set.n);
  data_fixture_end(&f);
}

static void real_alpaca_and_completions(void **state) {
  (void)state;
  test_shared_data();
  data_fixture f = data_fixture_begin_real(NULL);
  dataset set = data_fixture_read_shared(&f, "instruct/alpaca/axolotl_alpaca.json");
  assert_int_equal(set.n, 2);
  uint32_t at = 0;
  assert_string_equal(data_fixture_next_run(&f, &set.items[0], &at), "['world', 'Hello']<|endoftext|>");
  set = data_fixture_read_shared(&f, "instruct/t0/paws_labeled_final_Meaning.jsonl");
  for (uint64_t i = 0; i < set.n; i++) {
    at = 0;
    const example *x = &set.items[i];
    assert_string_equal(data_fixture_next_run(&f, x, &at), arena_printf(f.a, "%s<|endoftext|>", x->answer));
    assert_int_equal(at, x->n);
    assert_int_equal(x->ids[x->n - 1], f.options.eos_id);
    assert_true(x->ids[x->n - 2] != f.options.eos_id); // the marker that this data carries in its text stays text
    assert_string_equal(x->origin->task, "paws_labeled_final_Meaning");
  }
  assert_true(set.n > 100);
  data_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(alpaca_rows),
      cmocka_unit_test(message_rows),
      cmocka_unit_test(prompt_completion_rows),
      cmocka_unit_test(text_rows),
      cmocka_unit_test(token_rows),
      cmocka_unit_test(bos_stands_where_the_tokenizer_or_the_template_has_it),
      cmocka_unit_test(straddling_tokens_count_by_their_last_byte),
      cmocka_unit_test(the_weight_of_a_message_is_its_train),
      cmocka_unit_test(a_space_that_no_text_has_carries_no_loss),
      cmocka_unit_test(a_control_token_that_takes_white_space_is_learned),
      cmocka_unit_test(lengths),
      cmocka_unit_test(splits_are_seeded_and_complete),
      cmocka_unit_test(copies_are_split_together),
      cmocka_unit_test(what_came_of_one_row_is_split_together),
      cmocka_unit_test(the_hash_sees_every_part),
      cmocka_unit_test(files_of_a_directory),
      cmocka_unit_test(a_directory_of_tasks),
      cmocka_unit_test(real_messages),
      cmocka_unit_test(real_alpaca_and_completions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
