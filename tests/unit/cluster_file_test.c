// Files of clusters: the three forms, what is written reads back, files that are wrong in one thing each.
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "data/cluster_file.h"
#include "support/bad_files.h"

static const char *file_of(const char *name, const char *source) {
  const char *path = test_path(test_directory(), name);
  test_write(path, source, strlen(source));
  return path;
}

static cluster_file read_file(arena *a, const char *path) {
  cluster_file file;
  err e = {0};
  if (!cluster_file_read(a, path, &file, &e)) fail_msg("%s", e.message);
  return file;
}

static void check_names(strings found, const char *expected) {
  char all[256] = "";
  for (uint32_t i = 0; i < found.n; i++) {
    strcat(all, i ? " " : "");
    strcat(all, found.items[i]);
  }
  assert_string_equal(all, expected);
}

static void check_entry(const cluster_entry *x, const char *name, const char *tasks, const char *metric, const char *neighbours) {
  assert_string_equal(x->name, name);
  check_names(x->tasks, tasks);
  check_names(x->neighbours, neighbours);
  if (metric) assert_string_equal(x->metric, metric);
  else assert_null(x->metric);
}

static const char yaml[] =
    "paraphrase:\n  tasks: [mrpc, paws]\n  metric: accuracy\n  neighbours: [entailment, empty]\n"
    "entailment: [rte, cb]\nempty: {tasks: []}\n\"7\": {tasks: [\"8\"], metric: null, neighbours: null}\n";

static void check_all(const cluster_file *file) {
  assert_int_equal(file->n, 4);
  check_entry(&file->items[0], "paraphrase", "mrpc paws", "accuracy", "entailment empty");
  check_entry(&file->items[1], "entailment", "rte cb", NULL, "");
  check_entry(&file->items[2], "empty", "", NULL, "");
  check_entry(&file->items[3], "7", "8", NULL, "");
}

static void entries_are_read_and_written(void **state) {
  (void)state;
  arena *a = arena_new("test");
  cluster_file file = read_file(a, file_of("clusters.yaml", yaml));
  check_all(&file);
  text out = {0};
  cluster_file_put(&file, &out);
  file = read_file(a, file_of("again.yaml", out.data));
  check_all(&file);
  text_free(&out);
  arena_free(a);
}

// Names that YAML could take for something else.
static void any_name_is_written_as_it_is(void **state) {
  (void)state;
  arena *a = arena_new("test");
  const char *names[] = {"true",
                         "NO",
                         "1e3",
                         "a: b",
                         "- a",
                         "#x",
                         "",
                         "\xc3\xa9",
                         "\"q\" \\ \t\n",
                         "Null",
                         "a#b",
                         "x y",
                         "~",
                         "0x1F",
                         "\xC2\x85x",
                         "a\xE2\x80\xA8"
                         "b",
                         "\xEF\xBB\xBFz",
                         "\x7F",
                         "\xF0\x9F\x8D\x8E \xC2\x9B"};
  const uint32_t n = sizeof names / sizeof *names;
  names[6] = "{a}";
  cluster_entry entries[2] = {{.name = "no", .metric = "true", .tasks = {names, n}, .neighbours = {(const char *[]){" "}, 1}},
                              {.name = " "}};
  text out = {0};
  cluster_file_put(&(cluster_file){.items = entries, .n = 2}, &out);
  const cluster_file file = read_file(a, file_of("names.yaml", out.data));
  assert_int_equal(file.n, 2);
  assert_string_equal(file.items[0].name, "no");
  assert_string_equal(file.items[0].metric, "true");
  assert_string_equal(file.items[0].neighbours.items[0], " ");
  assert_int_equal(file.items[0].tasks.n, n);
  for (uint32_t i = 0; i < n; i++) assert_string_equal(file.items[0].tasks.items[i], names[i]);
  text_free(&out);
  arena_free(a);
}

static void other_forms_are_read(void **state) {
  (void)state;
  arena *a = arena_new("test");
  // Task to cluster, in both languages: clusters by name, tasks in the file's order.
  const char *const pairs[][2] = {{"p.json", "{\"t2\": \"b\", \"t1\": \"a\", \"t0\": \"b\"}"},
                                  {"p.yaml", "t2: b\nt1: a\nt0: b\n"}};
  for (int i = 0; i < 2; i++) {
    const cluster_file file = read_file(a, file_of(pairs[i][0], pairs[i][1]));
    assert_int_equal(file.n, 2);
    check_entry(&file.items[0], "a", "t1", NULL, "");
    check_entry(&file.items[1], "b", "t2 t0", NULL, "");
  }
  // FLAN's.
  cluster_file file =
      read_file(a, file_of("f.json", "{\"source\": \"somewhere\", \"clusters\": {\"a\": [\"t\"], \"tasks\": [\"u\"]}}"));
  assert_int_equal(file.n, 2);
  check_entry(&file.items[0], "a", "t", NULL, "");
  check_entry(&file.items[1], "tasks", "u", NULL, "");
  file = read_file(a, file_of("f.yaml", "clusters: {t: a, u: b}"));
  assert_int_equal(file.n, 2);
  // A cluster may have that name.
  file = read_file(a, file_of("f.yaml", "clusters: {tasks: [t]}\nb: [u]"));
  assert_int_equal(file.n, 2);
  check_entry(&file.items[0], "clusters", "t", NULL, "");
  file = read_file(a, file_of("f.yaml", "clusters: {tasks: [t], metric: m}"));
  assert_int_equal(file.n, 1);
  check_entry(&file.items[0], "clusters", "t", "m", "");
  arena_free(a);
}

static void published_files_are_read(void **state) {
  (void)state;
  arena *a = arena_new("test");
  cluster_file file = read_file(a, test_path(test_shared_data(), "instruct/flan_clusters.json"));
  assert_int_equal(file.n, 17);
  check_entry(&file.items[4], "paraphrase", "glue_mrpc glue_qqp paws_wiki stsb", NULL, "");
  file = read_file(a, test_path(test_shared_data(), "instruct/t0/CLUSTERS.json"));
  assert_int_equal(file.n, 4);
  check_entry(&file.items[0], "extractive_qa", "ropes_plain_no_background", NULL, "");
  assert_int_equal(file.items[3].tasks.n, 9);
  arena_free(a);
}

static const struct {
  const char *name, *source, *message;
} bad[] = {
    {"c.yaml", "", ": expected a YAML document, found an empty file"},
    {"c.yaml", "{}", ": expected names of clusters with their tasks, found none"},
    {"c.yaml", "clusters: {}", ": clusters: expected names of clusters with their tasks, found none"},
    {"c.yaml", "- a", ": the file: expected names of clusters with their tasks, found an array of 1"},
    {"c.yaml", "just text", ": the file: expected names of clusters with their tasks, found a string \"just text\""},
    {"c.yaml", "a: 7", ": \"a\": expected tasks, metric and neighbours, or a list of tasks, found the number 7"},
    {"c.yaml", "a: [t]\nb: c", ": \"b\": expected tasks, metric and neighbours, or a list of tasks, found a string \"c\""},
    {"c.yaml", "t: c\nu: [d]", ": \"u\": expected the name of a cluster, as the first task has, found an array of 1"},
    {"c.yaml", "t: c\nu: ''", ": \"u\": expected the name of a cluster, as the first task has, found a string \"\""},
    {"c.yaml", "'': c", ": expected a task's name, found an empty string"},
    {"c.yaml", "'': [t]", ": expected a cluster's name, found an empty string"},
    {"c.yaml", "a: {tasks: t}", ": \"a\".tasks: expected a list of names, found a string \"t\""},
    {"c.yaml", "a: {metric: m}", ": \"a\".tasks: expected a list of names, found nothing"},
    {"c.yaml", "a: {tasks: [t, 7]}",
     ": \"a\".tasks[1]: expected a name (in quotation marks, where it looks like a number), found the number 7"},
    {"c.yaml", "a: [t, '']",
     ": \"a\"[1]: expected a name (in quotation marks, where it looks like a number), found a string \"\""},
    {"c.yaml", "a: {tasks: [t], metrics: m}",
     ": \"a\": expected keys among tasks, metric, neighbours, found \"metrics\": did you mean metric?"},
    {"c.yaml", "a: {tasks: [t], metric: [m]}", ": \"a\".metric: expected a string, found an array of 1"},
    {"c.yaml", "a: {tasks: [t], metric: ''}", ": \"a\".metric: expected a metric's name, found an empty string"},
    {"c.yaml", "a: {tasks: [t], neighbours: b}\nb: [u]", ": \"a\".neighbours: expected a list of names, found a string \"b\""},
    {"c.yaml", "a: {tasks: [t], neighbours: [a]}",
     ": \"a\".neighbours[0]: expected another cluster's name, found its own: \"a\""},
    {"c.yaml", "a: {tasks: [t], neighbours: [b, b]}\nb: [u]",
     ": \"a\".neighbours[1]: expected each neighbour once, found again: \"b\""},
    {"c.yaml", "a: {tasks: [t], neighbours: [entailmnt]}\nentailment: [u]",
     ": \"a\".neighbours[0]: expected the name of a cluster of this file, found: \"entailmnt\"; did you mean entailment?"},
    {"c.yaml", "a: [t, u, t]", ": expected each task in one cluster, found \"t\" in \"a\" and in there again"},
    {"c.yaml", "a: [t]\nb: [u, t]", ": expected each task in one cluster, found \"t\" in \"a\" and in \"b\""},
    {"c.yaml", "a: [t]\na: [u]", ":2: expected each key once in a mapping, found \"a\" again (first in line 1)"},
    {"c.yaml", "a: &x [t]", ":1: "},
    {"c.yaml", "a: [t", ":"},
    {"c.yaml",
     "\xFF\xFE"
     "a",
     ": expected YAML in UTF-8, found UTF-16"},
    {"c.json", "{\"a\": [\"t\"]", ": "},
    {"c.json", "a: [t]", ": "},
    {"c.json", "{\"a\": [\"t\"], \"a\": [\"u\"]}", ": "},
    {"c.json", "[]", ": the file: expected names of clusters with their tasks, found an array of 0"},
};

static bool open_file(const char *path, err *e) {
  arena *a = arena_new("test");
  cluster_file file;
  const bool ok = cluster_file_read(a, path, &file, e);
  text out = {0};
  if (ok) cluster_file_put(&file, &out);
  bad_files_touch(out.data, out.length);
  text_free(&out);
  arena_free(a);
  return ok;
}

static void bad_files_are_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    err e = {0};
    const char *path = file_of(bad[i].name, bad[i].source);
    if (open_file(path, &e)) fail_msg("this passed: %s", bad[i].source);
    if (strncmp(e.message, path, strlen(path)) || strncmp(e.message + strlen(path), bad[i].message, strlen(bad[i].message)))
      fail_msg("%s\nexpected: %s\nfound:    %s", bad[i].source, bad[i].message, e.message);
  }
  err e = {0};
  assert_false(open_file(test_path(test_directory(), "nowhere.yaml"), &e));
  assert_non_null(strstr(e.message, "nowhere.yaml"));
}

static void changed_bytes_do_no_harm(void **state) {
  (void)state;
  text good = {0};
  text_puts(&good, yaml);
  assert_true(bad_files_mutate(open_file, "mutated.yaml", &good, 300) > 20);
  text_free(&good);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(entries_are_read_and_written), cmocka_unit_test(any_name_is_written_as_it_is),
      cmocka_unit_test(other_forms_are_read),         cmocka_unit_test(published_files_are_read),
      cmocka_unit_test(bad_files_are_refused),        cmocka_unit_test(changed_bytes_do_no_harm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
