#include "eval/make.h"

#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "eval/make_journal.h"
#include "eval/make_judge.h"
#include "io/json.h"

enum {
  SEED_BYTES = 600, // longer seeds are shown where there are no shorter ones
  DRAWS = 1 << 20   // random numbers of one attempt
};

typedef struct made {
  seed_example example; // as later prompts show it
  uint64_t attempt;
  uint32_t guideline;
  vkift_make_what what;
} made;

typedef struct making {
  arena *a;
  const make_job *job;
  make_judge *judge;
  make_journal journal;
  make_stock *inputs, *instructions; // [guidelines]: what prompts of each kind may show; made: filled for each group
  made *rows;                        // [n_rows]
  uint64_t n_rows, capacity;
  text output;
  vkift_make_result result;
  // the group that is being answered
  make_entry *answers; // [n_answers]; text NULL: not there yet
  uint32_t n_answers, n_judged;
  bool enough;
} making;

// --- what prompts show -------------------------------------------------------------------------------------------------

static void put_on(arena *a, make_shelf *shelf, const seed_example *x) {
  arena_grow(a, (void **)&shelf->items, &shelf->capacity, shelf->n + 1, sizeof *shelf->items);
  shelf->items[shelf->n++] = x;
}

static bool is_guided(const guidelines *all, const char *task) {
  for (uint32_t i = 0; i < all->n; i++)
    if (!strcmp(all->items[i].task, task)) return true;
  return false;
}

static bool is_short(const seed_example *x) {
  return strlen(x->instruction) + strlen(x->input) + strlen(x->output) <= SEED_BYTES;
}

// Seeds that are of no guideline's task.
static make_shelf general_seeds(arena *a, const make_job *job, bool with_input, bool short_ones) {
  make_shelf shelf = {0};
  for (uint64_t i = 0; i < job->seeds->n; i++) {
    const seed_example *x = &job->seeds->items[i];
    if ((with_input && !*x->input) || (short_ones && !is_short(x)) || is_guided(job->guidelines, x->task)) continue;
    put_on(a, &shelf, x);
  }
  return shelf.n || !short_ones ? shelf : general_seeds(a, job, with_input, false);
}

static make_shelf right_examples(arena *a, const make_job *job, const guideline *g) {
  make_shelf shelf = {0};
  seed_example *own = ARENA_ARRAY(a, seed_example, g->n_positive);
  for (uint32_t i = 0; i < g->n_positive; i++) {
    own[i] = (seed_example){.instruction = g->definition,
                            .input = g->positive[i].input,
                            .output = g->positive[i].output,
                            .task = g->task,
                            .name = arena_printf(a, "%s: positive example %u", g->file, i + 1)};
    put_on(a, &shelf, &own[i]);
  }
  for (uint64_t i = 0; i < job->seeds->n; i++) {
    const seed_example *x = &job->seeds->items[i];
    if (!strcmp(x->task, g->task) && *x->input) put_on(a, &shelf, x);
  }
  return shelf;
}

static void stock_up(making *m) {
  const guidelines *all = m->job->guidelines;
  m->inputs = ARENA_ARRAY(m->a, make_stock, all->n);
  m->instructions = ARENA_ARRAY(m->a, make_stock, all->n);
  const make_shelf with_input = general_seeds(m->a, m->job, true, true), any = general_seeds(m->a, m->job, false, true);
  for (uint32_t i = 0; i < all->n; i++) {
    const guideline *g = &all->items[i];
    m->inputs[i] = m->instructions[i] = (make_stock){.guideline = g, .positive = right_examples(m->a, m->job, g)};
    m->inputs[i].seeds = with_input;
    m->instructions[i].seeds = any;
  }
}

// --- attempts ----------------------------------------------------------------------------------------------------------

static uint64_t group_size(const making *m) {
  return (uint64_t)m->job->options->batch_size;
}

static uint64_t n_attempts(const making *m) {
  return (uint64_t)m->result.attempts;
}

static vkift_make_what what_of(const making *m, uint64_t attempt) {
  const vkift_make_what wanted = m->job->options->write;
  if (wanted != VKIFT_MAKE_BOTH) return wanted;
  return attempt / group_size(m) % 2 ? VKIFT_MAKE_INSTRUCTIONS : VKIFT_MAKE_INPUTS;
}

// Each kind goes through the guidelines in turn.
static uint32_t guideline_of(const making *m, uint64_t attempt) {
  const uint64_t size = group_size(m), group = attempt / size;
  const uint64_t groups = m->job->options->write == VKIFT_MAKE_BOTH ? group / 2 : group;
  return (uint32_t)((groups * size + attempt % size) % m->job->guidelines->n);
}

static make_stock stock_of(const making *m, arena *a, uint64_t attempt) {
  const vkift_make_what what = what_of(m, attempt);
  const uint32_t g = guideline_of(m, attempt);
  const uint64_t first = attempt / group_size(m) * group_size(m);
  make_stock stock = what == VKIFT_MAKE_INPUTS ? m->inputs[g] : m->instructions[g];
  stock.made = (make_shelf){0};
  for (uint64_t i = 0; i < m->n_rows && m->rows[i].attempt < first; i++)
    if (m->rows[i].what == what && m->rows[i].guideline == g) put_on(a, &stock.made, &m->rows[i].example);
  return stock;
}

// Where it is too long, fewer seeds are shown, then fewer examples.
static bool ask(const making *m, arena *a, uint64_t attempt, make_prompt *p, err *e) {
  const vkift_make_options *o = m->job->options;
  const make_stock stock = stock_of(m, a, attempt);
  make_counts counts = {.seeds = (uint32_t)o->num_seeds,
                        .positive = (uint32_t)o->reading.num_pos_examples,
                        .negative = (uint32_t)o->reading.num_neg_examples,
                        .made = (uint32_t)o->num_made,
                        .explanations = o->reading.add_explanation};
  uint32_t *const fewer[] = {&counts.seeds, &counts.negative, &counts.made, &counts.positive};
  rng draws = rng_new((uint64_t)o->seed, RNG_MAKE);
  draws.drawn = attempt * DRAWS;
  for (uint32_t i = 0;;) {
    bool fits;
    *p = make_prompt_build(a, &stock, what_of(m, attempt), &counts, draws);
    TRY(m->job->model.fits(m->job->model.user, p, &fits, e));
    if (fits) return true;
    while (i < 4 && !*fewer[i]) i++;
    if (i == 4)
      return ERR(e, "%s: its prompt does not fit, even without examples, beside an answer of %lld tokens (--max-new-tokens)",
                 stock.guideline->file, (long long)o->max_new_tokens);
    --*fewer[i];
  }
}

// --- rows --------------------------------------------------------------------------------------------------------------

static void put_string(text *out, const char *key, const char *value) {
  text_printf(out, "%s\"%s\": ", out->data[out->length - 1] == '{' ? "" : ", ", key);
  json_put_string(out, value);
}

static void put_row(making *m, const guideline *g, const made *row, const make_entry *x, const make_judged *judged) {
  const vkift_make_options *o = m->job->options;
  text *out = &m->output;
  const bool inputs = row->what == VKIFT_MAKE_INPUTS;
  text_putc(out, '{');
  put_string(out, "instruction", row->example.instruction);
  put_string(out, "input", row->example.input);
  put_string(out, "output", row->example.output);
  put_string(out, "task", g->task);
  if (g->category) put_string(out, "category", g->category);
  if (inputs && g->avoid) put_string(out, "things_to_avoid", g->avoid);
  put_string(out, "source", arena_printf(m->a, "%s, %s", g->file, m->job->model.name));
  text_puts(out, ", \"made\": {");
  put_string(out, "new", inputs ? "input" : "instruction");
  put_string(out, "guideline", g->file);
  put_string(out, "model", m->job->model.name);
  text_printf(out, ", \"seed\": %lld, \"attempt\": %llu, \"from\": [", (long long)o->seed, (unsigned long long)row->attempt);
  for (uint32_t i = 0; i < x->from.n; i++) {
    if (i) text_puts(out, ", ");
    json_put_string(out, x->from.items[i]);
  }
  text_printf(out, "], \"similarity\": %.4f", judged->similarity);
  put_string(out, "nearest", judged->nearest);
  text_puts(out, "}}\n");
}

static const char *instruction_of(arena *a, const guideline *g) {
  return g->caution ? arena_printf(a, "%s\n\n%s", g->definition, g->caution) : g->definition;
}

static void keep(making *m, uint64_t attempt, const make_fields *f, const make_entry *x, const make_judged *judged) {
  const uint32_t number = guideline_of(m, attempt);
  const guideline *g = &m->job->guidelines->items[number];
  made row = {.attempt = attempt, .guideline = number, .what = what_of(m, attempt)};
  const bool inputs = row.what == VKIFT_MAKE_INPUTS;
  row.example = (seed_example){.instruction = inputs ? instruction_of(m->a, g) : arena_strdup(m->a, f->instruction),
                               .input = arena_strdup(m->a, f->input),
                               .output = arena_strdup(m->a, f->output),
                               .task = g->task,
                               .name = arena_printf(m->a, "attempt %llu", (unsigned long long)attempt)};
  put_row(m, g, &row, x, judged);
  make_judge_add(m->judge, row.what, f, row.example.name);
  arena_grow(m->a, (void **)&m->rows, &m->capacity, m->n_rows + 1, sizeof *m->rows);
  m->rows[m->n_rows++] = row;
}

static void tell(const making *m, const make_fields *f, const make_judged *judged, const guideline *g, bool from_journal) {
  const vkift_make_events *events = m->job->events;
  if (!events || !events->attempt) return;
  const vkift_make_attempt told = {.number = m->result.attempts - 1,
                                   .verdict = judged->verdict,
                                   .guideline = g->task,
                                   .instruction = f->instruction ? f->instruction : "",
                                   .input = f->input ? f->input : "",
                                   .output = f->output ? f->output : "",
                                   .similarity = judged->similarity,
                                   .nearest = judged->nearest,
                                   .rows = (int64_t)m->n_rows,
                                   .attempts = m->result.attempts,
                                   .from_journal = from_journal};
  events->attempt(events->user, &told);
}

// The next attempt, by what the model wrote.
static bool take(making *m, const make_entry *x, bool from_journal, err *e) {
  arena *scratch = arena_new("an attempt");
  const uint64_t attempt = n_attempts(m);
  const vkift_make_what what = what_of(m, attempt);
  const guideline *g = &m->job->guidelines->items[guideline_of(m, attempt)];
  const char *begin = what == VKIFT_MAKE_INPUTS ? "Input:" : "Instruction:";
  make_fields f = make_parse(scratch, arena_printf(scratch, "%s%s", begin, x->text));
  make_judged judged = {.verdict = VKIFT_MADE_UNFINISHED, .nearest = ""};
  if (x->finish == VKIFT_FINISH_END || x->finish == VKIFT_FINISH_STOP_STRING || f.followed)
    judged = make_judge_fields(m->judge, g, what, &f);
  const bool ok = from_journal || make_journal_add(&m->journal, attempt, g->task, judged.verdict, x, e);
  if (ok) {
    if (judged.verdict == VKIFT_MADE_ROW) keep(m, attempt, &f, x, &judged);
    m->result.attempts++;
    m->result.counts[judged.verdict]++;
    tell(m, &f, &judged, g, from_journal);
  }
  arena_free(scratch);
  return ok;
}

// --- groups --------------------------------------------------------------------------------------------------------------

static bool has_enough(const making *m) {
  return m->n_rows >= (uint64_t)m->job->options->num_rows;
}

// Answers come in any order; they are taken in that of the attempts.
static bool answered(void *user, uint32_t i, const char *bytes, size_t length, vkift_finish finish, err *e) {
  making *m = user;
  REQUIRE(i < m->n_answers && !m->answers[i].text, "answer %u of %u", i, m->n_answers);
  m->answers[i].text = make_parse_clean(m->a, bytes, length);
  m->answers[i].finish = finish;
  while (m->n_judged < m->n_answers && m->answers[m->n_judged].text) {
    TRY(take(m, &m->answers[m->n_judged++], false, e));
    if (!has_enough(m)) continue;
    m->enough = true; // the rest of the group is not waited for
    return false;
  }
  return true;
}

static bool should_stop(void *user) {
  making *m = user;
  const vkift_make_events *events = m->job->events;
  if (events && events->should_stop && events->should_stop(events->user)) m->result.stopped = true;
  return m->result.stopped;
}

static bool answer_group(making *m, arena *a, uint64_t most, err *e) {
  const uint64_t from = n_attempts(m);
  uint64_t to = (from / group_size(m) + 1) * group_size(m);
  if (to > most) to = most;
  m->n_answers = (uint32_t)(to - from);
  m->n_judged = 0;
  m->answers = ARENA_ARRAY(a, make_entry, m->n_answers);
  make_prompt *prompts = ARENA_ARRAY(a, make_prompt, m->n_answers);
  for (uint32_t i = 0; i < m->n_answers; i++) {
    TRY(ask(m, a, from + i, &prompts[i], e));
    m->answers[i].from = prompts[i].from;
  }
  const make_sink sink = {m, answered, should_stop};
  const make_model *by = &m->job->model;
  const bool ok = by->answer(by->user, prompts, m->n_answers, from, what_of(m, from), &sink, e);
  if (!ok && (m->enough || m->result.stopped)) return *e = (err){0}, true;
  return ok;
}

static bool make_all(making *m, err *e) {
  const vkift_make_options *o = m->job->options;
  const uint64_t most = o->max_attempts ? (uint64_t)o->max_attempts : 20 * (uint64_t)o->num_rows;
  while (!has_enough(m) && n_attempts(m) < most && !should_stop(m)) {
    arena *a = arena_new("a group of attempts");
    const bool ok = answer_group(m, a, most, e);
    arena_free(a);
    TRY(ok);
  }
  return true;
}

// --- all of it -----------------------------------------------------------------------------------------------------------

const char *make_journal_path(arena *a, const char *output) {
  return arena_printf(a, "%s.journal", output);
}

static void note_going_on(const making *m) {
  const vkift_make_events *events = m->job->events;
  if (!m->journal.n || !events || !events->note) return;
  events->note(events->user, arena_printf(m->a, "goes on behind %llu attempts, of which %llu rows came (%s)",
                                          (unsigned long long)m->journal.n, (unsigned long long)m->n_rows, m->journal.path));
}

static bool replay(making *m, err *e) {
  const vkift_make_options *o = m->job->options;
  for (uint64_t i = 0; i < m->journal.n; i++) TRY(take(m, &m->journal.entries[i], true, e));
  m->result.earlier_attempts = m->result.attempts;
  note_going_on(m);
  if (m->n_rows <= (uint64_t)o->num_rows) return true;
  e->usage = true;
  return ERR(e, "num_rows: expected at least the %llu rows that %s has already, found %lld", (unsigned long long)m->n_rows,
             m->journal.path, (long long)o->num_rows);
}

static bool write_output(const making *m, err *e) {
  if (m->result.stopped) return true;
  if (m->n_rows) return file_replace(m->job->options->output, m->output.data, m->output.length, e);
  text why = {0};
  for (int i = VKIFT_MADE_ROW + 1; i < VKIFT_MADE_KINDS; i++)
    if (m->result.counts[i])
      text_printf(&why, "%s%s %lld", why.length ? ", " : "", make_judge_name((vkift_made)i), (long long)m->result.counts[i]);
  ERR(e, "none of %lld attempts gave a row (%s); %s has what the model wrote", (long long)m->result.attempts,
      why.length ? why.data : "none was made", m->journal.path);
  text_free(&why);
  return false;
}

bool make_run(arena *a, const make_job *job, vkift_make_result *result, err *e) {
  const vkift_make_options *o = job->options;
  const make_rules rules = {o->similarity, (uint32_t)o->min_words, (uint32_t)o->max_words};
  const double start = clock_seconds();
  making m = {.a = a, .job = job, .judge = make_judge_new(a, job->guidelines, job->seeds, &rules)};
  stock_up(&m);
  const bool ok = make_journal_open(a, make_journal_path(a, o->output), job->header, &m.journal, e) && replay(&m, e) &&
                  make_all(&m, e) && write_output(&m, e);
  make_journal_close(&m.journal);
  text_free(&m.output);
  m.result.rows = (int64_t)m.n_rows;
  m.result.seconds = clock_seconds() - start;
  if (result) *result = m.result;
  return ok;
}
