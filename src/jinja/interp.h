// One rendering: what the files of the interpreter share.
//   exec.c statements · eval.c expressions · call.c calls and macros · access.c attributes and items · build.c strings
//   print.c str(), repr(), JSON · filters.c, filters_list.c · predicates.c tests · methods.c · functions.c globals
#ifndef JINJA_INTERP_H
#define JINJA_INTERP_H

#include "jinja/ast.h"

#ifndef JINJA_STEPS // the fuzz targets take fewer, so that more inputs are tried
#define JINJA_STEPS 2000000
#endif

// Limits of one rendering.
enum {
  INTERP_STEPS = JINJA_STEPS, // nodes evaluated, items made, and 64 bytes of a string each
  INTERP_DEPTH = 1000,        // of evaluation
  INTERP_CALLS = 100,         // macros and recursive loops inside each other
  INTERP_STRING = 16 << 20,   // bytes of one string, the output too
  INTERP_MEMORY = 256 << 20,
  INTERP_RANGE = 100000, // as jinja2's sandbox
  BYTES_PER_STEP = 64
};

// Names in order of assignment; the innermost scope that has a name decides.
typedef struct scope scope;
struct scope {
  scope *parent;
  const char **names;
  value *values;
  uint32_t n, capacity;
};

// A string under construction. Zero but for `in`. `origins` appears with the second origin.
typedef struct build {
  struct interp *in;
  char *bytes;
  uint32_t *origins;
  uint32_t origin;
  uint64_t n, capacity;
} build;

typedef enum interp_flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE } interp_flow;

typedef struct interp {
  const source *s;
  arena *a;
  uint64_t steps, odd_bytes; // odd_bytes: less than a step's
  int depth, calls;
  uint32_t at; // offset in the source of what is evaluated, for messages
  scope *scope;
  value variables; // the caller's dict
  build *out;
  interp_flow flow;
  value captured;      // by the block whose filters are evaluated
  const int64_t *time; // what strftime_now says; NULL: the machine's clock
  bool strict;         // what is undefined fails where it is read
  bool undefined;      // it failed so
  err *e;
} interp;

// "name: line 1, column 1: …" at in->at. Returns false.
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
bool interp_fail(interp *in, const char *format, ...);
bool interp_work(interp *in, uint64_t steps);           // counts them; false at a limit
bool interp_bytes(interp *in, uint64_t bytes);          // the steps of going through a string
bool interp_append(interp *in, value list, value item); // with its step
bool interp_put(interp *in, value dict, value key, value item);

// --- build.c ---
bool build_bytes(build *b, const char *bytes, uint64_t n, uint32_t origin);
bool build_text(build *b, const char *string); // the template's own
bool build_put(build *b, value string);
bool build_character(build *b, uint32_t code, uint32_t origin);
value build_value(const build *b);
bool build_concat(interp *in, value a, value b, value *out); // two strings, with what `safe` does to the other

// --- print.c ---
bool print_value(build *b, value v);                // Python's str()
bool print_string(interp *in, value v, value *out); // the same as a string, which stays as it is
typedef struct json_style {
  int indent; // −1: on one line
  const char *item_separator, *key_separator;
  bool ascii, sorted;
} json_style;
bool print_json(build *b, value v, const json_style *style); // Python's json.dumps
bool print_escaped(build *b, value string);                  // for HTML

// --- calls ---
typedef struct arguments {
  const value *items;
  uint64_t n;
  const node_list *names; // NODE_KEYWORD of each keyword; NULL where there is none
  const value *keywords;
} arguments;

enum { NATIVE_PARAMETERS = 5 };
// A filter, test, method or global function. What was not given is undefined with hint NULL.
typedef bool native_run(interp *in, value self, const value given[NATIVE_PARAMETERS], const arguments *all, value *out);
typedef struct native {
  const char *name;
  native_run *run;
  int required;                              // −1: takes any arguments, from `all`
  const char *parameters[NATIVE_PARAMETERS]; // up to the first NULL
} native;
const native *native_find(const native *table, const char *name); // the table ends with a name NULL; NULL: not there
bool native_call(interp *in, const native *f, value self, const arguments *all, value *out);
bool given(value argument);
// An argument that has to be an integer; `standard` where it was not given or is none.
bool given_int(interp *in, const char *name, value argument, int64_t standard, int64_t *out);
// An argument or object that has to be a string.
bool need_string(interp *in, const char *what, value v);

// What a method's value points to.
typedef struct bound_method {
  const native *method;
  value self;
} bound_method;

bool call_value(interp *in, value callee, const arguments *all, value *out);
value call_macro_value(interp *in, const node *macro);
bool call_block(interp *in, const node *x); // {% call %}

// --- the tables ---
extern const native filters_table[], filters_list_table[], functions_table[], loop_methods[];
extern const native string_methods[], list_methods[], dict_methods[];
bool filter_apply(interp *in, const char *name, value v, const arguments *all, value *out);
bool predicate_apply(interp *in, const char *name, value v, const arguments *all, bool *out);

// --- access.c ---
bool access_attribute(interp *in, value v, const char *name, value *out); // v.name
bool access_item(interp *in, value v, value key, value *out);             // v[key]
bool access_slice(interp *in, value v, const value part[3], value *out);  // none where a part is missing
bool access_path(interp *in, value v, value path, value *out);            // "a.b.0", as map(attribute=…) takes it
// The items of anything that can be iterated, as a list; a string's characters, a dict's keys. Reads a generator.
bool access_items(interp *in, value v, value_list **items);
bool access_contains(interp *in, value v, value item, bool *out);
bool access_undefined(interp *in, value v); // fails with what is undefined
value access_missing(value v, const char *name);

// --- eval.c, exec.c ---
bool eval(interp *in, const node *x, value *out);
bool eval_arguments(interp *in, const node *x, arguments *all);
bool exec_body(interp *in, const node_list *body);
// Runs a body with its output caught; in a scope of its own.
bool exec_captured(interp *in, const node_list *body, value *out);
void scope_set(interp *in, scope *s, const char *name, value v);
scope *scope_new(interp *in, scope *parent);
bool exec_assign(interp *in, const node *target, value v);
bool exec_loop(interp *in, const node *loop, value iterable, scope *closure, uint32_t depth);

// The loop variable.
typedef struct loop_state {
  const node *node;
  scope *closure;
  const value_list *items;
  uint64_t index;
  uint32_t depth;
} loop_state;

#endif
