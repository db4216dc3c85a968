// vkift_data_cluster of the public API: tasks in groups of similar ones.
#include "api/status.h"
#include "base/file.h"
#include "data/cluster_picture.h"
#include "eval/corpus.h"

typedef struct grouping {
  const vkift_cluster_options *options;
  task_texts texts;
  task_similarity similarity;
  similar_groups groups;
  similar_agreement agreement;
} grouping;

static bool wrong_usage(err *e, const char *fault) {
  e->usage = true;
  return ERR(e, "%s", fault);
}

static bool check(const vkift_cluster_options *o, err *e) {
  if (!o->data.n) return wrong_usage(e, "--data is missing: which data?");
  if (o->n_clusters < 0 || o->n_clusters == 1 || o->n_clusters > TASK_TEXT_MOST)
    return wrong_usage(e, "n_clusters: expected 0 or a number of at least 2, below that of the tasks");
  if (o->examples_per_task < 1 || o->examples_per_task > 10000)
    return wrong_usage(e, "examples_per_task: expected a number from 1 to 10000");
  if (o->permutations < 0 || o->permutations > 1000000) return wrong_usage(e, "permutations: expected a number up to 1000000");
  return !o->clusters_out || !file_exists(o->clusters_out) ||
         ERR(e, "%s: expected a new file's name, found something there already", o->clusters_out);
}

static bool find(arena *a, grouping *g, err *e) {
  const vkift_cluster_options *o = g->options;
  const char **paths = ARENA_ARRAY(a, const char *, o->data.n);
  for (size_t i = 0; i < o->data.n; i++) paths[i] = o->data.items[i].path;
  const prompt_style prompt = {.kind = PROMPT_TEMPLATE}; // an input follows its instruction as a paragraph
  dataset_options options = corpus_reading(&o->reading);
  options.prompt = &prompt;
  options.any_conversation = true;
  options.seed = (uint64_t)o->seed;
  TRY(task_texts_read(a, paths, o->data.n, &options, (uint32_t)o->examples_per_task, &g->texts, e));
  if (g->texts.n < SIMILAR_LEAST_TASKS)
    return ERR(e, "%s: expected at least %d tasks to group, found %u (rows name theirs as \"task\"; otherwise a file is one)",
               paths[0], SIMILAR_LEAST_TASKS, g->texts.n);
  if (o->clusters) {
    cluster_file file;
    TRY(cluster_file_read(a, o->clusters, &file, e));
    task_texts_take_clusters(&g->texts, &file);
  }
  g->similarity = task_similarity_make(a, &g->texts);
  TRY(similar_groups_find(a, &g->texts, &g->similarity, (uint32_t)o->n_clusters, &g->groups, e));
  g->agreement = similar_groups_agree(&g->groups, &g->texts, (uint32_t)o->permutations, (uint64_t)o->seed);
  return true;
}

static bool write_files(arena *a, const grouping *g, err *e) {
  const vkift_cluster_options *o = g->options;
  text out = {0};
  bool ok = true;
  if (o->picture) {
    cluster_picture_put(&g->texts, &g->similarity, &g->groups, &out);
    ok = file_replace(o->picture, out.data, out.length, e);
    text_clear(&out);
  }
  if (ok && o->clusters_out) {
    const cluster_file file = similar_groups_file(a, &g->groups, &g->texts);
    text_printf(&out, "# %u tasks in %u groups of similar ones (vkift data cluster)\n", g->groups.n_tasks, g->groups.n);
    cluster_file_put(&file, &out);
    ok = file_replace(o->clusters_out, out.data, out.length, e);
  }
  text_free(&out);
  return ok;
}

static int64_t border_of(const similar_groups *g, uint32_t task) {
  for (uint32_t i = 0; i < g->n_borders; i++)
    if (g->borders[i] == task) return i + 1;
  return 0;
}

static void hand_over(arena *a, const grouping *g, void (*on)(void *user, const vkift_cluster *cluster), void *user) {
  const similar_groups *all = &g->groups;
  for (uint32_t k = 0; on && k < all->n; k++) {
    vkift_cluster_task *tasks = ARENA_ARRAY(a, vkift_cluster_task, all->sizes[k]);
    for (uint32_t i = 0; i < all->sizes[k]; i++) {
      const uint32_t number = all->lists[k][i];
      const similar_task *t = &all->tasks[number];
      const task_text *said = &g->texts.items[number];
      tasks[i] = (vkift_cluster_task){.name = said->name,
                                      .category = said->category,
                                      .examples = (int64_t)said->n,
                                      .silhouette = t->width,
                                      .like = g->texts.items[t->like].name,
                                      .like_cluster = all->names[all->tasks[t->like].group],
                                      .similarity = t->similarity,
                                      .border = border_of(all, number)};
    }
    on(user, &(vkift_cluster){k, all->names[k], tasks, all->sizes[k]});
  }
}

static void fill_report(const grouping *g, vkift_cluster_report *report) {
  const similar_agreement *x = &g->agreement;
  *report = (vkift_cluster_report){.tasks = g->texts.n,
                                   .clusters = g->groups.n,
                                   .skipped_bad = (int64_t)g->texts.skipped_bad,
                                   .silhouette = g->groups.silhouette};
  for (uint32_t i = 0; i < g->texts.n; i++) report->examples += (int64_t)g->texts.items[i].n;
  if (x->n_categories < 2) return;
  report->with_category = x->n;
  report->categories = x->n_categories;
  report->permutations = x->n_permutations;
  report->rand_index = x->index;
  report->chance_mean = x->mean;
  report->chance_deviation = x->deviation;
  report->chance_highest = x->n_permutations ? x->highest : 0;
  report->chance_as_high = x->n_as_high;
}

vkift_status vkift_data_cluster(const vkift_cluster_options *options, void (*on)(void *user, const vkift_cluster *cluster),
                                void *user, vkift_cluster_report *report, vkift_error *error) {
  err e = {0};
  arena *a = arena_new("tasks");
  grouping g = {.options = options};
  const bool ok = check(options, &e) && find(a, &g, &e) && write_files(a, &g, &e);
  if (ok) hand_over(a, &g, on, user);
  if (ok && report) fill_report(&g, report);
  arena_free(a);
  return status_from(ok, &e, error);
}
