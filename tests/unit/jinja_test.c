// The interpreter: expressions and statements as jinja2 3.1 renders them (the table is its output), and the origin of each
// byte through all operations.
#include "support/test.h"

#include <string.h>

#include "jinja/jinja.h"

// Rendered with messages "m" of origin 1, "n" of origin 2; NULL with the message in *e.
static char *render(arena *a, const char *source, jinja_output *out, err *e) {
  jinja_template *t;
  if (!jinja_compile(a, "test", source, &t, e)) return NULL;
  value variables = value_dict_new(a);
  value_put_text(a, variables, "m", value_string("Hi <b> you, Hi", 14, 1));
  value_put_text(a, variables, "n", value_string(" \n2nd\n ", 7, 2));
  if (!jinja_render(t, variables, out, e)) return NULL;
  return arena_strndup(a, out->text.data, out->text.length);
}

static void renders_as_jinja2(void **state) {
  (void)state;
  static const struct {
    const char *source, *rendered;
  } cases[] = {
      {"{{ (-9223372036854775807 - 1) % 4775807 }} {{ (-9223372036854775807 - 1) % -7 }} {{ 9223372036854775807 % -2 }} "
       "{{ (-9223372036854775807 - 1) // 4775807 }}",
       "573782 -1 -1 -1931269843370"},
      {"{{ 1 + 2 * 3 - 4 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 7.5 // 2 }} "
       "{{ -7.5 % 2 }}",
       "5.0 3 -4 2 -2 1024 0.5 3.0 0.5"},
      {"{{ 1.0 }} {{ 0.1 + 0.2 }} {{ 1e16 }} {{ 1e15 }} {{ 0.0001 }} {{ 0.00001 }} {{ 123456789.123 }} {{ 1e300 * 10 }} {{ 3.0 * "
       "2 }} {{ 10 / 5 }}",
       "1.0 0.30000000000000004 1e+16 1000000000000000.0 0.0001 1e-05 123456789.123 1e+301 6.0 2.0"},
      {"{{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1_000 }} {{ 1.5e3 }} {{ 2e-3 }}", "31 5 15 1000 1500.0 0.002"},
      {"{{ true }} {{ none }} {{ True and 'x' }} {{ 0 or 'y' }} {{ not [] }} {{ 1 == 1.0 }} {{ true == 1 }} {{ 'a' < 'b' }} {{ 1 "
       "< 2 < 3 }} {{ 1 < 3 < 2 }}",
       "True None x y True True True True True False"},
      {"{{ 'a' ~ 1 ~ none ~ [1, 'b'] }} {{ 'ab' * 3 }} {{ [1] + [2] }} {{ (1,) + (2, 3) }} {{ (1,) }} {{ () }} {{ {'a': 1, 'b': "
       "[none, true]} }}",
       "a1None[1, 'b'] ababab [1, 2] (1, 2, 3) (1,) () {'a': 1, 'b': [None, True]}"},
      {"{{ \"it's\" }} {{ [\"it's\", 'say \"x\"', 'both \\' and \"', '\\n\\t\\\\', 'é', '\\x00\\u200b\\u3000'] }}",
       "it's [\"it's\", 'say \"x\"', 'both \\' and \"', '\\n\\t\\\\', 'é', '\\x00\\u200b\\u3000']"},
      {"{{ 'abcdef'[1:4] }} {{ 'abcdef'[::-1] }} {{ 'abcdef'[-2:] }} {{ 'abcdef'[::2] }} {{ 'abcdef'[4:1:-1] }} {{ "
       "'abcdef'[-100:100] }} {{ 'abc'[5] is defined }}",
       "bcd fedcba ef ace edc abcdef False"},
      {"{{ 'héllo'[1] }} {{ 'héllo'[::-1] }} {{ 'héllo'[1:3] }} {{ 'héllo' | length }} {{ '日本語'[-1] }}", "é olléh él 5 語"},
      {"{{ [1,2,3,4][1:] }} {{ [1,2,3,4][::-1] }} {{ [1,2,3,4][-3:-1] }} {{ [1,2,3][10:] }} {{ [1,2,3][-1] }} {{ [1,2,3][7] is "
       "undefined }}",
       "[2, 3, 4] [4, 3, 2, 1] [2, 3] [] 3 True"},
      {"{{ 'a' in 'abc' }} {{ 'x' not in 'abc' }} {{ 1 in [1,2] }} {{ 'a' in {'a': 1} }} {{ '' in 'abc' }} {{ 1 in "
       "undefined_thing }}",
       "True True True True True False"},
      {"{{ '  a b  '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ ' a '.lstrip() }}|{{ ' a '.rstrip() }}|{{ 'abcba'.strip('ab') }}|{{ "
       "'\\u3000é\\xa0'.strip() }}|",
       "a b|a|a | a|c|é|"},
      {"{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a,b,c'.split(',', 1) }} {{ 'a b c'.split(None, 1) }} {{ "
       "'a,b,c'.rsplit(',', 1) }} {{ 'a b c '.rsplit(None, 1) }} {{ ''.split(',') }} {{ ''.split() }}",
       "['a', 'b', '', 'c'] ['a', 'b'] ['a', 'b,c'] ['a', 'b c'] ['a,b', 'c'] ['a b', 'c'] [''] []"},
      {"{{ 'a\\nb\\r\\nc\\n'.splitlines() }} {{ 'a\\n\\nb'.splitlines(true) }} {{ 'abc'.partition('b') }} {{ "
       "'abc'.partition('x') }} {{ 'abcbd'.rpartition('b') }}",
       "['a', 'b', 'c'] ['a\\n', '\\n', 'b'] ('a', 'b', 'c') ('abc', '', '') ('abc', 'b', 'd')"},
      {"{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith(('x', 'c')) }} {{ 'abcabc'.find('c') }} {{ 'abcabc'.rfind('c') }} {{ "
       "'abc'.find('x') }} {{ 'éa'.find('a') }} {{ 'aXbX'.count('X') }} {{ 'aaa'.count('aa') }}",
       "True True 2 5 -1 1 2 1"},
      {"{{ 'aXbX'.replace('X', '--') }} {{ 'aXbX'.replace('X', '', 1) }} {{ 'abc'.replace('', '-') }} {{ 'x'.join(['a', 'b']) }} "
       "{{ 'abc'.removeprefix('a') }} {{ 'abc'.removesuffix('c') }}",
       "a--b-- abX -a-b-c- axb bc ab"},
      {"{{ 'hello wORLD'.upper() }} {{ 'HeLLo'.lower() }} {{ 'hELLO wORLD'.capitalize() }} {{ \"they're bill's\".title() }} {{ "
       "'ПРИВЕТ Ё ñ'.lower() }} {{ 'привет ё Ñ'.upper() }}",
       "HELLO WORLD hello Hello world They'Re Bill'S привет ё ñ ПРИВЕТ Ё Ñ"},
      {"{{ '123'.isdigit() }} {{ 'ab1'.isalnum() }} {{ 'ab'.isalpha() }} {{ ''.isdigit() }} {{ ' \\n'.isspace() }} {{ "
       "'AB1'.isupper() }} {{ 'aB'.islower() }}",
       "True True True False True True False"},
      {"{{ {'a': 1, 'b': 2}.items() | list }} {{ {'a': 1}.get('b', 'z') }} {{ {'a': 1}.get('b') }} {{ {'a': 1, 'b': 2}.keys() | "
       "list }} {{ {'a': 1, 'b': 2}.values() | list }}",
       "[('a', 1), ('b', 2)] z None ['a', 'b'] [1, 2]"},
      {"{{ {'items': 1}['items'] }} {{ {'items': 1}.items() | list }} {{ {'a': {'b': [1, {'c': 2}]}}.a.b[1].c }} {{ {'a': 1}.x "
       "is defined }} {{ {1: 'one'}[1] }}",
       "1 [('items', 1)] 2 False one"},
      {"{{ x is defined }} {{ x is none }} {{ x is string }} {{ x is iterable }} {{ x is sequence }} {{ x is mapping }} {{ x | "
       "default('d') }} {{ '' | default('d') }} {{ '' | default('d', true) }} {{ x }}",
       "False False False True True False d  d "},
      {"{{ 3 is odd }} {{ 4 is even }} {{ 9 is divisibleby 3 }} {{ 'a' is string }} {{ 1 is number }} {{ true is number }} {{ "
       "1.0 is float }} {{ 1 is integer }} {{ true is integer }} {{ true is boolean }} {{ 1 is true }}",
       "True True True True True True True True False True False"},
      {"{{ {} is mapping }} {{ [] is sequence }} {{ 'a' is sequence }} {{ {} is sequence }} {{ 'a' is iterable }} {{ 1 is "
       "iterable }} {{ none is none }} {{ 1 is eq 1 }} {{ 2 is gt 1 }} {{ 'a' is in ['a'] }} {{ 'A' is upper }} {{ 1 is not none "
       "}}",
       "True True True True True False True True True True True True"},
      {"{{ [3,1,2] | sort }} {{ ['b','A','c'] | sort }} {{ ['b','A','c'] | sort(case_sensitive=true) }} {{ [1,2] | reverse | "
       "list }} {{ 'abc' | reverse }} {{ [3,1,2] | sort(reverse=true) }} {{ [{'a': 2}, {'a': 1}] | sort(attribute='a') }}",
       "[1, 2, 3] ['A', 'b', 'c'] ['A', 'b', 'c'] [2, 1] cba [3, 2, 1] [{'a': 1}, {'a': 2}]"},
      {"{{ {'b': 1, 'A': 2} | dictsort }} {{ {'b': 1, 'a': 2} | dictsort(by='value') }} {{ [1,1,2,'a','A'] | unique | list }} {{ "
       "[1,5,3] | max }} {{ [4,2] | min }} {{ [] | max }} {{ [1,2,3] | sum }} {{ [{'a': 1}, {'a': 2}] | sum(attribute='a') }} {{ "
       "[0.5, 1] | sum }}",
       "[('A', 2), ('b', 1)] [('b', 1), ('a', 2)] [1, 2, 'a'] 5 2  6 3 1.5"},
      {"{{ [1,2,3] | map('string') | join('-') }} {{ [{'a': 1}, {'b': 2}] | map(attribute='a', default='z') | list }} {{ [{'a': "
       "{'b': 5}}] | map(attribute='a.b') | list }} {{ [1,2,3,4] | select('odd') | list }} {{ [1,2,3,4] | reject('gt', 2) | list "
       "}} {{ [0,1,''] | select | list }}",
       "1-2-3 [1, 'z'] [5] [1, 3] [1, 2] [1]"},
      {"{{ [{'r': 'a', 'x': 1}, {'r': 'b'}] | selectattr('r', 'equalto', 'a') | list | length }} {{ [{'x': 1}, {}] | "
       "selectattr('x') | list }} {{ [{'x': 1}, {}] | rejectattr('x', 'defined') | list }} {{ none | selectattr('x') | list }}",
       "1 [{'x': 1}] [{}] []"},
      {"{{ ([] | select) is true }} {{ 'yes' if ([] | select) else 'no' }} {{ [1,2] | first }} {{ [1,2] | last }} {{ 'abc' | "
       "first }} {{ 'abc' | list }} {{ {'a': 1} | list }} {{ {'a': 1} | items | list }} {{ [1,2,3,4,5] | batch(2, 'x') | list }} "
       "{{ [] | first is defined }}",
       "False yes 1 2 a ['a', 'b', 'c'] ['a'] [('a', 1)] [[1, 2], [3, 4], [5, 'x']] False"},
      {"{{ '42' | int }} {{ '4.7' | int }} {{ 'x' | int }} {{ 'x' | int(7) }} {{ '0x1f' | int(0, 16) }} {{ '3.5' | float }} {{ "
       "'x' | float }} {{ -5 | abs }} {{ 2.5 | round }} {{ 3.14159 | round(2) }} {{ 2.1 | round(0, 'ceil') }} {{ 7 | round }} {{ "
       "' 12 ' | int }} {{ '1_0' | int }} {{ none | int }}",
       "42 4 0 7 31 3.5 0.0 5 2.0 3.14 3.0 7 12 10 0"},
      {"{{ ' a ' | trim }}|{{ 'xax' | trim('x') }}|{{ 5 | string ~ '!' }}|{{ 'a b' | title }}|{{ \"foo-bar (baz) it's\" | title "
       "}}|{{ 'abc' | capitalize }}|{{ 'a b c' | wordcount }}|{{ 'aXb' | replace('X', 'y') }}|{{ 12 | replace('1', 'x') }}",
       "a|a|5!|A B|Foo-Bar (Baz) It's|Abc|3|ayb|x2"},
      {"{{ 'a\\nb\\n\\nc' | indent }}|{{ 'a\\nb' | indent(2, true) }}|{{ 'a\\n\\nb' | indent(2, blank=true) }}|{{ 'a\\nb' | "
       "indent('> ') }}|{{ 'a\\n' | indent(2) }}|{{ '' | indent(2, true) }}|",
       "a\n    b\n\n    c|  a\n  b|a\n  \n  b|a\n> b|a\n|  |"},
      {"{{ {'a': [1, 2.5, none, true, 'é\"\\n\\\\/<'], 'b': {}, 'c': []} | tojson }} {{ 'é😀\\x7f' | tojson(ensure_ascii=true) }} "
       "{{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }} {{ [1, {'a': 2}] | tojson(separators=(',', ':')) }} {{ {1: 2, true: 3, "
       "none: 4} | tojson }}",
       "{\"a\": [1, 2.5, null, true, \"é\\\"\\n\\\\/<\"], \"b\": {}, \"c\": []} \"\\u00e9\\ud83d\\ude00\\u007f\" {\"a\": 2, "
       "\"b\": 1} [1,{\"a\":2}] {\"1\": 3, \"null\": 4}"},
      {"{{ {'a': [1, {'b': []}], 'c': {}} | tojson(indent=2) }} {{ (1, 2) | tojson }} {{ 1e20 | tojson }} {{ 1.0 | tojson }}",
       "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {}\n} [1, 2] 1e+20 1.0"},
      {"{{ '<a>' | e }} {{ ('<a>' | e) + '<b>' }} {{ ('<a>' | safe) + '<b>' }} {{ '<b>' + ('<a>' | safe) }} {{ ('<a>' | safe) ~ "
       "'<b>' }} {{ ('<' | safe) | upper + '>' }}",
       "&lt;a&gt; &lt;a&gt;&lt;b&gt; <a>&lt;b&gt; &lt;b&gt;<a> <a><b> <&gt;"},
      {"{% set ns = namespace(n=0, l=[]) %}{% for i in range(5) %}{% set ns.n = ns.n + i %}{% set ns.l = ns.l + [i] %}{% endfor "
       "%}{{ ns.n }} {{ ns.l }}",
       "10 [0, 1, 2, 3, 4]"},
      {"{% set x = 1 %}{% for i in [1,2] %}{{ x }}{% set x = 5 %}{{ x }}{% endfor %}{{ x }}{% if true %}{% set x = 9 %}{% endif "
       "%}{{ x }}",
       "151519"},
      {"{% for a, b in [(1, 2), (3, 4)] %}{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ a }}{{ b }}{{ "
       "loop.cycle('x', 'y') }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.revindex }} {% endfor %}",
       "1TrueFalse212x(3, 4)2 2FalseTrue234y(1, 2)1 "},
      {"{% for i in [] %}x{% else %}empty{% endfor %}{% for i in [1,2,3,4] if i is even %}{{ i }}{{ loop.index }}{{ loop.last "
       "}}{% endfor %}{% for c in 'aé' %}{{ c }}.{% endfor %}{% for k in {'a': 1} %}{{ k }}{% endfor %}",
       "empty21False42Truea.é.a"},
      {"{% for i in range(10) %}{% if i == 3 %}{% continue %}{% endif %}{% if i == 6 %}{% break %}{% endif %}{{ i }}{% endfor %} "
       "{{ range(1, 10, 3) | list }} {{ range(5, 0, -2) | list }}",
       "01245 [1, 4, 7] [5, 3, 1]"},
      {"{% for i in [1, [2, [3]]] recursive %}{{ loop(i) if i is not number else i }}{{ loop.depth }}{% endfor %}", "11223321"},
      {"{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, c=5) }} {{ m(*[7, 8]) }} {{ m() }} {% "
       "macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
       "121 125 787 2 3210"},
      {"{% macro box(t) %}[{{ t }}:{{ caller('q') }}]{% endmacro %}{% call(x) box('a') %}body {{ x }}{% endcall %} {% set s %} a "
       "{{ 1 }} {% endset %}{{ s | trim }}{% set u | upper %}abc{% endset %}{{ u }} {% filter upper | trim %} hi {% endfilter %}",
       "[a:body q] a 1ABC HI"},
      {"{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a is defined }} {% set a, b = 1, 2 %}{{ a }}{{ b }} {% set (c, d) = "
       "[3, 4] %}{{ c }}{{ d }}",
       "3False 12 34"},
      {"{% raw %}{{ x }} {% if %}{% endraw %} {#- comment -#} x {{- ' y ' -}} z {%- if true -%} w {%- endif %} {{ \"a\" 'b' }} "
       "{{ 'yes' if 1 }}{{ 'no' if 0 }} {{ '%' }} {{ '}}' }} {{ {'a': {}} }}",
       "{{ x }} {% if %}x y zw ab yes % }} {'a': {}}"},
      {"{{ 'a' if x is defined else 'b' if y is defined else 'c' }} {{ (1 if 0 else 2) + 3 }} {{ not 1 == 2 }} {{ -1 | abs }} {{ "
       "2 - -2 }} {{ 'a.b'.split('.')[0] | upper ~ 'x' }} {{ [1, 2,] | length }} {{ 1 if true and not false }}",
       "c 5 True 1 4 Ax 2 1"},
      {"{{ dict(a=1, b=2) }} {{ dict([('a', 1)]) }} {{ dict({'a': 1}, b=3) }} {{ namespace(a=1).a }} {{ [[1, 2], [3]] | "
       "sum(start=[]) if false else 'skip' }}",
       "{'a': 1, 'b': 2} {'a': 1} {'a': 1, 'b': 3} 1 skip"},
      {"{{ 'aéb' | upper }} {{ ['a', none, 1] | join(',') }} {{ [{'n': 'x'}, {'n': 'y'}] | join('+', attribute='n') }} {{ 'abc' "
       "| join('-') }} {{ x | length }} {{ x | upper }}| {{ x ~ 'z' }} {{ [x] }} {{ none ~ '' }} {{ 'a' == none }} {{ x == y }}",
       "AÉB a,None,1 x+y a-b-c 0 | z [Undefined] None False True"},
      {"a\n  {% if true %}\n  b\n  {% endif %}\nc\n", "a\n  b\nc"},
      {"{% if true %}  \n x{% endif %}", "  \n x"},
      {"  {{ 1 }}\n  {# c #}\n  {{ 2 }}\n\n", "  1\n  2\n"},
      {"a {%+ if true %}\n b{% endif +%}\n c", "a  b\n c"},
      {"x\r\n{% if true %}\r\ny\r\n{% endif %}\rz\n\n", "x\ny\nz\n"},
      {" {%- for i in [1,2] -%} \n {{ i }} \n {%- endfor -%} e", "12e"},
      {"{% raw %}\n {{ a }}\n{% endraw %}\nb", "\n {{ a }}\nb"},
      {"{%- raw -%}  x  {%- endraw -%}  y", "xy"},
      {" \t{% set a = 1 %}\n{{- a }}\n  {{- a -}}  \n b {{ a }}\n", "11b 1"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    arena *a = arena_new("test");
    jinja_output out = {0};
    err e = {0};
    const char *found = render(a, cases[i].source, &out, &e);
    if (!found) fail_msg("%s\n%s", cases[i].source, e.message);
    if (strlen(cases[i].rendered) != out.text.length || memcmp(out.text.data, cases[i].rendered, out.text.length))
      fail_msg("%s\nexpected\n%s\nfound\n%s", cases[i].source, cases[i].rendered, found);
    jinja_output_free(&out);
    arena_free(a);
  }
}

// What stands for the origin of each byte: . template, 1 and 2 messages; capitals A, B, C for the same in {% generation %}.
static void every_byte_has_its_origin(void **state) {
  (void)state;
  static const struct {
    const char *source, *rendered, *origins;
  } cases[] = {
      {"a{{ m }}b", "aHi <b> you, Hib", ".11111111111111."},
      {"{{ n | trim }}", "2nd", "222"},
      {"{{ 'x' + n.strip() ~ m[:2] }}", "x2ndHi", ".22211"},
      {"{{ m.upper()[:5] }}{{ m[::-1][:3] }}", "HI <BiH ", "11111111"},
      {"{{ m.replace('Hi', n.strip()) }}", "2nd <b> you, 2nd", "2221111111111222"},
      {"{{ m.replace('you', 'x') }}", "Hi <b> x, Hi", "1111111.1111"},
      {"{{ m.split(' ') | join('-') }}", "Hi-<b>-you,-Hi", "11.111.1111.11"},
      {"{{ m.split(' ')[1:] | map('upper') | join }}", "<B>YOU,HI", "111111111"},
      {"{{ [m[:2], 1] }}", "['Hi', 1]", ".1111...."},
      {"{{ [m[3:6], 'a'] | tojson }}", "[\"<b>\", \"a\"]", ".11111......"},
      {"{{ n | tojson }}", "\" \\n2nd\\n \"", "22222222222"},
      {"{{ m[3:6] | e }}", "&lt;b&gt;", "111111111"},
      {"{{ n | indent(2) }}", " \n  2nd\n   ", "2...222...2"},
      {"{% set x %}[{{ m[:2] }}]{% endset %}{{ x | lower }}", "[hi]", ".11."},
      {"{% macro f(t) %}<{{ t }}>{% endmacro %}{{ f(n.strip()) * 2 }}", "<2nd><2nd>", ".222..222."},
      {"{% for c in m[:2] %}{{ c }}{{ loop.index }}{% endfor %}", "H1i2", "1.1."},
      {"{% set s = namespace(t='') %}{% for x in [m, n] %}{% set s.t = s.t + x[1] %}{% endfor %}{{ s.t }}", "i\n", "12"},
      {"{{ m | length }}{{ m == 'a' }}{{ '%' }}", "14False%", "........"},
      {"{{ m[:2] ~ 'z' if m else n }}", "Hiz", "11."},
      {"{{ m | title | truncate_me if false else m[:2] | capitalize }}", "Hi", "11"},
      {"{% filter upper %}a{{ m[:2] }}{% endfilter %}", "AHI", ".11"},
      {"a{% generation %}b{{ m[:2] }}{% endgeneration %}{{ n[2:3] }}", "abHi2", ".ABB2"},
      {"{% macro f() %}{% generation %}b{{ n[2:3] }}{% endgeneration %}{% endmacro %}a{{ f() }}", "ab2", ".AC"},
      {"{{ {'k': m[:2]} | tojson(indent=1) }}", "{\n \"k\": \"Hi\"\n}", "........1111.."},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    arena *a = arena_new("test");
    jinja_output out = {0};
    err e = {0};
    const char *found = render(a, cases[i].source, &out, &e);
    if (!found) fail_msg("%s\n%s", cases[i].source, e.message);
    text origins = {0};
    for (uint64_t k = 0; k < out.text.length; k++)
      text_putc(&origins, (jinja_generated(&out, k) ? "ABC" : ".12")[jinja_origin(&out, k)]);
    if (strcmp(found, cases[i].rendered) || strcmp(origins.data, cases[i].origins))
      fail_msg("%s\nexpected\n%s\n%s\nfound\n%s\n%s", cases[i].source, cases[i].rendered, cases[i].origins, found, origins.data);
    text_free(&origins);
    jinja_output_free(&out);
    arena_free(a);
  }
}

// What comes from one JSON value has its origin, down to the punctuation.
static void json_carries_its_origin(void **state) {
  (void)state;
  arena *a = arena_new("test");
  jinja_template *t;
  jinja_output out;
  err e = {0};
  value variables = value_dict_new(a), call = value_dict_new(a);
  call.origin = 1;
  value_put_text(a, call, "n", (value){.kind = VALUE_INT, .origin = 1, .integer = 12});
  value_put_text(a, variables, "call", call);
  if (!jinja_compile(a, "test", "<{{ call | tojson }}{{ call.n + 1 }}>", &t, &e) || !jinja_render(t, variables, &out, &e))
    fail_msg("%s", e.message);
  assert_string_equal(out.text.data, "<{\"n\": 12}13>");
  static const uint32_t origins[] = {0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0}; // the key is the test's own
  for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) assert_int_equal(jinja_origin(&out, i), origins[i]);
  jinja_output_free(&out);
  arena_free(a);
}

// As jinja2's StrictUndefined, with variables m and d = {"k": 1}.
static void what_is_undefined_fails_where_rendering_is_strict(void **state) {
  (void)state;
  static const struct {
    const char *source, *expected; // the text, or what the message holds
    bool fails, undefined;
  } cases[] = {
      {"{{ m }} {{ d.k }} {{ d['k'] }}", "hi 1 1", false, false},
      {"{{ x }}", "line 1, column 4: 'x' is undefined", true, true},
      {"{{ d.x }}", "has no attribute 'x'", true, true},
      {"{{ d['x'] }}", "has no attribute 'x'", true, true},
      {"{{ 'a' ~ x }}", "'x' is undefined", true, true},
      {"{{ [x] }}", "'x' is undefined", true, true},
      {"{{ x | upper }}", "'x' is undefined", true, true},
      {"{{ x == 1 }}", "'x' is undefined", true, true},
      {"{% if x %}{% endif %}", "'x' is undefined", true, true},
      {"{% for i in x %}{% endfor %}", "'x' is undefined", true, true},
      {"{{ x is defined }} {{ m is defined }} {{ d.x is undefined }}", "False True True", false, false},
      {"{{ x is defined and x }}", "False", false, false},
      {"{{ x | default('a') }}{{ d.x | d('b') }}{{ m | default('c') }}", "abhi", false, false},
      {"{{ x | default(y) }}", "'y' is undefined", true, true},
      {"{{ x is defined }}{{ x }}", "'x' is undefined", true, true},
      {"{{ 1 + m }}", "unsupported operand", true, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    arena *a = arena_new("a strict test");
    jinja_template *t;
    jinja_output out;
    err e = {0};
    bool undefined;
    value variables = value_dict_new(a), d = value_dict_new(a);
    value_put_text(a, variables, "m", value_text("hi"));
    value_put_text(a, d, "k", value_int(1));
    value_put_text(a, variables, "d", d);
    assert_true(jinja_compile(a, "strict", cases[i].source, &t, &e));
    const bool ok = jinja_render_strict(t, variables, &out, &undefined, &e);
    if (ok == cases[i].fails || undefined != cases[i].undefined || !strstr(ok ? out.text.data : e.message, cases[i].expected))
      fail_msg("%s: found %s", cases[i].source, ok ? out.text.data : e.message);
    jinja_output_free(&out);
    arena_free(a);
  }
}

static void a_template_names_variables(void **state) {
  (void)state;
  static const struct {
    const char *source;
    bool expected;
  } cases[] = {
      {"{{ v }}", true},
      {"{% if not x or v[0] %}{% endif %}", true},
      {"{% for y in [1] if y %}{{ f(k=(x | join(v))) }}{% else %}{% endfor %}", true},
      {"{% if x %}{% elif x is divisibleby(v) %}{% endif %}", true},
      {"{{ {'a': [x, -v]} }}", true},
      {"v {{ x.v }} {{ 'v' }} {{ vv }} {# v #} {{ x['v'] }}", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    arena *a = arena_new("names");
    jinja_template *t;
    assert_true(jinja_compile(a, "names", cases[i].source, &t, NULL));
    if (jinja_names(t, "v") != cases[i].expected) fail_msg("%s", cases[i].source);
    arena_free(a);
  }
}

static void an_expression_has_a_value(void **state) {
  (void)state;
  arena *a = arena_new("an expression");
  jinja_template *t;
  value v;
  bool undefined;
  err e = {0};
  assert_true(jinja_compile(a, "e", "{{ [1, 'b' | upper] }}", &t, &e));
  assert_true(jinja_is_expression(t));
  assert_true(jinja_evaluate_strict(a, t, value_dict_new(a), &v, &undefined, &e));
  assert_true(v.kind == VALUE_LIST && v.list->n == 2 && value_is(v.list->items[1], "B") && !undefined);
  assert_true(jinja_compile(a, "e", "{{ [x] }}", &t, &e));
  assert_false(jinja_evaluate_strict(a, t, value_dict_new(a), &v, &undefined, &e));
  assert_true(undefined);
  static const char *const others[] = {"", "a", "{{ 1 }} ", "{{ 1 }}{{ 2 }}", "{% set x = 1 %}"};
  for (int i = 0; i < 5; i++) {
    assert_true(jinja_compile(a, "e", others[i], &t, NULL));
    assert_false(jinja_is_expression(t));
  }
  arena_free(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(renders_as_jinja2),          cmocka_unit_test(every_byte_has_its_origin),
      cmocka_unit_test(json_carries_its_origin),    cmocka_unit_test(what_is_undefined_fails_where_rendering_is_strict),
      cmocka_unit_test(a_template_names_variables), cmocka_unit_test(an_expression_has_a_value),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
