// Rows that objectives beyond sft are for, as sft can learn from them: of two answers the chosen one, of a labelled text the
// label's name.
#include <math.h>
#include <string.h>

#include "data/formats_parts.h"

// --- preference --------------------------------------------------------------------------------------------------------

// Anthropic's HH writes conversations as text: "\n\nHuman: …\n\nAssistant: …\n\nHuman: …".
static const struct {
  const char *mark;
  message_role role;
} speakers[] = {{"\n\nHuman:", ROLE_USER}, {"\n\nAssistant:", ROLE_ASSISTANT}};

static int speaker_at(const char *s) {
  for (int i = 0; i < 2; i++)
    if (!strncmp(s, speakers[i].mark, strlen(speakers[i].mark))) return i;
  return -1;
}

static bool is_dialogue(const char *s) {
  return speaker_at(s) >= 0;
}

static void read_dialogue(arena *a, const char *s, raw_example *out) {
  uint64_t capacity = 0;
  while (*s) {
    const int speaker = speaker_at(s);
    s += strlen(speakers[speaker].mark);
    s += *s == ' ';
    const char *end = s;
    while (*end && speaker_at(end) < 0) end++;
    arena_grow(a, (void **)&out->messages, &capacity, out->n_messages + 1, sizeof *out->messages);
    out->messages[out->n_messages++] =
        (message){.role = speakers[speaker].role, .content = arena_strndup(a, s, (size_t)(end - s)), .train = speaker == 1};
    s = end;
  }
}

static void append(arena *a, raw_example *x, const message *more, uint32_t n) {
  message *all = ARENA_ARRAY(a, message, (uint64_t)x->n_messages + n);
  if (x->n_messages) memcpy(all, x->messages, x->n_messages * sizeof *all);
  if (n) memcpy(all + x->n_messages, more, n * sizeof *all);
  x->messages = all;
  x->n_messages += n;
}

static bool same_text(const char *a, const char *b) {
  return a == b || (a && b && !strcmp(a, b));
}

bool formats_same_message(const message *a, const message *b) {
  return a->role == b->role && same_text(a->content, b->content) && same_text(a->tool_calls, b->tool_calls);
}

// A side of the pair: an answer, a list of messages, or a dialogue in a text.
static bool read_side(arena *a, const json *d, const char *key, raw_example *x, err *e) {
  const cJSON *value = formats_field(d->root, key);
  if (cJSON_IsArray(value)) return formats_read_list(a, d, key, true, x, e);
  if (!cJSON_IsString(value)) return formats_unexpected(d, key, "a string or a list of messages", value, e);
  if (!formats_field(d->root, "prompt") && is_dialogue(value->valuestring)) return read_dialogue(a, value->valuestring, x), true;
  // "…\n\nAssistant:" and " an answer": the space belongs to the dialogue's form.
  const char *answer = value->valuestring;
  const cJSON *prompt = formats_field(d->root, "prompt");
  if (cJSON_IsString(prompt) && is_dialogue(prompt->valuestring) && *answer == ' ') answer++;
  append(a, x, &(message){.role = ROLE_ASSISTANT, .content = answer, .train = true}, 1);
  return true;
}

static bool read_prompt(arena *a, const json *d, raw_example *x, err *e) {
  const cJSON *prompt = formats_field(d->root, "prompt");
  if (cJSON_IsArray(prompt)) return formats_read_list(a, d, "prompt", false, x, e);
  if (!cJSON_IsString(prompt)) return !prompt || formats_unexpected(d, "prompt", "a string or a list of messages", prompt, e);
  if (is_dialogue(prompt->valuestring)) read_dialogue(a, prompt->valuestring, x);
  else append(a, x, &(message){.role = ROLE_USER, .content = prompt->valuestring}, 1);
  const message *last = x->n_messages ? &x->messages[x->n_messages - 1] : NULL; // "…\n\nAssistant:", where the answer goes on
  x->n_messages -= last && last->role == ROLE_ASSISTANT && !*last->content;
  return true;
}

// Both lists hold the whole conversation: what they share in front is the prompt, whose answers are not what is judged.
static bool forget_shared(const json *d, raw_example *rejected, raw_example *x, err *e) {
  uint32_t n = 0;
  while (n + 1 < x->n_messages && n < rejected->n_messages && formats_same_message(&x->messages[n], &rejected->messages[n])) {
    x->messages[n].train = rejected->messages[n].train = false;
    n++;
  }
  return n ||
         ERR(e, "%s: chosen, rejected: expected a \"prompt\", or conversations that begin with the same messages, found neither",
             d->origin);
}

static bool begins_with_prompt(const raw_example *x) {
  return x->n_messages && x->messages[0].role != ROLE_ASSISTANT;
}

// One side, with the prompt in front where that stands apart.
static bool join(arena *a, const json *d, const dataset_options *o, const char *key, const raw_example *prompt,
                 const raw_example *side, raw_example *out, err *e) {
  append(a, out, prompt->messages, prompt->n_messages);
  append(a, out, side->messages, side->n_messages);
  uint32_t n = 0;
  for (uint32_t i = out->n_messages; i--;)
    if (out->messages[i].train && n++ && o->train_on_last) out->messages[i].train = false;
  return n || ERR(e, "%s: %s: expected an answer of the assistant behind the prompt, found none", d->origin, key);
}

bool formats_read_preference(arena *a, const json *d, const dataset_options *o, raw_example *out, err *e) {
  raw_example chosen = {0}, rejected = {0}, prompt = {0}, other = {0};
  TRY(read_side(a, d, "chosen", &chosen, e) && read_side(a, d, "rejected", &rejected, e) && read_prompt(a, d, &prompt, e));
  const bool whole = begins_with_prompt(&chosen);
  if (o->pairs && chosen.n_messages && rejected.n_messages && whole != begins_with_prompt(&rejected))
    return ERR(e, "%s: rejected: expected %s, as chosen is, found %s", d->origin, whole ? "a whole conversation" : "an answer",
               whole ? "an answer" : "a whole conversation");
  if (whole || !prompt.n_messages) TRY(forget_shared(d, &rejected, &chosen, e));
  for (uint32_t i = 0; i < prompt.n_messages; i++) prompt.messages[i].train = false;
  if (whole) prompt.n_messages = 0;
  TRY(join(a, d, o, "chosen", &prompt, &chosen, out, e));
  if (!o->pairs) return true;
  TRY(join(a, d, o, "rejected", &prompt, &rejected, &other, e));
  out->rejected = other.messages;
  out->n_rejected = other.n_messages;
  return true;
}

// --- labelled ----------------------------------------------------------------------------------------------------------

// One text, or two that are joined by a line feed: "text" and "text_pair", or as GLUE has them "sentence1" and "sentence2".
static bool read_texts(arena *a, const json *d, const char **out, err *e) {
  const bool glue = formats_field(d->root, "sentence1") && !formats_field(d->root, "text");
  const char *first, *second = NULL;
  TRY(json_string(d, d->root, "", glue ? "sentence1" : "text", &first, e));
  if (glue) TRY(json_string(d, d->root, "", "sentence2", &second, e));
  else TRY(json_string_or(d, d->root, "", "text_pair", &second, e));
  *out = second ? arena_printf(a, "%s\n%s", first, second) : first;
  return true;
}

static bool is_count(const cJSON *value) {
  return value->valuedouble >= 0 && value->valuedouble <= INT32_MAX && value->valuedouble == floor(value->valuedouble);
}

// A number is learned by its name: the digit itself would say nothing. To a classifier any name is as good as another.
bool formats_read_labelled(arena *a, const json *d, const dataset_options *o, raw_example *out, err *e) {
  const cJSON *label = formats_field(d->root, "label");
  const char *name = NULL;
  strings names;
  out->messages = ARENA_ARRAY(a, message, 2);
  out->messages[0] = (message){.role = ROLE_USER};
  TRY(read_texts(a, d, &out->messages[0].content, e));
  TRY(formats_strings(a, d, d->root, "", "label_names", &names, e));
  if (cJSON_IsString(label)) name = label->valuestring;
  else if (!cJSON_IsNumber(label))
    return formats_unexpected(d, "label", "a string, or a number with its name in \"label_names\"", label, e);
  else if (!names.n && o->labels && is_count(label)) name = arena_printf(a, "%.0f", label->valuedouble);
  else if (!names.n)
    return formats_unexpected(d, "label", "a string, or \"label_names\" with what the number stands for", label, e);
  else if (label->valuedouble >= 0 && label->valuedouble < names.n && label->valuedouble == floor(label->valuedouble))
    name = names.items[(uint32_t)label->valuedouble];
  else return formats_unexpected(d, "label", "the place of a name in \"label_names\", counted from 0", label, e);
  out->messages[1] = (message){.role = ROLE_ASSISTANT, .content = name, .train = true};
  out->n_messages = 2;
  if (!out->choices.n) out->choices = names;
  return true;
}
