#include "data/augment.h"

#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "data/augment_length.h"
#include "data/task_notes.h"

struct augment {
  arena *memory;
  augmentation wanted;
  const char *task; // of rows that name none
  uint64_t seed;
  augment_pool *pool; // NULL where no demonstrations are wanted
};

augment *augment_new(const dataset_options *o, const char *file) {
  const augmentation *w = &o->augment;
  if (!w->n_demonstrations && !(w->persona > 0) && !(w->length_constraint > 0) && !(w->definition > 0)) return NULL;
  REQUIRE(w->n_demonstrations <= AUGMENT_DEMONSTRATIONS, "%u demonstrations", w->n_demonstrations);
  arena *a = arena_new("augmentations");
  augment *g = ARENA_NEW(a, augment);
  *g = (augment){.memory = a, .wanted = *w, .task = path_stem(a, file), .seed = o->seed};
  if (w->n_demonstrations) g->pool = augment_pool_new(POOL_BYTES);
  return g;
}

void augment_free(augment *g) {
  if (!g) return;
  augment_pool_free(g->pool);
  arena_free(g->memory);
}

// --- random numbers ----------------------------------------------------------------------------------------------------

typedef enum purpose { OF_POOL, OF_DEMONSTRATIONS, OF_PERSONA, OF_LENGTH_CONSTRAINT, OF_DEFINITION } purpose;

// An example's numbers for one purpose do not depend on what else is drawn, for it or for others.
static rng_block block_of(const augment *g, const raw_example *raw, uint32_t place, purpose why) {
  const rng stream = rng_new(g->seed, RNG_AUGMENT);
  return rng_philox(stream.key, (uint32_t[4]){place, raw->place, why});
}

static rng rng_of(const augment *g, const raw_example *raw, uint32_t place, purpose why) {
  const rng_block b = block_of(g, raw, place, why);
  return (rng){.key = {b.v[0], b.v[1]}};
}

// --- demonstrations ----------------------------------------------------------------------------------------------------

// One prompt and one trained answer, without tools.
static bool is_exchange(const raw_example *x) {
  const uint32_t first = x->n_messages && x->messages[0].role == ROLE_SYSTEM;
  if (x->format == DATA_SUPERNI || x->n_messages != first + 2) return false;
  const message *prompt = &x->messages[first], *answer = prompt + 1;
  return prompt->role == ROLE_USER && answer->role == ROLE_ASSISTANT && answer->train && *answer->content &&
         !answer->tool_calls && !x->messages[0].tools;
}

static const char *system_of(const raw_example *x) {
  return x->messages[0].role == ROLE_SYSTEM ? x->messages[0].content : "";
}

static const char *prompt_of(const raw_example *x) {
  return x->messages[x->n_messages - 2].content;
}

static const char *answer_of(const raw_example *x) {
  return x->messages[x->n_messages - 1].content;
}

// In the pool, the task of rows that name none has no name: the file's may change.
static const char *task_of(const raw_example *x) {
  return x->task ? x->task : "";
}

static raw_example with_notes(const augment *g, const raw_example *raw) {
  raw_example x = *raw;
  task_notes_add(g->wanted.notes, raw->task ? raw->task : g->task, &x);
  return x;
}

bool augment_needs_pool(const augment *g) {
  return g && g->pool;
}

static uint64_t pool_key(const augment *g, const raw_example *raw, uint32_t place) {
  const rng_block b = block_of(g, raw, place, OF_POOL);
  return (uint64_t)b.v[0] << 32 | b.v[1];
}

bool augment_wants(const augment *g, const raw_example *raw, uint32_t place) {
  return augment_needs_pool(g) && is_exchange(raw) && augment_pool_wants(g->pool, task_of(raw), pool_key(g, raw, place));
}

void augment_offer(augment *g, const raw_example *raw, uint32_t place) {
  if (!augment_wants(g, raw, place)) return;
  const strings personas = with_notes(g, raw).personas;
  const pool_candidate c = {.key = pool_key(g, raw, place),
                            .place = place,
                            .system = system_of(raw),
                            .prompt = prompt_of(raw),
                            .answer = answer_of(raw)};
  augment_pool_add(g->pool, task_of(raw), &c, personas);
}

// Another phrasing of a template pack's row has its answer.
static bool demonstrates(const pool_candidate *c, uint32_t place, const augmented *x) {
  if (x->plain->format == DATA_PACK && c->place == place) return false;
  if (strcmp(c->system, system_of(x->plain)) || !strcmp(c->prompt, prompt_of(x->plain))) return false;
  if (x->persona && !augment_pool_has_persona(c, x->persona)) return false;
  for (uint32_t i = 0; i < x->n_demonstrations; i++)
    if (!strcmp(c->prompt, x->demonstrations[i]->prompt)) return false;
  return true;
}

// From the candidates in a random order, those that fit.
static void draw_demonstrations(const augment *g, uint32_t place, augmented *x) {
  if (!g->pool || !is_exchange(x->plain)) return;
  uint32_t n, order[POOL_OF_TASK];
  const pool_candidate *candidates = augment_pool_of(g->pool, task_of(x->plain), &n);
  rng r = rng_of(g, x->plain, place, OF_DEMONSTRATIONS);
  for (uint32_t i = 0; i < n; i++) order[i] = i;
  for (uint32_t i = 0; i < n && x->n_demonstrations < g->wanted.n_demonstrations; i++) {
    const uint32_t k = i + rng_below(&r, n - i), drawn = order[k];
    order[k] = order[i];
    if (demonstrates(&candidates[drawn], place, x)) x->demonstrations[x->n_demonstrations++] = &candidates[drawn];
  }
}

// --- the others --------------------------------------------------------------------------------------------------------

static void draw_persona(const augment *g, uint32_t place, augmented *x) {
  rng r = rng_of(g, x->plain, place, OF_PERSONA);
  const strings all = x->plain->personas;
  if (all.n && rng_uniform(&r) < g->wanted.persona) x->persona = all.items[rng_below(&r, all.n)];
}

static const message *first_prompt(const message *messages, uint32_t n) {
  for (uint32_t i = 0; i < n; i++)
    if (messages[i].role == ROLE_USER) return &messages[i];
  return NULL;
}

// A prompt that begins with the definition needs no other.
static void draw_definition(const augment *g, arena *a, uint32_t place, augmented *x) {
  const char *definition = x->plain->definition ? x->plain->definition : "", *avoid = x->plain->avoid ? x->plain->avoid : "";
  const message *prompt = first_prompt(x->plain->messages, x->plain->n_messages);
  rng r = rng_of(g, x->plain, place, OF_DEFINITION);
  if (!prompt || !(rng_uniform(&r) < g->wanted.definition)) return;
  if (!strncmp(prompt->content, definition, strlen(definition))) definition = "";
  if (!*definition && !*avoid) return;
  x->definition =
      arena_printf(a, "%s%s%s%s", definition, *definition && *avoid ? "\n\n" : "", *avoid ? "Things to avoid: " : "", avoid);
}

static void draw_length_constraint(const augment *g, arena *a, uint32_t place, augmented *x) {
  rng r = rng_of(g, x->plain, place, OF_LENGTH_CONSTRAINT);
  if (!is_exchange(x->plain) || x->plain->choices.n || !(rng_uniform(&r) < g->wanted.length_constraint)) return;
  text sentence = {0};
  if (augment_length_put(answer_of(x->plain), &r, &sentence)) x->constraint = arena_strdup(a, sentence.data);
  text_free(&sentence);
}

bool augment_draw(const augment *g, arena *a, const raw_example *raw, uint32_t place, augmented *x) {
  *x = (augmented){0};
  if (!g || raw->format == DATA_SUPERNI || !raw->n_messages) return false;
  raw_example *plain = ARENA_NEW(a, raw_example);
  *plain = with_notes(g, raw);
  x->plain = plain;
  draw_persona(g, place, x);
  draw_definition(g, a, place, x);
  draw_length_constraint(g, a, place, x);
  draw_demonstrations(g, place, x);
  return x->persona || x->definition || x->constraint || x->n_demonstrations;
}

// --- the example with them ---------------------------------------------------------------------------------------------

uint32_t augment_all(const augmented *x) {
  return (1u << x->n_demonstrations) - 1;
}

static void add(raw_example *out, message_role role, const char *content) {
  out->messages[out->n_messages++] = (message){.role = role, .content = content};
}

// On a line of its own, unless it follows a sentence of one line.
static const char *with_constraint(arena *a, const char *prompt, const char *constraint) {
  const size_t n = strlen(prompt);
  const bool follows = n && strchr(".?!", prompt[n - 1]) && !strchr(prompt, '\n');
  return arena_printf(a, "%s%s%s", prompt, follows ? " " : "\n\n", constraint);
}

raw_example augment_build(arena *a, const augmented *x, uint32_t demonstrations) {
  const raw_example *plain = x->plain;
  raw_example out = *plain;
  const bool has_system = plain->messages[0].role == ROLE_SYSTEM;
  out.messages = ARENA_ARRAY(a, message, plain->n_messages + 1 + 2 * (uint64_t)x->n_demonstrations);
  out.n_messages = 0;
  if (x->persona && has_system) add(&out, ROLE_SYSTEM, arena_printf(a, "%s\n\n%s", x->persona, system_of(plain)));
  else if (x->persona || has_system) add(&out, ROLE_SYSTEM, x->persona ? x->persona : system_of(plain));
  for (uint32_t i = 0; i < x->n_demonstrations; i++) {
    if (!(demonstrations >> i & 1)) continue;
    add(&out, ROLE_USER, x->demonstrations[i]->prompt);
    add(&out, ROLE_ASSISTANT, x->demonstrations[i]->answer);
  }
  for (uint32_t i = has_system; i < plain->n_messages; i++) out.messages[out.n_messages++] = plain->messages[i];
  for (uint32_t i = 0; i < out.n_messages; i++) out.messages[i].tools = i ? NULL : plain->messages[0].tools;
  if (x->definition) {
    message *first = &out.messages[first_prompt(out.messages, out.n_messages) - out.messages];
    first->content = arena_printf(a, "%s\n\n%s", x->definition, first->content);
    out.definition = out.avoid = NULL;
  }
  message *prompt = x->constraint ? &out.messages[out.n_messages - 2] : NULL;
  if (prompt) prompt->content = with_constraint(a, prompt->content, x->constraint);
  if (x->persona) out.personas = (strings){0};
  return out;
}

void augment_count(augment_counts *counts, const augmented *x, uint32_t demonstrations) {
  counts->demonstrations += demonstrations != 0;
  counts->persona += x->persona != NULL;
  counts->definition += x->definition != NULL;
  counts->length_constraint += x->constraint != NULL;
}
