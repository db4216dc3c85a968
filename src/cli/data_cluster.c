// vkift data cluster: the tasks of a data set in groups of similar ones, as text, JSON, a file of clusters and a picture.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/show.h"
#include "cli/cli.h"
#include "cli/data_verbs.h"
#include "cli/json_line.h"
#include "cli/marked.h"
#include "cli/options.h"
#include "config/train_options.h"
#include "io/json.h"

typedef struct cluster_flags {
  bool json;
} cluster_flags;

static const option cluster_table[] = {
#define AT(field) .offset = offsetof(vkift_cluster_options, field), .group = "Data"
    {"data", OPTION_DATA, AT(data), .help = "as for vkift train; may be repeated"},
#define READING(field) AT(reading.field)
#include "config/reading.def"
    {"examples_per_task", OPTION_INTEGER, AT(examples_per_task), .least = 1, .most = 10000,
     .help = "whose words are counted, drawn by --seed"},
    {"seed", OPTION_INTEGER, AT(seed), .least = 0, .most = INFINITY, .help = "of these draws, and of the permutations"},
#undef AT
#define AT(field) .offset = offsetof(vkift_cluster_options, field), .group = "Groups"
    {"n_clusters", OPTION_INTEGER, AT(n_clusters), .least = 2, .most = 5000, .unset = "the number whose groups are the clearest",
     .help = "how many groups"},
    {"clusters", OPTION_PATH, AT(clusters), .value = "FILE", .unset = "what the tasks say themselves",
     .help = "a file of clusters to compare the groups with"},
    {"permutations", OPTION_INTEGER, AT(permutations), .least = 0, .most = 1000000,
     .help = "random orders of the categories, which say how well groups agree with them by chance"},
#undef AT
#define AT(field) .offset = offsetof(vkift_cluster_options, field), .group = "Output"
    {"clusters_out", OPTION_PATH, AT(clusters_out), .value = "FILE", .unset = "none", .help = "a new file of clusters, in YAML"},
    {"picture", OPTION_PATH, AT(picture), .value = "FILE", .unset = "none", .help = "a picture of the groups, in SVG"},
    {0},
#undef AT
};

static const option cluster_flag_table[] = {
    {"json", OPTION_BOOL, .offset = offsetof(cluster_flags, json), .group = "Output", .help = "all of it as one JSON object"},
    {0},
};

static const command_help cluster_help = {
    .usage = "vkift data cluster --data PATH [--clusters-out FILE] [--picture FILE] [options]",
    .about =
        "Finds groups of similar tasks by the words of their definitions and examples, so that whole groups can be held out. "
        "Prints "
        "them with how clearly each task belongs (silhouette, from -1 to 1), the tasks nearest a border, and how far the groups "
        "agree "
        "with the categories that the tasks have themselves. No model is needed.",
    .example = "vkift data cluster --data tasks/ --clusters-out c.yaml --picture c.svg",
};

// --- the groups --------------------------------------------------------------------------------------------------------

typedef struct border {
  const char *task, *in, *like, *like_in;
  double silhouette, similarity;
} border;

enum { MOST_BORDERS = 10 };

typedef struct listing {
  arena *memory;
  text groups, json;
  border borders[MOST_BORDERS];
  int64_t n_borders;
} listing;

static int max(int x, int y) {
  return x > y ? x : y;
}

static int width_of(const char *s, size_t n) {
  int width = 0;
  for (size_t i = 0; i < n; i++) width += ((unsigned char)s[i] & 0xC0) != 0x80;
  return width;
}

// At least `width` characters.
static void put_visible(text *out, const char *s, int width) {
  const size_t from = out->length;
  marked_put_name(out, s);
  for (int n = width_of(out->data + from, out->length - from); n < width; n++) text_putc(out, ' ');
}

static void put_json_string(text *out, const char *key, const char *value) {
  text_printf(out, "\"%s\": ", key);
  json_put_string(out, value);
}

static void put_json_task(text *out, const vkift_cluster_task *t) {
  text_putc(out, '{');
  put_json_string(out, "name", t->name);
  text_puts(out, ", ");
  put_json_string(out, "category", t->category);
  text_printf(out, ", \"examples\": %lld, \"silhouette\": ", (long long)t->examples);
  json_line_put_number(out, t->silhouette, 6);
  text_puts(out, ", ");
  put_json_string(out, "like", t->like);
  text_puts(out, ", ");
  put_json_string(out, "like_cluster", t->like_cluster);
  text_puts(out, ", \"similarity\": ");
  json_line_put_number(out, t->similarity, 6);
  if (t->border) text_printf(out, ", \"border\": %lld", (long long)t->border);
  text_putc(out, '}');
}

static void on_cluster(void *user, const vkift_cluster *c) {
  listing *l = user;
  int width = 0;
  text_puts(&l->groups, "\n  ");
  put_visible(&l->groups, c->name, 0);
  text_printf(&l->groups, "  (%zu task%s)\n", c->n_tasks, c->n_tasks == 1 ? "" : "s");
  text_puts(&l->json, l->json.length ? ", {" : "{");
  put_json_string(&l->json, "name", c->name);
  text_puts(&l->json, ", \"tasks\": [");
  for (size_t i = 0; i < c->n_tasks; i++) width = max(width, width_of(c->tasks[i].name, strlen(c->tasks[i].name)));
  for (size_t i = 0; i < c->n_tasks; i++) {
    const vkift_cluster_task *t = &c->tasks[i];
    if (i) text_puts(&l->json, ", ");
    put_json_task(&l->json, t);
    if (c->n_tasks > 1) text_printf(&l->groups, "    %5.2f  ", t->silhouette);
    else text_puts(&l->groups, "           ");
    put_visible(&l->groups, t->name, *t->category ? width : 0);
    if (*t->category) text_puts(&l->groups, "  "), put_visible(&l->groups, t->category, 0);
    text_putc(&l->groups, '\n');
    if (!t->border || t->border > MOST_BORDERS) continue;
    l->borders[t->border - 1] = (border){arena_strdup(l->memory, t->name),
                                         arena_strdup(l->memory, c->name),
                                         arena_strdup(l->memory, t->like),
                                         arena_strdup(l->memory, t->like_cluster),
                                         t->silhouette,
                                         t->similarity};
    if (t->border > l->n_borders) l->n_borders = t->border;
  }
  text_puts(&l->json, "]}");
}

// --- all of it ---------------------------------------------------------------------------------------------------------

static void print_text(const listing *l, const vkift_cluster_report *r) {
  text out = {0};
  text_printf(&out, "%s tasks with %s examples in %lld groups (mean silhouette %.2f)", show_count(r->tasks).text,
              show_count(r->examples).text, (long long)r->clusters, r->silhouette);
  if (r->skipped_bad) text_printf(&out, "; %s bad examples skipped", show_count(r->skipped_bad).text);
  text_putc(&out, '\n');
  text_put(&out, l->groups.data, l->groups.length);
  if (l->n_borders) text_puts(&out, "\ntasks nearest a border, with what they are like in another group:\n");
  for (int64_t i = 0; i < l->n_borders; i++) {
    const border *b = &l->borders[i];
    text_printf(&out, "  %5.2f  ", b->silhouette);
    put_visible(&out, b->task, 0);
    text_puts(&out, " (");
    put_visible(&out, b->in, 0);
    text_puts(&out, "): ");
    put_visible(&out, b->like, 0);
    text_puts(&out, " (");
    put_visible(&out, b->like_in, 0);
    text_printf(&out, "), similarity %.2f\n", b->similarity);
  }
  if (r->categories) {
    text_printf(&out, "\nagreement with the categories of %s tasks (%lld of them): adjusted Rand index %.3f",
                show_count(r->with_category).text, (long long)r->categories, r->rand_index);
    if (r->permutations)
      text_printf(&out, "\nby chance (%s random orders): %.3f on average, deviation %.3f, the highest %.3f; %s at least as high",
                  show_count(r->permutations).text, r->chance_mean, r->chance_deviation, r->chance_highest,
                  r->chance_as_high ? show_count(r->chance_as_high).text : "none");
    text_putc(&out, '\n');
  }
  fwrite(out.data, 1, out.length, stdout);
  text_free(&out);
}

static void put_json_number(text *out, const char *key, double value) {
  text_printf(out, ", \"%s\": ", key);
  json_line_put_number(out, value, 6);
}

static void print_json(const listing *l, const vkift_cluster_report *r) {
  text out = {0};
  text_printf(&out, "{\"tasks\": %lld, \"examples\": %lld, \"skipped_bad\": %lld", (long long)r->tasks, (long long)r->examples,
              (long long)r->skipped_bad);
  put_json_number(&out, "silhouette", r->silhouette);
  text_puts(&out, ", \"agreement\": ");
  if (r->categories) {
    text_printf(&out, "{\"tasks\": %lld, \"categories\": %lld", (long long)r->with_category, (long long)r->categories);
    put_json_number(&out, "rand_index", r->rand_index);
    text_printf(&out, ", \"permutations\": %lld", (long long)r->permutations);
    put_json_number(&out, "chance_mean", r->chance_mean);
    put_json_number(&out, "chance_deviation", r->chance_deviation);
    put_json_number(&out, "chance_highest", r->chance_highest);
    text_printf(&out, ", \"chance_as_high\": %lld}", (long long)r->chance_as_high);
  } else {
    text_puts(&out, "null");
  }
  text_printf(&out, ", \"clusters\": [%s]}\n", l->json.data);
  fwrite(out.data, 1, out.length, stdout);
  text_free(&out);
}

static bool find(const vkift_cluster_options *o, bool as_json, err *e) {
  listing l = {.memory = arena_new("tasks nearest a border")};
  vkift_cluster_report report;
  vkift_error error = {0};
  const bool ok = library_ok(vkift_data_cluster(o, on_cluster, &l, &report, &error), &error, e);
  if (ok) (as_json ? print_json : print_text)(&l, &report);
  text_free(&l.groups), text_free(&l.json);
  arena_free(l.memory);
  return ok;
}

bool data_cluster_run(int argc, char **argv, err *e) {
  vkift_cluster_options o = vkift_cluster_defaults();
  const vkift_cluster_options defaults = o;
  cluster_flags own = {0};
  const cluster_flags own_defaults = own;
  const option_set sets[] = {{cluster_table, &o}, {cluster_flag_table, &own}};
  flags f;
  arena *a = arena_new("command line");
  bool ok = flags_read(a, sets, 2, NULL, argc, argv, &f, e) && flags_store(a, &f, e);
  if (ok && f.help) options_print_help(&cluster_help, sets, (const void *const[]){&defaults, &own_defaults}, 2);
  else if (ok) ok = find(&o, own.json, e);
  arena_free(a);
  return ok;
}
