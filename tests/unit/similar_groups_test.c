// Groups of similar tasks: merges and silhouettes of known distances, the adjusted Rand index, texts of tasks, and the picture.
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/agglomerate.h"
#include "data/cluster_picture.h"
#include "data/conversations.h"

// --- distances ---------------------------------------------------------------------------------------------------------

// Points on a line: 0 1 | 4 6 | 20.
static float *line_distances(arena *a, const double *at, uint32_t n) {
  float *d = ARENA_ARRAY(a, float, n *n);
  for (uint32_t i = 0; i < n * n; i++) d[i] = (float)fabs(at[i / n] - at[i % n]);
  return d;
}

static void check_labels(const uint32_t *labels, const char *expected) {
  for (uint32_t i = 0; expected[i]; i++) assert_int_equal(labels[i], expected[i] - '0');
}

static void the_nearest_are_merged_first(void **state) {
  (void)state;
  arena *a = arena_new("test");
  const double at[] = {4, 20, 0, 6, 1};
  const float *d = line_distances(a, at, 5);
  const agglomerate_merge *m = agglomerate(a, d, 5);
  const agglomerate_merge expected[] = {{2, 4, 1}, {0, 3, 2}, {0, 2, 4.5}, {0, 1, (16 + 20 + 14 + 19) / 4.0}};
  for (int i = 0; i < 4; i++) {
    assert_int_equal(m[i].a, expected[i].a);
    assert_int_equal(m[i].b, expected[i].b);
    assert_true(fabs(m[i].distance - expected[i].distance) < 1e-9);
  }
  uint32_t labels[5];
  agglomerate_cut(m, 5, 5, labels), check_labels(labels, "01234");
  agglomerate_cut(m, 5, 3, labels), check_labels(labels, "01202");
  agglomerate_cut(m, 5, 2, labels), check_labels(labels, "01000");
  agglomerate_cut(m, 5, 1, labels), check_labels(labels, "00000");
  assert_int_equal(agglomerate(a, d, 1)[0].b, 0); // one item: nothing to merge
  arena_free(a);
}

// The same by the definition: of all pairs of clusters, the one with the least mean distance, of equal ones the first.
static void merges_are_those_of_the_definition(void **state) {
  (void)state;
  arena *a = arena_new("test");
  enum { N = 23 };
  float *d = ARENA_ARRAY(a, float, N *N);
  uint32_t seed = 7;
  for (uint32_t i = 0; i < N; i++)
    for (uint32_t k = 0; k < i; k++) {
      seed = seed * 1664525 + 1013904223;
      d[i * N + k] = d[k * N + i] = (float)(seed >> 8) / 16777216;
    }
  const agglomerate_merge *m = agglomerate(a, d, N);
  uint32_t of[N], found[N];
  for (uint32_t i = 0; i < N; i++) of[i] = i;
  for (uint32_t step = 0; step + 1 < N; step++) {
    double best = INFINITY;
    uint32_t x = 0, y = 0;
    for (uint32_t p = 0; p < N; p++)
      for (uint32_t q = p + 1; q < N; q++) {
        double sum = 0, n = 0;
        for (uint32_t i = 0; i < N; i++)
          for (uint32_t k = 0; k < N; k++)
            if (of[i] == p && of[k] == q) sum += (double)d[i * N + k], n++;
        if (n > 0 && sum / n < best) best = sum / n, x = p, y = q;
      }
    assert_true(fabs(m[step].distance - best) < 1e-6);
    for (uint32_t i = 0; i < N; i++)
      if (of[i] == y) of[i] = x;
    agglomerate_cut(m, N, N - 1 - step, found);
    for (uint32_t i = 0; i < N; i++)
      for (uint32_t k = 0; k < N; k++) assert_int_equal(found[i] == found[k], of[i] == of[k]);
  }
  arena_free(a);
}

static void silhouettes_are_those_of_the_definition(void **state) {
  (void)state;
  arena *a = arena_new("test");
  const double at[] = {0, 1, 4, 6, 20};
  const float *d = line_distances(a, at, 5);
  const uint32_t labels[] = {0, 0, 1, 1, 2};
  double widths[5];
  uint32_t nearest[5];
  const double mean = agglomerate_silhouette(a, d, 5, 3, labels, widths, nearest);
  const double expected[] = {(5 - 1) / 5.0, (4 - 1) / 4.0, (3.5 - 2) / 3.5, (5.5 - 2) / 5.5, 0};
  for (int i = 0; i < 5; i++) assert_true(fabs(widths[i] - expected[i]) < 1e-6);
  assert_true(fabs(mean - (expected[0] + expected[1] + expected[2] + expected[3]) / 5) < 1e-6);
  const uint32_t others[] = {1, 1, 0, 0, 1};
  for (int i = 0; i < 5; i++) assert_int_equal(nearest[i], others[i]);
  // All in one place: nothing is clear.
  const double same[] = {1, 1, 1};
  assert_true(fabs(agglomerate_silhouette(a, line_distances(a, same, 3), 3, 2, labels + 1, NULL, NULL)) < 1e-12);
  arena_free(a);
}

static void agreement_is_adjusted_for_chance(void **state) {
  (void)state;
  const uint32_t x[] = {0, 0, 0, 1, 1, 1}, y[] = {0, 0, 1, 1, 2, 2}, z[] = {1, 1, 1, 0, 0, 0}, one[6] = {0},
                 alone[] = {0, 1, 2, 3, 4, 5};
  assert_true(fabs(similar_rand_index(x, 2, y, 3, 6) - 0.24242424242424243) < 1e-12); // scikit-learn's example
  assert_true(fabs(similar_rand_index(x, 2, z, 2, 6) - 1) < 1e-12);
  assert_true(fabs(similar_rand_index(x, 2, one, 1, 6)) < 1e-12);
  assert_true(fabs(similar_rand_index(x, 2, alone, 6, 6)) < 1e-12);
  assert_true(fabs(similar_rand_index(one, 1, one, 1, 6) - 1) < 1e-12);
  const uint32_t split[] = {0, 1, 0, 1, 0, 1}; // worse than chance
  assert_true(similar_rand_index(x, 2, split, 2, 6) < 0);
}

// --- tasks -------------------------------------------------------------------------------------------------------------

static const prompt_style prompt = {.kind = PROMPT_TEMPLATE};

static task_texts read_texts(arena *a, const char *name, const char *rows, uint32_t per_task) {
  const char *path = test_path(test_directory(), name);
  test_write(path, rows, strlen(rows));
  const dataset_options options = {.prompt = &prompt, .seed = 1, .any_conversation = true};
  const char *paths[] = {arena_strdup(a, path)};
  task_texts texts;
  err e = {0};
  if (!task_texts_read(a, paths, 1, &options, per_task, &texts, &e)) fail_msg("%s", e.message);
  return texts;
}

static void texts_of_tasks_are_gathered(void **state) {
  (void)state;
  arena *a = arena_new("test");
  task_texts t = read_texts(
      a, "x.jsonl",
      "{\"prompt\":\"p1\",\"completion\":\"c1\",\"task\":\"b\",\"cluster\":\"B\"}\n{\"prompt\":\"p2\",\"completion\":\"c2\"}\n"
      "{\"prompt\":\"p3\",\"completion\":\"c3\",\"task\":\"b\",\"definition\":\"say it\"}\n",
      10);
  assert_int_equal(t.n, 2);
  assert_string_equal(t.items[0].name, "b");
  assert_string_equal(t.items[0].category, "B");
  assert_string_equal(t.items[0].definition, "say it");
  assert_int_equal(t.items[0].n, 2);
  assert_int_equal(t.items[0].n_samples, 2);
  assert_string_equal(t.items[0].samples[0], "p1\nc1\n");
  assert_string_equal(t.items[1].name, "x");
  assert_string_equal(t.items[1].category, "");
  // Some of many, spread over all; the same each time.
  text rows = {0};
  for (int i = 0; i < 400; i++) text_printf(&rows, "{\"text\":\"%d\"}\n", i);
  t = read_texts(a, "many.jsonl", rows.data, 20);
  const task_texts again = read_texts(a, "many.jsonl", rows.data, 20);
  assert_int_equal(t.items[0].n, 400);
  assert_int_equal(t.items[0].n_samples, 20);
  int late = 0;
  for (int i = 0; i < 20; i++) {
    assert_string_equal(t.items[0].samples[i], again.items[0].samples[i]);
    late += atoi(t.items[0].samples[i]) >= 200;
  }
  assert_true(late > 3 && late < 17);
  text_free(&rows);
  arena_free(a);
}

static void token_ids_have_no_words(void **state) {
  (void)state;
  arena *a = arena_new("test");
  const char rows[] = "{\"input_ids\":[1,2],\"labels\":[1,2]}\n", *path = test_path(test_directory(), "ids.jsonl");
  test_write(path, rows, sizeof rows - 1);
  const dataset_options options = {.prompt = &prompt};
  task_texts t;
  err e = {0};
  assert_false(task_texts_read(a, &path, 1, &options, 5, &t, &e));
  assert_non_null(strstr(e.message, "ids.jsonl:1: expected texts, whose similarity can be told, found a row of token ids"));
  arena_free(a);
}

// n tasks of words of their own kind.
static void put_tasks(text *rows, const char *kind, const char *words, int n) {
  for (int i = 0; i < n; i++)
    for (int k = 0; k < 5; k++)
      text_printf(rows, "{\"prompt\":\"%s own%s%d\",\"completion\":\"n%d\",\"task\":\"%s%d\",\"cluster\":\"%s\"}\n", words, kind,
                  i, k, kind, i, kind);
}

static task_texts three_kinds(arena *a) {
  text rows = {0};
  put_tasks(&rows, "river", "how long does the wide river flow", 4);
  put_tasks(&rows, "music", "which song was played on the piano", 3);
  put_tasks(&rows, "bread", "bake me a loaf of dark bread", 2);
  const task_texts t = read_texts(a, "kinds.jsonl", rows.data, 10);
  text_free(&rows);
  return t;
}

static void alike_tasks_are_one_group(void **state) {
  (void)state;
  arena *a = arena_new("test");
  const task_texts t = three_kinds(a);
  const task_similarity s = task_similarity_make(a, &t);
  for (uint32_t i = 0; i < t.n; i++)
    for (uint32_t k = 0; k < t.n; k++) {
      const double x = (double)s.s[i * t.n + k];
      assert_true(x >= 0 && x <= 1);
      assert_true(fabs(x - (double)s.s[k * t.n + i]) < 1e-12);
    }
  similar_groups g;
  err e = {0};
  assert_true(similar_groups_find(a, &t, &s, 0, &g, &e));
  assert_int_equal(g.n, 3);
  for (uint32_t i = 0; i < t.n; i++)
    for (uint32_t k = 0; k < t.n; k++)
      assert_int_equal(g.tasks[i].group == g.tasks[k].group, t.items[i].name[0] == t.items[k].name[0]);
  assert_int_equal(g.sizes[0], 4); // the largest first
  assert_int_equal(g.sizes[2], 2);
  assert_non_null(strstr(g.names[0], "flow"));
  assert_non_null(strstr(g.names[2], "bake-bread"));
  assert_true(g.n_borders == t.n && g.silhouette > 0.2);
  for (uint32_t i = 0; i < t.n; i++) assert_true(g.tasks[i].group != g.tasks[g.tasks[i].like].group);
  const similar_agreement x = similar_groups_agree(&g, &t, 200, 1);
  assert_int_equal(x.n, 9);
  assert_int_equal(x.n_categories, 3);
  assert_true(fabs(x.index - 1) < 1e-12);
  assert_true(fabs(x.mean) < 0.1 && x.highest < 1.01 && x.deviation > 0.05);
  // As many as asked for, each with a name of its own.
  assert_true(similar_groups_find(a, &t, &s, 8, &g, &e));
  assert_int_equal(g.n, 8);
  for (uint32_t i = 0; i < g.n; i++)
    for (uint32_t k = 0; k < i; k++) assert_string_not_equal(g.names[i], g.names[k]);
  assert_false(similar_groups_find(a, &t, &s, 9, &g, &e));
  assert_string_equal(e.message, "n_clusters: expected at least 2 and fewer than the 9 tasks, found 9");
  arena_free(a);
}

static void definitions_count_where_there_are_any(void **state) {
  (void)state;
  arena *a = arena_new("test");
  text rows = {0};
  // The examples say that a and b are alike, the definitions that a and c are.
  const char *const of[][3] = {{"a", "red green", "sort the list"},
                               {"b", "red green", "name a colour"},
                               {"c", "tin lead", "sort the list"},
                               {"d", "seven", NULL}};
  for (int i = 0; i < 4; i++) {
    text_printf(&rows, "{\"prompt\":\"%s\",\"completion\":\"x\",\"task\":\"%s\"", of[i][1], of[i][0]);
    if (of[i][2]) text_printf(&rows, ",\"definition\":\"%s\"", of[i][2]);
    text_puts(&rows, "}\n");
  }
  const task_texts t = read_texts(a, "d.jsonl", rows.data, 5);
  const task_similarity s = task_similarity_make(a, &t);
  assert_true(fabs((double)s.s[1] - 0.5) < 1e-6); // a, b: equal examples, no word of the definition
  assert_true(fabs((double)s.s[2] - 0.5) < 1e-6); // a, c: the other way round
  assert_true(fabs((double)s.s[1 * 4 + 2]) < 1e-6);
  text_free(&rows);
  arena_free(a);
}

// Without spaces, pairs of characters tell.
static void texts_without_spaces_are_compared(void **state) {
  (void)state;
  arena *a = arena_new("test");
  const task_texts t = read_texts(a, "zh.jsonl",
                                  "{\"text\":\"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\",\"task\":\"a\"}\n"
                                  "{\"text\":\"\xe6\x97\xa5\xe6\x9c\xac\xe4\xba\xba\",\"task\":\"b\"}\n"
                                  "{\"text\":\"\xe5\xb1\xb1\xe5\xb7\x9d\",\"task\":\"c\"}\n",
                                  5);
  const task_similarity s = task_similarity_make(a, &t);
  assert_true(s.s[1] > 0.05F);
  assert_true(s.s[2] < 1e-6F);
  arena_free(a);
}

// --- the picture -------------------------------------------------------------------------------------------------------

static void the_picture_has_every_task(void **state) {
  (void)state;
  arena *a = arena_new("test");
  text rows = {0}, out = {0}, again = {0};
  put_tasks(&rows, "river", "how long does the wide river flow", 12);
  put_tasks(&rows, "a<b & \xc3\xa9\xc3\xa9", "which song was played on the piano", 3);
  put_tasks(&rows, "a name that is much longer than a line of the list has room for ", "bake me a loaf of dark bread", 2);
  const task_texts t = read_texts(a, "picture.jsonl", rows.data, 10);
  const task_similarity s = task_similarity_make(a, &t);
  similar_groups g;
  assert_true(similar_groups_find(a, &t, &s, 4, &g, NULL));
  cluster_picture_put(&t, &s, &g, &out);
  cluster_picture_put(&t, &s, &g, &again);
  assert_string_equal(out.data, again.data);
  assert_non_null(strstr(out.data, ">river11</text>"));
  assert_non_null(strstr(out.data,
                         "a&lt;b &amp; \xc3\xa9\xc3\xa9"
                         "0</text>"));
  assert_non_null(strstr(out.data,
                         ">a name that is much longer tha\xe2\x80\xa6"
                         "has room for 1</text>"));
  assert_null(strstr(out.data, "nan"));
  assert_null(strstr(out.data, "a<b"));
  int circles = 0;
  for (const char *c = out.data; (c = strstr(c, "<circle")); c++) circles++;
  assert_int_equal(circles, 17 + 4 + 4);
  text_free(&rows), text_free(&out), text_free(&again);
  arena_free(a);
}

static void discs_and_labels_do_not_overlap(void **state) {
  (void)state;
  arena *a = arena_new("test");
  const task_texts t = three_kinds(a);
  const task_similarity s = task_similarity_make(a, &t);
  for (uint32_t k = 2; k < t.n; k++) {
    similar_groups g;
    double *widths = ARENA_ARRAY(a, double, k);
    assert_true(similar_groups_find(a, &t, &s, k, &g, NULL));
    for (uint32_t i = 0; i < k; i++) widths[i] = 30 + 40 * i;
    const layout_sizes sizes = {.spacing = 20, .margin = 15, .gap = 5, .label_height = 18, .label_width = widths};
    const cluster_layout l = cluster_layout_make(a, &g, &s, &sizes);
    for (uint32_t i = 0; i < k; i++) {
      const double wi = fmax(l.radii[i], widths[i] / 2);
      assert_true(l.groups[i].x - wi > -0.01 && l.groups[i].x + wi < l.width + 0.01);
      assert_true(l.groups[i].y - l.radii[i] - 18 > -0.01 && l.groups[i].y + l.radii[i] < l.height + 0.01);
      for (uint32_t j = 0; j < i; j++) {
        const double wj = fmax(l.radii[j], widths[j] / 2), x = fabs(l.groups[i].x - l.groups[j].x) - wi - wj;
        const double y = fabs(l.groups[i].y - l.groups[j].y) - l.radii[i] - l.radii[j] - 18;
        assert_true(x > 4.9 || y > 4.9);
      }
    }
    for (uint32_t i = 0; i < t.n; i++) {
      const layout_point *at = &l.tasks[i], *middle = &l.groups[g.tasks[i].group];
      assert_true(hypot(at->x - middle->x, at->y - middle->y) < l.radii[g.tasks[i].group] - 14.9);
      for (uint32_t j = 0; j < i; j++) assert_true(hypot(at->x - l.tasks[j].x, at->y - l.tasks[j].y) > 16);
    }
  }
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_nearest_are_merged_first),
      cmocka_unit_test(merges_are_those_of_the_definition),
      cmocka_unit_test(silhouettes_are_those_of_the_definition),
      cmocka_unit_test(agreement_is_adjusted_for_chance),
      cmocka_unit_test(texts_of_tasks_are_gathered),
      cmocka_unit_test(token_ids_have_no_words),
      cmocka_unit_test(alike_tasks_are_one_group),
      cmocka_unit_test(definitions_count_where_there_are_any),
      cmocka_unit_test(texts_without_spaces_are_compared),
      cmocka_unit_test(the_picture_has_every_task),
      cmocka_unit_test(discs_and_labels_do_not_overlap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
