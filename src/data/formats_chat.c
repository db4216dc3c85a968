// Lists of turns: messages, ShareGPT, and prompts with their completions.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/formats_parts.h"
#include "io/quote.h"

// --- tools: handed on to the chat template as JSON ---

static const char *print_json(arena *a, const cJSON *value) {
  char *printed = cJSON_PrintUnformatted(value);
  REQUIRE(printed, "out of memory while a value is printed");
  const char *kept = arena_strdup(a, printed);
  free(printed);
  return kept;
}

// A list of definitions, or a string that holds one (as ShareGPT files have it). NULL where there is none.
static bool read_tools(arena *a, const json *d, const char **out, err *e) {
  const cJSON *tools = formats_field(d->root, "tools");
  *out = NULL;
  if (cJSON_IsString(tools)) {
    if (!*tools->valuestring) return true;
    json inner;
    const char *origin = arena_printf(a, "%s: tools", d->origin);
    TRY(json_parse(origin, tools->valuestring, strlen(tools->valuestring), &inner, e));
    bool is_list = cJSON_IsArray(inner.root);
    if (is_list && inner.root->child) *out = print_json(a, inner.root);
    if (!is_list) formats_unexpected(d, "tools", "a list of tools in the string", inner.root, e);
    json_free(&inner);
    return is_list;
  }
  if (tools && !cJSON_IsArray(tools)) return formats_unexpected(d, "tools", "an array of tools", tools, e);
  if (tools && tools->child) *out = print_json(a, tools);
  return true;
}

// {"function": {"name", "arguments"}} or {"name", "arguments"}; arguments are an object or a string of JSON.
static bool check_tool_call(const json *d, const char *where, const cJSON *call, err *e) {
  const cJSON *function = formats_field(call, "function");
  const char *name;
  if (!cJSON_IsObject(call)) return formats_unexpected(d, where, "an object with \"function\"", call, e);
  if (function && !cJSON_IsObject(function)) return formats_unexpected(d, where, "an object as its \"function\"", function, e);
  return json_string(d, function ? function : call, where, "name", &name, e);
}

static bool read_tool_calls(arena *a, const json *d, const char *where, const cJSON *item, message *m, err *e) {
  const cJSON *calls = formats_field(item, "tool_calls"), *call;
  char place[96];
  snprintf(place, sizeof place, "%s.tool_calls", where);
  if (calls && !cJSON_IsArray(calls)) return formats_unexpected(d, place, "an array of calls", calls, e);
  if (!calls || !calls->child) return true;
  if (m->role != ROLE_ASSISTANT)
    return ERR(e, "%s: %s: expected calls by the assistant only, found some of another role", d->origin, place);
  uint32_t i = 0;
  cJSON_ArrayForEach(call, calls) {
    snprintf(place, sizeof place, "%s.tool_calls[%u]", where, i++);
    TRY(check_tool_call(d, place, call, e));
  }
  m->tool_calls = print_json(a, calls);
  return true;
}

// --- messages ---

static bool read_role(const json *d, const char *where, const cJSON *item, message_role *role, err *e) {
  const char *name;
  TRY(json_string(d, item, where, "role", &name, e));
  if (!strcmp(name, "system")) return *role = ROLE_SYSTEM, true;
  if (!strcmp(name, "user")) return *role = ROLE_USER, true;
  if (!strcmp(name, "assistant")) return *role = ROLE_ASSISTANT, true;
  if (!strcmp(name, "tool") || !strcmp(name, "function")) return *role = ROLE_TOOL, true;
  char buffer[QUOTE_BYTES];
  return ERR(e, "%s: %s.role: expected \"system\", \"user\", \"assistant\" or \"tool\", found %s", d->origin, where,
             quote_string(name, buffer));
}

// OpenAI's way to leave an answer out: "weight": 0.
static bool read_message_weight(const json *d, const char *where, const cJSON *item, message *m, err *e) {
  const cJSON *given = formats_field(item, "weight");
  if (!given) return true;
  char place[96];
  snprintf(place, sizeof place, "%s.weight", where);
  if (!cJSON_IsNumber(given) || (given->valuedouble != 0 && given->valuedouble != 1))
    return formats_unexpected(d, place, "0 or 1", given, e);
  if (given->valuedouble == 0) m->train = false;
  return true;
}

// `trains`: whether its assistant turns carry loss unless they say otherwise.
static bool read_message(arena *a, const json *d, const char *where, const cJSON *item, bool trains, message *m, err *e) {
  if (!cJSON_IsObject(item)) return formats_unexpected(d, where, "an object with \"role\" and \"content\"", item, e);
  TRY(read_role(d, where, item, &m->role, e));
  TRY(read_tool_calls(a, d, where, item, m, e));
  m->content = "";
  if (m->tool_calls) TRY(json_string_or(d, item, where, "content", &m->content, e));
  else TRY(json_string(d, item, where, "content", &m->content, e));
  m->train = m->role == ROLE_ASSISTANT && trains;
  TRY(read_message_weight(d, where, item, m, e));
  TRY(json_bool_or(d, item, where, "train", &m->train, e));
  if (m->train && m->role != ROLE_ASSISTANT)
    return ERR(e, "%s: %s.train: expected false, since only assistant turns carry loss, found true", d->origin, where);
  return true;
}

bool formats_read_list(arena *a, const json *d, const char *key, bool trains, raw_example *out, err *e) {
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
    TRY(read_message(a, d, where, item, trains, &out->messages[out->n_messages++], e));
  }
  return true;
}

static bool add_tools(arena *a, const json *d, raw_example *out, err *e) {
  const char *tools;
  TRY(read_tools(a, d, &tools, e));
  if (out->n_messages) out->messages[0].tools = tools;
  return true;
}

// The place behind the last assistant turn; 0 where there is none.
static uint32_t behind_last_answer(const raw_example *x) {
  uint32_t last = x->n_messages;
  while (last && x->messages[last - 1].role != ROLE_ASSISTANT) last--;
  return last;
}

bool formats_read_messages(arena *a, const json *d, const dataset_options *o, raw_example *out, err *e) {
  TRY(formats_read_list(a, d, "messages", !o->train_on_last, out, e));
  TRY(add_tools(a, d, out, e));
  uint32_t last = behind_last_answer(out);
  if (!o->train_on_last || !last) return true;
  const cJSON *item = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(d->root, "messages"), (int)last - 1);
  const cJSON *own = formats_field(item, "weight");
  const bool left_out = own && own->valuedouble == 0;
  if (!formats_field(item, "train") && !left_out) out->messages[last - 1].train = true;
  return true;
}

// A completion of a string or of messages; a prompt that is a string is what a user says.
bool formats_read_prompt_completion(arena *a, const json *d, raw_example *out, err *e) {
  // TRL's unpaired preferences: an answer with a judgement of it.
  if (cJSON_IsFalse(formats_field(d->root, "label")))
    return ERR(e, "%s: label: expected true, since the completion is learned, found false: an answer that was judged bad",
               d->origin);
  const cJSON *prompt = formats_field(d->root, "prompt"), *completion = formats_field(d->root, "completion");
  if (cJSON_IsArray(prompt)) {
    if (!cJSON_IsArray(completion))
      return formats_unexpected(d, "completion", "a list of messages, as the prompt is", completion, e);
    TRY(formats_read_list(a, d, "prompt", false, out, e));
    TRY(formats_read_list(a, d, "completion", true, out, e));
    return add_tools(a, d, out, e);
  }
  out->messages = ARENA_ARRAY(a, message, 2);
  out->n_messages = 2;
  out->messages[0] = (message){.role = ROLE_USER};
  out->messages[1] = (message){.role = ROLE_ASSISTANT, .train = true};
  return json_string(d, d->root, "", "prompt", &out->messages[0].content, e) &&
         json_string(d, d->root, "", "completion", &out->messages[1].content, e);
}

// --- sharegpt ---

// A function call is the assistant's turn: its value, as it stands, is what is learned.
static const struct {
  const char *from;
  message_role role;
} speakers[] = {{"human", ROLE_USER},       {"gpt", ROLE_ASSISTANT}, {"system", ROLE_SYSTEM}, {"function_call", ROLE_ASSISTANT},
                {"observation", ROLE_TOOL}, {"tool", ROLE_TOOL}};

static bool read_speaker(const json *d, const char *where, const cJSON *item, message_role *role, err *e) {
  const char *from;
  TRY(json_string(d, item, where, "from", &from, e));
  for (size_t i = 0; i < sizeof speakers / sizeof *speakers; i++)
    if (!strcmp(from, speakers[i].from)) return *role = speakers[i].role, true;
  char buffer[QUOTE_BYTES];
  return ERR(e, "%s: %s.from: expected \"human\", \"gpt\", \"system\", \"function_call\", \"observation\" or \"tool\", found %s",
             d->origin, where, quote_string(from, buffer));
}

static bool read_turns(const json *d, const cJSON *list, bool trains, raw_example *out, err *e) {
  uint32_t i = 0;
  const cJSON *item;
  cJSON_ArrayForEach(item, list) {
    char where[64];
    snprintf(where, sizeof where, "conversations[%u]", i++);
    message *m = &out->messages[out->n_messages++];
    if (!cJSON_IsObject(item)) return formats_unexpected(d, where, "an object with \"from\" and \"value\"", item, e);
    TRY(read_speaker(d, where, item, &m->role, e));
    TRY(json_string(d, item, where, "value", &m->content, e));
    m->train = m->role == ROLE_ASSISTANT && trains;
  }
  return true;
}

bool formats_read_sharegpt(arena *a, const json *d, const dataset_options *o, raw_example *out, err *e) {
  cJSON *list;
  const char *system = "";
  TRY(json_array(d, d->root, "", "conversations", &list, e));
  TRY(json_string_or(d, d->root, "", "system", &system, e));
  out->messages = ARENA_ARRAY(a, message, 1 + (uint64_t)cJSON_GetArraySize(list));
  if (*system) out->messages[out->n_messages++] = (message){.role = ROLE_SYSTEM, .content = system};
  TRY(read_turns(d, list, !o->train_on_last, out, e));
  uint32_t last = behind_last_answer(out);
  if (last) out->messages[last - 1].train = true;
  return add_tools(a, d, out, e);
}
