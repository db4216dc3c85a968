// Templates that are wrong, and templates that would never end: each is an error with its line and column, at once.
#include "support/test.h"

#include <string.h>
#include <time.h>

#include "jinja/jinja.h"

typedef struct bad_template {
  const char *source, *message;
} bad_template;

// What ends a template is its number of steps. The time is measured for what would take none, of the processor, so that a
// busy machine fails no test, and with room for sanitizers: without them the slowest takes 0.6 seconds.
enum { SECONDS = 5 };

static bool render(const char *source, err *e) {
  arena *a = arena_new("test");
  jinja_template *t;
  jinja_output out = {0};
  bool ok = jinja_compile(a, "some.jinja", source, &t, e) && jinja_render(t, value_dict_new(a), &out, e);
  jinja_output_free(&out);
  arena_free(a);
  return ok;
}

static void check(const bad_template *x) {
  err e = {0};
  clock_t begin = clock();
  if (render(x->source, &e)) fail_msg("%s\nrendered", x->source);
  double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
  if (strncmp(e.message, "some.jinja: line ", 17) || !strstr(e.message, ", column ") || !strstr(e.message, x->message))
    fail_msg("%s\nexpected a message with\n  %s\nfound\n  %s", x->source, x->message, e.message);
  if (!(seconds < SECONDS)) fail_msg("%s\ntook %.1f s", x->source, seconds);
}

static void bad_templates_are_refused_with_their_place(void **state) {
  (void)state;
  static const bad_template cases[] = {
      {"{{ 1 + }}", "line 1, column 8: expected an expression"},
      {"{{ x", "line 1, column 1: expected the end of this tag"},
      {"a\n{% if x %}b", "line 2, column 4: expected {% endif %}"},
      {"{% for x in [1] %}", "expected {% endfor %}"},
      {"{% endif %}", "line 1, column 4: the statement \"endif\" is not supported"},
      {"{% if %}a{% endif %}", "line 1, column 7: expected an expression, found the end of the tag"},
      {"{% for in x %}{% endfor %}", "column "},
      {"{% for x of y %}{% endfor %}", "line 1, column 10: expected \"in\", found \"of\""},
      {"{% set = 1 %}", "expected a name to assign to"},
      {"{% set true = 1 %}", "expected a name to assign to, found \"true\""},
      {"{% set x 1 %}", "expected the end of the tag, found \"1\""},
      {"{{ 'abc }}", "line 1, column 4: expected a closing quote"},
      {"{{ [1, 2 }}", "column 10: expected ']', found '}'"},
      {"{{ (1 }}", "expected ')', found '}'"},
      {"{{ 1 ] }}", "unexpected ']'"},
      {"{{ a $ b }}", "line 1, column 6: unexpected character \"$\""},
      {"{# never closed", "line 1, column 1: expected the end of this comment"},
      {"{% raw %}x", "line 1, column 1: expected {% endraw %}"},
      {"{% include 'x' %}", "the statement \"include\" is not supported"},
      {"{% import 'x' as y %}", "the statement \"import\" is not supported"},
      {"{% extends 'x' %}", "the statement \"extends\" is not supported"},
      {"{% block x %}{% endblock %}", "the statement \"block\" is not supported"},
      {"{% do x.append(1) %}", "the statement \"do\" is not supported"},
      {"{% break %}", "line 1, column 4: expected this inside a loop"},
      {"{% macro %}{% endmacro %}", "expected the macro's name"},
      {"{% macro f(a=1, b) %}{% endmacro %}", "expected a default"},
      {"{% call f %}{% endcall %}", "expected a call of a macro"},
      {"{{ f(a=1, 2) }}", "expected an argument with a name"},
      {"{% macro f() %}{{ varargs }}{% endmacro %}", "line 1, column 19: varargs in a macro is not supported"},
      {"{{ [] | groupby('a') }}", "No filter named 'groupby'."},
      {"{{ f(**x) }}", "** is not supported"},
      {"{{ 99999999999999999999 }}", "expected an integer of 64 bits"},
      {"{{ '\\x4' }}", "expected hexadecimal digits"},
      {"{{ x.1.y }}", "line 1, column 5: 'x' is undefined"},
      {"{{ x.y }}", "line 1, column 6: 'x' is undefined"},
      {"\n\n  {{ {}.a.b }}", "line 3, column 11: 'dict object' has no attribute 'a'"},
      {"{{ x() }}", "'x' is undefined"},
      {"{{ 1() }}", "'int' object is not callable"},
      {"{{ 1 | nosuch }}", "line 1, column 8: No filter named 'nosuch'."},
      {"{{ 1 is nosuch }}", "line 1, column 9: No test named 'nosuch'."},
      {"{{ 'a'.nosuch() }}", "'str object' has no attribute 'nosuch'"},
      {"{{ 'a' + 1 }}", "line 1, column 8: unsupported operand type(s) for +: 'str' and 'int'"},
      {"{{ 1 / 0 }}", "division by zero"},
      {"{{ 1 % 0 }}", "division by zero"},
      {"{{ 9223372036854775807 + 1 }}", "an integer of more than 64 bits"},
      {"{{ 2 ** 64 }}", "an integer of more than 64 bits"},
      {"{{ 1 < 'a' }}", "'<' not supported between instances of 'int' and 'str'"},
      {"{{ 1 in 1 }}", "argument of type 'int' is not iterable"},
      {"{% for x in 5 %}{% endfor %}", "line 1, column 13: 'int' object is not iterable"},
      {"{% for a, b in [1] %}{% endfor %}", "'int' object is not iterable"},
      {"{% for a, b in [[1]] %}{% endfor %}", "expected 2 values to unpack, found 1"},
      {"{% set x = {} %}{% set x.y = 1 %}", "cannot assign attribute on non-namespace object"},
      {"{{ [1].append(2) }}", "'list object' has no attribute 'append'"},
      {"{{ {[]: 1} }}", "unhashable type: 'list'"},
      {"{{ x | tojson }}", "Object of type Undefined is not JSON serializable"},
      {"{{ [1] | map('nosuch') | list }}", "No filter named 'nosuch'."},
      {"{{ 'a%s' % 1 }}", "formatting with % is not supported"},
      {"{{ raise_exception('Roles must alternate') }}", "line 1, column 4: Roles must alternate"},
      {"{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}", "takes not more than 1 argument(s)"},
      {"{% macro f(a) %}{% endmacro %}{{ f(b=2) }}", "takes no keyword argument 'b'"},
      {"{{ 'a'.replace('a') }}", "replace() misses its argument 'new'"},
      {"{{ 'a'.strip(1, 2) }}", "takes at most 1 arguments"},
      {"{{ 'a'.split('') }}", "empty separator"},
      {"{{ 'abc'[::0] }}", "slice step cannot be zero"},
      {"{{ range(0, 10, 0) }}", "must not be zero"},
      // tags and blocks without an end, or with another's
      {"{{ 'a", "line 1, column 4: expected a closing quote for the string that begins here"},
      {"{%", "line 1, column 1: expected the end of this tag, \"%}\", found the end of the template"},
      {"a\n {{", "line 2, column 2: expected the end of this tag, \"}}\", found the end of the template"},
      {"{% if x", "line 1, column 1: expected the end of this tag"},
      {"{% raw %}{% endraw", "line 1, column 1: expected {% endraw %}"},
      {"{% macro f() %}", "line 1, column 4: expected {% endmacro %} for the block that begins here, found the end"},
      {"{% macro f() %}{% endmacro f", "line 1, column 16: expected the end of this tag"},
      {"{% set x %}abc", "expected {% endset %} for the block that begins here"},
      {"{% filter upper %}a", "expected {% endfilter %} for the block that begins here"},
      {"{% generation %}a", "expected {% endgeneration %} for the block that begins here"},
      {"{% with x=1 %}{{ x }}", "expected {% endwith %} for the block that begins here"},
      {"{% for x in [1] %}{% endif %}", "line 1, column 22: the statement \"endif\" is not supported"},
      {"{% if 1 %}{% else %}{% else %}{% endif %}", "line 1, column 24: the statement \"else\" is not supported"},
      {"{% if 1 %}{% elif %}{% endif %}", "line 1, column 19: expected an expression, found the end of the tag"},
      {"{% continue %}", "line 1, column 4: expected this inside a loop"},
      {"{% autoescape true %}{% endautoescape %}", "the statement \"autoescape\" is not supported"},
      {"{% from 'x' import y %}", "the statement \"from\" is not supported"},
      // expressions
      {"{{ {1: 2 }}", "column 11: unexpected '}'"},
      {"{{ {1, 2} }}", "line 1, column 6: expected \":\", found \",\""},
      {"{{ x[ }}", "line 1, column 7: expected ']', found '}'"},
      {"{{ [1][0:1:2:3] }}", "line 1, column 13: expected \"]\", found \":\""},
      {"{{ 'abc'[1, 2] }}", "an index of several parts is not supported"},
      {"{{ [1,2][5].x }}", "'list object' has no attribute '5'"},
      {"{{ 1 is not }}", "line 1, column 13: expected a test's name, found the end of the tag"},
      {"{{ 1 | }}", "line 1, column 8: expected a filter's name, found the end of the tag"},
      {"{{ 1 if 2 else }}", "line 1, column 16: expected an expression, found the end of the tag"},
      {"{{ lambda x: x }}", "line 1, column 11: expected the end of the tag, found \"x\""},
      {"{{ x := 1 }}", "line 1, column 6: expected the end of the tag, found \":\""},
      {"{{ '\\u12' }}", "line 1, column 5: expected hexadecimal digits in this escape"},
      {"{{ '\\ud800' }}", "line 1, column 5: this escape is no character"},
      {"{{ '\\N{DASH}' }}", "line 1, column 5: the escape \\N{…} is not supported"},
      {"{{ 0x }}", "line 1, column 4: expected a number, found something that only begins like one"},
      // what reaches out of the sandbox elsewhere
      {"{{ ''.__class__.__mro__ }}", "line 1, column 17: 'str object' has no attribute '__class__'"},
      {"{{ [].__init__() }}", "'list object' has no attribute '__init__'"},
      {"{{ '{0.__class__}'.format(1) }}", "'str object' has no attribute 'format'"},
      {"{{ self.x() }}", "'self' is undefined"},
      {"{{ caller() }}", "'caller' is undefined"},
      // namespaces and names
      {"{{ namespace(1, 2) }}", "expected at most one argument without a name, found 2"},
      {"{{ namespace(1) }}", "'int' object is not iterable"},
      {"{% set ns = namespace() %}{{ ns.x.y }}", "'Namespace object' has no attribute 'x'"},
      {"{% set ns = namespace() %}{% set ns.x.y = 1 %}", "line 1, column 38: expected the end of the tag, found \".\""},
      {"{% set ns = namespace() %}{% set ns['x'] = 1 %}", "line 1, column 36: expected the end of the tag, found \"[\""},
      {"{% set ns = namespace(x=1) %}{% for i in ns %}{% endfor %}", "'Namespace' object is not iterable"},
      {"{% set x.y = 1 %}", "line 1, column 10: 'x' is undefined"},
      {"{% set x, y = [1,2,3] %}", "expected 2 values to unpack, found 3"},
      {"{{ loop(1) }}", "'loop' is undefined"},
      {"{% for x in [1] %}{{ loop(1) }}{% endfor %}", "the loop is called, but was not marked recursive"},
      // numbers
      {"{{ (-9223372036854775807 - 1) // -1 }}", "an integer of more than 64 bits"},
      {"{{ (-9223372036854775807 - 1) % -1 }}", "an integer of more than 64 bits"},
      {"{{ -(-9223372036854775807 - 1) }}", "an integer of more than 64 bits"},
      {"{{ (-9223372036854775807 - 1) | abs }}", "an integer of more than 64 bits"},
      {"{{ 10**10**10 }}", "an integer of more than 64 bits"},
      {"{{ 1 is divisibleby 0 }}", "division by zero"},
      {"{{ 1.5 | round(400) }}", "round: expected a precision from 0 to 15, found 400"},
      {"{{ 'x' | int(base=99) }}", "int: expected a base from 2 to 36, found 99"},
      // arguments of filters and functions
      {"{{ 5 | join }}", "'int' object is not iterable"},
      {"{{ [3,'a'] | sort }}", "'<' not supported between instances of 'str' and 'int'"},
      {"{{ 'a' | items }}", "Can only get item pairs from a mapping, found str"},
      {"{{ 'abc' | batch(0) | list }}", "batch: expected a size of at least 1, found 0"},
      {"{{ 'a' | tojson(indent=10000000000) }}", "tojson: expected an indent of at most 64, found 10000000000"},
      {"{{ [1] | map(1) }}", "the name of a filter or test: expected a string, found int"},
      {"{{ range('a') }}", "range: expected an integer, found str"},
      {"{{ strftime_now('%c' * 100000) }}", "strftime_now: expected a format of at most 126 bytes"},
      {"{{ raise_exception() }}", "raise_exception() misses its argument 'message'"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check(&cases[i]);
}

static void endless_templates_end(void **state) {
  (void)state;
  static const bad_template cases[] = {
      {"{{ range(1000000) }}", "Range too big"},
      {"{{ range(10**9) }}", "Range too big"},
      {"{{ range(-10**9, 10**9) }}", "Range too big"},
      {"{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", "more than 100 levels deep"},
      {"{% macro a(n) %}{{ a(n + 1) }}{{ a(n + 1) }}{% endmacro %}{{ a(0) }}", "more than 100 levels deep"},
      {"{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}", "takes too long"},
      {"{% for x in range(3) recursive %}{{ loop(range(3)) }}{% endfor %}", "more than 100 levels deep"},
      {"{% set ns = namespace(s='ab') %}{% for i in range(64) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
       "a text of more than 16 MiB"},
      {"{% set ns = namespace(s='ab') %}{% for i in range(64) %}{% set ns.s = [ns.s, ns.s] | join %}{% endfor %}",
       "a text of more than 16 MiB"},
      {"{% set ns = namespace(s='ab') %}{% for i in range(64) %}{% set ns.s = ns.s.replace('a', ns.s) %}{% endfor %}",
       "a text of more than 16 MiB"},
      {"{% set ns = namespace(s='\"') %}{% for i in range(64) %}{% set ns.s = ns.s | tojson %}{% endfor %}", "takes too long"},
      {"{% for i in range(3470) %}{% set x = 'a' | indent(124841) %}{% endfor %}",
       "the template takes"}, // a margin that nobody needs
      {"{% set ns = namespace(s='a') %}{% for i in range(1000) %}{% set ns.s = ns.s | indent(100000, true) %}{% endfor %}",
       "takes too long"},
      {"{% set ns = namespace(a=1) %}{% for i in range(100000) %}{% set ns.a = namespace(b=ns.a) %}{% endfor %}{{ ns }}",
       "levels cannot be printed"},
      {"{% set ns = namespace(d={}) %}{% for i in range(100000) %}{% set ns.d = {'a': ns.d} %}{% endfor %}{{ ns.d }}",
       "levels cannot be printed"},
      {"{{ ['a' * 1000000] * 1000 }}", "a text of more than 16 MiB"},
      {"{{ (['\"' * 1000000] * 1000) | tojson }}", "takes too long"},
      {"{{ ('a' * 1000000).split('a') | join('b' * 1000000) }}", "takes too long"},
      {"{% for i in range(100000) %}{{ range(100000) | list | sort | length }}{% endfor %}", "takes too long"},
      {"{% set x = range(100000) | list %}{% for i in x %}{{ i in x }}{% endfor %}", "takes too long"},
      {"{% set x = range(100000) | map('string') | list %}{{ x | unique | list | length }}", "takes too long"},
      {"{% set x = '<' * 1000000 %}{% for i in range(100000) %}{{ (x | escape) | length }}{% endfor %}", "takes too long"},
      {"{% set x = 'aB ' * 1000000 %}{% for i in range(100000) %}{{ x.title() | length }}{% endfor %}", "takes too long"},
      {"{{ raise_exception('x' * 1000000000) }}", "takes too long"},
      {"{{ range(100000) | map('string') | map('upper') | map('lower') | map('trim') | list | length * 0 }}{% for i in "
       "range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
       "takes too long"},
      {"{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}", "takes too long"},
      {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "macros call each other more than 100 levels deep"},
      {"{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{{ caller() }}{% endmacro %}{{ f() }}", "levels deep"},
      {"{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "more than 100 levels deep"},
      {"{{ 'x' * 1000000000000 }}", ""},
      {"{{ ('x' * 1000000) * 20 }}", "a text of more than 16 MiB"},
      {"{{ [1] * 1000000000000 }}", "takes too long"},
      {"{% set ns = namespace(s='xxxxxxxxxxxxxxxx') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
       "a text of more than 16 MiB"},
      {"{% set ns = namespace(s=['x']) %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "takes too long"},
      {"{% set ns = namespace(s='xxxxxxxxxx' * 800000) %}{% for i in range(100000) %}{{ ns.s }}{% endfor %}",
       "a text of more than 16 MiB"},
      {"{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}",
       "levels cannot be printed"},
      {"{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l | tojson }}", ""},
      {"{% set a = namespace(l=[1]) %}{% set b = namespace(l=[1]) %}{% for i in range(60) %}{% set a.l = [a.l, a.l] %}{% set b.l "
       "= [b.l, b.l] %}{% endfor %}{% for i in range(1000) %}{{ a.l == b.l }}{% endfor %}",
       "takes too long"},
      {"{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}", "levels cannot be printed"},
      {"{% set x = 'a' * 5000000 %}{% for i in range(100000) %}{{ x.replace('a', 'b') | length }}{% endfor %}", "takes too long"},
      {"{% set x = 'a' * 5000000 %}{% for i in range(100000) %}{{ 'b' in x }}{% endfor %}", "takes too long"},
      {"{% set x = 'a' * 16000000 %}{{ x.replace('', x) }}", ""},
      {"{% set x = 'a' * 5000000 %}{% for i in range(100000) %}{% set y = x.split('a') %}{% endfor %}", "takes too long"},
      {"{% set x = 'ab' * 5000000 %}{% for i in range(100000) %}{% set y = x.upper() %}{% endfor %}", ""},
      {"{{ ['a' * 5000000] * 100 | join }}", ""},
      {"{% for i in range(100000) %}{% set x = 'a' * 100000 %}{% endfor %}", ""},
      {"{{ 'a' | indent(10000000000) }}", ""},
      {"{% set x = '\\n' * 1000000 %}{{ x | indent(1000) }}", ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) check(&cases[i]);
}

// A piece many times, between a beginning and an end.
static void check_long(const char *begin, const char *piece, int times, const char *end, const char *message) {
  text t = {0};
  text_puts(&t, begin);
  for (int i = 0; i < times; i++) text_puts(&t, piece);
  text_puts(&t, end);
  check(&(bad_template){t.data, message});
  text_free(&t);
}

static void deep_templates_are_refused(void **state) {
  (void)state;
  check_long("{{ ", "(", 100000, " }}", "at most 200 open brackets");
  check_long("{{ ", "-", 100000, "1 }}", "levels of nesting");
  check_long("{{ ", "not ", 100000, "1 }}", "levels of nesting");
  check_long("{{ ", "1 if ", 50000, "1 }}", "");
  check_long("{{ ", "a if b else ", 50000, "1 }}", "levels of nesting");
  check_long("{{ 1", "+1", 100000, " }}", "more than 1000 levels");
  check_long("{{ x", ".a", 100000, " }}", "more than 1000 levels");
  check_long("{{ 'x'", "|trim", 100000, " }}", "more than 1000 levels");
  check_long("", "{% if 1 %}", 20000, "", "levels of nesting");
  check_long("", "{% for x in y %}", 20000, "", "levels of nesting");
  check_long("{{ ", "[[1],", 190, "", "");
  check_long("", "{", 1 << 19, "", "");
}

static void bytes_that_are_no_utf8_are_refused(void **state) {
  (void)state;
  err e = {0};
  assert_false(render("ab\n\xC3(", &e));
  assert_string_equal(e.message, "some.jinja: line 2, column 1: expected UTF-8, found byte 0xC3");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bad_templates_are_refused_with_their_place),
      cmocka_unit_test(endless_templates_end),
      cmocka_unit_test(deep_templates_are_refused),
      cmocka_unit_test(bytes_that_are_no_utf8_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
