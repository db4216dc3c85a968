// The pages of a report, and the sections that they share.
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "io/json.h"
#include "report/best_worst.h"
#include "report/doc.h"
#include "report/history.h"
#include "report/results.h"
#include "vkift.h"

struct cJSON;

// A run directory as it was found. Files that are not there are NULL or empty: runs of older versions have fewer.
typedef struct page_run {
  arena *memory;
  const char *dir, *name; // name: the directory's last part
  char *config;           // config.yaml as text; NULL: none
  json facts, data;       // run.json, data.json; root NULL: none
  best_worst predictions;
} page_run;

// --- a training run: page_train.c, page_data.c
bool page_train(doc *d, page_run *r, err *e);
// What was trained on: counts, lengths, rows, tasks, examples with what carries loss.
bool page_data(doc *d, const page_run *r, err *e);
// Device memory by kind.
bool page_memory(doc *d, const page_run *r, err *e);

// Of a classifier with these labels, where there are few: which of them texts were given (page_classes.c).
bool page_classes(doc *d, const page_run *r, const vkift_strings *labels, err *e);

// --- a cross-validation: page_crossval.c, page_bars.c
bool page_crossval(doc *d, page_run *r, err *e);
void page_score_bars(doc *d, const results *r);
void page_difference_bars(doc *d, const results *r);

// --- both: page_parts.c
// A section with the best and the worst predictions of each cluster; nothing where there are none.
void page_predictions(doc *d, const page_run *r, bool by_cluster);
void page_prediction_group(doc *d, const prediction_group *g);
// Version, device, command line, config.yaml.
bool page_again(doc *d, const page_run *r, err *e);
// A number of run.json or data.json: "{file}:/{object}/{key}". NaN where it is not there.
bool page_fact(const json *file, const char *object, const char *key, double *value, err *e);

#endif
