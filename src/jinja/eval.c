// Expressions.
#include <math.h>
#include <string.h>

#include "jinja/interp.h"

static bool find_name(const scope *s, const char *name, value *out) {
  for (; s; s = s->parent)
    for (uint32_t i = s->n; i--;)
      if (!strcmp(s->names[i], name)) return *out = s->values[i], true;
  return false;
}

static bool eval_name(interp *in, const char *name, value *out) {
  if (find_name(in->scope, name, out)) return true;
  const value *v = value_find(in->variables, value_text(name), &in->steps);
  const native *function = v ? NULL : native_find(functions_table, name);
  *out = v ? *v : function ? (value){.kind = VALUE_FUNCTION, .object = function} : value_undefined(name);
  return true;
}

static bool eval_items(interp *in, const node *x, value *out) {
  *out = value_list_new(in->a, x->kind == NODE_LIST ? VALUE_LIST : VALUE_TUPLE);
  for (uint64_t i = 0; i < x->items.n; i++) {
    value item;
    TRY(eval(in, x->items.items[i], &item));
    TRY(interp_append(in, *out, item));
  }
  return true;
}

static bool eval_dict(interp *in, const node *x, value *out) {
  *out = value_dict_new(in->a);
  for (uint64_t i = 0; i < x->items.n; i += 2) {
    value key, item;
    TRY(eval(in, x->items.items[i], &key));
    TRY(eval(in, x->items.items[i + 1], &item));
    in->at = x->offset;
    TRY(interp_put(in, *out, key, item));
  }
  return true;
}

static bool eval_item(interp *in, const node *x, value *out) {
  value v, key;
  TRY(eval(in, x->a, &v));
  if (x->b->kind != NODE_SLICE) {
    TRY(eval(in, x->b, &key));
    in->at = x->offset;
    return access_item(in, v, key, out);
  }
  const node *parts[3] = {x->b->a, x->b->b, x->b->c};
  value part[3] = {{0}};
  for (int i = 0; i < 3; i++)
    if (parts[i]) TRY(eval(in, parts[i], &part[i]));
  in->at = x->offset;
  return access_slice(in, v, part, out);
}

static bool eval_argument(interp *in, const node *x, value list) {
  value v;
  value_list *spread;
  if (x->kind != NODE_SPREAD) return eval(in, x, &v) && interp_append(in, list, v);
  TRY(eval(in, x->a, &v));
  TRY(access_items(in, v, &spread));
  for (uint64_t i = 0; i < spread->n; i++) TRY(interp_append(in, list, spread->items[i]));
  return true;
}

bool eval_arguments(interp *in, const node *x, arguments *all) {
  *all = (arguments){.names = &x->keywords};
  value list = x->items.n ? value_list_new(in->a, VALUE_LIST) : value_none();
  value *keywords = x->keywords.n ? ARENA_ARRAY(in->a, value, x->keywords.n) : NULL;
  for (uint64_t i = 0; i < x->items.n; i++) TRY(eval_argument(in, x->items.items[i], list));
  for (uint64_t i = 0; i < x->keywords.n; i++) TRY(eval(in, x->keywords.items[i]->a, &keywords[i]));
  if (x->items.n) all->items = list.list->items, all->n = list.list->n;
  all->keywords = keywords;
  return true;
}

static bool eval_call(interp *in, const node *x, value *out) {
  value callee;
  arguments all;
  TRY(eval(in, x->a, &callee));
  TRY(eval_arguments(in, x, &all));
  in->at = x->a->offset;
  return call_value(in, callee, &all, out);
}

// What may be undefined also where the rendering is strict.
static bool eval_asked(interp *in, const node *x, value *out) {
  const bool strict = in->strict;
  in->strict = false;
  TRY(eval(in, x, out));
  in->strict = strict;
  return true;
}

static bool eval_filter(interp *in, const node *x, value *out) {
  value v;
  arguments all;
  const bool asks = !strcmp(x->name, "default") || !strcmp(x->name, "d");
  TRY(asks ? eval_asked(in, x->a, &v) : eval(in, x->a, &v));
  TRY(eval_arguments(in, x, &all));
  in->at = x->offset;
  return filter_apply(in, x->name, v, &all, out);
}

static bool eval_test(interp *in, const node *x, value *out) {
  value v;
  arguments all;
  bool is, asks = !strcmp(x->name, "defined") || !strcmp(x->name, "undefined");
  TRY(asks ? eval_asked(in, x->a, &v) : eval(in, x->a, &v));
  TRY(eval_arguments(in, x, &all));
  in->at = x->offset;
  TRY(predicate_apply(in, x->name, v, &all, &is));
  *out = value_bool(is);
  return true;
}

// --- arithmetic ---

static bool mismatch(interp *in, const char *name, value a, value b) {
  if (a.kind == VALUE_UNDEFINED) return access_undefined(in, a);
  if (b.kind == VALUE_UNDEFINED) return access_undefined(in, b);
  return interp_fail(in, "unsupported operand type(s) for %s: '%s' and '%s'", name, value_type_name(a), value_type_name(b));
}

static bool out_of_range(interp *in) {
  return interp_fail(in, "an integer of more than 64 bits");
}

static bool multiply(int64_t a, int64_t b, int64_t *out) {
  if (a && b) {
    bool same = (a < 0) == (b < 0);
    uint64_t x = a < 0 ? 0 - (uint64_t)a : (uint64_t)a, y = b < 0 ? 0 - (uint64_t)b : (uint64_t)b;
    if (x > (uint64_t)INT64_MAX / y) return false;
    *out = same ? (int64_t)(x * y) : -(int64_t)(x * y);
    return true;
  }
  *out = 0;
  return true;
}

static bool power(interp *in, int64_t base, int64_t exponent, value *out) {
  int64_t result = 1;
  if (exponent < 0) return *out = value_float(pow((double)base, (double)exponent)), true;
  if (base == 1 || base == 0 || base == -1)
    return *out = value_int(exponent == 0 ? 1 : base == -1 && exponent % 2 == 0 ? 1 : base), true;
  for (; exponent; exponent--)
    if (!multiply(result, base, &result)) return out_of_range(in);
  *out = value_int(result);
  return true;
}

static int64_t floor_quotient(int64_t a, int64_t b) {
  return a / b - (a % b && (a < 0) != (b < 0));
}

// Python's %: of the divisor's sign. (a − ⌊a / b⌋ · b would pass through a number that may not fit.)
static int64_t floor_remainder(int64_t a, int64_t b) {
  const int64_t r = a % b;
  return r && (r < 0) != (b < 0) ? r + b : r;
}

static bool integers(interp *in, const char *name, int64_t a, int64_t b, value *out) {
  int64_t result = 0;
  bool fits = true;
  switch (*name) {
    case '+':
      fits = b >= 0 ? a <= INT64_MAX - b : a >= INT64_MIN - b;
      if (fits) result = a + b;
      break;
    case '-':
      fits = b >= 0 ? a >= INT64_MIN + b : a <= INT64_MAX + b;
      if (fits) result = a - b;
      break;
    case '*':
      if (name[1]) return power(in, a, b, out);
      fits = multiply(a, b, &result);
      break;
    default:
      if (!b) return interp_fail(in, "division by zero");
      if (!strcmp(name, "/")) return *out = value_float((double)a / (double)b), true;
      fits = !(a == INT64_MIN && b == -1);
      if (fits) result = *name == '%' ? floor_remainder(a, b) : floor_quotient(a, b);
  }
  if (!fits) return out_of_range(in);
  *out = value_int(result);
  return true;
}

static bool floats(interp *in, const char *name, double a, double b, value *out) {
  if (strchr("/%", *name) && b == 0) return interp_fail(in, "float division by zero");
  double remainder = fmod(a, b);
  if (remainder != 0 && (remainder < 0) != (b < 0)) remainder += b;
  *out = value_float(*name == '+'              ? a + b
                     : *name == '-'            ? a - b
                     : *name == '*' && name[1] ? pow(a, b)
                     : *name == '*'            ? a * b
                     : *name == '%'            ? remainder
                     : name[1]                 ? floor((a - remainder) / b + 0.5)
                                               : a / b);
  return true;
}

static bool repeat(interp *in, value v, int64_t times, value *out) {
  build b = {.in = in};
  bool text = v.kind == VALUE_STRING;
  if (!text) *out = value_list_new(in->a, v.kind);
  if (text ? !v.length : !v.list->n) times = 0;
  for (int64_t i = 0; i < times; i++) {
    TRY(interp_work(in, 1));
    if (text) TRY(build_put(&b, v));
    for (uint64_t k = 0; !text && k < v.list->n; k++) TRY(interp_append(in, *out, v.list->items[k]));
  }
  if (text) *out = build_value(&b);
  return true;
}

static bool add_lists(interp *in, value a, value b, value *out) {
  *out = value_list_new(in->a, a.kind);
  out->origin = a.origin;
  for (uint64_t i = 0; i < a.list->n; i++) TRY(interp_append(in, *out, a.list->items[i]));
  for (uint64_t i = 0; i < b.list->n; i++) TRY(interp_append(in, *out, b.list->items[i]));
  return true;
}

static bool is_whole(value v) {
  return v.kind == VALUE_INT || v.kind == VALUE_BOOL;
}

static bool is_repeatable(value v) {
  return v.kind == VALUE_STRING || v.kind == VALUE_LIST || v.kind == VALUE_TUPLE;
}

static bool eval_binary(interp *in, const node *x, value *out) {
  value a, b;
  TRY(eval(in, x->a, &a));
  TRY(eval(in, x->b, &b));
  in->at = x->offset;
  if (value_is_number(a) && value_is_number(b)) {
    bool ints = is_whole(a) && is_whole(b);
    TRY(ints ? integers(in, x->name, a.kind == VALUE_BOOL ? a.boolean : a.integer, b.kind == VALUE_BOOL ? b.boolean : b.integer,
                        out)
             : floats(in, x->name, value_number(a), value_number(b), out));
    out->origin = a.origin ? a.origin : b.origin;
    return true;
  }
  if (!strcmp(x->name, "+")) {
    if (a.kind == VALUE_STRING && b.kind == VALUE_STRING) return build_concat(in, a, b, out);
    if (a.kind == b.kind && (a.kind == VALUE_LIST || a.kind == VALUE_TUPLE)) return add_lists(in, a, b, out);
  }
  if (!strcmp(x->name, "*")) {
    if (is_repeatable(a) && is_whole(b)) return repeat(in, a, b.kind == VALUE_BOOL ? b.boolean : b.integer, out);
    if (is_repeatable(b) && is_whole(a)) return repeat(in, b, a.kind == VALUE_BOOL ? a.boolean : a.integer, out);
  }
  if (!strcmp(x->name, "%") && a.kind == VALUE_STRING) return interp_fail(in, "formatting with %% is not supported");
  return mismatch(in, x->name, a, b);
}

static bool eval_sign(interp *in, const node *x, value *out) {
  value v;
  TRY(eval(in, x->a, &v));
  in->at = x->offset;
  if (v.kind == VALUE_UNDEFINED) return access_undefined(in, v);
  if (!value_is_number(v))
    return interp_fail(in, "bad operand type for unary %c: '%s'", x->kind == NODE_NEGATIVE ? '-' : '+', value_type_name(v));
  int64_t i = v.kind == VALUE_BOOL ? v.boolean : v.integer;
  bool negative = x->kind == NODE_NEGATIVE;
  if (v.kind == VALUE_FLOAT) *out = value_float(negative ? -v.number : v.number);
  else if (negative && i == INT64_MIN) return out_of_range(in);
  else *out = value_int(negative ? -i : i);
  out->origin = v.origin;
  return true;
}

// --- comparisons ---

static bool compare(interp *in, const char *name, value a, value b, bool *out) {
  bool less, same = false;
  if (!strcmp(name, "==") || !strcmp(name, "!=")) {
    *out = value_equal(a, b, &in->steps) == (*name == '=');
    return true;
  }
  if (strchr("in", *name)) {
    TRY(access_contains(in, b, a, out));
    *out ^= *name == 'n';
    return true;
  }
  if (*name == '>') { // a > b is b < a
    value swap = a;
    a = b;
    b = swap;
  }
  if (!value_less(a, b, &less, &in->steps)) {
    if (a.kind == VALUE_UNDEFINED) return access_undefined(in, a);
    if (b.kind == VALUE_UNDEFINED) return access_undefined(in, b);
    return interp_fail(in, "'%s' not supported between instances of '%s' and '%s'", name, value_type_name(*name == '>' ? b : a),
                       value_type_name(*name == '>' ? a : b));
  }
  if (name[1] && !less) same = value_equal(a, b, &in->steps);
  *out = less || same;
  return true;
}

static bool eval_compare(interp *in, const node *x, value *out) {
  value left, right;
  bool holds = true;
  TRY(eval(in, x->a, &left));
  for (uint64_t i = 0; holds && i < x->items.n; i++) {
    const node *operand = x->items.items[i];
    TRY(eval(in, operand->a, &right));
    in->at = operand->offset;
    TRY(compare(in, operand->name, left, right, &holds));
    left = right;
  }
  *out = value_bool(holds);
  return true;
}

static bool eval_concat(interp *in, const node *x, value *out) {
  build b = {.in = in};
  for (uint64_t i = 0; i < x->items.n; i++) {
    value v;
    TRY(eval(in, x->items.items[i], &v));
    in->at = x->offset;
    TRY(print_value(&b, v));
  }
  *out = build_value(&b);
  return true;
}

static bool eval_condition(interp *in, const node *x, value *out) {
  value condition;
  TRY(eval(in, x->b, &condition));
  if (value_true(condition)) return eval(in, x->a, out);
  if (x->c) return eval(in, x->c, out);
  *out = value_undefined("the inline if-expression, which has no else,");
  return true;
}

static bool eval_node(interp *in, const node *x, value *out) {
  value v;
  switch (x->kind) {
    case NODE_CONSTANT: *out = x->constant; return true;
    case NODE_CAPTURED: *out = in->captured; return true;
    case NODE_NAME: return eval_name(in, x->name, out);
    case NODE_LIST:
    case NODE_TUPLE: return eval_items(in, x, out);
    case NODE_DICT: return eval_dict(in, x, out);
    case NODE_ATTRIBUTE:
      TRY(eval(in, x->a, &v));
      in->at = x->offset;
      return access_attribute(in, v, x->name, out);
    case NODE_ITEM: return eval_item(in, x, out);
    case NODE_CALL: return eval_call(in, x, out);
    case NODE_FILTER: return eval_filter(in, x, out);
    case NODE_TEST: return eval_test(in, x, out);
    case NODE_NOT:
      TRY(eval(in, x->a, &v));
      *out = value_bool(!value_true(v));
      return true;
    case NODE_NEGATIVE:
    case NODE_POSITIVE: return eval_sign(in, x, out);
    case NODE_BINARY: return eval_binary(in, x, out);
    case NODE_AND:
    case NODE_OR: TRY(eval(in, x->a, out)); return value_true(*out) == (x->kind == NODE_OR) || eval(in, x->b, out);
    case NODE_CONCAT: return eval_concat(in, x, out);
    case NODE_COMPARE: return eval_compare(in, x, out);
    case NODE_CONDITION: return eval_condition(in, x, out);
    default: REQUIRE(false, "node kind %d in an expression", x->kind);
  }
}

// A name, attribute or item that is not there.
static bool check_found(interp *in, const node *x, value v) {
  if (!in->strict || v.kind != VALUE_UNDEFINED) return true;
  if (x->kind != NODE_NAME && x->kind != NODE_ATTRIBUTE && x->kind != NODE_ITEM) return true;
  in->at = x->offset;
  in->undefined = true;
  return access_undefined(in, v);
}

bool eval(interp *in, const node *x, value *out) {
  in->at = x->offset;
  TRY(interp_work(in, 1));
  if (in->depth >= INTERP_DEPTH) return interp_fail(in, "an expression or call of more than %d levels", INTERP_DEPTH);
  in->depth++;
  bool ok = eval_node(in, x, out) && check_found(in, x, *out);
  in->depth--;
  return ok;
}
