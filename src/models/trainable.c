#include "models/trainable.h"

#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "base/text.h"
#include "io/quote.h"

enum { MOST_NAMES = 12, NAME_BYTES = 160 }; // in a message; longer names are never near

static const char head_module[] = "lm_head";

size_t trainable_path_length(const model_param *p) {
  const char *dot = strrchr(p->name, '.');
  return dot ? (size_t)(dot - p->name) : strlen(p->name);
}

// Whether the glob is all of name[0 … n). The last "*" alone is tried again at later places, so that time is at most quadratic.
static bool matches(const char *glob, const char *name, size_t n) {
  const char *star = NULL, *end = name + n, *again = NULL;
  while (name < end) {
    if (*glob == '*') {
      star = glob++;
      again = name;
    } else if (*glob && (*glob == '?' || *glob == *name)) {
      glob++;
      name++;
    } else if (star) {
      glob = star + 1;
      name = ++again;
    } else {
      return false;
    }
  }
  while (*glob == '*') glob++;
  return !*glob;
}

// The name, a path that leads to it, or one part of its path.
static bool names_param(const char *pattern, const char *name) {
  if (matches(pattern, name, strlen(name))) return true;
  const char *part = name;
  for (const char *dot = strchr(name, '.'); dot; dot = strchr(part = dot + 1, '.'))
    if (matches(pattern, name, (size_t)(dot - name)) || matches(pattern, part, (size_t)(dot - part))) return true;
  return false;
}

// --- what a wrong name could have meant ------------------------------------------------------------------------------------

typedef struct near_names {
  char names[MOST_NAMES][NAME_BYTES];
  uint32_t n;
} near_names;

static void add_name(near_names *list, const char *name, size_t length) {
  char copy[NAME_BYTES];
  if (list->n == MOST_NAMES || length >= sizeof copy) return;
  snprintf(copy, sizeof copy, "%.*s", (int)length, name);
  for (uint32_t i = 0; i < list->n; i++)
    if (!strcmp(list->names[i], copy)) return;
  memcpy(list->names[list->n++], copy, sizeof copy);
}

static void add_if_near(near_names *list, const char *given, const char *name, size_t length) {
  char copy[NAME_BYTES];
  if (length >= sizeof copy) return;
  snprintf(copy, sizeof copy, "%.*s", (int)length, name);
  if (nearest_distance(copy, given) <= nearest_tolerance(given)) add_name(list, name, length);
}

// The near ones: modules' names and paths, and `whole_names` of parameters. False: none is near, and they are the names of all kinds of modules.
static bool find_near(const model *m, bool whole_names, const char *given, near_names *list) {
  for (uint32_t i = 0; i < m->n_params && strlen(given) < NAME_BYTES; i++) {
    const model_param *p = &m->params[i];
    add_if_near(list, given, p->module, strlen(p->module));
    for (const char *dot = strchr(p->name, '.'); dot; dot = strchr(dot + 1, '.'))
      add_if_near(list, given, p->name, (size_t)(dot - p->name));
    if (whole_names) add_if_near(list, given, p->name, strlen(p->name));
  }
  if (list->n) return true;
  for (uint32_t i = 0; i < m->n_params; i++) add_name(list, m->params[i].module, strlen(m->params[i].module));
  return false;
}

static bool no_such_name(const model *m, const char *option, bool whole_names, const char *given, err *e) {
  near_names list = {.n = 0};
  const bool near = find_near(m, whole_names, given, &list);
  char quoted[QUOTE_BYTES];
  text names = {0};
  for (uint32_t i = 0; i < list.n; i++) text_printf(&names, "%s%s", i ? ", " : "", list.names[i]);
  ERR(e, "%s: expected %s (%s: %s), found %s, which names nothing", option,
      whole_names ? "names of parameters or modules" : "modules of the model", near ? "near" : "there are", names.data,
      quote_string(given, quoted));
  text_free(&names);
  return false;
}

// --- patterns --------------------------------------------------------------------------------------------------------------

// "model.layers.12.mlp…": 12, with the family's own word for the layers.
static bool layer_of(const model *m, const model_param *p, uint32_t *layer) {
  const size_t n = strlen(m->family->layers);
  return !strncmp(p->name, m->family->layers, n) && sscanf(p->name + n, ".%u.", layer) == 1;
}

static void choose_layers(model *m, uint32_t n_layers) {
  const uint32_t all = m->config.n_layers, first = n_layers < all ? all - n_layers : 0;
  uint32_t layer;
  for (uint32_t i = 0; n_layers && i < m->n_params; i++)
    if (layer_of(m, &m->params[i], &layer) && layer >= first) m->params[i].whole = true;
}

bool trainable_choose(model *m, const char *const *patterns, uint32_t n_patterns, uint32_t n_layers, err *e) {
  if (n_layers > m->config.n_layers)
    return ERR(e, "trainable_layers: expected at most %u, the layers of the model, found %u", m->config.n_layers, n_layers);
  char quoted[QUOTE_BYTES];
  for (uint32_t i = 0; i < n_patterns; i++) {
    bool found = false;
    for (uint32_t k = 0; k < m->n_params; k++) {
      if (!names_param(patterns[i], m->params[k].name)) continue;
      found = m->params[k].whole = true;
    }
    if (!found && model_head(m) == model_embedding(m) && names_param(patterns[i], "lm_head.weight"))
      return ERR(e, "trainable: expected %s, which is the head too in this model, found %s", model_embedding(m)->module,
                 quote_string(patterns[i], quoted));
    if (!found) return no_such_name(m, "trainable", true, patterns[i], e);
  }
  choose_layers(m, n_layers);
  return true;
}

bool trainable_has_embedding(const model *m, const char *const *patterns, size_t n) {
  size_t i = 0;
  while (i < n && !names_param(patterns[i], model_embedding(m)->name)) i++;
  return i < n;
}

// --- modules_to_save -------------------------------------------------------------------------------------------------------

static bool ends_in(const char *path, size_t length, const char *name) {
  const size_t n = strlen(name);
  return n <= length && !memcmp(path + length - n, name, n);
}

// Whether a module that holds others has such a path: PEFT would take it whole.
static bool holds_others(const model_param *p, const char *name) {
  const size_t path = trainable_path_length(p);
  for (const char *dot = strchr(p->name, '.'); dot && dot < p->name + path; dot = strchr(dot + 1, '.'))
    if (ends_in(p->name, (size_t)(dot - p->name), name)) return true;
  return false;
}

static bool choose_module(model *m, const char *name, bool *embedding, bool *head, err *e) {
  char quoted[QUOTE_BYTES];
  bool found = false;
  for (uint32_t i = 0; i < m->n_params; i++) {
    model_param *p = &m->params[i];
    if (holds_others(p, name))
      return ERR(e, "modules_to_save: expected modules with weights of their own, found %s, which holds other modules",
                 quote_string(name, quoted));
    if (!ends_in(p->name, trainable_path_length(p), name)) continue;
    found = p->whole = true;
    *embedding |= p == model_embedding(m);
  }
  *head |= model_head(m) == model_embedding(m) && ends_in(head_module, strlen(head_module), name);
  return found || *head || no_such_name(m, "modules_to_save", false, name, e);
}

bool trainable_saves_embedding(const model *m, const char *const *names, size_t n) {
  const model_param *p = model_embedding(m);
  size_t i = 0;
  while (i < n && !ends_in(p->name, trainable_path_length(p), names[i])) i++;
  return i < n;
}

bool trainable_choose_modules(model *m, const char *const *names, uint32_t n, err *e) {
  bool embedding = false, head = false;
  for (uint32_t i = 0; i < m->n_params; i++) m->params[i].whole = false;
  for (uint32_t i = 0; i < n; i++) {
    if (!*names[i]) return ERR(e, "modules_to_save: expected names of modules, found an empty one");
    TRY(choose_module(m, names[i], &embedding, &head, e));
  }
  if (model_head(m) == model_embedding(m) && embedding != head)
    return ERR(e, "modules_to_save: expected both %s and lm_head, since this model has one matrix for the two, found %s alone",
               model_embedding(m)->module, head ? "lm_head" : model_embedding(m)->module);
  return true;
}
