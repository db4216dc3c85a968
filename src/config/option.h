// Options as data. A table of them says everything there is to know of each: its name, type, range, default and help. From
// that one table come the command line (cli/options.c), the keys of YAML files and the config.yaml of a run (yaml.c), the
// help text, and every message about a wrong name or value.
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"

typedef enum option_type {
  OPTION_BOOL,    // bool
  OPTION_INTEGER, // int64_t
  OPTION_NUMBER,  // double
  OPTION_TEXT,    // const char *
  OPTION_PATH,    // const char *; in a file, relative to that file's directory
  OPTION_ENUM,    // an enum whose value i is called names[i]
  OPTION_LIST,    // vkift_strings; "a,b"
  OPTION_DATA,    // vkift_data_list; "PATH" or "PATH:weight"
} option_type;

enum {
  OPTION_ABOVE_LEAST = 1,     // the range does not include `least`
  OPTION_BELOW_MOST = 2,      // … nor `most`
  OPTION_FLAG_ONLY = 4,       // no key of a file
  OPTION_NOT_RECORDED = 8,    // a key, but not written to config.yaml: it names the run itself
  OPTION_OPTIONAL_VALUE = 16, // the flag may stand without a value, which then is ""
  OPTION_WHOLE = 32           // LIST: each flag gives one item, commas and all
};

// One option. A table of them ends with one whose name is NULL.
typedef struct option {
  const char *name; // as a key: learning_rate. The flag is --learning-rate
  option_type type;
  size_t offset;                    // of its field in the struct that the table is for
  double least, most;               // INTEGER, NUMBER: what may be given. Where both are 0: anything finite
  unsigned rules;                   // OPTION_…
  const char *const *names;         // ENUM: the values, NULL at the end. PATH: words that are no paths
  const char *unset;                // what holds while it is not given, where the field's default does not say it
  const char *group, *value, *help; // heading, placeholder (NULL: by type), one sentence in lower case
} option;

// A table with the struct that it fills. A command has one or more.
typedef struct option_set {
  const option *options;
  void *values;
} option_set;

// The option called `name` (learning_rate or learning-rate) and the set that it is in. NULL when there is none.
const option *option_find(const option_set *sets, size_t n_sets, const char *name, const option_set **in);

// Stores `given` in the option's field of `values`. `where` begins the message ("--lora-r", "train.yaml:7: lora_r");
// relative paths are taken from `dir` ("" or NULL: as they are). LIST and DATA: adds to what `append` says is there.
bool option_store(arena *a, const option *o, void *values, const char *where, const char *given, const char *dir, bool append,
                  err *e);
// DATA: one entry with its weight given apart.
bool option_add_data(arena *a, const option *o, void *values, const char *where, const char *path, double weight, const char *dir,
                     err *e);
// LIST: one entry as it is, also with a comma. The word for what holds when nothing is given empties the list.
bool option_add_name(arena *a, const option *o, void *values, const char *where, const char *name, err *e);
// Whether what the fields hold may be given, or is their default in `defaults`: for values that came through the API.
bool option_check(const option *options, const void *values, const void *defaults, err *e);

// The field's value as it would be given ("" for strings and lists that are not).
void option_format(const option *o, const void *values, text *out);
bool option_is_default(const option *o, const void *values, const void *defaults);
// "a number above 0 and at most 1", "one of cosine, linear, constant": for messages and help.
void option_describe(const option *o, text *out);
void number_format(double value, text *out); // the shortest form that reads back as the same number

#endif
