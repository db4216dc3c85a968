// Tests: what stands behind `is`.
#include <string.h>

#include "jinja/strings.h"

typedef struct predicate {
  const char *name;
  bool (*holds)(interp *in, value v, const value *argument, bool *out);
  int n_arguments;
} predicate;

#define PREDICATE(name) static bool name(interp *in, value v, const value *x, bool *out)
#define KIND(name, condition) \
  PREDICATE(name) {           \
    (void)in, (void)x;        \
    *out = (condition);       \
    return true;              \
  }

KIND(is_defined, v.kind != VALUE_UNDEFINED)
KIND(is_undefined, v.kind == VALUE_UNDEFINED)
KIND(is_none, v.kind == VALUE_NONE)
KIND(is_boolean, v.kind == VALUE_BOOL)
KIND(is_true, v.kind == VALUE_BOOL && v.boolean)
KIND(is_false, v.kind == VALUE_BOOL && !v.boolean)
KIND(is_integer, v.kind == VALUE_INT)
KIND(is_float, v.kind == VALUE_FLOAT)
KIND(is_number, value_is_number(v))
KIND(is_string, v.kind == VALUE_STRING)
KIND(is_mapping, v.kind == VALUE_DICT)
KIND(is_callable, v.kind >= VALUE_MACRO || v.kind == VALUE_UNDEFINED)
KIND(is_escaped, v.kind == VALUE_STRING && v.markup)
// What has a length and a subscript; undefined values have both.
KIND(is_sequence,
     v.kind == VALUE_STRING || v.kind == VALUE_LIST || v.kind == VALUE_TUPLE || v.kind == VALUE_DICT || v.kind == VALUE_UNDEFINED)
KIND(is_iterable,
     v.kind == VALUE_STRING || value_is_sequence(v) || v.kind == VALUE_DICT || v.kind == VALUE_UNDEFINED || v.kind == VALUE_LOOP)
KIND(is_filter, v.kind == VALUE_STRING && (native_find(filters_table, arena_strndup(in->a, v.bytes, v.length)) ||
                                           native_find(filters_list_table, arena_strndup(in->a, v.bytes, v.length))))

static bool whole(interp *in, value v, int64_t *out) {
  if (!given(v)) return interp_fail(in, "expected an integer, found nothing");
  return given_int(in, "this test", v, 0, out);
}

PREDICATE(is_even) {
  int64_t i;
  (void)x;
  TRY(whole(in, v, &i));
  *out = i % 2 == 0;
  return true;
}

PREDICATE(is_odd) {
  TRY(is_even(in, v, x, out));
  *out = !*out;
  return true;
}

PREDICATE(is_divisible) {
  int64_t i, by;
  TRY(whole(in, v, &i));
  TRY(whole(in, x[0], &by));
  if (!by) return interp_fail(in, "division by zero");
  *out = by == -1 || i % by == 0;
  return true;
}

static bool is_cased(interp *in, value v, strings_case to, bool *out) {
  value text, changed;
  TRY(print_string(in, v, &text));
  TRY(strings_case_of(in, text, to, &changed));
  value other;
  TRY(strings_case_of(in, text, to == CASE_UPPER ? CASE_LOWER : CASE_UPPER, &other));
  *out = value_equal(text, changed, &in->steps) && !value_equal(text, other, &in->steps); // some letter has a case
  return true;
}

PREDICATE(is_upper) {
  (void)x;
  return is_cased(in, v, CASE_UPPER, out);
}

PREDICATE(is_lower) {
  (void)x;
  return is_cased(in, v, CASE_LOWER, out);
}

PREDICATE(is_in) {
  return access_contains(in, x[0], v, out);
}

PREDICATE(is_equal) {
  *out = value_equal(v, x[0], &in->steps);
  return true;
}

PREDICATE(is_unequal) {
  *out = !value_equal(v, x[0], &in->steps);
  return true;
}

PREDICATE(is_same) {
  bool scalar = v.kind <= VALUE_STRING;
  *out = v.kind == x[0].kind && (scalar ? value_equal(v, x[0], &in->steps) : v.object == x[0].object);
  return true;
}

static bool order(interp *in, value a, value b, bool *out) {
  if (a.kind == VALUE_UNDEFINED || b.kind == VALUE_UNDEFINED) return access_undefined(in, a.kind == VALUE_UNDEFINED ? a : b);
  if (value_less(a, b, out, &in->steps)) return true;
  return interp_fail(in, "no order between '%s' and '%s'", value_type_name(a), value_type_name(b));
}

PREDICATE(is_less) {
  return order(in, v, x[0], out);
}

PREDICATE(is_greater) {
  return order(in, x[0], v, out);
}

PREDICATE(is_at_most) {
  TRY(order(in, v, x[0], out));
  *out = *out || value_equal(v, x[0], &in->steps);
  return true;
}

PREDICATE(is_at_least) {
  TRY(order(in, x[0], v, out));
  *out = *out || value_equal(v, x[0], &in->steps);
  return true;
}

static const predicate predicates[] = {
    {"defined", is_defined, 0},
    {"undefined", is_undefined, 0},
    {"none", is_none, 0},
    {"boolean", is_boolean, 0},
    {"true", is_true, 0},
    {"false", is_false, 0},
    {"integer", is_integer, 0},
    {"float", is_float, 0},
    {"number", is_number, 0},
    {"string", is_string, 0},
    {"mapping", is_mapping, 0},
    {"callable", is_callable, 0},
    {"sequence", is_sequence, 0},
    {"iterable", is_iterable, 0},
    {"escaped", is_escaped, 0},
    {"even", is_even, 0},
    {"odd", is_odd, 0},
    {"divisibleby", is_divisible, 1},
    {"upper", is_upper, 0},
    {"lower", is_lower, 0},
    {"in", is_in, 1},
    {"eq", is_equal, 1},
    {"equalto", is_equal, 1},
    {"==", is_equal, 1},
    {"ne", is_unequal, 1},
    {"!=", is_unequal, 1},
    {"sameas", is_same, 1},
    {"lt", is_less, 1},
    {"lessthan", is_less, 1},
    {"<", is_less, 1},
    {"gt", is_greater, 1},
    {"greaterthan", is_greater, 1},
    {">", is_greater, 1},
    {"le", is_at_most, 1},
    {"<=", is_at_most, 1},
    {"ge", is_at_least, 1},
    {">=", is_at_least, 1},
    {"filter", is_filter, 0},
};

bool predicate_apply(interp *in, const char *name, value v, const arguments *all, bool *out) {
  for (size_t i = 0; i < sizeof predicates / sizeof *predicates; i++) {
    if (strcmp(predicates[i].name, name)) continue;
    if (all->n != (uint64_t)predicates[i].n_arguments || (all->names && all->names->n))
      return interp_fail(in, "the test '%s' takes %d arguments, found %llu", name, predicates[i].n_arguments,
                         (unsigned long long)(all->n + (all->names ? all->names->n : 0)));
    return predicates[i].holds(in, v, all->items, out);
  }
  return interp_fail(in, "No test named '%s'.", name);
}
