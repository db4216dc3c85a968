// The tokenised form of data, with ends and hash that fit: what is taken can be used.
#define _GNU_SOURCE
#include "fuzz.h"

#include <string.h>
#include <xxhash.h>

#include "data/tokenised.h"

enum { VOCAB = 50 };

// A file with no record, whose end is the pattern of every other's.
static text empty_file(void) {
  tokenised_writer w;
  const tokenised_counts counts = {0};
  REQUIRE(tokenised_begin(NULL, (tokenised_key){0}, &w, NULL) && tokenised_end(&w, &counts, NULL), "a file in memory");
  return w.image;
}

static void use(const dataset *set, size_t size) {
  for (uint64_t i = 0; i < set->n; i++) {
    const example *x = &set->items[i];
    for (uint32_t k = 0; k < x->n; k++) REQUIRE(x->ids[k] >= 0 && x->ids[k] < VOCAB && x->target[k] <= 1, "token %u", k);
    REQUIRE(strlen(x->answer) + strlen(x->origin->task) < size && x->prompt_n <= x->n, "prompt %u of %u", x->prompt_n, x->n);
    const packed_strings *lists[] = {x->choices, x->references};
    for (int l = 0; l < 2; l++) {
      const char *s = lists[l] ? lists[l]->data : NULL;
      for (uint32_t k = 0; s && k < lists[l]->n; k++) s = packed_next(s);
    }
  }
}

// The input is what stands between a header and an end; its first bytes are how many records and tokens are
// said to be there.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const files[] = {"a.jsonl", "b.jsonl"};
  enum { HEADER = 24 };
  if (size < 2) return 0;
  const text empty = empty_file();
  const size_t n_end = empty.length - HEADER, body = (size - 2) / 8 * 8, length = HEADER + body + n_end;
  uint64_t *aligned = calloc(length / 8 + 1, 8);
  REQUIRE(aligned, "memory");
  char *bytes = (char *)aligned, *end = bytes + HEADER + body;
  memcpy(bytes, empty.data, HEADER);
  memcpy(bytes + HEADER, data + 2, body);
  memcpy(end, empty.data + HEADER, n_end);
  const uint64_t n = data[0], n_tokens = data[1], before_end = HEADER + body;
  memcpy(end + 8, &n, 8); // magic, n, n_tokens, bytes, …, hash
  memcpy(end + 24, &before_end, 8);
  memcpy(end + 16, &n_tokens, 8);
  const uint64_t hash = XXH3_64bits(bytes, length - 8);
  memcpy(bytes + length - 8, &hash, 8);
  arena *a = arena_new("one input");
  dataset set = {0};
  tokenised_counts counts;
  if (tokenised_open(a, bytes, length, NULL, (tokenised_key){0}, VOCAB, files, 2, &set, &counts)) use(&set, length);
  else REQUIRE(!set.n, "%llu examples of a refused file", (unsigned long long)set.n);
  arena_free(a);
  free(aligned);
  free(empty.data);
  return 0;
}
