// Conversations of a data set as they were written, before any prompt or tokenizer: what is rendered or converted.
#ifndef DATA_CONVERSATIONS_H
#define DATA_CONVERSATIONS_H

#include "data/formats.h"

// One conversation; lives until the callback returns. false ends the reading with the callback's error.
typedef struct conversation {
  const raw_example *raw;
  const char *file;
  uint32_t place; // 1-based: the line, or the item's place in its array
} conversation;
typedef bool conversation_fn(void *user, const conversation *c, err *e);

// All of the training split of whatever stands at `path`, in order. Of `options` count only how rows are read: prompt, format,
// train_on_last, all_tokens, any_conversation, strip_suffix, superni, skip_bad_examples, augment and seed. Rows that hold no conversation (text, segments,
// token ids) are refused; a data set without any is too. With skip_bad_examples bad rows are counted in *n_skipped (NULL: not
// wanted) and passed over.
bool conversations_read(const char *path, const dataset_options *options, conversation_fn *on, void *user, uint64_t *n_skipped,
                        err *e);

#endif
