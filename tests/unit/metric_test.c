// The metrics against numbers of the public implementations (metric_golden.jsonl, made by tests/reference/metrics.py), and what
// can be seen by hand. The longest common subsequence against the table that it stands for.
#include "support/test.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "base/unicode.h"
#include "data/jsonl.h"
#include "eval/lcs.h"
#include "eval/metric.h"
#include "eval/porter.h"
#include "io/json.h"

static const vkift_metric all_metrics[] = {VKIFT_METRIC_ROUGE_L, VKIFT_METRIC_EXACT_MATCH, VKIFT_METRIC_F1, VKIFT_METRIC_BLEU,
                                           VKIFT_METRIC_CHRF};
enum { N_METRICS = sizeof all_metrics / sizeof *all_metrics, GOLDEN_PAIRS = 300 };

static double score_all(vkift_metric m, const char *prediction, strings references) {
  metric_result r;
  err e = {0};
  if (!metric_score(m, NULL, prediction, references, &r, &e)) fail_msg("%s", e.message);
  return r.score;
}

static double score(vkift_metric m, const char *prediction, const char *reference) {
  return score_all(m, prediction, (strings){&reference, 1});
}

static void near(double found, double wanted, const char *what) {
  if (!(fabs(found - wanted) <= 1e-9)) fail_msg("%s: expected %.12g, found %.12g", what, wanted, found);
}

static void check_row(const cJSON *row, uint32_t line) {
  const char *references[8];
  uint32_t n = 0;
  const cJSON *item;
  cJSON_ArrayForEach(item, cJSON_GetObjectItem(row, "references")) references[n++] = item->valuestring;
  for (int i = 0; i < N_METRICS; i++) {
    const char *name = metric_name(all_metrics[i]);
    char what[64];
    snprintf(what, sizeof what, "line %u: %s", line, name);
    near(score_all(all_metrics[i], cJSON_GetObjectItem(row, "prediction")->valuestring, (strings){references, n}),
         cJSON_GetObjectItem(row, name)->valuedouble, what);
  }
}

static void golden(void **state) {
  (void)state;
  arena *a = arena_new("golden pairs");
  file_map map;
  jsonl rows;
  jsonl_item item;
  err e = {0};
  uint32_t n = 0;
  if (!file_map_open(path_join(a, getenv("VKIFT_SOURCE_DIR"), "tests/unit/metric_golden.jsonl"), &map, &e))
    fail_msg("%s", e.message);
  assert_true(jsonl_open("golden", (const char *)map.data, map.size, &rows, &e));
  while (jsonl_next(&rows, &item, &e) == JSONL_ITEM) {
    json d;
    if (!json_parse("golden", item.data, item.length, &d, &e)) fail_msg("%s", e.message);
    check_row(d.root, item.place);
    json_free(&d);
    n++;
  }
  assert_int_equal(n, GOLDEN_PAIRS);
  file_unmap(&map);
  arena_free(a);
}

static void by_hand(void **state) {
  (void)state;
  near(score(VKIFT_METRIC_ROUGE_L, "the cats sat", "the cat sat down"), 100 * 6.0 / 7, "three of three and of four words");
  near(score(VKIFT_METRIC_ROUGE_L, "down sat cat the", "the cat sat down"), 25, "one word in order");
  near(score(VKIFT_METRIC_ROUGE_L, "", "the"), 0, "nothing predicted");
  near(score(VKIFT_METRIC_ROUGE_L, "", ""), 0, "nothing to compare");
  near(score(VKIFT_METRIC_ROUGE_L, "да", "да"), 0, "no letter of ASCII");
  near(score(VKIFT_METRIC_EXACT_MATCH, " The  END. ", "the end"), 100, "case, punctuation and white space");
  near(score(VKIFT_METRIC_EXACT_MATCH, "the ends", "the end"), 0, "another word");
  near(score(VKIFT_METRIC_EXACT_MATCH, "ОДЕССА!", "одесса"), 100, "another script");
  near(score(VKIFT_METRIC_F1, "a red fox", "the fox ran"), 50, "one of two words each, articles aside");
  near(score(VKIFT_METRIC_F1, "the", "an"), 100, "neither has a word");
  near(score(VKIFT_METRIC_BLEU, "one two three four five", "one two three four five"), 100, "equal");
  near(score(VKIFT_METRIC_BLEU, "one two", "three four"), 0, "nothing matches");
  near(score(VKIFT_METRIC_CHRF, "a b", "ab"), 100, "white space does not count");
  const char *two[] = {"yes", "no"};
  for (int i = 0; i < N_METRICS; i++) near(score_all(all_metrics[i], "no", (strings){two, 2}), 100, "the best reference counts");
}

// What many come to: the mean, or for BLEU and chrF the score of the sums.
static void totals(void **state) {
  (void)state;
  near(metric_total(VKIFT_METRIC_ROUGE_L, (double[]){150}, 2), 75, "mean");
  const char *reference[2] = {"one two three four", "five six seven eight"}, *prediction[2] = {"one two three four", "five six"};
  metric_result r[2];
  double sums[METRIC_STATS] = {0};
  for (int i = 0; i < 2; i++) {
    assert_true(metric_score(VKIFT_METRIC_BLEU, NULL, prediction[i], (strings){&reference[i], 1}, &r[i], NULL));
    for (int k = 0; k < METRIC_STATS; k++) sums[k] += r[i].stats[k];
  }
  // 6 of 6 words, 4 of 4 pairs, 2 of 2 and 1 of 1 longer ones; 6 words for 8
  near(metric_total(VKIFT_METRIC_BLEU, sums, 2), 100 * exp(1 - 8.0 / 6), "BLEU of two sentences");
  near(r[1].score, 100 * exp(1 - 4.0 / 2), "of one sentence only the orders that it has count");
}

static void too_long(void **state) {
  (void)state;
  char *s = malloc(METRIC_TEXT_BYTES + 2);
  err e = {0};
  metric_result r;
  memset(s, 'a', METRIC_TEXT_BYTES + 1);
  s[METRIC_TEXT_BYTES + 1] = 0;
  const char *reference = "a";
  assert_false(metric_score(VKIFT_METRIC_ROUGE_L, NULL, s, (strings){&reference, 1}, &r, &e));
  assert_string_equal(e.message, "prediction: expected at most 1048576 bytes, found 1048577");
  const char *long_reference = s;
  e = (err){0};
  assert_false(metric_score(VKIFT_METRIC_CHRF, NULL, "a", (strings){&long_reference, 1}, &r, &e));
  assert_string_equal(e.message, "references: expected at most 1048576 bytes, found 1048577");
  free(s);
}

// A table of 2^16 by 2^16 lengths would take gigabytes.
static void longest(void **state) {
  (void)state;
  enum { WORDS = 1 << 16 };
  char *x = malloc(2 * WORDS + 1), *y = malloc(2 * WORDS + 1);
  rng r = rng_new(3, RNG_TEST);
  for (int i = 0; i < WORDS; i++) {
    x[2 * i] = (char)('a' + rng_below(&r, 8)), y[2 * i] = (char)('a' + rng_below(&r, 8));
    x[2 * i + 1] = y[2 * i + 1] = ' ';
  }
  x[2 * WORDS] = y[2 * WORDS] = 0;
  const double f1 = score(VKIFT_METRIC_ROUGE_L, x, y);
  assert_true(f1 > 40 && f1 < 75); // random strings of 8 letters have about half in common
  free(x), free(y);
}

static uint64_t lcs_by_table(const symbol_list *x, const symbol_list *y) {
  uint64_t row[400] = {0};
  for (uint64_t i = 0; i < x->n; i++)
    for (uint64_t j = 0, diagonal = 0; j < y->n; j++) {
      const uint64_t above = row[j + 1];
      row[j + 1] = x->items[i] == y->items[j] ? diagonal + 1 : above > row[j] ? above : row[j];
      diagonal = above;
    }
  return row[y->n];
}

static void common_subsequences(void **state) {
  (void)state;
  rng r = rng_new(5, RNG_TEST);
  for (int round = 0; round < 400; round++) {
    arena *a = arena_new("lists");
    symbol_list lists[2];
    const uint32_t kinds = 1 + rng_below(&r, round % 2 ? 4 : 300);
    for (int k = 0; k < 2; k++) {
      lists[k] = (symbol_list){.n = rng_below(&r, 390)};
      lists[k].items = ARENA_ARRAY(a, uint32_t, lists[k].n);
      for (uint64_t i = 0; i < lists[k].n; i++) lists[k].items[i] = 1 + rng_below(&r, kinds);
    }
    assert_int_equal(lcs_length(a, &lists[0], &lists[1]), lcs_by_table(&lists[0], &lists[1]));
    arena_free(a);
  }
}

static void stems(void **state) {
  (void)state;
  static const char *const words[][2] = {{"skies", "sky"},
                                         {"dying", "die"},
                                         {"flies", "fli"},
                                         {"died", "die"},
                                         {"spied", "spi"},
                                         {"enjoy", "enjoy"},
                                         {"happy", "happi"},
                                         {"relational", "relat"},
                                         {"hopping", "hop"},
                                         {"falling", "fall"},
                                         {"filing", "file"},
                                         {"agreed", "agre"},
                                         {"feed", "feed"},
                                         {"geology", "geolog"},
                                         {"hopefully", "hope"},
                                         {"controlling", "control"},
                                         {"adoption", "adopt"},
                                         {"innings", "inning"},
                                         {"syzygy", "syzygi"},
                                         {"bled", "bled"},
                                         {"generalizations", "gener"},
                                         {"vietnamization", "vietnam"},
                                         {"1990s", "1990"},
                                         {"oed", "o"}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    char word[32];
    strcpy(word, words[i][0]);
    const size_t n = porter_stem(word, strlen(word));
    if (n != strlen(words[i][1]) || memcmp(word, words[i][1], n))
      fail_msg("%s: expected %s, found %.*s", words[i][0], words[i][1], (int)n, word);
  }
}

static void lower_case(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"ABCxyz[`{@09", "abcxyz[`{@09"},
      {"ÄÖÜẞ", "äöüß"},
      {"ИЁЩ", "иёщ"},
      {"İ", "i̇"},
      {"ΌΔΟΣ ΟΔΟΣ.", "όδος οδος."},
      {"Σ ΑΣ' ΑΣ'Β ΣΑ", "σ ας' ασ'β σα"},
      {"\xF0\x90\x90\x80", "\xF0\x90\x90\xA8"},
      {"\xFFZ", "\xEF\xBF\xBDz"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    text out = {0};
    unicode_put_lower(&out, cases[i][0], strlen(cases[i][0]));
    assert_string_equal(out.data, cases[i][1]);
    text_free(&out);
  }
  assert_true(unicode_is_word('_') && unicode_is_word(0xE9) && unicode_is_word(0x4E00) && unicode_is_word(0xB2));
  assert_false(unicode_is_word(' ') || unicode_is_word('-') || unicode_is_word(0x301) || unicode_is_word(0x3001));
}

static void letters(void **state) {
  (void)state;
  uint64_t latin = 0, other = 0;
  metric_count_letters("Ab 12_é, 中文 да", &latin, &other);
  assert_int_equal(latin, 3);
  assert_int_equal(other, 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(golden),   cmocka_unit_test(by_hand),    cmocka_unit_test(totals),
      cmocka_unit_test(too_long), cmocka_unit_test(longest),    cmocka_unit_test(common_subsequences),
      cmocka_unit_test(stems),    cmocka_unit_test(lower_case), cmocka_unit_test(letters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
