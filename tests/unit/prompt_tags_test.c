// The masks of the golden chat templates, found by literal tags: for these templates it is known how an answer begins and
// ends. (Where a message says such a tag itself this way is wrong; prompt_golden_test.c has those.) Besides the golden
// conversations: thoughts, calls of tools with their results, and turns that are not learned.
#include "support/test.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "data/prompt.h"
#include "io/json.h"

enum { MOST_MESSAGES = 10 };

// What stands before an answer, what ends it, and what ends a text whose last turn is an answer.
static const struct tags {
  const char *template, *heading, *end, *last;
} all_tags[] = {
    {"chatml", "<|im_start|>assistant\n", "<|im_end|>", ""},
    {"smollm2", "<|im_start|>assistant\n", "<|im_end|>", ""},
    {"qwen2.5", "<|im_start|>assistant\n", "<|im_end|>", ""},
    {"mistral_v0.2", " [/INST]", "</s>", ""},
    {"phi3", "<|assistant|>\n", "<|end|>", ""},
    {"zephyr", "<|assistant|>\n", "</s>", ""},
    {"qwen2.5_training", "<|im_start|>assistant", "<|im_end|>\n", ""}, // its {% generation %} covers more
    {"phi3_training", "<|assistant|>\n", "<|end|>\n", "<|endoftext|>"},
};

typedef struct conversation {
  message messages[MOST_MESSAGES];
  uint32_t n;
} conversation;

#define CALL "[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"arguments\":{\"city\":\"Oslo\"}}}]"
#define CALLS "[{\"name\":\"weather\",\"arguments\":{}},{\"name\":\"time\",\"arguments\":{\"at\":[1,\"é\"]}}]"
#define TOOLS "[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"parameters\":{}}}]"
static const conversation more[] = {
    {{{ROLE_USER, "Is 7 even?", false}, {ROLE_ASSISTANT, "<think>\nOdd.\n</think>\n\nNo.", true}}, 2},
    {{{ROLE_SYSTEM, "Think.", false},
      {ROLE_USER, "2+2?", false},
      {ROLE_ASSISTANT, "<think>Sum.</think>4", true},
      {ROLE_USER, "And 3?", false},
      {ROLE_ASSISTANT, "<think></think>\n7", true},
      {ROLE_USER, "Why?", false},
      {ROLE_ASSISTANT, "\n\nBecause.\n", true}},
     7},
    {{{ROLE_USER, "one", false},
      {ROLE_ASSISTANT, "1", false},
      {ROLE_USER, "two", false},
      {ROLE_ASSISTANT, "2", true},
      {ROLE_USER, "three", false},
      {ROLE_ASSISTANT, "3", false}},
     6},
    {{{ROLE_USER, "The weather?", false, .tools = TOOLS},
      {ROLE_ASSISTANT, "", true, .tool_calls = CALL},
      {ROLE_TOOL, "rain", false},
      {ROLE_ASSISTANT, "It rains.", true}},
     4},
    {{{ROLE_SYSTEM, "Use tools.", false, .tools = TOOLS},
      {ROLE_USER, "The weather and the time?", false},
      {ROLE_ASSISTANT, "Let me look.", true, .tool_calls = CALLS},
      {ROLE_TOOL, "{\"sky\": \"blue\"}", false},
      {ROLE_TOOL, "12:00", false},
      {ROLE_ASSISTANT, "<think>Both.</think>Blue, at noon.", true},
      {ROLE_USER, "Thanks. Again?", false},
      {ROLE_ASSISTANT, "", false, .tool_calls = CALL},
      {ROLE_TOOL, "snow", false},
      {ROLE_ASSISTANT, "Snow.", true}},
     10},
};

typedef struct tally {
  int masks, refusals, turns, with_tags;
} tally;

static const struct tags *tags_of(const char *template) {
  for (size_t i = 0; i < sizeof all_tags / sizeof *all_tags; i++)
    if (!strcmp(all_tags[i].template, template)) return &all_tags[i];
  fail_msg("the golden template \"%s\": expected one whose tags are known here", template);
  return NULL;
}

static bool says_tags(const conversation *c, const struct tags *tags) {
  for (uint32_t i = 0; i < c->n; i++)
    if (strstr(c->messages[i].content, tags->heading) || strstr(c->messages[i].content, tags->end)) return true;
  return false;
}

// Marks what lies behind the headings of the learned turns up to the tags that end them. Returns the number of all turns.
static int expect(const struct tags *tags, const conversation *c, const char *s, char *expected) {
  const char *at = s;
  int turns = 0;
  for (uint32_t i = 0; i < c->n; i++) {
    if (c->messages[i].role != ROLE_ASSISTANT) continue;
    const char *begin = strstr(at, tags->heading);
    assert_non_null(begin);
    begin += strlen(tags->heading);
    const char *end = strstr(begin, tags->end);
    assert_non_null(end);
    end += strlen(tags->end);
    if (c->messages[i].train) memset(expected + (begin - s), 1, (size_t)(end - begin));
    if (i + 1 == c->n && c->messages[i].train && *tags->last && !strcmp(end, tags->last))
      memset(expected + (end - s), 1, strlen(tags->last));
    at = end;
    turns++;
  }
  return turns;
}

static void check(const prompt_style *style, const struct tags *tags, const conversation *c, bool ask, tally *t) {
  rendered r;
  err e = {0};
  if (!prompt_render(style, c->messages, c->n, ask, &r, &e)) {
    t->refusals++;
    return;
  }
  if (says_tags(c, tags)) {
    t->with_tags++;
    rendered_free(&r);
    return;
  }
  char *expected = calloc(r.text.length + 1, 1);
  assert_non_null(expected);
  t->turns += expect(tags, c, r.text.data, expected);
  for (size_t i = 0; i < r.text.length; i++)
    if (expected[i] != r.target.data[i])
      fail_msg("%s: byte %zu: expected %d, found %d in\n%s", tags->template, i, expected[i], r.target.data[i], r.text.data);
  free(expected);
  rendered_free(&r);
  t->masks++;
}

// --- the golden file ---

static const char *string_of(const cJSON *in, const char *key) {
  const cJSON *v = cJSON_GetObjectItemCaseSensitive(in, key);
  assert_true(cJSON_IsString(v));
  return v->valuestring;
}

static conversation read_conversation(const cJSON *list) {
  conversation c = {0};
  const cJSON *m;
  cJSON_ArrayForEach(m, list) {
    const char *role = string_of(m, "role");
    message_role r = !strcmp(role, "system") ? ROLE_SYSTEM : !strcmp(role, "user") ? ROLE_USER : ROLE_ASSISTANT;
    assert_true(c.n < MOST_MESSAGES && (r != ROLE_ASSISTANT || !strcmp(role, "assistant")));
    c.messages[c.n++] = (message){r, string_of(m, "content"), r == ROLE_ASSISTANT};
  }
  return c;
}

typedef void each_template(const cJSON *golden, const cJSON *tpl, const prompt_style *style, tally *t);

static tally for_each_template(each_template *on) {
  json doc;
  err e = {0};
  if (!json_read(test_path(test_shared_data(), "golden/chat/shared.json"), 256 << 20, &doc, &e)) fail_msg("%s", e.message);
  const cJSON *tpl;
  tally t = {0};
  cJSON_ArrayForEach(tpl, cJSON_GetObjectItemCaseSensitive(doc.root, "templates")) {
    arena *a = arena_new("test");
    prompt_style style;
    if (!prompt_from_template(a, "golden", string_of(tpl, "chat_template"), string_of(tpl, "bos_token"),
                              string_of(tpl, "eos_token"), &style, &e))
      fail_msg("%s", e.message);
    on(doc.root, tpl, &style, &t);
    arena_free(a);
  }
  json_free(&doc);
  print_message("%d masks with %d turns, %d refusals, %d with tags in a message\n", t.masks, t.turns, t.refusals, t.with_tags);
  return t;
}

static void check_golden(const cJSON *golden, const cJSON *tpl, const prompt_style *style, tally *t) {
  const cJSON *one, *all = cJSON_GetObjectItemCaseSensitive(golden, "conversations");
  cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(tpl, "cases")) {
    conversation c = read_conversation(cJSON_GetObjectItemCaseSensitive(all, string_of(one, "conv")));
    check(style, tags_of(string_of(tpl, "template")), &c,
          cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(one, "add_generation_prompt")), t);
  }
}

static void golden_conversations(void **state) {
  (void)state;
  tally t = for_each_template(check_golden);
  assert_int_equal(t.masks + t.refusals + t.with_tags, 8 * 22);
}

static void check_more(const cJSON *golden, const cJSON *tpl, const prompt_style *style, tally *t) {
  (void)golden;
  for (size_t i = 0; i < sizeof more / sizeof *more; i++) check(style, tags_of(string_of(tpl, "template")), &more[i], false, t);
}

// Only Qwen's templates know calls, and Mistral's no system.
static void thoughts_tools_and_turns_that_are_not_learned(void **state) {
  (void)state;
  tally t = for_each_template(check_more);
  assert_int_equal(t.with_tags, 0);
  assert_int_equal(t.masks, 8 * 3 - 1 + 2 * 2);
  assert_int_equal(t.refusals, 1 + 6 * 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(golden_conversations),
      cmocka_unit_test(thoughts_tools_and_turns_that_are_not_learned),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
