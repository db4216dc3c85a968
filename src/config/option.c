// Values of options: from text into the field, from the field to text, and what may be given.
#include "config/option.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "vkift.h"

static void *field(const option *o, void *values) {
  return (char *)values + o->offset;
}

static const void *field_const(const option *o, const void *values) {
  return (const char *)values + o->offset;
}

// Enums are ints to every compiler that vkift is built with; copying avoids caring about their declared type.
_Static_assert(sizeof(vkift_method) == sizeof(int), "enums are ints");

static int enum_get(const option *o, const void *values) {
  int i;
  memcpy(&i, field_const(o, values), sizeof i);
  return i;
}

static bool name_matches(const char *option_name, const char *given) {
  for (; *option_name && *given; option_name++, given++)
    if (*option_name != (*given == '-' ? '_' : *given)) return false;
  return !*option_name && !*given;
}

const option *option_find(const option_set *sets, size_t n_sets, const char *name, const option_set **in) {
  for (size_t s = 0; s < n_sets; s++) {
    for (const option *o = sets[s].options; o->name; o++) {
      if (!name_matches(o->name, name)) continue;
      if (in) *in = &sets[s];
      return o;
    }
  }
  return NULL;
}

// --- what may be given -----------------------------------------------------------------------------------------------

static bool has_range(const option *o) {
  return o->least != 0 || o->most != 0;
}

static bool in_range(const option *o, double v) {
  if (!isfinite(v)) return false;
  if (!has_range(o)) return true;
  bool low = (o->rules & OPTION_ABOVE_LEAST) ? v > o->least : v >= o->least;
  bool high = (o->rules & OPTION_BELOW_MOST) ? v < o->most : v <= o->most;
  return low && high;
}

void option_describe(const option *o, text *out) {
  switch (o->type) {
    case OPTION_BOOL: text_puts(out, "true or false"); return;
    case OPTION_TEXT: text_puts(out, "a text"); return;
    case OPTION_PATH: text_puts(out, "a path"); return;
    case OPTION_LIST: text_puts(out, "a list of names"); return;
    case OPTION_DATA: text_puts(out, "a path, or path:weight with a weight above 0"); return;
    case OPTION_ENUM:
      for (int i = 0; o->names[i]; i++) text_printf(out, "%s%s", i ? ", " : "one of ", o->names[i]);
      return;
    case OPTION_INTEGER:
    case OPTION_NUMBER: break;
  }
  text_puts(out, o->type == OPTION_INTEGER ? "a whole number" : "a number");
  if (!has_range(o)) return;
  text_puts(out, (o->rules & OPTION_ABOVE_LEAST) ? " above " : o->most < INFINITY ? " from " : " of at least ");
  number_format(o->least, out);
  if (!(o->most < INFINITY)) return;
  text_puts(out, (o->rules & OPTION_BELOW_MOST) ? " and below " : (o->rules & OPTION_ABOVE_LEAST) ? " and at most " : " to ");
  number_format(o->most, out);
}

static bool refuse(const option *o, const char *where, const char *given, err *e) {
  text expected = {0};
  option_describe(o, &expected);
  ERR(e, "%s: expected %s, found '%.200s'", where, expected.data, given);
  text_free(&expected);
  return false;
}

// --- from text -------------------------------------------------------------------------------------------------------

// Plain decimal notation only: what strtod also takes (hexadecimal, "inf", leading space) is a slip here.
static bool read_number(const char *given, double *value) {
  if (!*given || strspn(given, "0123456789+-.eE") != strlen(given)) return false;
  char *end;
  *value = strtod(given, &end);
  return !*end && isfinite(*value);
}

static bool read_integer(const char *given, int64_t *value) {
  const char *digits = given + (*given == '-');
  if (!*digits || strspn(digits, "0123456789") != strlen(digits)) return false;
  errno = 0;
  long long v = strtoll(given, NULL, 10);
  *value = v;
  return !errno;
}

static bool is_word(const option *o, const char *given) {
  for (int i = 0; o->names && o->names[i]; i++)
    if (!strcmp(o->names[i], given)) return true;
  return false;
}

static const char *path_from(arena *a, const option *o, const char *dir, const char *given) {
  bool as_it_is = !dir || !*dir || !*given || *given == '/' || is_word(o, given);
  return as_it_is ? arena_strdup(a, given) : path_join(a, dir, given);
}

bool option_add_data(arena *a, const option *o, void *values, const char *where, const char *path, double weight, const char *dir,
                     err *e) {
  if (!*path) return ERR(e, "%s: expected a path, found nothing", where);
  if (!(weight > 0) || !isfinite(weight)) return ERR(e, "%s: expected a weight above 0, found %g", where, weight);
  vkift_data_list *list = field(o, values);
  vkift_data *items = ARENA_ARRAY(a, vkift_data, list->n + 1);
  if (list->n) memcpy(items, list->items, list->n * sizeof *items);
  items[list->n] = (vkift_data){path_from(a, o, dir, path), weight};
  *list = (vkift_data_list){items, list->n + 1};
  return true;
}

// "PATH" or "PATH:weight": only a final ":number" is a weight, so that other colons stay part of the path.
static bool store_data(arena *a, const option *o, void *values, const char *where, const char *given, const char *dir, err *e) {
  const char *colon = strrchr(given, ':');
  double weight = 1;
  bool weighted = colon && read_number(colon + 1, &weight);
  const char *path = weighted ? arena_strndup(a, given, (size_t)(colon - given)) : given;
  return option_add_data(a, o, values, where, path, weighted ? weight : 1, dir, e);
}

static bool empties_list(const option *o, vkift_strings *list, const char *given) {
  if ((o->rules & OPTION_WHOLE) || !o->unset || strcmp(given, o->unset)) return false;
  *list = (vkift_strings){0};
  return true;
}

static void add_name(arena *a, vkift_strings *list, const char *name, size_t length) {
  const char **items = ARENA_ARRAY(a, const char *, list->n + 1);
  if (list->n) memcpy(items, list->items, list->n * sizeof *items);
  items[list->n] = arena_strndup(a, name, length);
  *list = (vkift_strings){items, list->n + 1};
}

bool option_add_name(arena *a, const option *o, void *values, const char *where, const char *name, err *e) {
  vkift_strings *list = field(o, values);
  if (!*name) return ERR(e, "%s: expected a name, found nothing", where);
  if (!empties_list(o, list, name)) add_name(a, list, name, strlen(name));
  return true;
}

// "a,b": adds each. The word for what holds when nothing is given ("all-linear") empties the list.
static bool store_list(arena *a, const option *o, void *values, const char *where, const char *given, err *e) {
  vkift_strings *list = field(o, values);
  const bool whole = o->rules & OPTION_WHOLE;
  if (empties_list(o, list, given)) return true;
  for (const char *p = given;; p++) {
    size_t length = whole ? strlen(p) : strcspn(p, ",");
    if (!length && whole) return ERR(e, "%s: expected a text, found an empty one", where);
    if (!length) return ERR(e, "%s: expected names with commas between them, found '%.200s'", where, given);
    add_name(a, list, p, length);
    p += length;
    if (!*p) return true;
  }
}

bool option_store(arena *a, const option *o, void *values, const char *where, const char *given, const char *dir, bool append,
                  err *e) {
  void *to = field(o, values);
  switch (o->type) {
    case OPTION_BOOL:
      if (strcmp(given, "true") && strcmp(given, "false")) return refuse(o, where, given, e);
      return *(bool *)to = *given == 't', true;
    case OPTION_INTEGER: {
      int64_t v;
      if (!read_integer(given, &v) || !in_range(o, (double)v)) return refuse(o, where, given, e);
      return *(int64_t *)to = v, true;
    }
    case OPTION_NUMBER: {
      double v;
      if (!read_number(given, &v) || !in_range(o, v)) return refuse(o, where, given, e);
      return *(double *)to = v, true;
    }
    case OPTION_TEXT: return *(const char **)to = arena_strdup(a, given), true;
    case OPTION_PATH:
      if (!*given && !(o->rules & OPTION_OPTIONAL_VALUE)) return refuse(o, where, given, e);
      return *(const char **)to = path_from(a, o, dir, given), true;
    case OPTION_ENUM:
      for (int i = 0; o->names[i]; i++)
        if (!strcmp(o->names[i], given)) return memcpy(to, &i, sizeof i), true;
      return refuse(o, where, given, e);
    case OPTION_LIST:
      if (!append) *(vkift_strings *)to = (vkift_strings){0};
      return store_list(a, o, values, where, given, e);
    case OPTION_DATA:
      if (!append) *(vkift_data_list *)to = (vkift_data_list){0};
      return store_data(a, o, values, where, given, dir, e);
  }
  return false;
}

// --- to text ---------------------------------------------------------------------------------------------------------

void number_format(double value, text *out) {
  char digits[40];
  for (int precision = 1; precision <= 17; precision++) {
    snprintf(digits, sizeof digits, "%.*g", precision, value);
    if (strtod(digits, NULL) == value) break;
  }
  text_puts(out, digits);
}

void option_format(const option *o, const void *values, text *out) {
  const void *from = field_const(o, values);
  switch (o->type) {
    case OPTION_BOOL: text_puts(out, *(const bool *)from ? "true" : "false"); return;
    case OPTION_INTEGER: text_printf(out, "%lld", (long long)*(const int64_t *)from); return;
    case OPTION_NUMBER: number_format(*(const double *)from, out); return;
    case OPTION_TEXT:
    case OPTION_PATH: text_puts(out, *(const char *const *)from ? *(const char *const *)from : ""); return;
    case OPTION_ENUM: text_puts(out, o->names[enum_get(o, values)]); return;
    case OPTION_LIST: {
      const vkift_strings *list = from;
      for (size_t i = 0; i < list->n; i++) text_printf(out, "%s%s", i ? "," : "", list->items[i]);
      return;
    }
    case OPTION_DATA: {
      const vkift_data_list *list = from;
      for (size_t i = 0; i < list->n; i++) {
        text_printf(out, "%s%s:", i ? "," : "", list->items[i].path);
        number_format(list->items[i].weight, out);
      }
      return;
    }
  }
}

bool option_is_default(const option *o, const void *values, const void *defaults) {
  text a = {0}, b = {0};
  option_format(o, values, &a);
  option_format(o, defaults, &b);
  bool same = a.length == b.length && (!a.length || !memcmp(a.data, b.data, a.length));
  text_free(&a), text_free(&b);
  return same;
}

bool option_check(const option *options, const void *values, const void *defaults, err *e) {
  for (const option *o = options; o->name; o++) {
    bool good = true;
    if (o->type == OPTION_INTEGER) good = in_range(o, (double)*(const int64_t *)field_const(o, values));
    if (o->type == OPTION_NUMBER) good = in_range(o, *(const double *)field_const(o, values));
    if (o->type == OPTION_ENUM) {
      int n = 0;
      while (o->names[n]) n++;
      if (enum_get(o, values) < 0 || enum_get(o, values) >= n) return ERR(e, "%s: no value of this enum", o->name);
    }
    if (good || option_is_default(o, values, defaults)) continue;
    text found = {0};
    option_format(o, values, &found);
    refuse(o, o->name, found.data, e);
    text_free(&found);
    return false;
  }
  return true;
}
