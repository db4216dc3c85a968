// What a message says never becomes a control token (tokenizer_is_control): every added token of the tokenizers, and random strings that resemble
// them, in every text field of every data format. The same example with a harmless word in the string's place has as many
// control tokens, and its decoded text is the same but for that word, in whose place the string stands, byte for byte.
#include "support/test.h"

#include <string.h>

#include "base/rng.h"
#include "data/tokenizer_parts.h"
#include "io/json.h"
#include "support/byte_tokenizer.h"
#include "support/data_fixture.h"

#define WORD "Zyqqplix" // nothing else in an example has it

enum {
  TEMPLATE = 1, // Alpaca's prompt has no place for it
  JSON = 2,     // a template writes it as JSON: characters that JSON escapes would not come back as they were
  PIECE = 4,    // white space at its ends is taken off
};

// @ is the string as JSON has it; # the same as part of a string that holds JSON.
static const struct {
  const char *name, *row;
  int kind;
} fields[] = {
    {"alpaca: instruction", "{\"instruction\":@,\"output\":\"o\"}", 0},
    {"alpaca: instruction with input", "{\"instruction\":@,\"input\":\"i\",\"output\":\"o\"}", 0},
    {"alpaca: input", "{\"instruction\":\"i\",\"input\":@,\"output\":\"o\"}", 0},
    {"alpaca: output", "{\"instruction\":\"i\",\"output\":@}", 0},
    {"alpaca: system", "{\"instruction\":\"i\",\"output\":\"o\",\"system\":@}", 0},
    {"alpaca: history, user", "{\"instruction\":\"i\",\"output\":\"o\",\"history\":[[@,\"a\"],[\"u\",\"a\"]]}", 0},
    {"alpaca: history, answer", "{\"instruction\":\"i\",\"output\":\"o\",\"history\":[[\"u\",@]]}", 0},
#define TURN(role, content) "{\"role\":\"" role "\",\"content\":" content "}"
#define CALL(name, arguments)                                                                                    \
  "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"type\":\"function\",\"function\":{\"name\":" name \
  ",\"arguments\":" arguments "}}]}"
    {"messages: system", "{\"messages\":[" TURN("system", "@") "," TURN("user", "\"u\"") "," TURN("assistant", "\"a\"") "]}", 0},
    {"messages: user", "{\"messages\":[" TURN("user", "@") "," TURN("assistant", "\"a\"") "]}", 0},
    {"messages: assistant", "{\"messages\":[" TURN("user", "\"u\"") "," TURN("assistant", "@") "]}", 0},
    {"messages: earlier turns",
     "{\"messages\":[" TURN("user", "\"u\"") "," TURN("assistant", "@") "," TURN("user", "@") "," TURN("assistant", "\"a\"") "]}",
     0},
    {"messages: tool",
     "{\"messages\":[" TURN("user", "\"u\"") "," CALL("\"f\"", "{}") "," TURN("tool", "@") "," TURN("assistant", "\"a\"") "]}",
     TEMPLATE},
    {"messages: content beside calls",
     "{\"messages\":[" TURN("user", "\"u\"") ",{\"role\":\"assistant\",\"content\":@,\"tool_calls\":[{\"name\":\"f\"}]}]}",
     TEMPLATE},
    {"messages: a call's name", "{\"messages\":[" TURN("user", "\"u\"") "," CALL("@", "{\"k\":\"v\"}") "]}", TEMPLATE | JSON},
    {"messages: a call's argument", "{\"messages\":[" TURN("user", "\"u\"") "," CALL("\"f\"", "{\"k\":[@]}") "]}",
     TEMPLATE | JSON},
    {"messages: an argument's name", "{\"messages\":[" TURN("user", "\"u\"") "," CALL("\"f\"", "{@:1}") "]}", TEMPLATE | JSON},
    {"messages: arguments in a string", "{\"messages\":[" TURN("user", "\"u\"") "," CALL("\"f\"", "\"{\\\"k\\\":#}\"") "]}",
     TEMPLATE | JSON},
    {"messages: tools",
     "{\"messages\":[" TURN("user", "\"u\"") "," TURN("assistant", "\"a\"") "],\"tools\":[{\"name\":\"f\",\"description\":@}]}",
     TEMPLATE | JSON},
#define SAYS(from, value) "{\"from\":\"" from "\",\"value\":" value "}"
    {"sharegpt: system", "{\"system\":@,\"conversations\":[" SAYS("human", "\"u\"") "," SAYS("gpt", "\"a\"") "]}", 0},
    {"sharegpt: a turn of the system",
     "{\"conversations\":[" SAYS("system", "@") "," SAYS("human", "\"u\"") "," SAYS("gpt", "\"a\"") "]}", 0},
    {"sharegpt: human", "{\"conversations\":[" SAYS("human", "@") "," SAYS("gpt", "\"a\"") "]}", 0},
    {"sharegpt: gpt", "{\"conversations\":[" SAYS("human", "\"u\"") "," SAYS("gpt", "@") "]}", 0},
    {"sharegpt: function_call",
     "{\"conversations\":[" SAYS("human", "\"u\"") "," SAYS("function_call", "@") "," SAYS("observation", "\"o\"") "," SAYS(
         "gpt", "\"a\"") "]}",
     TEMPLATE},
    {"sharegpt: observation",
     "{\"conversations\":[" SAYS("human", "\"u\"") "," SAYS("function_call", "\"c\"") "," SAYS("observation", "@") "," SAYS(
         "gpt", "\"a\"") "]}",
     TEMPLATE},
    {"sharegpt: tool",
     "{\"conversations\":[" SAYS("human", "\"u\"") "," SAYS("function_call", "\"c\"") "," SAYS("tool", "@") "," SAYS(
         "gpt", "\"a\"") "]}",
     TEMPLATE},
    {"sharegpt: tools",
     "{\"tools\":\"[{\\\"name\\\":\\\"f\\\",\\\"description\\\":#}]\",\"conversations\":[" SAYS("human", "\"u\"") "," SAYS(
         "gpt", "\"a\"") "]}",
     TEMPLATE | JSON},
    {"prompt/completion: prompt", "{\"prompt\":@,\"completion\":\"c\"}", 0},
    {"prompt/completion: completion", "{\"prompt\":\"p\",\"completion\":@}", 0},
    {"prompt/completion: messages of the prompt",
     "{\"prompt\":[" TURN("user", "@") "],\"completion\":[" TURN("assistant", "\"a\"") "]}", 0},
    {"prompt/completion: messages of the completion",
     "{\"prompt\":[" TURN("user", "\"u\"") "],\"completion\":[" TURN("assistant", "@") "]}", 0},
    {"preference: prompt", "{\"prompt\":@,\"chosen\":\"c\",\"rejected\":\"r\"}", 0},
    {"preference: chosen", "{\"prompt\":\"p\",\"chosen\":@,\"rejected\":\"r\"}", 0},
    {"preference: rejected", "{\"prompt\":\"p\",\"chosen\":@,\"rejected\":@}", 0},
    {"preference: messages",
     "{\"chosen\":[" TURN("user", "@") "," TURN("assistant", "@") "],\"rejected\":[" TURN("user", "@") "," TURN("assistant",
                                                                                                                "\"r\"") "]}",
     0},
    {"labelled: text", "{\"text\":@,\"label\":\"l\"}", 0},
    {"labelled: label", "{\"text\":\"t\",\"label\":@}", 0},
    {"labelled: label_names", "{\"text\":\"t\",\"label\":1,\"label_names\":[\"n\",@]}", 0},
    {"text", "{\"text\":@}", 0},
    {"text in the middle", "{\"text\":\"one \"}\n{\"text\":@}", 0},
    {"segments: with loss", "{\"segments\":[{\"label\":false,\"text\":\"s\"},{\"label\":true,\"text\":@}]}", 0},
    {"segments: without loss", "{\"segments\":[{\"label\":false,\"text\":@},{\"label\":true,\"text\":\"s\"}]}", 0},
    {"self-instruct: instruction", "{\"instruction\":@,\"instances\":[{\"input\":\"i\",\"output\":\"o\"}]}", 0},
    {"self-instruct: input", "{\"instruction\":\"i\",\"instances\":[{\"input\":@,\"output\":\"o\"}]}", 0},
    {"self-instruct: output", "{\"instruction\":\"i\",\"instances\":[{\"input\":\"\",\"output\":@}]}", 0},
#define SHOWN(input, output, why) "[{\"input\":" input ",\"output\":" output ",\"explanation\":" why "}]"
#define TASK(definition, positive, negative, input, output, more)                                            \
  "{\"Definition\":[" definition "],\"Positive Examples\":" positive ",\"Negative Examples\":" negative more \
  ",\"Instances\":[{\"input\":" input ",\"output\":[" output "]}]}"
#define YES SHOWN("\"a\"", "\"b\"", "\"c\"")
    {"superni: Definition", TASK("@", YES, YES, "\"i\"", "\"o\"", ""), PIECE},
    {"superni: Positive Examples, input", TASK("\"d\"", SHOWN("@", "\"b\"", "\"c\""), YES, "\"i\"", "\"o\"", ""), PIECE},
    {"superni: Positive Examples, output", TASK("\"d\"", SHOWN("\"a\"", "@", "\"c\""), YES, "\"i\"", "\"o\"", ""), PIECE},
    {"superni: Positive Examples, explanation", TASK("\"d\"", SHOWN("\"a\"", "\"b\"", "@"), YES, "\"i\"", "\"o\"", ""), PIECE},
    {"superni: Negative Examples, input", TASK("\"d\"", YES, SHOWN("@", "\"b\"", "\"c\""), "\"i\"", "\"o\"", ""), PIECE},
    {"superni: Negative Examples, output", TASK("\"d\"", YES, SHOWN("\"a\"", "@", "\"c\""), "\"i\"", "\"o\"", ""), PIECE},
    {"superni: Negative Examples, explanation", TASK("\"d\"", YES, SHOWN("\"a\"", "\"b\"", "@"), "\"i\"", "\"o\"", ""), PIECE},
    {"superni: Instances, input", TASK("\"d\"", YES, YES, "@", "\"o\"", ""), PIECE},
    {"superni: Instances, output", TASK("\"d\"", YES, YES, "\"i\"", "@", ""), 0},
    {"superni: Things to Avoid", TASK("\"d\"", YES, YES, "\"i\"", "\"o\"", ",\"Things to Avoid\":@"), PIECE},
    {"superni: Emphasis & Caution", TASK("\"d\"", YES, YES, "\"i\"", "\"o\"", ",\"Emphasis & Caution\":@"), PIECE},
    {"superni: Prompt", TASK("\"d\"", YES, YES, "\"i\"", "\"o\"", ",\"Prompt\":@"), PIECE},
};
enum { N_FIELDS = sizeof fields / sizeof *fields, N_STYLES = 2, N_STRINGS = 10000 };

// An example as the model gets it.
typedef struct seen {
  uint64_t n_control;
  const char *text;
} seen;

// The harmless word as the string in its place begins and ends, since that decides what stands beside it.
typedef enum word_form { WORD_SPACE = 1, WORD_POINT = 2, N_WORD_FORMS = 4 } word_form;

typedef struct setting {
  arena *a;
  tokenizer *t;
  bool is_sentencepiece; // ▁ is a space, and one is put in front of a text
  bool lacks[256];       // bytes that the vocabulary cannot write: 21 of SmolLM2's, as `tokenizers` drops them too
  const char *eos;
  prompt_style styles[N_STYLES]; // Alpaca's and a chat template
  seen harmless[N_STYLES][N_FIELDS][N_WORD_FORMS];
  uint64_t n_tried;
} setting;

// --- the tokenizer with its prompts ---

// A template with a place for everything, whose control tokens the tokenizer has.
static const char *chat_template(arena *a, const char *open) {
  return arena_printf(a,
                      "{%% if tools %%}%stools\n{{ tools | tojson }}{{ eos_token }}\n{%% endif %%}"
                      "{%% for m in messages %%}%s{{ m.role }}\n{{ m.content }}"
                      "{%% if m.tool_calls %%}{{ m.tool_calls | tojson }}{%% endif %%}{{ eos_token }}\n{%% endfor %%}",
                      open, open);
}

static void find_lacking_bytes(setting *s) {
  for (int byte = 0; byte < 256; byte++) {
    char letter[5] = "";
    letter[utf8_encode(byte_alphabet_code((uint8_t)byte), letter)] = 0;
    s->lacks[byte] = !s->is_sentencepiece && tokenizer_id(s->t, letter) < 0;
  }
}

static setting *begin(arena *a, tokenizer *t, const char *open, const char *eos, bool is_sentencepiece) {
  setting *s = ARENA_NEW(a, setting);
  *s = (setting){.a = a, .t = t, .is_sentencepiece = is_sentencepiece, .eos = eos};
  find_lacking_bytes(s);
  err e = {0};
  const char *templates[N_STYLES] = {"alpaca", chat_template(a, open)};
  for (int i = 0; i < N_STYLES; i++)
    if (!prompt_from_template(a, "test", templates[i], "", eos, &s->styles[i], &e)) fail_msg("%s", e.message);
  assert_true(tokenizer_id(t, open) >= 0 && tokenizer_id(t, eos) >= 0);
  return s;
}

static setting *begin_real(arena *a, const char *path, const char *open, const char *eos, bool is_sentencepiece) {
  tokenizer *t;
  err e = {0};
  if (!tokenizer_read(a, test_path(test_shared_data(), path), &t, &e)) fail_msg("%s", e.message);
  return begin(a, t, open, eos, is_sentencepiece);
}

// --- one example ---

// Each UTF-16 unit as \uXXXX, the other way in which JSON has any character.
static void put_escaped(text *out, const char *s) {
  text_putc(out, '"');
  uint32_t c;
  for (int n; *s; s += n) {
    n = utf8_decode(s, strlen(s), &c);
    if (c < 0x10000) text_printf(out, "\\u%04X", (unsigned)c);
    else text_printf(out, "\\u%04X\\u%04X", 0xD800u + (unsigned)((c - 0x10000) >> 10), 0xDC00u + (unsigned)(c & 0x3FF));
  }
  text_putc(out, '"');
}

static void put_row(text *out, const char *row, const char *string, bool escaped) {
  text once = {0}, inner = {0}, twice = {0};
  void (*put)(text *, const char *) = escaped ? put_escaped : json_put_string;
  put(&once, string);
  json_put_string(&inner, string); // it may stay a string of JSON, as it is
  put(&twice, inner.data);
  for (; *row; row++) {
    if (*row == '@') text_puts(out, once.data);
    else if (*row == '#') text_put(out, twice.data + 1, twice.length - 2);
    else text_putc(out, *row);
  }
  text_free(&once), text_free(&inner), text_free(&twice);
}

static seen look(setting *s, arena *a, int style, int field, const char *string, bool escaped) {
  const dataset_options options = {.tokenizer = s->t,
                                   .prompt = &s->styles[style],
                                   .eos_id = tokenizer_id(s->t, s->eos),
                                   .vocab_size = tokenizer_vocab_size(s->t),
                                   .superni = {.n_pos = 2, .n_neg = 1, .explanations = true}};
  text row = {0}, decoded = {0};
  put_row(&row, fields[field].row, string, escaped);
  dataset set = {0};
  err e = {0};
  if (!dataset_read_memory(a, "row.jsonl", row.data, row.length, &options, &set, &e))
    fail_msg("%s: %s\n%s", fields[field].name, e.message, row.data);
  seen result = {0};
  for (uint64_t i = 0; i < set.n; i++) {
    const example *x = &set.items[i];
    for (uint32_t k = 0; k < x->n; k++) result.n_control += tokenizer_is_control(s->t, x->ids[k]);
    if (!tokenizer_decode(s->t, x->ids, x->n, false, &decoded, &e)) fail_msg("%s", e.message);
  }
  result.text = arena_strdup(a, decoded.data);
  text_free(&row), text_free(&decoded);
  return result;
}

// A space in front is sentencepiece's own where the text begins with one; tasks get a full stop behind a piece without one.
static word_form form_of(const setting *s, const char *string) {
  char last = *string ? string[strlen(string) - 1] : 0;
  bool space = s->is_sentencepiece && (*string == ' ' || !strncmp(string, "▁", strlen("▁")));
  bool point = last && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", last);
  return (space ? WORD_SPACE : 0) | (point ? WORD_POINT : 0);
}

static const char *word_of(word_form form) {
  static const char *const words[N_WORD_FORMS] = {WORD, " " WORD, WORD "!", " " WORD "!"};
  return words[form];
}

static const seen *harmless(setting *s, int style, int field, word_form form) {
  seen *h = &s->harmless[style][field][form];
  if (!h->text) *h = look(s, s->a, style, field, word_of(form), false);
  return h;
}

// `in` with `string` for each word.
static void put_replaced(text *out, const char *in, const char *word, const char *string) {
  for (const char *at; (at = strstr(in, word)); in = at + strlen(word)) {
    text_put(out, in, (size_t)(at - in));
    text_puts(out, string);
  }
  text_puts(out, in);
}

// Where spaces are written as ▁, a ▁ of the text's own comes back as a space.
static const char *as_decoded(const setting *s, arena *a, const char *string) {
  if (!s->is_sentencepiece || !strstr(string, "▁")) return string;
  text t = {0};
  put_replaced(&t, string, "▁", " ");
  const char *spaces = arena_strdup(a, t.data);
  text_free(&t);
  return spaces;
}

static void check(setting *s, int style, int field, const char *string, bool escaped) {
  word_form form = form_of(s, string);
  const seen *h = harmless(s, style, field, form);
  const int space = form & WORD_SPACE ? 1 : 0; // it is not there in what is decoded where it begins the text
  const char *word = word_of(form) + space;
  assert_non_null(strstr(h->text, word));
  arena *a = arena_new("one string");
  seen found = look(s, a, style, field, string, escaped);
  text expected = {0};
  put_replaced(&expected, h->text, word, as_decoded(s, a, string) + space);
  if (strcmp(expected.data, found.text))
    fail_msg("%s, style %d: \"%s\": expected the text\n%s\nfound\n%s", fields[field].name, style, string, expected.data,
             found.text);
  if (found.n_control != h->n_control)
    fail_msg("%s, style %d: \"%s\" makes %llu control tokens of %llu", fields[field].name, style, string,
             (unsigned long long)found.n_control, (unsigned long long)h->n_control);
  text_free(&expected);
  arena_free(a);
  s->n_tried++;
}

// --- every added token in every field ---

static void check_added_tokens(setting *s) {
  uint32_t n = tokenizer_vocab_size(s->t);
  for (uint32_t id = 0; id < n; id++) {
    if (!tokenizer_is_added(s->t, (int32_t)id)) continue;
    const char *content = tokenizer_content(s->t, (int32_t)id);
    const char *written[] = {content, arena_printf(s->a, "a%s b", content), arena_printf(s->a, "%s%s", content, content)};
    for (size_t k = 0; k < sizeof written / sizeof *written; k++)
      for (int field = 0; field < N_FIELDS; field++)
        for (int style = fields[field].kind & TEMPLATE ? 1 : 0; style < N_STYLES; style++)
          check(s, style, field, written[k], (id + k + (uint32_t)field) % 4 == 0);
  }
}

// --- random strings ---

static const char *const pieces[] = {
    "<|",       "|>",     "<",         ">",      "|",          "im_start", "im_end", "im_",     "endoftext",
    "end",      "</",     "/s>",       "s>",     "<s",         "unk",      "[INST]", "[/INST]", "▁",
    "▁▁",       " ",      "  ",        "\n",     "\r\n",       "\t",       "<0x",    "<0x0A>",  "<0xE2>",
    "0A>",      "user",   "assistant", "中文",   "日本語",     "한국",     "привет", "😀",       "👩‍👩‍👧",
    "e\u0301",  "\u0301", "\u200B",    "\u200D", "\uFEFF",     "\u00A0",   "\u2028", "\u202E",  "\u3000",
    "\xC2\x85", "é",      "ß",         "\u0130", "\U0010FFFF", "\"",       "\\",     "\\n",     "\\u003c",
    "{{",       "}}",     "{%",        "1234",   "'s",         "I'm"};
enum { N_PIECES = sizeof pieces / sizeof *pieces };

static void put_random_bytes(rng *r, text *out) {
  char bytes[48];
  size_t n = 1 + rng_below(r, sizeof bytes), length;
  for (size_t i = 0; i < n; i++) bytes[i] = (char)(rng_below(r, 2) ? 1 + rng_below(r, 255) : 0x80 + rng_below(r, 0x80));
  for (size_t i = 0; i < n; i += length) {
    length = (size_t)utf8_decode(bytes + i, n - i, NULL);
    if (length) text_put(out, bytes + i, length);
    else length = 1, text_puts(out, "\uFFFD");
  }
}

static void put_random_character(rng *r, text *out) {
  static const uint32_t least[] = {1, 0x80, 0x800, 0x10000}, end[] = {0x80, 0x800, 0x10000, 0x110000};
  uint32_t k = rng_below(r, 4), c = least[k] + rng_below(r, end[k] - least[k]);
  char bytes[4];
  if (c >= 0xD800 && c < 0xE000) c = 0xFFFD;
  text_put(out, bytes, (size_t)utf8_encode(c, bytes));
}

// Pieces of control tokens and of what stands around them.
static void put_random_pieces(rng *r, const char *const *added, uint32_t n_added, text *out) {
  for (uint32_t n = 1 + rng_below(r, 12); n; n--) {
    uint32_t kind = rng_below(r, 8);
    const char *control = added[rng_below(r, n_added)];
    size_t length = strlen(control), from = rng_below(r, (uint32_t)length), most = length - from;
    if (kind < 4) text_puts(out, pieces[rng_below(r, N_PIECES)]);
    else if (kind == 4) put_random_character(r, out);
    else if (kind == 5) text_puts(out, control);
    else text_put(out, control + from, 1 + rng_below(r, (uint32_t)most)); // added tokens are ASCII here
  }
}

// Leaves out characters that would not come back.
static void drop(const setting *s, bool as_json, text *t) {
  size_t kept = 0;
  for (size_t i = 0, n; i < t->length; i += n) {
    n = (size_t)utf8_decode(t->data + i, t->length - i, NULL);
    bool lacking = as_json && ((unsigned char)t->data[i] < ' ' || strchr("\"\\", t->data[i]));
    for (size_t k = 0; k < n; k++) lacking |= s->lacks[(unsigned char)t->data[i + k]];
    for (size_t k = 0; k < n && !lacking; k++) t->data[kept++] = t->data[i + k];
  }
  t->data[t->length = kept] = 0;
}

static void make_string(const setting *s, rng *r, int field, const char *const *added, uint32_t n_added, text *out) {
  text_clear(out);
  if (fields[field].kind & PIECE) text_putc(out, 'q');
  if (rng_below(r, 4)) put_random_pieces(r, added, n_added, out);
  else put_random_bytes(r, out);
  if (fields[field].kind & PIECE) text_putc(out, 'w');
  drop(s, fields[field].kind & JSON, out);
  if (!out->length) text_puts(out, "<|im_end|>");
}

static void check_random_strings(setting *s, uint32_t n, uint64_t seed) {
  const char *added[64];
  uint32_t n_added = 0, n_ids = tokenizer_vocab_size(s->t);
  for (uint32_t id = 0; id < n_ids && n_added < 64; id++)
    if (tokenizer_is_added(s->t, (int32_t)id)) added[n_added++] = tokenizer_content(s->t, (int32_t)id);
  assert_true(n_added > 0);
  rng random = rng_new(seed, RNG_TEST);
  text string = {0};
  for (uint32_t i = 0; i < n; i++) {
    int field = (int)(i % N_FIELDS);
    make_string(s, &random, field, added, n_added, &string);
    check(s, fields[field].kind & TEMPLATE ? 1 : (int)rng_below(&random, N_STYLES), field, string.data,
          rng_below(&random, 4) == 0);
  }
  text_free(&string);
}

// --- tests ---

static void run(setting *s, const char *name, uint32_t n, uint64_t seed) {
  check_added_tokens(s);
  uint64_t with_tokens = s->n_tried;
  check_random_strings(s, n, seed);
  print_message("%s: %llu examples with added tokens, %llu with random strings\n", name, (unsigned long long)with_tokens,
                (unsigned long long)(s->n_tried - with_tokens));
  tokenizer_free(s->t);
  arena_free(s->a);
}

static void byte_tokenizer_keeps_content_apart(void **state) {
  (void)state;
  arena *a = arena_new("test");
  run(begin(a, byte_tokenizer(a, true), "<|im_start|>", "<|endoftext|>", false), "bytes", N_STRINGS, 1);
}

static void gpt2_keeps_content_apart(void **state) {
  (void)state;
  arena *a = arena_new("test");
  run(begin_real(a, "tokenizers/gpt2/tokenizer.json", "<|endoftext|>", "<|endoftext|>", false), "gpt2", N_STRINGS, 2);
}

static void smollm2_keeps_content_apart(void **state) {
  (void)state;
  arena *a = arena_new("test");
  run(begin_real(a, "tokenizers/smollm2/tokenizer.json", "<|im_start|>", "<|im_end|>", false), "smollm2", N_STRINGS, 3);
}

static void mistral_keeps_content_apart(void **state) {
  (void)state;
  arena *a = arena_new("test");
  run(begin_real(a, "tokenizers/mistral01/tokenizer.json", "<s>", "</s>", true), "mistral01", N_STRINGS, 4);
}

static void stories_keeps_content_apart(void **state) {
  (void)state;
  arena *a = arena_new("test");
  run(begin_real(a, "models/stories260K/hf/tokenizer.json", "<s>", "</s>", true), "stories260K", N_STRINGS, 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(byte_tokenizer_keeps_content_apart), cmocka_unit_test(gpt2_keeps_content_apart),
      cmocka_unit_test(smollm2_keeps_content_apart),        cmocka_unit_test(mistral_keeps_content_apart),
      cmocka_unit_test(stories_keeps_content_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
