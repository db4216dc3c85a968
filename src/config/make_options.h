// The options of vkift_data_make as a table: flags of the command, ranges, and what a journal says of the command that it is of.
#ifndef CONFIG_MAKE_OPTIONS_H
#define CONFIG_MAKE_OPTIONS_H

#include "config/option.h"
#include "vkift.h"

// Of vkift_make_options, without its source. Options that no row depends on by itself (files, whose bytes count; how many rows)
// have the rule OPTION_NOT_RECORDED.
extern const option make_option_table[];

#endif
