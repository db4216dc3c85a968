// Numbers as a report shows them.
#ifndef REPORT_NUMBER_H
#define REPORT_NUMBER_H

#include "base/text.h"

typedef enum number_form {
  NUMBER_COUNT,    // 12,345
  NUMBER_DECIMALS, // 12.34: `digits` behind the point
  NUMBER_SIGNED,   // … with its sign: +1.20, −0.35
  NUMBER_DIGITS,   // 0.0123, 1.50e-4: `digits` that count
  NUMBER_PERCENT,  // 12.3 % of a share between 0 and 1
  NUMBER_BYTES,    // 1.5 MiB
  NUMBER_TIME,     // 42.1 s, 2 min 51 s, 3 h 07 min
} number_form;

// Appends it in UTF-8; an en dash for what is not finite.
void number_put(text *out, double value, number_form form, int digits);
// A mark of an axis whose marks stand `step` apart.
void number_put_tick(text *out, double value, double step);
// The least of 1, 2, 5 · 10ⁿ that is at least `wanted` (above 0).
double number_nice(double wanted);

#endif
