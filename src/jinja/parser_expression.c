// Expressions, by jinja2's precedence, weakest first:
//   a if b else c · or · and · not · comparisons, in, not in · + - · ~ · * / // % · ** · unary - + · . [] () | is
#include "jinja/parser.h"

#include <string.h>

#include "base/text.h"

static bool parse_or(parser *p, node **out);

static node *binary(parser *p, node_kind kind, uint32_t offset, const char *name, node *a, node *b) {
  node *x = parser_node(p, kind, offset);
  x->name = name;
  x->a = a;
  x->b = b;
  return x;
}

static bool parse_condition(parser *p, node **out) {
  TRY(parse_or(p, out));
  while (parser_is_name(p, "if")) {
    uint32_t offset = p->at->offset;
    p->at++;
    node *x = binary(p, NODE_CONDITION, offset, NULL, *out, NULL);
    TRY(parse_or(p, &x->b));
    if (parser_skip_name(p, "else")) TRY(parser_expression(p, &x->c));
    *out = x;
  }
  return true;
}

bool parser_expression(parser *p, node **out) {
  TRY(parser_enter(p));
  TRY(parse_condition(p, out));
  p->depth--;
  return true;
}

bool parser_expression_without_if(parser *p, node **out) {
  TRY(parser_enter(p));
  TRY(parse_or(p, out));
  p->depth--;
  return true;
}

static bool parse_not(parser *p, node **out);

static bool parse_and(parser *p, node **out) {
  TRY(parse_not(p, out));
  while (parser_is_name(p, "and")) {
    node *right;
    uint32_t offset = p->at++->offset;
    TRY(parse_not(p, &right));
    *out = binary(p, NODE_AND, offset, NULL, *out, right);
  }
  return true;
}

static bool parse_or(parser *p, node **out) {
  TRY(parse_and(p, out));
  while (parser_is_name(p, "or")) {
    node *right;
    uint32_t offset = p->at++->offset;
    TRY(parse_and(p, &right));
    *out = binary(p, NODE_OR, offset, NULL, *out, right);
  }
  return true;
}

static bool parse_compare(parser *p, node **out);

static bool parse_not(parser *p, node **out) {
  if (!parser_is_name(p, "not")) return parse_compare(p, out);
  *out = parser_node(p, NODE_NOT, p->at++->offset);
  TRY(parser_enter(p));
  TRY(parse_not(p, &(*out)->a));
  p->depth--;
  return true;
}

// The operator at the current token if it is one of `operators`, else NULL.
static const char *operator_of(const parser *p, const char *const operators[]) {
  for (; *operators; operators++)
    if (parser_is(p, *operators)) return *operators;
  return NULL;
}

static bool parse_sum(parser *p, node **out);

static bool parse_compare(parser *p, node **out) {
  static const char *const operators[] = {"==", "!=", "<=", ">=", "<", ">", NULL};
  TRY(parse_sum(p, out));
  node *chain = NULL;
  for (;;) {
    uint32_t offset = p->at->offset;
    const char *name = operator_of(p, operators);
    if (name) p->at++;
    else if (parser_skip_name(p, "in")) name = "in";
    else if (parser_is_name(p, "not") && p->at[1].kind == TOKEN_NAME && p->at[1].length == 2 && !memcmp(p->at[1].bytes, "in", 2))
      name = "not in", p->at += 2;
    if (!name) break;
    if (!chain) chain = binary(p, NODE_COMPARE, offset, NULL, *out, NULL);
    node *operand = binary(p, NODE_OPERAND, offset, name, NULL, NULL);
    TRY(parse_sum(p, &operand->a));
    parser_add(p, &chain->items, operand);
  }
  if (chain) *out = chain;
  return true;
}

static bool parse_concat(parser *p, node **out);

static bool parse_sum(parser *p, node **out) {
  static const char *const operators[] = {"+", "-", NULL};
  TRY(parse_concat(p, out));
  for (const char *name; (name = operator_of(p, operators));) {
    node *right;
    uint32_t offset = p->at++->offset;
    TRY(parse_concat(p, &right));
    *out = binary(p, NODE_BINARY, offset, name, *out, right);
  }
  return true;
}

static bool parse_product(parser *p, node **out);

static bool parse_concat(parser *p, node **out) {
  TRY(parse_product(p, out));
  if (!parser_is(p, "~")) return true;
  node *x = parser_node(p, NODE_CONCAT, p->at->offset), *next = *out;
  parser_add(p, &x->items, next);
  while (parser_skip(p, "~")) {
    TRY(parse_product(p, &next));
    parser_add(p, &x->items, next);
  }
  *out = x;
  return true;
}

static bool parse_power(parser *p, node **out) {
  TRY(parser_unary(p, true, out));
  while (parser_is(p, "**")) {
    node *right;
    uint32_t offset = p->at++->offset;
    TRY(parser_unary(p, true, &right));
    *out = binary(p, NODE_BINARY, offset, "**", *out, right);
  }
  return true;
}

static bool parse_product(parser *p, node **out) {
  static const char *const operators[] = {"*", "//", "/", "%", NULL};
  TRY(parse_power(p, out));
  for (const char *name; (name = operator_of(p, operators));) {
    node *right;
    uint32_t offset = p->at++->offset;
    TRY(parse_power(p, &right));
    *out = binary(p, NODE_BINARY, offset, name, *out, right);
  }
  return true;
}

// --- primaries ---

static node *constant(parser *p, uint32_t offset, value v) {
  node *x = parser_node(p, NODE_CONSTANT, offset);
  x->constant = v;
  return x;
}

static bool parse_name(parser *p, node **out) {
  static const struct {
    const char *name;
    int is; // true, false, none
  } words[] = {{"true", 1}, {"True", 1}, {"false", 0}, {"False", 0}, {"none", 2}, {"None", 2}};
  uint32_t offset = p->at->offset;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (!parser_skip_name(p, words[i].name)) continue;
    *out = constant(p, offset, words[i].is == 2 ? value_none() : value_bool(words[i].is));
    return true;
  }
  *out = parser_node(p, NODE_NAME, offset);
  TRY(parser_name(p, "a name", &(*out)->name));
  const char *name = (*out)->name;
  if (!strcmp(name, "caller")) p->uses_caller = true;
  if (p->macros && (!strcmp(name, "varargs") || !strcmp(name, "kwargs")))
    return source_error(p->s, offset, p->e, "%s in a macro is not supported", name);
  return true;
}

// Strings that follow each other are one.
static bool parse_string(parser *p, node **out) {
  uint32_t offset = p->at->offset;
  const lexer_token *first = p->at++;
  value v = value_string(first->bytes, first->length, ORIGIN_TEMPLATE);
  if (p->at->kind == TOKEN_STRING) {
    text joined = {0};
    text_put(&joined, first->bytes, first->length);
    for (; p->at->kind == TOKEN_STRING; p->at++) text_put(&joined, p->at->bytes, p->at->length);
    v = value_string(arena_strndup(p->a, joined.data, joined.length), joined.length, ORIGIN_TEMPLATE);
    text_free(&joined);
  }
  *out = constant(p, offset, v);
  return true;
}

// Items with commas up to `close`; the opening bracket is behind us.
static bool parse_items(parser *p, const char *close, node *into) {
  while (!parser_is(p, close)) {
    node *item;
    if (into->items.n) TRY(parser_need(p, ","));
    if (parser_is(p, close)) break;
    TRY(parser_expression(p, &item));
    parser_add(p, &into->items, item);
  }
  p->at++;
  return true;
}

static bool parse_dict(parser *p, node **out) {
  node *x = *out = parser_node(p, NODE_DICT, p->at++->offset);
  while (!parser_is(p, "}")) {
    node *key, *item;
    if (x->items.n) TRY(parser_need(p, ","));
    if (parser_is(p, "}")) break;
    TRY(parser_expression(p, &key));
    TRY(parser_need(p, ":"));
    TRY(parser_expression(p, &item));
    parser_add(p, &x->items, key);
    parser_add(p, &x->items, item);
  }
  p->at++;
  return true;
}

static bool parse_parentheses(parser *p, node **out) {
  uint32_t offset = p->at++->offset;
  if (parser_skip(p, ")")) {
    *out = parser_node(p, NODE_TUPLE, offset);
    return true;
  }
  TRY(parser_tuple(p, true, out));
  return parser_need(p, ")");
}

static bool parse_primary(parser *p, node **out) {
  const lexer_token *t = p->at;
  switch (t->kind) {
    case TOKEN_NAME: return parse_name(p, out);
    case TOKEN_STRING: return parse_string(p, out);
    case TOKEN_INT: *out = constant(p, t->offset, value_int(t->integer)); break;
    case TOKEN_FLOAT: *out = constant(p, t->offset, value_float(t->number)); break;
    default:
      if (parser_is(p, "(")) return parse_parentheses(p, out);
      if (parser_is(p, "{")) return parse_dict(p, out);
      if (!parser_is(p, "[")) return parser_expected(p, "an expression");
      *out = parser_node(p, NODE_LIST, t->offset);
      p->at++;
      return parse_items(p, "]", *out);
  }
  p->at++;
  return true;
}

static bool parse_slice_part(parser *p, node **part) {
  if (parser_is(p, ":") || parser_is(p, "]") || parser_is(p, ",")) return true;
  return parser_expression(p, part);
}

// What stands in x[…]; the opening bracket is behind us.
static bool parse_index(parser *p, node **out) {
  uint32_t offset = p->at->offset;
  node *first = NULL;
  TRY(parse_slice_part(p, &first));
  if (first && !parser_is(p, ":")) {
    *out = first;
    if (parser_is(p, ",")) return parser_expected(p, "\"]\" (an index of several parts is not supported)");
    return parser_need(p, "]");
  }
  node *x = *out = parser_node(p, NODE_SLICE, offset);
  x->a = first;
  TRY(parser_need(p, ":"));
  TRY(parse_slice_part(p, &x->b));
  if (parser_skip(p, ":")) TRY(parse_slice_part(p, &x->c));
  return parser_need(p, "]");
}

bool parser_arguments(parser *p, node *call) {
  while (!parser_is(p, ")")) {
    if (call->items.n || call->keywords.n) TRY(parser_need(p, ","));
    if (parser_is(p, ")")) break;
    if (parser_is(p, "**")) return parser_expected(p, "an argument (** is not supported in calls)");
    node *argument;
    if (parser_is(p, "*")) {
      argument = parser_node(p, NODE_SPREAD, p->at++->offset);
      TRY(parser_expression(p, &argument->a));
      parser_add(p, &call->items, argument);
    } else if (p->at->kind == TOKEN_NAME && p->at[1].kind == TOKEN_OPERATOR && p->at[1].length == 1 && *p->at[1].bytes == '=') {
      argument = parser_node(p, NODE_KEYWORD, p->at->offset);
      TRY(parser_name(p, "a name", &argument->name));
      p->at++;
      TRY(parser_expression(p, &argument->a));
      parser_add(p, &call->keywords, argument);
    } else {
      if (call->keywords.n) return parser_expected(p, "an argument with a name behind another one");
      TRY(parser_expression(p, &argument));
      parser_add(p, &call->items, argument);
    }
  }
  p->at++;
  return true;
}

static bool parse_call(parser *p, node *a, node **out) {
  *out = parser_node(p, NODE_CALL, p->at++->offset);
  (*out)->a = a;
  return parser_arguments(p, *out);
}

// . [] ()
static bool parse_postfix(parser *p, node **out) {
  for (;;) {
    node *a = *out;
    uint32_t offset = p->at->offset;
    if (parser_skip(p, ".")) {
      if (p->at->kind == TOKEN_INT) {
        *out = binary(p, NODE_ITEM, offset, NULL, a, constant(p, p->at->offset, value_int(p->at->integer)));
        p->at++;
      } else {
        *out = binary(p, NODE_ATTRIBUTE, p->at->offset, NULL, a, NULL);
        TRY(parser_name(p, "an attribute's name", &(*out)->name));
      }
    } else if (parser_skip(p, "[")) {
      *out = binary(p, NODE_ITEM, offset, NULL, a, NULL);
      TRY(parse_index(p, &(*out)->b));
    } else if (parser_is(p, "(")) {
      TRY(parse_call(p, a, out));
    } else {
      return true;
    }
  }
}

static bool dotted_name(parser *p, const char *what, const char **name) {
  TRY(parser_name(p, what, name));
  while (parser_skip(p, ".")) {
    const char *next;
    TRY(parser_name(p, what, &next));
    *name = arena_printf(p->a, "%s.%s", *name, next);
  }
  return true;
}

bool parser_filters(parser *p, node *a, node **out) {
  do {
    *out = parser_node(p, NODE_FILTER, p->at->offset);
    (*out)->a = a;
    TRY(dotted_name(p, "a filter's name", &(*out)->name));
    if (parser_skip(p, "(")) TRY(parser_arguments(p, *out));
    a = *out;
  } while (parser_skip(p, "|"));
  return true;
}

// Whether a test's one argument follows without parentheses, as in `is divisibleby 3`.
static bool begins_argument(const parser *p) {
  switch (p->at->kind) {
    case TOKEN_NAME: return !parser_is_name(p, "else") && !parser_is_name(p, "or") && !parser_is_name(p, "and");
    case TOKEN_STRING:
    case TOKEN_INT:
    case TOKEN_FLOAT: return true;
    default: return parser_is(p, "[") || parser_is(p, "{");
  }
}

static bool parse_test(parser *p, node **out) {
  uint32_t offset = p->at->offset;
  bool negated = parser_skip_name(p, "not");
  node *x = parser_node(p, NODE_TEST, p->at->offset);
  x->a = *out;
  TRY(dotted_name(p, "a test's name", &x->name));
  if (parser_skip(p, "(")) {
    TRY(parser_arguments(p, x));
  } else if (begins_argument(p)) {
    if (parser_is_name(p, "is")) return parser_expected(p, "no second test (tests cannot be chained)");
    node *argument;
    TRY(parse_primary(p, &argument));
    TRY(parse_postfix(p, &argument));
    parser_add(p, &x->items, argument);
  }
  *out = negated ? binary(p, NODE_NOT, offset, NULL, x, NULL) : x;
  return true;
}

static bool parse_filters_and_tests(parser *p, node **out) {
  for (;;) {
    if (parser_skip(p, "|")) {
      node *a = *out;
      TRY(parser_filters(p, a, out));
    } else if (parser_skip_name(p, "is")) {
      TRY(parse_test(p, out));
    } else if (parser_is(p, "(")) {
      TRY(parse_call(p, *out, out));
    } else {
      return true;
    }
  }
}

bool parser_unary(parser *p, bool with_filter, node **out) {
  bool negative = parser_is(p, "-");
  TRY(parser_enter(p));
  if (negative || parser_is(p, "+")) {
    node *x = parser_node(p, negative ? NODE_NEGATIVE : NODE_POSITIVE, p->at++->offset);
    TRY(parser_unary(p, false, &x->a));
    *out = x;
  } else {
    TRY(parse_primary(p, out));
  }
  TRY(parse_postfix(p, out));
  if (with_filter) TRY(parse_filters_and_tests(p, out));
  p->depth--;
  return true;
}

static bool ends_tuple(const parser *p) {
  token_kind kind = p->at->kind;
  return kind == TOKEN_VARIABLE_END || kind == TOKEN_BLOCK_END || parser_is(p, ")") || parser_is_name(p, "in") ||
         parser_is_name(p, "recursive");
}

bool parser_tuple(parser *p, bool with_if, node **out) {
  uint32_t offset = p->at->offset;
  TRY(with_if ? parser_expression(p, out) : parser_expression_without_if(p, out));
  if (!parser_is(p, ",")) return true;
  node *x = parser_node(p, NODE_TUPLE, offset), *item = *out;
  parser_add(p, &x->items, item);
  while (parser_skip(p, ",") && !ends_tuple(p)) {
    TRY(with_if ? parser_expression(p, &item) : parser_expression_without_if(p, &item));
    parser_add(p, &x->items, item);
  }
  *out = x;
  return true;
}

static bool parse_one_target(parser *p, bool with_attribute, node **out) {
  static const char *const reserved[] = {"true", "false", "none", "True", "False", "None"};
  if (parser_skip(p, "(")) {
    TRY(parser_enter(p));
    TRY(parser_target(p, false, out));
    p->depth--;
    return parser_need(p, ")");
  }
  for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
    if (parser_is_name(p, reserved[i])) return parser_expected(p, "a name to assign to");
  *out = parser_node(p, NODE_NAME, p->at->offset);
  TRY(parser_name(p, "a name to assign to", &(*out)->name));
  if (with_attribute && parser_skip(p, ".")) {
    *out = binary(p, NODE_ATTRIBUTE, p->at->offset, NULL, *out, NULL);
    TRY(parser_name(p, "an attribute's name", &(*out)->name));
  }
  return true;
}

bool parser_target(parser *p, bool with_attribute, node **out) {
  uint32_t offset = p->at->offset;
  TRY(parse_one_target(p, with_attribute, out));
  if (!parser_is(p, ",")) return true;
  node *x = parser_node(p, NODE_TUPLE, offset), *item = *out;
  parser_add(p, &x->items, item);
  while (parser_skip(p, ",") && !ends_tuple(p) && !parser_is(p, "=")) {
    TRY(parse_one_target(p, with_attribute, &item));
    parser_add(p, &x->items, item);
  }
  *out = x;
  return true;
}
