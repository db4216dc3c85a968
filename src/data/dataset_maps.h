// The mapped files in which the examples of a data set lie. Inside the data room.
#ifndef DATA_DATASET_MAPS_H
#define DATA_DATASET_MAPS_H

#include "base/file.h"
#include "data/dataset.h"

typedef struct dataset_maps {
  const struct dataset_maps *next;
  file_map *map;
} dataset_maps;

// The map is unmapped when the arena is freed.
void dataset_maps_add(arena *a, dataset *set, file_map *map);

#endif
