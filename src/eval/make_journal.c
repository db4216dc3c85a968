#define _GNU_SOURCE // flock
#include "eval/make_journal.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "data/formats_parts.h"
#include "eval/make_judge.h"
#include "io/json.h"

static const char *const finishes[] = {[VKIFT_FINISH_END] = "end",
                                       [VKIFT_FINISH_LENGTH] = "length",
                                       [VKIFT_FINISH_STOPPED] = "stopped",
                                       [VKIFT_FINISH_STOP_STRING] = "stop_string"};
enum { N_FINISHES = sizeof finishes / sizeof *finishes, LIMIT = 1 << 30 };

// --- reading -----------------------------------------------------------------------------------------------------------

static const char *print(arena *a, const cJSON *value) {
  if (!value) return "nothing";
  char *printed = cJSON_PrintUnformatted(value);
  REQUIRE(printed, "out of host memory for a value of a journal");
  const char *kept = arena_strdup(a, printed);
  cJSON_free(printed);
  return kept;
}

// Whether it is a journal at all; *other says where it is of another command line.
static bool check_header(arena *a, const json *found, const char *header, err *other, err *e) {
  json wanted;
  if (!cJSON_IsObject(found->root) || !formats_field(found->root, "vkift_data_make"))
    return ERR(e, "%s: expected a journal of vkift data make, found something else", found->origin);
  TRY(json_parse("the command's own header", header, strlen(header), &wanted, e));
  for (const cJSON *x = wanted.root->child; x; x = x->next) {
    const cJSON *was = cJSON_GetObjectItemCaseSensitive(found->root, x->string);
    if (was && cJSON_Compare(was, x, true)) continue;
    ERR(other, "%s: it belongs to another command line: its %s is %.200s, now it is %.200s", found->origin, x->string,
        print(a, was), print(a, x));
  }
  json_free(&wanted);
  return true;
}

static bool read_entry(arena *a, make_journal *j, const json *d, err *e) {
  const char *content, *finish;
  uint32_t number;
  strings from;
  TRY(json_u32(d, d->root, "", "attempt", &number, e) && json_string(d, d->root, "", "text", &content, e));
  TRY(json_string(d, d->root, "", "finish", &finish, e));
  if (formats_field(d->root, "from") && !formats_field(d->root, "from")->child) from = (strings){0};
  else TRY(formats_strings(a, d, d->root, "", "from", &from, e));
  if (number != j->n) return ERR(e, "%s: attempt: expected %llu, found %u", d->origin, (unsigned long long)j->n, number);
  int f = 0;
  while (f < N_FINISHES && strcmp(finishes[f], finish)) f++;
  if (f == N_FINISHES) return ERR(e, "%s: finish: expected how an answer ends, found '%.40s'", d->origin, finish);
  const char **names = ARENA_ARRAY(a, const char *, from.n);
  for (uint32_t i = 0; i < from.n; i++) names[i] = arena_strdup(a, from.items[i]);
  arena_grow(a, (void **)&j->entries, &j->capacity, j->n + 1, sizeof *j->entries);
  j->entries[j->n++] = (make_entry){arena_strdup(a, content), {names, from.n}, (vkift_finish)f};
  return true;
}

static bool read_line(arena *a, make_journal *j, const char *header, uint64_t number, const char *line, size_t n, err *other,
                      err *e) {
  json d;
  if (number > 1 && other->failed) return ERR(e, "%s", other->message);
  TRY(json_parse(arena_printf(a, "%s:%llu", j->path, (unsigned long long)number), line, n, &d, e));
  const bool ok = number == 1 ? check_header(a, &d, header, other, e) : read_entry(a, j, &d, e);
  json_free(&d);
  return ok;
}

// A first line without an end, as a kill leaves it, and nothing else.
static bool is_begun(const char *data, uint64_t size) {
  static const char begin[] = "{\"vkift_data_make\": ";
  return !memcmp(data, begin, size < sizeof begin - 1 ? (size_t)size : sizeof begin - 1);
}

// *whole: bytes of the lines that have an end; none where another command line wrote the first one alone.
static bool read_all(arena *a, make_journal *j, const char *header, uint64_t *whole, err *e) {
  char *data;
  uint64_t size, number = 0;
  err other = {0};
  TRY(file_read(a, j->path, LIMIT, &data, &size, e));
  const char *line = data, *const end = data + size;
  for (const char *next; (next = memchr(line, '\n', (size_t)(end - line))); line = next + 1)
    TRY(read_line(a, j, header, ++number, line, (size_t)(next - line), &other, e));
  if (!number && !is_begun(data, size)) return ERR(e, "%s: expected a journal of vkift data make, found something else", j->path);
  *whole = other.failed ? 0 : (uint64_t)(line - data);
  return true;
}

// --- writing -----------------------------------------------------------------------------------------------------------

static bool put_line(make_journal *j, const text *line, err *e) {
  const bool ok = fwrite(line->data, 1, line->length, j->file) == line->length && !fflush(j->file);
  return ok ? true : ERR(e, "%s: cannot write: %s", j->path, strerror(errno));
}

static bool begin(make_journal *j, const char *header, err *e) {
  text line = {0};
  text_printf(&line, "%s\n", header);
  const bool ok = put_line(j, &line, e);
  text_free(&line);
  return ok;
}

bool make_journal_open(arena *a, const char *path, const char *header, make_journal *j, err *e) {
  *j = (make_journal){.path = arena_strdup(a, path)};
  j->file = fopen(path, "ab");
  if (!j->file) return ERR(e, "%s: cannot open: %s", path, strerror(errno));
  const int lines = fileno(j->file);
  if (flock(lines, LOCK_EX | LOCK_NB)) return ERR(e, "%s: another vkift data make writes it (%s)", path, strerror(errno));
  uint64_t whole = 0;
  TRY(read_all(a, j, header, &whole, e));
  if (ftruncate(lines, (off_t)whole)) return ERR(e, "%s: cannot mend its last line: %s", path, strerror(errno));
  return whole || begin(j, header, e);
}

void make_journal_close(make_journal *j) {
  if (j->file) fclose(j->file);
  j->file = NULL;
}

bool make_journal_add(make_journal *j, uint64_t attempt, const char *task, vkift_made verdict, const make_entry *x, err *e) {
  text line = {0};
  text_printf(&line, "{\"attempt\": %llu, \"guideline\": ", (unsigned long long)attempt);
  json_put_string(&line, task);
  text_printf(&line, ", \"verdict\": \"%s\", \"finish\": \"%s\", \"from\": [", make_judge_name(verdict), finishes[x->finish]);
  for (uint32_t i = 0; i < x->from.n; i++) {
    if (i) text_puts(&line, ", ");
    json_put_string(&line, x->from.items[i]);
  }
  text_puts(&line, "], \"text\": ");
  json_put_string(&line, x->text);
  text_puts(&line, "}\n");
  const bool ok = put_line(j, &line, e);
  text_free(&line);
  return ok;
}
