// The regular expressions of tokenizer.json. `tokenizers` runs them with Oniguruma; here they are translated to what
// PCRE2 means the same by, and compiled by it. What may mean something else is refused. Inside the tokenizer.
#ifndef DATA_PRETOKENIZE_REGEX_H
#define DATA_PRETOKENIZE_REGEX_H

#include "base/err.h"
#include "base/text.h"

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;
struct pcre2_real_general_context_8;

typedef struct regex {
  const char *source; // as in the file, for messages; the caller's
  struct pcre2_real_code_8 *code;
} regex;

// What one thread needs to match; zero-initialise. regex_work_free when done.
typedef struct regex_work {
  struct pcre2_real_match_data_8 *data;
  struct pcre2_real_match_context_8 *context;
} regex_work;
void regex_work_free(regex_work *w);

bool regex_compile(struct pcre2_real_general_context_8 *memory, const char *source, regex *r, err *e);
void regex_free(regex *r);
// pretokenize_unicode.c: members that the category of one or two letters has in Unicode 16.0, for the inside of a class.
void regex_put_newer(text *out, const char *category, size_t n);
bool regex_translate(const char *source, text *out, err *e); // the PCRE2 pattern

// The leftmost match in s[from..n) (valid UTF-8) to [*begin, *end); *found false where there is none. An error where
// PCRE2 gives up on a pattern that needs too many steps.
bool regex_find(const regex *r, regex_work *w, const char *s, uint64_t n, uint64_t from, bool *found, uint64_t *begin,
                uint64_t *end, err *e);

#endif
