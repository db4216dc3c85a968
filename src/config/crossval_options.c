// Which option may stand beside which, and what a crossval that goes on may have changed.
#define _XOPEN_SOURCE 700 // realpath
#include "config/crossval_options.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "config/train_options.h"
#include "config/yaml.h"

static const char *const leave_out_names[] = {"cluster", "task", NULL};

#define AT(field) .offset = offsetof(vkift_crossval_options, field), .group = "Crossval"
const option crossval_option_table[] = {
    {"clusters", OPTION_PATH, AT(clusters), .unset = "as the rows and task files say", .value = "FILE",
     .help = "which task is in which cluster: YAML as `vkift data cluster` writes it, or JSON in FLAN's form"},
    {"leave_out", OPTION_ENUM, AT(leave_out), .names = leave_out_names,
     .help = "task: each task by itself, while the others of its cluster are trained on: how much overlap flatters a score"},
    {"folds", OPTION_LIST, AT(folds), .unset = "all", .value = "NAMES",
     .help =
         "the clusters (or tasks) to hold out, one after the other, with commas between; a name that has one stands in a list of "
         "the YAML file"},
    {"with_shuffled", OPTION_BOOL, AT(with_shuffled),
     .help = "also tune on answers shuffled within each task: what this control gains is form alone"},
    {"with_seen", OPTION_BOOL, AT(with_seen),
     .help = "also tune with half of what is held out, and judge all on the other half: what the distance costs"},
    {"keep_near_duplicates", OPTION_BOOL, AT(keep_near_duplicates),
     .help = "train on examples much like one that is judged on, too"},
    {"keep_same_source", OPTION_BOOL, AT(keep_same_source),
     .help = "train on tasks of a data set that a task held out comes from, too"},
    {"keep_models", OPTION_BOOL, AT(keep_models),
     .help = "keep the model of every fold (methods full, freeze); adapters are always kept"},
    {"eval_examples_per_task", OPTION_INTEGER, AT(eval_examples_per_task), .least = 1, .most = UINT32_MAX,
     .help = "so many examples of each task held out are judged on, drawn by the seed"},
    {"metric", OPTION_ENUM, AT(metric), .names = metric_names, .value = "NAME",
     .help = "of every task, as `vkift eval` has them; auto: as the clusters' file has it, else by each task's rows, category or "
             "choices"},
    {"max_new_tokens", OPTION_INTEGER, AT(max_new_tokens), .least = 1, .most = 1 << 20,
     .help = "an answer ends here at the latest"},
    {0},
};
#undef AT

// What has another meaning here, or none; before the options of training are looked at, whose advice would be another.
static bool check_train(const vkift_train_options *o, err *e) {
  if (o->eval_data)
    return ERR(e,
               "eval_data has no place in a crossval: each fold is judged on what it holds out (eval_split: a share of what it "
               "trains on, for load_best_model_at_end)");
  if (o->objective != VKIFT_SFT) return ERR(e, "a crossval needs objective sft: tasks have answers to be judged");
  if (o->init == VKIFT_INIT_RANDOM)
    return ERR(e, "init random has no place in a crossval: the base that is judged has to be what is tuned");
  if (o->augment.num_demonstrations)
    return ERR(e,
               "num_demonstrations has no place in a crossval: demonstrations are drawn from all rows of a file, also from those "
               "that a fold is judged on or leaves out");
  if (o->profile) return ERR(e, "profile has no place in a crossval: give it to `vkift train`");
  if ((o->load_best_model_at_end || o->early_stopping_patience) && !(o->eval_split > 0))
    return ERR(e, "%s needs eval_split: a share of the tasks trained on, never of what is held out",
               o->load_best_model_at_end ? "load_best_model_at_end" : "early_stopping_patience");
  return true;
}

bool crossval_options_check(const vkift_crossval_options *o, err *e) {
  const vkift_crossval_options defaults = vkift_crossval_defaults();
  bool ok =
      check_train(&o->train, e) && train_options_check(&o->train, e) && option_check(crossval_option_table, o, &defaults, e);
  if (ok && o->metric == VKIFT_METRIC_NONE) ok = ERR(e, "metric: expected one that a crossval can judge by, or auto, found none");
  if (!ok) e->usage = true;
  return ok;
}

// --- paths -------------------------------------------------------------------------------------------------------------

static bool is_word(const option *o, const char *path) {
  for (int i = 0; o->names && o->names[i]; i++)
    if (!strcmp(o->names[i], path)) return true;
  return false;
}

static const char *absolute(arena *a, const char *path) {
  char *found = realpath(path, NULL);
  const char *copy = found ? arena_strdup(a, found) : path;
  free(found);
  return copy;
}

static void make_absolute(arena *a, const option *table, void *values) {
  for (const option *o = table; o->name; o++) {
    if (o->type != OPTION_PATH || (o->rules & (OPTION_FLAG_ONLY | OPTION_NOT_RECORDED))) continue;
    const char **path = (const char **)((char *)values + o->offset);
    if (*path && !is_word(o, *path)) *path = absolute(a, *path);
  }
}

void crossval_options_make_absolute(arena *a, vkift_crossval_options *o) {
  make_absolute(a, crossval_option_table, o);
  make_absolute(a, train_option_table, &o->train);
  vkift_data_list *data = &o->train.data;
  vkift_data *items = ARENA_ARRAY(a, vkift_data, data->n);
  for (size_t i = 0; i < data->n; i++) items[i] = (vkift_data){absolute(a, data->items[i].path), data->items[i].weight};
  data->items = items;
}

// --- config.yaml -------------------------------------------------------------------------------------------------------

bool crossval_options_write(const char *path, const vkift_crossval_options *o, err *e) {
  const vkift_crossval_options defaults = vkift_crossval_defaults();
  text yaml = {0};
  text_printf(&yaml, "# vkift %s: `vkift crossval --config` with this file repeats it.\n\n", vkift_version());
  bool ok = yaml_write(crossval_option_table, o, &defaults, &yaml, e);
  text_putc(&yaml, '\n');
  ok =
      ok && yaml_write(train_option_table, &o->train, &defaults.train, &yaml, e) && file_replace(path, yaml.data, yaml.length, e);
  text_free(&yaml);
  return ok;
}

bool crossval_options_read(arena *a, const char *path, vkift_crossval_options *o, err *e) {
  *o = vkift_crossval_defaults();
  o->leave_out = (vkift_leave_out)-1; // which stands in each of them, and in no other command's
  const option_set sets[] = {{crossval_option_table, o}, {train_option_table, &o->train}};
  TRY(yaml_read(a, path, sets, 2, e));
  return (int)o->leave_out >= 0 ||
         ERR(e, "%s: expected the config.yaml of a crossval, found another one, as of a training run (vkift train --resume)",
             path);
}

// --- going on ----------------------------------------------------------------------------------------------------------

// What is done, where, and how often it is written down: never what comes of it.
static bool may_change(const option *o) {
  static const char *const names[] = {"folds",         "with_shuffled",    "keep_models", "device",           "save_steps",
                                      "logging_steps", "save_total_limit", "tensorboard", "log_tensor_norms", NULL};
  for (int i = 0; names[i]; i++)
    if (!strcmp(names[i], o->name)) return true;
  return (o->rules & (OPTION_FLAG_ONLY | OPTION_NOT_RECORDED)) != 0;
}

static bool same(const char *path, const option *table, const void *then, const void *now, err *e) {
  for (const option *o = table; o->name; o++) {
    if (may_change(o) || option_is_default(o, now, then)) continue;
    text was = {0}, is = {0};
    option_format(o, then, &was);
    option_format(o, now, &is);
    ERR(e,
        "%s: %s: expected %.300s, as the crossval began with, found %.300s: its results would not be of one crossval (another "
        "--output-dir begins another)",
        path, o->name, was.length ? was.data : "none", is.length ? is.data : "none");
    text_free(&was), text_free(&is);
    return e->usage = true, false;
  }
  return true;
}

bool crossval_options_same(const char *path, const vkift_crossval_options *then, const vkift_crossval_options *now, err *e) {
  return same(path, crossval_option_table, then, now, e) && same(path, train_option_table, &then->train, &now->train, e);
}
