// What the files of the tokenizer share: the tokenizer itself and the stages of its way from text to ids:
//
//   text ─ added tokens ─ normalizer ─ added tokens ─ pre-tokenizer ─ BPE ─ template ─ ids       tokenizer.c
//          (raw text)     normalize.c  (normalised)   pretokenize.c   bpe.c
//
// and back through the decoder (tokenizer_decode.c). Read from tokenizer.json by tokenizer_json.c and
// tokenizer_json_stages.c; tokenizer_gguf.c writes a tokenizer.json for a GGUF file, which is then read like any other.
#ifndef DATA_TOKENIZER_PARTS_H
#define DATA_TOKENIZER_PARTS_H

#include "data/bpe.h"
#include "data/pretokenize.h"
#include "data/tokenizer.h"
#include "data/tokenizer_added.h"
#include "io/json.h"

typedef enum decode_kind {
  DECODE_BYTE_LEVEL,    // characters of the byte alphabet to bytes
  DECODE_REPLACE,       // `pattern` to `content`, within each token
  DECODE_BYTE_FALLBACK, // runs of <0xNN> to text
  DECODE_FUSE,          // all tokens become one
  DECODE_STRIP,         // up to `start` and `stop` characters `content` off each token's ends
  DECODE_METASPACE,     // `pattern` to a space; in the first token to nothing, if `drop_first`
} decode_kind;

typedef struct decode_step {
  decode_kind kind;
  const char *pattern, *content;
  uint32_t start, stop;
  bool drop_first;
} decode_step;

typedef struct decoder {
  bool present; // without a decoder, tokens are joined with spaces
  decode_step *steps;
  uint64_t n, capacity;
} decoder;

typedef struct id_list {
  int32_t *ids;
  uint64_t n, capacity;
} id_list;

struct tokenizer {
  const char *path;
  const char *source; // the bytes of tokenizer.json
  uint64_t source_bytes;

  uint32_t n_ids;
  uint32_t n_words;     // ids of the model's vocabulary are below
  uint32_t n_rows;      // of the model that it is used with (tokenizer_fit); 0: not known
  const char **content; // per id; NULL: no such token
  int32_t *added_index; // per id: of `added`, −1: none
  tokenizer_map ids;    // content → id
  added_token *added;
  uint64_t n_added;
  uint8_t *barred; // per id: a control token, which text marked as content must not become

  added_matcher raw, normalized;
  regex word; // what single_word looks for; no code where no token asks
  normalizer normalizer;
  pretokenizer pretokenizer;
  bpe model;
  id_list before, after; // what the post-processor puts around a text
  decoder decoder;
};

enum { TOKENIZER_STAGES = 64 }; // of one kind (normalizers, …): more are refused

// tokenizer_json.c: a tokenizer from the text of a tokenizer.json, which must live as long. origin: for messages.
bool tokenizer_parse(arena *a, const char *origin, const char *source, uint64_t length, tokenizer **t, err *e);

// tokenizer_json_stages.c: each takes the field of that name of the top level; NULL and null: no such stage.
typedef struct stage_reader {
  tokenizer *t;
  arena *memory;
  const json *doc;
  struct pcre2_real_general_context_8 *regex_memory;
  err *e;
} stage_reader;
bool stage_normalizer(stage_reader *r, const struct cJSON *field);
bool stage_pre_tokenizer(stage_reader *r, const struct cJSON *field);
bool stage_post_processor(stage_reader *r, const struct cJSON *field);
bool stage_decoder(stage_reader *r, const struct cJSON *field);

// The byte alphabet of GPT-2: each byte as a printable character. The code point of a byte, and back (−1: of none).
uint32_t byte_alphabet_code(uint8_t byte);
int byte_alphabet_byte(uint32_t code);
// Text in the byte alphabet to bytes in `out` (at least `length` of them); false where a character is not in it.
bool byte_alphabet_decode(const char *s, uint64_t length, char *out, uint64_t *n);

#endif
