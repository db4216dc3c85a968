// For tests that read instruction data: a tokenizer, a prompt, and examples shown as text.
#ifndef SUPPORT_DATA_FIXTURE_H
#define SUPPORT_DATA_FIXTURE_H

#include "data/dataset.h"

typedef struct data_fixture {
  arena *a;
  tokenizer *t;
  dataset_options options;
} data_fixture;

// With the byte tokenizer. `template`: "chatml", "alpaca", or NULL for a model that has none.
data_fixture data_fixture_begin(const char *template, bool adds_bos);
// With SmolLM2's tokenizer; skips the test where the shared data is absent.
data_fixture data_fixture_begin_real(const char *template);
void data_fixture_end(data_fixture *f);

// Whole files that must be readable: from memory, and from the shared data.
dataset data_fixture_read(data_fixture *f, const char *name, const char *data);
dataset data_fixture_read_shared(data_fixture *f, const char *name);
// A file that must be refused with a message that begins with its name and holds `expected`.
void data_fixture_refuse(data_fixture *f, const char *name, const char *data, size_t size, const char *expected);

// The example's text with "[" and "]" around each run of tokens that carry loss.
char *data_fixture_show(data_fixture *f, const example *x);
// The text of the next such run at token *at or behind it, which is moved behind the run; "" where there is none.
char *data_fixture_next_run(data_fixture *f, const example *x, uint32_t *at);

#endif
