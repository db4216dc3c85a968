#include "data/survey.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/mixture.h"

// --- while files are read ----------------------------------------------------------------------------------------------

static survey_file *file_of(survey *s, const char *name) {
  if (s->n_seen && !strcmp(s->seen[s->n_seen - 1].name, name)) return &s->seen[s->n_seen - 1];
  arena_grow(s->memory, (void **)&s->seen, &s->seen_capacity, s->n_seen + 1, sizeof *s->seen);
  s->seen[s->n_seen] = (survey_file){.name = arena_strdup(s->memory, name)};
  return &s->seen[s->n_seen++];
}

static void on_file(void *user, const char *file, data_format format, bool has_lines) {
  survey_file *f = file_of(user, file);
  f->format = format;
  f->has_items = !has_lines;
  f->is_eval = false;
}

// Messages that differ in numbers and in what they quote are of one kind.
static const char *reason_key(arena *a, const char *file, const char *fault) {
  text key = {0};
  const size_t n = strlen(file);
  bool quoted = false;
  for (const char *c = strncmp(fault, file, n) ? fault : fault + n; *c; c++) {
    if (*c == '"') quoted = !quoted;
    else if (!quoted && !isdigit((unsigned char)*c)) text_putc(&key, *c);
  }
  const char *kept = arena_strdup(a, key.data ? key.data : "");
  text_free(&key);
  return kept;
}

static void on_bad(void *user, const char *file, const char *fault) {
  survey *s = user;
  arena *scratch = arena_new("a bad example");
  const char *key = reason_key(scratch, file, fault);
  uint32_t i = 0;
  while (i < s->n_reasons && i < SURVEY_REASONS && strcmp(s->reasons[i].key, key)) i++;
  survey_reason *r = &s->reasons[i];
  if (!r->n++) {
    r->message = arena_strdup(s->memory, fault);
    r->key = arena_strdup(s->memory, key);
    s->n_reasons = i + 1;
  }
  s->n_bad++;
  s->empty_masks += strstr(key, "the mask covers nothing") != NULL;
  file_of(s, file)->bad++;
  arena_free(scratch);
}

static void on_excess(void *user, const char *file, const char *task, uint32_t line, uint32_t n, excess_length happened) {
  survey *s = user;
  survey_excess x = {.file = file_of(s, file)->name, .line = line, .n = n, .happened = happened};
  const survey_excess *last = s->n_excess ? &s->excess[s->n_excess - 1] : NULL;
  if (!task) x.task = path_stem(s->memory, file);
  else x.task = last && !strcmp(last->task, task) ? last->task : arena_strdup(s->memory, task);
  arena_grow(s->memory, (void **)&s->excess, &s->excess_capacity, s->n_excess + 1, sizeof *s->excess);
  s->excess[s->n_excess++] = x;
}

// One that is trained on too is known already.
static void on_eval_file(void *user, const char *file, data_format format, bool has_lines) {
  survey *s = user;
  for (uint64_t i = 0; i < s->n_seen; i++)
    if (!strcmp(s->seen[i].name, file)) return;
  on_file(s, file, format, has_lines);
  file_of(s, file)->is_eval = true;
}

static void on_border(void *user, const char *file, uint32_t line) {
  survey *s = user;
  if (!s->n_borders++) s->border_file = file_of(s, file)->name, s->border_line = line;
}

static void on_left_out(void *user, const char *file, uint32_t line, bool again) {
  survey *s = user;
  struct survey_texts *texts = again ? &s->again : &s->asked;
  if (!texts->n++) texts->file = file_of(s, file)->name, texts->line = line;
}

void survey_begin(survey *s, arena *a) {
  *s = (survey){.memory = a,
                .watch = {s, on_file, on_bad, on_excess, on_border, on_left_out},
                .eval_watch = {.user = s, .file = on_eval_file}};
}

// --- counts ------------------------------------------------------------------------------------------------------------

static int by_value(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

// Of sorted values; between the two in the middle where there are two.
static uint32_t median(const uint32_t *values, uint64_t n) {
  return (uint32_t)(((uint64_t)values[(n - 1) / 2] + values[n / 2]) / 2);
}

static void count_lengths(const dataset *set, survey *s) {
  arena *a = arena_new("lengths");
  uint32_t *lengths = ARENA_ARRAY(a, uint32_t, set->n), *targets = ARENA_ARRAY(a, uint32_t, set->n);
  for (uint64_t i = 0; i < set->n; i++) {
    const example *x = &set->items[i];
    uint32_t bucket = 0;
    while (bucket + 1 < SURVEY_LENGTHS && x->n >> (bucket + 1)) bucket++;
    s->lengths[bucket]++;
    s->n_tokens += x->n;
    s->n_targets += x->n_targets;
    lengths[i] = x->n;
    targets[i] = x->n_targets;
  }
  qsort(lengths, (size_t)set->n, sizeof *lengths, by_value);
  qsort(targets, (size_t)set->n, sizeof *targets, by_value);
  s->longest = lengths[set->n - 1];
  s->median_length = median(lengths, set->n);
  s->fewest_targets = targets[0];
  s->median_targets = median(targets, set->n);
  s->most_targets = targets[set->n - 1];
  arena_free(a);
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const survey_group *)a)->name, ((const survey_group *)b)->name);
}

static int by_size(const void *a, const void *b) {
  const survey_group *x = a, *y = b;
  return x->n != y->n ? (x->n > y->n ? -1 : 1) : by_name(a, b);
}

static void add_to(survey_group *g, const survey_group *more) {
  g->n += more->n;
  g->n_tokens += more->n_tokens;
  g->n_targets += more->n_targets;
  g->dropped += more->dropped;
  g->bad += more->bad;
  if (more->format) g->format = more->format;
}

// Adds up entries of one name. Returns how many names there are.
static uint32_t gather(survey_group *all, uint64_t n) {
  uint32_t n_groups = 0;
  qsort(all, (size_t)n, sizeof *all, by_name);
  for (uint64_t i = 0; i < n; i++) {
    const survey_group one = all[i];
    if (!n_groups || strcmp(all[n_groups - 1].name, one.name)) all[n_groups++] = (survey_group){.name = one.name};
    add_to(&all[n_groups - 1], &one);
  }
  qsort(all, n_groups, sizeof *all, by_size);
  return n_groups;
}

typedef struct group_list {
  survey_group *items;
  uint64_t n, capacity;
} group_list;

// Names that follow one another are mostly one string: so a list of examples is short.
static void add_group(arena *a, group_list *l, survey_group one) {
  survey_group *last = l->n ? &l->items[l->n - 1] : NULL;
  if (last && last->name == one.name) {
    add_to(last, &one);
    return;
  }
  arena_grow(a, (void **)&l->items, &l->capacity, l->n + 1, sizeof *l->items);
  l->items[l->n++] = one;
}

static survey_group *count_groups(const dataset *set, const survey *s, bool by_file, uint32_t *n_groups) {
  arena *a = s->memory;
  group_list all = {0};
  for (uint64_t i = 0; i < set->n; i++) {
    const example *x = &set->items[i];
    const char *name = by_file ? x->origin->file : x->origin->task;
    add_group(a, &all, (survey_group){.name = name, .n = 1, .n_tokens = x->n, .n_targets = x->n_targets});
  }
  for (uint64_t i = 0; i < s->n_excess; i++) {
    const survey_excess *x = &s->excess[i];
    if (x->happened == EXCESS_DROP) add_group(a, &all, (survey_group){.name = by_file ? x->file : x->task, .dropped = 1});
  }
  for (uint64_t i = 0; by_file && i < s->n_seen; i++) {
    const survey_file *f = &s->seen[i];
    if (!f->is_eval) add_group(a, &all, (survey_group){.name = f->name, .format = f->format, .bad = f->bad});
  }
  *n_groups = all.n ? gather(all.items, all.n) : 0;
  return all.items;
}

// --- findings ----------------------------------------------------------------------------------------------------------

// Room for each kind, and for each reason of bad examples.
enum { MOST_FINDINGS = 32 };

// A line of JSON Lines; else an item of the array, or an instance of the task.
static void put_place(const survey *s, survey_place *out, const char *file, uint32_t line) {
  bool has_items = false;
  for (uint64_t i = 0; i < s->n_seen; i++)
    if (!strcmp(s->seen[i].name, file)) has_items = s->seen[i].has_items;
  *out = (survey_place){file, line, arena_printf(s->memory, has_items ? "%s: item %u" : "%s:%u", file, line)};
}

static survey_finding *add(survey *s, const char *kind, uint64_t n, const example *first) {
  REQUIRE(s->n_findings < MOST_FINDINGS, "%u findings", s->n_findings);
  survey_finding *f = &s->findings[s->n_findings++];
  *f = (survey_finding){.kind = kind, .n = n, .detail = ""};
  if (first) put_place(s, &f->first, first->origin->file, first->line);
  return f;
}

static void add_alike(survey *s, const char *kind, near_duplicates found, bool with_similarity) {
  if (!found.n) return;
  survey_finding *f = add(s, kind, found.n, found.first);
  put_place(s, &f->like, found.is_like->origin->file, found.is_like->line);
  if (with_similarity) f->detail = arena_printf(s->memory, "%.2f", found.similarity);
}

// The same, with texts that were found before they were joined: of those, the first one's place is known.
static void add_same(survey *s, const char *kind, near_duplicates found, const struct survey_texts *texts) {
  if (!texts->n) add_alike(s, kind, found, false);
  else put_place(s, &add(s, kind, found.n + texts->n, NULL)->first, texts->file, texts->line);
}

static void add_reasons(survey *s) {
  for (uint32_t i = 0; i < s->n_reasons; i++) add(s, "bad_examples", s->reasons[i].n, NULL)->detail = s->reasons[i].message;
}

// `n`: how many the reader counted, which may be more than it told of.
static void add_excess(survey *s, const char *kind, excess_length happened, uint64_t n) {
  const survey_excess *first = NULL;
  uint64_t told = 0;
  for (uint64_t i = 0; i < s->n_excess; i++) {
    if (s->excess[i].happened != happened) continue;
    if (!told++) first = &s->excess[i];
  }
  if (n < told) n = told;
  if (!n) return;
  survey_finding *f = add(s, kind, n, NULL);
  if (!first) return;
  put_place(s, &f->first, first->file, first->line);
  f->detail = arena_printf(s->memory, "%u", first->n);
}

// Counts examples that `is` finds something in; the first one's says what.
typedef const char *(*look)(const example *x, const void *user);

static void add_looked_for(survey *s, const dataset *set, const char *kind, look is, const void *user) {
  const example *first = NULL;
  const char *detail = "";
  uint64_t n = 0, passed = 0;
  for (uint64_t i = 0; i < set->n; i++) {
    const char *found = is(&set->items[i], user);
    dataset_passed(set, &set->items[i], &passed);
    if (found && !n++) first = &set->items[i], detail = found;
  }
  if (n) add(s, kind, n, first)->detail = detail;
}

// "…<|endoftext|>", "…</s>": what other trainers' data carries as text.
static const char *end_marker(const example *x, const void *user) {
  static const char *const markers[] = {"<|endoftext|>", "</s>", "<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>"};
  (void)user;
  const size_t length = strlen(x->answer);
  for (size_t k = 0; k < sizeof markers / sizeof *markers; k++) {
    const size_t n = strlen(markers[k]);
    if (length >= n && !strcmp(x->answer + length - n, markers[k])) return markers[k];
  }
  return NULL;
}

static const char *white_space(const example *x, const void *user) {
  (void)user;
  const size_t n = strlen(x->answer);
  return n && (isspace((unsigned char)x->answer[0]) || isspace((unsigned char)x->answer[n - 1])) ? "" : NULL;
}

// Text without a prompt has no answer that could end.
static const char *no_end(const example *x, const void *user) {
  uint32_t last = x->n;
  while (last && !x->target[last - 1]) last--;
  return x->prompt_n && last && !tokenizer_is_added(user, x->ids[last - 1]) ? "" : NULL;
}

// --- text that looks like control tokens -------------------------------------------------------------------------------

typedef struct controls {
  const char **names;
  uint32_t n;
  bool begins[256]; // some name begins with this byte
} controls;

static controls list_controls(arena *a, const tokenizer *t) {
  const uint32_t size = tokenizer_vocab_size(t);
  controls c = {.names = ARENA_ARRAY(a, const char *, size)};
  for (uint32_t id = 0; id < size; id++) {
    const char *name = tokenizer_is_control(t, (int32_t)id) ? tokenizer_content(t, (int32_t)id) : "";
    if (strlen(name) <= 2) continue;
    c.names[c.n++] = name;
    c.begins[(unsigned char)*name] = true;
  }
  return c;
}

static const char *find_control(const controls *c, const char *plain) {
  for (; *plain; plain++) {
    if (!c->begins[(unsigned char)*plain]) continue;
    for (uint32_t i = 0; i < c->n; i++)
      if (!strncmp(plain, c->names[i], strlen(c->names[i]))) return c->names[i];
  }
  return NULL;
}

// Text between control tokens is decoded, and must not spell one.
static bool find_in_text(const example *x, const tokenizer *t, const controls *c, text *plain, const char **found, err *e) {
  *found = NULL;
  for (uint32_t first = 0, end; !*found && first < x->n; first = end + 1) {
    for (end = first; end < x->n && !tokenizer_is_control(t, x->ids[end]); end++) continue;
    if (end == first) continue;
    text_clear(plain);
    TRY(tokenizer_decode(t, x->ids + first, end - first, false, plain, e));
    if (plain->length) *found = find_control(c, plain->data);
  }
  return true;
}

static bool add_control_text(survey *s, const dataset *set, const tokenizer *t, err *e) {
  arena *a = arena_new("control tokens");
  const controls c = list_controls(a, t);
  const example *first = NULL;
  const char *name = "", *found;
  uint64_t n = 0, passed = 0;
  text plain = {0};
  bool ok = true;
  for (uint64_t i = 0; ok && c.n && i < set->n; i++) {
    ok = find_in_text(&set->items[i], t, &c, &plain, &found, e);
    dataset_passed(set, &set->items[i], &passed);
    const char *marker = found ? end_marker(&set->items[i], NULL) : NULL; // told of already
    if (ok && found && !(marker && !strcmp(marker, found)) && !n++) first = &set->items[i], name = found;
  }
  text_free(&plain);
  if (ok && n) add(s, "control_text", n, first)->detail = arena_strdup(s->memory, name);
  arena_free(a);
  return ok;
}

// --- all of it ---------------------------------------------------------------------------------------------------------

bool survey_make(survey *s, dataset *train, const dataset *eval, const tokenizer *t, bool all_tokens, err *e) {
  s->findings = ARENA_ARRAY(s->memory, survey_finding, MOST_FINDINGS);
  s->n = train->n;
  if (train->n) count_lengths(train, s);
  s->tasks = count_groups(train, s, false, &s->n_tasks);
  s->files = count_groups(train, s, true, &s->n_files);
  add_reasons(s);
  add_excess(s, "dropped_long", EXCESS_DROP, train->dropped_long);
  add_excess(s, "truncated", EXCESS_TRUNCATE, train->truncated);
  add_excess(s, "split", EXCESS_SPLIT, 0);
  if (train->without_demonstrations) add(s, "fewer_demonstrations", train->without_demonstrations, NULL);
  if (s->n_borders) put_place(s, &add(s, "across_borders", s->n_borders, NULL)->first, s->border_file, s->border_line);
  if (train->missing_tasks) add(s, "missing_tasks", train->missing_tasks, NULL);
  // In the order in which a run leaves them out; what is left is compared further.
  add_same(s, "duplicates", mixture_duplicates(train), &s->again);
  mixture_drop_duplicates(train);
  add_same(s, "leaked", mixture_leaked(train, eval), &s->asked);
  mixture_drop_leaked(train, eval);
  s->left = train->n;
  add_alike(s, "near_duplicates", mixture_near_duplicates(train), true);
  add_alike(s, "other_answers", mixture_other_answers(train), false);
  if (!all_tokens) add_looked_for(s, train, "no_end", no_end, t);
  add_looked_for(s, train, "end_markers", end_marker, NULL);
  add_looked_for(s, train, "white_space", white_space, NULL);
  return add_control_text(s, train, t, e);
}
