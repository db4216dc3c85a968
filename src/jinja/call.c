// Calls: arguments to parameters, macros, callers, global functions and methods.
#include <string.h>

#include "jinja/interp.h"

// What a macro's value points to.
typedef struct macro {
  const node *node;
  scope *closure;
} macro;

const native *native_find(const native *table, const char *name) {
  for (; table->name; table++)
    if (!strcmp(table->name, name)) return table;
  return NULL;
}

bool given(value argument) {
  return argument.kind != VALUE_UNDEFINED || argument.hint;
}

bool given_int(interp *in, const char *name, value argument, int64_t standard, int64_t *out) {
  *out = standard;
  if (!given(argument) || argument.kind == VALUE_NONE) return true;
  if (argument.kind == VALUE_UNDEFINED) return access_undefined(in, argument);
  if (argument.kind != VALUE_INT && argument.kind != VALUE_BOOL)
    return interp_fail(in, "%s: expected an integer, found %s", name, value_type_name(argument));
  *out = argument.kind == VALUE_BOOL ? argument.boolean : argument.integer;
  return true;
}

bool need_string(interp *in, const char *what, value v) {
  if (v.kind == VALUE_STRING) return true;
  if (v.kind == VALUE_UNDEFINED) return access_undefined(in, v);
  return interp_fail(in, "%s: expected a string, found %s", what, value_type_name(v));
}

static int parameter_count(const native *f) {
  int n = 0;
  while (n < NATIVE_PARAMETERS && f->parameters[n]) n++;
  return n;
}

bool native_call(interp *in, const native *f, value self, const arguments *all, value *out) {
  value bound[NATIVE_PARAMETERS] = {{0}};
  int n = parameter_count(f);
  if (f->required < 0) return f->run(in, self, bound, all, out);
  if (all->n > (uint64_t)n)
    return interp_fail(in, "%s() takes at most %d arguments, found %llu", f->name, n, (unsigned long long)all->n);
  for (uint64_t i = 0; i < all->n; i++) bound[i] = all->items[i];
  for (uint64_t i = 0; all->names && i < all->names->n; i++) {
    const char *name = all->names->items[i]->name;
    int k = 0;
    while (k < n && strcmp(f->parameters[k], name)) k++;
    if (k == n) return interp_fail(in, "%s() got an unexpected keyword argument '%s'", f->name, name);
    if ((uint64_t)k < all->n) return interp_fail(in, "%s() got multiple values for argument '%s'", f->name, name);
    bound[k] = all->keywords[i];
  }
  for (int i = 0; i < f->required; i++)
    if (!given(bound[i])) return interp_fail(in, "%s() misses its argument '%s'", f->name, f->parameters[i]);
  return f->run(in, self, bound, all, out);
}

// --- macros ---

value call_macro_value(interp *in, const node *x) {
  macro *m = ARENA_NEW(in->a, macro);
  m->node = x;
  m->closure = in->scope;
  return (value){.kind = VALUE_MACRO, .object = m};
}

static const value *keyword_of(const arguments *all, const char *name) {
  for (uint64_t i = 0; all->names && i < all->names->n; i++)
    if (!strcmp(all->names->items[i]->name, name)) return &all->keywords[i];
  return NULL;
}

static bool is_parameter(const node *x, const char *name) {
  for (uint64_t i = 0; i < x->items.n; i++)
    if (!strcmp(x->items.items[i]->name, name)) return true;
  return false;
}

static bool check_keywords(interp *in, const node *x, const arguments *all) {
  for (uint64_t i = 0; all->names && i < all->names->n; i++) {
    const char *name = all->names->items[i]->name;
    if (!is_parameter(x, name) && !(x->flag && !strcmp(name, "caller")))
      return interp_fail(in, "macro '%s' takes no keyword argument '%s'", x->name, name);
  }
  return true;
}

// In the macro's own scope, in which defaults see the parameters before them.
static bool bind_parameters(interp *in, const node *x, const arguments *all) {
  TRY(check_keywords(in, x, all));
  if (all->n > x->items.n)
    return interp_fail(in, "macro '%s' takes not more than %llu argument(s)", x->name, (unsigned long long)x->items.n);
  uint64_t n_required = x->items.n - x->keywords.n;
  for (uint64_t i = 0; i < x->items.n; i++) {
    const char *name = x->items.items[i]->name;
    const value *keyword = keyword_of(all, name);
    value v = value_undefined(name);
    if (i < all->n && keyword) return interp_fail(in, "macro '%s' got multiple values for argument '%s'", x->name, name);
    if (i < all->n) v = all->items[i];
    else if (keyword) v = *keyword;
    else if (i >= n_required) TRY(eval(in, x->keywords.items[i - n_required]->a, &v));
    scope_set(in, in->scope, name, v);
  }
  if (x->flag) {
    const value *caller = keyword_of(all, "caller");
    scope_set(in, in->scope, "caller", caller ? *caller : value_undefined("caller"));
  }
  return true;
}

static bool call_macro(interp *in, const macro *m, const arguments *all, value *out) {
  scope *outer = in->scope;
  if (in->calls >= INTERP_CALLS) return interp_fail(in, "macros call each other more than %d levels deep", INTERP_CALLS);
  in->calls++;
  in->scope = scope_new(in, m->closure);
  TRY(bind_parameters(in, m->node, all));
  TRY(exec_captured(in, &m->node->body, out));
  in->scope = outer;
  in->calls--;
  return true;
}

// loop(items), in a loop that is recursive.
static bool call_loop(interp *in, const loop_state *l, const arguments *all, value *out) {
  if (!l->node->flag) return interp_fail(in, "the loop is called, but was not marked recursive");
  if (all->n != 1 || (all->names && all->names->n)) return interp_fail(in, "loop() takes one argument");
  if (in->calls >= INTERP_CALLS) return interp_fail(in, "a recursive loop goes more than %d levels deep", INTERP_CALLS);
  build text = {.in = in}, *outer = in->out;
  scope *around = in->scope;
  in->calls++;
  in->out = &text;
  TRY(exec_loop(in, l->node, all->items[0], l->closure, l->depth + 1));
  in->out = outer;
  in->scope = around;
  in->calls--;
  *out = build_value(&text);
  return true;
}

bool call_value(interp *in, value callee, const arguments *all, value *out) {
  const bound_method *bound;
  TRY(interp_work(in, 1));
  switch ((value_kind)callee.kind) {
    case VALUE_MACRO: return call_macro(in, callee.object, all, out);
    case VALUE_LOOP: return call_loop(in, callee.object, all, out);
    case VALUE_FUNCTION: return native_call(in, callee.object, value_none(), all, out);
    case VALUE_METHOD:
      bound = callee.object;
      TRY(native_call(in, bound->method, bound->self, all, out));
      if (bound->self.markup && out->kind == VALUE_STRING) out->markup = true;
      return true;
    case VALUE_UNDEFINED: return access_undefined(in, callee);
    default: return interp_fail(in, "'%s' object is not callable", value_type_name(callee));
  }
}

bool call_block(interp *in, const node *x) {
  node_list names = {0};
  arguments all;
  value callee, out;
  const node *call = x->a;
  TRY(eval(in, call->a, &callee));
  TRY(eval_arguments(in, call, &all));
  // The caller goes along as one more keyword.
  uint64_t n = call->keywords.n;
  names.items = ARENA_ARRAY(in->a, node *, n + 1);
  value *keywords = ARENA_ARRAY(in->a, value, n + 1);
  for (uint64_t i = 0; i < n; i++) names.items[i] = call->keywords.items[i], keywords[i] = all.keywords[i];
  names.items[n] = x->b;
  keywords[n] = call_macro_value(in, x->b);
  names.n = n + 1;
  all.names = &names;
  all.keywords = keywords;
  in->at = call->offset;
  TRY(call_value(in, callee, &all, &out));
  return print_value(in->out, out);
}
