// Tables: whatever the bytes, rows are read or refused, and a row has the header's columns. The first byte picks the kind.
#define _GNU_SOURCE
#include "fuzz.h"

#include <cjson/cJSON.h>

#include "data/item_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!size) return 0;
  arena *a = arena_new("fuzzing");
  item_reader r;
  err e = {0};
  bool ok = item_reader_open(a, data[0] & 1 ? "fuzz.csv" : "fuzz.tsv", (const char *)data + 1, size - 1, &r, &e);
  fuzz_check(ok, &e);
  uint32_t line = 0;
  while (ok) {
    jsonl_item item;
    json doc = {0};
    err fault = {0};
    const jsonl_status status = item_reader_next(&r, &item, &fault);
    fuzz_check(status == JSONL_ITEM || status == JSONL_END, &fault);
    ok = status == JSONL_ITEM || status == JSONL_BAD;
    if (!ok) break;
    REQUIRE(item.place > line, "line %u behind line %u", item.place, line);
    line = item.place;
    if (status == JSONL_BAD) continue;
    const bool parsed = item_reader_parse(&r, "fuzz", &item, &doc, &fault);
    fuzz_check(parsed, &fault);
    if (parsed) REQUIRE((uint32_t)cJSON_GetArraySize(doc.root) == r.table.n_columns, "%d fields", cJSON_GetArraySize(doc.root));
    json_free(&doc);
  }
  arena_free(a);
  return 0;
}
