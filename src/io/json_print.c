// JSON for people and for other tools: two spaces of indentation, as Python's json.dumps(indent=2) prints it.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "io/json.h"

void json_print_string(const char *s, text *out) {
  text_putc(out, '"');
  for (; *s; s++) {
    const unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\') text_printf(out, "\\%c", c);
    else if (c == '\n') text_puts(out, "\\n");
    else if (c == '\t') text_puts(out, "\\t");
    else if (c == '\r') text_puts(out, "\\r");
    else if (c < 0x20 || c == 0x7f) text_printf(out, "\\u%04x", c);
    else text_putc(out, (char)c);
  }
  text_putc(out, '"');
}

// The shortest decimal that reads back as the same number; JSON has no NaN and no infinity: null.
void json_print_number(double v, text *out) {
  char digits[40];
  if (!isfinite(v)) {
    text_puts(out, "null");
    return;
  }
  if (v == floor(v) && fabs(v) < 9007199254740992.0) {
    text_printf(out, "%.0f", v);
    return;
  }
  for (int precision = 1; precision <= 17; precision++) {
    snprintf(digits, sizeof digits, "%.*g", precision, v);
    if (strtod(digits, NULL) == v) break;
  }
  text_puts(out, digits);
}

static void print_value(const cJSON *v, int depth, text *out);

static void print_items(const cJSON *v, char open, char close, int depth, text *out) {
  text_putc(out, open);
  for (const cJSON *item = v->child; item; item = item->next) {
    text_printf(out, "\n%*s", 2 * (depth + 1), "");
    if (open == '{') {
      json_print_string(item->string, out);
      text_puts(out, ": ");
    }
    print_value(item, depth + 1, out);
    if (item->next) text_putc(out, ',');
  }
  if (v->child) text_printf(out, "\n%*s", 2 * depth, "");
  text_putc(out, close);
}

static void print_value(const cJSON *v, int depth, text *out) {
  if (cJSON_IsObject(v)) print_items(v, '{', '}', depth, out);
  else if (cJSON_IsArray(v)) print_items(v, '[', ']', depth, out);
  else if (cJSON_IsString(v)) json_print_string(v->valuestring, out);
  else if (cJSON_IsNumber(v)) json_print_number(v->valuedouble, out);
  else text_puts(out, cJSON_IsTrue(v) ? "true" : cJSON_IsFalse(v) ? "false" : "null");
}

void json_print(const cJSON *value, text *out) {
  print_value(value, 0, out);
  text_putc(out, '\n');
}
