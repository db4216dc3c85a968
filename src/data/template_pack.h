// Template packs: instruction data out of labelled data. A pack is a YAML file of phrasings for one task; a row of a data set
// (JSON Lines, CSV or TSV) goes through one of them, drawn by the seed and the row's place, or through several.
//
//   pack: NAME or FILE          takes all of another pack (NAME: a built-in one); what follows replaces its fields, and
//                               templates are added
//   data: FILE                  the labelled data, from the pack's directory on; or {train: FILE, valid: FILE, test: FILE}
//   columns: {ours: theirs}     names for columns; "{{ expression }}" computes one. Either refers to the row as the packs see it
//                               that take from this one: the row itself, with their columns over it
//   task, cluster, source       of the examples; task: the name of the file that was given
//   definition                  the task in a sentence or two
//   things_to_avoid             what a wrong answer would do
//   personas: [TEXT, …]         roles that the answer fits
//   choices: [TEXT, …]          the answers to choose from; or "{{ expression }}" that gives a row's list of them
//   label: COLUMN               the column that holds the right choice: its text; or, as a mapping,
//     column: COLUMN
//     values: {VALUE: CHOICE}   what each value of the column means (choices that are written out only)
//     as: FORM                  text (the choice itself), index (from 0), index_from_1, or letter (A, B, … or 1, 2, …)
//   references: "{{ … }}"       a row's list of right answers, which its examples carry (`--accuracy` compares with the answer only)
//   templates_per_row: N        different phrasings of each row, or `all`; 1 unless given. --eval-split keeps those of a row together
//   templates:                  at least one
//     - name: TEXT
//       prompt: JINJA           the user's turn
//       answer: JINJA           the assistant's
//       options: WHEN           whether the choices are shown: true, false (unless given) or both (it counts as two phrasings)
//       inverted: true          it asks for the input, given the output: the task's name gets "_inverted"
//       choices: [TEXT, …]      other words for the pack's choices, in their order; [] where the answer is none of them
//       definition, things_to_avoid, personas    instead of the pack's, which an inverted template does not take
//
// In JINJA stand the row's columns by their names, `row` (all of them: row["odd name"]), `choices`, `answer_choice` (the right
// one) and `options` (the choices as lines "- choice", or "" where they are not shown). A prompt that shows options without
// naming them gets them as a paragraph at its end. What is undefined is an error; null in JSON counts as undefined. White space
// around a prompt and an answer is taken off; neither may be empty.
#ifndef DATA_TEMPLATE_PACK_H
#define DATA_TEMPLATE_PACK_H

#include "data/formats.h"

typedef struct jinja_template jinja_template; // jinja.h

typedef enum label_form { LABEL_TEXT, LABEL_INDEX, LABEL_INDEX_FROM_1, LABEL_LETTER, LABEL_VALUES } label_form;

typedef struct pack_column {
  const char *ours, *theirs;
  const jinja_template *computed; // else NULL
  uint32_t depth;                 // of the file that says so: 0 for the one that was given, 1 for that which it takes from, …
} pack_column;

typedef struct pack_label {
  const char *column; // NULL: the pack has no label
  label_form form;
  const char *const *values; // [n]: in the data
  uint32_t *meant;           // [n]: the choice of each, from 0
  uint32_t n;
} pack_label;

// One way to put a row into words.
typedef struct pack_template {
  const char *name;
  const char *file; // of the pack that has it
  const jinja_template *prompt, *answer;
  bool inverted, shows_options, adds_options;
  bool has_choices, has_personas; // its own
  strings choices, personas;
  const char *definition, *avoid; // its own; NULL
} pack_template;

typedef struct template_pack {
  const char *file;
  const char *task, *cluster, *source, *definition, *avoid; // NULL where the pack has none; task: never
  const char *inverted_task;
  strings personas;
  pack_column *columns; // [n_columns]
  uint32_t n_columns, n_files;
  strings choices;                      // written out
  const jinja_template *row_choices;    // or computed; else NULL
  const jinja_template *row_references; // NULL where there is none
  pack_label label;
  pack_template *templates; // [n_templates]; one with `options: both` stands twice
  uint32_t n_templates;
  uint32_t per_row;    // of them for a row
  const char *data[3]; // paths of train, valid and test; NULL where the pack names none
  uint64_t hash;       // of all that it says, its packs too: for whoever keeps what was made with it
} template_pack;

// Whether `path` is called one: *.yaml, *.yml.
bool template_pack_is(const char *path);
// Reads and checks a pack and what it takes from others; everything lives in `a`. Messages: "file: field: expected …".
bool template_pack_read(arena *a, const char *path, template_pack **out, err *e);
// The data file for "train", "valid" or "test".
bool template_pack_data(const template_pack *p, const char *split, const char **path, err *e);

// template_pack_row.c: which of its templates the row at `place` goes through: chosen[p->per_row].
void template_pack_draw(const template_pack *p, uint64_t seed, uint64_t place, uint32_t *chosen);
// A row through template i: everything of `out` but its format and place. Messages begin with the row's origin. Strings live
// in `a` or in the row.
bool template_pack_render(arena *a, const template_pack *p, const json *row, uint32_t i, raw_example *out, err *e);

#endif
