// The options of a crossval beside those of training: their table, and the config.yaml of its directory.
#ifndef CONFIG_CROSSVAL_OPTIONS_H
#define CONFIG_CROSSVAL_OPTIONS_H

#include "config/option.h"
#include "vkift.h"

extern const option crossval_option_table[]; // of vkift_crossval_options, what `train` in it does not hold

// Ranges, and options that contradict each other, those of training too. A failure is wrong usage.
bool crossval_options_check(const vkift_crossval_options *options, err *e);

// Each path from the root on, where there is something: rows are known by the names of their files.
void crossval_options_make_absolute(arena *a, vkift_crossval_options *options);

// Written whole or not at all, with the options of training; read back into defaults. A file of another command is refused.
bool crossval_options_write(const char *path, const vkift_crossval_options *options, err *e);
bool crossval_options_read(arena *a, const char *path, vkift_crossval_options *options, err *e);

// Whether a crossval that began with `then` (of the file `path`) may go on with `now`: only what no result depends on may differ.
bool crossval_options_same(const char *path, const vkift_crossval_options *then, const vkift_crossval_options *now, err *e);

#endif
