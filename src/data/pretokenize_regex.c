#include "data/pretokenize_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

// White_Space, which is \s in Oniguruma. PCRE2's own \s has U+180E besides.
#define SPACES "\\t-\\r\\x{20}\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}"

enum { PATTERN_BYTES = 1 << 16, MATCH_STEPS = 10 * 1000 * 1000 };

// ---- translation ----

typedef struct reader {
  const char *source, *at;
  text *out;
  err *e;
} reader;

static bool refuse(const reader *r, const char *what) {
  return ERR(r->e, "the pattern has %s at byte %zu, which vkift does not support: %.200s", what, (size_t)(r->at - r->source),
             r->source);
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// \p{L}, \P{L}, \p{^L}, for a general category or a script. PCRE2 may know less of Unicode than `tokenizers` does, so a
// category becomes a class; ASCII letters and digits stand in it by themselves because PCRE2 is faster with these.
// PCRE2 takes a script by its extensions unless told otherwise.
static bool property(reader *r, bool in_class) {
  const char *name = r->at + 3, *close = r->at[2] == '{' ? strchr(name, '}') : NULL;
  if (!close) return refuse(r, "a property without braces");
  bool negated = r->at[1] == 'P';
  if (*name == '^') negated = !negated, name++;
  size_t n = (size_t)(close - name);
  for (size_t i = 0; i < n; i++)
    if (!is_letter(name[i]) && name[i] != '_') return refuse(r, "a property of an unknown form");
  if (negated && in_class) return refuse(r, "a negated set within a class");
  const char *common = n == 1 && *name == 'L' ? "a-zA-Z" : n == 1 && *name == 'N' ? "0-9" : "";
  text_printf(r->out, "%s%s\\p{%s%.*s}", in_class ? "" : negated ? "[^" : "[", common, n <= 2 ? "" : "sc:", (int)n, name);
  if (n <= 2) regex_put_newer(r->out, name, n);
  if (!in_class) text_putc(r->out, ']');
  r->at = close + 1;
  return true;
}

// \xHH, \x{H…}, \uHHHH.
static bool code_point(reader *r) {
  const char *digits = r->at + 2;
  bool braces = r->at[1] == 'x' && *digits == '{';
  if (braces) digits++;
  size_t n = 0, most = braces ? 8 : r->at[1] == 'x' ? 2 : 4;
  while (n < most && is_hex(digits[n])) n++;
  if (!n || (braces && digits[n] != '}') || (r->at[1] == 'u' && n < 4)) return refuse(r, "a character code of an unknown form");
  text_printf(r->out, "\\x{%.*s}", (int)n, digits);
  r->at = digits + n + braces;
  return true;
}

// An escape. *set: it stands for a set of characters.
static bool escape(reader *r, bool in_class, bool *set) {
  char c = r->at[1];
  *set = false;
  if (c == 'x' || c == 'u') return code_point(r);
  if (c && strchr("sSdDpP", c)) {
    *set = true;
    if (c == 'p' || c == 'P') return property(r, in_class);
    if (in_class && (c == 'S' || c == 'D')) return refuse(r, "a negated set within a class");
    text_printf(r->out, "%s%s", in_class ? "" : c == 'S' || c == 'D' ? "[^" : "[", c == 's' || c == 'S' ? SPACES : "\\p{Nd}");
    if (c == 'd' || c == 'D') regex_put_newer(r->out, "Nd", 2);
    if (!in_class) text_putc(r->out, ']');
  } else if (c == 'v') {
    text_puts(r->out, "\\x{0B}"); // one character in Oniguruma, a set in PCRE2
  } else if (c && strchr("nrtfae", c)) {
    text_printf(r->out, "\\%c", c);
  } else if (!c || is_letter(c) || is_digit(c) || (unsigned char)c >= 0x80) {
    return refuse(r, "an escape");
  } else {
    text_printf(r->out, "\\%c", c);
  }
  r->at += 2;
  return true;
}

// […]. Nested classes, intersections and POSIX names, which Oniguruma has there, are refused.
static bool class(reader *r) {
  text_putc(r->out, *r->at++);
  if (*r->at == '^') text_putc(r->out, *r->at++);
  if (*r->at == ']') return refuse(r, "an empty class");
  const char *first = r->at;
  while (*r->at != ']') {
    if (!*r->at) return refuse(r, "a class without end");
    if (*r->at == '[') return refuse(r, "a class within a class");
    if (*r->at == '&' && r->at[1] == '&') return refuse(r, "an intersection of classes");
    if (*r->at != '\\') {
      text_putc(r->out, *r->at++);
      continue;
    }
    bool set, behind_dash = r->at > first && r->at[-1] == '-' && r->at - 1 > first;
    TRY(escape(r, true, &set));
    if (set && (behind_dash || (*r->at == '-' && r->at[1] != ']'))) return refuse(r, "a set as the end of a range");
  }
  text_putc(r->out, *r->at++);
  return true;
}

static bool group(reader *r) {
  static const char *const known[] = {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!", "(?i:", "(?-i:"};
  if (r->at[1] != '?') {
    text_putc(r->out, *r->at++);
    return true;
  }
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    size_t n = strlen(known[i]);
    if (strncmp(r->at, known[i], n) != 0) continue;
    text_put(r->out, known[i], n);
    r->at += n;
    return true;
  }
  return refuse(r, "a group of an unknown form");
}

// {n}, {n,}, {n,m}; any other brace is itself. Lazy and possessive forms differ between the two, and {,m} too.
static bool interval(reader *r) {
  const char *p = r->at + 1;
  while (is_digit(*p)) p++;
  bool low = p > r->at + 1;
  if (*p == ',')
    for (p++; is_digit(*p);) p++;
  if (!low && *p == '}' && p > r->at + 1) return refuse(r, "an interval without a lower bound");
  if (!low || *p != '}') {
    text_puts(r->out, "\\{");
    r->at++;
    return true;
  }
  p++;
  if (*p == '?' || *p == '+' || *p == '*') return refuse(r, "a quantifier behind an interval");
  text_put(r->out, r->at, (size_t)(p - r->at));
  r->at = p;
  return true;
}

bool regex_translate(const char *source, text *out, err *e) {
  reader r = {.source = source, .at = source, .out = out, .e = e};
  if (strlen(source) > PATTERN_BYTES) return ERR(e, "a pattern of %zu bytes, expected at most %d", strlen(source), PATTERN_BYTES);
  while (*r.at) {
    bool set;
    switch (*r.at) {
      case '\\': TRY(escape(&r, false, &set)); break;
      case '[': TRY(class(&r)); break;
      case '(': TRY(group(&r)); break;
      case '{': TRY(interval(&r)); break;
      default: text_putc(out, *r.at++);
    }
  }
  return true;
}

// ---- PCRE2 ----

bool regex_compile(pcre2_general_context *memory, const char *source, regex *r, err *e) {
  text pattern = {0};
  *r = (regex){.source = source};
  pcre2_compile_context *context = pcre2_compile_context_create(memory);
  bool ok = context && regex_translate(source, &pattern, e);
  if (ok) {
    int code = 0;
    PCRE2_SIZE at = 0;
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    // ^ and $ are those of lines in Oniguruma's Ruby syntax.
    r->code = pcre2_compile((PCRE2_SPTR)pattern.data, pattern.length,
                            PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NO_AUTO_CAPTURE | PCRE2_NEVER_BACKSLASH_C, &code, &at,
                            context);
    if (r->code) {
      pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); // without it matching is slow, not wrong
    } else {
      PCRE2_UCHAR message[200] = "";
      pcre2_get_error_message(code, message, sizeof message);
      ok = ERR(e, "the pattern does not compile (%s): %.200s", (char *)message, source);
    }
  }
  pcre2_compile_context_free(context);
  text_free(&pattern);
  return ok && r->code;
}

void regex_free(regex *r) {
  pcre2_code_free(r->code);
  r->code = NULL;
}

void regex_work_free(regex_work *w) {
  pcre2_match_data_free(w->data);
  pcre2_match_context_free(w->context);
  *w = (regex_work){0};
}

bool regex_find(const regex *r, regex_work *w, const char *s, uint64_t n, uint64_t from, bool *found, uint64_t *begin,
                uint64_t *end, err *e) {
  if (!w->data) {
    w->data = pcre2_match_data_create(1, NULL);
    w->context = pcre2_match_context_create(NULL);
    REQUIRE(w->data && w->context, "out of host memory");
    pcre2_set_match_limit(w->context, MATCH_STEPS);
  }
  // The text was found to be UTF-8 once; checking it again for each match would make this quadratic.
  int code = pcre2_match(r->code, (PCRE2_SPTR)s, (PCRE2_SIZE)n, (PCRE2_SIZE)from, PCRE2_NO_UTF_CHECK, w->data, w->context);
  if (code == PCRE2_ERROR_JIT_STACKLIMIT)
    code = pcre2_match(r->code, (PCRE2_SPTR)s, (PCRE2_SIZE)n, (PCRE2_SIZE)from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, w->data,
                       w->context);
  *found = code >= 0;
  if (code < 0 && code != PCRE2_ERROR_NOMATCH) {
    PCRE2_UCHAR message[200] = "";
    pcre2_get_error_message(code, message, sizeof message);
    return ERR(e, "splitting the text at byte %llu failed (%s); the pattern is %.200s", (unsigned long long)from, (char *)message,
               r->source);
  }
  if (!*found) return true;
  const PCRE2_SIZE *range = pcre2_get_ovector_pointer(w->data);
  *begin = range[0];
  *end = range[1];
  return true;
}
