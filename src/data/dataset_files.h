// Which files `--data` and `--eval-data` stand for.
#ifndef DATA_DATASET_FILES_H
#define DATA_DATASET_FILES_H

#include "base/arena.h"
#include "base/err.h"
#include "data/dataset.h"

typedef struct dataset_files {
  char **paths;
  uint64_t n;
  uint64_t n_missing;               // names in a list of tasks that have no file
  bool are_tasks;                   // of Super-NaturalInstructions
  const struct template_pack *pack; // whose data the one file is; else NULL
} dataset_files;

// In this order:
//   a file                                        itself
//   a template pack (NAME.yaml)                   the data file that it names for the split
//   a list of task names, one a line (NAME.txt)   their files NAME.json in tasks/ beside the list, or two levels above it
//                                                 (the official splits/default/train_tasks.txt), or in its own directory
//   a directory with <split>.jsonl                that file
//   a directory with splits/default/              the split's list there: train_tasks.txt, dev_tasks.txt, test_tasks.txt
//   a directory with task*.json or tasks/         all of these task files, by name
//   a directory with other NAME.jsonl             all of them, by name: a file for each task
// `split`: "train", "valid" or "test".
bool dataset_files_find(arena *a, const char *path, const char *split, dataset_files *files, err *e);
// Where they are a template pack's data, the options get it. It says what its rows become: no format goes with it.
bool dataset_files_set_pack(const dataset_files *files, const char *path, dataset_options *o, err *e);

#endif
