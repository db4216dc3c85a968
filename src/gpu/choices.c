// Choices among kernels that were measured on this device: for a problem, a variant, both by name. The device holds them;
// a text file beside the pipeline cache, "problem = variant" on each line, remembers them. Its name holds a hash of the
// device, the driver, all shaders and the features in use, so nothing in it can be out of date; and a variant is looked up
// among those that the device can run, so the worst that a damaged file can do is a slow choice.
#include <string.h>
#include <xxhash.h>

#include "base/file.h"
#include "gpu/internal.h"

enum { MAX_FILE = 1 << 20, MAX_NAME = 80 };

static char *path_of(arena *a, const gpu_device *d) {
  const char *pipelines = cache_path(a, &d->snapshot);
  if (!pipelines) return NULL;
  const uint64_t features = XXH64(d->plan.on, sizeof d->plan.on, d->plan.is_cpu);
  return arena_printf(a, "%s-tuned-%08x", pipelines, (unsigned)features);
}

static kernel_choice *entry(const gpu_device *d, const char *problem) {
  for (uint64_t i = 0; i < d->n_choices; i++)
    if (!strcmp(d->choices[i].problem, problem)) return &d->choices[i];
  return NULL;
}

const char *choices_find(const gpu_device *d, const char *problem) {
  const kernel_choice *c = entry(d, problem);
  return c ? c->variant : NULL;
}

void choices_set(gpu_device *d, const char *problem, const char *variant) {
  kernel_choice *c = entry(d, problem);
  if (!c) {
    void *grown = d->choices;
    arena_grow(d->memory, &grown, &d->choice_capacity, d->n_choices + 1, sizeof *c);
    d->choices = grown;
    c = &d->choices[d->n_choices++];
    c->problem = arena_strdup(d->memory, problem);
  }
  c->variant = arena_strdup(d->memory, variant);
}

void choices_clear(gpu_device *d) {
  d->n_choices = 0;
}

void choices_on_measuring(gpu_device *d, choices_measuring *call, void *user) {
  d->on_measuring = call;
  d->on_measuring_user = user;
}

void choices_begin_measuring(const gpu_device *d, uint32_t n_products) {
  if (d->on_measuring) d->on_measuring(d->on_measuring_user, n_products);
}

bool choices_set_text(gpu_device *d, const char *line) {
  char problem[MAX_NAME], variant[MAX_NAME];
  const char *middle = strstr(line, " = ");
  const size_t length = middle ? (size_t)(middle - line) : 0, rest = middle ? strlen(middle + 3) : 0;
  if (!length || !rest || length >= MAX_NAME || rest >= MAX_NAME) return false;
  memcpy(problem, line, length);
  problem[length] = 0;
  memcpy(variant, middle + 3, rest + 1);
  choices_set(d, problem, variant);
  return true;
}

void choices_load(gpu_device *d) {
  arena *a = arena_new("tuned kernels");
  char *path = path_of(a, d), *data;
  uint64_t size;
  if (path && file_read(a, path, MAX_FILE, &data, &size, NULL))
    for (char *line = data, *end; (end = memchr(line, '\n', (size_t)(data + size - line))); line = end + 1) {
      *end = 0;
      choices_set_text(d, line);
    }
  arena_free(a);
}

void choices_save(const gpu_device *d) {
  arena *a = arena_new("tuned kernels");
  const char *path = path_of(a, d);
  text out = {0};
  err ignored = {0}; // the choices are measured again next time
  for (uint64_t i = 0; i < d->n_choices; i++) text_printf(&out, "%s = %s\n", d->choices[i].problem, d->choices[i].variant);
  if (path) file_replace(path, out.data ? out.data : "", out.length, &ignored);
  text_free(&out);
  arena_free(a);
}
