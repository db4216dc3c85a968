// vkift data check: the whole data set as a report that a person acts on, or as one JSON object.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/show.h"
#include "cli/cli.h"
#include "cli/data_verbs.h"
#include "cli/marked.h"
#include "io/json.h"

enum {
  MOST_ROWS = 30, // of a table; the JSON has all
  MOST_NAME = 56  // characters of a name; longer ones lose their middle
};

typedef struct row {
  text name;
  int64_t examples, tokens, target_tokens, dropped, bad;
  char format[32];
} row;

// The first rows of a table, and the sum of the others.
typedef struct table {
  row rows[MOST_ROWS], rest;
  int64_t n;
  bool are_files, dropped, bad; // some row has such examples
  text json;
} table;

typedef struct report {
  table tasks, files;
  text findings, json;
  int64_t n_findings;
  const vkift_data_options *options;
} report;

// --- tables ------------------------------------------------------------------------------------------------------------

static int width_of(const text *t) {
  int n = 0;
  for (size_t i = 0; i < t->length; i++) n += ((unsigned char)t->data[i] & 0xC0) != 0x80;
  return n;
}

// The bytes of the first `n` characters.
static size_t bytes_of(const text *t, int n) {
  size_t i = 0;
  while (i < t->length && n--) do
      i++;
    while (i < t->length && ((unsigned char)t->data[i] & 0xC0) == 0x80);
  return i;
}

// A name that is too long loses its middle, a path its beginning.
static void shorten(text *name, bool is_path) {
  const int width = width_of(name), front = is_path ? 0 : MOST_NAME / 2;
  if (width <= MOST_NAME) return;
  text out = {0};
  const size_t from = bytes_of(name, width - MOST_NAME + front + 1);
  text_put(&out, name->data, bytes_of(name, front));
  text_puts(&out, "…");
  text_put(&out, name->data + from, name->length - from);
  text_free(name);
  *name = out;
}

static void add_row(table *t, const vkift_data_group *g) {
  row *r = t->n < MOST_ROWS ? &t->rows[t->n] : &t->rest;
  if (t->n < MOST_ROWS) marked_put_name(&r->name, *g->name ? g->name : "(none)");
  const bool one_format = t->n <= MOST_ROWS || !strcmp(r->format, g->format);
  snprintf(r->format, sizeof r->format, "%s", one_format ? g->format : "");
  r->examples += g->examples;
  r->tokens += g->tokens;
  r->target_tokens += g->target_tokens;
  r->dropped += g->dropped_long;
  r->bad += g->bad;
  t->dropped |= g->dropped_long > 0;
  t->bad |= g->bad > 0;
  text_puts(&t->json, t->n++ ? ", {\"name\": " : "{\"name\": ");
  json_put_string(&t->json, g->name);
  if (t->are_files) {
    text_puts(&t->json, ", \"format\": ");
    json_put_string(&t->json, g->format);
  }
  text_printf(&t->json, ", \"examples\": %lld, \"tokens\": %lld, \"target_tokens\": %lld, \"dropped_long\": %lld",
              (long long)g->examples, (long long)g->tokens, (long long)g->target_tokens, (long long)g->dropped_long);
  if (t->are_files) text_printf(&t->json, ", \"bad\": %lld", (long long)g->bad);
  text_putc(&t->json, '}');
}

static void on_task(void *user, const vkift_data_group *g) {
  add_row(&((report *)user)->tasks, g);
}

static void on_file(void *user, const vkift_data_group *g) {
  add_row(&((report *)user)->files, g);
}

static void free_table(table *t) {
  for (int i = 0; i < MOST_ROWS; i++) text_free(&t->rows[i].name);
  text_free(&t->rest.name), text_free(&t->json);
}

static void print_row(const table *t, const row *r, int width) {
  printf("  %s%*s  %10s  %12s  %12s", r->name.data, width - width_of(&r->name), "", show_count(r->examples).text,
         show_count(r->tokens).text, show_count(r->target_tokens).text);
  if (t->dropped) printf("  %10s", show_count(r->dropped).text);
  if (t->bad) printf("  %10s", show_count(r->bad).text);
  printf("%s%s\n", *r->format ? "  " : "", r->format);
}

// The directory that all files of the table lie in.
static size_t common_directory(const table *t, int64_t n) {
  const text *first = &t->rows[0].name;
  size_t length = n > 1 ? first->length : 0;
  for (int64_t i = 1; i < n; i++) {
    size_t same = 0;
    while (same < length && t->rows[i].name.data[same] == first->data[same]) same++;
    length = same;
  }
  while (length && first->data[length - 1] != '/') length--;
  return length;
}

static void print_table(table *t, const char *last) {
  const int64_t n = t->n < MOST_ROWS ? t->n : MOST_ROWS;
  const size_t directory = t->are_files ? common_directory(t, n) : 0;
  text heading = {0};
  text_puts(&heading, t->are_files ? "file" : "task");
  if (directory) {
    text_puts(&heading, " in ");
    text_put(&heading, t->rows[0].name.data, directory);
  }
  shorten(&heading, false);
  int width = width_of(&heading);
  if (t->n > MOST_ROWS) text_printf(&t->rest.name, "%lld more (--json has all)", (long long)(t->n - MOST_ROWS));
  for (int64_t i = 0; i < n; i++) {
    text *name = &t->rows[i].name, cut = {0};
    text_put(&cut, name->data + directory, name->length - directory);
    text_free(name);
    *name = cut;
    shorten(name, t->are_files);
    if (width_of(name) > width) width = width_of(name);
  }
  if (width_of(&t->rest.name) > width) width = width_of(&t->rest.name);
  printf("\n  %s%*s  %10s  %12s  %12s", heading.data, width - width_of(&heading), "", "examples", "tokens", "with loss");
  if (t->dropped) printf("  %10s", "too long");
  if (t->bad) printf("  %10s", "bad");
  printf("%s%s\n", *last ? "  " : "", last);
  for (int64_t i = 0; i < n; i++) print_row(t, &t->rows[i], width);
  if (t->n > MOST_ROWS) print_row(t, &t->rest, width);
  text_free(&heading);
}

// --- findings ----------------------------------------------------------------------------------------------------------

// "! 3 examples ARE SO; the first is FILE:LINE (DETAIL), like FILE:LINE: WHAT TO DO". A line with "!" wants to be acted on.
typedef struct wording {
  const char *kind;
  char mark;
  const char *one, *many;      // behind the number
  const char *before, *behind; // around the detail of the first; NULL: it is not shown
  const char *like;            // before the other example
  const char *advice;          // NULL: none
} wording;

static const wording wordings[] = {
    {"dropped_long", '!', "example is too long and is dropped", "examples are too long and are dropped", " (", " tokens)", NULL,
     "--max-length, or --excess-length truncate"},
    {"truncated", '!', "example is cut, its answer too where it comes last",
     "examples are cut, their answers too where they come last", " (", " tokens)", NULL, "--max-length"},
    {"split", ' ', "example is cut into pieces", "examples are cut into pieces", " (", " tokens)", NULL, NULL},
    {"fewer_demonstrations", ' ', "example has fewer demonstrations, so that it fits",
     "examples have fewer demonstrations, so that they fit", NULL, NULL, NULL, "--max-length"},
    {"across_borders", ' ', "example has a token across the border of an answer, which counts by its last character",
     "examples have a token across the border of an answer, which counts by its last character", NULL, NULL, NULL, NULL},
    {"missing_tasks", '!', "listed task has no file", "listed tasks have no file", NULL, NULL, NULL, NULL},
    {"duplicates", ' ', "example is there already; a run leaves it out", "examples are there already; a run leaves them out",
     NULL, NULL, ", the same as ", NULL},
    {"leaked", ' ', "example has a prompt of the evaluation data; a run leaves it out",
     "examples have a prompt of the evaluation data; a run leaves them out", NULL, NULL, ", as ", NULL},
    {"near_duplicates", '!', "example is much like an earlier one", "examples are much like an earlier one", " (similarity ", ")",
     ", like ", NULL},
    {"other_answers", ' ', "example has the prompt of an earlier one and another answer",
     "examples have the prompt of an earlier one and another answer", NULL, NULL, ", beside ", NULL},
    {"no_end", '!', "answer ends without an end-of-turn token: the model does not learn to stop there",
     "answers end without an end-of-turn token: the model does not learn to stop there", NULL, NULL, NULL, NULL},
    {"end_markers", '!', "answer ends in a literal marker, which the model would learn to write",
     "answers end in a literal marker, which the model would learn to write", NULL, NULL, NULL, "--strip-suffix"},
    {"white_space", ' ', "answer begins or ends with white space, which the model would learn to write",
     "answers begin or end with white space, which the model would learn to write", NULL, NULL, NULL, NULL},
    {"control_text", ' ', "example spells a control token in its text: it stays text, and never becomes the token",
     "examples spell a control token in their text: it stays text, and never becomes the token", " (", ")", NULL, NULL},
};

static void put_visible(text *out, const char *before, const char *s) {
  text_puts(out, before);
  marked_put_visible(out, s, strlen(s));
}

static void put_wording(text *out, const wording *w, const vkift_data_finding *f, const vkift_data_options *o) {
  const bool cuts = o->excess_length == VKIFT_EXCESS_TRUNCATE; // then only those are dropped whose answer would be lost
  text_printf(out, "%c %s %s", w->mark, show_count(f->examples).text, f->examples == 1 ? w->one : w->many);
  if (f->file) {
    put_visible(out, f->examples == 1 ? "; it is " : "; the first is ", f->place);
    if (w->before && *f->detail) {
      const bool is_count = strspn(f->detail, "0123456789") == strlen(f->detail);
      put_visible(out, w->before, is_count ? show_count(atoll(f->detail)).text : f->detail);
      text_puts(out, w->behind);
    }
    if (w->like && f->like_file) put_visible(out, w->like, f->like_place);
  }
  const char *advice = cuts && !strcmp(w->kind, "dropped_long") ? "nothing of the answer would be left; --max-length" : w->advice;
  if (advice) text_printf(out, ": %s", advice);
  if (!strcmp(f->kind, "end_markers")) text_printf(out, " '%s'", f->detail);
  text_putc(out, '\n');
}

static void put_finding(text *out, const vkift_data_finding *f, const vkift_data_options *o) {
  if (!strcmp(f->kind, "bad_examples")) {
    text_printf(out, "! %s %s", show_count(f->examples).text, f->examples == 1 ? "example" : "examples");
    put_visible(out, f->examples == 1 ? " cannot be used: " : " cannot be used; the first: ", f->detail);
    text_putc(out, '\n');
  } else if (!strcmp(f->kind, "untrained_tokens")) {
    text_printf(out, "! %s\n", f->detail);
  }
  for (size_t i = 0; i < sizeof wordings / sizeof *wordings; i++)
    if (!strcmp(wordings[i].kind, f->kind)) put_wording(out, &wordings[i], f, o);
}

static void put_finding_json(text *out, const vkift_data_finding *f) {
  text_printf(out, "{\"kind\": \"%s\", \"examples\": %lld", f->kind, (long long)f->examples);
  if (f->file) {
    text_puts(out, ", \"file\": ");
    json_put_string(out, f->file);
    text_printf(out, ", \"line\": %lld", (long long)f->line);
  }
  if (f->like_file) {
    text_puts(out, ", \"like_file\": ");
    json_put_string(out, f->like_file);
    text_printf(out, ", \"like_line\": %lld", (long long)f->like_line);
  }
  if (*f->detail) {
    text_puts(out, ", \"detail\": ");
    json_put_string(out, f->detail);
  }
  text_putc(out, '}');
}

static void on_finding(void *user, const vkift_data_finding *f) {
  report *r = user;
  put_finding(&r->findings, f, r->options);
  if (r->n_findings++) text_puts(&r->json, ", ");
  put_finding_json(&r->json, f);
}

// --- the report --------------------------------------------------------------------------------------------------------

static void print_lengths(const vkift_data_report *r) {
  enum { BAR = 40 };
  int64_t most = 1;
  for (int i = 0; i < VKIFT_DATA_LENGTHS; i++)
    if (r->lengths[i] > most) most = r->lengths[i];
  printf("\nlengths in tokens: median %s, longest %s (at most %s are taken)\n", show_count(r->median_length).text,
         show_count(r->longest).text, show_count(r->max_length).text);
  for (int i = 0; i < VKIFT_DATA_LENGTHS; i++) {
    if (!r->lengths[i]) continue;
    const int width = (int)(r->lengths[i] * BAR / most);
    printf("  %8d – %-8d  %10s  %.*s\n", 1 << i, (1 << (i + 1)) - 1, show_count(r->lengths[i]).text, width ? width : 1,
           "########################################");
  }
}

// Where each file is a task by itself, a table of the tasks would say nothing new.
static bool tasks_are_files(const report *r) {
  if (r->files.n != r->tasks.n) return false;
  for (int64_t i = 0; i < r->files.n && i < MOST_ROWS; i++)
    if (r->files.rows[i].tokens != r->tasks.rows[i].tokens || r->files.rows[i].dropped != r->tasks.rows[i].dropped) return false;
  return true;
}

static void print_augmented(const vkift_data_report *r, const vkift_augment *asked) {
  const struct {
    int64_t n;
    bool asked;
    const char *what, *why_not;
  } rows[] = {
      {r->with_demonstrations, asked->num_demonstrations > 0, "demonstrations", "no other examples of its task are there"},
      {r->with_persona, asked->persona_ratio > 0, "a persona", "none was drawn, or none has `personas`"},
      {r->with_definition, asked->definition_ratio > 0, "their definition",
       "none was drawn, or none has `definition` or `things_to_avoid`"},
      {r->with_length_constraint, asked->length_constraint_ratio > 0, "a length constraint",
       "none was drawn, or no answer is long enough"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (rows[i].n) printf("  %s examples get %s\n", show_count(rows[i].n).text, rows[i].what);
    else if (rows[i].asked) printf("! no example gets %s: %s\n", rows[i].what, rows[i].why_not);
  }
}

static void print_text(const vkift_data_report *r, report *list) {
  if (!r->examples) { // the findings say why
    printf("no example can be used\n\n%s", list->findings.data ? list->findings.data : "");
    return;
  }
  printf("%s examples, %s tokens, %s of them with loss (%.1f %%)\n", show_count(r->examples).text, show_count(r->tokens).text,
         show_count(r->target_tokens).text, 100.0 * (double)r->target_tokens / (double)r->tokens);
  if (r->left != r->examples) printf("a run would train on %s of the examples\n", show_count(r->left).text);
  printf("tokens with loss in an example: %s to %s, median %s\n", show_count(r->fewest_targets).text,
         show_count(r->most_targets).text, show_count(r->median_targets).text);
  print_lengths(r);
  print_table(&list->files, "format");
  if (!tasks_are_files(list)) print_table(&list->tasks, "");
  if (list->findings.length) printf("\n%s", list->findings.data);
  print_augmented(r, &list->options->augment);
  if (!list->findings.length) puts("\nnothing to act on was found");
}

static void print_json(const vkift_data_report *r, const report *list) {
  const struct {
    const char *name;
    int64_t value;
  } rows[] = {{"examples", r->examples},
              {"tokens", r->tokens},
              {"target_tokens", r->target_tokens},
              {"bad", r->bad},
              {"empty_masks", r->empty_masks},
              {"dropped_long", r->dropped_long},
              {"truncated", r->truncated},
              {"left", r->left},
              {"with_demonstrations", r->with_demonstrations},
              {"with_persona", r->with_persona},
              {"with_definition", r->with_definition},
              {"with_length_constraint", r->with_length_constraint},
              {"max_length", r->max_length},
              {"longest", r->longest},
              {"median_length", r->median_length},
              {"fewest_targets", r->fewest_targets},
              {"median_targets", r->median_targets},
              {"most_targets", r->most_targets}};
  text out = {0};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    text_printf(&out, "%s\"%s\": %lld", i ? ", " : "{", rows[i].name, (long long)rows[i].value);
  text_puts(&out, ", \"lengths\": [");
  for (int i = 0; i < VKIFT_DATA_LENGTHS; i++) text_printf(&out, "%s%lld", i ? ", " : "", (long long)r->lengths[i]);
  text_printf(&out, "], \"tasks\": [%s], \"files\": [%s], \"findings\": [%s], \"stops\": ",
              list->tasks.json.data ? list->tasks.json.data : "", list->files.json.data ? list->files.json.data : "",
              list->json.data ? list->json.data : "");
  if (*r->stops) json_put_string(&out, r->stops);
  else text_puts(&out, "null");
  text_putc(&out, '}');
  puts(out.data);
  text_free(&out);
}

bool data_check(const vkift_data_options *o, bool as_json, err *e) {
  report list = {.files.are_files = true, .options = o};
  const vkift_data_events events = {.user = &list, .task = on_task, .file = on_file, .finding = on_finding};
  vkift_data_report r;
  vkift_error error = {0};
  bool ok = library_ok(vkift_data_read(o, &events, &r, &error), &error, e);
  if (ok && as_json) print_json(&r, &list);
  else if (ok) print_text(&r, &list);
  if (ok && *r.stops) ok = ERR(e, "%s", r.stops);
  free_table(&list.tasks), free_table(&list.files);
  text_free(&list.findings), text_free(&list.json);
  return ok;
}
