// Byte-pair encoding (Sennrich et al., "Neural machine translation of rare words with subword units", ACL 2016): a word
// begins as its characters, and as long as two neighbours are in the table of merges, the pair of the lowest rank (the
// leftmost of them) becomes one symbol. Inside the tokenizer.
#ifndef DATA_BPE_H
#define DATA_BPE_H

#include "data/tokenizer_map.h"

typedef struct bpe_merge {
  uint64_t pair; // left id · 2^32 + right id; UINT64_MAX: a free place
  uint32_t rank;
  int32_t result;
} bpe_merge;

typedef struct bpe {
  // What a word is made of: characters of UTF-8, or single bytes for a byte-level vocabulary.
  bool byte_level;
  bool fuse_unk;      // neighbouring unknown characters become one unk
  bool ignore_merges; // a word that is in the vocabulary is its token, whatever the merges say
  bool fallback;      // unknown characters become the tokens <0xNN> of their bytes
  int32_t unk;        // −1: unknown characters are left out
  uint32_t n_ids;     // all ids are below

  tokenizer_map words;      // the text that a token stands for in a word (bytes for a byte-level vocabulary) → id
  int32_t byte_id[256];     // byte-level: of each byte; else of each ASCII character. −1: none
  int32_t fallback_id[256]; // <0xNN>
  bpe_merge *merges;
  uint64_t merge_mask;
  uint8_t *whole;        // per id: its own text comes out as this one token
  bool cut_at_metaspace; // no token has a ▁ behind another character, so that a word can be cut before each ▁
} bpe;

typedef struct bpe_symbol {
  int32_t id;
  uint32_t begin, end; // bytes of the word
  uint32_t rank;       // of the merge with the next symbol; BPE_NO_RANK where there is none
  int32_t merged;      // its result
} bpe_symbol;

#ifndef TOKENIZER_IDS // the fuzz targets take fewer, so that more inputs are tried
#define TOKENIZER_IDS (1 << 20)
#endif
enum { BPE_MAX_IDS = TOKENIZER_IDS };
#define BPE_NO_RANK UINT32_MAX

// Memory of a run of words. Zero-initialise with the arena.
typedef struct bpe_work {
  arena *memory;
  bpe_symbol *symbols; // the result of the last bpe_encode
  uint64_t n, capacity;
  uint64_t *heap;
  uint64_t heap_n, heap_capacity;
  uint32_t *links; // previous and next of each symbol
  uint64_t links_capacity;
} bpe_work;

// Building: init, tokens, merges (later ones of the same pair win, as in `tokenizers`), finish.
void bpe_init(bpe *m, arena *a, uint32_t n_ids, uint64_t n_tokens, uint64_t n_merges);
void bpe_put_token(bpe *m, const char *text, uint64_t length, int32_t id);
void bpe_put_merge(bpe *m, int32_t left, int32_t right, int32_t result, uint32_t rank);
void bpe_finish(bpe *m);

// Appends the tokens of a word (valid UTF-8, less than 2^32 bytes) to w->symbols. barred[id] != 0 keeps an id from being
// made, by merges or by being a known character; NULL bars none.
void bpe_encode(const bpe *m, const char *word, uint64_t length, const uint8_t *barred, bpe_work *w);

#endif
