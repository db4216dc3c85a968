// Augmentations: each stands where it should and carries no loss, every stated limit is fulfilled, no demonstration is the
// example itself, and all depends on the seed and the example's place only.
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "data/augment.h"
#include "data/augment_length.h"
#include "data/mixture.h"
#include "support/data_fixture.h"

#define USER "<|im_start|>user\n"
#define SYSTEM "<|im_start|>system\n"
#define END "<|im_end|>"
#define ASSISTANT "<|im_start|>assistant\n"
#define ROW(i, o, more) "{\"instruction\":\"" i "\",\"output\":\"" o "\"" more "}\n"

static data_fixture chatml(augmentation with) {
  data_fixture f = data_fixture_begin("chatml", false);
  f.options.augment = with;
  f.options.seed = 42;
  return f;
}

static int count_of(const char *whole, const char *part) {
  int n = 0;
  for (const char *at = whole; (at = strstr(at, part)); at += strlen(part)) n++;
  return n;
}

// The loss is on the answer and what ends it, in one piece at the end.
static void check_loss(data_fixture *f, const example *x) {
  uint32_t at = 0;
  assert_string_equal(data_fixture_next_run(f, x, &at), arena_printf(f->a, "%s" END, x->answer));
  assert_string_equal(data_fixture_next_run(f, x, &at), "");
}

// --- demonstrations ----------------------------------------------------------------------------------------------------

static void demonstrations_are_turns_without_loss(void **state) {
  (void)state;
  const char *data = ROW("a", "1", ",\"task\":\"t\"") ROW("b", "2", ",\"task\":\"t\"") ROW("c", "3", ",\"task\":\"u\"");
  data_fixture f = chatml((augmentation){.n_demonstrations = 3});
  dataset set = data_fixture_read(&f, "d.jsonl", data);
  assert_string_equal(data_fixture_show(&f, &set.items[0]),
                      USER "b" END "\n" ASSISTANT "2" END "\n" USER "a" END "\n" ASSISTANT "[1" END "]\n");
  assert_string_equal(data_fixture_show(&f, &set.items[1]),
                      USER "a" END "\n" ASSISTANT "1" END "\n" USER "b" END "\n" ASSISTANT "[2" END "]\n");
  assert_string_equal(data_fixture_show(&f, &set.items[2]), USER "c" END "\n" ASSISTANT "[3" END "]\n");
  assert_int_equal(set.augmented.demonstrations, 2);
  assert_int_equal(set.without_demonstrations, 0); // there are no others: nothing was left out for its length
  data_fixture_end(&f);

  f = data_fixture_begin("alpaca", false);
  f.options.augment.n_demonstrations = 1;
  set = data_fixture_read(&f, "d.jsonl", data);
  const char *shown = data_fixture_show(&f, &set.items[0]);
  assert_non_null(strstr(shown,
                         "\n\n### Instruction:\nb\n\n### Response:\n2<|endoftext|>\n\n### Instruction:\na\n\n### "
                         "Response:\n[1<|endoftext|>]"));
  assert_int_equal(count_of(shown, "["), 1);
  data_fixture_end(&f);
}

// Of 300 examples in three tasks, where five have the same prompt.
static void no_demonstration_is_the_example(void **state) {
  (void)state;
  data_fixture f = chatml((augmentation){.n_demonstrations = 5});
  text data = {0};
  for (int i = 0; i < 300; i++)
    text_printf(&data, "{\"prompt\":\"task%d q%d.\",\"completion\":\"answer %d\",\"task\":\"%d\"}\n", i % 3, i / 3 % 20, i,
                i % 3);
  dataset set = data_fixture_read(&f, "d.jsonl", data.data);
  text_free(&data);
  assert_int_equal(set.n, 300);
  for (int i = 0; i < 300; i++) {
    const example *x = &set.items[i];
    const char *shown = data_fixture_show(&f, x), *own = arena_printf(f.a, "task%d q%d." END, i % 3, i / 3 % 20);
    assert_int_equal(count_of(shown, USER), 6);
    assert_int_equal(count_of(shown, arena_printf(f.a, USER "task%d ", i % 3)), 6); // all of its task
    assert_int_equal(count_of(shown, own), 1);
    check_loss(&f, x);
    for (const char *at = shown; (at = strstr(at, USER)); at++) // no two are the same
      assert_int_equal(count_of(shown, arena_strndup(f.a, at, (size_t)(strstr(at, END) - at) + strlen(END))), 1);
  }
  data_fixture_end(&f);
}

static void what_demonstrates_nothing(void **state) {
  (void)state;
  const char *const others[] = {
      ROW("b", "2", ",\"system\":\"Be.\""), // another system message
      ROW("a", "2", ""),                    // the same prompt
      ROW("b", "2", ",\"history\":[[\"x\",\"y\"]]"),
      "{\"messages\":[{\"role\":\"user\",\"content\":\"b\"},{\"role\":\"assistant\",\"content\":\"2\",\"train\":false},"
      "{\"role\":\"user\",\"content\":\"c\"},{\"role\":\"assistant\",\"content\":\"3\"}]}\n",
  };
  data_fixture f = chatml((augmentation){.n_demonstrations = 2});
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    const char *first = strncmp(others[i], "{\"messages", 10) ? ROW("a", "1", "")
                                                              : "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":"
                                                                "\"assistant\",\"content\":\"1\"}]}\n";
    dataset set = data_fixture_read(&f, "d.jsonl", arena_printf(f.a, "%s%s", first, others[i]));
    assert_string_equal(data_fixture_show(&f, &set.items[0]), USER "a" END "\n" ASSISTANT "[1" END "]\n");
    assert_int_equal(set.augmented.demonstrations, 0);
  }
  // The same system message stays in front.
  dataset set = data_fixture_read(&f, "d.jsonl", ROW("a", "1", ",\"system\":\"Be.\"") ROW("b", "2", ",\"system\":\"Be.\""));
  assert_string_equal(data_fixture_show(&f, &set.items[0]),
                      SYSTEM "Be." END "\n" USER "b" END "\n" ASSISTANT "2" END "\n" USER "a" END "\n" ASSISTANT "[1" END "]\n");
  // A prompt that is evaluated on is not shown with its answer.
  data_fixture plain = chatml((augmentation){0});
  dataset asked = data_fixture_read(&plain, "e.jsonl", ROW("b", "?", ""));
  f.options.asked = mixture_hash_asked(f.a, &asked, -1, &f.options.n_asked);
  set = data_fixture_read(&f, "d.jsonl", ROW("a", "1", "") ROW("b", "2", "") ROW("c", "3", ""));
  assert_string_equal(data_fixture_show(&f, &set.items[0]),
                      USER "c" END "\n" ASSISTANT "3" END "\n" USER "a" END "\n" ASSISTANT "[1" END "]\n");
  assert_int_equal(count_of(data_fixture_show(&f, &set.items[2]), USER), 2);
  data_fixture_end(&plain);
  data_fixture_end(&f);
}

// One that is too long is left out; a shorter one is taken still.
static void demonstrations_fit(void **state) {
  (void)state;
  data_fixture f = chatml((augmentation){.n_demonstrations = 2});
  const char *data = ROW("a", "1", "") ROW("b", "2222222222222222222222222222222222222222", "") ROW("c", "3", "");
  dataset set = data_fixture_read(&f, "d.jsonl", data);
  assert_int_equal(count_of(data_fixture_show(&f, &set.items[0]), USER), 3);
  const char *expected = USER "c" END "\n" ASSISTANT "3" END "\n" USER "a" END "\n" ASSISTANT "[1" END "]\n";
  f.options.max_length = set.items[0].n - 30;
  set = data_fixture_read(&f, "d.jsonl", data);
  assert_int_equal(set.n, 3);
  assert_int_equal(set.without_demonstrations, 3);
  assert_string_equal(data_fixture_show(&f, &set.items[0]), expected);
  for (int i = 0; i < 3; i++) assert_true(set.items[i].n <= f.options.max_length);
  f.options.max_length = set.items[0].n - 1; // none fits; b itself does not either
  set = data_fixture_read(&f, "d.jsonl", data);
  assert_string_equal(data_fixture_show(&f, &set.items[0]), USER "a" END "\n" ASSISTANT "[1" END "]\n");
  data_fixture_end(&f);
}

// --- the pool ----------------------------------------------------------------------------------------------------------

static void the_pool_is_bounded(void **state) {
  (void)state;
  augment_pool *p = augment_pool_new(POOL_BYTES);
  const strings none = {0};
  rng r = rng_new(1, RNG_TEST);
  uint64_t keys[1000];
  for (int i = 0; i < 1000; i++) {
    char prompt[32];
    keys[i] = rng_u32(&r);
    snprintf(prompt, sizeof prompt, "%d", i);
    augment_pool_add(p, "t", &(pool_candidate){.key = keys[i], .system = "", .prompt = prompt, .answer = "a"}, none);
  }
  uint32_t n;
  const pool_candidate *c = augment_pool_of(p, "t", &n);
  assert_int_equal(n, POOL_OF_TASK);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t below = 0;
    for (int k = 0; k < 1000; k++) below += keys[k] < c[i].key;
    assert_int_equal(below, i); // the lowest, in their order
    assert_int_equal(keys[atoi(c[i].prompt)], c[i].key);
  }
  char *long_answer = malloc(POOL_CANDIDATE_BYTES + 1);
  memset(long_answer, 'x', POOL_CANDIDATE_BYTES);
  long_answer[POOL_CANDIDATE_BYTES] = 0;
  augment_pool_add(p, "u", &(pool_candidate){.key = 0, .system = "", .prompt = "q", .answer = long_answer}, none);
  augment_pool_of(p, "u", &n);
  assert_int_equal(n, 0);
  augment_pool_free(p);

  // Where all tasks together are too large, each keeps as many, and the lowest.
  p = augment_pool_new(1 << 20);
  long_answer[2000] = 0;
  for (int i = 0; i < 64 * 50; i++) {
    char task[16];
    snprintf(task, sizeof task, "%d", i % 50);
    augment_pool_add(p, task, &(pool_candidate){.key = (uint64_t)(i / 50), .system = "", .prompt = "q", .answer = long_answer},
                     none);
  }
  for (int i = 0; i < 50; i++) {
    char task[16];
    snprintf(task, sizeof task, "%d", i);
    c = augment_pool_of(p, task, &n);
    assert_int_equal(n, 8); // 50 × 16 × 2 KiB are more than 1 MiB
    for (uint32_t k = 0; k < n; k++) assert_int_equal(c[k].key, k);
  }
  // And where not even one of each fits, later tasks have none.
  for (int i = 0; i < 2000; i++) {
    char task[16];
    snprintf(task, sizeof task, "more %d", i);
    augment_pool_add(p, task, &(pool_candidate){.key = 1, .system = "", .prompt = "q", .answer = long_answer}, none);
  }
  augment_pool_of(p, "0", &n);
  assert_int_equal(n, 1);
  augment_pool_of(p, "more 1999", &n);
  assert_int_equal(n, 0);
  free(long_answer);
  augment_pool_free(p);
}

// --- personas and definitions ------------------------------------------------------------------------------------------

static void personas_are_system_messages(void **state) {
  (void)state;
  data_fixture f = chatml((augmentation){.persona = 1, .n_demonstrations = 1});
  dataset set = data_fixture_read(&f, "d.jsonl",
                                  ROW("a", "1", ",\"personas\":[\"P\"]") ROW("b", "2", ",\"system\":\"Be.\",\"personas\":[\"P\"]")
                                      ROW("c", "3", "") ROW("d", "4", ",\"personas\":[\"Q\",\"P\"]"));
  assert_string_equal(data_fixture_show(&f, &set.items[1]),
                      SYSTEM "P\n\nBe." END "\n" USER "b" END "\n" ASSISTANT "[2" END "]\n");
  // Demonstrations have the persona among theirs; an example without personas takes any.
  assert_string_equal(data_fixture_show(&f, &set.items[0]),
                      SYSTEM "P" END "\n" USER "d" END "\n" ASSISTANT "4" END "\n" USER "a" END "\n" ASSISTANT "[1" END "]\n");
  const char *last = data_fixture_show(&f, &set.items[3]);
  if (!strncmp(last, SYSTEM "Q", strlen(SYSTEM "Q"))) assert_int_equal(count_of(last, USER), 1);
  else assert_non_null(strstr(last, SYSTEM "P" END "\n" USER "a" END));
  assert_null(strstr(data_fixture_show(&f, &set.items[2]), SYSTEM));
  assert_int_equal(count_of(data_fixture_show(&f, &set.items[2]), USER), 2);
  assert_int_equal(set.augmented.persona, 3);
  for (int i = 0; i < 4; i++) check_loss(&f, &set.items[i]);
  data_fixture_end(&f);
}

// Conversations of several turns have personas and definitions too; tools stay with the first message.
static void long_conversations(void **state) {
  (void)state;
  arena *a = arena_new("test");
  dataset_options o = {.augment = {.persona = 1, .definition = 1, .length_constraint = 1, .n_demonstrations = 2}};
  message turns[] = {{.role = ROLE_USER, .content = "u", .tools = "[{}]"},
                     {.role = ROLE_ASSISTANT, .content = "one of them", .train = true},
                     {.role = ROLE_USER, .content = "v"},
                     {.role = ROLE_ASSISTANT, .content = "two of them", .train = true}};
  const char *persona[] = {"P"};
  const raw_example raw = {
      .format = DATA_MESSAGES, .messages = turns, .n_messages = 4, .definition = "D", .avoid = "A", .personas = {persona, 1}};
  augment *g = augment_new(&o, "m.jsonl");
  augment_offer(g, &raw, 1);
  assert_false(augment_wants(g, &raw, 1));
  message pair[] = {turns[2], turns[3]};
  const raw_example one = {.format = DATA_MESSAGES, .messages = pair, .n_messages = 2};
  assert_true(augment_wants(g, &one, 1));
  pair[1].train = false; // what is not to be learned is not shown either
  assert_false(augment_wants(g, &one, 1));
  augmented x;
  assert_true(augment_draw(g, a, &raw, 7, &x));
  const raw_example out = augment_build(a, &x, augment_all(&x));
  assert_int_equal(out.n_messages, 5);
  assert_string_equal(out.messages[0].content, "P");
  assert_string_equal(out.messages[0].tools, "[{}]");
  assert_null(out.messages[1].tools);
  assert_string_equal(out.messages[1].content, "D\n\nThings to avoid: A\n\nu");
  assert_string_equal(out.messages[3].content, "v"); // two answers: no limit for either
  assert_true(out.messages[2].train && out.messages[4].train);
  assert_true(!out.definition && !out.avoid && !out.personas.n);
  augment_free(g);
  arena_free(a);
}

static void definitions_stand_in_front(void **state) {
  (void)state;
  data_fixture f = chatml((augmentation){.definition = 1});
  dataset set = data_fixture_read(&f, "d.jsonl",
                                  ROW("a", "1", ",\"definition\":\"D.\"") ROW("b", "2", ",\"things_to_avoid\":\"A.\"")
                                      ROW("D. c", "3", ",\"definition\":\"D.\"")
                                          ROW("d", "4", ",\"definition\":\"\",\"things_to_avoid\":null"));
  assert_string_equal(data_fixture_show(&f, &set.items[0]), USER "D.\n\na" END "\n" ASSISTANT "[1" END "]\n");
  assert_string_equal(data_fixture_show(&f, &set.items[1]), USER "Things to avoid: A.\n\nb" END "\n" ASSISTANT "[2" END "]\n");
  assert_string_equal(data_fixture_show(&f, &set.items[2]), USER "D. c" END "\n" ASSISTANT "[3" END "]\n");
  assert_string_equal(data_fixture_show(&f, &set.items[3]), USER "d" END "\n" ASSISTANT "[4" END "]\n");
  assert_int_equal(set.augmented.definition, 2);
  f.options.augment.n_demonstrations = 1; // before the demonstration, for which it holds too
  set = data_fixture_read(&f, "d.jsonl", ROW("a", "1", ",\"definition\":\"D.\"") ROW("b", "2", ",\"definition\":\"D.\""));
  assert_string_equal(data_fixture_show(&f, &set.items[0]),
                      USER "D.\n\nb" END "\n" ASSISTANT "2" END "\n" USER "a" END "\n" ASSISTANT "[1" END "]\n");
  data_fixture_end(&f);
}

// --- length constraints ------------------------------------------------------------------------------------------------

static const struct {
  const char *answer;
  augment_lengths expected;
} counted[] = {
    {"", {0, 0, 0}},
    {"Yes", {1, 0, 3}},
    {"Yes.", {1, 1, 4}},
    {"It is a dog. It barks!", {6, 2, 22}},
    {"Is it 3.5 or 4? It is 3.5.", {8, 2, 26}},
    {"Two\nlines here", {3, 0, 14}},
    {"- an item", {0, 0, 9}},                            // "-" is no word to everyone
    {"a and/or b", {0, 0, 10}},                          // one word or two?
    {"It is \xE2\x80\x94 well.", {0, 1, 13}},            // a dash
    {"Caf\xC3\xA9 \xC3\xA0 Paris", {3, 0, 12}},          // letters of two bytes
    {"\xE4\xBD\xA0\xE5\xA5\xBD\xE3\x80\x82", {0, 1, 3}}, // 你好。
    {"\xE4\xBD\xA0\xE3\x80\x82\xE6\x88\x91\xE3\x80\x82", {0, 2, 4}},
    {"Dr. Smith came. He left.", {5, 0, 24}}, // a title
    {"Mr. J. Doe came.", {4, 0, 16}},
    {"Bring tea, milk, etc. Then go.", {6, 0, 30}},
    {"It has legs, e.g. Two.", {5, 0, 22}},
    {"1. One thing.", {3, 0, 13}}, // a numbered item
    {"It was in 1990. He left.", {6, 2, 24}},
    {"Well... No.", {2, 0, 11}},
    {"He said \"Stop.\" Then he left.", {6, 0, 29}},
    {"He said \"Stop.\"", {3, 1, 15}},
    {"Look at example.com. it is", {5, 0, 26}}, // no capital behind the dot
    {"Wait. what?", {2, 0, 11}},
    {"No end", {2, 0, 6}},
    {" spaces around ", {2, 0, 0}},
    {"\xD0\x9E\xD0\xBD \xD1\x82\xD1\x83\xD1\x82\xD0\xB0. \xD0\x94\xD0\xB0.", {3, 2, 12}}, // Он тута. Да.
    {"\xD0\xB3. \xD0\x9E\xD0\xBC\xD1\x81\xD0\xBA.", {2, 0, 8}},                           // г. Омск.
    {"bad \xFF byte", {3, 0, 10}},
};

static void lengths_are_counted(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof counted / sizeof *counted; i++) {
    const augment_lengths found = augment_length_count(counted[i].answer), wanted = counted[i].expected;
    if (found.words != wanted.words || found.sentences != wanted.sentences || found.characters != wanted.characters)
      fail_msg("'%s': expected %u %u %u, found %u %u %u", counted[i].answer, wanted.words, wanted.sentences, wanted.characters,
               found.words, found.sentences, found.characters);
  }
}

// The counts of the test's own: pieces between blanks; those of them that end like a sentence; bytes that begin a character.
static long count_independently(const char *answer, const char *unit) {
  long words = 0, sentences = 0, characters = 0;
  arena *a = arena_new("words");
  char *copy = arena_strdup(a, answer);
  for (const char *c = answer; *c; c++) characters += ((unsigned char)*c & 0xC0) != 0x80;
  for (char *word = strtok(copy, " \t\n"); word; word = strtok(NULL, " \t\n")) {
    size_t n = strlen(word);
    while (n && strchr("\"')", word[n - 1])) n--;
    words++;
    sentences += n && strchr(".!?", word[n - 1]);
    for (const char *at = word; (at = strstr(at, "\xE3\x80\x82")); at++) sentences++;
  }
  arena_free(a);
  return strstr(unit, "word") ? words : strstr(unit, "sentence") ? sentences : characters;
}

typedef struct stated {
  long least, most;
  bool exactly;
} stated;

static stated read_limit(const char *sentence) {
  long numbers[2];
  int n = 0;
  for (const char *c = sentence; *c;) {
    if (*c < '0' || *c > '9') {
      c++;
      continue;
    }
    assert_true(n < 2);
    char *end;
    numbers[n++] = strtol(c, &end, 10);
    c = end;
  }
  assert_true(n > 0);
  if (n == 2) return (stated){numbers[0], numbers[1], false};
  if (strstr(sentence, "exactly")) return (stated){numbers[0], numbers[0], true};
  if (strstr(sentence, "at least") || strstr(sentence, "no fewer than") || strstr(sentence, "shorter than"))
    return (stated){numbers[0], 1 << 30, false};
  if (!strstr(sentence, "at most") && !strstr(sentence, "more than") && !strstr(sentence, "up to")) fail_msg("%s", sentence);
  return (stated){0, numbers[0], false};
}

static void put_answer(rng *r, text *out) {
  static const char *const words[] = {
      "the",  "red", "caf\xC3\xA9", "Paris", "of",         "3.5",  "1990", "don't",
      "walk", "Dr",  "e.g",         "x=1",   "\"quoted\"", "long", "and",  "\xD0\xB4\xD0\xBE\xD0\xBC"};
  static const char *const ends[] = {".", ".", ".", "!", "?", "", "...", ".\n", " -", ".\""};
  if (!rng_below(r, 8)) {
    for (uint32_t n = 1 + rng_below(r, 30); n; n--) text_puts(out, "\xE4\xBD\xA0\xE5\xA5\xBD\xE3\x80\x82");
    return;
  }
  for (uint32_t n = 1 + rng_below(r, 6); n; n--) {
    text_puts(out, "It");
    for (uint32_t k = rng_below(r, n == 1 && !rng_below(r, 9) ? 300 : 12); k; k--)
      text_printf(out, " %s", words[rng_below(r, sizeof words / sizeof *words)]);
    text_puts(out, ends[rng_below(r, rng_below(r, 2) ? 5 : sizeof ends / sizeof *ends)]);
    if (n > 1) text_putc(out, ' ');
  }
}

// Behind a prompt that has words of limits itself, it is found with its numbers, and a count of any answer fulfils it where the
// count for sure does.
static void check_found(const char *answer, const char *sentence, stated wanted) {
  text prompt = {0};
  augment_limit found;
  text_printf(&prompt, "Use no more than 3 commas. Answer in at most 9 words. Do it.\n%s<|im_end|>\n", sentence);
  if (!augment_length_find(prompt.data, &found)) fail_msg("not found again: %s", sentence);
  assert_int_equal(found.least, wanted.least);
  assert_int_equal(found.most, wanted.most == 1 << 30 ? UINT32_MAX : (uint32_t)wanted.most);
  const char *const units[] = {"word", "sentence", "character"};
  assert_non_null(strstr(sentence, units[found.unit]));
  assert_in_range(augment_length_measure(answer, found.unit), found.least, found.most);
  text_free(&prompt);
}

static void limits_are_found(void **state) {
  (void)state;
  augment_limit l;
  assert_false(augment_length_find("", &l));
  assert_false(augment_length_find("Answer in at most twenty words. answer in at most 2 words. Answer in at most 2 wordss", &l));
  assert_false(augment_length_find("Answer in at most 1234567890 words.", &l));
  assert_true(augment_length_find("Use exactly 1 word. Use between 2 and 40 characters (with spaces).", &l));
  assert_true(l.unit == AUGMENT_CHARACTERS && l.least == 2 && l.most == 40);
  const struct {
    const char *answer;
    uint32_t words, sentences, characters;
  } answers[] = {{"", 0, 0, 0},
                 {" one / two \n", 3, 1, 9},
                 {"Dr. No came. He left", 5, 3, 20}, // "Dr." ends one too: without scruples
                 {"3.5 kg! \"Really?\" Yes", 4, 3, 21},
                 {"好。好", 1, 2, 3}};
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
    assert_int_equal(augment_length_measure(answers[i].answer, AUGMENT_WORDS), answers[i].words);
    assert_int_equal(augment_length_measure(answers[i].answer, AUGMENT_SENTENCES), answers[i].sentences);
    assert_int_equal(augment_length_measure(answers[i].answer, AUGMENT_CHARACTERS), answers[i].characters);
  }
}

static void every_limit_is_fulfilled(void **state) {
  (void)state;
  rng r = rng_new(7, RNG_TEST);
  int n_stated = 0, n_exact = 0, n_of[3] = {0}, n_given_away = 0;
  for (int i = 0; i < 4000; i++) {
    text answer = {0}, sentence = {0};
    put_answer(&r, &answer);
    if (augment_length_put(answer.data, &r, &sentence)) {
      const stated limit = read_limit(sentence.data);
      const long n = count_independently(answer.data, sentence.data);
      if (n < limit.least || n > limit.most) fail_msg("%s\nis not fulfilled by the %ld of:\n%s", sentence.data, n, answer.data);
      check_found(answer.data, sentence.data, limit);
      n_of[strstr(sentence.data, "word") ? 0 : strstr(sentence.data, "sentence") ? 1 : 2]++;
      n_exact += limit.exactly;
      n_given_away += limit.least == n || limit.most == n;
      n_stated++;
    } else {
      assert_int_equal(sentence.length, 0);
    }
    text_free(&answer), text_free(&sentence);
  }
  assert_true(n_stated > 2000 && n_exact > 100);
  for (int i = 0; i < 3; i++) assert_true(n_of[i] > 200);
  assert_true(n_given_away < n_stated / 2);
}

static void limits_stand_behind_the_prompt(void **state) {
  (void)state;
  data_fixture f = chatml((augmentation){.length_constraint = 1});
  dataset set = data_fixture_read(&f, "d.jsonl",
                                  ROW("Say it.", "Two words", "") ROW("No stop", "Two words", "") ROW("Say it.", "Word", "")
                                      ROW("Say it.", "Two words", ",\"choices\":[\"Two words\",\"b\"]")
                                          ROW("Say it.", "Two words", ",\"history\":[[\"x\",\"y z\"]]"));
  assert_int_equal(set.augmented.length_constraint, 2);
  const char *limit = strstr(data_fixture_show(&f, &set.items[0]), USER "Say it. ");
  assert_non_null(limit);
  assert_non_null(strstr(limit, "." END "\n" ASSISTANT "[Two words" END "]\n"));
  assert_non_null(strstr(data_fixture_show(&f, &set.items[1]), USER "No stop\n\n"));
  for (int i = 2; i < 5; i++) assert_non_null(strstr(data_fixture_show(&f, &set.items[i]), USER "Say it." END));
  for (int i = 0; i < 4; i++) check_loss(&f, &set.items[i]);
  data_fixture_end(&f);
}

// --- draws -------------------------------------------------------------------------------------------------------------

static char *many_rows(arena *a, int n) {
  text data = {0};
  for (int i = 0; i < n; i++)
    text_printf(&data, ROW("Question %d?", "The answer to it is %d.", ",\"personas\":[\"P\",\"Q\"],\"definition\":\"D\""), i, i);
  char *kept = arena_strdup(a, data.data);
  text_free(&data);
  return kept;
}

static bool same_tokens(const dataset *x, const dataset *y) {
  return x->n == y->n && dataset_hash(x) == dataset_hash(y);
}

static void the_seed_decides(void **state) {
  (void)state;
  const augmentation all = {.n_demonstrations = 2, .persona = 0.5, .length_constraint = 0.5, .definition = 0.5};
  data_fixture f = chatml(all);
  const char *data = many_rows(f.a, 100);
  dataset first = data_fixture_read(&f, "d.jsonl", data), again = data_fixture_read(&f, "elsewhere/d.jsonl", data), other;
  assert_true(same_tokens(&first, &again));
  int n_one = 0; // what one augmentation draws says nothing of another
  for (int i = 0; i < 100; i++) {
    const char *shown = data_fixture_show(&f, &first.items[i]);
    n_one += !strstr(shown, SYSTEM) != !strstr(shown, USER "D\n\n");
  }
  assert_in_range(n_one, 30, 70);
  f.options.seed = 43;
  other = data_fixture_read(&f, "d.jsonl", data);
  assert_false(same_tokens(&first, &other));
  // Behind another file, in one set, it is the same.
  f.options.seed = 42;
  err e = {0};
  dataset both = {0};
  assert_true(dataset_read_memory(f.a, "a.jsonl", ROW("x", "y", ""), strlen(ROW("x", "y", "")), &f.options, &both, &e));
  assert_true(dataset_read_memory(f.a, "d.jsonl", data, strlen(data), &f.options, &both, &e));
  for (int i = 0; i < 100; i++)
    assert_string_equal(data_fixture_show(&f, &both.items[i + 1]), data_fixture_show(&f, &first.items[i]));
  // One augmentation does not change what another draws: with all of them, the limits are those of limits alone.
  f.options.augment = (augmentation){.length_constraint = 0.5};
  other = data_fixture_read(&f, "d.jsonl", data);
  for (int i = 0; i < 100; i++) {
    const char *alone = strstr(data_fixture_show(&f, &other.items[i]), "Question");
    assert_non_null(strstr(data_fixture_show(&f, &first.items[i]), alone));
  }
  data_fixture_end(&f);
}

static void shares_are_kept(void **state) {
  (void)state;
  data_fixture f = chatml((augmentation){.persona = 0.3, .length_constraint = 0.6, .definition = 0.1});
  dataset set = data_fixture_read(&f, "d.jsonl", many_rows(f.a, 1000));
  assert_in_range(set.augmented.persona, 250, 350); // three standard deviations are 43, 46 and 28
  assert_in_range(set.augmented.length_constraint, 550, 650);
  assert_in_range(set.augmented.definition, 70, 130);
  int n_p = 0;
  for (int i = 0; i < 1000; i++) n_p += strstr(data_fixture_show(&f, &set.items[i]), SYSTEM "P") != NULL;
  assert_in_range(n_p, 100, 200); // the other half is Q
  data_fixture_end(&f);
}

// Duplicates and leaked prompts are told by what the examples were before.
static void mixtures_see_through(void **state) {
  (void)state;
  const augmentation all = {.n_demonstrations = 2, .persona = 0.5, .length_constraint = 1, .definition = 0.5};
  data_fixture f = chatml((augmentation){0});
  dataset eval = data_fixture_read(&f, "e.jsonl", ROW("Question 7?", "?", "") ROW("Question 1000?", "?", ""));
  f.options.augment = all;
  dataset train = data_fixture_read(&f, "d.jsonl", arena_printf(f.a, "%s%s", many_rows(f.a, 20), many_rows(f.a, 10)));
  assert_int_equal(mixture_drop_duplicates(&train), 10);
  assert_int_equal(mixture_drop_leaked(&train, &eval), 1);
  for (uint64_t i = 0; i < train.n; i++) assert_int_not_equal(train.items[i].line, 8);
  data_fixture_end(&f);
}

// Other forms: rows of several examples are drawn for each; text, tokens and task files stay as they are.
static void other_forms(void **state) {
  (void)state;
  const augmentation all = {.n_demonstrations = 1, .persona = 1, .length_constraint = 1, .definition = 1};
  data_fixture f = chatml(all), plain = chatml((augmentation){0});
  dataset set =
      data_fixture_read(&f, "seed.json",
                        "[{\"instruction\":\"Say\",\"definition\":\"D\",\"instances\":[{\"input\":\"i\",\"output\":\"a b "
                        "c\"},{\"input\":\"j\",\"output\":\"d e f\"}]}]");
  for (int i = 0; i < 2; i++) {
    assert_int_equal(count_of(data_fixture_show(&f, &set.items[i]), USER), 2);
    check_loss(&f, &set.items[i]);
  }
  text row = {0};
  text_puts(&row, "{\"instruction\":\"Say\",\"personas\":[\"P\"],\"instances\":[");
  for (int i = 0; i < 100; i++) text_printf(&row, "%s{\"input\":\"%d\",\"output\":\"o\"}", i ? "," : "", i);
  text_puts(&row, "]}\n");
  f.options.augment = (augmentation){.persona = 0.5};
  set = data_fixture_read(&f, "seed.jsonl", row.data);
  assert_in_range(set.augmented.persona, 30, 70); // those of one row draw for themselves
  text_free(&row);
  f.options.augment = all;
  const char *const others[] = {
      "{\"text\":\"Some text.\",\"personas\":[\"P\"],\"definition\":\"D\"}",
      "{\"input_ids\":[1,2,3],\"labels\":[1,2,3],\"personas\":[\"P\"]}",
      "{\"segments\":[{\"label\":true,\"text\":\"a b\"}],\"definition\":\"D\"}",
      "{\"Definition\":[\"D\"],\"personas\":[\"P\"],\"definition\":\"E\",\"Positive "
      "Examples\":[],\"Instances\":[{\"input\":\"i\","
      "\"output\":[\"a b c\"]},{\"input\":\"j\",\"output\":[\"d e f\"]}]}",
  };
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    dataset with = data_fixture_read(&f, "o.json", others[i]), without = data_fixture_read(&plain, "o.json", others[i]);
    assert_true(same_tokens(&with, &without));
  }
  data_fixture_end(&f);
  data_fixture_end(&plain);
}

static void bad_fields(void **state) {
  (void)state;
  static const struct {
    const char *field, *message;
  } bad[] = {
      {"\"definition\":7", "d.jsonl:1: definition: expected a string, found the number 7"},
      {"\"definition\":[\"D\"]", "d.jsonl:1: definition: expected a string, found an array of 1"},
      {"\"things_to_avoid\":{}", "d.jsonl:1: things_to_avoid: expected a string, found an object"},
      {"\"personas\":\"P\"", "d.jsonl:1: personas: expected a list of strings, found a string \"P\""},
      {"\"personas\":[]", "d.jsonl:1: personas: expected a list of strings, found an array of 0"},
      {"\"personas\":[\"P\",3]", "d.jsonl:1: personas: expected strings only, found the number 3"},
      {"\"personas\":[\"P\",\"\"]", "d.jsonl:1: personas[1]: expected a system message, found an empty string"},
  };
  data_fixture f = chatml((augmentation){0}); // wrong whether they are used or not
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const char *row = arena_printf(f.a, "{\"instruction\":\"a\",\"output\":\"b\",%s}", bad[i].field);
    data_fixture_refuse(&f, "d.jsonl", row, strlen(row), bad[i].message);
    f.options.augment = (augmentation){.n_demonstrations = 1, .persona = 1, .definition = 1}; // the first pass hides nothing
  }
  data_fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(demonstrations_are_turns_without_loss),
      cmocka_unit_test(no_demonstration_is_the_example),
      cmocka_unit_test(what_demonstrates_nothing),
      cmocka_unit_test(demonstrations_fit),
      cmocka_unit_test(the_pool_is_bounded),
      cmocka_unit_test(personas_are_system_messages),
      cmocka_unit_test(long_conversations),
      cmocka_unit_test(definitions_stand_in_front),
      cmocka_unit_test(lengths_are_counted),
      cmocka_unit_test(limits_are_found),
      cmocka_unit_test(every_limit_is_fulfilled),
      cmocka_unit_test(limits_stand_behind_the_prompt),
      cmocka_unit_test(the_seed_decides),
      cmocka_unit_test(shares_are_kept),
      cmocka_unit_test(mixtures_see_through),
      cmocka_unit_test(other_forms),
      cmocka_unit_test(bad_fields),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
