// The options of training: their table, and the config.yaml of a run.
#ifndef CONFIG_TRAIN_OPTIONS_H
#define CONFIG_TRAIN_OPTIONS_H

#include "config/option.h"
#include "vkift.h"

extern const option train_option_table[];  // of vkift_train_options
extern const option source_option_table[]; // of vkift_source

// What values of enums are called, NULL at the end.
extern const char *const objective_names[];
extern const char *const method_names[];
extern const char *const data_format_names[];
extern const char *const excess_names[];
extern const char *const train_on_names[];
extern const char *const weight_type_names[];
extern const char *const source_type_names[]; // weight types that vkift makes of any model's weights
extern const char *const quantize_names[];
extern const char *const metric_names[];
extern const char *const template_names[];
extern const char *const tristate_names[];

// Ranges, and options that contradict each other. A failure is wrong usage.
bool train_options_check(const vkift_train_options *options, err *e);
bool train_options_check_plan(const vkift_train_options *options, err *e); // the same, but data may be absent

// The directory of a run that holds what it trained: "adapter" or "model".
const char *train_options_output(const vkift_train_options *options);

// A run's config.yaml: written whole or not at all, and read back into defaults, with strings in the arena.
bool train_options_write(const char *path, const vkift_train_options *options, err *e);
bool train_options_read(arena *a, const char *path, vkift_train_options *options, err *e);

#endif
