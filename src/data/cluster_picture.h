// Groups of tasks as a picture: an SVG that needs nothing else, light or dark as its reader has it.
#ifndef DATA_CLUSTER_PICTURE_H
#define DATA_CLUSTER_PICTURE_H

#include "data/cluster_layout.h"

// Each task is a numbered circle in the disc of its group, and has a line in the list below; dashed lines lead from tasks near a
// border to what they are like in another group. Appended.
void cluster_picture_put(const task_texts *tasks, const task_similarity *s, const similar_groups *g, text *out);

#endif
