#include "config/crossval_options.h"

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
     .help = "the clusters (or tasks) to hold out, one after the other"},
    {"with_shuffled", OPTION_BOOL, AT(with_shuffled),
     .help = "also tune on answers shuffled within each task: what this control gains is form alone"},
    {"with_seen", OPTION_BOOL, AT(with_seen),
     .help = "also tune with half of what is held out, and judge all on the other half: what the distance costs"},
    {"keep_near_duplicates", OPTION_BOOL, AT(keep_near_duplicates),
     .help = "train on examples much like one that is judged on, too"},
    {"keep_same_source", OPTION_BOOL, AT(keep_same_source),
     .help = "train on tasks of a data set that a task held out comes from, too"},
    {"keep_models", OPTION_BOOL, AT(keep_models), .help = "keep the model of every fold (method full); adapters are always kept"},
    {"eval_examples_per_task", OPTION_INTEGER, AT(eval_examples_per_task), .least = 1, .most = UINT32_MAX,
     .help = "so many examples of each task held out are judged on, drawn by the seed"},
    {"metric", OPTION_ENUM, AT(metric), .names = metric_names,
     .help = "of every task; auto: as the clusters' file has it, else by each task's rows, category or choices"},
    {"max_new_tokens", OPTION_INTEGER, AT(max_new_tokens), .least = 1, .most = 1 << 20,
     .help = "an answer ends here at the latest"},
    {0},
};
#undef AT

bool crossval_options_check(const vkift_crossval_options *o, err *e) {
  const vkift_crossval_options defaults = vkift_crossval_defaults();
  TRY(train_options_check(&o->train, e));
  bool ok = option_check(crossval_option_table, o, &defaults, e);
  if (ok && o->train.eval_data)
    ok = ERR(e,
             "eval_data has no place in a crossval: each fold is judged on what it holds out (eval_split: a share of what it "
             "trains on, for load_best_model_at_end)");
  if (ok && o->train.objective != VKIFT_SFT) ok = ERR(e, "a crossval needs objective sft: tasks have answers to be judged");
  if (ok && o->with_seen && o->train.augment.num_demonstrations)
    ok = ERR(e, "with_seen and num_demonstrations contradict each other: what is judged on would be shown in training");
  if (ok && o->train.profile) ok = ERR(e, "profile has no place in a crossval: give it to `vkift train`");
  if (!ok) e->usage = true;
  return ok;
}

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
