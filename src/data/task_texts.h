// What the tasks of a data set say: definition, and some of their examples as text. From this their similarity is told
// (task_similarity.h), for which no model or tokenizer is needed.
#ifndef DATA_TASK_TEXTS_H
#define DATA_TASK_TEXTS_H

#include "data/cluster_file.h"
#include "data/dataset.h"

enum { TASK_TEXT_BYTES = 2000, TASK_TEXT_MOST = 5000 }; // of one example that is looked at; tasks

typedef struct task_text {
  const char *name, *category; // category: what the rows say of their cluster, "" where they do not
  const char *definition;      // "" where there is none
  const char **samples;        // [n_samples]: prompt and answer
  uint32_t n_samples;
  uint64_t n; // examples
} task_text;

typedef struct task_texts {
  task_text *items; // [n], by name
  uint32_t n;
  uint64_t skipped_bad;
} task_texts;

// The training split of everything in `paths`. Of each task `per_task` examples are kept, drawn by options->seed and their number
// in the task. Of the options count those by which rows are read (conversations.h). Rows of token ids, which no text is left of,
// are refused.
bool task_texts_read(arena *a, const char *const *paths, uint64_t n_paths, const dataset_options *options, uint32_t per_task,
                     task_texts *out, err *e);

// The tasks' categories become their clusters of a file; those that it does not name have none.
void task_texts_take_clusters(task_texts *texts, const cluster_file *file);

#endif
