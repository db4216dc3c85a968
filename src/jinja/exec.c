// Statements. A `for`, a macro and the blocks that catch their output have scopes of their own; `if` has none.
#include <string.h>

#include "jinja/interp.h"

scope *scope_new(interp *in, scope *parent) {
  scope *s = ARENA_NEW(in->a, scope);
  s->parent = parent;
  return s;
}

void scope_set(interp *in, scope *s, const char *name, value v) {
  for (uint32_t i = 0; i < s->n; i++)
    if (!strcmp(s->names[i], name)) {
      s->values[i] = v;
      return;
    }
  if (s->n == s->capacity) {
    uint32_t grown = s->capacity ? 2 * s->capacity : 4;
    const char **names = ARENA_ARRAY(in->a, const char *, grown);
    value *values = ARENA_ARRAY(in->a, value, grown);
    if (s->n) memcpy(names, s->names, s->n * sizeof *names), memcpy(values, s->values, s->n * sizeof *values);
    s->names = names;
    s->values = values;
    s->capacity = grown;
  }
  s->names[s->n] = name;
  s->values[s->n++] = v;
}

static bool assign_attribute(interp *in, const node *target, value v) {
  value space;
  TRY(eval(in, target->a, &space));
  in->at = target->offset;
  if (space.kind == VALUE_UNDEFINED) return access_undefined(in, space);
  if (space.kind != VALUE_NAMESPACE) return interp_fail(in, "cannot assign attribute on non-namespace object");
  return interp_put(in, space, value_text(target->name), v);
}

static bool assign_tuple(interp *in, const node *target, value v) {
  value_list *items;
  in->at = target->offset;
  TRY(access_items(in, v, &items));
  if (items->n != target->items.n)
    return interp_fail(in, "expected %llu values to unpack, found %llu", (unsigned long long)target->items.n,
                       (unsigned long long)items->n);
  for (uint64_t i = 0; i < items->n; i++) TRY(exec_assign(in, target->items.items[i], items->items[i]));
  return true;
}

bool exec_assign(interp *in, const node *target, value v) {
  TRY(interp_work(in, 1));
  if (target->kind == NODE_ATTRIBUTE) return assign_attribute(in, target, v);
  if (target->kind == NODE_TUPLE) return assign_tuple(in, target, v);
  scope_set(in, in->scope, target->name, v);
  return true;
}

bool exec_captured(interp *in, const node_list *body, value *out) {
  build caught = {.in = in}, *outer = in->out;
  scope *around = in->scope;
  in->out = &caught;
  in->scope = scope_new(in, around);
  TRY(exec_body(in, body));
  in->out = outer;
  in->scope = around;
  *out = build_value(&caught);
  return true;
}

// --- loops ---

// The items that the loop's own condition lets through.
static bool filter_items(interp *in, const node *loop, scope *closure, value_list **items) {
  value kept = value_list_new(in->a, VALUE_LIST), condition;
  for (uint64_t i = 0; i < (*items)->n; i++) {
    in->scope = scope_new(in, closure);
    TRY(exec_assign(in, loop->a, (*items)->items[i]));
    TRY(eval(in, loop->c, &condition));
    if (value_true(condition)) TRY(interp_append(in, kept, (*items)->items[i]));
  }
  *items = kept.list;
  return true;
}

bool exec_loop(interp *in, const node *loop, value iterable, scope *closure, uint32_t depth) {
  value_list *items;
  scope *around = in->scope;
  in->at = loop->b->offset;
  TRY(access_items(in, iterable, &items));
  if (loop->c) TRY(filter_items(in, loop, closure, &items));
  loop_state *l = ARENA_NEW(in->a, loop_state);
  *l = (loop_state){.node = loop, .closure = closure, .items = items, .depth = depth};
  uint64_t n = items->n;
  for (; l->index < n && in->flow != FLOW_BREAK; l->index++) {
    in->flow = FLOW_ON;
    in->scope = scope_new(in, closure);
    scope_set(in, in->scope, "loop", (value){.kind = VALUE_LOOP, .object = l});
    TRY(exec_assign(in, loop->a, items->items[l->index]));
    TRY(exec_body(in, &loop->body));
  }
  in->flow = FLOW_ON;
  in->scope = closure;
  if (!n) {
    in->scope = scope_new(in, closure);
    TRY(exec_body(in, &loop->otherwise));
  }
  in->scope = around;
  return true;
}

static bool exec_if(interp *in, const node *x) {
  value condition;
  TRY(eval(in, x->a, &condition));
  if (value_true(condition)) return exec_body(in, &x->body);
  for (uint64_t i = 0; i < x->items.n; i++) {
    TRY(eval(in, x->items.items[i]->a, &condition));
    if (value_true(condition)) return exec_body(in, &x->items.items[i]->body);
  }
  return exec_body(in, &x->otherwise);
}

// --- blocks ---

static bool exec_generation(interp *in, const node *x) {
  value caught;
  TRY(exec_captured(in, &x->body, &caught));
  if (!caught.length) return true;
  uint32_t *origins = ARENA_ARRAY(in->a, uint32_t, caught.length);
  for (uint32_t i = 0; i < caught.length; i++) origins[i] = value_origin_at(caught, i) | ORIGIN_GENERATED;
  caught.origins = origins;
  return build_put(in->out, caught);
}

// The body's output through the filters of `b`.
static bool exec_filtered(interp *in, const node *x, value *out) {
  value caught, outer = in->captured;
  TRY(exec_captured(in, &x->body, &caught));
  in->captured = caught;
  TRY(eval(in, x->b, out));
  in->captured = outer;
  return true;
}

static bool exec_with(interp *in, const node *x) {
  scope *around = in->scope, *inner = scope_new(in, around);
  for (uint64_t i = 0; i < x->items.n; i++) { // all in the scope around
    value v;
    TRY(eval(in, x->items.items[i]->b, &v));
    scope_set(in, inner, x->items.items[i]->a->name, v);
  }
  in->scope = inner;
  TRY(exec_body(in, &x->body));
  in->scope = around;
  return true;
}

static bool exec(interp *in, const node *x) {
  value v;
  in->at = x->offset;
  TRY(interp_work(in, 1));
  switch (x->kind) {
    case NODE_DATA: return build_put(in->out, x->constant);
    case NODE_OUTPUT:
      TRY(eval(in, x->a, &v));
      in->at = x->a->offset;
      return print_value(in->out, v);
    case NODE_IF: return exec_if(in, x);
    case NODE_FOR: TRY(eval(in, x->b, &v)); return exec_loop(in, x, v, in->scope, 0);
    case NODE_SET: TRY(eval(in, x->b, &v)); return exec_assign(in, x->a, v);
    case NODE_SET_BLOCK: TRY(exec_filtered(in, x, &v)); return exec_assign(in, x->a, v);
    case NODE_FILTER_BLOCK: TRY(exec_filtered(in, x, &v)); return print_value(in->out, v);
    case NODE_MACRO: scope_set(in, in->scope, x->name, call_macro_value(in, x)); return true;
    case NODE_CALL_BLOCK: return call_block(in, x);
    case NODE_WITH: return exec_with(in, x);
    case NODE_GENERATION: return exec_generation(in, x);
    case NODE_BREAK: in->flow = FLOW_BREAK; return true;
    case NODE_CONTINUE: in->flow = FLOW_CONTINUE; return true;
    default: REQUIRE(false, "node kind %d as a statement", x->kind);
  }
}

bool exec_body(interp *in, const node_list *body) {
  if (in->depth >= INTERP_DEPTH) return interp_fail(in, "blocks and calls of more than %d levels", INTERP_DEPTH);
  in->depth++;
  for (uint64_t i = 0; i < body->n && in->flow == FLOW_ON; i++) TRY(exec(in, body->items[i]));
  in->depth--;
  return true;
}
