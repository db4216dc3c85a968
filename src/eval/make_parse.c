#include "eval/make_parse.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "base/unicode.h"

typedef enum label { LABEL_NONE = -1, LABEL_INSTRUCTION, LABEL_INPUT, LABEL_OUTPUT, N_FIELDS, LABEL_EXPLANATION } label;

static const struct {
  const char *word;
  label is;
  bool lenient; // only where there is no "Output:"
} labels[] = {
    {"instruction", LABEL_INSTRUCTION, false}, {"input", LABEL_INPUT, false},  {"output", LABEL_OUTPUT, false},
    {"explanation", LABEL_EXPLANATION, false}, {"answer", LABEL_OUTPUT, true}, {"response", LABEL_OUTPUT, true},
};
static const char marks[] = " \t*#>-_`";

// The label that a line begins with; *rest is what follows it.
static label label_of(const char *line, bool lenient, const char **rest) {
  static const char wide_colon[] = "\xEF\xBC\x9A";
  line += strspn(line, marks);
  for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
    const size_t n = strlen(labels[i].word);
    if ((labels[i].lenient && !lenient) || strncasecmp(line, labels[i].word, n)) continue;
    const char *at = line + n;
    at += strspn(at, " 0123456789*_`");
    if (*at == ':') at++;
    else if (!strncmp(at, wide_colon, 3)) at += 3;
    else continue;
    *rest = at + strspn(at, "*_`");
    return labels[i].is;
  }
  return LABEL_NONE;
}

static const char *trimmed(arena *a, const text *t) {
  size_t begin = 0, end = t->length;
  uint32_t code = 0;
  int length;
  while ((length = utf8_decode(t->data + begin, end - begin, &code)) && utf8_is_space(code)) begin += (size_t)length;
  for (size_t last = end; last > begin; end = last) {
    do last--;
    while (last > begin && ((unsigned char)t->data[last] & 0xC0) == 0x80);
    if (!utf8_decode(t->data + last, end - last, &code) || !utf8_is_space(code)) break;
  }
  return arena_strndup(a, t->data + begin, end - begin);
}

// Line by line; what stands before the first label is passed over.
static make_fields take_apart(arena *a, const char *written, bool lenient) {
  text parts[N_FIELDS] = {{0}};
  bool found[N_FIELDS] = {false}, followed = false;
  label now = LABEL_NONE;
  for (const char *line = written, *next; *line; line = next) {
    const char *end = strchr(line, '\n'), *rest = line;
    next = end ? end + 1 : line + strlen(line);
    const label at = label_of(line, lenient, &rest);
    if (at == LABEL_EXPLANATION && found[LABEL_OUTPUT]) break;
    if (at == LABEL_OUTPUT && found[at]) {
      found[at] = false; // which of two is the answer?
      break;
    }
    if (at >= 0 && at < N_FIELDS) {
      followed = found[LABEL_OUTPUT];
      if (followed || found[at]) break; // another example
      found[now = at] = true;
    } else {
      rest = line;
    }
    if (now >= 0 && next > rest) text_put(&parts[now], rest, (size_t)(next - rest));
  }
  const char *fields[N_FIELDS] = {NULL};
  for (int i = 0; i < N_FIELDS; i++) {
    if (found[i]) text_puts(&parts[i], ""), fields[i] = trimmed(a, &parts[i]);
    text_free(&parts[i]);
  }
  return (make_fields){fields[LABEL_INSTRUCTION], fields[LABEL_INPUT], fields[LABEL_OUTPUT], followed};
}

// "…" with a line's end before the first "Output:" within a line.
static const char *split_line(arena *a, const char *written) {
  const char *at = strstr(written, " Output:");
  return at ? arena_printf(a, "%.*s\n%s", (int)(at - written), written, at + 1) : written;
}

make_fields make_parse(arena *a, const char *written) {
  make_fields f = take_apart(a, written, false);
  if (!f.output) f = take_apart(a, split_line(a, written), false);
  if (!f.output) f = take_apart(a, written, true);
  return f;
}

bool make_parse_is_none(const char *input) {
  static const char *const words[] = {"none",   "none.",           "n/a", "<noinput>", "no input", "(none)",
                                      "[none]", "no input needed", "-"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!strcasecmp(input, words[i])) return true;
  return false;
}

const char *make_parse_clean(arena *a, const char *bytes, size_t length) {
  static const char replacement[] = "\xEF\xBF\xBD";
  text clean = {0};
  text_puts(&clean, "");
  for (size_t at = 0; at < length;) {
    const int n = bytes[at] ? utf8_decode(bytes + at, length - at, NULL) : 0;
    if (n) text_put(&clean, bytes + at, (size_t)n);
    else text_puts(&clean, replacement);
    at += n ? (size_t)n : 1;
  }
  const char *kept = arena_strdup(a, clean.data);
  text_free(&clean);
  return kept;
}
