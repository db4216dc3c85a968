#include "data/augment_rows.h"

#include "data/encode.h"

typedef struct offer {
  const dataset_options *options;
  augment *to;
} offer;

// What is asked in the evaluation is not shown with its answer.
static bool is_asked(const dataset_options *o, const formats_row *row, const raw_example *raw) {
  if (!o->n_asked) return false;
  arena *a = arena_new("a demonstration");
  masked m;
  encode_losses losses;
  err unused = {0};
  bool asked = true; // what cannot be told is no demonstration either
  if (encode_example(a, o, row, raw, &m, &losses, &unused)) asked = dataset_is_asked(o, encode_hash_prompt(&m));
  arena_free(a);
  return asked;
}

static row_outcome offer_one(void *user, const formats_row *row, raw_example *raw, uint32_t place, err *e) {
  const offer *o = user;
  if (raw->format == DATA_SUPERNI || !raw->n_messages) return ERR(e, "no demonstrations"), ROW_STOP; // all rows are like it
  if (augment_wants(o->to, raw, place) && !is_asked(o->options, row, raw)) augment_offer(o->to, raw, place);
  return ROW_TAKEN;
}

augment *augment_rows_open(const rows_reading *of, const char *name, const void *data, uint64_t size) {
  augment *g = augment_new(of->options, name);
  if (!augment_needs_pool(g)) return g;
  dataset_options options = *of->options;
  options.skip_bad_examples = true;
  options.watch = NULL;
  offer o = {of->options, g};
  err unused = {0};
  rows_reading first = {
      .options = &options, .on = offer_one, .user = &o, .done_bytes = of->done_bytes, .total_bytes = of->total_bytes};
  if (data) rows_read_memory(&first, name, data, size, &unused);
  else rows_read(&first, name, &unused);
  return g;
}
