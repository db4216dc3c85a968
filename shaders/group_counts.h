// A dispatch whose workgroups along one dimension are those that its live rows need (src/graph/indirect.c).
#ifndef GROUP_COUNTS_H
#define GROUP_COUNTS_H
#include "lib/types.h"

struct live_groups {
  uint groups[3];          // what the dispatch reads: as many as all rows need, until group_counts_fill has been there
  uint along;              // the dimension that grows with the rows
  uint live;               // which live count limits them
  uint first, rows;        // the rows that the dispatch takes at most
  uint per_row, per_group; // what a row has, and how much of it a workgroup takes
};

struct group_counts_params {
  uint n; // dispatches in the table
};

#endif
