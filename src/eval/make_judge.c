#include "eval/make_judge.h"

#include <string.h>
#include <strings.h>

#include "base/unicode.h"
#include "eval/make_prompt.h"
#include "eval/similar_pool.h"

struct make_judge {
  arena *memory;
  make_rules rules;
  similar_pool *inputs, *instructions;
};

enum {
  COPIED_WORDS = 10, // so many of the prompt one after the other are a repetition of it
  LONGEST_LOOP = 30,
  LEAST_LOOP = 6, // words that come again and again; words of all of it
  LEAST_LINE = 4  // words of a line that must not come twice
};
static const double ROUNDING = 1e-9;

const char *make_judge_name(vkift_made kind) {
  static const char *const names[VKIFT_MADE_KINDS] = {[VKIFT_MADE_ROW] = "row",
                                                      [VKIFT_MADE_UNFINISHED] = "unfinished",
                                                      [VKIFT_MADE_NOT_TEXT] = "not_text",
                                                      [VKIFT_MADE_NO_FORM] = "no_form",
                                                      [VKIFT_MADE_EMPTY] = "empty",
                                                      [VKIFT_MADE_TOO_SHORT] = "too_short",
                                                      [VKIFT_MADE_TOO_LONG] = "too_long",
                                                      [VKIFT_MADE_REPEATS_PROMPT] = "repeats_prompt",
                                                      [VKIFT_MADE_REPEATS_ITSELF] = "repeats_itself",
                                                      [VKIFT_MADE_ANSWER_IS_INPUT] = "answer_is_input",
                                                      [VKIFT_MADE_NOT_A_LABEL] = "not_a_label",
                                                      [VKIFT_MADE_NEAR_DUPLICATE] = "near_duplicate"};
  return names[kind];
}

// --- what exists -------------------------------------------------------------------------------------------------------

static void add_guideline(make_judge *j, const guideline *g) {
  similar_pool_add(j->instructions, g->definition, arena_printf(j->memory, "%s: definition", g->file));
  for (uint32_t i = 0; i < g->n_positive; i++)
    similar_pool_add(j->inputs, g->positive[i].input, arena_printf(j->memory, "%s: positive example %u", g->file, i + 1));
  for (uint32_t i = 0; i < g->n_negative; i++)
    similar_pool_add(j->inputs, g->negative[i].input, arena_printf(j->memory, "%s: negative example %u", g->file, i + 1));
  for (uint32_t i = 0; i < g->inputs.n; i++)
    similar_pool_add(j->inputs, g->inputs.items[i], arena_printf(j->memory, "%s: instance %u", g->file, i + 1));
}

make_judge *make_judge_new(arena *a, const guidelines *all, const seeds *from, const make_rules *rules) {
  make_judge *j = ARENA_NEW(a, make_judge);
  *j = (make_judge){.memory = a, .rules = *rules, .inputs = similar_pool_new(a), .instructions = similar_pool_new(a)};
  for (uint32_t i = 0; i < all->n; i++) add_guideline(j, &all->items[i]);
  for (uint64_t i = 0; i < from->n; i++) {
    const seed_example *x = &from->items[i];
    similar_pool_add(j->instructions, x->instruction, x->name);
    if (*x->input) similar_pool_add(j->inputs, x->input, x->name);
  }
  return j;
}

void make_judge_add(make_judge *j, vkift_make_what what, const make_fields *f, const char *name) {
  const bool inputs = what == VKIFT_MAKE_INPUTS;
  similar_pool_add(inputs ? j->inputs : j->instructions, inputs ? f->input : f->instruction, name);
}

// --- form --------------------------------------------------------------------------------------------------------------

static bool is_text(const char *s) {
  for (const char *end = s + strlen(s); s < end;) {
    const uint32_t c = unicode_take(&s, end);
    if (c == 0xFFFD || (c < 32 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0)) return false;
  }
  return true;
}

static uint64_t count_words(const char *s) {
  arena *a = arena_new("words");
  const uint64_t n = symbols_of_words(symbols_new(a), s, strlen(s)).n;
  arena_free(a);
  return n;
}

// Words that `in` has one after the other, as `of` has them.
static bool has_run(const symbol_list *in, const symbol_list *of, uint64_t length) {
  for (uint64_t i = 0; i + length <= in->n; i++)
    for (uint64_t k = 0; k + length <= of->n; k++)
      if (in->items[i] == of->items[k] && !memcmp(in->items + i, of->items + k, (size_t)length * sizeof *in->items)) return true;
  return false;
}

static bool repeats(arena *a, symbols *s, const symbol_list *words, const char *of) {
  if (!of) return false;
  const symbol_list said = similar_pool_words(a, s, of);
  const uint64_t length = said.n < COPIED_WORDS ? said.n : COPIED_WORDS;
  return length > 2 && has_run(words, &said, length);
}

static bool repeats_prompt(const guideline *g, const char *field) {
  if (!field) return false;
  arena *a = arena_new("words");
  symbols *s = symbols_new(a);
  const symbol_list words = similar_pool_words(a, s, field);
  bool found = repeats(a, s, &words, g->definition) || repeats(a, s, &words, g->avoid) || repeats(a, s, &words, g->caution);
  for (uint32_t i = 0; !found && make_prompt_asks[i]; i++) found = repeats(a, s, &words, make_prompt_asks[i]);
  arena_free(a);
  return found;
}

// A word that equals the one `period` before it, again and again: the same words three times.
static bool has_loop(const symbol_list *w) {
  for (uint64_t period = 1; period <= LONGEST_LOOP && 3 * period <= w->n; period++) {
    uint64_t equal = 0;
    for (uint64_t i = period; i < w->n; i++) {
      equal = w->items[i] == w->items[i - period] ? equal + 1 : 0;
      if (equal >= 2 * period && equal + period >= LEAST_LOOP) return true;
    }
  }
  return false;
}

// A line that is there three times, or twice where it has some words.
static bool has_line_again(arena *a, symbols *s, const char *field) {
  symbol_list lines = {0};
  for (const char *line = field, *next; *line; line = next) {
    const size_t n = strcspn(line, "\n");
    next = line + n + (line[n] == '\n');
    if (strspn(line, " \t") >= n) continue;
    symbols_put(s, &lines, line, n);
    const uint32_t id = lines.items[lines.n - 1];
    uint32_t before = 0;
    for (uint64_t i = 0; i + 1 < lines.n; i++) before += lines.items[i] == id;
    if (before >= 2 || (before && symbols_of_words(symbols_new(a), line, n).n >= LEAST_LINE)) return true;
  }
  return false;
}

static bool repeats_itself(const char *field) {
  if (!field) return false;
  arena *a = arena_new("words");
  symbols *s = symbols_new(a);
  const symbol_list words = similar_pool_words(a, s, field);
  const bool found = has_loop(&words) || has_line_again(a, symbols_new(a), field);
  arena_free(a);
  return found;
}

static bool is_too_long(const make_judge *j, const char *field) {
  if (!field) return false;
  arena *a = arena_new("words");
  const uint64_t n = similar_pool_words(a, symbols_new(a), field).n;
  arena_free(a);
  return n > j->rules.max_words;
}

// --- labels --------------------------------------------------------------------------------------------------------------

static size_t without_marks(const char *s) {
  size_t n = strlen(s);
  while (n && strchr(".!\"' *", s[n - 1])) n--;
  return n;
}

static bool is_label(const guideline *g, make_fields *f) {
  if (!g->labels.n) return true;
  for (uint32_t i = 0; i < g->labels.n; i++)
    if (!strcmp(g->labels.items[i], f->output)) return true;
  const size_t n = without_marks(f->output);
  for (uint32_t i = 0; i < g->labels.n; i++) {
    const char *label = g->labels.items[i];
    if (!n || n != without_marks(label) || strncasecmp(label, f->output, n)) continue;
    f->output = label;
    return true;
  }
  return false;
}

// An answer of marks alone, where none of the guideline's is.
static bool says_nothing(const guideline *g, const char *output) {
  bool nothing = !without_marks(output);
  for (uint32_t i = 0; i < g->n_positive; i++) nothing &= strcmp(g->positive[i].output, output) != 0;
  return nothing;
}

// --- all of it -----------------------------------------------------------------------------------------------------------

static bool is_same(const char *x, const char *y) {
  return x && y && !strcasecmp(x, y);
}

static bool is_short(const make_judge *j, const guideline *g, vkift_make_what what, const make_fields *f) {
  uint64_t least = j->rules.min_words;
  if (what == VKIFT_MAKE_INSTRUCTIONS) return count_words(f->instruction) < least;
  if (g->least_words < least) least = g->least_words ? g->least_words : 1;
  return count_words(f->input) < least;
}

static vkift_made judge_form(const make_judge *j, const guideline *g, vkift_make_what what, make_fields *f) {
  const bool inputs = what == VKIFT_MAKE_INPUTS;
  if (!f->output || (inputs ? !f->input : !f->instruction)) return VKIFT_MADE_NO_FORM;
  if (!f->input || (!inputs && make_parse_is_none(f->input))) f->input = "";
  const char *const fields[] = {inputs ? NULL : f->instruction, f->input, f->output};
  for (int i = 0; i < 3; i++)
    if (fields[i] && !is_text(fields[i])) return VKIFT_MADE_NOT_TEXT;
  if (!*f->output || says_nothing(g, f->output) || (inputs ? !*f->input : !*f->instruction)) return VKIFT_MADE_EMPTY;
  if (is_short(j, g, what, f)) return VKIFT_MADE_TOO_SHORT;
  for (int i = 0; i < 3; i++)
    if (is_too_long(j, fields[i])) return VKIFT_MADE_TOO_LONG;
  for (int i = 0; i < 3; i++)
    if (repeats_prompt(g, fields[i])) return VKIFT_MADE_REPEATS_PROMPT;
  for (int i = 0; i < 3; i++)
    if (repeats_itself(fields[i])) return VKIFT_MADE_REPEATS_ITSELF;
  if ((is_same(f->output, f->input) && !(inputs && g->copies)) || is_same(f->output, fields[0]))
    return VKIFT_MADE_ANSWER_IS_INPUT;
  return inputs && !is_label(g, f) ? VKIFT_MADE_NOT_A_LABEL : VKIFT_MADE_ROW;
}

make_judged make_judge_fields(make_judge *j, const guideline *g, vkift_make_what what, make_fields *f) {
  make_judged r = {.verdict = judge_form(j, g, what, f), .nearest = ""};
  if (r.verdict != VKIFT_MADE_ROW) return r;
  const bool inputs = what == VKIFT_MAKE_INPUTS;
  const char *nearest;
  r.similarity = similar_pool_nearest(inputs ? j->inputs : j->instructions, inputs ? f->input : f->instruction, &nearest);
  if (nearest) r.nearest = nearest;
  if (r.similarity >= j->rules.similarity - ROUNDING) r.verdict = VKIFT_MADE_NEAR_DUPLICATE;
  return r;
}
