// Rows of tokens that no training text held are of four kinds:
//
//   alike   With tied weights, or in the head, they got the same gradient in each step, that of being wrong, and so have become
//           one row. SmolLM2-135M-Instruct (tied, Q4_1): its unused <gh_stars> … <empty_output> differ by less than 0.0005 of
//           their length; <|im_start|> and <|im_end|>, which began there and were finetuned, are 0.118 and 0.137 away from
//           them. New rows that transformers makes when it resizes an embedding are alike too.
//   zero    An embedding that is not tied gets no gradient there, and weight decay makes it vanish: Llama 3's reserved tokens.
//   small   … or nearly so. SmolLM2's shortest ordinary row has 0.57 of the median's length, OLMo's hundredth 0.375.
//   fresh   … or it is as it was initialised, normal with σ = initializer_range: of length σ √D within √(1 / 2D), while the rows of
//           words have gone elsewhere.
//
// Only these rows and a sample of ordinary ones are read.
#include "models/prompt_untrained.h"

#include <math.h>
#include <stdlib.h>

#include "data/mask.h"

enum {
  SAMPLE = 256,     // ordinary rows
  MOST_SPARE = 1024 // rows that a control token's is compared with
};
static const double ALIKE = 0.02, SMALL = 0.1, SPREADS = 4, MOST_FRESH = 0.1;

// --- rows --------------------------------------------------------------------------------------------------------------

typedef struct rows {
  const model_param *p;
  uint32_t n, dim;
  float *a, *b;  // [dim]: the row in question, and one that it is compared with
  double median; // length of an ordinary row
  bool fresh;    // ordinary rows are as they were initialised
} rows;

static void read_row(const rows *r, uint32_t id, float *out) {
  const weight *w = r->p->source;
  dtype_to_f32(w->type, w->data + w->bytes / r->n * id, out, r->dim);
}

static double length_of(const float *v, uint32_t dim) {
  double sum = 0;
  for (uint32_t i = 0; i < dim; i++) sum += (double)v[i] * (double)v[i];
  return sqrt(sum);
}

static bool is_fresh(const model *m, uint32_t dim, double length) {
  const double expected = m->config.initializer_range * sqrt(dim);
  return fabs(length / expected - 1) < SPREADS / sqrt(2.0 * dim);
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static rows open_rows(arena *a, const model *m, const model_param *p) {
  rows r = {.p = p, .n = p->shape[0], .dim = p->shape[1]};
  r.a = ARENA_ARRAY(a, float, r.dim);
  r.b = ARENA_ARRAY(a, float, r.dim);
  double lengths[SAMPLE];
  uint32_t n = 0, n_fresh = 0;
  const uint32_t n_words = tokenizer_vocab_size(m->tokenizer), step = n_words / SAMPLE + 1;
  for (uint32_t id = 0; id < n_words && n < SAMPLE; id += step) {
    if (tokenizer_is_added(m->tokenizer, (int32_t)id)) continue;
    read_row(&r, id, r.a);
    lengths[n] = length_of(r.a, r.dim);
    n_fresh += is_fresh(m, r.dim, lengths[n++]);
  }
  qsort(lengths, n, sizeof *lengths, by_value);
  r.median = n ? lengths[n / 2] : 0;
  r.fresh = n_fresh > MOST_FRESH * n;
  return r;
}

// Whether the row in r->a, of token `id`, has a twin among the added tokens and those without a meaning behind the last.
static bool has_twin(const rows *r, const model *m, int32_t id, double length) {
  const uint32_t n_words = tokenizer_vocab_size(m->tokenizer);
  uint32_t compared = 0;
  for (uint32_t other = 0; other < r->n && compared < MOST_SPARE; other++) {
    if ((int32_t)other == id || (other < n_words && !tokenizer_is_added(m->tokenizer, (int32_t)other))) continue;
    compared++;
    read_row(r, other, r->b);
    for (uint32_t i = 0; i < r->dim; i++) r->b[i] -= r->a[i];
    if (length_of(r->b, r->dim) < ALIKE * length) return true;
  }
  return false;
}

static bool is_untrained(const rows *r, const model *m, int32_t id, bool embedding) {
  read_row(r, (uint32_t)id, r->a);
  const double length = length_of(r->a, r->dim);
  if (!(length >= SMALL * r->median)) return true;
  if (embedding && !r->fresh && is_fresh(m, r->dim, length)) return true;
  return has_twin(r, m, id, length);
}

// --- the prompt's tokens -----------------------------------------------------------------------------------------------

// A conversation as most are; templates that refuse a system message or a second turn get one without.
static bool probe(arena *a, const model *m, const prompt_style *style, masked *out, err *e) {
  static const message turns[] = {{.role = ROLE_SYSTEM, .content = "system"},
                                  {.role = ROLE_USER, .content = "question"},
                                  {.role = ROLE_ASSISTANT, .content = "answer", .train = true},
                                  {.role = ROLE_USER, .content = "question"},
                                  {.role = ROLE_ASSISTANT, .content = "answer", .train = true}};
  static const uint32_t tries[][2] = {{0, 5}, {1, 4}, {1, 2}};
  rendered r;
  bool ok = false;
  for (int i = 0; !ok && i < 3; i++) ok = prompt_render(style, turns + tries[i][0], tries[i][1], false, &r, i == 2 ? e : NULL);
  if (!ok) return false;
  ok = mask_encode(a, m->tokenizer, style, &r, out, e);
  rendered_free(&r);
  return ok;
}

static bool was_before(const masked *x, uint32_t at) {
  for (uint32_t i = 0; i < at; i++)
    if (x->ids[i] == x->ids[at]) return true;
  return false;
}

static bool is_target(const masked *x, int32_t id) {
  for (uint32_t i = 0; i < x->n; i++)
    if (x->ids[i] == id && x->target[i]) return true;
  return false;
}

bool prompt_untrained_find(const model *m, const prompt_style *style, text *names, err *e) {
  const model_param *embedding = model_embedding(m), *head = model_find(m, "lm_head.weight");
  if (!embedding || !embedding->source || (head && !head->source)) return true;
  arena *a = arena_new("rows of control tokens");
  masked x;
  const bool ok = probe(a, m, style, &x, e);
  rows in = {0}, out = {0};
  if (ok) in = open_rows(a, m, embedding);
  if (ok && head) out = open_rows(a, m, head);
  for (uint32_t i = 0; ok && i < x.n; i++) {
    const int32_t id = x.ids[i];
    if (!tokenizer_is_added(m->tokenizer, id) || was_before(&x, i)) continue;
    if (!is_untrained(&in, m, id, true) && !(head && is_target(&x, id) && is_untrained(&out, m, id, false))) continue;
    text_printf(names, "%s%s", names->length ? ", " : "", tokenizer_content(m->tokenizer, id));
  }
  arena_free(a);
  return ok;
}

bool prompt_untrained_describe(const model *m, const prompt_style *style, text *out, err *e) {
  text names = {0};
  const bool ok = prompt_untrained_find(m, style, &names, e);
  if (names.length)
    text_printf(out,
                "the model seems never to have been trained on the prompt's %s, and LoRA leaves tokens as they are: "
                "--modules-to-save embed_tokens,lm_head trains them too%s",
                names.data, style->kind == PROMPT_TEMPLATE ? "; or --chat-template alpaca" : "");
  text_free(&names);
  return ok;
}
