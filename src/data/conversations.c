#include "data/conversations.h"

#include <string.h>

#include "data/augment_rows.h"
#include "data/dataset_files.h"

typedef struct reading {
  const dataset_options *options;
  conversation_fn *on;
  void *user;
  const char *file;
  const augment *augment; // NULL: its examples stay as they are
  uint64_t n;
} reading;

// The instruction of Super-NaturalInstructions is put into words with as many demonstrations as were asked for: nothing is
// left out for its length, which only a tokenizer knows.
static void put_instruction(const reading *r, const formats_row *row, raw_example *raw, text *prompt) {
  superni_encoding how = r->options->superni;
  if (how.n_pos > row->task.n_positive) how.n_pos = row->task.n_positive;
  if (how.n_neg > row->task.n_negative) how.n_neg = row->task.n_negative;
  superni_put_prompt(&row->task, &how, raw->input, strlen(raw->input), prompt);
  raw->messages[0].content = prompt->data;
}

static row_outcome hand_over(void *user, const formats_row *row, raw_example *raw, uint32_t place, err *e) {
  reading *r = user;
  if (raw->format == DATA_TEXT || raw->format == DATA_SEGMENTS || raw->format == DATA_TOKENS) {
    ERR(e, "%s: expected a conversation (messages, sharegpt, alpaca, prompt/completion), found a row of the format %s",
        row->json->origin, formats_name(raw->format));
    return ROW_STOP;
  }
  text prompt = {0};
  augmented with;
  arena *a = arena_new("an augmented conversation");
  if (raw->format == DATA_SUPERNI) put_instruction(r, row, raw, &prompt);
  if (augment_draw(r->augment, a, raw, place, &with)) *raw = augment_build(a, &with, augment_all(&with));
  r->n++;
  const bool ok = r->on(r->user, &(conversation){raw, r->file, place}, e);
  text_free(&prompt);
  arena_free(a);
  return ok ? ROW_TAKEN : ROW_STOP;
}

bool conversations_read(const char *path, const dataset_options *options, conversation_fn *on, void *user, uint64_t *n_skipped,
                        err *e) {
  arena *a = arena_new("files of conversations");
  dataset_files files;
  dataset_options of_pack = *options;
  if (!of_pack.vocab_size) of_pack.vocab_size = UINT32_MAX; // without a model: rows of token ids are refused for what they are
  reading r = {.options = &of_pack, .on = on, .user = user};
  rows_reading rows = {.options = &of_pack, .on = hand_over, .user = &r};
  bool ok = dataset_files_find(a, path, "train", &files, e) && dataset_files_set_pack(&files, path, &of_pack, e);
  for (uint64_t i = 0; ok && i < files.n; i++) {
    r.file = files.paths[i];
    augment *g = augment_rows_open(&rows, r.file, NULL, 0);
    r.augment = g;
    ok = rows_read(&rows, r.file, e);
    augment_free(g);
  }
  if (n_skipped) *n_skipped = rows.n_bad;
  if (ok && !r.n) ok = ERR(e, "%s: expected conversations, found none that can be used", path);
  arena_free(a);
  return ok;
}
