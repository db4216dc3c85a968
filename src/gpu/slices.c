// Which parts of recordings are submitted together: as many as the device should take no longer for than a slice may last,
// by what they took before. Every slice is measured, so that a device that slows down (heat, another program) soon gets
// shorter ones.
//
// A slower slice counts at once, a faster one slowly: too short a slice costs little, too long a one the device. What a
// slice took corrects its own parts; those that come after it in the same run were measured when it was too, so a slice
// that lasted too long makes the run expect of them what it saw of that one (`pace`).
#include "gpu/internal.h"

void slice_begin_run(run_slice *s, uint64_t number) {
  *s = (run_slice){.parts = s->parts, .number = number, .pace = 1};
}

// Parts without a measured time run alone; a part twice in a row (a recording given twice) cannot share a slice.
bool slice_takes(const run_slice *s, const recording_part *p, double limit) {
  if (!s->n) return true;
  const bool known = p->seconds >= 0 && s->parts[0]->seconds >= 0;
  return known && p->slice != s->number && s->pace * (s->expected + p->seconds) <= limit;
}

void slice_add(run_slice *s, recording_part *p) {
  s->parts[s->n++] = p;
  if (p->seconds > 0) s->expected += p->seconds;
  p->slice = s->number;
}

void slice_ran(run_slice *s, double seconds, double limit, uint64_t next) {
  const bool known = s->parts[0]->seconds >= 0;
  const double ratio = seconds / (s->expected + 1e-9);
  if (known && seconds > limit && ratio > s->pace) s->pace = ratio;
  else if (known) s->pace = s->pace + ratio > 2 ? (s->pace + ratio) / 2 : 1;
  if (s->n == 1) s->parts[0]->seconds = seconds;
  for (uint32_t i = 0; s->n > 1 && i < s->n; i++) s->parts[i]->seconds *= ratio < 1 ? 0.75 + 0.25 * ratio : ratio;
  s->n = 0;
  s->expected = 0;
  s->number = next;
}
