// Numbers as people read them.
#ifndef BASE_SHOW_H
#define BASE_SHOW_H

#include <stdint.h>

typedef struct shown {
  char text[32];
} shown;

shown show_time(double seconds);  // "0:42", "12:05", "3:07:20"; "?" when not finite
shown show_count(int64_t count);  // "12,345"
shown show_bytes(uint64_t bytes); // "1.5 GiB"

#endif
