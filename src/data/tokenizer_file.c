#include "data/tokenizer_file.h"

#include <string.h>

#include "base/file.h"

static bool is_gguf(const char *path) {
  file_map map;
  if (!file_map_open(path, &map, NULL)) return false;
  bool magic = map.size >= 4 && !memcmp(map.data, "GGUF", 4);
  file_unmap(&map);
  return magic;
}

bool tokenizer_file_open(arena *a, const char *path, tokenizer_file *t, err *e) {
  *t = (tokenizer_file){0};
  if (file_is_dir(path)) return tokenizer_read(a, path_join(a, path, "tokenizer.json"), &t->tokens, e);
  if (!is_gguf(path)) return tokenizer_read(a, path, &t->tokens, e);
  return gguf_open(a, path, &t->file, e) && tokenizer_from_gguf(a, &t->file, &t->tokens, e);
}

void tokenizer_file_close(tokenizer_file *t) {
  tokenizer_free(t->tokens);
  gguf_close(&t->file);
  *t = (tokenizer_file){0};
}
