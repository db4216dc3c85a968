// Global functions: jinja2's that templates use, and transformers' raise_exception and strftime_now.
#define _GNU_SOURCE
#include <string.h>
#include <time.h>

#include "io/quote.h"
#include "jinja/interp.h"

#define FUNCTION(name) \
  static bool function_##name(interp *in, value self, const value x[NATIVE_PARAMETERS], const arguments *all, value *out)
#define UNUSED (void)in, (void)self, (void)x, (void)all, (void)out

FUNCTION(range) {
  UNUSED;
  int64_t start = 0, stop, step;
  if (!given(x[1])) {
    TRY(given_int(in, "range", x[0], 0, &stop));
  } else {
    TRY(given_int(in, "range", x[0], 0, &start));
    TRY(given_int(in, "range", x[1], 0, &stop));
  }
  TRY(given_int(in, "range", x[2], 1, &step));
  if (!step) return interp_fail(in, "range() arg 3 must not be zero");
  // Unsigned, so that the distance of any two numbers fits.
  uint64_t stride = step < 0 ? 0 - (uint64_t)step : (uint64_t)step;
  uint64_t distance = step < 0 ? (uint64_t)start - (uint64_t)stop : (uint64_t)stop - (uint64_t)start;
  uint64_t n = (step < 0 ? stop < start : start < stop) ? (distance - 1) / stride + 1 : 0;
  if (n > INTERP_RANGE)
    return interp_fail(in, "Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).", INTERP_RANGE);
  *out = value_list_new(in->a, VALUE_LIST);
  for (uint64_t i = 0; i < n; i++) TRY(interp_append(in, *out, value_int((int64_t)((uint64_t)start + i * (uint64_t)step))));
  return true;
}

// The pairs of a dict that may be given, then the keywords.
static bool fill(interp *in, value dict, const arguments *all) {
  if (all->n > 1) return interp_fail(in, "expected at most one argument without a name, found %llu", (unsigned long long)all->n);
  if (all->n && all->items[0].kind == VALUE_UNDEFINED) return access_undefined(in, all->items[0]);
  value_list *items = NULL;
  if (all->n && all->items[0].kind == VALUE_DICT) {
    const value_dict *d = all->items[0].dict;
    for (uint64_t i = 0; i < d->n; i++) TRY(interp_put(in, dict, d->pairs[i].key, d->pairs[i].value));
  } else if (all->n) {
    TRY(access_items(in, all->items[0], &items));
  }
  for (uint64_t i = 0; items && i < items->n; i++) {
    if (!value_is_sequence(items->items[i]) || items->items[i].list->n != 2)
      return interp_fail(in, "expected pairs to make a dict of");
    TRY(interp_put(in, dict, items->items[i].list->items[0], items->items[i].list->items[1]));
  }
  for (uint64_t i = 0; all->names && i < all->names->n; i++)
    TRY(interp_put(in, dict, value_text(all->names->items[i]->name), all->keywords[i]));
  return true;
}

FUNCTION(dict) {
  UNUSED;
  *out = value_dict_new(in->a);
  return fill(in, *out, all);
}

FUNCTION(namespace) {
  UNUSED;
  *out = value_dict_new(in->a);
  out->kind = VALUE_NAMESPACE;
  return fill(in, *out, all);
}

FUNCTION(raise_exception) {
  UNUSED;
  value message;
  TRY(print_string(in, x[0], &message));
  char shown[1024];
  size_t n = 0;
  for (uint64_t i = 0; i < message.length && n + 1 < sizeof shown; i++) {
    unsigned char c = (unsigned char)message.bytes[i];
    shown[n++] = c < 0x20 || c == 0x7F ? ' ' : (char)c; // nothing that could drive the terminal
  }
  while (n && n + 1 == sizeof shown && ((unsigned char)shown[n - 1] & 0xC0) == 0x80) n--;
  shown[n] = 0;
  return interp_fail(in, "%s", shown);
}

FUNCTION(strftime_now) {
  UNUSED;
  char format[128], shown[512];
  TRY(need_string(in, "strftime_now", x[0]));
  if (x[0].length + 2 > sizeof format)
    return interp_fail(in, "strftime_now: expected a format of at most %zu bytes", sizeof format - 2);
  memcpy(format, x[0].bytes, x[0].length);
  memcpy(format + x[0].length, ".", 2); // so that an empty result can be told from one that does not fit
  const time_t now = in->time ? (time_t)*in->time : time(NULL);
  struct tm local;
  if (!(in->time ? gmtime_r(&now, &local) : localtime_r(&now, &local)))
    return interp_fail(in, "strftime_now: the time of this machine cannot be read");
  size_t n = strftime(shown, sizeof shown, format, &local);
  if (!n) return interp_fail(in, "strftime_now: expected a result of at most %zu bytes", sizeof shown - 2);
  *out = value_string(arena_strndup(in->a, shown, n - 1), n - 1, ORIGIN_TEMPLATE);
  return true;
}

const native functions_table[] = {
    {"range", function_range, 1, {"start", "stop", "step"}},
    {"dict", function_dict, -1, {0}},
    {"namespace", function_namespace, -1, {0}},
    {"raise_exception", function_raise_exception, 1, {"message"}},
    {"strftime_now", function_strftime_now, 1, {"format"}},
    {0},
};
