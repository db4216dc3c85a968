// Reports: whatever one of a run directory's files holds, there is an error or a page, and no word of the file is markup on it.
// The first byte says which file the rest is.
#define _GNU_SOURCE
#include "fuzz.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "report/report.h"

enum { N_FILES = 5 };

// What the run has besides.
static const struct {
  const char *name, *words; // words NULL: it is not there
} files[N_FILES] = {
    {"results.json", NULL},
    {"metrics.jsonl", "{\"step\": 1, \"loss\": 2}\n{\"step\": 2, \"loss\": 1}\n{\"step\": 2, \"eval_loss\": 1}\n"},
    {"data.json", NULL},
    {"run.json", NULL},
    {"predictions/p.jsonl", NULL},
};

static void write_all(const char *dir, const uint8_t *data, size_t size) {
  for (int i = 0; i < N_FILES; i++) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, files[i].name);
    unlink(path);
    const bool given = data[0] % N_FILES == i;
    if (!given && !files[i].words) continue;
    FILE *f = fopen(path, "wb");
    const size_t n = given ? size - 1 : strlen(files[i].words);
    REQUIRE(f && fwrite(given ? (const char *)data + 1 : files[i].words, 1, n, f) == n && !fclose(f), "cannot write %s", path);
  }
}

static size_t count(const text *page, const char *words) {
  size_t n = 0;
  for (const char *at = page->data; (at = strstr(at, words)); at++) n++;
  return n;
}

static void check_page(const text *page, bool markdown) {
  size_t at;
  REQUIRE(strlen(page->data) == page->length, "a NUL on the page");
  REQUIRE(utf8_valid(page->data, page->length, &at), "byte %zu of the page is not UTF-8", at);
  for (size_t i = 0; i < page->length; i++)
    REQUIRE((unsigned char)page->data[i] >= 0x20 || strchr("\n\t", page->data[i]), "a control character at %zu", i);
  if (markdown) return;
  REQUIRE(count(page, "<script") == 2 && count(page, "</script") == 2 && count(page, "<!--") == 0, "another script");
  REQUIRE(count(page, "<body") == 1 && count(page, "<img") == 0 && count(page, "<main") == 1, "a tag from a file");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char dir[64], sub[80];
  if (!size) return 0;
  snprintf(dir, sizeof dir, "/dev/shm/vkift-fuzz-report-%d", (int)getpid());
  snprintf(sub, sizeof sub, "%s/predictions", dir);
  err made = {0};
  REQUIRE(dir_make(sub, &made), "%s", made.message);
  write_all(dir, data, size);
  for (int markdown = 0; markdown < 2; markdown++) {
    text page = {0};
    err e = {0};
    const bool ok = report_make(dir, markdown, &page, &e);
    fuzz_check(ok, &e);
    if (ok) check_page(&page, markdown);
    text_free(&page);
  }
  return 0;
}
