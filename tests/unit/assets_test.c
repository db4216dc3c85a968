// The embedded default in assets/: the instruction set has what it promises, its parts and the pretraining text share no
// input, and everything is what the scripts make (which is how the test gets the pretraining text: it is not kept).
#define _GNU_SOURCE
#include "support/test.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "io/json.h"

enum { TASKS = 24, CLUSTERS = 8, LEAST_ROWS = 2000, MOST_MODEL_BYTES = 4000000, LIMIT = 64 << 20, CAPACITY = 8192 };

typedef struct row {
  const char *instruction, *input, *output, *task, *cluster, *source;
  const char *plain; // the input, normalised
} row;

typedef struct fixture {
  arena *a;
  row *rows; // the training part, then the test part
  size_t n, n_train;
} fixture;

// Lower case (ASCII) with every white space as one blank.
static char *normalised(arena *a, const char *s) {
  text t = {0};
  for (; *s; s++) {
    const bool blank = isspace((unsigned char)*s);
    if (!blank) text_putc(&t, (char)tolower((unsigned char)*s));
    else if (t.length && t.data[t.length - 1] != ' ') text_putc(&t, ' ');
  }
  char *copy = arena_strndup(a, t.data, t.length);
  text_free(&t);
  return copy;
}

static const char *in_repository(const char *name) {
  const char *root = getenv("VKIFT_SOURCE_DIR");
  return test_path(root ? root : ".", name);
}

static char *whole_file(arena *a, const char *path) {
  err e = {0};
  char *data;
  if (!file_read(a, path, LIMIT, &data, NULL, &e)) fail_msg("%s", e.message);
  return data;
}

// Calls `take` with each line's object.
static void each_line(arena *a, const char *path, void (*take)(arena *a, const json *line, void *to), void *to) {
  char *rest = whole_file(a, path), *line;
  while ((line = strsep(&rest, "\n"))) {
    json d;
    err e = {0};
    if (!*line) continue;
    if (!json_parse(path, line, strlen(line), &d, &e)) fail_msg("%s", e.message);
    take(a, &d, to);
    json_free(&d);
  }
}

static const char *field(arena *a, const json *d, const char *key) {
  const char *value;
  err e = {0};
  if (!json_string(d, d->root, "", key, &value, &e)) fail_msg("%s", e.message);
  return arena_strdup(a, value);
}

static void take_row(arena *a, const json *d, void *to) {
  fixture *f = to;
  assert_true(f->n < CAPACITY);
  row *r = &f->rows[f->n++];
  *r = (row){field(a, d, "instruction"),
             field(a, d, "input"),
             field(a, d, "output"),
             field(a, d, "task"),
             field(a, d, "cluster"),
             field(a, d, "source"),
             NULL};
  r->plain = normalised(a, r->input);
}

static int read_set(void **state) {
  arena *a = arena_new("assets test");
  fixture *f = arena_alloc(a, sizeof *f);
  *f = (fixture){.a = a, .rows = arena_alloc(a, CAPACITY * sizeof(row))};
  each_line(a, in_repository("assets/train.jsonl"), take_row, f);
  f->n_train = f->n;
  each_line(a, in_repository("assets/test.jsonl"), take_row, f);
  *state = f;
  return 0;
}

static int free_set(void **state) {
  arena_free(((fixture *)*state)->a);
  return 0;
}

// The place of `name` in `names`, where it is put if new.
static size_t place_of(const char *name, const char **names, size_t *n) {
  for (size_t i = 0; i < *n; i++)
    if (!strcmp(names[i], name)) return i;
  assert_true(*n < TASKS);
  names[*n] = name;
  return (*n)++;
}

static void the_set_has_24_tasks_in_8_clusters(void **state) {
  const fixture *f = *state;
  const char *tasks[TASKS], *clusters[TASKS], *cluster_of[TASKS];
  size_t n_tasks = 0, n_clusters = 0, parts[TASKS][2] = {0}, russian = 0;
  assert_true(f->n >= LEAST_ROWS);
  for (size_t i = 0; i < f->n; i++) {
    const row *r = &f->rows[i];
    assert_true(*r->instruction && *r->plain && *r->output && *r->source);
    const size_t before = n_tasks, t = place_of(r->task, tasks, &n_tasks);
    place_of(r->cluster, clusters, &n_clusters);
    if (t == before) cluster_of[t] = r->cluster;
    assert_string_equal(cluster_of[t], r->cluster);
    parts[t][i >= f->n_train]++;
    russian += strpbrk(r->input, "\xD0\xD1") || strpbrk(r->output, "\xD0\xD1"); // first bytes of Cyrillic letters
  }
  assert_int_equal(n_tasks, TASKS);
  assert_int_equal(n_clusters, CLUSTERS);
  assert_true(russian >= f->n / 10);
  for (size_t t = 0; t < TASKS; t++) assert_true(parts[t][0] >= 50 && parts[t][1] >= 10);
}

static void no_input_occurs_in_the_other_part(void **state) {
  const fixture *f = *state;
  for (size_t i = 0; i < f->n_train; i++)
    for (size_t k = f->n_train; k < f->n; k++)
      if (strstr(f->rows[i].plain, f->rows[k].plain) || strstr(f->rows[k].plain, f->rows[i].plain))
        fail_msg("\"%s\" in training, \"%s\" in test", f->rows[i].input, f->rows[k].input);
}

static void run_script(const char *command) {
  if (system(command) != 0) fail_msg("failed: %s", command);
}

// The scripts' output, in the test's directory.
static void make_again(arena *a) {
  const char *to = test_directory(), *scripts = in_repository("scripts/assets");
  if (system("python3 -c '' 2>/dev/null") != 0) {
    print_message("skipped: python3 is not installed\n");
    skip();
  }
  run_script(arena_printf(a, "python3 '%s/make_data.py' --set '%s' --text '%s'", scripts, to, to));
  run_script(arena_printf(
      a, "python3 '%s/make_tokenizer.py' --text '%s/pretrain.jsonl' --set '%s/train.jsonl' --output '%s/tokenizer.json'", scripts,
      to, to, to));
}

static void assert_same_file(arena *a, const char *kept, const char *made) {
  const char *k = whole_file(a, in_repository(kept)), *m = whole_file(a, test_path(test_directory(), made));
  if (strcmp(k, m) != 0) fail_msg("%s is not what the scripts make", kept);
}

static void take_text(arena *a, const json *d, void *to) {
  text_printf(to, "%s\n", normalised(a, field(a, d, "text")));
}

static void no_input_occurs_in_the_pretraining_text(void **state) {
  const fixture *f = *state;
  make_again(f->a);
  assert_same_file(f->a, "assets/train.jsonl", "train.jsonl");
  assert_same_file(f->a, "assets/test.jsonl", "test.jsonl");
  assert_same_file(f->a, "assets/base/tokenizer.json", "tokenizer.json");
  text all = {0};
  each_line(f->a, test_path(test_directory(), "pretrain.jsonl"), take_text, &all);
  assert_true(all.length > 1000000);
  for (size_t i = 0; i < f->n; i++)
    if (memmem(all.data, all.length, f->rows[i].plain, strlen(f->rows[i].plain)))
      fail_msg("\"%s\" occurs in the pretraining text", f->rows[i].input);
  text_free(&all);
}

static void the_base_model_is_small(void **state) {
  (void)state;
  struct stat s;
  if (stat(in_repository("assets/base/model.safetensors"), &s) != 0) {
    print_message("skipped: assets/base/model.safetensors is not there (scripts/assets/rebuild makes it)\n");
    skip();
  }
  assert_true(s.st_size > 0 && s.st_size <= MOST_MODEL_BYTES);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_set_has_24_tasks_in_8_clusters),
      cmocka_unit_test(no_input_occurs_in_the_other_part),
      cmocka_unit_test(no_input_occurs_in_the_pretraining_text),
      cmocka_unit_test(the_base_model_is_small),
  };
  return cmocka_run_group_tests(tests, read_set, free_set);
}
