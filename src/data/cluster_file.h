// Which tasks belong together: a file of clusters. YAML, or JSON where the name ends in .json; three forms, told by their shape:
//
//   paraphrase:                             entailment: [rte, cb]             {"rte": "entailment",
//     tasks: [glue_mrpc, paws_wiki]         paraphrase: [glue_mrpc]            "glue_mrpc": "paraphrase"}
//     metric: accuracy                      (FLAN's: the same as the value
//     neighbours: [entailment]               of a key "clusters", beside
//                                            strings about where it is from)
//
// Neighbours are symmetric, whichever of the two names the other. Each task stands in one cluster, once. A cluster may have no
// task: it holds for data to come.
#ifndef DATA_CLUSTER_FILE_H
#define DATA_CLUSTER_FILE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/text.h"
#include "data/strings.h"

enum { CLUSTER_FILE_BYTES = 16 << 20 }; // the longest JSON file that is read; YAML ends at YAML_FILE_BYTES

typedef struct cluster_entry {
  const char *name, *metric; // metric: as it stands there, NULL where the file does not say
  strings tasks, neighbours; // neighbours: names of other entries of the same file, as this one has them
} cluster_entry;

typedef struct cluster_file {
  const char *path;     // for messages
  cluster_entry *items; // [n], in the file's order
  uint32_t n;
} cluster_file;

bool cluster_file_read(arena *a, const char *path, cluster_file *file, err *e);
// As YAML, which reads back as the same. Appended.
void cluster_file_put(const cluster_file *file, text *out);

#endif
