// Data of template packs on the way to tokens: what tells their examples apart, and what demonstrates them.
#include "support/test.h"

#include <string.h>

#include "base/file.h"
#include "data/augment.h"
#include "data/conversations.h"
#include "data/mixture.h"
#include "support/data_fixture.h"

typedef struct setting {
  data_fixture f;
  const char *pack;
} setting;

static setting begin(const char *yaml, const char *rows) {
  const char *data = test_path(test_directory(), "d.jsonl");
  setting s = {.f = data_fixture_begin("chatml", false)};
  s.pack = arena_strdup(s.f.a, test_path(test_directory(), "p.yaml"));
  test_write(data, rows, strlen(rows));
  test_write(s.pack, yaml, strlen(yaml));
  return s;
}

static dataset read_set(setting *s) {
  dataset set = {0};
  err e = {0};
  if (!dataset_read_split(s->f.a, s->pack, "train", &s->f.options, &set, &e)) fail_msg("%s", e.message);
  return set;
}

// --- near duplicates ---

static const char WORDY[] =
    "data: d.jsonl\nchoices: ['Yes', 'No']\nlabel: y\ntemplates:\n- name: n\n  options: true\n  prompt: 'Here is what somebody "
    "wrote to me yesterday, and I wonder whether it is so: {{ q }} Tell me what you think of it, and be brief.'\n"
    "  answer: '{{ answer_choice }}'\n";
#define LONG "a b c d e f g h i j k l m n o p q r s t u v w x y z"

static uint64_t n_near(const char *yaml, const char *rows) {
  setting s = begin(yaml, rows);
  s.f.options.sketches = true;
  const dataset set = read_set(&s);
  const uint64_t n = mixture_near_duplicates(&set).n;
  data_fixture_end(&s.f);
  return n;
}

// Not the words of the phrasing, nor the choices: what the row says.
static void likeness_is_of_rows(void **state) {
  (void)state;
  assert_int_equal(n_near(WORDY, "{\"q\":\"It rains.\",\"y\":\"Yes\"}\n{\"q\":\"Snow is white.\",\"y\":\"Yes\"}\n"), 0);
  assert_int_equal(n_near(WORDY, "{\"q\":\"" LONG " 1\",\"y\":\"Yes\"}\n{\"q\":\"" LONG " 2\",\"y\":\"Yes\"}\n"), 1);
  assert_int_equal(n_near(WORDY, "{\"q\":\"It rains.\",\"y\":\"Yes\"}\n{\"q\":\"it rains!\",\"y\":\"Yes\"}\n"), 1);
}

static const char TWO[] =
    "data: d.jsonl\ntemplates_per_row: all\ntemplates:\n- {name: n, prompt: 'One {{ q }}', answer: '{{ a }}'}\n"
    "- {name: m, prompt: 'Two {{ q }}', answer: '{{ a }}'}\n";

static void phrasings_of_one_row_are_not_reported(void **state) {
  (void)state;
  assert_int_equal(n_near(TWO, "{\"q\":\"" LONG "\",\"a\":\"1\"}\n{\"q\":\"other\",\"a\":\"2\"}\n"), 0);
  assert_true(n_near(TWO, "{\"q\":\"" LONG "\",\"a\":\"1\"}\n{\"q\":\"" LONG "\",\"a\":\"1\"}\n") > 0);
}

// --- demonstrations ---

static void no_phrasing_of_a_row_demonstrates_it(void **state) {
  (void)state;
  text rows = {0};
  for (int i = 0; i < 20; i++) text_printf(&rows, "{\"q\":\"q%02d\",\"a\":\"a%02d\"}\n", i, i);
  setting s = begin(TWO, rows.data);
  text_free(&rows);
  s.f.options.augment.n_demonstrations = 3;
  const dataset set = read_set(&s);
  assert_int_equal(set.n, 40);
  assert_int_equal(set.augmented.demonstrations, 40);
  for (uint64_t i = 0; i < set.n; i++) {
    const char *shown = data_fixture_show(&s.f, &set.items[i]), *own = arena_printf(s.f.a, "q%02d", (int)(set.items[i].line - 1)),
               *at = strstr(shown, own);
    assert_non_null(at);
    if (strstr(at + 1, own)) fail_msg("the row demonstrates itself:\n%s", shown);
  }
  data_fixture_end(&s.f);
}

// --- formats ---

static bool count(void *user, const conversation *c, err *e) {
  (void)c, (void)e;
  ++*(int *)user;
  return true;
}

static void no_format_goes_with_a_pack(void **state) {
  (void)state;
  setting s = begin(TWO, "{\"q\":\"q\",\"a\":\"a\"}\n");
  static const char expected[] =
      "p.yaml: expected no --data-format with a template pack, which says itself what its rows become, found alpaca";
  dataset set = {0};
  err e = {0};
  int n = 0;
  s.f.options.format = DATA_ALPACA;
  assert_false(dataset_read_split(s.f.a, s.pack, "train", &s.f.options, &set, &e));
  assert_non_null(strstr(e.message, expected));
  e = (err){0};
  assert_false(conversations_read(s.pack, &s.f.options, count, &n, NULL, &e));
  assert_non_null(strstr(e.message, expected));
  s.f.options.format = DATA_AUTO;
  assert_true(conversations_read(s.pack, &s.f.options, count, &n, NULL, &e));
  assert_int_equal(n, 2);
  data_fixture_end(&s.f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(likeness_is_of_rows),
      cmocka_unit_test(phrasings_of_one_row_are_not_reported),
      cmocka_unit_test(no_phrasing_of_a_row_demonstrates_it),
      cmocka_unit_test(no_format_goes_with_a_pack),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
