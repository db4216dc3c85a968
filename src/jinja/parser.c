// Statements. What chat templates have no use for (include, import, extends, block, …) is refused by name.
#include "jinja/parser.h"

#include <string.h>

#include "io/quote.h"

enum { NESTING = 120 };

node *parser_node(parser *p, node_kind kind, uint32_t offset) {
  node *x = ARENA_NEW(p->a, node);
  x->kind = kind;
  x->offset = offset;
  return x;
}

void parser_add(parser *p, node_list *list, node *item) {
  void *items = list->items;
  arena_grow(p->a, &items, &list->capacity, list->n + 1, sizeof *list->items);
  list->items = items;
  list->items[list->n++] = item;
}

bool parser_expected(const parser *p, const char *expected) {
  char found[QUOTE_BYTES];
  const lexer_token *t = p->at;
  const char *what = t->kind == TOKEN_END            ? "the end of the template"
                     : t->kind == TOKEN_BLOCK_END    ? "the end of the tag"
                     : t->kind == TOKEN_VARIABLE_END ? "the end of the tag"
                     : t->kind == TOKEN_STRING       ? "a string"
                                                     : quote(t->bytes, t->length, found);
  return source_error(p->s, t->offset, p->e, "expected %s, found %s", expected, what);
}

static bool token_is(const lexer_token *t, token_kind kind, const char *what) {
  return t->kind == kind && strlen(what) == t->length && !memcmp(t->bytes, what, t->length);
}

bool parser_is(const parser *p, const char *operator) {
  return token_is(p->at, TOKEN_OPERATOR, operator);
}

bool parser_is_name(const parser *p, const char *name) {
  return token_is(p->at, TOKEN_NAME, name);
}

bool parser_skip(parser *p, const char *operator) {
  bool there = parser_is(p, operator);
  p->at += there;
  return there;
}

bool parser_skip_name(parser *p, const char *name) {
  bool there = parser_is_name(p, name);
  p->at += there;
  return there;
}

bool parser_need(parser *p, const char *operator) {
  char expected[16] = {'"'};
  if (parser_skip(p, operator)) return true;
  strncat(expected, operator, 8);
  strcat(expected, "\"");
  return parser_expected(p, expected);
}

bool parser_name(parser *p, const char *what, const char **name) {
  if (p->at->kind != TOKEN_NAME) return parser_expected(p, what);
  *name = arena_strndup(p->a, p->at->bytes, p->at->length);
  p->at++;
  return true;
}

bool parser_enter(parser *p) {
  if (++p->depth <= NESTING) return true;
  return source_error(p->s, p->at->offset, p->e, "expected at most %d levels of nesting", NESTING);
}

static bool end_tag(parser *p) {
  if (p->at->kind != TOKEN_BLOCK_END) return parser_expected(p, "the end of the tag");
  p->at++;
  return true;
}

// Statements up to a tag that begins with one of `ends` (a list that ends with NULL), which is moved over; its index to
// *which. Without `ends`, up to the end of the template. `opening` is where the block began.
static bool parse_body(parser *p, uint32_t opening, const char *const ends[], node_list *body, int *which);

static bool parse_if(parser *p, node *x) {
  static const char *const ends[] = {"elif", "else", "endif", NULL};
  static const char *const end[] = {"endif", NULL};
  int which;
  TRY(parser_tuple(p, false, &x->a));
  TRY(end_tag(p));
  TRY(parse_body(p, x->offset, ends, &x->body, &which));
  while (which == 0) {
    node *branch = parser_node(p, NODE_IF, p->at[-1].offset);
    TRY(parser_tuple(p, false, &branch->a));
    TRY(end_tag(p));
    TRY(parse_body(p, x->offset, ends, &branch->body, &which));
    parser_add(p, &x->items, branch);
  }
  if (which == 1) {
    TRY(end_tag(p));
    TRY(parse_body(p, x->offset, end, &x->otherwise, &which));
  }
  return end_tag(p);
}

static bool parse_for(parser *p, node *x) {
  static const char *const ends[] = {"else", "endfor", NULL};
  static const char *const end[] = {"endfor", NULL};
  int which;
  TRY(parser_target(p, false, &x->a));
  if (!parser_skip_name(p, "in")) return parser_expected(p, "\"in\"");
  TRY(parser_tuple(p, false, &x->b));
  if (parser_skip_name(p, "if")) TRY(parser_expression(p, &x->c));
  x->flag = parser_skip_name(p, "recursive");
  TRY(end_tag(p));
  p->loops++;
  TRY(parse_body(p, x->offset, ends, &x->body, &which));
  p->loops--;
  if (which == 0) {
    TRY(end_tag(p));
    TRY(parse_body(p, x->offset, end, &x->otherwise, &which));
  }
  return end_tag(p);
}

static bool parse_set(parser *p, node *x) {
  static const char *const end[] = {"endset", NULL};
  int which;
  TRY(parser_target(p, true, &x->a));
  if (parser_skip(p, "=")) {
    TRY(parser_tuple(p, true, &x->b));
    return end_tag(p);
  }
  x->kind = NODE_SET_BLOCK;
  x->b = parser_node(p, NODE_CAPTURED, x->offset);
  if (parser_skip(p, "|")) TRY(parser_filters(p, x->b, &x->b));
  TRY(end_tag(p));
  TRY(parse_body(p, x->offset, end, &x->body, &which));
  return end_tag(p);
}

static bool parse_filter_block(parser *p, node *x) {
  static const char *const end[] = {"endfilter", NULL};
  int which;
  x->b = parser_node(p, NODE_CAPTURED, x->offset);
  TRY(parser_filters(p, x->b, &x->b));
  TRY(end_tag(p));
  TRY(parse_body(p, x->offset, end, &x->body, &which));
  return end_tag(p);
}

// Behind the opening parenthesis. Once one has a default, all that follow have.
static bool parse_parameters(parser *p, node *macro) {
  while (!parser_is(p, ")")) {
    if (macro->items.n) TRY(parser_need(p, ","));
    node *name = parser_node(p, NODE_NAME, p->at->offset);
    TRY(parser_name(p, "a parameter's name", &name->name));
    parser_add(p, &macro->items, name);
    if (parser_skip(p, "=")) {
      node *standard = parser_node(p, NODE_KEYWORD, name->offset);
      TRY(parser_expression(p, &standard->a));
      parser_add(p, &macro->keywords, standard);
    } else if (macro->keywords.n) {
      return parser_expected(p, "a default, as the parameter before has one");
    }
  }
  p->at++;
  return true;
}

// The body of a macro, or of a caller.
static bool parse_macro_body(parser *p, node *x, const char *end) {
  const char *const ends[] = {end, NULL};
  int which, loops = p->loops;
  bool outer = p->uses_caller;
  p->loops = 0;
  p->macros++;
  p->uses_caller = false;
  TRY(end_tag(p));
  TRY(parse_body(p, x->offset, ends, &x->body, &which));
  x->flag = p->uses_caller;
  p->loops = loops;
  p->macros--;
  p->uses_caller |= outer; // to jinja2 the macro around uses it too
  return end_tag(p);
}

static bool parse_macro(parser *p, node *x) {
  TRY(parser_name(p, "the macro's name", &x->name));
  TRY(parser_need(p, "("));
  TRY(parse_parameters(p, x));
  return parse_macro_body(p, x, "endmacro");
}

static bool parse_call_block(parser *p, node *x) {
  node *macro = x->b = parser_node(p, NODE_MACRO, x->offset);
  macro->name = "caller";
  if (parser_skip(p, "(")) TRY(parse_parameters(p, macro));
  TRY(parser_expression(p, &x->a));
  if (x->a->kind != NODE_CALL) return source_error(p->s, x->a->offset, p->e, "expected a call of a macro");
  return parse_macro_body(p, macro, "endcall");
}

static bool parse_with(parser *p, node *x) {
  static const char *const end[] = {"endwith", NULL};
  int which;
  while (p->at->kind != TOKEN_BLOCK_END) {
    if (x->items.n) TRY(parser_need(p, ","));
    node *set = parser_node(p, NODE_SET, p->at->offset);
    set->a = parser_node(p, NODE_NAME, p->at->offset);
    TRY(parser_name(p, "a name", &set->a->name));
    TRY(parser_need(p, "="));
    TRY(parser_expression(p, &set->b));
    parser_add(p, &x->items, set);
  }
  p->at++;
  TRY(parse_body(p, x->offset, end, &x->body, &which));
  return end_tag(p);
}

static bool parse_generation(parser *p, node *x) {
  static const char *const end[] = {"endgeneration", NULL};
  int which, loops = p->loops;
  p->has_generation = true;
  p->loops = 0; // its body is a caller's to jinja2, which no loop around can be left from
  TRY(end_tag(p));
  TRY(parse_body(p, x->offset, end, &x->body, &which));
  p->loops = loops;
  return end_tag(p);
}

static bool parse_jump(parser *p, node *x) {
  if (!p->loops) return source_error(p->s, x->offset, p->e, "expected this inside a loop");
  return end_tag(p);
}

static bool parse_print(parser *p, node *x) {
  TRY(parser_tuple(p, true, &x->a));
  return end_tag(p);
}

static const struct {
  const char *name;
  node_kind kind;
  bool (*parse)(parser *p, node *x);
} statements[] = {
    {"if", NODE_IF, parse_if},
    {"for", NODE_FOR, parse_for},
    {"set", NODE_SET, parse_set},
    {"macro", NODE_MACRO, parse_macro},
    {"call", NODE_CALL_BLOCK, parse_call_block},
    {"filter", NODE_FILTER_BLOCK, parse_filter_block},
    {"with", NODE_WITH, parse_with},
    {"generation", NODE_GENERATION, parse_generation},
    {"break", NODE_BREAK, parse_jump},
    {"continue", NODE_CONTINUE, parse_jump},
    {"print", NODE_OUTPUT, parse_print},
};

// Behind {%.
static bool parse_statement(parser *p, node **out) {
  for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
    if (!parser_is_name(p, statements[i].name)) continue;
    *out = parser_node(p, statements[i].kind, p->at++->offset);
    return statements[i].parse(p, *out);
  }
  char found[QUOTE_BYTES];
  if (p->at->kind != TOKEN_NAME) return parser_expected(p, "a statement's name");
  return source_error(p->s, p->at->offset, p->e, "the statement %s is not supported", quote(p->at->bytes, p->at->length, found));
}

static bool parse_output(parser *p, node **out) {
  *out = parser_node(p, NODE_OUTPUT, p->at++->offset);
  TRY(parser_tuple(p, true, &(*out)->a));
  if (p->at->kind != TOKEN_VARIABLE_END) return parser_expected(p, "the end of the tag");
  p->at++;
  return true;
}

static int end_of(const parser *p, const char *const ends[]) {
  for (int i = 0; ends && ends[i]; i++)
    if (parser_is_name(p, ends[i])) return i;
  return -1;
}

static bool parse_body(parser *p, uint32_t opening, const char *const ends[], node_list *body, int *which) {
  TRY(parser_enter(p));
  while (p->at->kind != TOKEN_END) {
    node *x = NULL;
    if (p->at->kind == TOKEN_DATA) {
      x = parser_node(p, NODE_DATA, p->at->offset);
      x->constant = value_string(p->at->bytes, p->at->length, ORIGIN_TEMPLATE);
      p->at++;
    } else if (p->at->kind == TOKEN_VARIABLE_BEGIN) {
      TRY(parse_output(p, &x));
    } else {
      p->at++; // {%, since nothing else stands between tags
      if ((*which = end_of(p, ends)) >= 0) {
        p->at++;
        p->depth--;
        return true;
      }
      TRY(parse_statement(p, &x));
    }
    parser_add(p, body, x);
  }
  p->depth--;
  if (!ends) return true;
  while (ends[1]) ends++; // what closes the block stands last
  return source_error(p->s, opening, p->e, "expected {%% %s %%} for the block that begins here, found the end of the template",
                      *ends);
}

bool parser_template(parser *p, node_list *body) {
  int which;
  return parse_body(p, 0, NULL, body, &which);
}
