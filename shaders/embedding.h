#include "lib/types.h"

struct embedding_params {
  uint rows, dim; // of y: tokens, features. Backward: distinct ids
  uint live;
  uint first_id, n_ids; // the window of the table that is bound
  float scale;
};
