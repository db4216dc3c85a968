#include "data/dataset_files.h"

#include <string.h>

#include "base/file.h"
#include "data/template_pack.h"
#include "io/quote.h"

enum { LIST_BYTES = 1 << 20, TASK_NAME_BYTES = 200 };

static void add(arena *a, dataset_files *files, uint64_t *capacity, char *path) {
  arena_grow(a, (void **)&files->paths, capacity, files->n + 1, sizeof *files->paths);
  files->paths[files->n++] = path;
}

// --- directories of task files ---

static bool is_task_file(const char *name) {
  return (!strncmp(name, "task", 4) || !strncmp(name, "subtask", 7)) && path_ends_with(name, ".json");
}

static bool find_tasks(arena *a, const char *directory, dataset_files *files, err *e) {
  char **names;
  uint64_t n, capacity = 0;
  TRY(dir_list(a, directory, &names, &n, e));
  for (uint64_t i = 0; i < n; i++)
    if (is_task_file(names[i])) add(a, files, &capacity, path_join(a, directory, names[i]));
  files->are_tasks = files->n > 0;
  return true;
}

// --- lists of tasks ---

static const char *const beside_list[] = {"tasks", "../../tasks", "."};

// A name becomes a path: it must not lead elsewhere.
static bool check_name(const char *list, uint64_t line, const char *name, err *e) {
  if (strlen(name) <= TASK_NAME_BYTES && !strpbrk(name, "/\\") && *name != '.') return true;
  char buffer[QUOTE_BYTES];
  return ERR(e, "%s:%llu: expected the name of a task, as in task001_quoref_question_generation, found %s", list,
             (unsigned long long)line, quote_string(name, buffer));
}

static char *task_file(arena *a, const char *directory, const char *name) {
  for (size_t i = 0; i < sizeof beside_list / sizeof *beside_list; i++) {
    char *path = path_join(a, path_join(a, directory, beside_list[i]), arena_printf(a, "%s.json", name));
    if (file_exists(path)) return path;
  }
  return NULL;
}

static bool read_list(arena *a, const char *list, dataset_files *files, err *e) {
  char *data;
  uint64_t size, capacity = 0, line = 0;
  const char *directory = path_directory(a, list);
  TRY(file_read(a, list, LIST_BYTES, &data, &size, e));
  if (memchr(data, 0, size)) return ERR(e, "%s: expected a list of task names, found a NUL", list);
  for (char *at = data, *next; at; at = next) {
    next = strchr(at, '\n');
    if (next) *next++ = 0;
    line++;
    at += strspn(at, " \t\r");
    at[strcspn(at, " \t\r")] = 0;
    if (!*at) continue;
    TRY(check_name(list, line, at, e));
    char *file = task_file(a, directory, at);
    if (file) add(a, files, &capacity, file);
    else files->n_missing++;
  }
  files->are_tasks = true;
  if (files->n) return true;
  if (!files->n_missing) return ERR(e, "%s: expected names of tasks, one a line, found none", list);
  return ERR(e, "%s: expected files of its %llu tasks in tasks/ beside the list, in ../../tasks/ or beside it, found none", list,
             (unsigned long long)files->n_missing);
}

// --- directories of a file for each task ---

static bool is_split(const char *name) {
  return !strcmp(name, "train.jsonl") || !strcmp(name, "valid.jsonl") || !strcmp(name, "test.jsonl");
}

// All of its .jsonl files; none where one of them is called after a split: then another split is missing.
static bool find_lines(arena *a, const char *directory, dataset_files *files, err *e) {
  char **names;
  uint64_t n, capacity = 0;
  TRY(dir_list(a, directory, &names, &n, e));
  for (uint64_t i = 0; i < n; i++)
    if (is_split(names[i])) return true;
  for (uint64_t i = 0; i < n; i++)
    if (path_ends_with(names[i], ".jsonl") && *names[i] != '.') add(a, files, &capacity, path_join(a, directory, names[i]));
  return true;
}

// --- anything ---

static bool find_pack_data(arena *a, const char *path, const char *split, dataset_files *files, err *e) {
  template_pack *pack;
  const char *data;
  uint64_t capacity = 0;
  TRY(template_pack_read(a, path, &pack, e));
  TRY(template_pack_data(pack, split, &data, e));
  files->pack = pack;
  add(a, files, &capacity, arena_strdup(a, data));
  return true;
}

static bool find_in_directory(arena *a, const char *path, const char *split, dataset_files *files, err *e) {
  uint64_t capacity = 0;
  char *lines = path_join(a, path, arena_printf(a, "%s.jsonl", split));
  if (file_exists(lines)) return add(a, files, &capacity, lines), true;
  const char *short_name = !strcmp(split, "valid") ? "dev" : split, *splits = path_join(a, path, "splits/default");
  if (file_is_dir(splits)) return read_list(a, path_join(a, splits, arena_printf(a, "%s_tasks.txt", short_name)), files, e);
  TRY(find_tasks(a, path, files, e));
  const char *tasks = path_join(a, path, "tasks");
  if (!files->n && file_is_dir(tasks)) TRY(find_tasks(a, tasks, files, e));
  if (!files->n) TRY(find_lines(a, path, files, e));
  return files->n || ERR(e,
                         "%s: expected %s.jsonl in this directory (or a file NAME.jsonl for each task, or task files of "
                         "Super-NaturalInstructions: task*.json), found no such file",
                         path, split);
}

// "https://…", "owner/name": what others download.
static bool is_elsewhere(const char *path) {
  const char *slash = strchr(path, '/');
  return strstr(path, "://") || (slash && slash > path && slash[1] && !strchr(slash + 1, '/') && !strchr(path, '.'));
}

bool dataset_files_find(arena *a, const char *path, const char *split, dataset_files *files, err *e) {
  *files = (dataset_files){0};
  uint64_t capacity = 0;
  if (file_is_dir(path)) return find_in_directory(a, path, split, files, e);
  if (!file_exists(path))
    return ERR(e, "%s: expected a data file or a directory of them, found nothing%s", path,
               is_elsewhere(path) ? "; vkift does not download data" : "");
  if (path_ends_with(path, ".txt")) return read_list(a, path, files, e);
  if (template_pack_is(path)) return find_pack_data(a, path, split, files, e);
  return add(a, files, &capacity, arena_strdup(a, path)), true;
}

bool dataset_files_set_pack(const dataset_files *files, const char *path, dataset_options *o, err *e) {
  if (!files->pack) return true;
  if (o->format != DATA_AUTO)
    return ERR(e, "%s: expected no --data-format with a template pack, which says itself what its rows become, found %s", path,
               formats_name(o->format));
  o->pack = files->pack;
  o->format = DATA_PACK;
  return true;
}
