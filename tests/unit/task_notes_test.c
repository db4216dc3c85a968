// Notes on tasks: what they fill in, and files that are wrong in one thing each.
#include "support/test.h"

#include <string.h>

#include "data/task_notes.h"
#include "support/data_fixture.h"

static const char *notes_file(const char *yaml) {
  const char *path = test_path(test_directory(), "notes.yaml");
  test_write(path, yaml, strlen(yaml));
  return path;
}

static task_notes read_notes(arena *a, const char *yaml) {
  task_notes notes;
  err e = {0};
  if (!task_notes_read(a, notes_file(yaml), &notes, &e)) fail_msg("%s", e.message);
  return notes;
}

static void notes_fill_in(void **state) {
  (void)state;
  arena *a = arena_new("test");
  const task_notes notes = read_notes(
      a, "b: {definition: B, personas: [P, Q]}\na:\n  definition: A\n  things_to_avoid: \"no\"\nc: {definition: ''}\n");
  assert_int_equal(notes.n, 3);
  raw_example x = {0};
  task_notes_add(&notes, "a", &x);
  assert_string_equal(x.definition, "A");
  assert_string_equal(x.avoid, "no");
  assert_int_equal(x.personas.n, 0);
  task_notes_add(&notes, "b", &x); // what is there stays
  assert_string_equal(x.definition, "A");
  assert_int_equal(x.personas.n, 2);
  assert_string_equal(x.personas.items[1], "Q");
  x = (raw_example){0};
  task_notes_add(&notes, "c", &x);
  task_notes_add(&notes, "d", &x);
  task_notes_add(NULL, "a", &x);
  assert_true(!x.definition && !x.avoid && !x.personas.n);
  // The hash is of what they say.
  assert_true(read_notes(a, "a: {definition: D}\nb: {definition: E}").hash ==
              read_notes(a, "# notes\nb: {definition: \"E\"}\na: {definition: D}").hash);
  assert_true(read_notes(a, "a: {definition: D}").hash != read_notes(a, "a: {things_to_avoid: D}").hash);
  assert_true(read_notes(a, "a: {personas: [P, Q]}").hash != read_notes(a, "a: {personas: [Q, P]}").hash);
  assert_true(
      read_notes(a, "a: {definition: D, things_to_avoid: V, personas: [P, b, Def, Av]}").hash !=
      read_notes(a, "a: {definition: D, things_to_avoid: V, personas: [P]}\nb: {definition: Def, things_to_avoid: Av}").hash);
  arena_free(a);
}

// Where rows name no task, the file does.
static void rows_get_the_notes_of_their_task(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const task_notes notes = read_notes(f.a, "t: {definition: T}\nrows.v1: {definition: R, personas: [P]}");
  f.options.augment = (augmentation){.definition = 1, .persona = 1, .notes = &notes};
  dataset set =
      data_fixture_read(&f, "dir/rows.v1.jsonl",
                        "{\"prompt\":\"a\",\"completion\":\"1\"}\n{\"prompt\":\"b\",\"completion\":\"2\",\"task\":\"t\"}\n"
                        "{\"prompt\":\"c\",\"completion\":\"3\",\"definition\":\"own\"}\n");
  assert_non_null(strstr(data_fixture_show(&f, &set.items[0]), "system\nP<|im_end|>\n<|im_start|>user\nR\n\na<"));
  assert_non_null(strstr(data_fixture_show(&f, &set.items[1]), "user\nT\n\nb<"));
  assert_null(strstr(data_fixture_show(&f, &set.items[1]), "system"));
  assert_non_null(strstr(data_fixture_show(&f, &set.items[2]), "user\nown\n\nc<"));
  // A demonstration's persona may come from them too.
  f.options.augment = (augmentation){.n_demonstrations = 1, .persona = 1, .notes = &notes};
  set =
      data_fixture_read(&f, "rows.v1.jsonl", "{\"prompt\":\"a\",\"completion\":\"1\"}\n{\"prompt\":\"b\",\"completion\":\"2\"}");
  assert_int_equal(set.augmented.demonstrations, 2);
  data_fixture_end(&f);
}

static const struct {
  const char *yaml, *message;
} bad[] = {
    {"", ": expected a YAML document, found an empty file"},
    {"- a", ": the file: expected names of tasks with what is known of them, found an array of 1"},
    {"a: 7", ": \"a\": expected definition, things_to_avoid or personas, found the number 7"},
    {"a: [D]", ": \"a\": expected definition, things_to_avoid or personas, found an array of 1"},
    {"a: {definitions: D}",
     ": \"a\": expected keys among definition, things_to_avoid, personas, found \"definitions\": "
     "did you mean definition?"},
    {"a: {definition: [D]}", ": a.definition: expected a string, found an array of 1"},
    {"a: {things_to_avoid: 3}", ": a.things_to_avoid: expected a string, found the number 3"},
    {"a: {personas: P}", ": a.personas: expected a list of strings, found a string \"P\""},
    {"a: {personas: []}", ": a.personas: expected a list of strings, found an array of 0"},
    {"a: {personas: [P, 1]}", ": a.personas: expected strings only, found the number 1"},
    {"a: {personas: [P, '']}", ": a.personas[1]: expected a system message, found an empty string"},
    {"a: {definition: D}\na: {definition: E}", ":2: "},
    {"a: &x {definition: D}", ":1: "},
    {"a: {definition: D", ":"},
};

static void bad_notes_are_refused(void **state) {
  (void)state;
  arena *a = arena_new("test");
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    task_notes notes;
    err e = {0};
    const char *path = notes_file(bad[i].yaml);
    if (task_notes_read(a, path, &notes, &e)) fail_msg("this passed: %s", bad[i].yaml);
    if (strncmp(e.message, path, strlen(path)) || strncmp(e.message + strlen(path), bad[i].message, strlen(bad[i].message)))
      fail_msg("%s\nexpected: %s\nfound:    %s", bad[i].yaml, bad[i].message, e.message);
  }
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(notes_fill_in),
      cmocka_unit_test(rows_get_the_notes_of_their_task),
      cmocka_unit_test(bad_notes_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
