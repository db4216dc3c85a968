// A tokenizer as GGUF's metadata, which llama.cpp and everything built on it read. GGUF knows less than tokenizer.json:
//
//   byte-level BPE   → model "gpt2", its merges, and a pre-tokenizer by name: one of those whose steps are the tokenizer's own
//   BPE with ▁ and   → model "llama", which merges the two neighbours whose token has the highest score. So the score of a token
//   byte fall-back     is minus the place of its merges among all tokens' merges; where merges of one token stand apart, or a
//                      pair that makes a token is no merge, no scores say the same
//
// What cannot be said, or would be understood otherwise, is refused by name.
#include <stdlib.h>
#include <string.h>

#include "data/tokenizer_gguf.h"

#define METASPACE "\xE2\x96\x81" // ▁

typedef struct gguf_writing {
  const tokenizer *t;
  arena *memory;
  uint32_t n; // tokens that are written
  bool byte_level;
  const char **tokens;
  int32_t *types;
  bpe_merge *merges; // by rank
  uint64_t n_merges;
  uint8_t *made; // per token: some merge makes it
  gguf_meta *out;
  err *e;
} gguf_writing;

static bool no_place(const gguf_writing *w, const char *what) {
  return ERR(w->e,
             "%s: GGUF cannot express this tokenizer: %s. Export it as a Hugging Face directory instead (--format hf, peft)",
             w->t->path, what);
}

// --- tokens ----------------------------------------------------------------------------------------------------------------

bool tokenizer_is_phi3(const tokenizer *t) {
  bool any = false, all = true;
  for (uint64_t i = 0; i < t->n_added; i++) {
    any |= t->added[i].rstrip;
    all &= t->added[i].rstrip == tokenizer_gguf_phi3_strips(t->added[i].content);
  }
  return any && all;
}

static bool check_added(const gguf_writing *w, const added_token *a) {
  const char *what = a->single_word ? "only as a whole word" : a->lstrip ? "with the white space before it" : NULL;
  if (!what && a->rstrip && !tokenizer_is_phi3(w->t)) what = "with the white space behind it";
  if (!what && a->normalized && strcmp(a->content, a->pattern)) what = "in normalised text";
  return !what || no_place(w, arena_printf(w->memory, "the added token \"%.100s\" is matched %s", a->content, what));
}

static int32_t type_of(const gguf_writing *w, int32_t id) {
  const tokenizer *t = w->t;
  if (!w->byte_level && id == t->model.unk) return TYPE_UNKNOWN;
  if (tokenizer_is_added(t, id)) return tokenizer_is_special(t, id) ? TYPE_CONTROL : TYPE_USER_DEFINED;
  for (int i = 0; !w->byte_level && i < 256; i++)
    if (t->model.fallback_id[i] == id) return TYPE_BYTE;
  return TYPE_NORMAL;
}

// Rows of the model that no token has get a name, as llama.cpp's converter gives them one.
static const char *name_of_unused(const gguf_writing *w, uint32_t id) {
  const char *name = arena_printf(w->memory, "[PAD%u]", id);
  while (tokenizer_id(w->t, name) >= 0) name = arena_printf(w->memory, "[%s]", name);
  return name;
}

// Added tokens that are no control tokens are looked for in the text before its spaces become ▁: Gemma's runs of ▁, which merges make
// in Hugging Face's file, are runs of spaces in GGUF, as llama.cpp's converter writes them.
static const char *with_spaces(const gguf_writing *w, const char *content) {
  text out = {0};
  for (const char *s = content; *s;) {
    const bool blank = !strncmp(s, METASPACE, 3);
    text_putc(&out, blank ? ' ' : *s);
    s += blank ? 3 : 1;
  }
  const char *spaced = arena_strndup(w->memory, out.length ? out.data : "", out.length);
  text_free(&out);
  return tokenizer_id(w->t, spaced) >= 0 ? content : spaced; // there is a token of that name already, which may be itself
}

static bool put_tokens(gguf_writing *w) {
  for (uint64_t i = 0; i < w->t->n_added; i++)
    if (tokenizer_content(w->t, w->t->added[i].id)) TRY(check_added(w, &w->t->added[i]));
  w->tokens = ARENA_ARRAY(w->memory, const char *, w->n);
  w->types = ARENA_ARRAY(w->memory, int32_t, w->n);
  for (uint32_t i = 0; i < w->n; i++) {
    w->tokens[i] = tokenizer_content(w->t, (int32_t)i);
    w->types[i] = w->tokens[i] ? type_of(w, (int32_t)i) : TYPE_UNUSED;
    if (!w->tokens[i]) w->tokens[i] = name_of_unused(w, i);
    else if (!w->byte_level && w->types[i] == TYPE_USER_DEFINED && w->made[i]) w->tokens[i] = with_spaces(w, w->tokens[i]);
  }
  gguf_put_strings(w->out, "tokenizer.ggml.tokens", w->tokens, w->n);
  gguf_put_i32s(w->out, "tokenizer.ggml.token_type", w->types, w->n);
  return true;
}

static int by_rank(const void *a, const void *b) {
  const bpe_merge *x = a, *y = b;
  return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static void list_merges(gguf_writing *w) {
  const bpe *m = &w->t->model;
  w->merges = ARENA_ARRAY(w->memory, bpe_merge, m->merge_mask + 1);
  for (uint64_t i = 0; i <= m->merge_mask; i++)
    if (m->merges[i].pair != UINT64_MAX) w->merges[w->n_merges++] = m->merges[i];
  if (w->n_merges) qsort(w->merges, (size_t)w->n_merges, sizeof *w->merges, by_rank);
  w->made = ARENA_ARRAY(w->memory, uint8_t, w->n);
  for (uint64_t i = 0; i < w->n_merges; i++)
    if ((uint32_t)w->merges[i].result < w->n) w->made[w->merges[i].result] = 1;
}

static int32_t left_of(const bpe_merge *m) {
  return (int32_t)(m->pair >> 32);
}

static int32_t right_of(const bpe_merge *m) {
  return (int32_t)(m->pair & UINT32_MAX);
}

// --- byte-level ------------------------------------------------------------------------------------------------------------

static bool same_step(const pretokenize_step *a, const pretokenize_step *b) {
  if (a->kind != b->kind) return false;
  if (a->kind == PRETOKENIZE_SPLIT) return a->keep == b->keep && !strcmp(a->pattern.source, b->pattern.source);
  return a->kind == PRETOKENIZE_PREFIX ||
         (a->prepend == b->prepend && a->split == b->split && !strcmp(a->replacement, b->replacement));
}

// Whether a name's pre-tokenizer has the tokenizer's own steps. A tokenizer of one token is made of it to see.
static bool is_pre(const gguf_writing *w, const gguf_pre *pre, bool nfc, bool *same) {
  const tokenizer *t = w->t;
  tokenizer *other = NULL;
  const char *source = arena_printf(
      w->memory,
      "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[],\"normalizer\":null,\"pre_tokenizer\":%s,"
      "\"post_processor\":null,\"decoder\":null,\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,"
      "\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,\"fuse_unk\":false,\"byte_fallback\":false,"
      "\"ignore_merges\":false,\"vocab\":{\"a\":0},\"merges\":[]}}",
      pre->json);
  TRY(tokenizer_parse(w->memory, pre->name, source, strlen(source), &other, w->e));
  *same = pre->nfc == nfc && pre->ignore_merges == t->model.ignore_merges && other->pretokenizer.n == t->pretokenizer.n;
  for (uint64_t i = 0; *same && i < t->pretokenizer.n; i++)
    *same = same_step(&t->pretokenizer.steps[i], &other->pretokenizer.steps[i]);
  tokenizer_free(other);
  return true;
}

static bool put_pre(gguf_writing *w) {
  const normalizer *n = &w->t->normalizer;
  const bool nfc = n->n == 1 && n->steps[0].kind == NORMALIZE_NFC;
  if (n->n && !nfc) return no_place(w, "its normalizer is not NFC");
  for (size_t i = 0; tokenizer_gguf_pre(i); i++) {
    const gguf_pre *pre = tokenizer_gguf_pre(i);
    bool same = false;
    if (!strcmp(pre->name, "default")) continue; // has a name of its own, too
    TRY(is_pre(w, pre, nfc, &same));
    if (!same) continue;
    gguf_put_string(w->out, "tokenizer.ggml.pre", pre->name);
    return true;
  }
  return no_place(
      w,
      "its pre_tokenizer, with normalizer and ignore_merges, is none that has a name there (gpt-2, smollm, llama-bpe, "
      "qwen2)");
}

static bool put_byte_level(gguf_writing *w) {
  if (w->t->model.unk >= 0 || w->t->model.fallback) return no_place(w, "a byte-level vocabulary with unk_token or byte_fallback");
  gguf_put_string(w->out, "tokenizer.ggml.model", "gpt2");
  TRY(put_pre(w) && put_tokens(w));
  const char **lines = ARENA_ARRAY(w->memory, const char *, w->n_merges);
  for (uint64_t i = 0; i < w->n_merges; i++) {
    const bpe_merge *m = &w->merges[i];
    lines[i] = arena_printf(w->memory, "%s %s", w->tokens[left_of(m)], w->tokens[right_of(m)]);
  }
  gguf_put_strings(w->out, "tokenizer.ggml.merges", lines, w->n_merges);
  return true;
}

// --- with scores -----------------------------------------------------------------------------------------------------------

static bool is_space_to_metaspace(const normalize_step *s) {
  return s->kind == NORMALIZE_REPLACE && !strcmp(s->pattern, " ") && !strcmp(s->content, METASPACE);
}

// Spaces become ▁, and perhaps one more is put in front: GGUF's add_space_prefix does so to every piece of text between control
// tokens. A tokenizer that does it to the first piece alone is the same for prompts that begin with a control token (never), or with
// text (always, but behind their later control tokens).
static bool read_spaces(const gguf_writing *w, const gguf_special_ids *ids, bool *prefix) {
  const normalizer *n = &w->t->normalizer;
  const pretokenizer *p = &w->t->pretokenizer;
  *prefix = n->n == 2 && n->steps[0].kind == NORMALIZE_PREPEND && !strcmp(n->steps[0].content, METASPACE);
  const bool replaced = (n->n == 1 || *prefix) && is_space_to_metaspace(&n->steps[n->n - 1]);
  // A text in which no space is left is not split at spaces, as Gemma's tokenizers say.
  const bool unsplit = !p->n || (p->n == 1 && p->steps[0].kind == PRETOKENIZE_SPLIT && !strcmp(p->steps[0].pattern.source, " "));
  if (replaced && unsplit) return true;
  const pretokenize_step *s = p->n == 1 ? &p->steps[0] : NULL;
  const bool metaspace = !n->n && s && s->kind == PRETOKENIZE_METASPACE && !s->split && !strcmp(s->replacement, METASPACE);
  *prefix = metaspace && s->prepend == METASPACE_FIRST && ids->begins_with_text;
  if (metaspace && s->prepend != METASPACE_ALWAYS) return true;
  return no_place(w, "its normalizer and pre_tokenizer: spaces have to become \"" METASPACE
                     "\", with one in front of every text, of the first, or of none, and nothing else");
}

typedef struct merge_pairs {
  uint64_t *sorted;
  uint64_t n;
} merge_pairs;

static int by_value(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static merge_pairs sort_pairs(const gguf_writing *w) {
  merge_pairs p = {ARENA_ARRAY(w->memory, uint64_t, w->n_merges), w->n_merges};
  for (uint64_t i = 0; i < p.n; i++) p.sorted[i] = w->merges[i].pair;
  if (p.n) qsort(p.sorted, (size_t)p.n, sizeof *p.sorted, by_value);
  return p;
}

// Every pair of tokens that makes a token is a merge: with scores it would be one.
static bool check_pairs(const gguf_writing *w, int32_t id, const merge_pairs *pairs) {
  const char *s = w->tokens[id];
  const size_t length = strlen(s);
  for (size_t cut = 1; cut < length; cut++) {
    if (((unsigned char)s[cut] & 0xC0) == 0x80) continue; // within a character
    const int32_t left = tokenizer_map_get(&w->t->ids, s, cut), right = tokenizer_map_get(&w->t->ids, s + cut, length - cut);
    if (left < 0 || right < 0 || left >= (int32_t)w->n || right >= (int32_t)w->n) continue;
    if (w->types[left] != TYPE_NORMAL || w->types[right] != TYPE_NORMAL) continue;
    const uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    if (!pairs->n || !bsearch(&pair, pairs->sorted, (size_t)pairs->n, sizeof pair, by_value))
      return no_place(w, arena_printf(w->memory, "\"%.100s\" and \"%.100s\" are not merged, though \"%.100s\" is a token",
                                      w->tokens[left], w->tokens[right], s));
  }
  return true;
}

static bool put_scores(gguf_writing *w) {
  float *scores = ARENA_ARRAY(w->memory, float, w->n);
  uint8_t *seen = ARENA_ARRAY(w->memory, uint8_t, w->n);
  const merge_pairs pairs = sort_pairs(w);
  float place = 0;
  for (uint64_t i = 0; i < w->n_merges; i++) {
    const int32_t made = w->merges[i].result;
    if (i && w->merges[i - 1].result == made) continue;
    if (seen[made])
      return no_place(w, arena_printf(w->memory, "the merges of \"%.100s\" do not stand together", w->tokens[made]));
    seen[made] = 1;
    scores[made] = --place;
  }
  // llama.cpp joins pieces to any token whose text they make: to a control token, or one that has no text, last of all. (Added tokens
  // may be merges, too, as Gemma's runs of ▁ are.)
  for (uint32_t i = 0; i < w->n; i++) {
    if (w->types[i] == TYPE_NORMAL) TRY(check_pairs(w, (int32_t)i, &pairs));
    else if (w->types[i] != TYPE_BYTE && !w->made[i]) scores[i] = place - 1;
  }
  gguf_put_f32s(w->out, "tokenizer.ggml.scores", scores, w->n);
  return true;
}

static bool put_sentencepiece(gguf_writing *w, const gguf_special_ids *ids) {
  bool prefix = false;
  const bpe *m = &w->t->model;
  TRY(read_spaces(w, ids, &prefix));
  if (m->unk < 0) return no_place(w, "it has no unk_token");
  if (m->ignore_merges) return no_place(w, "byte fall-back with ignore_merges");
  gguf_put_string(w->out, "tokenizer.ggml.model", "llama");
  gguf_put_string(w->out, "tokenizer.ggml.pre", "default");
  gguf_put_bool(w->out, "tokenizer.ggml.add_space_prefix", prefix);
  gguf_put_u32(w->out, "tokenizer.ggml.unknown_token_id", (uint32_t)m->unk);
  return put_tokens(w) && put_scores(w);
}

// --- special tokens --------------------------------------------------------------------------------------------------------

static void put_id(gguf_writing *w, const char *name, int32_t id) {
  if (id >= 0) gguf_put_u32(w->out, arena_printf(w->memory, "tokenizer.ggml.%s_token_id", name), (uint32_t)id);
}

// What is put around a text is BOS in front or none, EOS behind or none.
static bool put_special(gguf_writing *w, const gguf_special_ids *ids) {
  const id_list *before = &w->t->before, *after = &w->t->after;
  if (before->n > 1 || after->n > 1) return no_place(w, "its post_processor puts more than one token around a text");
  if (after->n && after->ids[0] != ids->eos)
    return no_place(w, arena_printf(w->memory, "its post_processor puts \"%.100s\" behind a text, which is not its end of a turn",
                                    tokenizer_content(w->t, after->ids[0])));
  put_id(w, "bos", before->n ? before->ids[0] : ids->bos);
  put_id(w, "eos", ids->eos);
  put_id(w, "eom", ids->eom);
  put_id(w, "padding", ids->pad);
  gguf_put_bool(w->out, "tokenizer.ggml.add_bos_token", before->n && !ids->without_bos);
  gguf_put_bool(w->out, "tokenizer.ggml.add_eos_token", after->n);
  return true;
}

bool tokenizer_to_gguf(const tokenizer *t, uint32_t n_ids, const gguf_special_ids *ids, gguf_meta *out, err *e) {
  REQUIRE(tokenizer_vocab_size(t) <= n_ids, "%u ids, %u rows", tokenizer_vocab_size(t), n_ids);
  gguf_writing w = {.t = t, .memory = arena_new("a tokenizer for GGUF"), .n = n_ids, .out = out, .e = e};
  w.byte_level = t->model.byte_level;
  list_merges(&w);
  bool ok = w.byte_level || t->model.fallback || no_place(&w, "neither byte-level nor with byte_fallback");
  ok = ok && (w.byte_level ? put_byte_level(&w) : put_sentencepiece(&w, ids)) && put_special(&w, ids);
  arena_free(w.memory);
  return ok;
}
