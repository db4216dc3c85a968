// Pre-tokenised rows and segments: the row itself says which of it carries loss, and no prompt is put around it.
#include <math.h>
#include <stdio.h>

#include "data/formats_parts.h"

// --- pre-tokenised ---

static bool read_id(const json *d, const char *key, uint32_t i, const cJSON *item, double least, uint32_t vocab_size, int32_t *id,
                    err *e) {
  double value = cJSON_IsNumber(item) ? item->valuedouble : NAN, end = fmin(vocab_size, INT32_MAX);
  if (value >= least && value < end && value == floor(value) && (value >= 0 || value == least)) return *id = (int32_t)value, true;
  char where[64], expected[64];
  snprintf(where, sizeof where, "%s[%u]", key, i);
  snprintf(expected, sizeof expected, "%s below %u", least < 0 ? "-100 or a token id" : "a token id", vocab_size);
  return formats_unexpected(d, where, expected, item, e);
}

static bool read_ids(arena *a, const json *d, const char *key, double least, uint32_t vocab_size, int32_t **ids, uint32_t *n,
                     err *e) {
  cJSON *list;
  TRY(json_array(d, d->root, "", key, &list, e));
  *n = (uint32_t)cJSON_GetArraySize(list);
  *ids = ARENA_ARRAY(a, int32_t, *n);
  uint32_t i = 0;
  const cJSON *item;
  cJSON_ArrayForEach(item, list) {
    TRY(read_id(d, key, i, item, least, vocab_size, &(*ids)[i], e));
    i++;
  }
  return true;
}

// Labels are aligned with the ids (the trainer shifts), so that each is −100 or its own id. Nothing predicts the first
// token: its label says nothing.
bool formats_read_tokens(arena *a, const json *d, const dataset_options *o, raw_example *out, err *e) {
  TRY(read_ids(a, d, "input_ids", 0, o->vocab_size, &out->ids, &out->n_ids, e));
  if (!out->n_ids) return ERR(e, "%s: input_ids: expected at least one token, found an empty array", d->origin);
  out->target = ARENA_ARRAY(a, uint8_t, out->n_ids);
  if (o->all_tokens && !formats_field(d->root, "labels")) return true;
  int32_t *labels;
  uint32_t n;
  TRY(read_ids(a, d, "labels", -100, o->vocab_size, &labels, &n, e));
  if (n != out->n_ids) return ERR(e, "%s: labels: expected as many as input_ids, %u, found %u", d->origin, out->n_ids, n);
  for (uint32_t i = 1; i < n; i++) {
    out->target[i] = labels[i] != -100;
    if (labels[i] != -100 && labels[i] != out->ids[i])
      return ERR(e,
                 "%s: labels[%u]: expected -100 or the token's own id, %d, found %d (labels stand beside their tokens; they are "
                 "shifted in training)",
                 d->origin, i, out->ids[i], labels[i]);
  }
  return true;
}

// --- segments ---

bool formats_read_segments(arena *a, const json *d, const dataset_options *o, raw_example *out, err *e) {
  cJSON *list;
  TRY(json_array(d, d->root, "", "segments", &list, e));
  if (!list->child) return ERR(e, "%s: segments: expected at least one segment, found an empty array", d->origin);
  out->segments = ARENA_ARRAY(a, segment, cJSON_GetArraySize(list));
  uint32_t n_trained = 0;
  const cJSON *item;
  cJSON_ArrayForEach(item, list) {
    char where[64];
    snprintf(where, sizeof where, "segments[%u]", out->n_segments);
    segment *s = &out->segments[out->n_segments++];
    if (!cJSON_IsObject(item)) return formats_unexpected(d, where, "an object with \"label\" and \"text\"", item, e);
    TRY(json_bool(d, item, where, "label", &s->train, e));
    TRY(json_string(d, item, where, "text", &s->text, e));
    n_trained += s->train && *s->text;
  }
  if (!n_trained && !o->all_tokens)
    return ERR(e, "%s: the mask covers nothing: expected a segment with some text and \"label\": true", d->origin);
  return true;
}
