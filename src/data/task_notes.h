// What is known of tasks beside their examples: a YAML file of task names, each with
//
//   capitals:
//     definition: You are given a country; say its capital.
//     things_to_avoid: Other cities.
//     personas: [You are a geography teacher.]
//
// It holds for the examples of that task (of that file, where rows name no task) which do not say the same themselves.
#ifndef DATA_TASK_NOTES_H
#define DATA_TASK_NOTES_H

#include "data/formats.h"

typedef struct task_note {
  const char *task, *definition, *avoid; // definition, avoid: NULL where it has none
  strings personas;
} task_note;

typedef struct task_notes {
  task_note *items; // [n], by name
  uint64_t n;
  uint64_t hash; // of what the file says
} task_notes;

bool task_notes_read(arena *a, const char *path, task_notes *notes, err *e);
const task_note *task_notes_find(const task_notes *notes, const char *task); // NULL where there is none
// Fills in what the example does not have. notes may be NULL.
void task_notes_add(const task_notes *notes, const char *task, raw_example *x);

#endif
