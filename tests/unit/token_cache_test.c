// The cache of tokenised data: found again, made again where it does not fit, never believed, never in the way.
#define _GNU_SOURCE
#include "support/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "data/task_notes.h"
#include "data/token_cache.h"
#include "support/data_fixture.h"

static const char ROWS[] =
    "{\"prompt\":\"one\",\"completion\":\"1\",\"task\":\"t\"}\n{\"prompt\":\"two\",\"completion\":\"2\"}\n";

typedef struct setting {
  data_fixture f;
  const char *file, *cache; // the data; the directory of cached files
} setting;

static setting begin(const char *name) {
  setting s = {.f = data_fixture_begin("chatml", false)};
  const char *dir = arena_strdup(s.f.a, test_path(test_directory(), name));
  assert_true(dir_make(dir, NULL));
  s.file = path_join(s.f.a, dir, "d.jsonl");
  s.cache = path_join(s.f.a, dir, "cache/data");
  test_write(s.file, ROWS, strlen(ROWS));
  setenv("VKIFT_CACHE_DIR", path_join(s.f.a, dir, "cache"), true);
  setenv("VKIFT_DATA_CACHE", "1", true);
  s.f.options.cache = true;
  return s;
}

static dataset read_set(setting *s) {
  dataset set = {0};
  err e = {0};
  if (!dataset_read_split(s->f.a, s->file, "train", &s->f.options, &set, &e)) fail_msg("%s", e.message);
  return set;
}

static uint64_t n_cached(setting *s) {
  char **names;
  uint64_t n = 0;
  if (file_is_dir(s->cache)) assert_true(dir_list(s->f.a, s->cache, &names, &n, NULL));
  return n;
}

static void check_rows(setting *s, const dataset *set) {
  assert_int_equal(set->n, 2);
  assert_string_equal(data_fixture_show(&s->f, &set->items[0]),
                      "<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\n[1<|im_end|>]\n");
  assert_string_equal(set->items[0].origin->task, "t");
  assert_string_equal(set->items[1].origin->task, "d");
  assert_string_equal(set->items[1].origin->file, s->file);
  assert_int_equal(set->items[1].line, 2);
}

static void found_the_second_time(void **state) {
  (void)state;
  setting s = begin("found");
  dataset first = read_set(&s), second = read_set(&s);
  assert_non_null(first.cache_written);
  assert_null(second.cache_written);
  assert_int_equal(n_cached(&s), 1);
  check_rows(&s, &first);
  check_rows(&s, &second);
  assert_true(dataset_hash(&first) == dataset_hash(&second));
  s.f.options.cache = false;
  dataset without = read_set(&s);
  assert_null(without.maps);
  assert_true(dataset_hash(&first) == dataset_hash(&without));
  data_fixture_end(&s.f);
}

static void counts_are_kept(void **state) {
  (void)state;
  setting s = begin("counts");
  const char *rows =
      "{\"prompt\":\"one\",\"completion\":\"1\"}\n{\"prompt\":1}\n{\"prompt\":\"far, far too long for rows of forty "
      "tokens\",\"completion\":\"12345\"}\n";
  test_write(s.file, rows, strlen(rows));
  s.f.options.skip_bad_examples = true;
  s.f.options.max_length = 40;
  for (int times = 0; times < 2; times++) {
    dataset set = read_set(&s);
    assert_int_equal(set.n, 1);
    assert_int_equal(set.skipped_bad, 1);
    assert_int_equal(set.dropped_long, 1);
    assert_true((set.cache_written != NULL) == !times);
  }
  data_fixture_end(&s.f);
}

// Everything that decides what the examples are decides the file.
static void another_setting_is_another_file(void **state) {
  (void)state;
  setting s = begin("settings");
  const dataset_options plain = s.f.options;
  data_fixture alpaca = data_fixture_begin("alpaca", false);
  read_set(&s);
  enum { N = 26 };
  dataset_options others[N];
  for (int i = 0; i < N; i++) others[i] = plain;
  others[0].prompt = alpaca.options.prompt;
  others[1].max_length = 100;
  others[2].excess = EXCESS_TRUNCATE;
  others[3].train_on_last = true;
  others[4].skip_bad_examples = true;
  others[5].all_tokens = true;
  others[6].strip_suffix = "x";
  others[7].superni.n_pos = 1;
  others[8].max_instances = 7;
  others[9].sketches = true;
  others[10].eos_id = -1;
  others[11].vocab_size++;
  const uint64_t asked = 7;
  task_note note = {.task = "t", .definition = "D"};
  const task_notes notes = {&note, 1, 5}, other_notes = {&note, 1, 6};
  others[12].augment.n_demonstrations = 1;
  others[13].augment.n_demonstrations = 1;
  others[13].asked = &asked, others[13].n_asked = 1;
  others[14].augment.persona = 0.5;
  others[15].augment.definition = 0.5;
  others[16].augment.length_constraint = 0.5;
  others[17].augment.notes = &notes;
  others[18].augment.notes = &other_notes;
  others[19].superni.n_neg = 1;
  others[20].superni.explanations = true;
  others[21].format = DATA_PROMPT_COMPLETION;
  others[22].any_conversation = true;
  others[23].max_instances = 7, others[23].first_instances = true;
  others[24].max_instances = 7, others[24].seed = 1; // beside others[8]
  others[25].augment.persona = 0.5, others[25].seed = 1;
  for (uint64_t i = 0; i < N; i++) {
    s.f.options = others[i];
    assert_non_null(read_set(&s).cache_written);
    assert_int_equal(n_cached(&s), i + 2);
  }
  // Where nothing is drawn, the seed decides nothing.
  s.f.options = plain;
  s.f.options.seed = 5;
  assert_null(read_set(&s).cache_written);
  // Other bytes, and the same bytes in a file of another name: tasks are named by their file, which is not in the cache.
  s.f.options = plain;
  test_write(s.file, ROWS, (size_t)(strchr(ROWS, '\n') - ROWS));
  assert_non_null(read_set(&s).cache_written);
  s.file = path_join(s.f.a, test_directory(), "other.jsonl");
  test_write(s.file, ROWS, strlen(ROWS));
  dataset moved = read_set(&s);
  assert_null(moved.cache_written);
  assert_string_equal(moved.items[1].origin->task, "other");
  data_fixture_end(&alpaca);
  data_fixture_end(&s.f);
}

static void the_same_bytes_as_another_table_are_another_file(void **state) {
  (void)state;
  setting s = begin("tables");
  const char *rows = "text\n\"one\ntwo\"\n\"three\nfour\"\n", *names[] = {"t.csv", "t.tsv"};
  for (int i = 0; i < 2; i++) {
    s.file = path_join(s.f.a, test_directory(), names[i]);
    test_write(s.file, rows, strlen(rows));
    dataset set = read_set(&s);
    assert_non_null(set.cache_written);
    assert_int_equal(set.n, i ? 4 : 2);
  }
  data_fixture_end(&s.f);
}

static void make_old(const char *path, int days) {
  const struct timespec then = {.tv_sec = time(NULL) - (time_t)days * 24 * 3600};
  assert_false(utimensat(AT_FDCWD, path, (const struct timespec[2]){then, then}, 0));
}

static void count_rows(void *user, const char *file, const char *fault) {
  (void)file, (void)fault;
  ++*(int *)user;
}

// Who watches is told of every bad row, also when the tokens are there already.
static void a_watched_reading_sees_the_rows(void **state) {
  (void)state;
  setting s = begin("watched");
  const char *rows = "{\"prompt\":\"one\",\"completion\":\"1\"}\n{\"prompt\":1}\n";
  test_write(s.file, rows, strlen(rows));
  int n_bad = 0;
  const dataset_watch watch = {.user = &n_bad, .bad = count_rows};
  s.f.options.skip_bad_examples = true;
  read_set(&s);
  s.f.options.watch = &watch;
  for (int i = 1; i <= 2; i++) {
    dataset set = read_set(&s);
    assert_int_equal(n_bad, i);
    assert_int_equal(set.n, 1);
    assert_non_null(set.maps);
    assert_int_equal(n_cached(&s), 1); // its own file is gone
  }
  data_fixture_end(&s.f);
}

static bool write_to_it(void *user, uint64_t done, uint64_t total) {
  (void)total;
  const char *rows = "{\"prompt\":\"one\",\"completion\":\"2\",\"task\":\"t\"}\n{\"prompt\":\"two\",\"completion\":\"3\"}\n";
  if (done) test_write(user, rows, strlen(rows));
  return true;
}

static void data_that_change_meanwhile_are_not_kept(void **state) {
  (void)state;
  setting s = begin("changing");
  dataset set = {0};
  err e = {0};
  make_old(s.file, 1); // whatever the clock's steps, the time changes
  s.f.options.progress = write_to_it;
  s.f.options.progress_user = (void *)(uintptr_t)s.file;
  if (!dataset_read_split(s.f.a, s.file, "train", &s.f.options, &set, &e)) fail_msg("%s", e.message);
  assert_non_null(strstr(set.cache_fault, "d.jsonl: the data were written to meanwhile"));
  assert_int_equal(set.n, 2);
  assert_null(set.maps);
  assert_int_equal(n_cached(&s), 0);
  data_fixture_end(&s.f);
}

// The text of a pack decides, that of the packs which it takes from, and its name, which is the task's.
static void another_pack_is_another_file(void **state) {
  (void)state;
  setting s = begin("packs");
  const char *dir = path_directory(s.f.a, s.file), *base = path_join(s.f.a, dir, "base.yaml"),
             *mine = path_join(s.f.a, dir, "mine.yaml");
  static const char *const bases[] = {"templates: [{name: n, prompt: '{{ prompt }}', answer: '{{ completion }}'}]\n",
                                      "templates: [{name: n, prompt: 'So {{ prompt }}', answer: '{{ completion }}'}]\n"};
  static const char *const packs[] = {"pack: base.yaml\ndata: d.jsonl\n", "pack: base.yaml\ndata: d.jsonl\ndefinition: D\n"};
  for (uint64_t i = 0; i < 4; i++) {
    test_write(base, bases[i / 2], strlen(bases[i / 2]));
    test_write(mine, packs[i % 2], strlen(packs[i % 2]));
    s.file = mine;
    const dataset first = read_set(&s), again = read_set(&s);
    assert_non_null(first.cache_written);
    assert_null(again.cache_written);
    assert_int_equal(n_cached(&s), i + 1);
    assert_string_equal(again.items[0].origin->task, "mine");
    assert_true((strstr(data_fixture_show(&s.f, &again.items[0]), "So one") != NULL) == (i > 1));
  }
  s.file = path_join(s.f.a, dir, "other.yaml");
  test_write(s.file, packs[0], strlen(packs[0]));
  const dataset renamed = read_set(&s);
  assert_non_null(renamed.cache_written);
  assert_string_equal(renamed.items[0].origin->task, "other");
  s.file = path_join(s.f.a, dir, "d.jsonl"); // the same rows without one
  assert_non_null(read_set(&s).cache_written);
  data_fixture_end(&s.f);
}

static const char *only_file(setting *s) {
  char **names;
  uint64_t n;
  assert_true(dir_list(s->f.a, s->cache, &names, &n, NULL));
  assert_int_equal(n, 1);
  return path_join(s->f.a, s->cache, names[0]);
}

static void a_damaged_file_is_made_again(void **state) {
  (void)state;
  setting s = begin("damaged");
  read_set(&s);
  const char *path = only_file(&s);
  char *bytes;
  uint64_t size;
  assert_true(file_read(s.f.a, path, 1 << 20, &bytes, &size, NULL));
  for (uint64_t at = 0; at < size; at += 13) {
    char *damaged = arena_strndup(s.f.a, bytes, (size_t)size);
    damaged[at] ^= 4;
    test_write(path, damaged, (size_t)size);
    dataset set = read_set(&s);
    assert_non_null(set.cache_written);
    check_rows(&s, &set);
  }
  test_write(path, bytes, 0);
  assert_non_null(read_set(&s).cache_written);
  assert_null(read_set(&s).cache_written);
  data_fixture_end(&s.f);
}

// A fault in the data leaves no file behind, neither whole nor begun.
static void nothing_is_kept_of_bad_data(void **state) {
  (void)state;
  setting s = begin("bad");
  const char *rows = "{\"prompt\":\"one\",\"completion\":\"1\"}\n{\"prompt\":1}\n";
  test_write(s.file, rows, strlen(rows));
  dataset set = {0};
  err e = {0};
  assert_false(dataset_read_split(s.f.a, s.file, "train", &s.f.options, &set, &e));
  assert_non_null(strstr(e.message, "d.jsonl:2: "));
  assert_int_equal(set.n, 0);
  assert_int_equal(n_cached(&s), 0);
  data_fixture_end(&s.f);
}

static void small_data_and_no_place_do_without(void **state) {
  (void)state;
  setting s = begin("without");
  setenv("VKIFT_DATA_CACHE", "100000", true);
  dataset set = read_set(&s);
  check_rows(&s, &set);
  setenv("VKIFT_DATA_CACHE", "off", true);
  read_set(&s);
  unsetenv("VKIFT_DATA_CACHE");
  read_set(&s);
  assert_int_equal(n_cached(&s), 0);
  setenv("VKIFT_DATA_CACHE", "1", true);
  setenv("VKIFT_CACHE_DIR", path_join(s.f.a, s.file, "below a file"), true);
  set = read_set(&s);
  check_rows(&s, &set);
  assert_null(set.maps);
  assert_non_null(set.cache_fault);
  static const char *const bad[] = {"on", "8M", "-1", " 8", "OFF"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    dataset none = {0};
    err e = {0};
    setenv("VKIFT_DATA_CACHE", bad[i], true);
    assert_false(dataset_read_split(s.f.a, s.file, "train", &s.f.options, &none, &e));
    assert_non_null(strstr(e.message, "VKIFT_DATA_CACHE: expected off, or a number of bytes, found "));
  }
  data_fixture_end(&s.f);
}

// Data may be private: so are its tokens.
static void nobody_else_may_read_it(void **state) {
  (void)state;
  setting s = begin("private");
  read_set(&s);
  struct stat of_file, of_dir;
  assert_false(stat(only_file(&s), &of_file) || stat(s.cache, &of_dir));
  assert_int_equal(of_file.st_mode & 0777, 0600);
  assert_int_equal(of_dir.st_mode & 0777, 0700);
  data_fixture_end(&s.f);
}

// A file of the cache stands for what these rows become. Where that has changed, REVISION of token_cache.c has to be raised,
// and the hash here to be what it is now.
static void what_rows_become_has_a_revision(void **state) {
  (void)state;
  static const char *const rows[] = {
      "{\"instruction\":\"Add.\",\"input\":\"1 2\",\"output\":\"3\",\"system\":\"S\"}",
      "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":\"a\"},"
      "{\"role\":\"user\",\"content\":\"the </s>\"},{\"role\":\"assistant\",\"content\":\" b\"}]}",
      "{\"text\":\"the text\"}",
      "{\"segments\":[{\"label\":false,\"text\":\"a\"},{\"label\":true,\"text\":\"b\"}]}",
      "{\"Definition\":[\"D\"],\"Positive Examples\":[{\"input\":\"i\",\"output\":\"o\",\"explanation\":\"e\"}],"
      "\"Instances\":[{\"input\":\"x\",\"output\":[\"y\"]}]}",
  };
  uint64_t hash = 0;
  for (int style = 0; style < 2; style++) {
    data_fixture f = data_fixture_begin(style ? "alpaca" : "chatml", style);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
      dataset set = data_fixture_read(&f, "d.jsonl", rows[i]);
      hash = hash * 31 + dataset_hash(&set);
    }
    data_fixture_end(&f);
  }
  if (hash != UINT64_C(10129092005667333460))
    fail_msg("raise REVISION in src/data/token_cache.c: the hash is %llu", (unsigned long long)hash);
}

static void what_nobody_uses_is_removed(void **state) {
  (void)state;
  setting s = begin("unused");
  read_set(&s);
  const char *used = only_file(&s), *unused = path_join(s.f.a, s.cache, "0123.tokens"),
             *begun = path_join(s.f.a, s.cache, "4567.tokens.tmp-abcdef"), *other = path_join(s.f.a, s.cache, "notes.txt");
  const char *const old[] = {used, unused, begun, other};
  for (int i = 0; i < 4; i++) {
    if (i) test_write(old[i], "x", 1);
    make_old(old[i], 31);
  }
  assert_null(read_set(&s).cache_written); // which is a use
  s.f.options.max_length = 50;
  assert_non_null(read_set(&s).cache_written);
  assert_true(file_exists(used) && file_exists(other));
  assert_false(file_exists(unused) || file_exists(begun));
  data_fixture_end(&s.f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(found_the_second_time),
      cmocka_unit_test(counts_are_kept),
      cmocka_unit_test(another_setting_is_another_file),
      cmocka_unit_test(another_pack_is_another_file),
      cmocka_unit_test(a_damaged_file_is_made_again),
      cmocka_unit_test(nothing_is_kept_of_bad_data),
      cmocka_unit_test(small_data_and_no_place_do_without),
      cmocka_unit_test(what_nobody_uses_is_removed),
      cmocka_unit_test(the_same_bytes_as_another_table_are_another_file),
      cmocka_unit_test(a_watched_reading_sees_the_rows),
      cmocka_unit_test(data_that_change_meanwhile_are_not_kept),
      cmocka_unit_test(nobody_else_may_read_it),
      cmocka_unit_test(what_rows_become_has_a_revision),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
