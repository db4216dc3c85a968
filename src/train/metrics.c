#include "train/metrics.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "io/json.h"

// The value behind `"step": ` at the start of a line, which ends in '\n' at `end`; UINT64_MAX where there is none. (Behind a mapped
// file no NUL stands, which sscanf would look for.)
static uint64_t step_of(const char *line, const char *end) {
  static const char key[] = "{\"step\": ";
  const size_t n = sizeof key - 1;
  if ((size_t)(end - line) <= n || memcmp(line, key, n) || !isdigit((unsigned char)line[n])) return UINT64_MAX;
  uint64_t number = 0;
  for (const char *c = line + n; isdigit((unsigned char)*c) && number < UINT64_MAX / 16; c++)
    number = 10 * number + (uint64_t)(*c - '0');
  return number;
}

// Lines of steps up to `last`, whole ones only.
static bool keep_lines(const char *path, uint64_t last, err *e) {
  if (!file_exists(path)) return true;
  file_map map;
  file_writer kept;
  TRY(file_map_open(path, &map, e));
  bool ok = file_writer_open(path, &kept, e);
  if (ok) {
    const char *line = (const char *)map.data, *end = line + map.size, *next;
    for (; ok && line < end && (next = memchr(line, '\n', (size_t)(end - line))); line = next + 1)
      if (step_of(line, next) <= last) ok = file_write(&kept, line, (uint64_t)(next + 1 - line), e);
    ok = ok && file_writer_commit(&kept, e);
    file_writer_abort(&kept);
  }
  file_unmap(&map);
  return ok;
}

bool metrics_open(arena *a, const char *path, bool resume, uint64_t resumed_at, metrics *m, err *e) {
  *m = (metrics){.path = arena_strdup(a, path)};
  if (resume) TRY(keep_lines(path, resumed_at, e));
  m->file = fopen(path, resume ? "ab" : "wb");
  if (!m->file) return ERR(e, "%s: cannot open: %s", path, strerror(errno));
  return true;
}

void metrics_close(metrics *m) {
  if (m->file) fclose(m->file);
  m->file = NULL;
}

static bool put_line(metrics *m, text *line, err *e) {
  text_puts(line, "}\n");
  const bool ok = fwrite(line->data, 1, line->length, m->file) == line->length && !fflush(m->file);
  text_free(line);
  return ok ? true : ERR(e, "%s: cannot write: %s", m->path, strerror(errno));
}

static void put_number(text *line, const char *key, double v) {
  text_printf(line, ", \"%s\": ", key);
  json_put_number(line, v);
}

// TRL's names.
static void put_rewards(text *line, const char *before, const vkift_rewards *r) {
  const struct {
    const char *name;
    double value;
  } rows[] = {
      {"chosen", r->chosen}, {"rejected", r->rejected}, {"accuracies", r->accuracy}, {"margins", r->chosen - r->rejected}};
  for (size_t i = 0; r->given && i < sizeof rows / sizeof *rows; i++) {
    char key[64];
    snprintf(key, sizeof key, "%srewards/%s", before, rows[i].name);
    put_number(line, key, rows[i].value);
  }
}

bool metrics_step(metrics *m, const vkift_step *s, const step *norms, const struct step_hyper *hyper, err *e) {
  text line = {0};
  text_printf(&line, "{\"step\": %lld", (long long)s->step);
  put_number(&line, "epoch", s->epoch);
  put_number(&line, "loss", s->loss);
  put_number(&line, "grad_norm", s->grad_norm);
  put_number(&line, "learning_rate", s->learning_rate);
  put_number(&line, "tokens", (double)s->tokens);
  put_number(&line, "target_tokens", (double)s->target_tokens);
  put_number(&line, "seconds", s->seconds);
  put_number(&line, "target_tokens_per_second", s->target_tokens_per_second);
  put_number(&line, "host_seconds", s->host_seconds);
  put_number(&line, "device_bytes", (double)s->device_bytes);
  put_rewards(&line, "", &s->rewards);
  if (s->bad) text_puts(&line, ", \"bad\": true");
  if (norms) {
    text_puts(&line, ", \"tensor_norms\": {");
    for (uint64_t i = 0; i < norms->params->n; i++) {
      const trained *t = &norms->params->items[i];
      if (t->row) continue; // a piece of the one before
      if (i) text_puts(&line, ", ");
      json_put_string(&line, t->name);
      text_puts(&line, ": ");
      json_put_number(&line, step_tensor_norm(norms, t, hyper));
    }
    text_putc(&line, '}');
  }
  return put_line(m, &line, e);
}

bool metrics_eval(metrics *m, const vkift_eval_point *p, err *e) {
  text line = {0};
  text_printf(&line, "{\"step\": %lld", (long long)p->step);
  put_number(&line, "eval_loss", p->loss);
  if (!p->rewards.given) put_number(&line, "eval_perplexity", p->perplexity);
  put_number(&line, "eval_examples", (double)p->examples);
  put_number(&line, "eval_target_tokens", (double)p->target_tokens);
  put_rewards(&line, "eval_", &p->rewards);
  if (!isnan(p->accuracy)) put_number(&line, "eval_accuracy", p->accuracy);
  return put_line(m, &line, e);
}
