// Masks of real templates: what carries loss, found again in another way. Each answer in turn is replaced by a word that
// occurs nowhere else; where that word stands, the answer has stood, and behind it the end of the turn, which is looked up in
// a list of such tokens. Templates and conversations: as jinja_golden_test.c has them. prompt_tags_test.c finds the same by
// the tags of each template.
#include "support/test.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/prompt.h"
#include "io/json.h"

#define SENTINEL "Zyqqplix"
enum { MOST_MESSAGES = 16 };

typedef struct tally {
  int templates, refused, masks, refusals, passed_over, wrong;
  int turns, answers, ends; // assistant turns; of them found, and with the end of the turn behind them
} tally;

static const char *string_of(const cJSON *in, const char *key) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(in, key);
  return cJSON_IsString(v) ? v->valuestring : "";
}

// false where the conversation has more than roles and texts, or roles that the data formats have not. Thoughts are
// written in other words than they came: prompt_test.c has them.
static bool read_conversation(const cJSON *golden, const cJSON *one, message messages[MOST_MESSAGES], uint32_t *n) {
  static const char *const roles[] = {[ROLE_SYSTEM] = "system", [ROLE_USER] = "user", [ROLE_ASSISTANT] = "assistant"};
  const cJSON *all = cJSON_GetObjectItemCaseSensitive(golden, "conversations"), *m;
  *n = 0;
  cJSON_ArrayForEach(m, cJSON_GetObjectItemCaseSensitive(all, string_of(one, "conv"))) {
    message_role role = 0;
    while (role < ROLE_TOOL && strcmp(roles[role], string_of(m, "role"))) role++;
    if (role == ROLE_TOOL || cJSON_GetArraySize(m) != 2 || !cJSON_IsString(cJSON_GetObjectItemCaseSensitive(m, "content")))
      return false;
    if (role == ROLE_ASSISTANT && strstr(string_of(m, "content"), "<think>")) return false;
    assert_true(*n < MOST_MESSAGES);
    messages[(*n)++] = (message){role, string_of(m, "content"), role == ROLE_ASSISTANT};
  }
  return !cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(one, "variables"));
}

// The bytes of the end of a turn at or behind `at`, before the next turn.
static size_t end_behind(const char *s, size_t at, bool eos_follows) {
  static const char *const ends[] = {"<|im_end|>",
                                     "<|eot_id|>",
                                     "</s>",
                                     "<|end|>",
                                     "<end_of_turn>",
                                     "<|return|>",
                                     "<|endoftext|>",
                                     "<turn|>",
                                     "<|eom|>",
                                     "<|END_OF_TURN_TOKEN|>",
                                     "[|endofturn|]",
                                     "<|end_of_text|>",
                                     "<|eot|>",
                                     "<seed:eos>",
                                     "<｜end▁of▁sentence｜>",
                                     "<|eom_id|>",
                                     "<|message_sep|>",
                                     "<|end_of_turn|>",
                                     "<end_of_utterance>",
                                     "[e~[",
                                     "<|assistant_end|>",
                                     "<sep>"};
  size_t best = 0, length = 0;
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    const char *found = strstr(s + at, ends[i]);
    if (!found || (length && (size_t)(found - s) >= best)) continue;
    best = (size_t)(found - s);
    length = strlen(ends[i]);
  }
  size_t gap = best - at;
  bool closes = gap < 4 || !strncmp(s + at, "<|END_RESPONSE|>", 16) || !strncmp(s + at, "<|END_TEXT|>", 12);
  if (length && closes && eos_follows) return best + length + strlen("\n</s>");
  return length && closes ? best + length : at;
}

// What answer i must have in the mask, from two renderings; nothing where the template leaves the answer out.
static void expect_answer(const prompt_style *style, const message *messages, uint32_t n, uint32_t i, bool ask, const rendered *r,
                          char *expected, tally *t) {
  message changed[MOST_MESSAGES];
  rendered other;
  memcpy(changed, messages, sizeof changed);
  changed[i].content = SENTINEL;
  assert_true(prompt_render(style, changed, n, ask, &other, NULL));
  const char *place = strstr(other.text.data, SENTINEL);
  bool there = place != NULL, eos_follows = strstr(style->source, "<|end|>\\n' + eos_token -") != NULL; // Apriel 1.5
  if (there) {
    size_t from = (size_t)(place - other.text.data), behind = strlen(place + strlen(SENTINEL));
    size_t to = behind < r->text.length ? r->text.length - behind : 0;
    there = to >= from && !strcmp(r->text.data + to, place + strlen(SENTINEL));
    if (!*messages[i].content && to != from) there = false; // other things stand where a word would
    if (there) memset(expected + from, 1, end_behind(r->text.data, to, eos_follows) - from);
    if (there) t->ends += end_behind(r->text.data, to, eos_follows) > to;
  }
  t->answers += there;
  rendered_free(&other);
}

static void expect_generation(const cJSON *spans, const rendered *r, char *expected) {
  const cJSON *span;
  int character = -1;
  for (size_t i = 0; i < r->text.length; i++) {
    character += ((unsigned char)r->text.data[i] & 0xC0) != 0x80;
    cJSON_ArrayForEach(span, spans) if (character >= span->child->valueint && character < span->child->next->valueint)
        expected[i] = 1;
  }
}

// Where the control tokens that a message holds stand in a rendering they are content, byte for byte: none is found there.
static void check_content(const message *m, const rendered *r) {
  const char *place = strstr(m->content, "<|im_start|>") ? strstr(r->text.data, m->content) : NULL;
  for (size_t i = 0; place && i < strlen(m->content); i++)
    assert_int_equal(r->content.data[(size_t)(place - r->text.data) + i], 1);
}

static void show_mask(const char *what, const char *s, size_t n, const char *mask) {
  text t = {0};
  for (size_t i = 0; i < n; i++) {
    if (mask[i] && (!i || !mask[i - 1])) text_puts(&t, "⟦");
    text_putc(&t, s[i]);
    if (mask[i] && (i + 1 == n || !mask[i + 1])) text_puts(&t, "⟧");
  }
  print_error("  %s %s\n", what, t.data ? t.data : "");
  text_free(&t);
}

static void check(const cJSON *golden, const cJSON *tpl, const cJSON *one, const prompt_style *style, bool marks, tally *t) {
  message messages[MOST_MESSAGES];
  uint32_t n;
  const cJSON *golden_text = cJSON_GetObjectItemCaseSensitive(one, "rendered");
  bool ask = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(one, "add_generation_prompt"));
  t->passed_over++;
  if (marks && style->takes_parts) return; // the golden rendering had contents in one piece
  if (!read_conversation(golden, one, messages, &n)) return;
  t->passed_over--;
  rendered r;
  err e = {0};
  if (!cJSON_IsString(golden_text)) {
    if (!style->takes_parts) assert_false(prompt_render(style, messages, n, ask, &r, &e));
    t->refusals++;
    return;
  }
  if (!prompt_render(style, messages, n, ask, &r, &e)) fail_msg("%s", e.message);
  if (!style->takes_parts) assert_string_equal(r.text.data ? r.text.data : "", golden_text->valuestring);
  char *expected = calloc(r.text.length + 1, 1);
  assert_non_null(expected);
  if (marks) expect_generation(cJSON_GetObjectItemCaseSensitive(one, "generation_char_spans"), &r, expected);
  for (uint32_t i = 0; !marks && i < n; i++) {
    if (messages[i].role != ROLE_ASSISTANT) continue;
    t->turns++;
    expect_answer(style, messages, n, i, ask, &r, expected, t);
  }
  for (uint32_t i = 0; r.text.length && i < n; i++) check_content(&messages[i], &r);
  t->masks++;
  if (r.text.length && memcmp(expected, r.target.data, r.text.length)) {
    t->wrong++;
    print_error("%s, %s:\n", string_of(tpl, "template"), string_of(one, "conv"));
    show_mask("expected", r.text.data, r.text.length, expected);
    show_mask("found   ", r.text.data, r.text.length, r.target.data);
  }
  free(expected);
  rendered_free(&r);
}

static void masks_cover_the_answers_and_their_ends(void **state) {
  (void)state;
  const char *path = getenv("VKIFT_CHAT_CASES");
  if (!path) path = test_path(test_shared_data(), "golden/chat/shared.json");
  json doc;
  err e = {0};
  if (!json_read(path, 256 << 20, &doc, &e)) fail_msg("%s", e.message);
  const cJSON *tpl, *one;
  tally t = {0};
  cJSON_ArrayForEach(tpl, cJSON_GetObjectItemCaseSensitive(doc.root, "templates")) {
    arena *a = arena_new("test");
    prompt_style style;
    err why = {0};
    const char *source = string_of(tpl, "chat_template");
    t.templates++;
    if (prompt_from_template(a, string_of(tpl, "template"), source, string_of(tpl, "bos_token"), string_of(tpl, "eos_token"),
                             &style, &why)) {
      bool marks = strstr(source, "generation -%}") || strstr(source, "generation %}");
      cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(tpl, "cases")) check(doc.root, tpl, one, &style, marks, &t);
    } else {
      print_message("refused: %s\n", why.message);
      t.refused++;
    }
    arena_free(a);
  }
  print_message("%d templates (%d refused): %d masks, %d refusals, %d passed over; %d of %d answers, %d with an end; %d wrong\n",
                t.templates, t.refused, t.masks, t.refusals, t.passed_over, t.answers, t.turns, t.ends, t.wrong);
  assert_int_equal(t.wrong, 0);
  assert_true(t.masks >= 8 * 14 && t.answers > 0);
  if (!getenv("VKIFT_CHAT_CASES")) { // nothing of the golden file is passed over
    assert_int_equal(t.refused + t.passed_over, 0);
    assert_int_equal(t.masks + t.refusals, 8 * 22);
    assert_int_equal(t.answers, t.turns);
    assert_int_equal(t.ends, t.turns);
  }
  json_free(&doc);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(masks_cover_the_answers_and_their_ends)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
