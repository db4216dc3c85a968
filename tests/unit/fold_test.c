// Clusters of a data set, and folds: each rule against leaks on a small set that breaks without it.
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

#include "data/fold.h"
#include "support/data_fixture.h"

// --- sets --------------------------------------------------------------------------------------------------------------

// A row whose words are its own, so that it is near no other.
static void put_row(text *out, const char *task, const char *in, const char *source, const char *words) {
  text_printf(out, "{\"prompt\":\"%s\",\"completion\":\"yes\",\"task\":\"%s\"", words, task);
  if (in) text_printf(out, ",\"cluster\":\"%s\"", in);
  if (source) text_printf(out, ",\"source\":\"%s\"", source);
  text_puts(out, "}\n");
}

static void put_rows(text *out, const char *task, const char *in, const char *source, int n) {
  for (int i = 0; i < n; i++) {
    char words[160];
    snprintf(words, sizeof words, "%s%d a%d%s b%d%s c%d%s d%d%s e%d%s", task, i, i, task, i, task, i, task, i, task, i, task);
    put_row(out, task, in, source, words);
  }
}

static dataset read_rows(data_fixture *f, text *rows) {
  f->options.sketches = true;
  dataset set = data_fixture_read(f, "rows.jsonl", rows->data);
  text_free(rows);
  return set;
}

static clusters make(data_fixture *f, const dataset *set, const cluster_file *file) {
  clusters c;
  err e = {0};
  if (!clusters_make(f->a, set, file, &c, &e)) fail_msg("%s", e.message);
  return c;
}

static void refuse(data_fixture *f, const dataset *set, const cluster_file *file, const char *expected) {
  clusters c;
  err e = {0};
  assert_false(clusters_make(f->a, set, file, &c, &e));
  if (!strstr(e.message, expected)) fail_msg("expected: %s\nfound:    %s", expected, e.message);
}

static cluster_file read_file(data_fixture *f, const char *yaml) {
  const char *path = test_path(test_directory(), "clusters.yaml");
  cluster_file file;
  err e = {0};
  test_write(path, yaml, strlen(yaml));
  if (!cluster_file_read(f->a, path, &file, &e)) fail_msg("%s", e.message);
  return file;
}

static fold make_fold(data_fixture *f, const clusters *c, const char *name, fold_options o) {
  fold out;
  err e = {0};
  uint32_t i = 0;
  if (o.leave_out_task)
    while (strcmp(c->tasks[i].name, name)) i++;
  else
    while (strcmp(c->items[i].name, name)) i++;
  if (!fold_make(f->a, c, i, &o, &out, &e)) fail_msg("%s", e.message);
  assert_string_equal(out.name, name);
  return out;
}

static uint64_t count_task(const dataset *set, const char *task) {
  uint64_t n = 0;
  for (uint64_t i = 0; i < set->n; i++) n += !strcmp(set->items[i].origin->task, task);
  return n;
}

static void check_set(const dataset *set) {
  uint64_t tokens = 0, targets = 0;
  for (uint64_t i = 0; i < set->n; i++) {
    tokens += set->items[i].n, targets += set->items[i].n_targets;
    if (i) assert_true(set->items[i].index > set->items[i - 1].index);
  }
  assert_int_equal(set->n_tokens, tokens);
  assert_int_equal(set->n_targets, targets);
}

static bool has(const dataset *set, uint32_t index) {
  for (uint64_t i = 0; i < set->n; i++)
    if (set->items[i].index == index) return true;
  return false;
}

static void check_disjoint(const dataset *x, const dataset *y) {
  for (uint64_t i = 0; i < x->n; i++) assert_false(has(y, x->items[i].index));
}

static void check_fold(const fold *f) {
  check_set(&f->train), check_set(&f->valid), check_set(&f->eval);
  check_disjoint(&f->train, &f->eval);
  check_disjoint(&f->valid, &f->eval);
  check_disjoint(&f->train, &f->valid);
}

// Four tasks in three clusters; "shared, X" and " x" are of one source.
static dataset four_tasks(data_fixture *f) {
  text rows = {0};
  put_rows(&rows, "a1", "A", "shared, X", 10);
  put_rows(&rows, "b1", "B", " x", 10);
  put_rows(&rows, "a2", "A", NULL, 10);
  put_rows(&rows, "c1", "C", "y", 10);
  return read_rows(f, &rows);
}

// --- clusters ----------------------------------------------------------------------------------------------------------

static void rows_say_their_cluster(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const dataset set = four_tasks(&f);
  const clusters c = make(&f, &set, NULL);
  assert_int_equal(c.n, 3);
  assert_int_equal(c.n_tasks, 4);
  assert_string_equal(c.items[0].name, "A");
  assert_int_equal(c.items[0].n_tasks, 2);
  assert_string_equal(c.tasks[c.items[0].tasks[0]].name, "a1");
  assert_string_equal(c.tasks[c.items[0].tasks[1]].name, "a2");
  assert_int_equal(c.items[0].n, 20);
  assert_int_equal(c.tasks[3].n, 10);
  assert_string_equal(c.tasks[3].category, "C");
  assert_int_equal(c.n_sources, 3);                               // shared, x, y
  assert_int_equal(clusters_origin(&c, &set.items[15])->task, 2); // by name: a1 a2 b1 c1
  data_fixture_end(&f);
}

static void a_file_says_it_instead(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const dataset set = four_tasks(&f);
  const cluster_file file = read_file(&f,
                                      "one: {tasks: [c1, zz, a1], metric: m, neighbours: [none, two]}\nnone: {tasks: [q]}\n"
                                      "empty: []\ntwo: {tasks: [a2, b1], neighbours: [one]}\n");
  const clusters c = make(&f, &set, &file);
  assert_int_equal(c.n, 2);
  assert_string_equal(c.items[0].name, "one");
  assert_string_equal(c.items[0].metric, "m");
  assert_int_equal(c.items[0].n_tasks, 2);
  assert_int_equal(c.items[0].n_neighbours, 1); // "none" is left out, and "two" is one neighbour however often it is said
  assert_int_equal(c.items[0].neighbours[0], 1);
  assert_int_equal(c.items[1].n_neighbours, 1);
  assert_int_equal(c.items[1].neighbours[0], 0);
  assert_string_equal(c.tasks[0].category, "A"); // what the rows say stays known
  text lost = {0};
  clusters_describe_lost(&c, &lost);
  assert_non_null(strstr(lost.data, "; 2 clusters of "));
  assert_non_null(strstr(lost.data, " have no task here and are left out: \"none\", \"empty\"; of 2 tasks in "));
  assert_non_null(strstr(lost.data, " there is no example: \"zz\", \"q\""));
  text_free(&lost);
  data_fixture_end(&f);
}

static void tasks_without_a_cluster_are_refused(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  dataset set = four_tasks(&f);
  const cluster_file file = read_file(&f, "one: [a1, b1]\ntwo: [zz]\n");
  refuse(&f, &set, &file, "clusters.yaml: expected every task of the data in a cluster, found 2 of 4 in none: \"a2\", \"c1\"");
  text rows = {0};
  put_rows(&rows, "a", "A", NULL, 2);
  put_rows(&rows, "b", NULL, NULL, 2);
  set = read_rows(&f, &rows);
  refuse(&f, &set, NULL, "found 1 of 2 in none: \"b\"; their rows can name one");
  put_rows(&rows, "a", "A", NULL, 2);
  put_rows(&rows, "a", "B", NULL, 2);
  set = read_rows(&f, &rows);
  refuse(&f, &set, NULL, "the task \"a\": expected one cluster for all its rows, found \"A\" and \"B\"");
  const cluster_file one = read_file(&f, "one: [a]\n"); // a file decides
  assert_int_equal(make(&f, &set, &one).n, 1);
  data_fixture_end(&f);
}

static void superni_has_categories_and_sources(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin_real(NULL);
  dataset set = {0};
  err e = {0};
  f.options.sketches = true;
  if (!dataset_read_split(f.a, test_path(test_shared_data(), "instruct/superni"), "train", &f.options, &set, &e))
    fail_msg("%s", e.message);
  const clusters c = make(&f, &set, NULL);
  assert_int_equal(c.n_tasks, 27);
  assert_int_equal(c.n, 14);
  fold_options o = {.eval_per_task = 20};
  const fold x = make_fold(&f, &c, "Coreference Resolution", o);
  // task647 is information extraction, of the same Winograd schemas.
  assert_int_equal(x.sources.n_tasks, 1);
  assert_int_equal(count_task(&x.train, "task647_answer_generation"), 0);
  assert_int_equal(x.eval.n, 40);
  // Some of task489's sentences are its schemas, slightly changed.
  assert_true(x.near > 0 && !strcmp(x.first_near.x.origin->task, "task489_mwsc_question_generation"));
  data_fixture_end(&f);
}

// --- rules -------------------------------------------------------------------------------------------------------------

static void the_cluster_held_out_is_not_trained_on(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const dataset set = four_tasks(&f);
  const clusters c = make(&f, &set, NULL);
  const fold x = make_fold(&f, &c, "C", (fold_options){0});
  check_fold(&x);
  assert_int_equal(x.eval.n, 10);
  assert_int_equal(count_task(&x.eval, "c1"), 10);
  assert_int_equal(x.train.n, 30);
  assert_int_equal(x.neighbours.n + x.sources.n + x.same_prompts + x.near + x.seen + x.not_evaluated + x.valid.n, 0);
  data_fixture_end(&f);
}

static void a_source_never_stands_on_both_sides(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const dataset set = four_tasks(&f);
  const clusters c = make(&f, &set, NULL);
  for (int side = 0; side < 2; side++) {
    const fold x = make_fold(&f, &c, side ? "A" : "B", (fold_options){0});
    check_fold(&x);
    assert_int_equal(count_task(&x.train, side ? "b1" : "a1"), 0);
    assert_int_equal(count_task(&x.train, "c1"), 10);
    assert_int_equal(count_task(&x.train, "a2"), side ? 0 : 10); // its cluster's other tasks are of no source
    assert_int_equal(x.sources.n, 10);
    assert_int_equal(x.sources.n_tasks, 1);
  }
  const fold kept = make_fold(&f, &c, "B", (fold_options){.keep_sources = true});
  assert_int_equal(count_task(&kept.train, "a1"), 10);
  assert_int_equal(kept.sources.n, 0);
  data_fixture_end(&f);
}

static void neighbours_are_not_trained_on(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const dataset set = four_tasks(&f);
  const cluster_file file =
      read_file(&f, "paraphrase: {tasks: [a2], neighbours: [entailment]}\nentailment: [c1]\nother: [a1, b1]\n");
  const clusters c = make(&f, &set, &file);
  fold x = make_fold(&f, &c, "paraphrase", (fold_options){0});
  check_fold(&x);
  assert_int_equal(count_task(&x.train, "c1"), 0);
  assert_int_equal(x.neighbours.n, 10);
  assert_int_equal(x.train.n, 20);
  x = make_fold(&f, &c, "entailment", (fold_options){0}); // and the other way round
  assert_int_equal(count_task(&x.train, "a2"), 0);
  x = make_fold(&f, &c, "other", (fold_options){0});
  assert_int_equal(x.train.n, 20);
  x = make_fold(&f, &c, "paraphrase", (fold_options){.keep_neighbours = true});
  assert_int_equal(count_task(&x.train, "c1"), 10);
  data_fixture_end(&f);
}

#define LONG                                                                                                                \
  "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "             \
  "eighteen nineteen twenty and then thirty forty fifty sixty seventy eighty ninety hundred thousand million until nobody " \
  "counts"

static void what_is_evaluated_on_is_not_trained_on(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  text rows = {0};
  put_row(&rows, "a", "A", NULL, LONG);                              // 1: evaluated
  put_row(&rows, "a", "A", NULL, "only this one");                   // 2
  put_row(&rows, "b", "B", NULL, "nothing like that is said there"); // 3
  put_row(&rows, "b", "B", NULL, LONG " more");                      // 4: near 1
  put_row(&rows, "b", "B", NULL, "only this one");                   // 5: the prompt of 2
  put_row(&rows, "b", "B", NULL, "only this one too");               // 6: another
  put_row(&rows, "b", "B", NULL,
          LONG
          " and then it goes on with something else that is much longer than what stands before it: of the mountains, of a "
          "house by the sea, of the two brothers who left for the war and came home as old men, of what they had to tell, and "
          "of a dog that had waited for them all those years without any hope"); // 7: begins as 1 does
  const dataset set = read_rows(&f, &rows);
  const clusters c = make(&f, &set, NULL);
  fold x = make_fold(&f, &c, "A", (fold_options){0});
  check_fold(&x);
  assert_int_equal(x.same_prompts, 1);
  assert_int_equal(x.near, 1);
  assert_int_equal(x.first_near.x.line, 4);
  assert_int_equal(x.first_near.like.line, 1);
  assert_true(x.first_near.similarity >= 0.8);
  assert_int_equal(x.train.n, 3);
  assert_true(has(&x.train, 2) && has(&x.train, 5) && has(&x.train, 6));
  text shown = {0};
  fold_describe(&x, &shown);
  assert_string_equal(shown.data,
                      "3 examples to train on, 2 of 2 to evaluate on; left out: 1 whose prompt is evaluated on, 1 "
                      "like one that is evaluated on (the first: rows.jsonl:4, like rows.jsonl:1)");
  text_free(&shown);
  x = make_fold(&f, &c, "A", (fold_options){.keep_near = true});
  assert_int_equal(x.train.n, 4);
  assert_int_equal(x.near, 0);
  data_fixture_end(&f);
}

// Examples of which many share a band with others: each is found, whatever stands before it in the chain.
static void each_near_duplicate_is_found(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  text rows = {0};
  for (int side = 0; side < 2; side++) {
    for (int i = 0; i < 60; i++) {
      char words[400];
      // Most of the words are all rows', the others its own; the second side differs in the last word alone.
      int n = snprintf(words, sizeof words, "%s", LONG);
      for (int k = 0; k < 8; k++) n += snprintf(words + n, sizeof words - (size_t)n, " w%dx%d", i, k);
      if (side) snprintf(words + n, sizeof words - (size_t)n, " end");
      put_row(&rows, side ? "b" : "a", side ? "B" : "A", NULL, words);
    }
  }
  put_row(&rows, "b", "B", NULL, "a row that stays");
  const dataset set = read_rows(&f, &rows);
  const clusters c = make(&f, &set, NULL);
  const fold x = make_fold(&f, &c, "A", (fold_options){0});
  assert_int_equal(x.near, 60);
  assert_int_equal(x.train.n, 1);
  data_fixture_end(&f);
}

// --- kinds of folds ----------------------------------------------------------------------------------------------------

static void a_single_task_can_be_left_out(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const dataset set = four_tasks(&f);
  const cluster_file file = read_file(&f, "A: {tasks: [a1, a2], neighbours: [C]}\nB: [b1]\nC: [c1]\n");
  const clusters c = make(&f, &set, &file);
  const fold x = make_fold(&f, &c, "a1", (fold_options){.leave_out_task = true});
  check_fold(&x);
  assert_int_equal(x.eval.n, 10);
  assert_int_equal(count_task(&x.eval, "a1"), 10);
  assert_int_equal(x.train.n, 30); // what overlaps with it stays
  assert_int_equal(x.sources.n + x.neighbours.n, 0);
  data_fixture_end(&f);
}

static void what_was_set_aside_can_be_trained_on(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const dataset set = four_tasks(&f);
  const clusters c = make(&f, &set, NULL);
  fold_options o = {.seen_share = 0.3, .eval_per_task = 5, .seed = 7};
  const fold without = make_fold(&f, &c, "A", o);
  o.with_seen = true;
  const fold with = make_fold(&f, &c, "A", o);
  check_fold(&without), check_fold(&with);
  assert_int_equal(without.seen, 0);
  assert_int_equal(without.not_evaluated, 10);
  assert_int_equal(with.seen, 6); // 3 of 10 of each of its tasks
  assert_int_equal(count_task(&with.train, "a1"), 3);
  assert_int_equal(count_task(&with.train, "a2"), 3);
  assert_int_equal(with.train.n, without.train.n + 6);
  // The same is evaluated on, also where a task is held out.
  assert_int_equal(with.eval.n, 10);
  for (uint64_t i = 0; i < 10; i++) assert_int_equal(with.eval.items[i].index, without.eval.items[i].index);
  const fold task =
      make_fold(&f, &c, "a1", (fold_options){.leave_out_task = true, .seen_share = 0.3, .eval_per_task = 5, .seed = 7});
  assert_int_equal(task.eval.n, 5);
  for (uint64_t i = 0; i < 5; i++) assert_true(has(&with.eval, task.eval.items[i].index));
  // Another seed draws others.
  o.seed = 8;
  const fold other = make_fold(&f, &c, "A", o);
  uint64_t same = 0;
  for (uint64_t i = 0; i < 10; i++) same += has(&other.eval, with.eval.items[i].index);
  assert_true(same < 10);
  // More than there is: one row at least is evaluated on.
  o = (fold_options){.seen_share = 0.99, .with_seen = true};
  const fold most = make_fold(&f, &c, "C", o);
  assert_int_equal(most.eval.n, 1);
  assert_int_equal(most.seen, 9);
  data_fixture_end(&f);
}

// Rows that are like one that is evaluated on do not come in by being seen.
static void the_rules_hold_for_what_is_seen(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  text rows = {0};
  for (int i = 0; i < 8; i++) put_row(&rows, "a", "A", NULL, LONG);
  put_rows(&rows, "b", "B", NULL, 3);
  const dataset set = read_rows(&f, &rows);
  const clusters c = make(&f, &set, NULL);
  const fold x = make_fold(&f, &c, "A", (fold_options){.seen_share = 0.5, .with_seen = true});
  assert_int_equal(x.eval.n, 4);
  assert_int_equal(x.seen, 0);
  assert_int_equal(x.same_prompts, 4);
  data_fixture_end(&f);
}

static void checkpoints_are_chosen_on_what_is_trained_on(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  const dataset set = four_tasks(&f);
  const clusters c = make(&f, &set, NULL);
  fold_options o = {.valid_share = 0.2, .seen_share = 0.5, .with_seen = true, .seed = 3};
  fold x = make_fold(&f, &c, "C", o);
  check_fold(&x);
  assert_int_equal(x.valid.n, 6); // 2 of 10 of each of three tasks
  assert_int_equal(count_task(&x.valid, "a1"), 2);
  assert_int_equal(count_task(&x.valid, "c1"), 0);
  assert_int_equal(x.train.n, 24 + 5);
  // In each fold the same ones, as far as they are trained on.
  const fold y = make_fold(&f, &c, "A", o);
  for (uint64_t i = 0; i < y.valid.n; i++)
    if (strcmp(y.valid.items[i].origin->task, "c1")) assert_true(has(&x.valid, y.valid.items[i].index));
  o.valid_per_task = 1;
  x = make_fold(&f, &c, "C", o);
  assert_int_equal(x.valid.n, 3);
  o = (fold_options){.valid_share = 0.001}; // one at least
  x = make_fold(&f, &c, "C", o);
  assert_int_equal(x.valid.n, 3);
  o.valid_share = 0.9999; // never all
  x = make_fold(&f, &c, "C", o);
  assert_int_equal(x.train.n, 3);
  data_fixture_end(&f);
}

static void a_prompt_that_chooses_is_not_trained_on(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  text rows = {0};
  for (int i = 0; i < 10; i++) put_row(&rows, "a", "A", NULL, "the same words in all of these rows");
  put_row(&rows, "a", "A", NULL, "but not in this one, which has others");
  put_rows(&rows, "b", "B", NULL, 3);
  const dataset set = read_rows(&f, &rows);
  const clusters c = make(&f, &set, NULL);
  const fold x = make_fold(&f, &c, "B", (fold_options){.valid_share = 0.5});
  assert_true(x.valid.n >= 5);
  assert_int_equal(x.valid.n + x.train.n + x.valid_prompts, 11);
  assert_int_equal(x.train.n, 1);
  data_fixture_end(&f);
}

// Instances of one row share its instruction: they are on one side.
static void what_came_of_one_row_stays_together(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  text rows = {0};
  for (int i = 0; i < 40; i++)
    text_printf(
        &rows,
        "{\"instruction\":\"do %d\",\"task\":\"%s\",\"cluster\":\"%s\",\"instances\":[{\"input\":\"x%d\",\"output\":\"y\"},"
        "{\"input\":\"z%d\",\"output\":\"y\"}]}\n",
        i, i % 2 ? "a" : "b", i % 2 ? "A" : "B", i, i);
  const dataset set = read_rows(&f, &rows);
  const clusters c = make(&f, &set, NULL);
  const fold x = make_fold(&f, &c, "A", (fold_options){.seen_share = 0.3, .with_seen = true, .valid_share = 0.3, .seed = 5});
  check_fold(&x);
  assert_int_equal(x.eval.n + x.seen, 40);
  assert_true(x.seen >= 12 && x.valid.n >= 12);
  const dataset *sets[] = {&x.eval, &x.valid, &x.train};
  for (int i = 0; i < 3; i++) {
    assert_int_equal(sets[i]->n % 2, 0);
    for (uint64_t k = 0; k < sets[i]->n; k += 2) assert_int_equal(sets[i]->items[k].line, sets[i]->items[k + 1].line);
  }
  data_fixture_end(&f);
}

static bool count_fold(void *user, uint32_t place, const fold *f, err *e) {
  (void)e;
  assert_string_equal(f->name, place ? "B" : "C");
  ++*(uint32_t *)user;
  return true;
}

static void folds_without_training_data_are_refused(void **state) {
  (void)state;
  data_fixture f = data_fixture_begin("chatml", false);
  text rows = {0};
  put_rows(&rows, "a", "A", "one", 3);
  put_rows(&rows, "b", "B", "one", 4);
  put_rows(&rows, "c", "C", "one", 2);
  dataset set = read_rows(&f, &rows);
  const cluster_file file = read_file(&f, "A: {tasks: [a], neighbours: [C]}\nB: [b]\nC: [c]\n");
  clusters c = make(&f, &set, &file);
  err e = {0};
  assert_false(fold_check_all(&c, &(fold_options){0}, NULL, 0, NULL, NULL, &e));
  assert_string_equal(e.message,
                      "\"A\" held out: nothing is left to train on of 9 examples: 3 are its own, 2 of neighbouring clusters, "
                      "4 of a source that it shares, 0 have a prompt that is evaluated on, 0 are like an example that is");
  e = (err){0};
  assert_true(fold_check_all(&c, &(fold_options){.keep_sources = true}, NULL, 0, NULL, NULL, &e));
  assert_true(fold_check_all(&c, &(fold_options){.leave_out_task = true}, NULL, 0, NULL, NULL, &e));
  // Only those that are asked for.
  uint32_t n_seen = 0;
  assert_true(fold_check_all(&c, &(fold_options){.keep_sources = true}, (uint32_t[]){2, 1}, 2, count_fold, &n_seen, &e));
  assert_int_equal(n_seen, 2);
  // What is seen is no training set.
  assert_false(fold_check_all(&c, &(fold_options){.seen_share = 0.4, .with_seen = true}, NULL, 0, NULL, NULL, &e));
  put_rows(&rows, "a", "A", NULL, 3);
  set = read_rows(&f, &rows);
  c = make(&f, &set, NULL);
  e = (err){0};
  assert_false(fold_check_all(&c, &(fold_options){0}, NULL, 0, NULL, NULL, &e));
  assert_string_equal(e.message, "expected at least two clusters, of which one can be held out, found 1: \"A\"");
  data_fixture_end(&f);
}

// The built-in example: each of its clusters can be held out.
static void the_built_in_data_can_be_folded(void **state) {
  (void)state;
  const char *source = getenv("VKIFT_SOURCE_DIR");
  if (!source) skip();
  data_fixture f = data_fixture_begin("alpaca", false);
  dataset set = {0};
  err e = {0};
  f.options.sketches = true;
  if (!dataset_read(f.a, test_path(source, "assets/train.jsonl"), &f.options, &set, &e)) fail_msg("%s", e.message);
  const clusters c = make(&f, &set, NULL);
  assert_int_equal(c.n, 8);
  assert_int_equal(c.n_tasks, 24);
  for (uint32_t i = 0; i < c.n; i++) {
    fold x;
    if (!fold_make(f.a, &c, i, &(fold_options){.valid_share = 0.05}, &x, &e)) fail_msg("%s", e.message);
    check_fold(&x);
    assert_int_equal(x.eval.n, c.items[i].n);
    assert_int_equal(x.sources.n, 0);
    assert_true(x.train.n > 1300 && x.valid.n >= 60);
  }
  data_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_say_their_cluster),
      cmocka_unit_test(a_file_says_it_instead),
      cmocka_unit_test(tasks_without_a_cluster_are_refused),
      cmocka_unit_test(superni_has_categories_and_sources),
      cmocka_unit_test(the_cluster_held_out_is_not_trained_on),
      cmocka_unit_test(a_source_never_stands_on_both_sides),
      cmocka_unit_test(neighbours_are_not_trained_on),
      cmocka_unit_test(what_is_evaluated_on_is_not_trained_on),
      cmocka_unit_test(each_near_duplicate_is_found),
      cmocka_unit_test(a_single_task_can_be_left_out),
      cmocka_unit_test(what_was_set_aside_can_be_trained_on),
      cmocka_unit_test(the_rules_hold_for_what_is_seen),
      cmocka_unit_test(checkpoints_are_chosen_on_what_is_trained_on),
      cmocka_unit_test(a_prompt_that_chooses_is_not_trained_on),
      cmocka_unit_test(what_came_of_one_row_stays_together),
      cmocka_unit_test(folds_without_training_data_are_refused),
      cmocka_unit_test(the_built_in_data_can_be_folded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
