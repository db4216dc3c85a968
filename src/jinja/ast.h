// What a template's source says, as a tree. One struct for all nodes: each kind uses the fields that its comment names.
#ifndef JINJA_AST_H
#define JINJA_AST_H

#include "jinja/lexer.h"
#include "jinja/value.h"

typedef enum node_kind {
  // expressions
  NODE_CONSTANT,  // constant
  NODE_NAME,      // name
  NODE_LIST,      // items
  NODE_TUPLE,     // items
  NODE_DICT,      // items: key, value, key, value, …
  NODE_ATTRIBUTE, // a.name
  NODE_ITEM,      // a[b]
  NODE_SLICE,     // a:b:c, each may be NULL; only as b of NODE_ITEM
  NODE_CALL,      // a(items, keywords)
  NODE_FILTER,    // a | name(items, keywords)
  NODE_TEST,      // a is name(items, keywords)
  NODE_NOT,       // not a
  NODE_NEGATIVE,  // -a
  NODE_POSITIVE,  // +a
  NODE_BINARY,    // a name b
  NODE_AND,       // a and b
  NODE_OR,        // a or b
  NODE_CONCAT,    // items joined by ~
  NODE_COMPARE,   // a, then items: operands in a chain
  NODE_OPERAND,   // name a, of NODE_COMPARE
  NODE_CONDITION, // a if b else c; c may be NULL
  NODE_SPREAD,    // *a, among the items of a call
  NODE_KEYWORD,   // name = a, of a call, or a parameter's default
  NODE_CAPTURED,  // what the body of a {% filter %} or {% set %} block wrote
  // statements
  NODE_DATA,         // constant
  NODE_OUTPUT,       // a
  NODE_IF,           // if a: body; items: the elifs, NODE_IF too; otherwise
  NODE_FOR,          // for a in b if c: body, otherwise; flag: recursive
  NODE_SET,          // a = b
  NODE_SET_BLOCK,    // a = body | b
  NODE_FILTER_BLOCK, // body | b
  NODE_MACRO,        // name(items: NODE_NAME; keywords: defaults of the last ones): body; flag: uses `caller`
  NODE_CALL_BLOCK,   // calls a with the macro b as `caller`
  NODE_WITH,         // items: NODE_SET; body
  NODE_GENERATION,   // body
  NODE_BREAK,
  NODE_CONTINUE
} node_kind;

typedef struct node node;

typedef struct node_list {
  node **items;
  uint64_t n, capacity;
} node_list;

struct node {
  node_kind kind;
  uint32_t offset; // in the source
  bool flag;
  const char *name;
  node *a, *b, *c;
  node_list items, keywords, body, otherwise;
  value constant;
};

#endif
