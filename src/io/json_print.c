// Writing JSON for people and for other tools: two spaces of indentation, as Python's json.dumps(indent=2) prints it.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "io/json.h"

void json_put_bytes(text *out, const char *bytes, size_t length) {
  static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
  text_putc(out, '"');
  for (size_t i = 0; i < length;) {
    const int n = utf8_decode(bytes + i, length - i, NULL);
    const char *short_form = n == 1 && bytes[i] ? strchr(plain, bytes[i]) : NULL;
    if (short_form) text_putc(out, '\\'), text_putc(out, letters[short_form - plain]);
    else if (n == 1 && (unsigned char)bytes[i] < 0x20) text_printf(out, "\\u%04x", bytes[i]);
    else if (n) text_put(out, bytes + i, (size_t)n);
    else text_puts(out, "\xEF\xBF\xBD");
    i += n ? (size_t)n : 1;
  }
  text_putc(out, '"');
}

void json_put_string(text *out, const char *string) {
  json_put_bytes(out, string, strlen(string));
}

// The shortest decimal that reads back as the same number; JSON has no NaN and no infinity: null.
void json_put_number(text *out, double v) {
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
      json_put_string(out, item->string);
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
  else if (cJSON_IsString(v)) json_put_string(out, v->valuestring);
  else if (cJSON_IsNumber(v)) json_put_number(out, v->valuedouble);
  else if (cJSON_IsRaw(v)) text_puts(out, v->valuestring);
  else text_puts(out, cJSON_IsTrue(v) ? "true" : cJSON_IsFalse(v) ? "false" : "null");
}

void json_number_as_text(cJSON *number, const char *digits, size_t length) {
  REQUIRE(cJSON_IsNumber(number), "JSON type %d", number->type);
  char *copy = cJSON_malloc(length + 1); // which cJSON_Delete frees
  REQUIRE(copy, "out of host memory for a number");
  memcpy(copy, digits, length);
  copy[length] = 0;
  number->type = (number->type & ~0xFF) | cJSON_Raw;
  number->valuestring = copy;
}

// The next number in JSON text: its first character, or NULL. Strings are passed over.
static const char *next_number(const char *s) {
  bool in_string = false;
  for (; *s; s++) {
    if (in_string && *s == '\\' && s[1]) s++;
    else if (*s == '"') in_string = !in_string;
    else if (!in_string && (*s == '-' || (*s >= '0' && *s <= '9'))) return s;
  }
  return NULL;
}

static void keep_numbers(cJSON *v, const char **source) {
  for (; v; v = v->next) {
    if (cJSON_IsNumber(v)) {
      const char *first = next_number(*source);
      REQUIRE(first, "a number that the text has not");
      const size_t length = strspn(first, "+-.0123456789eE");
      json_number_as_text(v, first, length);
      *source = first + length;
    }
    keep_numbers(v->child, source);
  }
}

void json_keep_numbers(cJSON *root, const char *source) {
  keep_numbers(root, &source);
}

void json_print(const cJSON *value, text *out) {
  print_value(value, 0, out);
  text_putc(out, '\n');
}
