// Readers of the row formats, one function each. All messages name the file and line (the document's origin), the field,
// what was expected and what was found.
#include "data/formats.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/quote.h"

typedef struct shape {
  const char *name;
  data_format format;  // DATA_AUTO: not read yet
  const char *keys[2]; // a row that has them all is of this shape
} shape;

// The more particular come first: labelled and preference rows also have fields of simpler formats.
static const shape shapes[] = {
    {"messages", DATA_MESSAGES, {"messages"}},
    {"sharegpt", DATA_AUTO, {"conversations"}},
    {"self-instruct", DATA_AUTO, {"instruction", "instances"}},
    {"Super-NaturalInstructions", DATA_AUTO, {"Definition", "Instances"}},
    {"preference", DATA_AUTO, {"chosen", "rejected"}},
    {"alpaca", DATA_ALPACA, {"instruction", "output"}},
    {"prompt/completion", DATA_PROMPT_COMPLETION, {"prompt", "completion"}},
    {"pre-tokenised", DATA_TOKENS, {"input_ids"}},
    {"segments", DATA_AUTO, {"segments"}},
    {"labelled", DATA_AUTO, {"text", "label"}},
    {"text", DATA_TEXT, {"text"}},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static const cJSON *field(const cJSON *in, const char *key) {
  const cJSON *value = cJSON_GetObjectItemCaseSensitive(in, key);
  return cJSON_IsNull(value) ? NULL : value;
}

static const shape *shape_of(const cJSON *row) {
  for (const shape *s = shapes; s < shapes + N_SHAPES; s++)
    if (field(row, s->keys[0]) && (!s->keys[1] || field(row, s->keys[1]))) return s;
  return NULL;
}

const char *formats_name(data_format format) {
  for (const shape *s = shapes; s < shapes + N_SHAPES; s++)
    if (s->format == format) return s->name;
  return "auto";
}

static bool unexpected(const json *d, const char *where, const char *expected, const cJSON *found, err *e) {
  char buffer[64];
  return ERR(e, "%s: %s: expected %s, found %s", d->origin, where, expected, json_describe(found, buffer));
}

static bool check_object(const json *row, err *e) {
  if (cJSON_IsObject(row->root)) return true;
  char buffer[64];
  return ERR(e, "%s: expected an object, found %s", row->origin, json_describe(row->root, buffer));
}

bool formats_detect(const json *row, data_format *format, err *e) {
  TRY(check_object(row, e));
  const shape *s = shape_of(row->root);
  if (s && s->format != DATA_AUTO) return *format = s->format, true;
  if (s) return ERR(e, "%s: found a row of the format %s, which is not supported yet", row->origin, s->name);
  text keys = {0};
  char buffer[QUOTE_BYTES];
  int n = 0;
  const cJSON *item;
  cJSON_ArrayForEach(item, row->root) {
    if (n++ == 6) break;
    text_printf(&keys, "%s%s", n > 1 ? ", " : "", quote_string(item->string, buffer));
  }
  ERR(e,
      "%s: expected the fields of a known format (\"messages\"; \"instruction\" and \"output\"; \"prompt\" and \"completion\"; "
      "\"text\"; \"input_ids\"), found %s%s",
      row->origin, n ? keys.data : "no fields", n > 6 ? ", …" : "");
  text_free(&keys);
  return false;
}

// --- messages ---

static bool read_role(const json *d, const char *where, const cJSON *item, message_role *role, err *e) {
  const char *name;
  TRY(json_string(d, item, where, "role", &name, e));
  if (!strcmp(name, "system")) return *role = ROLE_SYSTEM, true;
  if (!strcmp(name, "user")) return *role = ROLE_USER, true;
  if (!strcmp(name, "assistant")) return *role = ROLE_ASSISTANT, true;
  if (!strcmp(name, "tool")) return ERR(e, "%s: %s.role: the role \"tool\" is not supported yet", d->origin, where);
  char buffer[QUOTE_BYTES];
  return ERR(e, "%s: %s.role: expected \"system\", \"user\" or \"assistant\", found %s", d->origin, where,
             quote_string(name, buffer));
}

static bool refuse_tools(const json *d, const char *where, const cJSON *in, const char *key, err *e) {
  const cJSON *tools = field(in, key);
  if (!tools || (cJSON_IsArray(tools) && !tools->child)) return true;
  return ERR(e, "%s: %s%s%s: tools are not supported yet", d->origin, where, *where ? "." : "", key);
}

// `trains`: whether its assistant turns carry loss unless they say otherwise.
static bool read_message(const json *d, const char *where, const cJSON *item, bool trains, message *m, err *e) {
  if (!cJSON_IsObject(item)) return unexpected(d, where, "an object with \"role\" and \"content\"", item, e);
  TRY(read_role(d, where, item, &m->role, e));
  TRY(refuse_tools(d, where, item, "tool_calls", e));
  TRY(json_string(d, item, where, "content", &m->content, e));
  m->train = m->role == ROLE_ASSISTANT && trains;
  TRY(json_bool_or(d, item, where, "train", &m->train, e));
  if (m->train && m->role != ROLE_ASSISTANT)
    return ERR(e, "%s: %s.train: expected false, since only assistant turns carry loss, found true", d->origin, where);
  return true;
}

// Appends the messages of the list d.key to out.
static bool read_list(arena *a, const json *d, const char *key, bool trains, raw_example *out, err *e) {
  cJSON *list;
  TRY(json_array(d, d->root, "", key, &list, e));
  message *all = ARENA_ARRAY(a, message, out->n_messages + (uint64_t)cJSON_GetArraySize(list));
  if (out->n_messages) memcpy(all, out->messages, out->n_messages * sizeof *all);
  out->messages = all;
  uint32_t i = 0;
  const cJSON *item;
  cJSON_ArrayForEach(item, list) {
    char where[64];
    snprintf(where, sizeof where, "%s[%u]", key, i++);
    TRY(read_message(d, where, item, trains, &out->messages[out->n_messages++], e));
  }
  return true;
}

static bool read_messages(arena *a, const json *d, bool train_on_last, raw_example *out, err *e) {
  TRY(refuse_tools(d, "", d->root, "tools", e));
  TRY(read_list(a, d, "messages", !train_on_last, out, e));
  uint32_t last = out->n_messages;
  while (last && out->messages[last - 1].role != ROLE_ASSISTANT) last--;
  if (!train_on_last || !last) return true;
  const cJSON *item = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(d->root, "messages"), (int)last - 1);
  if (!field(item, "train")) out->messages[last - 1].train = true;
  return true;
}

// A completion of a string or of messages; a prompt that is a string is what a user says.
static bool read_prompt_completion(arena *a, const json *d, raw_example *out, err *e) {
  const cJSON *prompt = field(d->root, "prompt"), *completion = field(d->root, "completion");
  if (cJSON_IsArray(prompt)) {
    if (!cJSON_IsArray(completion)) return unexpected(d, "completion", "a list of messages, as the prompt is", completion, e);
    TRY(refuse_tools(d, "", d->root, "tools", e));
    TRY(read_list(a, d, "prompt", false, out, e));
    return read_list(a, d, "completion", true, out, e);
  }
  out->messages = ARENA_ARRAY(a, message, 2);
  out->n_messages = 2;
  out->messages[0] = (message){.role = ROLE_USER};
  out->messages[1] = (message){.role = ROLE_ASSISTANT, .train = true};
  return json_string(d, d->root, "", "prompt", &out->messages[0].content, e) &&
         json_string(d, d->root, "", "completion", &out->messages[1].content, e);
}

// --- alpaca ---

// history: earlier turns as pairs [user, assistant].
static bool read_history(const json *d, const cJSON *history, raw_example *out, err *e) {
  uint32_t i = 0;
  const cJSON *pair;
  cJSON_ArrayForEach(pair, history) {
    char where[64];
    snprintf(where, sizeof where, "history[%u]", i++);
    const cJSON *user = cJSON_IsArray(pair) ? pair->child : NULL, *answer = user ? user->next : NULL;
    if (!cJSON_IsString(user) || !cJSON_IsString(answer) || answer->next)
      return unexpected(d, where, "a pair of strings [user, assistant]", pair, e);
    out->messages[out->n_messages++] = (message){.role = ROLE_USER, .content = user->valuestring};
    out->messages[out->n_messages++] = (message){.role = ROLE_ASSISTANT, .content = answer->valuestring, .train = true};
  }
  return true;
}

// The input follows the instruction under Alpaca's own heading, or as a paragraph in a chat.
static const char *join_input(arena *a, prompt_kind kind, const char *instruction, const char *input) {
  if (!*input) return instruction;
  if (kind != PROMPT_ALPACA) return arena_printf(a, "%s\n\n%s", instruction, input);
  text joined = {0};
  prompt_alpaca_user(instruction, input, &joined);
  const char *user = arena_strdup(a, joined.data);
  text_free(&joined);
  return user;
}

static bool read_alpaca(arena *a, const json *d, prompt_kind kind, raw_example *out, err *e) {
  const char *instruction, *input = "", *output, *system = "";
  TRY(json_string(d, d->root, "", "instruction", &instruction, e));
  TRY(json_string_or(d, d->root, "", "input", &input, e));
  TRY(json_string(d, d->root, "", "output", &output, e));
  TRY(json_string_or(d, d->root, "", "system", &system, e));
  const cJSON *history = field(d->root, "history");
  if (history && !cJSON_IsArray(history)) return unexpected(d, "history", "an array of pairs [user, assistant]", history, e);
  out->messages = ARENA_ARRAY(a, message, 3 + 2 * (uint64_t)(history ? cJSON_GetArraySize(history) : 0));
  if (*system) out->messages[out->n_messages++] = (message){.role = ROLE_SYSTEM, .content = system};
  TRY(read_history(d, history, out, e));
  const char *user = join_input(a, kind, instruction, input);
  out->messages[out->n_messages++] = (message){.role = ROLE_USER, .content = user};
  out->messages[out->n_messages++] = (message){.role = ROLE_ASSISTANT, .content = output, .train = true};
  return true;
}

// --- pre-tokenised ---

static bool read_id(const json *d, const char *key, uint32_t i, const cJSON *item, double least, uint32_t vocab_size, int32_t *id,
                    err *e) {
  double value = cJSON_IsNumber(item) ? item->valuedouble : NAN, end = fmin(vocab_size, INT32_MAX);
  if (value >= least && value < end && value == floor(value) && (value >= 0 || value == least))
    return *id = (int32_t)value, true;
  char where[64], expected[64];
  snprintf(where, sizeof where, "%s[%u]", key, i);
  snprintf(expected, sizeof expected, "%s below %u", least < 0 ? "-100 or a token id" : "a token id", vocab_size);
  return unexpected(d, where, expected, item, e);
}

static bool read_ids(arena *a, const json *d, const char *key, double least, uint32_t vocab_size, int32_t **ids, uint32_t *n,
                     err *e) {
  cJSON *list;
  TRY(json_array(d, d->root, "", key, &list, e));
  *n = (uint32_t)cJSON_GetArraySize(list);
  *ids = ARENA_ARRAY(a, int32_t, *n);
  uint32_t i = 0;
  const cJSON *item;
  cJSON_ArrayForEach(item, list) {
    TRY(read_id(d, key, i, item, least, vocab_size, &(*ids)[i], e));
    i++;
  }
  return true;
}

// Labels are aligned with the ids (the trainer shifts), so that each is −100 or its own id. Nothing predicts the first
// token: its label says nothing.
static bool read_tokens(arena *a, const json *d, uint32_t vocab_size, bool all_tokens, raw_example *out, err *e) {
  TRY(read_ids(a, d, "input_ids", 0, vocab_size, &out->ids, &out->n_ids, e));
  if (!out->n_ids) return ERR(e, "%s: input_ids: expected at least one token, found an empty array", d->origin);
  out->target = ARENA_ARRAY(a, uint8_t, out->n_ids);
  if (all_tokens && !field(d->root, "labels")) return true;
  int32_t *labels;
  uint32_t n;
  TRY(read_ids(a, d, "labels", -100, vocab_size, &labels, &n, e));
  if (n != out->n_ids) return ERR(e, "%s: labels: expected as many as input_ids, %u, found %u", d->origin, out->n_ids, n);
  for (uint32_t i = 1; i < n; i++) {
    out->target[i] = labels[i] != -100;
    if (labels[i] != -100 && labels[i] != out->ids[i])
      return ERR(e,
                 "%s: labels[%u]: expected -100 or the token's own id, %d, found %d (labels stand beside their tokens; they are "
                 "shifted in training)",
                 d->origin, i, out->ids[i], labels[i]);
  }
  return true;
}

// --- any row ---

// What no prompt has a place for, and answers that teach nothing.
static bool check_conversation(const json *d, bool all_tokens, const raw_example *x, err *e) {
  uint32_t n_user = 0, n_assistant = 0, n_trained = 0;
  for (uint32_t i = 0; i < x->n_messages; i++) {
    const message *m = &x->messages[i];
    n_user += m->role == ROLE_USER;
    n_assistant += m->role == ROLE_ASSISTANT;
    n_trained += m->train;
    if (m->role == ROLE_SYSTEM && i)
      return ERR(e, "%s: message %u: expected a system message in the first place only, found another one", d->origin, i + 1);
    if (m->train && !*m->content)
      return ERR(e, "%s: message %u: expected an answer to learn, found an empty one", d->origin, i + 1);
  }
  if (!n_user) return ERR(e, "%s: expected at least one user turn, found none", d->origin);
  if (!n_assistant) return ERR(e, "%s: expected an answer (an assistant turn), found none", d->origin);
  if (!n_trained && !all_tokens)
    return ERR(e, "%s: the mask covers nothing: every assistant turn has \"train\": false", d->origin);
  return true;
}

static bool read_attributes(const json *d, raw_example *out, err *e) {
  double number = 1;
  TRY(json_string_or(d, d->root, "", "task", &out->task, e));
  TRY(json_string_or(d, d->root, "", "cluster", &out->cluster, e));
  TRY(json_string_or(d, d->root, "", "source", &out->source, e));
  TRY(json_number_or(d, d->root, "", "weight", &number, e));
  out->weight = (float)number;
  if (!(out->weight > 0) || !isfinite(out->weight))
    return unexpected(d, "weight", "a number above 0 that a float can hold", field(d->root, "weight"), e);
  return true;
}

static bool check_shape(const json *d, data_format format, bool detected, err *e) {
  TRY(check_object(d, e));
  const shape *s = shape_of(d->root);
  if (!detected || !s || s->format == format) return true;
  return ERR(e, "%s: expected a row of the format %s, as the first example is, found one of the format %s", d->origin,
             formats_name(format), s->name);
}

bool formats_read(arena *a, const json *row, data_format format, bool detected, const dataset_options *options,
                  raw_example *out, err *e) {
  *out = (raw_example){.format = format};
  TRY(check_shape(row, format, detected, e));
  TRY(read_attributes(row, out, e));
  switch (format) {
    case DATA_TEXT:
      TRY(json_string(row, row->root, "", "text", &out->text, e));
      return *out->text || ERR(e, "%s: text: expected some text, found an empty string", row->origin);
    case DATA_TOKENS: return read_tokens(a, row, options->vocab_size, options->all_tokens, out, e);
    case DATA_ALPACA: TRY(read_alpaca(a, row, options->prompt->kind, out, e)); break;
    case DATA_MESSAGES: TRY(read_messages(a, row, options->train_on_last, out, e)); break;
    case DATA_PROMPT_COMPLETION: TRY(read_prompt_completion(a, row, out, e)); break;
    case DATA_AUTO: REQUIRE(false, "%s: a format that was not recognised", row->origin);
  }
  return check_conversation(row, options->all_tokens, out, e);
}
