// Values of a template: Python's, as far as chat templates see them. Every byte of a string knows where it came from.
#ifndef JINJA_VALUE_H
#define JINJA_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct cJSON;

// An origin is 0 for text of the template, else whatever number the caller gave to a string (a message's index + 1, say).
// Above it stands whether the byte was written inside {% generation %}.
enum { ORIGIN_TEMPLATE = 0 };
#define ORIGIN_GENERATED 0x80000000u

typedef enum value_kind {
  VALUE_UNDEFINED,
  VALUE_NONE,
  VALUE_BOOL,
  VALUE_INT,
  VALUE_FLOAT,
  VALUE_STRING,
  VALUE_LIST,
  VALUE_TUPLE,
  VALUE_GENERATOR, // what map, select and items give: true, without a length, and read once
  VALUE_DICT,
  VALUE_NAMESPACE,
  VALUE_MACRO,
  VALUE_LOOP,
  VALUE_FUNCTION, // a global function
  VALUE_METHOD    // of a string, list or dict, with its object
} value_kind;

typedef struct value value;
typedef struct value_list value_list;
typedef struct value_dict value_dict;

struct value {
  uint8_t kind;
  bool markup;     // of a string: `safe`, which turns what is added to it into HTML
  uint32_t origin; // of all of it where `origins` is NULL; of a list or dict: of the punctuation that it is printed with
  uint32_t length; // of a string, in bytes
  union {
    bool boolean;
    int64_t integer;
    double number;
    const char *bytes;  // of a string: UTF-8, not NUL-terminated
    const char *hint;   // of an undefined value: what is undefined, for messages
    value_list *list;   // list, tuple, generator
    value_dict *dict;   // dict, namespace
    const void *object; // macro, loop, function, method
  };
  const uint32_t *origins; // of a string with bytes of several origins: [length]
};

struct value_list {
  value *items;
  uint64_t n, capacity;
  bool spent; // a generator that was read
};

typedef struct value_pair {
  value key, value;
} value_pair;

// In the order in which keys were first put.
struct value_dict {
  value_pair *pairs;
  uint64_t n, capacity;
};

value value_undefined(const char *hint);
value value_none(void);
value value_bool(bool b);
value value_int(int64_t i);
value value_float(double d);
value value_string(const char *bytes, uint64_t length, uint32_t origin); // kept, not copied; less than 2^32 bytes
value value_text(const char *string);                                    // the template's own, NUL-terminated
value value_list_new(arena *a, value_kind kind);
value value_dict_new(arena *a);
void value_append(arena *a, value list, value item);
// The pair's value is replaced where the key is there. *work, here and below, grows with the time that was taken.
void value_put(arena *a, value dict, value key, value item, uint64_t *work);
void value_put_text(arena *a, value dict, const char *key, value item);
const value *value_find(value dict, value key, uint64_t *work); // NULL where there is none
// JSON with `origin` on all of it; strings are copied. Keys are not looked for twice: JSON from io/json.h has none twice.
value value_from_json(arena *a, const struct cJSON *json, uint32_t origin);

bool value_is_number(value v);   // bool, int, float
bool value_is_sequence(value v); // list, tuple, generator
bool value_true(value v);
double value_number(value v); // of a number
// Python's ==. Structures deeper or larger than any sane one (they can share their parts) are unequal.
bool value_equal(value a, value b, uint64_t *work);
// Python's < of two numbers, strings or sequences; false where the two have no order, without a message.
bool value_less(value a, value b, bool *less, uint64_t *work);
const char *value_type_name(value v);       // as Python has it: "str", "dict", …
bool value_is(value v, const char *string); // a string of just these bytes

// Characters of a string. Slices of a string keep its origins.
value value_slice(value s, uint64_t from, uint64_t to); // bytes
uint32_t value_origin_at(value s, uint64_t byte);
uint64_t value_characters(value s);

#endif
