#include "report/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/show.h"

// Digits, with "−" for "-" and without the zeros of an exponent: 1.5e-4.
static void put_plain(text *out, const char *digits) {
  if (*digits == '-') text_puts(out, "\xE2\x88\x92"), digits++;
  const char *e = strchr(digits, 'e');
  text_put(out, digits, e ? (size_t)(e - digits) : strlen(digits));
  if (!e) return;
  text_putc(out, 'e');
  if (*++e == '-') text_putc(out, '-');
  for (e++; *e == '0' && e[1]; e++) continue;
  text_puts(out, e);
}

static void put_decimals(text *out, double v, int digits) {
  char buffer[64];
  if (fabs(v) < 1e15) snprintf(buffer, sizeof buffer, "%.*f", digits, v);
  else snprintf(buffer, sizeof buffer, "%.*e", digits, v);
  if (strtod(buffer, NULL) == 0 && *buffer == '-') memmove(buffer, buffer + 1, strlen(buffer)); // no "−0.0"
  put_plain(out, buffer);
}

static void put_count(text *out, double v) {
  if (fabs(v) < 9e15) put_plain(out, show_count((int64_t)llround(v)).text);
  else put_decimals(out, v, 0);
}

static void put_digits(text *out, double v, int digits) {
  char buffer[64];
  const double size = fabs(v);
  if (v == 0 || (size >= 1e-3 && size < 1e6)) {
    const int exponent = v == 0 ? 0 : (int)floor(log10(size)), decimals = digits - 1 - exponent;
    put_decimals(out, v, decimals > 0 ? decimals : 0);
    return;
  }
  snprintf(buffer, sizeof buffer, "%.*e", digits - 1, v);
  put_plain(out, buffer);
}

static void put_time(text *out, double seconds) {
  if (!(seconds >= 0 && seconds < 1e12)) {
    put_decimals(out, seconds, 1);
    text_puts(out, " s");
    return;
  }
  if (seconds < 59.95) {
    text_printf(out, "%.1f s", seconds);
    return;
  }
  const long long whole = llround(seconds), minutes = llround(seconds / 60);
  if (whole < 3600) text_printf(out, "%lld min %02lld s", whole / 60, whole % 60);
  else text_printf(out, "%lld h %02lld min", minutes / 60, minutes % 60);
}

void number_put(text *out, double v, number_form form, int digits) {
  if (!isfinite(v)) {
    text_puts(out, "\xE2\x80\x93");
    return;
  }
  switch (form) {
    case NUMBER_COUNT: put_count(out, v); break;
    case NUMBER_DECIMALS: put_decimals(out, v, digits); break;
    case NUMBER_SIGNED: {
      const size_t begin = out->length;
      put_decimals(out, v, digits);
      if (v > 0 && strtod(out->data + begin, NULL) > 0) {
        text sign = {0};
        text_printf(&sign, "+%s", out->data + begin);
        out->length = begin;
        text_puts(out, sign.data);
        text_free(&sign);
      }
      break;
    }
    case NUMBER_DIGITS: put_digits(out, v, digits); break;
    case NUMBER_PERCENT:
      put_decimals(out, 100 * v, digits);
      text_puts(out, "\xC2\xA0%");
      break;
    case NUMBER_BYTES:
      if (v >= 0 && v < 0x1p63) text_puts(out, show_bytes((uint64_t)v).text);
      else put_digits(out, v, 3);
      break;
    case NUMBER_TIME: put_time(out, v); break;
  }
}

void number_put_tick(text *out, double value, double step) {
  if (fabs(value) < step / 1e3) value = 0;
  char buffer[64];
  if (value != 0 && (fabs(value) >= 1e7 || step < 1e-3)) {
    int decimals = (int)(floor(log10(fabs(value)) + 1e-9) - floor(log10(step) + 1e-9));
    do snprintf(buffer, sizeof buffer, "%.*e", decimals > 0 ? decimals : 0, value);
    while (decimals-- > 0 && strstr(buffer, "0e")); // 1e-3 rather than 1.0e-3
    put_plain(out, buffer);
  } else if (step >= 1) {
    put_count(out, value);
  } else {
    put_decimals(out, value, value == 0 ? 0 : (int)ceil(-log10(step) - 1e-9));
  }
}

double number_nice(double wanted) {
  const double ten = pow(10, floor(log10(wanted))), of_ten = wanted / ten;
  return ten * (of_ten <= 1 + 1e-9 ? 1 : of_ten <= 2 + 1e-9 ? 2 : of_ten <= 5 + 1e-9 ? 5 : 10);
}
