// vkift tokenize: text to token ids and back.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json_line.h"
#include "cli/options.h"
#include "io/json.h"

typedef struct tokenize_options {
  const char *model;
  bool jsonl, decode, special;
} tokenize_options;

#define GROUP .group = "Options"
static const option tokenize_table[] = {
    {"model", OPTION_PATH, offsetof(tokenize_options, model), GROUP, .unset = "required",
     .help = "a directory with tokenizer.json, that file itself, or a GGUF file"},
    {"decode", OPTION_BOOL, offsetof(tokenize_options, decode), GROUP, .help = "ids to text"},
    {"jsonl", OPTION_BOOL, offsetof(tokenize_options, jsonl), GROUP,
     .help = "one JSON string a line to one JSON array of ids a line; with --decode the other way"},
    {"special", OPTION_BOOL, offsetof(tokenize_options, special), GROUP,
     .help = "add the special tokens that the tokenizer puts around a text (BOS, say); with --decode show special tokens"},
    {0},
};

static const command_help help = {
    .usage = "vkift tokenize --model PATH [--decode] [--jsonl] [--special]",
    .about =
        "Reads text from stdin, all of it with its final newline, and prints its token ids. With --decode, reads ids and "
        "prints their text as it is. Control tokens in the text are matched.",
    .example = "printf 'Hello world' | vkift tokenize --model models/SmolLM2-135M",
};

static bool print(const text *out, err *e) {
  if (fwrite(out->data, 1, out->length, stdout) != out->length) return ERR(e, "stdout: cannot write: %s", strerror(errno));
  return true;
}

static bool encode(const tokenize_options *o, const vkift_tokenizer *t, const char *bytes, size_t length, text *out, err *e) {
  vkift_error error = {0};
  int32_t *ids = NULL;
  size_t n = 0;
  if (!library_ok(vkift_tokenizer_encode(t, bytes, length, o->special, &ids, &n, &error), &error, e)) return false;
  if (o->jsonl) json_line_put_ids(out, ids, n);
  else
    for (size_t i = 0; i < n; i++) text_printf(out, "%s%d", i ? " " : "", (int)ids[i]);
  text_putc(out, '\n');
  vkift_free(ids);
  return true;
}

static bool decode(const tokenize_options *o, const vkift_tokenizer *t, const int32_t *ids, size_t n, text *out, err *e) {
  vkift_error error = {0};
  char *bytes = NULL;
  size_t length = 0;
  if (!library_ok(vkift_tokenizer_decode(t, ids, n, !o->special, &bytes, &length, &error), &error, e)) return false;
  if (o->jsonl) {
    json_put_bytes(out, bytes, length);
    text_putc(out, '\n');
  } else {
    text_put(out, bytes, length);
  }
  vkift_free(bytes);
  return true;
}

// One line of JSON at a time, so that a pipe of any length can be served.
static bool run_lines(const tokenize_options *o, const vkift_tokenizer *t, err *e) {
  char *line = NULL;
  size_t capacity = 0;
  ssize_t length;
  bool ok = true;
  text in = {0}, out = {0};
  for (unsigned long number = 1; ok && (length = getline(&line, &capacity, stdin)) >= 0; number++) {
    if (length && line[length - 1] == '\n') length--;
    char where[40];
    snprintf(where, sizeof where, "stdin:%lu", number);
    text_clear(&in), text_clear(&out);
    arena *a = arena_new("line");
    int32_t *ids;
    size_t n;
    if (o->decode) ok = json_line_ids(a, where, line, (size_t)length, &ids, &n, e) && decode(o, t, ids, n, &out, e);
    else ok = json_line_string(where, line, (size_t)length, &in, e) && encode(o, t, in.data ? in.data : "", in.length, &out, e);
    if (ok) ok = print(&out, e);
    arena_free(a);
  }
  if (ok && ferror(stdin)) ok = ERR(e, "stdin: cannot read: %s", strerror(errno));
  free(line);
  text_free(&in), text_free(&out);
  return ok;
}

static bool read_all(text *in, err *e) {
  char block[65536];
  for (size_t n; (n = fread(block, 1, sizeof block, stdin)) > 0;) text_put(in, block, n);
  return !ferror(stdin) || ERR(e, "stdin: cannot read: %s", strerror(errno));
}

// "1 15043 3186": ids with white space or commas between them.
static bool read_ids(arena *a, const text *in, int32_t **ids, size_t *n, err *e) {
  uint64_t capacity = 0;
  *ids = NULL;
  *n = 0;
  const char *p = in->data ? in->data : "", *end = p + in->length;
  for (;;) {
    while (p < end && strchr(" \t\r\n,", *p) && *p) p++;
    if (p == end) return true;
    char *behind;
    errno = 0;
    long id = strtol(p, &behind, 10);
    if (behind == p || errno || id < 0 || id > INT32_MAX) {
      size_t word = strcspn(p, " \t\r\n,");
      return ERR(e, "stdin: byte %zu: expected a token id, found '%.*s'%s", (size_t)(p - in->data), word < 20 ? (int)word : 20, p,
                 *p == '[' ? " (arrays of ids are read with --jsonl)" : "");
    }
    arena_grow(a, (void **)ids, &capacity, *n + 1, sizeof **ids);
    (*ids)[(*n)++] = (int32_t)id;
    p = behind;
  }
}

static bool run_whole(const tokenize_options *o, const vkift_tokenizer *t, err *e) {
  text in = {0}, out = {0};
  arena *a = arena_new("ids");
  int32_t *ids;
  size_t n;
  bool ok = read_all(&in, e);
  if (ok && o->decode) ok = read_ids(a, &in, &ids, &n, e) && decode(o, t, ids, n, &out, e);
  else if (ok) ok = encode(o, t, in.data ? in.data : "", in.length, &out, e);
  if (ok && out.length) ok = print(&out, e);
  arena_free(a);
  text_free(&in), text_free(&out);
  return ok;
}

bool tokenize_run(int argc, char **argv, err *e) {
  tokenize_options o = {0};
  const tokenize_options defaults = {0};
  const option_set set = {tokenize_table, &o};
  flags f;
  arena *a = arena_new("command line");
  bool ok = flags_read(a, &set, 1, NULL, argc, argv, &f, e) && flags_store(a, &f, e);
  if (ok && f.help) {
    options_print_help(&help, &set, (const void *const[]){&defaults}, 1);
  } else if (ok && !o.model) {
    e->usage = true;
    ok = ERR(e, "--model is missing: whose tokenizer?");
  } else if (ok) {
    vkift_tokenizer *t = NULL;
    vkift_error error = {0};
    ok = library_ok(vkift_tokenizer_open(o.model, &t, &error), &error, e);
    if (ok) ok = o.jsonl ? run_lines(&o, t, e) : run_whole(&o, t, e);
    vkift_tokenizer_close(t);
  }
  arena_free(a);
  return ok;
}
