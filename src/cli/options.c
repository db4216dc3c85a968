// Flags: --name value, --name=value, --name and --no-name for booleans; and --help.
#include "cli/options.h"

#include <stdio.h>
#include <string.h>

#include "config/names.h"

static bool usage(err *e) {
  if (e) e->usage = true;
  return false;
}

// --packing, --no-packing, --packing=false.
static const char *bool_value(const char *equals, bool negated) {
  if (negated) return "false";
  return equals ? equals + 1 : "true";
}

static bool read_flag(arena *a, const option_set *sets, size_t n_sets, int argc, char **argv, int *i, flags *f, err *e) {
  const char *given = argv[*i] + 2, *equals = strchr(given, '=');
  const char *name = equals ? arena_strndup(a, given, (size_t)(equals - given)) : given;
  flag *new = &f->items[f->n];
  new->name = arena_printf(a, "--%s", name);
  new->option = option_find(sets, n_sets, name, &new->set);
  bool negated = false;
  if (!new->option && !strncmp(name, "no-", 3)) {
    new->option = option_find(sets, n_sets, name + 3, &new->set);
    negated = new->option &&new->option->type == OPTION_BOOL;
    if (!negated) new->option = NULL;
  }
  if (!new->option) return names_unknown_option(sets, n_sets, "", name, true, e);
  if (negated && equals) return ERR(e, "%s: expected no value, found '%.200s'", new->name, equals + 1);

  const char *following = *i + 1 < argc ? argv[*i + 1] : NULL;
  bool optional = new->option->rules &OPTION_OPTIONAL_VALUE;
  if (new->option->type == OPTION_BOOL) {
    new->value = bool_value(equals, negated);
  } else if (equals) {
    new->value = equals + 1;
  } else if (following && strncmp(following, "--", 2) && !(optional && *following == '-')) {
    new->value = following;
    ++*i;
  } else if (optional) {
    new->value = "";
  } else {
    text expected = {0};
    option_describe(new->option, &expected);
    ERR(e, "%s: expected %s after it, found %s", new->name, expected.data, following ? following : "the end of the line");
    text_free(&expected);
    return false;
  }
  f->n++;
  return true;
}

bool flags_read(arena *a, const option_set *sets, size_t n_sets, const char *positional, int argc, char **argv, flags *f,
                err *e) {
  *f = (flags){.items = ARENA_ARRAY(a, flag, argc + 1)};
  for (int i = 0; i < argc && strcmp(argv[i], "--"); i++)
    if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) return f->help = true;
  bool words_only = false; // behind "--"
  for (int i = 0; i < argc; i++) {
    const char *word = argv[i];
    if (!words_only && !strcmp(word, "--")) {
      words_only = true;
    } else if (!words_only && !strncmp(word, "--", 2)) {
      if (!read_flag(a, sets, n_sets, argc, argv, &i, f, e)) return usage(e);
    } else if (!words_only && word[0] == '-' && word[1]) {
      ERR(e, "unknown option %.100s: options are words here (--help lists them)", word);
      return usage(e);
    } else if (!positional || f->positional) {
      ERR(e, "expected %s%s, found '%.200s'", positional ? "only one " : "options only", positional ? positional : "", word);
      return usage(e);
    } else {
      f->positional = word;
    }
  }
  return true;
}

const char *flags_value(const flags *f, const char *name) {
  const char *value = NULL;
  for (size_t i = 0; i < f->n; i++)
    if (!strcmp(f->items[i].option->name, name)) value = f->items[i].value;
  return value;
}

bool flags_store(arena *a, const flags *f, err *e) {
  for (size_t i = 0; i < f->n; i++) {
    const flag *g = &f->items[i];
    bool again = false;
    for (size_t j = 0; j < i; j++) again = again || f->items[j].option == g->option;
    if (!option_store(a, g->option, g->set->values, g->name, g->value, NULL, again, e)) return usage(e);
  }
  return true;
}

// --- help ------------------------------------------------------------------------------------------------------------

enum { HELP_WIDTH = 80, HELP_COLUMN = 30 }; // terminals open with 80 columns

// Words of `words` from column `at` on, broken before HELP_WIDTH and continued at column `indent`.
static void put_wrapped(text *out, const char *words, size_t at, size_t indent) {
  size_t column = at;
  for (const char *p = words; *p;) {
    size_t length = strcspn(p, " ");
    bool first = column == indent;
    if (!first && column + 1 + length > HELP_WIDTH) {
      text_printf(out, "\n%*s", (int)indent, "");
      column = indent;
    } else if (!first) {
      text_putc(out, ' ');
      column++;
    }
    text_put(out, p, length);
    column += length;
    p += length;
    while (*p == ' ') p++;
  }
  text_putc(out, '\n');
}

static void put_flag(text *out, const option *o) {
  text_puts(out, o->type == OPTION_BOOL ? "  --[no-]" : "  --");
  for (const char *p = o->name; *p; p++) text_putc(out, *p == '_' ? '-' : *p);
  if (o->type == OPTION_BOOL) return;
  bool optional = o->rules & OPTION_OPTIONAL_VALUE;
  text_puts(out, optional ? " [" : " ");
  if (o->value) {
    text_puts(out, o->value);
  } else if (o->type == OPTION_ENUM) {
    for (int i = 0; o->names[i]; i++) text_printf(out, "%s%s", i ? "|" : "", o->names[i]);
  } else {
    static const char *const by_type[] = {[OPTION_INTEGER] = "N", [OPTION_NUMBER] = "X",   [OPTION_TEXT] = "TEXT",
                                          [OPTION_PATH] = "PATH", [OPTION_LIST] = "NAMES", [OPTION_DATA] = "PATH[:WEIGHT]"};
    text_puts(out, by_type[o->type]);
  }
  if (optional) text_putc(out, ']');
}

static void put_option(text *out, const option *o, const void *defaults) {
  size_t start = out->length;
  put_flag(out, o);
  size_t width = out->length - start;
  if (width + 2 > HELP_COLUMN) {
    text_putc(out, '\n');
    width = 0;
  }
  text_printf(out, "%*s", (int)(HELP_COLUMN - width), "");
  text words = {0};
  text_puts(&words, o->help);
  text value = {0};
  if (o->unset) text_puts(&value, o->unset);
  else if (o->type == OPTION_BOOL) text_puts(&value, *(const bool *)((const char *)defaults + o->offset) ? "on" : "off");
  else option_format(o, defaults, &value);
  if (value.length) text_printf(&words, " [%s]", value.data);
  put_wrapped(out, words.data, HELP_COLUMN, HELP_COLUMN);
  text_free(&words), text_free(&value);
}

void options_help(const command_help *help, const option_set *sets, const void *const *defaults, size_t n_sets, text *out) {
  text_puts(out, "usage: ");
  put_wrapped(out, help->usage, 7, 7);
  text_putc(out, '\n');
  put_wrapped(out, help->about, 0, 0);
  const char *group = "";
  for (size_t s = 0; s < n_sets; s++) {
    for (const option *o = sets[s].options; o->name; o++) {
      if (strcmp(group, o->group)) text_printf(out, "\n%s\n", o->group);
      group = o->group;
      put_option(out, o, defaults[s]);
    }
  }
  text_printf(out, "\nWhat holds by default stands in [brackets].\n\nexample\n  %s\n", help->example);
}

void options_print_help(const command_help *help, const option_set *sets, const void *const *defaults, size_t n_sets) {
  text out = {0};
  options_help(help, sets, defaults, n_sets, &out);
  fwrite(out.data, 1, out.length, stdout);
  text_free(&out);
}
