// Errors. Two kinds, never mixed:
//   the world's fault (files, devices, users)  → a bool function returns false and fills an `err` that main.c prints;
//   our own bug                                → REQUIRE prints place and values, and aborts.
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

// What went wrong, as one message for the person at the terminal. Zero-initialise: err e = {0};
typedef struct err {
  bool failed;
  bool usage;         // wrong usage of the command line: exit status 2 instead of 1
  char message[1500]; // one paragraph, no final newline; names file, place, expected and found
} err;

// Stores a message; callers write: return ERR(e, "…"). The first message wins: what happens while cleaning up after a
// failure never hides its cause. `e` may be NULL.
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void err_set(err *e, const char *format, ...);

// Puts "prefix: " before a message that is already set (a file's name, say). Returns false.
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
bool err_prefix(err *e, const char *format, ...);

// The value false is in sight of the compiler, which then knows what a failed function did not fill in.
static inline bool err_false(void) {
  return false;
}
#define ERR(e, ...) (err_set((e), __VA_ARGS__), err_false())

// Forward a failure: out of the function, or to its one cleanup label.
#define TRY(call)              \
  do {                         \
    if (!(call)) return false; \
  } while (0)
#define TRY_OR(call, label)  \
  do {                       \
    if (!(call)) goto label; \
  } while (0)

// An invariant of ours. The message says which object broke it, with its values.
#define REQUIRE(condition, ...)                                                    \
  do {                                                                             \
    if (!(condition)) require_failed(__FILE__, __LINE__, #condition, __VA_ARGS__); \
  } while (0)
#if defined(__GNUC__)
__attribute__((noreturn, format(printf, 4, 5)))
#endif
void require_failed(const char *file, int line, const char *condition, const char *format, ...);

#endif
