// tokenizer_bench TOKENIZER.JSON DOCUMENTS [IDS]: one pass of a tokenizer over documents, on one thread. DOCUMENTS holds
// texts, a NUL behind each. Prints the numbers of documents, bytes and tokens, then seconds by the clock and of the
// processor; the file is read before. IDS gets each document's number of tokens and its ids, as int32, from another pass.
// tokenizer_speed compares with Hugging Face's `tokenizers`.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "data/tokenizer.h"

typedef struct totals {
  uint64_t documents, tokens;
} totals;

static bool write_ids(FILE *out, const token_list *ids) {
  int32_t n = (int32_t)ids->n;
  bool ok = fwrite(&n, sizeof n, 1, out) == 1;
  for (uint64_t i = 0; ok && i < ids->n; i++) ok = fwrite(&ids->items[i].id, sizeof(int32_t), 1, out) == 1;
  return ok;
}

static bool pass(const tokenizer *t, const file_map *texts, FILE *out, totals *sum, err *e) {
  const char *at = (const char *)texts->data, *end = at + texts->size;
  token_list ids = {0};
  bool ok = true;
  *sum = (totals){0};
  while (ok && at < end) {
    const char *nul = memchr(at, 0, (size_t)(end - at));
    if (!nul) nul = end;
    ids.n = 0;
    ok = tokenizer_encode(t, at, (uint64_t)(nul - at), NULL, false, &ids, e);
    if (ok && out && !write_ids(out, &ids)) ok = ERR(e, "the ids could not be written");
    sum->documents++, sum->tokens += ids.n;
    at = nul + 1;
  }
  token_list_free(&ids);
  return ok;
}

static bool bench(arena *a, int argc, char **argv, err *e) {
  if (argc < 3 || argc > 4) return ERR(e, "usage: tokenizer_bench TOKENIZER.JSON DOCUMENTS [IDS]");
  tokenizer *t = NULL;
  file_map texts;
  totals sum;
  TRY(tokenizer_read(a, argv[1], &t, e));
  TRY(file_map_open(argv[2], &texts, e));
  FILE *out = argc > 3 ? fopen(argv[3], "wb") : NULL;
  bool ok = argc < 4 || out || ERR(e, "%s: cannot be written", argv[3]);
  if (ok && out) ok = pass(t, &texts, out, &sum, e);
  if (out && fclose(out) && ok) ok = ERR(e, "%s: cannot be written", argv[3]);
  double wall = clock_seconds();
  clock_t cpu = clock();
  ok = ok && pass(t, &texts, NULL, &sum, e);
  if (ok)
    printf("%llu %llu %llu %.6f %.6f\n", (unsigned long long)sum.documents, (unsigned long long)texts.size,
           (unsigned long long)sum.tokens, clock_seconds() - wall, (double)(clock() - cpu) / CLOCKS_PER_SEC);
  file_unmap(&texts);
  tokenizer_free(t);
  return ok;
}

int main(int argc, char **argv) {
  err e = {0};
  arena *a = arena_new("bench");
  bool ok = bench(a, argc, argv, &e);
  if (!ok) fprintf(stderr, "%s\n", e.message);
  arena_free(a);
  return !ok;
}
