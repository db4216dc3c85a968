// Rises linearly from 0 over the warm-up, then
//   cosine    ½ (1 + cos(π p))      linear    1 − p      constant  1
// with p the share of the steps after the warm-up that are done. The first step of a warm-up has rate 0.
#include "train/schedule.h"

#include <math.h>

uint64_t schedule_warmup_steps(double ratio, uint64_t total_steps) {
  const uint64_t steps = (uint64_t)ceil(ratio * (double)total_steps);
  return steps < total_steps || !total_steps ? steps : total_steps - 1;
}

double schedule_rate(const schedule *s, uint64_t done) {
  if (done < s->warmup_steps) return s->learning_rate * (double)done / (double)s->warmup_steps;
  const uint64_t rest = s->total_steps > s->warmup_steps ? s->total_steps - s->warmup_steps : 1;
  const double p = fmin(1.0, (double)(done - s->warmup_steps) / (double)rest);
  switch (s->kind) {
    case SCHEDULE_COSINE: return s->learning_rate * 0.5 * (1 + cos(3.14159265358979323846 * p));
    case SCHEDULE_LINEAR: return s->learning_rate * (1 - p);
    default: return s->learning_rate;
  }
}
