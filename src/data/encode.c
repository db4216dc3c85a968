// Conversations are rendered and encoded; texts, segments and token ids need no prompt; an instance of
// Super-NaturalInstructions is put into words with as many demonstrations as fit.
#include "data/encode.h"

#include <string.h>

#include "data/labels.h"

static bool encode_conversation(arena *a, const dataset_options *o, const raw_example *raw, masked *m, err *e) {
  rendered conversation;
  bool ok = prompt_render(o->prompt, raw->messages, raw->n_messages, false, &conversation, e) &&
            mask_encode(a, o->tokenizer, o->prompt, &conversation, m, e);
  rendered_free(&conversation);
  return ok;
}

static void copy_tokens(arena *a, const int32_t *ids, const uint8_t *target, uint32_t n, masked *m) {
  m->n = n;
  m->ids = ARENA_ARRAY(a, int32_t, n);
  m->target = ARENA_ARRAY(a, uint8_t, n);
  memcpy(m->ids, ids, n * sizeof *ids);
  memcpy(m->target, target, n);
}

// An instance of Super-NaturalInstructions on its way to tokens.
typedef struct fitting {
  arena *a;
  const dataset_options *options;
  const formats_row *row;
  const raw_example *raw;
} fitting;

// Encodes it with these demonstrations and so much of its input. *fits: within max_length; only then, or where `always`,
// is it kept in *m.
static bool encode_instance_as(const fitting *f, superni_encoding how, size_t input_n, bool always, bool *fits, masked *m,
                               err *e) {
  const uint32_t most = f->options->max_length;
  arena *scratch = arena_new("one encoding of an instance");
  text prompt = {0};
  masked tried;
  superni_put_prompt(&f->row->task, &how, f->raw->input, input_n, &prompt);
  f->raw->messages[0].content = prompt.data;
  bool ok = encode_conversation(scratch, f->options, f->raw, &tried, e);
  f->raw->messages[0].content = "";
  if (ok) *fits = !most || tried.n <= most;
  if (ok && (*fits || always)) {
    *m = tried;
    copy_tokens(f->a, tried.ids, tried.target, tried.n, m);
  }
  text_free(&prompt);
  arena_free(scratch);
  return ok;
}

static bool instance_fits(const fitting *f, superni_encoding how, size_t input_n, bool *fits, err *e) {
  masked unused;
  return encode_instance_as(f, how, input_n, false, fits, &unused, e);
}

// Tk-Instruct's order: a demonstration is taken while the whole still fits, positive ones first.
static bool fit_demonstrations(const fitting *f, superni_encoding wanted, superni_encoding *how, err *e) {
  const size_t input_n = strlen(f->raw->input);
  *how = (superni_encoding){.explanations = wanted.explanations};
  uint32_t *const counts[] = {&how->n_pos, &how->n_neg}, most[] = {wanted.n_pos, wanted.n_neg};
  for (int kind = 0; kind < 2; kind++) {
    bool fits = true;
    while (fits && *counts[kind] < most[kind]) {
      ++*counts[kind];
      TRY(instance_fits(f, *how, input_n, &fits, e));
      *counts[kind] -= !fits;
    }
  }
  return true;
}

// The longest beginning of the input, in whole characters, with which the example fits; all of it where none does.
static bool fit_input(const fitting *f, superni_encoding how, size_t *input_n, err *e) {
  const char *input = f->raw->input;
  size_t good = 0, bad = strlen(input);
  bool fits;
  TRY(instance_fits(f, how, 0, &fits, e));
  if (!fits) return true;
  for (;;) {
    size_t middle = good + (bad - good) / 2;
    while (middle > good && (input[middle] & 0xC0) == 0x80) middle--;
    if (middle == good) do
        middle++;
      while ((input[middle] & 0xC0) == 0x80);
    if (middle >= bad) return *input_n = good, true;
    TRY(instance_fits(f, how, middle, &fits, e));
    if (fits) good = middle;
    else bad = middle;
  }
}

// A demonstration that would not fit is left out; then the input is cut, where cutting was asked for. *how and *input_n: what
// of them is there.
static bool encode_instance(const fitting *f, superni_encoding *how, size_t *input_n, masked *m, encode_losses *losses, err *e) {
  const superni_task *task = &f->row->task;
  superni_encoding wanted = f->options->superni;
  if (wanted.n_pos > task->n_positive) wanted.n_pos = task->n_positive;
  if (wanted.n_neg > task->n_negative) wanted.n_neg = task->n_negative;
  const size_t whole = strlen(f->raw->input);
  bool fits;
  *how = wanted;
  *input_n = whole;
  TRY(encode_instance_as(f, wanted, whole, false, &fits, m, e));
  if (fits) return true;
  TRY(fit_demonstrations(f, wanted, how, e));
  TRY(instance_fits(f, *how, whole, &fits, e));
  if (!fits && f->options->excess == EXCESS_TRUNCATE) TRY(fit_input(f, *how, input_n, e));
  *losses = (encode_losses){how->n_pos < wanted.n_pos || how->n_neg < wanted.n_neg, *input_n < whole};
  return encode_instance_as(f, *how, *input_n, true, &fits, m, e);
}

// Tokens before the last run of targets.
static uint32_t last_answer(const uint8_t *target, uint32_t n) {
  while (n && !target[n - 1]) n--;
  while (n && target[n - 1]) n--;
  return n;
}

static bool encode_segments(arena *a, const dataset_options *o, const raw_example *raw, masked *m, err *e) {
  text all = {0}, target = {0};
  text_puts(&all, ""), text_puts(&target, "");
  for (uint32_t i = 0; i < raw->n_segments; i++) {
    const segment *s = &raw->segments[i];
    text_puts(&all, s->text);
    for (const char *c = s->text; *c; c++) text_putc(&target, s->train);
  }
  bool ok = mask_encode_marked(a, o->tokenizer, all.data, target.data, o->eos_id, m, e);
  if (ok) m->prompt_n = last_answer(m->target, m->n);
  text_free(&all), text_free(&target);
  return ok;
}

// The prompt with the chosen answer, then the prompt with the rejected one.
static bool encode_pair(arena *a, const dataset_options *o, const raw_example *raw, masked *m, err *e) {
  raw_example other = *raw;
  other.messages = raw->rejected;
  other.n_messages = raw->n_rejected;
  masked chosen, rejected;
  TRY(encode_conversation(a, o, raw, &chosen, e) && encode_conversation(a, o, &other, &rejected, e));
  if (chosen.n == rejected.n && !memcmp(chosen.ids, rejected.ids, chosen.n * sizeof *chosen.ids))
    return ERR(e, "chosen, rejected: expected two answers that differ, found two that become the same tokens");
  const uint32_t n = chosen.n + rejected.n;
  *m = (masked){.ids = ARENA_ARRAY(a, int32_t, n),
                .target = ARENA_ARRAY(a, uint8_t, n),
                .n = n,
                .second = chosen.n,
                .prompt_n = chosen.prompt_n,
                .has_border = chosen.has_border || rejected.has_border};
  memcpy(m->ids, chosen.ids, chosen.n * sizeof *m->ids);
  memcpy(m->ids + chosen.n, rejected.ids, rejected.n * sizeof *m->ids);
  memcpy(m->target, chosen.target, chosen.n);
  memcpy(m->target + chosen.n, rejected.target, rejected.n);
  return true;
}

bool encode_example(arena *a, const dataset_options *o, const formats_row *row, const raw_example *raw, masked *m,
                    encode_losses *losses, err *e) {
  *losses = (encode_losses){0};
  if (o->labels) return labels_encode(a, o, raw, m, &losses->input, e);
  switch (raw->format) {
    case DATA_TEXT: return mask_encode_text(a, o->tokenizer, raw->text, o->eos_id, m, e);
    case DATA_TOKENS:
      *m = (masked){.prompt_n = last_answer(raw->target, raw->n_ids)};
      return copy_tokens(a, raw->ids, raw->target, raw->n_ids, m), true;
    case DATA_SEGMENTS: return encode_segments(a, o, raw, m, e);
    case DATA_SUPERNI: return encode_instance(&(fitting){a, o, row, raw}, &(superni_encoding){0}, &(size_t){0}, m, losses, e);
    default: return raw->n_rejected ? encode_pair(a, o, raw, m, e) : encode_conversation(a, o, raw, m, e);
  }
}

// --- augmentations -----------------------------------------------------------------------------------------------------

static bool encode_with(arena *a, const dataset_options *o, const augmented *x, uint32_t demonstrations, masked *m, bool *fits,
                        err *e) {
  const raw_example raw = augment_build(a, x, demonstrations);
  TRY(encode_conversation(a, o, &raw, m, e));
  *fits = !o->max_length || m->n <= o->max_length;
  return true;
}

bool encode_augmented(arena *a, const dataset_options *o, const augmented *x, masked *out, uint32_t *demonstrations,
                      encode_losses *losses, err *e) {
  uint32_t taken = augment_all(x);
  bool fits;
  *losses = (encode_losses){0};
  TRY(encode_with(a, o, x, taken, out, &fits, e));
  if (!fits && taken) {
    losses->demonstrations = true;
    TRY(encode_with(a, o, x, taken = 0, out, &fits, e));
    for (uint32_t i = 0; i < x->n_demonstrations && fits; i++) {
      masked longer;
      bool still;
      TRY(encode_with(a, o, x, taken | 1u << i, &longer, &still, e));
      if (still) taken |= 1u << i, *out = longer;
    }
  }
  *demonstrations = taken;
  return true;
}

// --- choices -----------------------------------------------------------------------------------------------------------

// The conversation with another content of its message `answer`, which alone is a target: without the token that ends a turn.
static bool encode_choice(arena *a, const dataset_options *o, const raw_example *raw, uint32_t answer, const char *choice,
                          choice_sequence *out, err *e) {
  message *messages = ARENA_ARRAY(a, message, raw->n_messages);
  memcpy(messages, raw->messages, raw->n_messages * sizeof *messages);
  messages[answer].content = choice;
  rendered r;
  masked m;
  bool ok = prompt_render(o->prompt, messages, raw->n_messages, false, &r, e);
  for (uint64_t i = 0; ok && i < r.text.length; i++) r.target.data[i] = rendered_origin(&r, i) == answer + 1;
  ok = ok && mask_encode(a, o->tokenizer, o->prompt, &r, &m, e);
  rendered_free(&r);
  TRY(ok);
  uint32_t n = m.n;
  while (n && !m.target[n - 1]) n--;
  const uint32_t first = last_answer(m.target, n);
  *out = (choice_sequence){.n = n, .first = first, .ids = m.ids};
  return n > first || ERR(e, "choices: expected texts that become tokens, found \"%s\"", choice);
}

bool encode_choices(arena *a, const dataset_options *o, const formats_row *row, const raw_example *raw, const masked *m,
                    choice_tokens **out, err *e) {
  *out = NULL;
  if (!raw->choices.n || !raw->n_messages) return true;
  uint32_t answer = raw->n_messages - 1;
  while (answer && raw->messages[answer].role != ROLE_ASSISTANT) answer--;
  text instruction = {0};
  bool ok = true;
  if (raw->format == DATA_SUPERNI) { // as its right answer was encoded
    superni_encoding how;
    size_t input_n;
    masked unused;
    ok = encode_instance(&(fitting){a, o, row, raw}, &how, &input_n, &unused, &(encode_losses){0}, e);
    if (ok) superni_put_prompt(&row->task, &how, raw->input, input_n, &instruction);
    raw->messages[0].content = instruction.data;
  }
  choice_sequence *all = ARENA_ARRAY(a, choice_sequence, raw->choices.n);
  for (uint32_t i = 0; ok && i < raw->choices.n; i++) ok = encode_choice(a, o, raw, answer, raw->choices.items[i], &all[i], e);
  if (raw->format == DATA_SUPERNI) raw->messages[0].content = "";
  text_free(&instruction);
  if (ok) *out = choice_tokens_of(a, m->ids, m->n, all, raw->choices.n);
  return ok;
}

uint64_t encode_hash_prompt(const masked *m) {
  return dataset_hash_prompt(m->ids, m->prompt_n ? m->prompt_n : m->n);
}
