// Chat templates that vkift knows without running them: their Jinja source is brought to one canonical form, in which
// all spellings of the same template read alike, and that is looked up in a table.
#ifndef DATA_PROMPT_KNOWN_H
#define DATA_PROMPT_KNOWN_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/text.h"

typedef struct known_template {
  bool writes_bos;            // it begins with {{ bos_token }}
  bool is_alpaca;             // what prompt_to_jinja writes for Alpaca; else ChatML
  const char *default_system; // of ChatML, "" where it adds none
} known_template;

// false where the template is none of those in the table.
bool prompt_known(arena *a, const char *jinja, known_template *known);

// The canonical form of a template as transformers sets Jinja up (trim_blocks, lstrip_blocks): white space that is never
// rendered is gone, text that is written out as a string in an expression stands there as text, and
//   {% for m in messages %}{{ "<b>" + m["role"] }}{% endfor %}   reads   {%for m in messages%}<b>{{m.role}}{%endfor%}
// Two templates of one canonical form render the same. false where the source is not understood.
bool prompt_canonical(const char *jinja, text *out);

#endif
