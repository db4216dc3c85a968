// Template packs: whatever the bytes, a pack is refused or gives an example for a row, or a fault of that row.
#define _GNU_SOURCE
#include "fuzz.h"

#include <string.h>

#include "data/template_pack.h"

static const char row_source[] = "{\"q\":\"why\",\"a\":\"so\",\"label\":1,\"list\":[\"x\",\"y\"],\"none\":null}";

static void render(arena *a, const template_pack *p, const json *row) {
  uint32_t *chosen = ARENA_ARRAY(a, uint32_t, p->per_row);
  template_pack_draw(p, 1, 2, chosen);
  for (uint32_t i = 0; i < p->per_row && i < 4; i++) {
    raw_example x = {0};
    err e = {0};
    const bool ok = template_pack_render(a, p, row, chosen[i], &x, &e);
    fuzz_check(ok, &e);
    if (!ok) continue;
    REQUIRE(x.n_messages == 2 && *x.messages[0].content && *x.messages[1].content, "an example without text");
    for (uint32_t k = 0; k < 2; k++)
      REQUIRE(utf8_valid(x.messages[k].content, strlen(x.messages[k].content), NULL), "text that is not UTF-8");
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char path[32];
  const int fd = fuzz_file(data, size, path);
  arena *a = arena_new("fuzzing");
  template_pack *p;
  json row;
  err e = {0};
  REQUIRE(json_parse("row", row_source, sizeof row_source - 1, &row, &e), "%s", e.message);
  const bool ok = template_pack_read(a, path, &p, &e);
  fuzz_check(ok, &e);
  if (ok) render(a, p, &row);
  json_free(&row);
  arena_free(a);
  close(fd);
  return 0;
}
