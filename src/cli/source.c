#include "cli/source.h"

#include "base/arena.h"
#include "base/file.h"

bool source_check(const vkift_source *source, err *e) {
  const char *run = source->run;
  if (!run) return true;
  if (!file_exists(run)) return ERR(e, "%s: expected a run directory that vkift train wrote, found nothing", run);
  if (!file_is_dir(run)) return ERR(e, "%s: expected a run directory, found a file (a GGUF model is given with --model)", run);
  arena *a = arena_new("source");
  bool is_run = file_exists(path_join(a, run, "config.yaml"));
  bool is_adapter = file_exists(path_join(a, run, "adapter_config.json")),
       is_model = file_exists(path_join(a, run, "config.json"));
  arena_free(a);
  if (is_run) return true;
  if (is_adapter)
    return ERR(e, "%s: expected a run directory, found an adapter: it is given with --adapter, and its base with --model", run);
  return !is_model || ERR(e, "%s: expected a run directory, found a model: it is given with --model", run);
}
