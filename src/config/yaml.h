// Option files: YAML whose keys are the options with underscores, read strictly and written so that it reads back the same.
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include "config/option.h"

// Stores what the file at `path` says into the sets. One mapping of keys to values; lists only where an option takes one.
// Values are type-checked; unknown and repeated keys, anchors, aliases, tags and further documents are refused with their
// line. `null` leaves an option as it is. Relative paths are taken from the file's directory. At most 1 MiB.
bool yaml_read(arena *a, const char *path, const option_set *sets, size_t n_sets, err *e);

// Appends all options of a table as YAML, under their groups' headings. What is not given and will be chosen is written
// as a comment. Paths are written absolute, so that the file means the same wherever it is read from.
bool yaml_write(const option *options, const void *values, const void *defaults, text *out, err *e);

// "…" with what YAML has to have escaped.
bool yaml_quote(const char *string, text *out, err *e);

#endif
