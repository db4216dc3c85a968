// The stages of a tokenizer one by one, in small tokenizers. What is expected where was computed with `tokenizers` 0.23.
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "data/tokenizer_parts.h"

static void must(bool ok, const err *e) {
  if (!ok) fail_msg("%s", e->message);
}

static tokenizer *read_source(arena *a, const char *source) {
  tokenizer *t = NULL;
  err e = {0};
  must(tokenizer_parse(a, "test.json", source, strlen(source), &t, &e), &e);
  return t;
}

// ---- pre-tokenizers ----

#define BYTE_LEVEL(prefix, use_regex) \
  "{\"type\":\"ByteLevel\",\"add_prefix_space\":" prefix ",\"trim_offsets\":true,\"use_regex\":" use_regex "}"
#define SEQUENCE(first, second) "{\"type\":\"Sequence\",\"pretokenizers\":[" first "," second "]}"
#define DIGITS(individual) "{\"type\":\"Digits\",\"individual_digits\":" individual "}"
#define SPLIT_BY(kind, pattern, behavior, invert) \
  "{\"type\":\"Split\",\"pattern\":{\"" kind "\":\"" pattern "\"},\"behavior\":\"" behavior "\",\"invert\":" invert "}"
#define SPLIT(pattern, behavior, invert) SPLIT_BY("Regex", pattern, behavior, invert)
#define SPLIT_STRING(pattern, behavior, invert) SPLIT_BY("String", pattern, behavior, invert)
#define METASPACE(scheme, split) \
  "{\"type\":\"Metaspace\",\"replacement\":\"\342\226\201\",\"prepend_scheme\":\"" scheme "\",\"split\":" split "}"

// The patterns of Llama 3, Qwen 2 and o200k.
#define SUFFIXES "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define SPACES "|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"
#define WORDS(digits) \
  SUFFIXES "|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|" digits "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*" SPACES
#define LLAMA3 WORDS("\\\\p{N}{1,3}")
#define QWEN2 WORDS("\\\\p{N}")
#define UPPER "[\\\\p{Lu}\\\\p{Lt}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]"
#define LOWER "[\\\\p{Ll}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]"
#define OTHER "[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?"
#define O200K                                                                \
  OTHER UPPER "*" LOWER "+" SUFFIXES "?|" OTHER UPPER "+" LOWER "*" SUFFIXES \
              "?|\\\\p{N}{1,3}"                                              \
              "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n/]*" SPACES

#define ENGLISH                                                                       \
  "I'm \305\234'LL  go\t\tto 1234 \302\275 caf\303\251s\342\200\246\r\n\r\n  now!!\n" \
  " ok \341\240\216\302\240x\342\200\203\342\200\203y"
// With U+31350, U+1E4D0 and U+1C89, which are letters since Unicode 15.0, 15.0 and 16.0.
#define OTHERS "\344\273\226\344\273\254'S \305\277'\305\277 'Re x'd\360\261\215\220's\360\236\223\220 \341\262\211"

typedef struct split_case {
  const char *pre_tokenizer, *text, *words; // words with | between
} split_case;

static const split_case splits[] = {
    {BYTE_LEVEL("false", "true"), ENGLISH,
     "I|'m| \305\234|'|LL| | go|\t|\t|to| 1234| \302\275| caf\303\251s|"
     "\342\200\246|\r\n\r\n | now|!!|\n| ok| \341\240\216|\302\240|x|\342\200\203|\342\200\203|y"},
    {BYTE_LEVEL("false", "true"), OTHERS,
     "\344\273\226\344\273\254|'|S| \305\277|'|\305\277| '|Re| x|'d|\360\261\215\220|'s|\360\236\223\220| \341\262\211"},
    {BYTE_LEVEL("true", "true"), "x y", " x| y"},
    {BYTE_LEVEL("true", "true"), " x", " x"},
    {SEQUENCE(SPLIT(LLAMA3, "Isolated", "false"), BYTE_LEVEL("false", "false")), ENGLISH,
     "I|'m| \305\234|'LL| | go|\t|\tto| |"
     "123|4| |\302\275| caf\303\251s|\342\200\246\r\n\r\n| | now|!!\n| ok| \341\240\216|\302\240x|\342\200\203|\342\200\203y"},
    {SEQUENCE(SPLIT(LLAMA3, "Isolated", "false"), BYTE_LEVEL("false", "false")), OTHERS,
     "\344\273\226\344\273\254|'S| \305\277|'\305\277| '|Re| x|'d|\360\261\215\220|'s|\360\236\223\220| \341\262\211"},
    {SEQUENCE(SPLIT(QWEN2, "Isolated", "false"), BYTE_LEVEL("false", "false")), ENGLISH,
     "I|'m| \305\234|'LL| | go|\t|\tto| |"
     "1|2|3|4| |\302\275| caf\303\251s|\342\200\246\r\n\r\n| | now|!!\n| ok| \341\240\216|\302\240x|\342\200\203|\342\200\203y"},
    {SEQUENCE(SPLIT(O200K, "Removed", "true"), BYTE_LEVEL("false", "false")), "HelloWorld iPhone's don'T ABC123/\n",
     "Hello|World| i|Phone's| don'T| ABC|123|/\n"},
    {SEQUENCE(DIGITS("true"), BYTE_LEVEL("false", "true")), "a12 \331\243\302\262\342\205\247 3\360\221\267\241b",
     "a|1|2| |\331\243|\302\262|\342\205\247| |3|\360\221\267\241|b"},
    {DIGITS("false"), "a12 \331\243\302\262\342\205\247 3b", "a|12| |\331\243\302\262\342\205\247| |3|b"},
    {SPLIT_STRING(".*", "Removed", "false"), "a.*b.c.*", "a|b.c"},
    {SPLIT_STRING(" ", "MergedWithPrevious", "false"), " ab c  d ", " |ab |c | |d "},
    {SPLIT("x*", "Isolated", "false"), "a\303\251xxb", "a|\303\251|xx|b"},
    {SPLIT("^a|b$", "Isolated", "false"), "ab\nab", "a|b|\n|a|b"},
    {SPLIT("[a-c]+", "Removed", "true"), "xabcybz", "abc|b"},
    {SPLIT("(?<=a)b|(?<!a)c", "Isolated", "false"), "ab bc acc", "a|b| b|c| ac|c"},
    {SPLIT("a{2}|b{1,2}|c{2,}|\\\\{x\\\\}|{", "Isolated", "false"), "aaabbbccc{x}{", "aa|a|bb|b|ccc|{x}|{"},
    {SPLIT("\\\\x41|\\\\x{42}|\\\\u0043|\\\\t|\\\\v", "Isolated", "false"), "ABC\t\013\014", "A|B|C|\t|\013|\014"},
    {SPLIT("[\\\\s\\\\d\\\\]^-]+|[^\\\\p{Lu}]", "Isolated", "false"), "a ]^-1A\343\200\200", "a| ]^-1|A|\343\200\200"},
    {SPLIT("\\\\p{Han}+|\\\\P{L}|\\\\p{^N}", "Isolated", "false"), "\344\270\255\343\200\205\343\203\274\345\233\275a1",
     "\344\270\255\343\200\205|\343\203\274|\345\233\275|a|1"},
    {METASPACE("always", "true"), " a b  c", "\342\226\201a|\342\226\201b|\342\226\201|\342\226\201c"},
    {METASPACE("always", "false"), " a b  c", "\342\226\201a\342\226\201b\342\226\201\342\226\201c"},
    {METASPACE("first", "true"), " a b  c", "\342\226\201a|\342\226\201b|\342\226\201|\342\226\201c"},
    {METASPACE("first", "false"), " a b  c", "\342\226\201a\342\226\201b\342\226\201\342\226\201c"},
    {METASPACE("never", "true"), " a b  c", "\342\226\201a|\342\226\201b|\342\226\201|\342\226\201c"},
    {METASPACE("never", "false"), " a b  c", "\342\226\201a\342\226\201b\342\226\201\342\226\201c"},
    {METASPACE("always", "true"), "\342\226\201a\342\226\201\342\226\201b ",
     "\342\226\201a|\342\226\201|\342\226\201b|\342\226\201"},
};

static bool join_word(void *context, const piece *word, err *e) {
  (void)e;
  text *joined = context;
  if (joined->length) text_putc(joined, '|');
  text_put(joined, word->s, (size_t)word->n);
  return true;
}

static void words_are_those_of_tokenizers(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
    arena *a = arena_new("test");
    tokenizer *t = read_source(
        a, arena_printf(a, "{\"pre_tokenizer\":%s,\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}", splits[i].pre_tokenizer));
    text joined = {0};
    err e = {0};
    pretokenize_run run = {.steps = &t->pretokenizer, .memory = a, .word = join_word, .context = &joined};
    piece p = {.s = splits[i].text, .n = strlen(splits[i].text)};
    must(pretokenize(&run, &p, &e), &e);
    assert_string_equal(joined.data, splits[i].words);
    text_free(&joined);
    regex_work_free(&run.regex);
    tokenizer_free(t);
    arena_free(a);
  }
}

// What Oniguruma and PCRE2 may read differently is not taken.
static void doubtful_patterns_are_refused(void **state) {
  (void)state;
  static const char *const doubtful[] = {"\\w",    "\\h",     "\\b",   "\\1",   "\\K",         "\\",        "[a[b]]",
                                         "[a&&b]", "[]a]",    "[a",    "[\\S]", "[\\P{L}]",    "[a-\\s]",   "[\\s-a]",
                                         "(?m:a)", "(?<n>a)", "(?i)a", "a{,2}", "a{2}+",       "a{2}?",     "\\p{L&}",
                                         "\\pL",   "\\x{}",   "\\u12", "\\p{L", "[[:alpha:]]", "\\\xC3\xA9"};
  for (size_t i = 0; i < sizeof doubtful / sizeof *doubtful; i++) {
    text out = {0};
    err e = {0};
    if (regex_translate(doubtful[i], &out, &e)) fail_msg("%s was taken, as %s", doubtful[i], out.data);
    assert_non_null(strstr(e.message, "the pattern has "));
    text_free(&out);
  }
}

// A pattern that backtracks without end is given up, not waited for.
static void endless_patterns_are_given_up(void **state) {
  (void)state;
  arena *a = arena_new("test");
  tokenizer *t = read_source(a, "{\"pre_tokenizer\":" SPLIT("(?:a|a)*(?:a|a)*[cd]", "Isolated",
                                                            "false") ",\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}");
  char many[64];
  token_list out = {0};
  err e = {0};
  memset(many, 'a', sizeof many);
  assert_false(tokenizer_encode(t, many, sizeof many, NULL, false, &out, &e));
  assert_non_null(strstr(e.message, "splitting the text at byte 0 failed"));
  token_list_free(&out);
  tokenizer_free(t);
  arena_free(a);
}

// ---- added tokens, in a vocabulary of bytes: ids below 256 are the bytes of the normalised text ----

typedef struct added {
  const char *content, *flags; // special, lstrip, rstrip, normalized, single (w)ord
} added;

static tokenizer *byte_tokenizer(arena *a, const char *stage, const added *tokens, int n) {
  text s = {0};
  text_puts(&s, "{\"added_tokens\":[");
  for (int i = 0; i < n && tokens[i].content; i++) {
    text_printf(&s, "%s{\"id\":%d,\"content\":", i ? "," : "", 256 + i);
    json_put_string(&s, tokens[i].content);
    static const char *const names[] = {"special", "lstrip", "rstrip", "normalized", "single_word"};
    for (int k = 0; k < 5; k++) text_printf(&s, ",\"%s\":%s", names[k], strchr(tokens[i].flags, "slrnw"[k]) ? "true" : "false");
    text_puts(&s, "}");
  }
  text_printf(&s, "],\"normalizer\":%s,\"model\":{\"byte_fallback\":true,\"vocab\":{", stage ? stage : "null");
  for (int b = 0; b < 256; b++) text_printf(&s, "%s\"<0x%02X>\":%d", b ? "," : "", (unsigned)b, b);
  text_puts(&s, "},\"merges\":[]}}");
  tokenizer *t = read_source(a, arena_strndup(a, s.data, s.length));
  text_free(&s);
  return t;
}

// Bytes as they are, added tokens as [0], [1]…; with `offsets` each as {begin,end} behind it.
static text render(const tokenizer *t, const char *s, const char *marks, bool offsets) {
  text out = {0};
  token_list list = {0};
  uint8_t content[256] = {0};
  err e = {0};
  for (size_t i = 0; marks && marks[i]; i++) content[i] = marks[i] == 'c';
  must(tokenizer_encode(t, s, strlen(s), marks ? content : NULL, false, &list, &e), &e);
  text_put(&out, "", 0);
  for (uint64_t i = 0; i < list.n; i++) {
    const token *x = &list.items[i];
    if (x->id < 256) text_putc(&out, (char)x->id);
    else text_printf(&out, "[%d]", x->id - 256);
    if (offsets) text_printf(&out, "{%u,%u}", x->begin, x->end);
  }
  token_list_free(&list);
  return out;
}

#define PREPEND "{\"type\":\"Prepend\",\"prepend\":\"_\"}"
#define PREPEND_AND_REPLACE                            \
  "{\"type\":\"Sequence\",\"normalizers\":[" PREPEND   \
  ",{\"type\":\"Replace\",\"pattern\":{\"String\":\" " \
  "\"},\"content\":\"_\"}]}"

typedef struct added_case {
  added tokens[3];
  const char *normalizer, *text, *ids;
} added_case;

static const added_case added_cases[] = {
    {{{"<a>", "s"}, {"<a><b>", "s"}, {"b>", ""}}, NULL, "x<a><b>y<a>b>b><a", "x[1]y[0][2][2]<a"}, // the longest
    {{{"<l>", "l"}, {"<r>", "r"}}, NULL, "a \t<l> b <r>\343\200\200\n c<r> <l> <r>", "a[0] b [1]c[1][0] [1]"},
    {{{"<r>", "r"}, {"\n", ""}}, NULL, "<r> \n x", "[0][1] x"}, // in what another has stripped
    {{{"cat", "w"}},
     NULL,
     "cat cats acat cat_ \303\251cat cat\314\201 (cat) cat1 cat",
     "[0] cats acat cat_ \303\251cat cat\314\201 ([0]) cat1 [0]"},
    {{{"cat", "w"}, {"catcat", ""}}, NULL, "catcat cat", "[1] [0]"},
    {{{"<n>", "n"}, {"<m>", ""}}, PREPEND_AND_REPLACE, "a <n> <m> b<n>", "_a[0]_[1]__b<n>"},
    {{{"Ab", "n"}}, "{\"type\":\"Replace\",\"pattern\":{\"String\":\"b\"},\"content\":\"c\"}", "Ab Ac ab", "[0] [0] ac"},
    {{{"<s>", "s"}}, PREPEND, "<s>a<s>", "[0]_a[0]"},
    {{{"\303\251", "n"}}, "{\"type\":\"NFC\"}", "e\314\201\314\201 caf\303\251", "[0]\314\201 caf[0]"},
    {{{"ab", ""}},
     "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"aa\"},\"content\":\"\"},"
     "{\"type\":\"Replace\",\"pattern\":{\"String\":\"x\"},\"content\":\"yz\"}]}",
     "aaaax ab aa",
     "yz [0] "},
};

static void added_tokens_are_found_as_tokenizers_does(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof added_cases / sizeof *added_cases; i++) {
    arena *a = arena_new("test");
    tokenizer *t = byte_tokenizer(a, added_cases[i].normalizer, added_cases[i].tokens, 3);
    text got = render(t, added_cases[i].text, NULL, false);
    assert_string_equal(got.data, added_cases[i].ids);
    text_free(&got);
    tokenizer_free(t);
    arena_free(a);
  }
}

// marks: content where one stands.
typedef struct marked_case {
  const char *text, *marks, *ids;
} marked_case;

static void check_marked(const added *tokens, int n_tokens, const marked_case *rows, size_t n) {
  arena *a = arena_new("test");
  tokenizer *t = byte_tokenizer(a, NULL, tokens, n_tokens);
  for (size_t i = 0; i < n; i++) {
    text got = render(t, rows[i].text, rows[i].marks, false);
    assert_string_equal(got.data, rows[i].ids);
    text_free(&got);
  }
  tokenizer_free(t);
  arena_free(a);
}

static void content_ends_a_match_and_what_it_strips(void **state) {
  (void)state;
  static const added tokens[] = {{"<a>", "s"}, {"<a><b>", "s"}, {"<r>", "sr"}, {"<l>", "sl"}, {"<n>", "sn"}};
  static const marked_case rows[] = {
      {"<a><b>", "      ", "[1]"},    {"<a><b>", "   c  ", "[0]<b>"}, // the longest that touches no content
      {"<a><b>", "c     ", "<a><b>"}, {"<a><a>", "ccc   ", "<a>[0]"}, {"<<a>", "c   ", "<[0]"},
      {"<r>  x", "   c  ", "[2]  x"}, {"<r>  x", "    c ", "[2] x"},  {"x  <l>", " c    ", "x [3]"},
      {"x  <l>", "  c   ", "x  [3]"}, {"a<n>", "c   ", "a[4]"},       {"a<n>", "  c ", "a<n>"},
  };
  check_marked(tokens, 5, rows, sizeof rows / sizeof *rows);
}

// Runs of white space and <think> are ordinary text to transformers and llama.cpp; <|x|> is not, whatever the file calls it.
static void content_has_added_tokens_that_control_nothing(void **state) {
  (void)state;
  static const added tokens[] = {{"\n\n", ""}, {"<think>", ""}, {"<|x|>", ""}, {"<s>", "s"}, {"<n>", "n"}, {"<l>", "l"}};
  static const marked_case rows[] = {
      {"a\n\nb", "cccc", "a[0]b"},        {"a\n\nb", "  cc", "a[0]b"}, // across the border too
      {"<think>b", "cccccccc", "[1]b"},   {"<|x|>\n\n", "ccccccc", "<|x|>[0]"},
      {"<|x|>\n\n", "     cc", "[2][0]"}, {"<s><think>", "cccccccccc", "<s>[1]"},
      {"a<n>", "cccc", "a[4]"},           {"a  <l>", "cccccc", "a[5]"},
  };
  check_marked(tokens, 6, rows, sizeof rows / sizeof *rows);
}

// A control token that merges, too, would spell.
static const char merging[] =
    "{\"added_tokens\":[{\"id\":3,\"content\":\"ab\",\"single_word\":true,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,"
    "\"special\":true},"
    "{\"id\":2,\"content\":\"b\",\"single_word\":true,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":%s}],"
    "\"model\":{\"ignore_merges\":%s,\"vocab\":{\"a\":0,\"c\":1,\"b\":2,\"ab\":3,\"abc\":4},\"merges\":[\"a b\",\"ab c\"]}}";

static void merges_do_not_spell_control_tokens(void **state) {
  (void)state;
  static const char *const booleans[] = {"false", "true"};
  for (int k = 0; k < 4; k++) {
    arena *a = arena_new("test");
    tokenizer *t = read_source(a, arena_printf(a, merging, booleans[k & 1], booleans[k >> 1]));
    token_list list = {0};
    err e = {0};
    must(tokenizer_encode(t, "cab", 3, NULL, false, &list, &e), &e); // as `tokenizers` has it
    assert_int_equal(list.n, 2);
    assert_int_equal(list.items[1].id, 3);
    list.n = 0;
    bool ok = tokenizer_encode(t, "cab", 3, (const uint8_t[]){1, 1, 1}, false, &list, &e);
    if (k & 1) { // nor "b" by itself, and there is no other way to write it
      assert_false(ok);
      assert_non_null(strstr(e.message, "the text at byte 0 can only be written with a control token"));
      assert_int_equal(list.n, 0);
    } else {
      must(ok, &e);
      assert_int_equal(list.n, 3);
      assert_int_equal(list.items[1].id, 0);
      assert_int_equal(list.items[2].id, 2);
    }
    token_list_free(&list);
    tokenizer_free(t);
    arena_free(a);
  }
}

static void offsets_lead_back_through_normalisation(void **state) {
  (void)state;
  static const added none[1] = {{0}};
  static const struct {
    const char *normalizer, *text, *ids;
  } rows[] = {
      {PREPEND_AND_REPLACE, "a b", "_{0,0}a{0,1}_{1,2}b{2,3}"},
      {"{\"type\":\"Replace\",\"pattern\":{\"String\":\"bc\"},\"content\":\"xyz\"}", "abcd", "a{0,1}x{1,3}y{1,3}z{1,3}d{3,4}"},
      {"{\"type\":\"Replace\",\"pattern\":{\"String\":\"b\"},\"content\":\"\"}", "abbc", "a{0,1}c{3,4}"},
      {"{\"type\":\"NFC\"}", "ae\314\201b", "a{0,1}\303{1,4}\251{1,4}b{4,5}"},
      {"{\"type\":\"NFC\"}", "\303\251", "\303{0,1}\251{1,2}"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    arena *a = arena_new("test");
    tokenizer *t = byte_tokenizer(a, rows[i].normalizer, none, 1);
    text got = render(t, rows[i].text, NULL, true);
    assert_string_equal(got.data, rows[i].ids);
    text_free(&got);
    tokenizer_free(t);
    arena_free(a);
  }
}

// ---- composition ----

static void nfc_composes(void **state) {
  (void)state;
  static const char *const rows[][2] = {
      {"e\314\201", "\303\251"},                                // e, acute
      {"\341\204\222\341\205\241\341\206\253", "\355\225\234"}, // Hangul L, V, T
      {"\355\225\230\341\206\253", "\355\225\234"},             // syllable LV, T
      {"\342\204\253", "\303\205"},                             // ångström sign
      {"\340\244\225\340\244\274", "\340\244\225\340\244\274"}, // excluded from composition
      {"\341\272\233\314\243", "\341\272\233\314\243"},         // long s, dot above, dot below
      {"q\314\207\314\243", "q\314\243\314\207"},               // marks in the order of their classes
      {"a\314\226\314\201", "\303\241\314\226"},                // composed over a mark of another class
      {"a\314\201\314\201", "\303\241\314\201"},                // not over one of the same
      {"\314\201a", "\314\201a"},
      {"\340\247\207\340\246\276", "\340\247\213"}, // Bengali vowels, both of class 0
      {"\360\257\240\200", "\344\270\275"},         // a compatibility ideograph
  };
  arena *a = arena_new("test");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    piece p = {.s = rows[i][0], .n = strlen(rows[i][0])}, q = normalize_nfc(a, &p);
    assert_int_equal(q.n, strlen(rows[i][1]));
    assert_memory_equal(q.s, rows[i][1], q.n);
  }
  arena_free(a);
}

// ---- merging ----

// The definition: again and again the pair of lowest rank, the leftmost of them.
static uint64_t merge_plainly(const int32_t merges[][3], int n_merges, int32_t *ids, uint64_t n) {
  for (;;) {
    int best = n_merges;
    uint64_t at = 0;
    for (uint64_t i = 0; i + 1 < n; i++)
      for (int m = 0; m < best; m++)
        if (merges[m][0] == ids[i] && merges[m][1] == ids[i + 1]) best = m, at = i;
    if (best == n_merges) return n;
    ids[at] = merges[best][2];
    memmove(ids + at + 1, ids + at + 2, (size_t)(n - at - 2) * sizeof *ids);
    n--;
  }
}

enum { RANDOM_MERGES = 40, LETTERS = 4 };

// Random merges over a few letters, and random words of lengths on both sides of where the heap takes over.
static void merging_follows_the_definition(void **state) {
  (void)state;
  rng r = rng_new(11, RNG_TEST);
  for (int round = 0; round < 30; round++) {
    arena *a = arena_new("test");
    const char *texts[LETTERS + RANDOM_MERGES];
    int32_t merges[RANDOM_MERGES][3];
    tokenizer_map seen;
    bpe m = {.unk = -1};
    bpe_init(&m, a, LETTERS + RANDOM_MERGES, LETTERS + RANDOM_MERGES, RANDOM_MERGES);
    tokenizer_map_init(&seen, a, LETTERS + RANDOM_MERGES);
    int n = 0, n_merges = 0;
    for (; n < LETTERS; n++) texts[n] = arena_printf(a, "%c", 'a' + n);
    for (int i = 0; i < n; i++) tokenizer_map_put(&seen, texts[i], 1, i), bpe_put_token(&m, texts[i], 1, i);
    for (int tries = 0; tries < RANDOM_MERGES; tries++) {
      int32_t left = (int32_t)rng_below(&r, (uint32_t)n), right = (int32_t)rng_below(&r, (uint32_t)n);
      const char *whole = arena_printf(a, "%s%s", texts[left], texts[right]);
      if (tokenizer_map_get(&seen, whole, strlen(whole)) >= 0) continue;
      texts[n] = whole;
      tokenizer_map_put(&seen, whole, strlen(whole), n);
      bpe_put_token(&m, whole, strlen(whole), n);
      memcpy(merges[n_merges], (int32_t[]){left, right, n}, sizeof *merges);
      bpe_put_merge(&m, left, right, n, (uint32_t)n_merges++);
      n++;
    }
    bpe_finish(&m);
    bpe_work w = {.memory = a};
    for (int i = 0; i < 60; i++) {
      char word[200];
      int32_t ids[200];
      uint64_t length = 1 + rng_below(&r, sizeof word);
      for (uint64_t k = 0; k < length; k++) ids[k] = (int32_t)rng_below(&r, LETTERS), word[k] = (char)('a' + ids[k]);
      uint64_t want = merge_plainly((const int32_t(*)[3])merges, n_merges, ids, length), at = 0;
      w.n = 0;
      bpe_encode(&m, word, length, NULL, &w);
      assert_int_equal(w.n, want);
      for (uint64_t k = 0; k < want; k++) {
        assert_int_equal(w.symbols[k].id, ids[k]);
        assert_int_equal(w.symbols[k].begin, at);
        at = w.symbols[k].end;
      }
      assert_int_equal(at, length);
    }
    arena_free(a);
  }
}

// Unknown characters: left out, unk each, or one unk for neighbours. What is left out lets its neighbours merge.
static void unknown_characters(void **state) {
  (void)state;
  static const struct {
    const char *unk, *fuse;
    int32_t ids[4];
    uint64_t n;
  } rows[] = {{"null", "false", {3}, 1}, {"\"?\"", "false", {1, 0, 0, 2}, 4}, {"\"?\"", "true", {1, 0, 2}, 3}};
  for (int i = 0; i < 3; i++) {
    arena *a = arena_new("test");
    tokenizer *t =
        read_source(a, arena_printf(a,
                                    "{\"model\":{\"unk_token\":%s,\"fuse_unk\":%s,\"vocab\":{\"?\":0,\"a\":1,\"b\":2,\"ab\":3},"
                                    "\"merges\":[[\"a\",\"b\"]]}}",
                                    rows[i].unk, rows[i].fuse));
    token_list list = {0};
    err e = {0};
    must(tokenizer_encode(t, "axyb", 4, NULL, false, &list, &e), &e);
    assert_int_equal(list.n, rows[i].n);
    for (uint64_t k = 0; k < list.n; k++) assert_int_equal(list.items[k].id, rows[i].ids[k]);
    assert_int_equal(list.items[list.n - 1].end, 4);
    token_list_free(&list);
    tokenizer_free(t);
    arena_free(a);
  }
}

// ---- decoding ----

typedef struct decode_case {
  const char *decoder, *text;
} decode_case;

#define DECODERS(list) "{\"type\":\"Sequence\",\"decoders\":[" list "]}"

static void decoders_are_those_of_tokenizers(void **state) {
  (void)state;
  // Tokens: "▁a", "<0xC3>", "<0xA9>", "Ġb" (a space and b in the byte alphabet), "▁▁c", "Ã" (byte 0xC3), "中".
  static const char model[] =
      "\"model\":{\"vocab\":{\"\342\226\201a\":0,\"<0xC3>\":1,\"<0xA9>\":2,\"\304\240b\":3,\"\342\226\201\342\226\201c\":4,"
      "\"\303\203\":5,\"\344\270\255\":6},\"merges\":[]}";
  static const int32_t ids[] = {0, 1, 2, 3, 1, 4, 5, 6, 5};
  static const decode_case rows[] = {
      {"null", "\342\226\201a <0xC3> <0xA9> \304\240b <0xC3> \342\226\201\342\226\201c \303\203 \344\270\255 \303\203"},
      {"{\"type\":\"Fuse\"}", "\342\226\201a<0xC3><0xA9>\304\240b<0xC3>\342\226\201\342\226\201c\303\203\344\270\255\303\203"},
      {"{\"type\":\"ByteFallback\"}",
       "\342\226\201a\303\251\304\240b\357\277\275\342\226\201\342\226\201c\303\203\344\270\255\303\203"},
      {"{\"type\":\"ByteLevel\",\"add_prefix_space\":true}",
       "\342\226\201a<0xC3><0xA9> b<0xC3>\342\226\201\342\226\201c\357\277\275\344\270\255\357\277\275"},
      {"{\"type\":\"Metaspace\",\"replacement\":\"\342\226\201\",\"prepend_scheme\":\"always\"}",
       "a<0xC3><0xA9>\304\240b<0xC3>  c\303\203\344\270\255\303\203"},
      {"{\"type\":\"Metaspace\",\"replacement\":\"\342\226\201\",\"prepend_scheme\":\"never\"}",
       " a<0xC3><0xA9>\304\240b<0xC3>  c\303\203\344\270\255\303\203"},
      {DECODERS("{\"type\":\"Replace\",\"pattern\":{\"String\":\"\342\226\201\"},\"content\":\" \"},{\"type\":\"Fuse\"},"
                "{\"type\":\"Strip\",\"content\":\" \",\"start\":2,\"stop\":0}"),
       "a<0xC3><0xA9>\304\240b<0xC3>  c\303\203\344\270\255\303\203"},
      {DECODERS("{\"type\":\"Strip\",\"content\":\"\342\226\201\",\"start\":1,\"stop\":0},{\"type\":\"ByteFallback\"}"),
       "a\303\251\304\240b\357\277\275\342\226\201c\303\203\344\270\255\303\203"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    arena *a = arena_new("test");
    tokenizer *t = read_source(a, arena_printf(a, "{\"decoder\":%s,%s}", rows[i].decoder, model));
    text got = {0};
    err e = {0};
    must(tokenizer_decode(t, ids, sizeof ids / sizeof *ids, false, &got, &e), &e);
    assert_string_equal(got.data, rows[i].text);
    text_free(&got);
    tokenizer_free(t);
    arena_free(a);
  }
}

// One U+FFFD for each longest beginning of a sequence, as Rust's String::from_utf8_lossy.
static void broken_utf8_is_replaced(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    int replaced;
  } rows[] = {{"\xC3", 1},         {"\xE2\x82", 1},     {"\xE2\x82\xE2\x82", 2}, {"\xF0\x9F\x98", 1}, {"\xF0\x80\x80", 3},
              {"\xED\xA0\x80", 3}, {"\xF4\x90\x80", 3}, {"\xFF\xFE", 2},         {"\xC0\x80", 2},     {"\xE0\x80\x80", 3},
              {"\x80", 1},         {"\xF4\x8F\xBF", 1}};
  text vocab = {0};
  text_puts(&vocab, "{\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"vocab\":{");
  for (int b = 0; b < 256; b++) {
    char code[4];
    int n = utf8_encode(byte_alphabet_code((uint8_t)b), code);
    char name[5] = "";
    memcpy(name, code, (size_t)n);
    if (b) text_putc(&vocab, ',');
    json_put_string(&vocab, name);
    text_printf(&vocab, ":%d", b);
    assert_int_equal(byte_alphabet_byte(byte_alphabet_code((uint8_t)b)), b);
  }
  text_puts(&vocab, "},\"merges\":[]}}");
  arena *a = arena_new("test");
  tokenizer *t = read_source(a, vocab.data);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    int32_t ids[8];
    uint64_t n = 0;
    text got = {0}, want = {0};
    err e = {0};
    for (const char *b = rows[i].bytes; *b; b++) ids[n++] = (uint8_t)*b;
    ids[n++] = 'x';
    must(tokenizer_decode(t, ids, n, false, &got, &e), &e);
    for (int k = 0; k < rows[i].replaced; k++) text_puts(&want, "\xEF\xBF\xBD");
    text_puts(&want, "x");
    assert_string_equal(got.data, want.data);
    text_free(&got);
    text_free(&want);
  }
  text_free(&vocab);
  tokenizer_free(t);
  arena_free(a);
}

// ---- the interface ----

static void misuse_is_refused(void **state) {
  (void)state;
  arena *a = arena_new("test");
  tokenizer *t = read_source(a, "{\"model\":{\"vocab\":{\"a\":0,\"b\":3},\"merges\":[]}}");
  token_list list = {0};
  text out = {0};
  err e = {0};
  assert_int_equal(tokenizer_vocab_size(t), 4);
  assert_int_equal(tokenizer_id(t, "b"), 3);
  assert_int_equal(tokenizer_id(t, "c"), -1);
  assert_null(tokenizer_content(t, 1));
  assert_null(tokenizer_content(t, -1));
  assert_null(tokenizer_content(t, 4));
  assert_false(tokenizer_is_special(t, 4));
  assert_false(tokenizer_encode(t, "a\xC3", 2, NULL, false, &list, &e));
  assert_string_equal(e.message, "the text is not valid UTF-8 at byte 1");
  for (int i = 0; i < 3; i++) {
    e = (err){0};
    assert_false(tokenizer_decode(t, (const int32_t[]){0, (const int32_t[]){-1, 1, 4}[i]}, 2, false, &out, &e));
    assert_non_null(strstr(e.message, "at position 1: expected a token of the vocabulary"));
  }
  text_free(&out);
  token_list_free(&list);
  tokenizer_free(t);
  arena_free(a);
}

static double seconds(void) {
  struct timespec t;
  timespec_get(&t, TIME_UTC);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// Megabytes without a border between words, in each place where a naive way would be quadratic.
static void long_runs_take_no_longer(void **state) {
  (void)state;
  enum { MANY = 1 << 20 };
  static const char *const sources[] = {
      "{\"pre_tokenizer\":" BYTE_LEVEL(
          "false", "true") ",\"model\":{\"vocab\":{\"a\":0,\"aa\":1,\"aaaa\":2,\"\304\240\":3},\"merges\":[\"a a\",\"aa aa\"]}}",
      "{\"pre_tokenizer\":" SEQUENCE(SPLIT(LLAMA3, "Isolated", "false"),
                                     BYTE_LEVEL("false", "false")) ",\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}",
      "{\"normalizer\":{\"type\":\"NFC\"},\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}",
  };
  static const char *const runs[] = {"a", " ", "\n", "\314\201", "\314\226\314\201", "<", "\341\204\222"};
  for (size_t s = 0; s < sizeof sources / sizeof *sources; s++) {
    arena *a = arena_new("test");
    tokenizer *t = read_source(a, sources[s]);
    for (size_t k = 0; k < sizeof runs / sizeof *runs; k++) {
      text many = {0};
      token_list list = {0};
      err e = {0};
      while (many.length < MANY) text_puts(&many, runs[k]);
      double start = seconds();
      must(tokenizer_encode(t, many.data, many.length, NULL, false, &list, &e), &e);
      if (seconds() - start > 10) fail_msg("tokenizer %zu, \"%s\": %.1f s", s, runs[k], seconds() - start);
      text_free(&many);
      token_list_free(&list);
    }
    tokenizer_free(t);
    arena_free(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_are_those_of_tokenizers),
      cmocka_unit_test(doubtful_patterns_are_refused),
      cmocka_unit_test(endless_patterns_are_given_up),
      cmocka_unit_test(added_tokens_are_found_as_tokenizers_does),
      cmocka_unit_test(content_ends_a_match_and_what_it_strips),
      cmocka_unit_test(content_has_added_tokens_that_control_nothing),
      cmocka_unit_test(merges_do_not_spell_control_tokens),
      cmocka_unit_test(offsets_lead_back_through_normalisation),
      cmocka_unit_test(nfc_composes),
      cmocka_unit_test(merging_follows_the_definition),
      cmocka_unit_test(unknown_characters),
      cmocka_unit_test(decoders_are_those_of_tokenizers),
      cmocka_unit_test(broken_utf8_is_replaced),
      cmocka_unit_test(misuse_is_refused),
      cmocka_unit_test(long_runs_take_no_longer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
