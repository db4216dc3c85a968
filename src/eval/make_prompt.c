#include "eval/make_prompt.h"

#include <string.h>

#include "base/text.h"

static const char ask_example[] = "Write an example of this task: an input, and the right output for it.";
static const char ask_another[] = "Write another example of this task, unlike those before.";
static const char ask_task[] = "Write a task: an instruction, an input if it needs one, and the right output.";
static const char ask_kind[] =
    "Write a new task of this kind, in words of your own: an instruction, an input if it needs one, and the right output.";
const char *const make_prompt_asks[] = {ask_example, ask_another, ask_task, ask_kind, NULL};

typedef struct drawn {
  const seed_example **items; // [n]
  uint32_t n;
} drawn;

typedef struct building {
  arena *a;
  make_prompt *out;
  const char **from;
} building;

// The first `most` of a shuffle.
static drawn draw(arena *a, const make_shelf *shelf, uint32_t most, rng *r) {
  const uint32_t n = shelf->n < UINT32_MAX ? (uint32_t)shelf->n : UINT32_MAX;
  const seed_example **items = ARENA_ARRAY(a, const seed_example *, n);
  if (n) memcpy(items, shelf->items, n * sizeof *items);
  for (uint32_t i = 0; i < n; i++) {
    const uint32_t k = i + rng_below(r, n - i);
    const seed_example *x = items[i];
    items[i] = items[k], items[k] = x;
  }
  return (drawn){items, n < most ? n : most};
}

static drawn join(arena *a, drawn x, drawn y, rng *r) {
  make_shelf both = {.items = ARENA_ARRAY(a, const seed_example *, (uint64_t)x.n + y.n), .n = (uint64_t)x.n + y.n};
  for (uint32_t i = 0; i < x.n; i++) both.items[i] = x.items[i];
  for (uint32_t i = 0; i < y.n; i++) both.items[x.n + i] = y.items[i];
  return draw(a, &both, x.n + y.n, r);
}

// --- texts ---------------------------------------------------------------------------------------------------------------

static const char *kept(arena *a, text *t) {
  const char *s = arena_strndup(a, t->data, t->length);
  text_free(t);
  return s;
}

static void put_example(text *out, const char *input, const char *output) {
  if (*input) text_printf(out, "Input: %s\n", input);
  text_printf(out, "Output: %s", output);
}

static void note_shown(building *b, const char *name) {
  b->from[b->out->from.n++] = name;
}

static void put_guideline(building *b, text *out, const guideline *g, const make_counts *counts, rng *r) {
  text_printf(out, "%s\n\n", g->definition);
  if (g->caution) text_printf(out, "Important: %s\n\n", g->caution);
  if (g->avoid) text_printf(out, "Things to avoid: %s\n\n", g->avoid);
  if (g->labels.n) text_puts(out, "The output is one of: ");
  for (uint32_t i = 0; i < g->labels.n; i++) text_printf(out, "%s%s", g->labels.items[i], i + 1 < g->labels.n ? "; " : ".\n\n");
  const uint32_t first = g->n_negative ? rng_below(r, g->n_negative) : 0;
  for (uint32_t i = 0; i < counts->negative && i < g->n_negative; i++) {
    const uint32_t number = (first + i) % g->n_negative;
    const superni_example *x = &g->negative[number];
    note_shown(b, arena_printf(b->a, "%s: negative example %u", g->file, number + 1));
    text_puts(out, "A wrong example, not to be followed:\n");
    put_example(out, x->input, x->output);
    if (counts->explanations && x->explanation) text_printf(out, "\nWhy it is wrong: %s", x->explanation);
    text_puts(out, "\n\n");
  }
}

static void say(building *b, message_role role, const char *content) {
  b->out->messages[b->out->n++] = (message){.role = role, .content = content};
}

static void answer(building *b, const seed_example *x, bool with_instruction) {
  text t = {0};
  if (with_instruction) text_printf(&t, "Instruction: %s\n", x->instruction);
  put_example(&t, x->input, x->output);
  say(b, ROLE_ASSISTANT, kept(b->a, &t));
  note_shown(b, x->name);
}

static const char *ask_of(building *b, const guideline *g, const make_counts *counts, const char *ask, rng *r) {
  text t = {0};
  put_guideline(b, &t, g, counts, r);
  text_puts(&t, ask);
  return kept(b->a, &t);
}

// --- conversations -----------------------------------------------------------------------------------------------------

static void build_inputs(building *b, const make_stock *stock, const make_counts *counts, drawn given, drawn shown, rng *r) {
  for (uint32_t i = 0; i < given.n; i++) {
    say(b, ROLE_USER, arena_printf(b->a, "%s\n\n%s", given.items[i]->instruction, ask_example));
    answer(b, given.items[i], false);
  }
  say(b, ROLE_USER, ask_of(b, stock->guideline, counts, ask_example, r));
  for (uint32_t i = 0; i < shown.n; i++) {
    answer(b, shown.items[i], false);
    say(b, ROLE_USER, ask_another);
  }
  b->out->begin = "Input:";
}

static void build_instructions(building *b, const make_stock *stock, const make_counts *counts, drawn shown, drawn positive,
                               rng *r) {
  for (uint32_t i = 0; i < shown.n; i++) {
    say(b, ROLE_USER, ask_task);
    answer(b, shown.items[i], true);
  }
  text t = {0};
  put_guideline(b, &t, stock->guideline, counts, r);
  for (uint32_t i = 0; i < positive.n; i++) {
    text_puts(&t, "A right example:\n");
    put_example(&t, positive.items[i]->input, positive.items[i]->output);
    text_puts(&t, "\n\n");
    note_shown(b, positive.items[i]->name);
  }
  text_puts(&t, ask_kind);
  say(b, ROLE_USER, kept(b->a, &t));
  b->out->begin = "Instruction:";
}

make_prompt make_prompt_build(arena *a, const make_stock *stock, vkift_make_what what, const make_counts *counts, rng r) {
  make_prompt out = {0};
  const drawn given = draw(a, &stock->seeds, counts->seeds, &r), positive = draw(a, &stock->positive, counts->positive, &r),
              made = draw(a, &stock->made, counts->made, &r);
  const uint64_t most = (uint64_t)given.n + positive.n + made.n;
  const uint32_t n_negative = stock->guideline->n_negative;
  const uint64_t negative = counts->negative < n_negative ? counts->negative : n_negative;
  building b = {.a = a, .out = &out, .from = ARENA_ARRAY(a, const char *, most + negative)};
  out.messages = ARENA_ARRAY(a, message, 2 * most + 1);
  if (what == VKIFT_MAKE_INPUTS) build_inputs(&b, stock, counts, given, join(a, positive, made, &r), &r);
  else build_instructions(&b, stock, counts, join(a, given, made, &r), positive, &r);
  out.from.items = b.from;
  return out;
}
