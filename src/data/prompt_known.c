// Canonical form of chat templates, and the table of those that are known. Jinja's rules for white space follow its
// lexer: a tag with "-" eats all white space on that side, the newline behind a block or comment is dropped
// (trim_blocks), and so are blanks between the start of a line and a block or comment (lstrip_blocks).
#include "data/prompt_known.h"

#include <string.h>

// --- the table ---
// In canonical form; @ stands for the text of a template's own system message.

#define TURN "<|im_start|>{{message.role}}\n{{message.content}}<|im_end|>\n"
#define TURN_OF(role) "<|im_start|>" role "\n{{message.content}}<|im_end|>\n"
#define MESSAGES "{%for message in messages%}"
#define ASK "{%if add_generation_prompt%}<|im_start|>assistant\n{%endif%}"
#define ASK_DEFINED "{%if not add_generation_prompt is defined%}{%set add_generation_prompt=false%}{%endif%}"
#define FIRST_SYSTEM "{%if loop.first and messages[0].role!='system'%}<|im_start|>system\n@<|im_end|>\n{%endif%}"
#define QWEN_SYSTEM                                                                                                    \
  "{%if messages[0].role=='system'%}<|im_start|>system\n{{messages[0].content}}<|im_end|>\n"                           \
  "{%else%}<|im_start|>system\n@<|im_end|>\n{%endif%}"
#define QWEN_TOOLS                                                                                                     \
  "{%if tools%}<|im_start|>system\n{%if messages[0].role=='system'%}{{messages[0].content}}{%else%}@{%endif%}"         \
  "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"                               \
  "You are provided with function signatures within <tools></tools> XML tags:\n<tools>"                                \
  "{%for tool in tools%}\n{{tool|tojson}}{%endfor%}\n</tools>\n\n"                                                     \
  "For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML "  \
  "tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call><|im_end|>\n"       \
  "{%else%}" QWEN_SYSTEM "{%endif%}"
#define QWEN_CALLS                                                                                                     \
  "{%if message.content%}\n{{message.content}}{%endif%}{%for tool_call in message.tool_calls%}"                        \
  "{%if tool_call.function is defined%}{%set tool_call=tool_call.function%}{%endif%}"                                  \
  "\n<tool_call>\n{\"name\": \"{{tool_call.name}}\", \"arguments\": {{tool_call.arguments|tojson}}}\n</tool_call>"     \
  "{%endfor%}"
#define QWEN_RESULTS                                                                                                   \
  "{%elif message.role=='tool'%}{%if(loop.index0==0)or(messages[loop.index0-1].role!='tool')%}<|im_start|>user"        \
  "{%endif%}\n<tool_response>\n{{message.content}}\n</tool_response>"                                                  \
  "{%if loop.last or(messages[loop.index0+1].role!='tool')%}<|im_end|>\n{%endif%}"
#define NOT_ASSISTANT "(message.role=='user')or(message.role=='system' and not loop.first)"

static const char *const chatml[] = {
    // Plain ChatML: OpenHermes, TRL's setup_chat_format, llama.cpp's and axolotl's "chatml", our own.
    MESSAGES TURN "{%endfor%}" ASK,
    ASK_DEFINED MESSAGES TURN "{%endfor%}" ASK,
    // The same, role by role.
    MESSAGES "{%if message.role=='user'%}" TURN_OF("user") "{%elif message.role=='assistant'%}" TURN_OF("assistant")
    "{%else%}" TURN_OF("system") "{%endif%}{%endfor%}" ASK,
    MESSAGES "{%if message.role=='system'%}" TURN_OF("system") "{%elif message.role=='user'%}" TURN_OF("user")
    "{%elif message.role=='assistant'%}" TURN_OF("assistant") "{%endif%}{%endfor%}" ASK,
    // SmolLM and SmolLM2-Instruct, Qwen2-Instruct: a system message of their own where the conversation has none.
    MESSAGES FIRST_SYSTEM TURN "{%endfor%}" ASK,
    // Qwen2.5-Instruct.
    QWEN_TOOLS MESSAGES "{%if" NOT_ASSISTANT "or(message.role=='assistant' and not message.tool_calls)%}" TURN
    "{%elif message.role=='assistant'%}<|im_start|>{{message.role}}" QWEN_CALLS "<|im_end|>\n" QWEN_RESULTS
    "{%endif%}{%endfor%}" ASK,
    // Its form with {% generation %} for training, as TRL has it.
    QWEN_TOOLS MESSAGES "{%if" NOT_ASSISTANT "%}" TURN
    "{%elif message.role=='assistant'%}<|im_start|>assistant{%if not message.tool_calls%}\n{{message.content}}<|im_end|>\n"
    "{%else%}" QWEN_CALLS "<|im_end|>\n{%endif%}" QWEN_RESULTS "{%endif%}{%endfor%}" ASK,
};

// What prompt_to_jinja writes for Alpaca.
static const char alpaca[] =
    MESSAGES "{%if message.role=='system'%}{{message.content}}\n\n{%elif message.role=='user'%}"
    "{%if loop.first or loop.index0==1 and messages[0].role=='system'%}{%if '\n\n### Input:\n' in message.content%}"
    "Below is an instruction that describes a task, paired with an input that provides further context. "
    "Write a response that appropriately completes the request.\n\n{%else%}"
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request.\n\n{%endif%}{%else%}\n\n{%endif%}"
    "### Instruction:\n{{message.content}}\n\n### Response:\n{%else%}{{message.content}}{{eos_token}}{%endif%}{%endfor%}";

// Whether `source` reads like `pattern`, with the same text for each @; that text to *system (NULL where there is no @).
// The texts between are found from the left, which is enough: none of them occurs in a system message that is accepted.
static bool reads_like(arena *a, const char *pattern, const char *source, const char **system) {
  *system = NULL;
  size_t piece = strcspn(pattern, "@");
  if (strncmp(pattern, source, piece)) return false;
  for (;;) {
    source += piece, pattern += piece;
    if (!*pattern) return !*source;
    piece = strcspn(++pattern, "@");
    char *next = arena_strndup(a, pattern, piece);
    const char *end = strstr(source, next);
    if (!end || end == source) return false;
    char *found = arena_strndup(a, source, (size_t)(end - source));
    if (strstr(found, "{{") || strstr(found, "{%") || strstr(found, "<|")) return false;
    if (*system && strcmp(*system, found)) return false;
    *system = found;
    source = end;
  }
}

bool prompt_known(arena *a, const char *jinja, known_template *known) {
  static const char bos[] = "{{bos_token}}";
  text form = {0};
  bool found = prompt_canonical(jinja, &form) && form.length;
  if (found) {
    *known = (known_template){.writes_bos = !strncmp(form.data, bos, sizeof bos - 1), .default_system = ""};
    const char *body = form.data + (known->writes_bos ? sizeof bos - 1 : 0), *system = NULL;
    found = false;
    for (size_t i = 0; !found && i < sizeof chatml / sizeof *chatml; i++) found = reads_like(a, chatml[i], body, &system);
    if (found && system) known->default_system = system;
    if (!found) found = known->is_alpaca = !strcmp(alpaca, body);
  }
  text_free(&form);
  return found;
}

// --- the canonical form ---

typedef struct scanner {
  const char *at, *end;
  bool line_start; // nothing but what was dropped stands between here and the start of a line
  text *out;
  bool brace;         // the last byte written is a "{" of literal text: a second one would read as a tag
  bool in_generation; // between {% generation %} and its end
} scanner;

static bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool put_literal(scanner *s, const char *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (s->brace && (bytes[i] == '{' || bytes[i] == '%')) return false;
    if (bytes[i] == '@') return false; // the table's own sign
    s->brace = bytes[i] == '{';
    text_putc(s->out, bytes[i]);
  }
  return true;
}

// The text before the next tag, which `next` points to (or to the end).
static bool put_text_before(scanner *s, const char *next) {
  const char *from = s->at, *to = next;
  if (next < s->end) {
    bool control = next + 2 < s->end && (next[2] == '-' || next[2] == '+');
    if (control && next[2] == '-') {
      while (to > from && is_space(to[-1])) to--;
    } else if (!control && next[1] != '{') {
      const char *line = to;
      while (line > from && (line[-1] == ' ' || line[-1] == '\t')) line--;
      if (line > from ? line[-1] == '\n' : s->line_start) to = line;
    }
  }
  return put_literal(s, from, (size_t)(to - from));
}

// A string literal at s->at, decoded. Only the escapes that templates use; others are not understood.
static bool read_string(scanner *s, text *value) {
  char quote = *s->at++;
  for (; s->at < s->end && *s->at != quote; s->at++) {
    char c = *s->at;
    if (c == '\\') {
      static const char names[] = "ntr\\'\"", values[] = "\n\t\r\\'\"";
      const char *name = ++s->at < s->end && *s->at ? strchr(names, *s->at) : NULL;
      if (!name) return false;
      c = values[name - names];
    }
    text_putc(value, c);
  }
  return s->at < s->end && s->at++;
}

// ['name'] and ["name"] at s->at are moved over and read .name, as Jinja does for a message's fields.
static bool read_subscript(scanner *s, text *name) {
  const char *p = s->at + 1;
  while (p < s->end && is_space(*p)) p++;
  if (p >= s->end || (*p != '\'' && *p != '"')) return false;
  const char *first = p + 1, *last = first;
  while (last < s->end && is_word(*last)) last++;
  if (last == first || last >= s->end || *last != *p) return false;
  for (p = last + 1; p < s->end && is_space(*p); p++) continue;
  if (p >= s->end || *p != ']') return false;
  text_putc(name, '.');
  text_put(name, first, (size_t)(last - first));
  s->at = p + 1;
  return true;
}

// One term of an expression, or a whole statement, in canonical form.
typedef struct term {
  text body;    // what stands in the tag
  text literal; // the value of the last string literal
  int tokens, strings;
  bool ambiguous; // a string with a quote in it, which the body does not show as such
} term;

static bool put_term(scanner *s, term *t) {
  bool ok = t->tokens > 0;
  if (t->tokens == 1 && t->strings == 1) {
    ok = put_literal(s, t->literal.data ? t->literal.data : "", t->literal.length);
  } else if (ok && (ok = !t->ambiguous)) {
    text_puts(s->out, "{{");
    text_put(s->out, t->body.data, t->body.length);
    text_puts(s->out, "}}");
    s->brace = false;
  }
  text_clear(&t->body), text_clear(&t->literal);
  t->tokens = t->strings = 0;
  t->ambiguous = false;
  return ok;
}

static bool read_token(scanner *s, term *t) {
  char c = *s->at, before = t->body.length ? t->body.data[t->body.length - 1] : 0;
  if (strchr("{}%", c)) return false; // in no template of the table, and could read as the end of a tag
  t->tokens++;
  if (c == '\'' || c == '"') {
    t->strings++;
    text_clear(&t->literal);
    if (!read_string(s, &t->literal)) return false;
    const char *value = t->literal.data ? t->literal.data : "";
    t->ambiguous |= strchr(value, '\'') != NULL;
    if (is_word(before)) text_putc(&t->body, ' ');
    text_printf(&t->body, "'%s'", value);
  } else if (is_word(c)) {
    if (is_word(before) || before == '\'') text_putc(&t->body, ' ');
    while (s->at < s->end && is_word(*s->at)) text_putc(&t->body, *s->at++);
  } else if (!(c == '[' && (is_word(before) || before == ']' || before == ')') && read_subscript(s, &t->body))) {
    if (before && is_space(s->at[-1]) && !is_word(before) && before != '\'') text_putc(&t->body, ' '); // "= =" is not "=="
    text_putc(&t->body, c);
    s->at++;
  }
  return true;
}

static bool put_statement(scanner *s, const term *t) {
  // {% generation %} marks the assistant's text for trainers and writes nothing.
  bool begins = !strcmp(t->body.data, "generation"), ends = !strcmp(t->body.data, "endgeneration");
  if (begins || ends) {
    bool fits = s->in_generation == ends;
    s->in_generation = begins;
    return fits;
  }
  text_printf(s->out, "{%%%s%%}", t->body.data);
  s->brace = false;
  return !t->ambiguous;
}

// The inside of a {{ }} (its terms, which + joins, become text and tags of their own) or of a {% %}, up to its end.
static bool read_tag(scanner *s, bool statement) {
  const char *close = statement ? "%}" : "}}";
  term t = {0};
  int depth = 0;
  bool ok = true, closed = false;
  while (ok && !closed && s->at < s->end) {
    const char *p = s->at + (*s->at == '-' || (statement && *s->at == '+'));
    if (s->end - p >= 2 && !memcmp(p, close, 2)) {
      closed = true;
    } else if (is_space(*s->at)) {
      s->at++;
    } else if (*s->at == '+' && !depth && !statement) {
      s->at++;
      ok = put_term(s, &t);
    } else {
      const char *token = s->at;
      ok = read_token(s, &t);
      if (s->at == token + 1) depth += strchr("([", *token) ? 1 : strchr(")]", *token) ? -1 : 0; // no ['name']
    }
  }
  ok = ok && closed && t.tokens;
  if (ok && !statement) ok = put_term(s, &t);
  if (ok && statement) ok = put_statement(s, &t);
  text_free(&t.body), text_free(&t.literal);
  return ok;
}

// Moves over the end of a tag and the white space that it drops.
static void end_tag(scanner *s, bool is_block) {
  char control = *s->at == '-' || *s->at == '+' ? *s->at++ : 0;
  s->at += 2;
  s->line_start = false;
  if (control == '-') {
    while (s->at < s->end && is_space(*s->at)) s->at++;
  } else if (is_block && !control && s->at < s->end && *s->at == '\n') {
    s->at++;
    s->line_start = true;
  }
}

static bool read_comment(scanner *s) {
  for (const char *from = s->at; s->end - s->at >= 2; s->at++) {
    if (memcmp(s->at, "#}", 2)) continue;
    if (s->at > from && (s->at[-1] == '-' || s->at[-1] == '+')) s->at--;
    return true;
  }
  return false;
}

static const char *find_tag(const scanner *s) {
  for (const char *p = s->at; s->end - p >= 2; p++)
    if (p[0] == '{' && (p[1] == '{' || p[1] == '%' || p[1] == '#')) return p;
  return s->end;
}

static bool canonical(const char *source, size_t length, text *out) {
  scanner s = {.at = source, .end = source + length, .line_start = true, .out = out};
  while (s.at < s.end) {
    const char *tag = find_tag(&s);
    if (!put_text_before(&s, tag)) return false;
    s.at = tag;
    if (tag == s.end) break;
    char kind = tag[1];
    s.at += 2 + (s.end - tag > 2 && (tag[2] == '-' || tag[2] == '+'));
    if (!(kind == '#' ? read_comment(&s) : read_tag(&s, kind == '%'))) return false;
    end_tag(&s, kind != '{');
  }
  return !s.in_generation;
}

bool prompt_canonical(const char *jinja, text *out) {
  text source = {0};
  for (const char *p = jinja; *p; p++) { // Jinja reads every kind of newline as \n …
    if (*p == '\r' && p[1] == '\n') continue;
    text_putc(&source, *p == '\r' ? '\n' : *p);
  }
  if (source.length && source.data[source.length - 1] == '\n') source.data[--source.length] = 0; // … and drops the last
  bool ok = source.length && canonical(source.data, source.length, out);
  text_free(&source);
  return ok;
}
