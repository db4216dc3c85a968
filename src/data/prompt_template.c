// From a template's rendering to a prompt with its mask. Every byte of a rendering has an origin: the template, or one
// message's content. From that follow, for any template:
//
//   content  the bytes that come from a message.
//   target   of an assistant message that is learned: its bytes, the template's text between two of them, and the
//            template's text behind the last one up to and including the token that ends the turn. With tool calls also
//            the template's text in front, from the turn's heading on.
//            Where the template has {% generation %}: what that covers, and nothing else.
//
// Which token ends a turn is found with a probe of two turns. What the template always writes behind an answer is the
// common beginning of what it writes behind the first one (E, then the next turn's heading) and behind the last one (E,
// then maybe the end of the text). The EOS ends the turn if E has it, else the last control token of E:
//   ChatML   "<|im_end|>\n" + "<|im_start|>user\n"    "<|im_end|>\n"                  E = "<|im_end|>\n"
//   Phi-3    "<|end|>\n" + "<|user|>\n"               "<|end|>\n" + "<|endoftext|>"   E = "<|end|>\n"
//   Mistral  "</s>" + "[INST] "                       "</s>"                          E = "</s>"
// Where E has none, turns end in two ways: at the end of the text with the first control token there, and between turns
// with the first one there that is no part of the next turn's heading: it also stands behind questions (gpt-oss: <|return|>
// at the end, <|end|> between), or is not in the text before the first question (Apertus: <|assistant_end|>).
#include "data/prompt_template.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "io/json.h"
#include "jinja/jinja.h"

enum {
  CONTROL_BYTES = 64,  // a longer name is none
  REWRITTEN_BYTES = 64 // a longer beginning is not looked for
};

const char *prompt_role_name(message_role role) {
  static const char *const names[] = {
      [ROLE_SYSTEM] = "system", [ROLE_USER] = "user", [ROLE_ASSISTANT] = "assistant", [ROLE_TOOL] = "tool"};
  return names[role];
}

// --- rendering ---

static value content_of(arena *a, const prompt_style *style, const char *content, uint32_t origin) {
  value written = value_string(content, strlen(content), origin);
  if (!style->takes_parts) return written;
  value part = value_dict_new(a), parts = value_list_new(a, VALUE_LIST);
  value_put_text(a, part, "type", value_text("text"));
  value_put_text(a, part, "text", written);
  value_append(a, parts, part);
  return parts;
}

// JSON that a conversation brings (tools, calls of them). The documents live until the rendering is done.
typedef struct documents {
  json *items; // [n messages + 1]
  uint32_t n;
} documents;

static value put_document(arena *a, documents *d, const char *source, uint32_t origin) {
  err e = {0};
  json *doc = &d->items[d->n];
  REQUIRE(json_parse("tools", source, strlen(source), doc, &e), "%s", e.message); // the data room wrote it
  d->n++;
  return value_from_json(a, doc->root, origin);
}

// What transformers' apply_chat_template hands to a template. Message i's content has the origin i + 1; roles are words of
// ours, and so the template's text.
static value variables_of(arena *a, const prompt_style *style, const message *messages, uint32_t n, bool ask, documents *d) {
  value variables = value_dict_new(a), list = value_list_new(a, VALUE_LIST);
  for (uint32_t i = 0; i < n; i++) {
    value m = value_dict_new(a);
    value_put_text(a, m, "role", value_text(prompt_role_name(messages[i].role)));
    value_put_text(a, m, "content", content_of(a, style, messages[i].content, i + 1));
    if (messages[i].tool_calls) value_put_text(a, m, "tool_calls", put_document(a, d, messages[i].tool_calls, i + 1));
    value_append(a, list, m);
  }
  value_put_text(a, variables, "messages", list);
  value_put_text(a, variables, "tools", n && messages[0].tools ? put_document(a, d, messages[0].tools, 1) : value_none());
  value_put_text(a, variables, "documents", value_none());
  value_put_text(a, variables, "add_generation_prompt", value_bool(ask));
  if (*style->bos) value_put_text(a, variables, "bos_token", value_text(style->bos));
  if (*style->eos) value_put_text(a, variables, "eos_token", value_text(style->eos));
  return variables;
}

static bool run(const prompt_style *style, const message *messages, uint32_t n, bool ask, jinja_output *out, err *e) {
  for (uint32_t i = 0; i < n; i++) {
    size_t bad;
    if (!utf8_valid(messages[i].content, strlen(messages[i].content), &bad))
      return ERR(e, "messages[%u]: expected UTF-8, found byte 0x%02X at offset %zu", i, (unsigned char)messages[i].content[bad],
                 bad);
  }
  arena *a = arena_new("variables of a chat template");
  documents d = {.items = ARENA_ARRAY(a, json, (uint64_t)n + 1)};
  bool ok = jinja_render(style->compiled, variables_of(a, style, messages, n, ask, &d), out, e);
  for (uint32_t i = 0; i < d.n; i++) json_free(&d.items[i]);
  arena_free(a);
  return ok;
}

// --- control tokens in template text ---

// The bytes of a control token at the start of `s`: the EOS, <…> without white space, or [|…|]; 0 where there is none.
static size_t control_at(const prompt_style *style, const char *s, size_t length) {
  size_t n = strlen(style->eos);
  if (n && n <= length && !memcmp(s, style->eos, n)) return n;
  bool square = length > 1 && s[0] == '[' && s[1] == '|';
  if (!length || (*s != '<' && !square)) return 0;
  for (size_t i = 1; i < length && i < CONTROL_BYTES; i++) {
    if (s[i] == (square ? ']' : '>')) return i > 1 ? i + 1 : 0;
    if ((unsigned char)s[i] <= ' ' || s[i] == *s) return 0;
  }
  return 0;
}

typedef struct span_text {
  const char *bytes;
  size_t length;
} span_text;

// The first or last control token of a text; length 0 where it has none.
static span_text find_control(const prompt_style *style, span_text t, bool last) {
  span_text found = {0};
  for (size_t i = 0, n; i < t.length && (last || !found.length); i += n ? n : 1) {
    n = control_at(style, t.bytes + i, t.length - i);
    if (n) found = (span_text){t.bytes + i, n};
  }
  return found;
}

// --- the probe ---

// The template's text behind the last byte of message i; false where the message has none.
static bool text_behind(const jinja_output *o, uint32_t i, span_text *behind) {
  uint64_t begin = o->text.length;
  while (begin && jinja_origin(o, begin - 1) != i + 1) begin--;
  uint64_t end = begin;
  while (end < o->text.length && jinja_origin(o, end) == ORIGIN_TEMPLATE) end++;
  *behind = (span_text){o->text.data + begin, (size_t)(end - begin)};
  return begin > 0;
}

static const char *keep(arena *a, span_text t) {
  return arena_strndup(a, t.bytes ? t.bytes : "", t.length);
}

static span_text common_beginning(span_text a, span_text b) {
  size_t n = 0;
  while (n < a.length && n < b.length && a.bytes[n] == b.bytes[n]) n++;
  return (span_text){a.bytes, n};
}

static bool contains(span_text t, span_text part) {
  for (size_t i = 0; i + part.length <= t.length; i++)
    if (!memcmp(t.bytes + i, part.bytes, part.length)) return true;
  return false;
}

// What a template writes of itself: before the first question, behind it, behind an answer in the middle and at the end.
typedef struct surroundings {
  span_text lead, behind_question, between, last;
} surroundings;

static void set_ends(arena *a, const surroundings *s, prompt_style *style) {
  span_text always = common_beginning(s->between, s->last), eos = {style->eos, strlen(style->eos)};
  span_text end = eos.length && contains(always, eos) ? eos : find_control(style, always, true);
  if (end.length) {
    style->end_of_turn = keep(a, end);
    return;
  }
  span_text at_end = find_control(style, s->last, false), between = find_control(style, s->between, false);
  bool heading =
      !find_control(style, common_beginning(s->behind_question, s->between), false).length && contains(s->lead, between);
  if (between.length && !heading) style->end_between = keep(a, between);
  style->end_of_turn = at_end.length ? keep(a, at_end) : style->end_between;
}

// The text in front of the first byte of message 0.
static span_text text_before(const jinja_output *o) {
  uint64_t end = 0;
  while (end < o->text.length && jinja_origin(o, end) == ORIGIN_TEMPLATE) end++;
  return (span_text){o->text.data, (size_t)end};
}

// What a question's rendering has more with add_generation_prompt; "" where it is no more at its end.
static const char *find_heading(arena *a, const prompt_style *style) {
  static const message question = {.role = ROLE_USER, .content = "question"};
  jinja_output plain = {0}, asked = {0};
  const char *heading = "";
  if (run(style, &question, 1, false, &plain, NULL) && run(style, &question, 1, true, &asked, NULL) &&
      plain.text.length <= asked.text.length && !memcmp(plain.text.data, asked.text.data, plain.text.length))
    heading = arena_strdup(a, asked.text.data + plain.text.length);
  jinja_output_free(&plain), jinja_output_free(&asked);
  return heading;
}

static bool probe(arena *a, const char *name, prompt_style *style, err *e) {
  static const message two_turns[] = {{ROLE_USER, "first question", false},
                                      {ROLE_ASSISTANT, "first answer", true},
                                      {ROLE_USER, "second question", false},
                                      {ROLE_ASSISTANT, "second answer", true}};
  jinja_output o;
  uint32_t n = run(style, two_turns, 4, false, &o, NULL) ? 4 : 2; // some templates are for one turn only
  if (n == 2) TRY(run(style, two_turns, 2, false, &o, e));
  surroundings s = {.lead = text_before(&o)};
  bool found = text_behind(&o, n - 1, &s.last);
  if (n == 2) s.between = s.last;
  else found = found && text_behind(&o, 1, &s.between) && text_behind(&o, 0, &s.behind_question);
  if (found) {
    set_ends(a, &s, style);
    style->heading = find_heading(a, style);
  }
  jinja_output_free(&o);
  return found ||
         ERR(e, "%s: expected a chat template that writes the assistant's messages, found one that leaves them out", name);
}

bool prompt_template_open(arena *a, const char *name, const char *chat_template, const char *bos, const char *eos,
                          prompt_style *style, err *e) {
  *style = (prompt_style){.kind = PROMPT_TEMPLATE, .bos = bos, .eos = eos, .end_of_turn = "", .end_between = "", .heading = ""};
  style->source = arena_strdup(a, chat_template);
  TRY(jinja_compile(a, name, chat_template, &style->compiled, e));
  err fault = {0}; // without parts: the one that counts
  if (probe(a, name, style, &fault)) return true;
  style->takes_parts = true;
  if (probe(a, name, style, NULL)) return true;
  style->takes_parts = false;
  return ERR(e, "%s", fault.message);
}

// --- the mask ---

static void mark(rendered *r, uint64_t from, uint64_t to) {
  memset(r->target.data + from, 1, (size_t)(to - from));
}

// Behind the token that ends a turn, if it stands in the template's text from `at` on; else `at`.
static uint64_t behind_end(const prompt_style *style, const jinja_output *o, uint64_t at) {
  const char *ends[] = {style->end_of_turn, style->end_between};
  for (uint64_t i = at; i < o->text.length && jinja_origin(o, i) == ORIGIN_TEMPLATE; i++)
    for (int k = 0; k < 2; k++)
      if (*ends[k] && !strncmp(o->text.data + i, ends[k], strlen(ends[k]))) return i + strlen(ends[k]);
  return at;
}

// An answer that left no byte, being empty: its place is where one would stand that is not. The rest must be the same.
static bool place_of_empty(const prompt_style *style, const message *messages, uint32_t n, bool ask, uint32_t index,
                           const jinja_output *o, uint64_t *place) {
  arena *a = arena_new("a conversation with a placeholder");
  message *filled = ARENA_ARRAY(a, message, n);
  memcpy(filled, messages, n * sizeof *filled);
  filled[index].content = "x";
  jinja_output other;
  bool ok = run(style, filled, n, ask, &other, NULL);
  if (ok) {
    uint64_t at = 0;
    while (at < other.text.length && jinja_origin(&other, at) != index + 1) at++;
    ok = at < other.text.length && other.text.length == o->text.length + 1 &&
         !memcmp(other.text.data, o->text.data, (size_t)at) &&
         !memcmp(other.text.data + at + 1, o->text.data + at, (size_t)(o->text.length - at));
    *place = at;
    jinja_output_free(&other);
  }
  arena_free(a);
  return ok;
}

// Some templates take an answer's own beginning ("<think>\n") off and write it again, maybe with other white space: then it
// is the answer's all the same.
static uint64_t with_rewritten_beginning(const jinja_output *o, uint64_t begin, const char *content) {
  size_t most = strlen(content), white = strspn(content, " \n\t");
  if (most > REWRITTEN_BYTES) most = REWRITTEN_BYTES;
  if (most > begin) most = (size_t)begin;
  for (size_t n = most; n > white; n--) {
    bool same = content[n + strspn(content + n, " \n\t")] == o->text.data[begin] && !memcmp(o->text.data + begin - n, content, n);
    for (uint64_t i = begin - n; same && i < begin; i++) same = jinja_origin(o, i) == ORIGIN_TEMPLATE;
    if (same) return begin - n;
  }
  return begin;
}

// A tool call begins with what the template writes behind the turn's heading (<tool_call>, say), where the
// model's own writing begins.
static uint64_t behind_heading(const prompt_style *style, const jinja_output *o, uint64_t begin) {
  size_t n = strlen(style->heading);
  for (uint64_t i = begin; n && i >= n && jinja_origin(o, i - 1) == ORIGIN_TEMPLATE; i--)
    if (!memcmp(o->text.data + i - n, style->heading, n)) return i;
  return begin;
}

// The bytes of assistant messages: a run is one message's with the template's text between them. *first[i]: where message
// i begins; the text's length where it left no byte.
static void mark_runs(const prompt_style *style, const message *messages, const jinja_output *o, rendered *r, uint64_t *first) {
  for (uint64_t i = 0, end; i < o->text.length; i = end) {
    uint32_t origin = jinja_origin(o, i);
    end = i + 1;
    if (origin == ORIGIN_TEMPLATE || messages[origin - 1].role != ROLE_ASSISTANT) continue;
    for (uint64_t k = end; k < o->text.length && (jinja_origin(o, k) == origin || jinja_origin(o, k) == ORIGIN_TEMPLATE); k++)
      if (jinja_origin(o, k) == origin) end = k + 1;
    if (first[origin - 1] == o->text.length) {
      const message *m = &messages[origin - 1];
      i = m->tool_calls ? behind_heading(style, o, i) : with_rewritten_beginning(o, i, m->content);
      first[origin - 1] = i;
    }
    if (messages[origin - 1].train) mark(r, i, behind_end(style, o, end));
  }
}

// A block belongs to the first assistant message whose bytes it holds. One without any (an empty answer, an EOS by itself)
// goes with the assistant message before it, or with the first one.
static void mark_generation(const message *messages, uint32_t n, const jinja_output *o, rendered *r, uint64_t *last) {
  uint32_t owner = 0;
  while (owner < n && messages[owner].role != ROLE_ASSISTANT) owner++;
  for (uint64_t i = 0; i < o->text.length; i++) {
    if (!jinja_generated(o, i)) continue;
    uint64_t begin = i;
    bool owned = false;
    for (; i < o->text.length && jinja_generated(o, i); i++) {
      uint32_t origin = jinja_origin(o, i);
      if (owned || origin == ORIGIN_TEMPLATE || messages[origin - 1].role != ROLE_ASSISTANT) continue;
      owner = origin - 1;
      owned = true;
    }
    if (owner < n && messages[owner].train) mark(r, begin, i);
    if (owned || *last == o->text.length) *last = begin;
  }
}

static void mark_answers(const prompt_style *style, const message *messages, uint32_t n, bool ask, const jinja_output *o,
                         rendered *r) {
  if (jinja_has_generation(style->compiled)) {
    mark_generation(messages, n, o, r, &r->prompt_end);
    return;
  }
  arena *a = arena_new("places of messages");
  uint64_t *first = ARENA_ARRAY(a, uint64_t, n);
  for (uint32_t i = 0; i < n; i++) first[i] = o->text.length;
  mark_runs(style, messages, o, r, first);
  for (uint32_t i = 0; i < n; i++) {
    if (messages[i].role != ROLE_ASSISTANT) continue;
    bool empty = first[i] == o->text.length && place_of_empty(style, messages, n, ask, i, o, &first[i]);
    if (empty && messages[i].train) mark(r, first[i], behind_end(style, o, first[i]));
    if (first[i] < o->text.length) r->prompt_end = first[i];
  }
  arena_free(a);
}

// Whether there is something to learn, and nothing of it in the mask.
static bool lost(const message *messages, uint32_t n, const rendered *r) {
  bool learned = false;
  for (uint32_t i = 0; i < n; i++) learned |= messages[i].train && (*messages[i].content || messages[i].tool_calls);
  return learned && !memchr(r->target.data, 1, r->target.length);
}

// --- calls of tools ---

// Whether the output holds `name` as written by message i.
static bool written_by(const jinja_output *o, const char *name, uint32_t i) {
  const size_t n = strlen(name);
  for (uint64_t at = 0; at + n <= o->text.length; at++) {
    if (memcmp(o->text.data + at, name, n)) continue;
    uint64_t k = 0;
    while (k < n && jinja_origin(o, at + k) == i + 1) k++;
    if (k == n) return true;
  }
  return false;
}

// A template that does not know calls leaves them out without a word: then the answer would be learned without them.
static bool check_calls(const message *messages, uint32_t n, const jinja_output *o, err *e) {
  for (uint32_t i = 0; i < n; i++) {
    if (!messages[i].tool_calls) continue;
    json doc;
    TRY(json_parse("tool_calls", messages[i].tool_calls, strlen(messages[i].tool_calls), &doc, e));
    bool ok = true;
    for (const cJSON *call = doc.root->child; ok && call; call = call->next) {
      const cJSON *function = cJSON_GetObjectItemCaseSensitive(call, "function");
      const cJSON *name = cJSON_GetObjectItemCaseSensitive(function ? function : call, "name");
      ok = cJSON_IsString(name) && written_by(o, name->valuestring, i);
    }
    json_free(&doc);
    if (!ok) return ERR(e, "message %u: tool_calls: the chat template has no place for them and would leave them out", i + 1);
  }
  return true;
}

bool prompt_template_render(const prompt_style *style, const message *messages, uint32_t n, bool add_generation_prompt,
                            rendered *out, err *e) {
  jinja_output o;
  TRY(run(style, messages, n, add_generation_prompt, &o, e));
  for (uint64_t i = 0; i < o.text.length; i++) {
    const uint32_t origin = jinja_origin(&o, i);
    text_putc(&out->content, origin != ORIGIN_TEMPLATE);
    text_putc(&out->target, 0);
    text_put(&out->origins, (const char *)&origin, sizeof origin);
  }
  text_put(&out->content, "", 0), text_put(&out->target, "", 0); // there, even where the text is empty
  out->prompt_end = o.text.length;
  mark_answers(style, messages, n, add_generation_prompt, &o, out);
  text_put(&out->text, o.text.data, o.text.length);
  bool ok = check_calls(messages, n, &o, e);
  jinja_output_free(&o);
  if (ok && lost(messages, n, out)) ok = ERR(e, "the chat template writes nothing of the answers that are to be learned");
  if (!ok) rendered_free(out);
  return ok;
}
