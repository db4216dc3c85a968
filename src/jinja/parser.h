// From tokens to the tree: parser.c has the statements, parser_expression.c the expressions.
#ifndef JINJA_PARSER_H
#define JINJA_PARSER_H

#include "jinja/ast.h"

typedef struct parser {
  arena *a;
  const source *s;
  const lexer_token *at;
  int depth;           // of nesting
  int loops;           // around this place, inside the current macro
  int macros;          // around this place
  bool uses_caller;    // the name was seen in the current macro
  bool has_generation; // the template has a {% generation %} block
  err *e;
} parser;

bool parser_template(parser *p, node_list *body);

// --- for the two files ---

node *parser_node(parser *p, node_kind kind, uint32_t offset);
void parser_add(parser *p, node_list *list, node *item);
// "expected …, found …" at the current token.
bool parser_expected(const parser *p, const char *expected);
bool parser_is(const parser *p, const char *operator);
bool parser_is_name(const parser *p, const char *name);
bool parser_skip(parser *p, const char *operator); // over it, if it is there
bool parser_skip_name(parser *p, const char *name);
bool parser_need(parser *p, const char *operator);
bool parser_name(parser *p, const char *what, const char **name);
bool parser_enter(parser *p); // one level deeper, up to the limit

bool parser_expression(parser *p, node **out);            // a if b else c
bool parser_expression_without_if(parser *p, node **out); // in `for … in`
bool parser_tuple(parser *p, bool with_if, node **out);   // an expression, or several with commas
bool parser_unary(parser *p, bool with_filter, node **out);
bool parser_filters(parser *p, node *a, node **out);            // name | name …, the first bar behind us
bool parser_arguments(parser *p, node *call);                   // behind the opening parenthesis
bool parser_target(parser *p, bool with_attribute, node **out); // what `set` and `for` assign to

#endif
