// Jinja, as chat templates use it and as transformers sets it up (trim_blocks, lstrip_blocks, loop controls,
// {% generation %}, raise_exception, strftime_now, tojson), with the origin of every byte that is written. Knows nothing
// of models. A construct that is not supported is an error with its line and column; include, import and extends are
// refused. Limits on steps, depth, memory and output: every rendering ends, most within a fraction of a second.
#ifndef JINJA_JINJA_H
#define JINJA_JINJA_H

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "jinja/value.h"

typedef struct jinja_template jinja_template;

// `name` stands in messages. The source is copied; it must be UTF-8.
bool jinja_compile(arena *a, const char *name, const char *source, jinja_template **t, err *e);

typedef struct jinja_output {
  text text;
  text origins; // uint32_t for each byte of the text: see value.h
} jinja_output;
void jinja_output_free(jinja_output *o);
uint32_t jinja_origin(const jinja_output *o, uint64_t byte); // without the mark of {% generation %}
bool jinja_generated(const jinja_output *o, uint64_t byte);  // written inside {% generation %}
bool jinja_has_generation(const jinja_template *t);          // the template has such a block

bool jinja_names(const jinja_template *t, const char *variable); // it reads (or sets) a variable of this name somewhere
bool jinja_asks_time(const jinja_template *t);                   // it may call strftime_now
// What strftime_now says from now on: seconds since 1970, as UTC. Else what the machine's clock says.
void jinja_set_time(jinja_template *t, int64_t seconds);

// `variables`: a dict of names. Strings in it must be UTF-8. On failure `out` holds nothing. What raise_exception was
// given is the message's end.
bool jinja_render(const jinja_template *t, value variables, jinja_output *out, err *e);

// Strict, as jinja2's StrictUndefined: a name, attribute or item that is not there fails where it is read, but for
// `is defined` and `default`. *undefined: it failed for that.
bool jinja_render_strict(const jinja_template *t, value variables, jinja_output *out, bool *undefined, err *e);
// The value of a template that is one {{ expression }} and nothing else (jinja_is_expression). It lives in `a`.
bool jinja_evaluate_strict(arena *a, const jinja_template *t, value variables, value *out, bool *undefined, err *e);
bool jinja_is_expression(const jinja_template *t);

#endif
