// Reading template packs: the fields of a file over those of the pack that it takes from, then what holds for the whole.
#include "data/template_pack.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/assets.h"
#include "base/file.h"
#include "data/formats_parts.h"
#include "io/quote.h"
#include "io/yaml_events.h"
#include "io/yaml_tree.h"
#include "jinja/jinja.h"

enum { PACKS_DEEP = 8, TEMPLATES_MOST = 1000 };

// One file on its way into the pack.
typedef struct reading {
  arena *a;
  template_pack *p;
  const json *doc;
  const char *file;
  uint32_t depth;             // of the file: 0 for the one that was given, 1 for that which it takes from, …
  const char **label_choices; // [p->label.n]: what its values mean, in words; a later file may change the choices
  uint64_t capacity;          // of p->templates
} reading;

static const char *const split_names[] = {"train", "valid", "test"};

// --- fields ---

static const char *const pack_keys[] = {
    "pack",    "data",  "columns",    "task",      "cluster",           "source", "definition", "personas", "things_to_avoid",
    "choices", "label", "references", "templates", "templates_per_row", NULL};
static const char *const template_keys[] = {"name",    "prompt",     "answer",   "options",         "inverted",
                                            "choices", "definition", "personas", "things_to_avoid", NULL};
static const char *const label_keys[] = {"column", "values", "as", NULL};
static const char *const data_keys[] = {"train", "valid", "test", NULL};

static const char *place_of(const reading *r, const char *where, const char *key) {
  return arena_printf(r->a, "%s%s%s", where, *where ? "." : "", key);
}

// Leaves *out where the field is missing.
static bool read_text(const reading *r, const cJSON *in, const char *where, const char *key, const char **out, err *e) {
  const char *found = NULL;
  TRY(json_string_or(r->doc, in, where, key, &found, e));
  if (!found) return true;
  if (!*found) return ERR(e, "%s: %s: expected some text, found an empty string", r->file, place_of(r, where, key));
  *out = arena_strdup(r->a, found);
  return true;
}

static bool read_texts(const reading *r, const cJSON *in, const char *where, const char *key, strings *out, err *e) {
  strings found;
  if (!formats_field(in, key)) return true;
  TRY(formats_strings(r->a, r->doc, in, where, key, &found, e));
  const char **items = ARENA_ARRAY(r->a, const char *, found.n);
  for (uint32_t i = 0; i < found.n; i++) {
    if (!*found.items[i])
      return ERR(e, "%s: %s[%u]: expected some text, found an empty string", r->file, place_of(r, where, key), i);
    items[i] = arena_strdup(r->a, found.items[i]);
  }
  *out = (strings){items, found.n};
  return true;
}

static bool compile(const reading *r, const char *what, const char *source, const jinja_template **out, err *e) {
  jinja_template *t = NULL;
  TRY(jinja_compile(r->a, arena_printf(r->a, "%s: %s", r->file, what), source, &t, e));
  if (jinja_asks_time(t)) return ERR(e, "%s: %s: expected what is the same on every day, found strftime_now", r->file, what);
  *out = t;
  return true;
}

static bool compile_expression(const reading *r, const char *what, const char *source, const jinja_template **out, err *e) {
  char found[QUOTE_BYTES];
  TRY(compile(r, what, source, out, e));
  return jinja_is_expression(*out) || ERR(e, "%s: %s: expected one expression in {{ … }} and nothing else, found %s", r->file,
                                          what, quote_string(source, found));
}

// --- data and columns ---

static const char *from_directory(const reading *r, const char *file) {
  return *file == '/' ? arena_strdup(r->a, file) : path_join(r->a, path_directory(r->a, r->file), file);
}

static bool read_data(const reading *r, const cJSON *root, err *e) {
  const cJSON *data = formats_field(root, "data");
  if (!data) return true;
  memset(r->p->data, 0, sizeof r->p->data);
  if (!cJSON_IsString(data)) TRY(json_check_keys(r->doc, data, "data", data_keys, e));
  for (int i = 0; i < 3; i++) {
    const char *file = NULL;
    if (cJSON_IsString(data)) TRY(read_text(r, root, "", "data", &file, e));
    else TRY(read_text(r, data, "data", split_names[i], &file, e));
    if (file) r->p->data[i] = from_directory(r, file);
  }
  return true;
}

// Those of a pack that this one takes from keep their places; names that stand there already get the new meaning.
static bool read_columns(const reading *r, const cJSON *root, err *e) {
  const cJSON *columns = formats_field(root, "columns"), *item;
  template_pack *p = r->p;
  if (!columns) return true;
  if (!cJSON_IsObject(columns)) return formats_unexpected(r->doc, "columns", "a mapping of our names to the data's", columns, e);
  pack_column *all = ARENA_ARRAY(r->a, pack_column, p->n_columns + (uint64_t)cJSON_GetArraySize(columns));
  for (uint32_t i = 0; i < p->n_columns; i++) all[i] = p->columns[i];
  p->columns = all;
  cJSON_ArrayForEach(item, columns) {
    pack_column column = {.ours = arena_strdup(r->a, item->string), .depth = r->depth};
    TRY(read_text(r, columns, "columns", item->string, &column.theirs, e));
    if (!column.theirs) return formats_unexpected(r->doc, place_of(r, "columns", item->string), "a column's name", item, e);
    if (strstr(column.theirs, "{{"))
      TRY(compile_expression(r, place_of(r, "columns", item->string), column.theirs, &column.computed, e));
    uint32_t i = 0;
    while (i < p->n_columns && strcmp(all[i].ours, column.ours)) i++;
    all[i] = column;
    p->n_columns += i == p->n_columns;
  }
  return true;
}

// --- choices and labels ---

static bool read_choices(const reading *r, const cJSON *root, err *e) {
  const cJSON *choices = formats_field(root, "choices");
  template_pack *p = r->p;
  if (!choices) return true;
  p->choices = (strings){0};
  p->row_choices = NULL;
  if (cJSON_IsString(choices)) return compile_expression(r, "choices", choices->valuestring, &p->row_choices, e);
  TRY(read_texts(r, root, "", "choices", &p->choices, e));
  if (p->choices.n < 2) return ERR(e, "%s: choices: expected at least two, found one", r->file);
  for (uint32_t i = 1; i < p->choices.n; i++)
    for (uint32_t k = 0; k < i; k++)
      if (!strcmp(p->choices.items[i], p->choices.items[k])) {
        char found[QUOTE_BYTES];
        return ERR(e, "%s: choices[%u]: expected different choices, found %s again", r->file, i,
                   quote_string(p->choices.items[i], found));
      }
  return true;
}

static bool read_label_values(reading *r, const cJSON *values, err *e) {
  const cJSON *item;
  if (!cJSON_IsObject(values) || !values->child)
    return formats_unexpected(r->doc, "label.values", "a mapping of the column's values to choices", values, e);
  const uint64_t n = (uint64_t)cJSON_GetArraySize(values);
  const char **names = ARENA_ARRAY(r->a, const char *, n);
  r->label_choices = ARENA_ARRAY(r->a, const char *, n);
  r->p->label.values = names;
  cJSON_ArrayForEach(item, values) {
    const char **choice = &r->label_choices[r->p->label.n];
    TRY(read_text(r, values, "label.values", item->string, choice, e));
    if (!*choice) return formats_unexpected(r->doc, place_of(r, "label.values", item->string), "one of the choices", item, e);
    names[r->p->label.n++] = arena_strdup(r->a, item->string);
  }
  r->p->label.form = LABEL_VALUES;
  return true;
}

static bool read_label(reading *r, const cJSON *root, err *e) {
  static const char *const forms[] = {"text", "index", "index_from_1", "letter"};
  const cJSON *label = formats_field(root, "label"), *values;
  pack_label *out = &r->p->label;
  if (!label) return true;
  *out = (pack_label){0};
  if (cJSON_IsString(label)) return read_text(r, root, "", "label", &out->column, e);
  TRY(json_check_keys(r->doc, label, "label", label_keys, e));
  const char *as = NULL;
  TRY(json_string(r->doc, label, "label", "column", &out->column, e));
  TRY(read_text(r, label, "label", "column", &out->column, e));
  TRY(read_text(r, label, "label", "as", &as, e));
  values = formats_field(label, "values");
  if (values && as) return ERR(e, "%s: label: expected values or as, found both", r->file);
  if (values) return read_label_values(r, values, e);
  for (int i = 0; as && i < 4; i++)
    if (!strcmp(as, forms[i])) return out->form = (label_form)i, true;
  char found[QUOTE_BYTES];
  return !as || ERR(e, "%s: label.as: expected text, index, index_from_1 or letter, found %s", r->file, quote_string(as, found));
}

// --- templates ---

static bool add_template(reading *r, const pack_template *t, const char *where, err *e) {
  template_pack *p = r->p;
  if (p->n_templates >= TEMPLATES_MOST) return ERR(e, "%s: %s: expected at most %d templates", r->file, where, TEMPLATES_MOST);
  arena_grow(r->a, (void **)&p->templates, &r->capacity, p->n_templates + 1, sizeof *t);
  p->templates[p->n_templates++] = *t;
  return true;
}

static bool read_template_choices(const reading *r, const cJSON *in, const char *where, pack_template *t, err *e) {
  const cJSON *choices = formats_field(in, "choices");
  t->has_choices = choices != NULL;
  if (cJSON_IsArray(choices) && !choices->child) return true;
  return read_texts(r, in, where, "choices", &t->choices, e);
}

// Whether the choices are shown, and whether the template stands a second time with that turned round.
static bool read_options(const reading *r, const cJSON *in, const char *where, bool *shown, bool *both, err *e) {
  const cJSON *options = formats_field(in, "options");
  *both = cJSON_IsString(options) && !strcmp(options->valuestring, "both");
  *shown = cJSON_IsTrue(options);
  return !options || cJSON_IsBool(options) || *both ||
         formats_unexpected(r->doc, place_of(r, where, "options"), "true, false or both", options, e);
}

static bool read_template(reading *r, const cJSON *in, uint32_t index, err *e) {
  const char *where = arena_printf(r->a, "templates[%u]", index), *prompt, *answer;
  pack_template t = {.file = r->file};
  bool both;
  char name[QUOTE_BYTES];
  TRY(json_check_keys(r->doc, in, where, template_keys, e));
  TRY(json_string(r->doc, in, where, "name", &t.name, e));
  TRY(read_text(r, in, where, "name", &t.name, e));
  TRY(json_string(r->doc, in, where, "prompt", &prompt, e));
  TRY(json_string(r->doc, in, where, "answer", &answer, e));
  TRY(json_bool_or(r->doc, in, where, "inverted", &t.inverted, e));
  TRY(read_options(r, in, where, &t.shows_options, &both, e));
  TRY(read_template_choices(r, in, where, &t, e));
  TRY(read_text(r, in, where, "definition", &t.definition, e));
  TRY(read_text(r, in, where, "things_to_avoid", &t.avoid, e));
  TRY(read_texts(r, in, where, "personas", &t.personas, e));
  t.has_personas = t.personas.n > 0;
  for (uint32_t i = 0; i < r->p->n_templates; i++)
    if (!strcmp(r->p->templates[i].name, t.name))
      return ERR(e, "%s: %s.name: expected a name of its own, found %s again", r->file, where, quote_string(t.name, name));
  const char *what = arena_printf(r->a, "template %s", quote_string(t.name, name));
  TRY(compile(r, arena_printf(r->a, "%s: prompt", what), prompt, &t.prompt, e));
  TRY(compile(r, arena_printf(r->a, "%s: answer", what), answer, &t.answer, e));
  if ((t.shows_options || both) && (t.inverted || (t.has_choices && !t.choices.n)))
    return ERR(e, "%s: %s.options: expected no options where the answer is none of the choices, found them", r->file, where);
  if (both) TRY(add_template(r, &t, where, e));
  t.shows_options |= both;
  t.adds_options = t.shows_options && !jinja_names(t.prompt, "options");
  return add_template(r, &t, where, e);
}

static bool read_templates(reading *r, const cJSON *root, err *e) {
  cJSON *list;
  const cJSON *item;
  uint32_t i = 0;
  if (!formats_field(root, "templates")) return true;
  TRY(json_array(r->doc, root, "", "templates", &list, e));
  cJSON_ArrayForEach(item, list) TRY(read_template(r, item, i++, e));
  return true;
}

static bool read_per_row(reading *r, const cJSON *root, err *e) {
  const cJSON *n = formats_field(root, "templates_per_row");
  if (!n) return true;
  if (cJSON_IsString(n) && !strcmp(n->valuestring, "all")) return r->p->per_row = 0, true;
  if (cJSON_IsNumber(n) && n->valuedouble >= 1 && n->valuedouble <= TEMPLATES_MOST && n->valuedouble == (uint32_t)n->valuedouble)
    return r->p->per_row = (uint32_t)n->valuedouble, true;
  return formats_unexpected(r->doc, "templates_per_row", "a whole number from 1 on, or all", n, e);
}

// --- one file ---

static bool read_fields(reading *r, const cJSON *root, err *e) {
  template_pack *p = r->p;
  const char *references = NULL;
  TRY(read_data(r, root, e));
  TRY(read_columns(r, root, e));
  TRY(read_text(r, root, "", "task", &p->task, e));
  TRY(read_text(r, root, "", "cluster", &p->cluster, e));
  TRY(read_text(r, root, "", "source", &p->source, e));
  TRY(read_text(r, root, "", "definition", &p->definition, e));
  TRY(read_text(r, root, "", "things_to_avoid", &p->avoid, e));
  TRY(read_texts(r, root, "", "personas", &p->personas, e));
  TRY(read_choices(r, root, e));
  TRY(read_label(r, root, e));
  TRY(read_text(r, root, "", "references", &references, e));
  if (references) TRY(compile_expression(r, "references", references, &p->row_references, e));
  TRY(read_templates(r, root, e));
  return read_per_row(r, root, e);
}

// A built-in pack's path, by its name.
static bool find_built_in(const reading *r, const char *name, const char **path, err *e) {
  char *file = arena_printf(r->a, "%s.yaml", name), **names, found[QUOTE_BYTES];
  const char *directory = assets_path(r->a, "templates");
  uint64_t n;
  *path = path_join(r->a, directory, file);
  if (file_exists(*path)) return true;
  TRY(dir_list(r->a, directory, &names, &n, e));
  text all = {0};
  for (uint64_t i = 0; i < n; i++)
    if (path_ends_with(names[i], ".yaml")) text_printf(&all, ", %.*s", (int)strlen(names[i]) - 5, names[i]);
  ERR(e, "%s: pack: expected a pack's file (*.yaml) or one of the built-in packs%s, found %s", r->file,
      all.length ? all.data + 1 : "", quote_string(name, found));
  text_free(&all);
  return false;
}

static bool read_file(reading *r, const char *path, uint32_t depth, err *e);

static bool read_base(reading *r, const cJSON *root, err *e) {
  const uint32_t depth = r->depth;
  const char *base = NULL, *path, *file = r->file;
  const json *doc = r->doc;
  TRY(read_text(r, root, "", "pack", &base, e));
  if (!base) return true;
  if (depth == PACKS_DEEP)
    return ERR(e, "%s: pack: expected at most %d packs that take from each other, found more", file, PACKS_DEEP);
  if (template_pack_is(base)) path = from_directory(r, base);
  else if (strchr(base, '/')) return ERR(e, "%s: pack: expected a file named *.yaml or *.yml, found '%.200s'", file, base);
  else TRY(find_built_in(r, base, &path, e));
  TRY(read_file(r, path, depth + 1, e));
  r->p->task = NULL; // data of its own is a task of its own
  r->file = file;
  r->doc = doc;
  r->depth = depth;
  return true;
}

static bool read_file(reading *r, const char *path, uint32_t depth, err *e) {
  char *source;
  uint64_t size;
  json doc;
  TRY(file_read(r->a, path, YAML_FILE_BYTES, &source, &size, e));
  TRY(yaml_tree_parse(path, source, size, &doc, e));
  r->file = arena_strdup(r->a, path);
  r->doc = &doc;
  r->depth = depth;
  if (r->p->n_files <= depth) r->p->n_files = depth + 1;
  r->p->hash = XXH3_64bits_withSeed(source, (size_t)size, r->p->hash);
  const bool ok = json_check_keys(&doc, doc.root, "", pack_keys, e) && read_base(r, doc.root, e) && read_fields(r, doc.root, e);
  json_free(&doc);
  return ok;
}

// --- the whole ---

static bool finish_label(const reading *r, err *e) {
  template_pack *p = r->p;
  pack_label *l = &p->label;
  char found[QUOTE_BYTES];
  if (!l->column) return true;
  if (!p->choices.n && !p->row_choices) return ERR(e, "%s: label: expected choices that it chooses from, found none", p->file);
  if (l->form == LABEL_VALUES && p->row_choices)
    return ERR(e, "%s: label.values: expected choices that are written out, found computed ones", p->file);
  l->meant = ARENA_ARRAY(r->a, uint32_t, l->n);
  for (uint32_t i = 0; i < l->n; i++) {
    while (l->meant[i] < p->choices.n && strcmp(p->choices.items[l->meant[i]], r->label_choices[i])) l->meant[i]++;
    if (l->meant[i] == p->choices.n)
      return ERR(e, "%s: label.values.%.100s: expected one of the choices, found %s", p->file, l->values[i],
                 quote_string(r->label_choices[i], found));
  }
  return true;
}

static bool finish_template(const template_pack *p, const pack_template *t, err *e) {
  char name[QUOTE_BYTES];
  quote_string(t->name, name);
  if (t->shows_options && !p->choices.n && !p->row_choices)
    return ERR(e, "%s: template %s: options: expected choices to show, found none", p->file, name);
  if (t->choices.n && t->choices.n != p->choices.n)
    return ERR(e, "%s: template %s: choices: expected as many as the pack has (%u), found %u", p->file, name, p->choices.n,
               t->choices.n);
  return true;
}

static bool finish(reading *r, err *e) {
  template_pack *p = r->p;
  if (!p->n_templates) return ERR(e, "%s: templates: expected at least one, found none", p->file);
  TRY(finish_label(r, e));
  for (uint32_t i = 0; i < p->n_templates; i++) TRY(finish_template(p, &p->templates[i], e));
  if (p->per_row > p->n_templates)
    return ERR(e, "%s: templates_per_row: expected at most %u, as many as the pack has, found %u", p->file, p->n_templates,
               p->per_row);
  if (!p->per_row) p->per_row = p->n_templates;
  if (!p->task) p->task = path_stem(r->a, p->file);
  p->hash = XXH3_64bits_withSeed(p->task, strlen(p->task), p->hash); // which may be the file's name
  p->inverted_task = arena_printf(r->a, "%s_inverted", p->task);
  return true;
}

bool template_pack_is(const char *path) {
  return path_ends_with(path, ".yaml") || path_ends_with(path, ".yml");
}

bool template_pack_read(arena *a, const char *path, template_pack **out, err *e) {
  template_pack *p = ARENA_NEW(a, template_pack);
  reading r = {.a = a, .p = p};
  p->per_row = 1;
  TRY(read_file(&r, path, 0, e));
  p->file = arena_strdup(a, path);
  TRY(finish(&r, e));
  *out = p;
  return true;
}

bool template_pack_data(const template_pack *p, const char *split, const char **path, err *e) {
  bool any = false;
  *path = NULL;
  for (int i = 0; i < 3; i++) {
    any |= p->data[i] != NULL;
    if (!strcmp(split, split_names[i])) *path = p->data[i];
  }
  if (*path) return true;
  if (any) return ERR(e, "%s: data.%s: expected the name of a file, found nothing", p->file, split);
  return ERR(e, "%s: data: expected the name of a file with labelled data (this pack has templates only), found nothing",
             p->file);
}
