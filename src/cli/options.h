// The command line: flags from the option tables, and the help text made of them.
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "config/option.h"

typedef struct command_help {
  const char *usage;   // "vkift train --model PATH --data PATH[:WEIGHT] [options]"
  const char *about;   // a sentence or two
  const char *example; // one command line or more
} command_help;

typedef struct flag {
  const option *option;
  const option_set *set;
  const char *name, *value; // name as it was given, for messages
} flag;

// What stood on the command line, in its order.
typedef struct flags {
  flag *items;
  size_t n;
  const char *positional; // NULL: none
  bool help;              // --help was among them: nothing else counts
} flags;

// Reads the command line without storing anything yet, so that a file can be read first. positional: what one word
// without a flag may be ("RUN"); NULL: there may be none. Failures are wrong usage.
bool flags_read(arena *a, const option_set *sets, size_t n_sets, const char *positional, int argc, char **argv, flags *f, err *e);
// The last value given for the option called `name`; NULL when there is none.
const char *flags_value(const flags *f, const char *name);
// Stores them all. The first of a list replaces what a file said, the others add to it.
bool flags_store(arena *a, const flags *f, err *e);

// The help of a command, at most 80 columns wide. defaults[i] has the default values of sets[i].
void options_help(const command_help *help, const option_set *sets, const void *const *defaults, size_t n_sets, text *out);
// Prints it on stdout.
void options_print_help(const command_help *help, const option_set *sets, const void *const *defaults, size_t n_sets);

#endif
