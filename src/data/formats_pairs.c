// An instruction, perhaps with an input, and its answer: Alpaca's rows, self-instruct's, and the instances of
// Super-NaturalInstructions.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "data/formats_parts.h"

// The input follows the instruction under Alpaca's own heading, or as a paragraph in a chat.
static const char *join_input(arena *a, const prompt_style *prompt, const char *instruction, const char *input) {
  if (!*input) return instruction;
  if (prompt->kind != PROMPT_ALPACA) return arena_printf(a, "%s\n\n%s", instruction, input);
  text joined = {0};
  prompt_alpaca_user(instruction, input, &joined);
  const char *user = arena_strdup(a, joined.data);
  text_free(&joined);
  return user;
}

static void add_turn(raw_example *out, message_role role, const char *content, bool train) {
  out->messages[out->n_messages++] = (message){.role = role, .content = content, .train = train};
}

// --- alpaca ---

// history: earlier turns as pairs [user, assistant].
static bool read_history(const json *d, const cJSON *history, bool trains, raw_example *out, err *e) {
  uint32_t i = 0;
  const cJSON *pair;
  cJSON_ArrayForEach(pair, history) {
    char where[64];
    snprintf(where, sizeof where, "history[%u]", i++);
    const cJSON *user = cJSON_IsArray(pair) ? pair->child : NULL, *answer = user ? user->next : NULL;
    if (!cJSON_IsString(user) || !cJSON_IsString(answer) || answer->next)
      return formats_unexpected(d, where, "a pair of strings [user, assistant]", pair, e);
    add_turn(out, ROLE_USER, user->valuestring, false);
    add_turn(out, ROLE_ASSISTANT, answer->valuestring, trains);
  }
  return true;
}

bool formats_read_alpaca(arena *a, const json *d, const dataset_options *o, raw_example *out, err *e) {
  const char *instruction, *input = "", *output, *system = "";
  TRY(json_string(d, d->root, "", "instruction", &instruction, e));
  TRY(json_string_or(d, d->root, "", "input", &input, e));
  TRY(json_string(d, d->root, "", "output", &output, e));
  TRY(json_string_or(d, d->root, "", "system", &system, e));
  const cJSON *history = formats_field(d->root, "history");
  if (history && !cJSON_IsArray(history))
    return formats_unexpected(d, "history", "an array of pairs [user, assistant]", history, e);
  out->messages = ARENA_ARRAY(a, message, 3 + 2 * (uint64_t)(history ? cJSON_GetArraySize(history) : 0));
  if (*system) add_turn(out, ROLE_SYSTEM, system, false);
  TRY(read_history(d, history, !o->train_on_last, out, e));
  add_turn(out, ROLE_USER, join_input(a, o->prompt, instruction, input), false);
  add_turn(out, ROLE_ASSISTANT, output, true);
  return true;
}

// --- rows of several examples ---

typedef struct draw {
  uint64_t key;
  uint32_t i;
} draw;

static int by_key(const void *a, const void *b) {
  const draw *x = a, *y = b;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return (x->i > y->i) - (x->i < y->i);
}

// Marks `wanted` of n: those that draw the lowest numbers, which depend on the seed and their places alone.
static void choose(arena *a, uint32_t n, uint32_t wanted, uint64_t seed, bool *chosen) {
  rng stream = rng_new(seed, RNG_SPLIT);
  draw *draws = ARENA_ARRAY(a, draw, n);
  for (uint32_t i = 0; i < n; i++) {
    rng_block b = rng_philox(stream.key, (uint32_t[4]){i, 1});
    draws[i] = (draw){(uint64_t)b.v[0] << 32 | b.v[1], i};
  }
  qsort(draws, n, sizeof *draws, by_key);
  for (uint32_t i = 0; i < wanted; i++) chosen[draws[i].i] = true;
}

bool formats_open_instances(arena *a, formats_row *r, const char *key, err *e) {
  const json *d = r->json;
  const dataset_options *o = r->options;
  cJSON *list;
  TRY(json_array(d, d->root, "", key, &list, e));
  if (!list->child) return ERR(e, "%s: %s: expected at least one instance, found an empty array", d->origin, key);
  const uint32_t n = (uint32_t)cJSON_GetArraySize(list);
  const uint32_t most = r->format == DATA_SUPERNI && o->max_instances && o->max_instances < n ? o->max_instances : n;
  bool *chosen = ARENA_ARRAY(a, bool, n);
  if (most < n && !o->first_instances) choose(a, n, most, o->seed, chosen);
  else memset(chosen, 1, most);
  r->instances = ARENA_ARRAY(a, const cJSON *, most);
  r->places = ARENA_ARRAY(a, uint32_t, most);
  uint32_t i = 0;
  const cJSON *item;
  cJSON_ArrayForEach(item, list) {
    if (chosen[i++]) r->instances[r->n] = item, r->places[r->n++] = i;
  }
  return true;
}

bool formats_read_self_instruct(arena *a, const formats_row *r, uint32_t i, raw_example *out, err *e) {
  const json *d = r->json;
  const char *instruction, *input = "", *output;
  char where[64];
  snprintf(where, sizeof where, "instances[%u]", r->places[i] - 1);
  TRY(json_string(d, d->root, "", "instruction", &instruction, e));
  TRY(json_string_or(d, r->instances[i], where, "input", &input, e));
  TRY(json_string(d, r->instances[i], where, "output", &output, e));
  out->messages = ARENA_ARRAY(a, message, 2);
  add_turn(out, ROLE_USER, join_input(a, r->options->prompt, instruction, input), false);
  add_turn(out, ROLE_ASSISTANT, output, true);
  return true;
}

// The first reference is what is learned; all of them are kept to be compared with. The user's turn is written when it is
// known how many demonstrations fit.
bool formats_read_superni(arena *a, const formats_row *r, uint32_t i, raw_example *out, err *e) {
  const json *d = r->json;
  const cJSON *item = r->instances[i], *output;
  char where[64];
  snprintf(where, sizeof where, "Instances[%u]", r->places[i] - 1);
  TRY(json_string(d, item, where, "input", &out->input, e));
  output = formats_field(item, "output");
  if (output && !cJSON_IsString(output) && !cJSON_IsArray(output)) {
    char place[96];
    snprintf(place, sizeof place, "%s.output", where);
    return formats_unexpected(d, place, "a string or a list of strings", output, e);
  }
  if (cJSON_IsString(output)) {
    const char **one = ARENA_ARRAY(a, const char *, 1);
    *one = output->valuestring;
    out->references = (strings){one, 1};
  } else {
    TRY(formats_strings(a, d, item, where, "output", &out->references, e));
    if (!out->references.n)
      return ERR(e, "%s: %s.output: expected a string or a list of strings, found nothing", d->origin, where);
  }
  out->messages = ARENA_ARRAY(a, message, 2);
  add_turn(out, ROLE_USER, "", false);
  add_turn(out, ROLE_ASSISTANT, out->references.items[0], true);
  return true;
}
