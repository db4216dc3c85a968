// The options of a crossval beside those of training: their table, and the config.yaml of its directory.
#ifndef CONFIG_CROSSVAL_OPTIONS_H
#define CONFIG_CROSSVAL_OPTIONS_H

#include "config/option.h"
#include "vkift.h"

extern const option crossval_option_table[]; // of vkift_crossval_options, what `train` in it does not hold

// Ranges, and options that contradict each other, those of training too. A failure is wrong usage.
bool crossval_options_check(const vkift_crossval_options *options, err *e);

// Written whole or not at all, with the options of training.
bool crossval_options_write(const char *path, const vkift_crossval_options *options, err *e);

#endif
