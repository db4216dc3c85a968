// Lists of strings that an example carries.
#ifndef DATA_STRINGS_H
#define DATA_STRINGS_H

#include <stdint.h>

#include "base/arena.h"

typedef struct strings {
  const char *const *items;
  uint32_t n;
} strings;

// The same in one piece of memory: the strings behind one another, each with a NUL at its end.
typedef struct packed_strings {
  uint32_t n, bytes; // bytes: of data
  char data[];
} packed_strings;

packed_strings *packed_strings_of(arena *a, strings all); // NULL where there is none

// The string behind `s`: for (s = p->data, i = 0; i < p->n; s = packed_next(s), i++).
const char *packed_next(const char *s);

#endif
