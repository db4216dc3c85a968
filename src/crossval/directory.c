#include "crossval/directory.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "config/crossval_options.h"
#include "train/trainer.h"

static const char CONFIG[] = "config.yaml", UNFINISHED[] = "config.yaml.tmp-";

static const char *config_path(const crossval *v) {
  return path_join(v->memory, v->run_dir, CONFIG);
}

// Killed before config.yaml, which comes first, had its name: there is nothing but that under another one. clear: removes it.
static bool never_began(arena *a, const char *dir, bool clear) {
  char **names;
  uint64_t n;
  err unused = {0};
  if (!dir_list(a, dir, &names, &n, &unused)) return false;
  for (uint64_t i = 0; i < n; i++)
    if (strncmp(names[i], UNFINISHED, strlen(UNFINISHED))) return false;
  for (uint64_t i = 0; i < n && clear; i++) remove(path_join(a, dir, names[i]));
  return true;
}

static bool open_new(const crossval *v, err *e) {
  if (dir_is_empty(v->run_dir) || never_began(v->memory, v->run_dir, false)) return true;
  return ERR(e, "%s: expected a new or empty directory, found something in it (go on with it: vkift crossval --resume %s)",
             v->run_dir, v->run_dir);
}

static bool open_again(crossval *v, err *e) {
  vkift_train_options *o = &v->options.train;
  const char *config = config_path(v);
  if (!file_exists(config))
    return ERR(e,
               "%s: expected the directory of a crossval, with its config.yaml, found none (begin it: vkift crossval "
               "--output-dir %s)",
               v->run_dir, v->run_dir);
  vkift_crossval_options then;
  TRY(crossval_options_read(v->memory, config, &then, e));
  if (!o->chat_template_date) o->chat_template_date = then.train.chat_template_date;
  return crossval_options_same(config, &then, &v->options, e);
}

bool directory_open(crossval *v, err *e) {
  vkift_train_options *o = &v->options.train;
  if (!o->output_dir) o->output_dir = trainer_new_dir(v->memory, "crossval-");
  v->run_dir = o->output_dir;
  if (file_exists(v->run_dir) && !file_is_dir(v->run_dir))
    return ERR(e, "%s: expected a new or empty directory for the crossval, found a file", v->run_dir);
  TRY(dir_may_be_made(v->run_dir, e));
  return o->resume ? open_again(v, e) : open_new(v, e);
}

bool directory_make(const crossval *v, err *e) {
  if (!v->options.train.resume) never_began(v->memory, v->run_dir, true);
  return dir_make(v->run_dir, e) && crossval_options_write(config_path(v), &v->options, e);
}
