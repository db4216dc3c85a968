// The tasks of a data set in clusters, so that whole clusters can be held out (fold.h). Which task is in which cluster comes from
// the rows themselves (`cluster`, or a task file's first category), or from a file (cluster_file.h).
#ifndef DATA_CLUSTERS_H
#define DATA_CLUSTERS_H

#include "data/cluster_file.h"
#include "data/dataset.h"

typedef struct cluster_task {
  const char *name;
  const char *category; // what its rows say of their cluster, whichever it is in; "" where they do not
  uint32_t cluster;
  uint64_t n; // examples
} cluster_task;

typedef struct cluster_item {
  const char *name, *metric;  // metric: as the file has it; NULL: it follows from the tasks
  const uint32_t *tasks;      // [n_tasks]
  const uint32_t *neighbours; // [n_neighbours]: clusters that are not trained on while this one is held out
  uint32_t n_tasks, n_neighbours;
  uint64_t n; // examples
} cluster_item;

// Examples share what the set's example_origin says: one of these for each of those.
typedef struct cluster_origin {
  const example_origin *origin;
  uint32_t task;
  const uint32_t *sources; // [n_sources]: numbers of the data sets that it comes from
  uint32_t n_sources;
} cluster_origin;

typedef struct clusters {
  const dataset *set;
  const char *path;    // of the file; NULL: from the rows
  cluster_item *items; // [n]: with examples; in the file's order, or by name
  cluster_task *tasks; // [n_tasks], by name
  uint32_t n, n_tasks;
  strings without_task; // clusters of the file of whose tasks there is no example: left out
  strings without_data; // tasks of the file of which there is no example: ignored
  // for folds
  cluster_origin *origins; // [n_origins]
  uint32_t n_origins, n_sources;
  uint32_t *table; // [mask + 1] of origins, counted from 1, by their address
  uint64_t mask;
} clusters;

// file NULL: from the rows. Tasks in no cluster, and tasks whose rows name several, are errors that list them. The set must stay
// as it is, and neither it nor the file may go before the clusters do.
//
// A source is a data set: "a, b" are two, and case does not count.
bool clusters_make(arena *a, const dataset *set, const cluster_file *file, clusters *out, err *e);

// Of an example of the set.
const cluster_origin *clusters_origin(const clusters *c, const example *x);

// What was left out and ignored: "; 2 clusters of FILE have no task here: a, b; …". Nothing where all is well. Appended.
void clusters_describe_lost(const clusters *c, text *out);

#endif
