// What an arm of a fold trains on: the fold's examples and no others, whatever else came of their rows.
#include "support/test.h"

#include <string.h>

#include "config/crossval_options.h"
#include "crossval/listener.h"
#include "crossval/part.h"
#include "models/prompt_choice.h"
#include "support/tiny_model.h"

// Rows of a template pack: two phrasings and an inverted one, another task, on each line.
static const char PACK[] =
    "data: rows.jsonl\ncluster: A\ntemplates_per_row: all\ntemplates:\n- {name: one, prompt: 'One {{ q }}', answer: '{{ a }}'}\n"
    "- {name: two, prompt: 'Two {{ q }}', answer: '{{ a }}'}\n"
    "- {name: back, inverted: true, prompt: 'What has {{ a }}?', answer: '{{ q }}'}\n";
enum { N_ROWS = 8, N_ALL = 3 * N_ROWS };

typedef struct fixture {
  arena *a;
  model *m;
  prompt_style prompt;
  vkift_train_options options;
  corpus all;
} fixture;

static vkift_data *pack_of(arena *a) {
  text rows = {0};
  for (int i = 0; i < N_ROWS; i++)
    text_printf(&rows, "{\"q\":\"q%d k%d l%d m%d n%d\",\"a\":\"a%d b%d c%d d%d. And so on, e%d.\"}\n", i, i, i, i, i, i, i, i, i,
                i);
  test_write(test_path(test_directory(), "rows.jsonl"), rows.data, rows.length);
  text_free(&rows);
  vkift_data *data = ARENA_NEW(a, vkift_data);
  *data = (vkift_data){arena_strdup(a, test_path(test_directory(), "p.yaml")), 1};
  test_write(data->path, PACK, strlen(PACK));
  return data;
}

static fixture begin(void) {
  arena *a = arena_new("test");
  fixture f = {.a = a, .options = vkift_train_defaults()};
  err e = {0};
  if (!model_open(a, tiny_model("tiny"), true, &f.m, &e) || !prompt_choose(a, f.m, "chatml", &f.prompt, &e))
    fail_msg("%s", e.message);
  f.options.data = (vkift_data_list){pack_of(a), 1};
  if (!corpus_read(a, f.m, &f.prompt, &f.options, NULL, &f.all, &e)) fail_msg("%s", e.message);
  assert_int_equal(f.all.train.n, N_ALL);
  return f;
}

static void end(fixture *f) {
  model_close(f->m);
  arena_free(f->a);
}

// The examples of the set whose place is not `without`.
static dataset without(const fixture *f, uint64_t place) {
  dataset set = f->all.train;
  set.items = ARENA_ARRAY(f->a, example, set.n);
  set.n = 0;
  for (uint64_t i = 0; i < N_ALL; i++)
    if (i != place) set.items[set.n++] = f->all.train.items[i];
  return set;
}

static corpus read_part(const fixture *f, part *p) {
  const corpus_source source = part_source(p);
  corpus c = {0};
  err e = {0};
  if (!source.read(source.user, f->a, f->m, &f->prompt, &f->options, NULL, &c, &e)) fail_msg("%s", e.message);
  return c;
}

static bool same(const example *x, const example *y) {
  return x->line == y->line && !strcmp(x->origin->task, y->origin->task) && mixture_hash_prompt(x) == mixture_hash_prompt(y);
}

// One example of a row is left out, its siblings stay: also where augmentations gave all of them other tokens.
static void siblings_do_not_come_back(void **state) {
  (void)state;
  fixture f = begin();
  const dataset *all = &f.all.train;
  uint64_t out = 0;
  while (!strstr(all->items[out].origin->task, "inverted")) out++;
  for (int augmented = 0; augmented < 2; augmented++) {
    f.options.augment.length_constraint_ratio = augmented;
    for (uint64_t place = out; place < out + 3; place++) { // of any of its tasks
      fold x = {.train = without(&f, place)};
      part p = part_of(f.a, &x);
      const corpus c = read_part(&f, &p);
      assert_int_equal(c.train.n, N_ALL - 1);
      assert_int_equal(p.examples, N_ALL - 1);
      uint64_t changed = 0;
      for (uint64_t i = 0; i < c.train.n; i++) {
        assert_false(same(&c.train.items[i], &all->items[place]));
        assert_true(same(&c.train.items[i], &x.train.items[i]));
        changed += c.train.items[i].hash != x.train.items[i].hash;
      }
      assert_true(augmented ? changed > N_ROWS : changed == 0);
    }
  }
  end(&f);
}

// What is evaluated on, and what is like it, is not trained on even if a fold had kept it.
static void what_is_trained_on_is_looked_at_once_more(void **state) {
  (void)state;
  fixture f = begin();
  fold x = {.train = f.all.train, .eval = f.all.train};
  x.eval.n = 1;
  part p = part_of(f.a, &x);
  p.keep_near = true;
  assert_int_equal(read_part(&f, &p).train.n, N_ALL - 1);
  assert_int_equal(p.leaked, 1);
  p = part_of(f.a, &x);
  const corpus c = read_part(&f, &p);
  assert_true(p.leaked >= 2 && c.train.n == N_ALL - p.leaked); // its other phrasing too
  for (uint64_t i = 0; i < c.train.n; i++)
    assert_true(c.train.items[i].line != x.eval.items->line || strcmp(c.train.items[i].origin->task, x.eval.items->origin->task));
  end(&f);
}

// Weights repeat what was shuffled: each copy has the same answer. The longest example is that of the answers that are there.
static void answers_are_shuffled_before_weights_repeat_them(void **state) {
  (void)state;
  fixture f = begin();
  vkift_data data = {f.options.data.items[0].path, 3};
  f.options.data.items = &data;
  fold x = {.train = f.all.train};
  part p = part_of(f.a, &x);
  p.shuffled = true;
  const corpus c = read_part(&f, &p);
  assert_int_equal(c.train.n, 3 * N_ALL);
  uint32_t longest = 0;
  uint64_t own = 0; // a phrasing may get the answer of the row's other one
  for (uint64_t i = 0; i < c.train.n; i++) {
    const example *y = &c.train.items[i];
    assert_string_equal(y->answer, c.train.items[i / 3 * 3].answer);
    own += !strcmp(y->answer, x.train.items[i / 3].answer);
    if (y->n > longest) longest = y->n;
  }
  assert_int_equal(own, 3 * p.own);
  assert_true(p.own < N_ALL / 4);
  assert_int_equal(c.longest, longest);
  end(&f);
}

// The limit of a task was kept to by whoever chose the part.
static void a_part_is_not_limited_again(void **state) {
  (void)state;
  fixture f = begin();
  f.options.max_examples_per_task = 2;
  corpus few = {0};
  err e = {0};
  if (!corpus_read(f.a, f.m, &f.prompt, &f.options, NULL, &few, &e)) fail_msg("%s", e.message);
  assert_int_equal(few.train.n, 4);
  fold x = {.train = few.train};
  f.options.augment.length_constraint_ratio = 1;
  part p = part_of(f.a, &x);
  const corpus c = read_part(&f, &p);
  assert_int_equal(c.train.n, 4);
  for (uint64_t i = 0; i < 4; i++) assert_true(same(&c.train.items[i], &few.train.items[i]));
  end(&f);
}

// --- what arms say -----------------------------------------------------------------------------------------------------

static void collect(void *user, const char *line) {
  text_printf(user, "%s\n", line);
}

// The first arm says everything, later ones what is their own; a warning is said once.
static void later_arms_say_only_what_is_new(void **state) {
  (void)state;
  arena *a = arena_new("test");
  text said = {0};
  const vkift_crossval_events events = {.train = {.user = &said, .note = collect}};
  const crossval v = {.events = &events, .notes = listener_notes_new(a)};
  listener first = {&v, "a, tuned", true}, later = {&v, "b, tuned", false};
  const char *const lines[] = {"device: d", "warning: w", "resumed from step-5",
                               "the run began on another device (x): its bits may differ"};
  for (size_t i = 0; i < 4; i++) {
    const vkift_train_events to[] = {listener_events(&first), listener_events(&later)};
    for (int k = 0; k < 2; k++) to[k].note(to[k].user, lines[i]);
  }
  const vkift_train_events last = listener_events(&later);
  last.note(last.user, "warning: another");
  assert_string_equal(said.data,
                      "device: d\nwarning: w\nresumed from step-5\nb, tuned: resumed from step-5\n"
                      "the run began on another device (x): its bits may differ\n"
                      "b, tuned: the run began on another device (x): its bits may differ\nwarning: another\n");
  assert_false(last.should_stop(last.user));
  text_free(&said);
  arena_free(a);
}

// --- options that go on ------------------------------------------------------------------------------------------------

static void goes_on(const vkift_crossval_options *then, const vkift_crossval_options *now, const char *fault) {
  err e = {0};
  const bool ok = crossval_options_same("config.yaml", then, now, &e);
  assert_int_equal(ok, !fault);
  if (fault && (!strstr(e.message, fault) || !e.usage)) fail_msg("expected %s in: %s", fault, e.message);
}

static void only_what_no_result_depends_on_may_change(void **state) {
  (void)state;
  const char *const names[] = {"a"};
  const vkift_crossval_options then = vkift_crossval_defaults();
  vkift_crossval_options now = then;
  goes_on(&then, &now, NULL);
  now.folds = (vkift_strings){names, 1};
  now.with_shuffled = now.keep_models = true;
  now.train.device = "lavapipe";
  now.train.save_steps = now.train.logging_steps = now.train.save_total_limit = 7;
  goes_on(&then, &now, NULL);
#define CHANGED(field, value, fault) now = then, now.field = value, goes_on(&then, &now, fault)
  CHANGED(with_seen, true, "config.yaml: with_seen: expected false, as the crossval began with, found true");
  CHANGED(max_new_tokens, 3, "max_new_tokens: expected 128, as the crossval began with, found 3");
  CHANGED(clusters, "c.yaml", "clusters: expected none, as the crossval began with, found c.yaml");
  CHANGED(leave_out, VKIFT_LEAVE_TASK, "leave_out: expected cluster");
  CHANGED(train.seed, 43, "seed: expected 42, as the crossval began with, found 43");
  CHANGED(train.model, "m", "model: expected none");
  CHANGED(train.learning_rate, 0.5, "learning_rate");
  CHANGED(train.eval_split, 0.5, "eval_split");
}

// What has no place in a crossval, and why.
static void options_without_a_place_are_refused(void **state) {
  (void)state;
  vkift_data data = {"d", 1};
  vkift_crossval_options good = vkift_crossval_defaults(), o;
  good.train.model = "m";
  good.train.data = (vkift_data_list){&data, 1};
  err e = {0};
  if (!crossval_options_check(&good, &e)) fail_msg("%s", e.message);
#define REFUSED(field, value, fault)            \
  o = good, o.field = value, e = (err){0};      \
  assert_false(crossval_options_check(&o, &e)); \
  if (!strstr(e.message, fault) || !e.usage) fail_msg("expected %s in: %s", fault, e.message)
  REFUSED(metric, VKIFT_METRIC_NONE, "metric: expected one that a crossval can judge by");
  REFUSED(train.init, VKIFT_INIT_RANDOM, "init random has no place in a crossval");
  REFUSED(train.augment.num_demonstrations, 2, "num_demonstrations has no place in a crossval");
  REFUSED(train.load_best_model_at_end, true, "load_best_model_at_end needs eval_split");
  REFUSED(train.early_stopping_patience, 2, "early_stopping_patience needs eval_split");
  REFUSED(train.eval_data, "d", "eval_data has no place in a crossval");
  REFUSED(train.profile, "p", "profile has no place in a crossval");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(siblings_do_not_come_back),
      cmocka_unit_test(what_is_trained_on_is_looked_at_once_more),
      cmocka_unit_test(answers_are_shuffled_before_weights_repeat_them),
      cmocka_unit_test(a_part_is_not_limited_again),
      cmocka_unit_test(later_arms_say_only_what_is_new),
      cmocka_unit_test(only_what_no_result_depends_on_may_change),
      cmocka_unit_test(options_without_a_place_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
