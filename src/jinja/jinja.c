// Compiling and rendering: the front door, and what counts the steps.
#include "jinja/jinja.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "jinja/interp.h"
#include "jinja/parser.h"

enum { SOURCE_LIMIT = 1 << 20 };

struct jinja_template {
  source source;
  node_list body;
  bool has_generation;
  int64_t time; // what strftime_now says, where it has a time of its own
  bool has_time;
};

// --- limits ---

bool interp_fail(interp *in, const char *format, ...) {
  char message[1100];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  return source_error(in->s, in->at, in->e, "%s", message);
}

bool interp_work(interp *in, uint64_t steps) {
  in->steps += steps;
  if (in->steps > INTERP_STEPS) return interp_fail(in, "the template takes too long: more than %d steps", INTERP_STEPS);
  if (arena_bytes(in->a) > INTERP_MEMORY)
    return interp_fail(in, "the template takes more than %d MiB of memory", INTERP_MEMORY >> 20);
  return true;
}

// What is less than a step is not forgotten: a text may be written byte by byte.
bool interp_bytes(interp *in, uint64_t bytes) {
  const uint64_t all = in->odd_bytes + bytes;
  in->odd_bytes = all % BYTES_PER_STEP;
  return interp_work(in, all / BYTES_PER_STEP);
}

bool interp_append(interp *in, value list, value item) {
  TRY(interp_work(in, 1));
  value_append(in->a, list, item);
  return true;
}

bool interp_put(interp *in, value dict, value key, value item) {
  bool hashable = key.kind != VALUE_LIST && key.kind != VALUE_DICT;
  if (!hashable) return interp_fail(in, "unhashable type: '%s'", value_type_name(key));
  TRY(interp_work(in, 1));
  value_put(in->a, dict, key, item, &in->steps);
  return true;
}

// --- compiling ---

// Every kind of newline becomes \n, and the last one is dropped, as jinja2 does.
static source read_source(arena *a, const char *name, const char *written, size_t length) {
  char *copy = arena_alloc(a, length + 1);
  uint32_t n = 0;
  for (size_t i = 0; i < length; i++) {
    if (written[i] == '\r' && written[i + 1] == '\n') continue;
    copy[n++] = written[i] == '\r' ? '\n' : written[i];
  }
  if (n && copy[n - 1] == '\n') n--;
  copy[n] = 0;
  return (source){.name = arena_strdup(a, name), .text = copy, .length = n};
}

bool jinja_compile(arena *a, const char *name, const char *written, jinja_template **t, err *e) {
  size_t length = strlen(written), bad;
  if (length > SOURCE_LIMIT) return ERR(e, "%s: expected a template of at most %d bytes, found %zu", name, SOURCE_LIMIT, length);
  if (!utf8_valid(written, length, &bad)) {
    source raw = {.name = name, .text = written, .length = (uint32_t)length};
    return source_error(&raw, (uint32_t)bad, e, "expected UTF-8, found byte 0x%02X", (unsigned char)written[bad]);
  }
  jinja_template *compiled = ARENA_NEW(a, jinja_template);
  compiled->source = read_source(a, name, written, length);
  lexer_token *tokens;
  uint64_t n;
  TRY(lexer_read(a, &compiled->source, &tokens, &n, e));
  parser p = {.a = a, .s = &compiled->source, .at = tokens, .e = e};
  TRY(parser_template(&p, &compiled->body));
  compiled->has_generation = p.has_generation;
  *t = compiled;
  return true;
}

bool jinja_has_generation(const jinja_template *t) {
  return t->has_generation;
}

static bool node_names(const node *n, const char *variable);

static bool any_names(const node_list *list, const char *variable) {
  for (uint64_t i = 0; i < list->n; i++)
    if (node_names(list->items[i], variable)) return true;
  return false;
}

// As deep as the parser lets a template be.
static bool node_names(const node *n, const char *variable) {
  if (!n) return false;
  if (n->kind == NODE_NAME && !strcmp(n->name, variable)) return true;
  return node_names(n->a, variable) || node_names(n->b, variable) || node_names(n->c, variable) ||
         any_names(&n->items, variable) || any_names(&n->keywords, variable) || any_names(&n->body, variable) ||
         any_names(&n->otherwise, variable);
}

bool jinja_names(const jinja_template *t, const char *variable) {
  return any_names(&t->body, variable);
}

bool jinja_asks_time(const jinja_template *t) {
  return strstr(t->source.text, "strftime_now") != NULL;
}

void jinja_set_time(jinja_template *t, int64_t seconds) {
  t->time = seconds;
  t->has_time = true;
}

// --- rendering ---

static void put_output(const build *b, jinja_output *out) {
  value v = build_value(b);
  text_put(&out->text, v.bytes, v.length);
  text_put(&out->origins, "", 0);
  for (uint32_t i = 0; i < v.length; i++) {
    uint32_t origin = value_origin_at(v, i);
    text_put(&out->origins, (const char *)&origin, sizeof origin);
  }
}

static bool render(const jinja_template *t, interp in, jinja_output *out, bool *undefined) {
  *out = (jinja_output){0};
  in.s = &t->source;
  in.a = arena_new("a rendering");
  build written = {.in = &in};
  in.out = &written;
  in.scope = scope_new(&in, NULL);
  const bool ok = exec_body(&in, &t->body);
  if (ok) put_output(&written, out);
  *undefined = in.undefined;
  arena_free(in.a);
  return ok;
}

bool jinja_render(const jinja_template *t, value variables, jinja_output *out, err *e) {
  bool unused;
  return render(t, (interp){.variables = variables, .time = t->has_time ? &t->time : NULL, .e = e}, out, &unused);
}

bool jinja_render_strict(const jinja_template *t, value variables, jinja_output *out, bool *undefined, err *e) {
  return render(t, (interp){.variables = variables, .strict = true, .e = e}, out, undefined);
}

bool jinja_is_expression(const jinja_template *t) {
  return t->body.n == 1 && t->body.items[0]->kind == NODE_OUTPUT;
}

bool jinja_evaluate_strict(arena *a, const jinja_template *t, value variables, value *out, bool *undefined, err *e) {
  REQUIRE(jinja_is_expression(t), "%s: not one expression", t->source.name);
  interp in = {.s = &t->source, .a = a, .variables = variables, .strict = true, .e = e};
  in.scope = scope_new(&in, NULL);
  const bool ok = eval(&in, t->body.items[0]->a, out);
  *undefined = in.undefined;
  return ok;
}

void jinja_output_free(jinja_output *o) {
  text_free(&o->text), text_free(&o->origins);
}

static uint32_t origin_of(const jinja_output *o, uint64_t byte) {
  uint32_t origin;
  REQUIRE(byte < o->text.length, "byte %llu of %zu", (unsigned long long)byte, o->text.length);
  memcpy(&origin, o->origins.data + byte * sizeof origin, sizeof origin);
  return origin;
}

uint32_t jinja_origin(const jinja_output *o, uint64_t byte) {
  return origin_of(o, byte) & ~ORIGIN_GENERATED;
}

bool jinja_generated(const jinja_output *o, uint64_t byte) {
  return origin_of(o, byte) & ORIGIN_GENERATED;
}
