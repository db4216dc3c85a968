// Wrong names of options: the nearest known one, and what other trainers' names for the same thing are called here.
#ifndef CONFIG_NAMES_H
#define CONFIG_NAMES_H

#include "config/option.h"

// Fails with "<where>unknown option --lora-rnak: did you mean --lora-r?". as_flag: names are shown as flags, else as keys
// of a file, then only those that may stand there are proposed.
bool names_unknown_option(const option_set *sets, size_t n_sets, const char *where, const char *given, bool as_flag, err *e);

#endif
