#include "eval/writer.h"

#include <string.h>

// --- stop strings --------------------------------------------------------------------------------------------------------

size_t writer_find_stop(const vkift_strings *stop, const char *in, size_t length) {
  size_t first = length;
  for (size_t s = 0; s < stop->n; s++) {
    const size_t n = strlen(stop->items[s]);
    for (size_t at = 0; at + n <= length && at < first; at++)
      if (!memcmp(in + at, stop->items[s], n)) first = at;
  }
  return first;
}

size_t writer_begun_stop(const vkift_strings *stop, const char *in, size_t length) {
  size_t longest = 0;
  for (size_t s = 0; s < stop->n; s++) {
    size_t n = strlen(stop->items[s]) - 1;
    if (n > length) n = length;
    while (n > longest && memcmp(in + length - n, stop->items[s], n)) n--;
    if (n > longest) longest = n;
  }
  return longest;
}

// --- the text ------------------------------------------------------------------------------------------------------------

// Without a character whose last bytes are still to come, which decodes to replacement characters.
static size_t whole_characters(const text *t) {
  static const char replacement[] = "\xEF\xBF\xBD";
  size_t end = t->length;
  while (end >= 3 && !memcmp(t->data + end - 3, replacement, 3)) end -= 3;
  return end;
}

static bool decode(writer *w, err *e) {
  text_clear(&w->text);
  text_puts(&w->text, ""); // so that there is a text, if an empty one
  return tokenizer_decode(w->of->model->tokenizer, w->ids, w->n, true, &w->text, e);
}

size_t writer_settled(const writer *w) {
  if (w->ended) return w->text.length;
  const size_t whole = whole_characters(&w->text);
  return whole - writer_begun_stop(&w->options->stop, w->text.data, whole);
}

// --- tokens --------------------------------------------------------------------------------------------------------------

void writer_open(arena *a, const loaded *l, const writer_options *options, uint32_t most, bool streams, writer *w) {
  const double penalty = options->sample.repetition_penalty;
  *w = (writer){.of = l, .options = options, .needs_text = streams || options->stop.n};
  w->capacity = options->max_new_tokens < most ? options->max_new_tokens : most;
  w->ids = ARENA_ARRAY(a, int32_t, w->capacity);
  if (penalty > 0 && penalty != 1) w->penalized = ARENA_ARRAY(a, float, l->model->config.vocab_size);
}

void writer_begin(writer *w, uint64_t index, const int32_t *prompt, uint32_t n_prompt) {
  w->index = index;
  w->prompt = prompt;
  w->n_prompt = n_prompt;
  w->n = 0;
  w->ended = false;
  text_clear(&w->text);
  text_puts(&w->text, "");
}

void writer_close(writer *w) {
  text_free(&w->text);
}

// −1: not finite.
static int32_t next_token(writer *w, const float *logits) {
  const writer_options *o = w->options;
  const uint32_t vocabulary = w->of->model->config.vocab_size;
  rng r = sample_rng(o->seed, w->index, w->n);
  if (w->penalized) {
    memcpy(w->penalized, logits, vocabulary * sizeof *logits);
    sample_penalize(logits, w->prompt, w->n_prompt, o->sample.repetition_penalty, w->penalized);
    sample_penalize(logits, w->ids, w->n, o->sample.repetition_penalty, w->penalized);
    logits = w->penalized;
  }
  return sample_token(logits, vocabulary, &o->sample, &r);
}

static bool end(writer *w, vkift_finish finish, err *e) {
  w->ended = true;
  w->finish = finish;
  return w->needs_text || decode(w, e);
}

bool writer_stop(writer *w, err *e) {
  return end(w, VKIFT_FINISH_STOPPED, e);
}

bool writer_take(writer *w, const float *logits, bool last, err *e) {
  const int32_t id = next_token(w, logits);
  if (id < 0) return ERR(e, "%s: the model's output is not finite: its weights are damaged", w->of->model->path);
  if (loaded_is_end(w->of, id)) return end(w, VKIFT_FINISH_END, e);
  w->ids[w->n++] = id;
  if (w->needs_text) {
    TRY(decode(w, e));
    const size_t stop = writer_find_stop(&w->options->stop, w->text.data, w->text.length);
    if (stop < w->text.length) {
      w->text.data[w->text.length = stop] = 0;
      return end(w, VKIFT_FINISH_STOP_STRING, e);
    }
  }
  return (!last && w->n < w->capacity) || end(w, VKIFT_FINISH_LENGTH, e);
}
