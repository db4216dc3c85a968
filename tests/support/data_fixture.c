#include "support/data_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "support/byte_tokenizer.h"
#include "support/test.h"

data_fixture data_fixture_begin(const char *template, bool adds_bos) {
  data_fixture f = {.a = arena_new("test")};
  prompt_style *style = ARENA_NEW(f.a, prompt_style);
  f.t = byte_tokenizer(f.a, adds_bos);
  err e = {0};
  if (!prompt_from_template(f.a, "test", template, "", "<|endoftext|>", style, &e)) fail_msg("%s", e.message);
  f.options = (dataset_options){.tokenizer = f.t,
                                .prompt = style,
                                .eos_id = BYTE_EOS,
                                .vocab_size = BYTE_VOCAB,
                                .superni = {.n_pos = SUPERNI_POS_EXAMPLES}};
  return f;
}

data_fixture data_fixture_begin_real(const char *template) {
  const char *path = test_path(test_shared_data(), "tokenizers/smollm2/tokenizer.json");
  data_fixture f = data_fixture_begin(template, false);
  tokenizer_free(f.t);
  err e = {0};
  if (!tokenizer_read(f.a, path, &f.t, &e)) fail_msg("%s", e.message);
  f.options.tokenizer = f.t;
  f.options.vocab_size = tokenizer_vocab_size(f.t);
  f.options.eos_id = tokenizer_id(f.t, "<|endoftext|>");
  return f;
}

void data_fixture_end(data_fixture *f) {
  tokenizer_free(f->t);
  arena_free(f->a);
}

dataset data_fixture_read(data_fixture *f, const char *name, const char *data) {
  dataset set = {0};
  err e = {0};
  if (!dataset_read_memory(f->a, name, data, strlen(data), &f->options, &set, &e)) fail_msg("%s", e.message);
  return set;
}

dataset data_fixture_read_shared(data_fixture *f, const char *name) {
  dataset set = {0};
  err e = {0};
  if (!dataset_read(f->a, test_path(test_shared_data(), name), &f->options, &set, &e)) fail_msg("%s", e.message);
  return set;
}

// From a copy without a byte behind it, so that the address sanitizer sees a read that goes too far.
void data_fixture_refuse(data_fixture *f, const char *name, const char *data, size_t size, const char *expected) {
  char *copy = malloc(size ? size : 1);
  assert_non_null(copy);
  memcpy(copy, data, size);
  dataset set = {0};
  err e = {0};
  bool ok = dataset_read_memory(f->a, name, copy, size, &f->options, &set, &e);
  free(copy);
  if (ok) fail_msg("this passed: %s", data);
  if (strncmp(e.message, name, strlen(name)) || !strstr(e.message, expected))
    fail_msg("%s\nexpected: %s\nfound:    %s", data, expected, e.message);
}

char *data_fixture_show(data_fixture *f, const example *x) {
  text out = {0};
  uint32_t n_targets = 0;
  for (uint32_t i = 0; i < x->n;) {
    uint32_t from = i;
    while (i < x->n && x->target[i] == x->target[from]) i++;
    if (x->target[from]) text_putc(&out, '['), n_targets += i - from;
    err e = {0};
    if (!tokenizer_decode(f->t, x->ids + from, i - from, false, &out, &e)) fail_msg("%s", e.message);
    if (x->target[from]) text_putc(&out, ']');
  }
  assert_int_equal(n_targets, x->n_targets);
  char *shown = arena_strdup(f->a, out.data);
  text_free(&out);
  return shown;
}

char *data_fixture_next_run(data_fixture *f, const example *x, uint32_t *at) {
  while (*at < x->n && !x->target[*at]) ++*at;
  uint32_t from = *at;
  while (*at < x->n && x->target[*at]) ++*at;
  text run = {0};
  assert_true(tokenizer_decode(f->t, x->ids + from, *at - from, false, &run, NULL));
  char *result = arena_strdup(f->a, run.data ? run.data : "");
  text_free(&run);
  return result;
}
