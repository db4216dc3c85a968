// vkift generate for prompts: one, whose answer is printed as it grows; a file of them, several at once; and either by the
// base and the tuned model.
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "base/log.h"
#include "base/show.h"
#include "cli/generate.h"
#include "cli/json_line.h"
#include "io/json.h"

typedef struct kept_answer {
  bool done;
  const char *text;
  size_t length;
  int64_t prompt_tokens, new_tokens;
  vkift_finish finish;
} kept_answer;

typedef struct prompts {
  arena *memory;
  session *session;
  vkift_prompt *items;
  uint64_t n, capacity;
  kept_answer *answers, *base; // [n] each; base: NULL without --compare
  bool of_base;                // whose answers are coming in
  uint64_t n_done, printed;
} prompts;

// --- reading -----------------------------------------------------------------------------------------------------------

static void add(prompts *p, const vkift_message *messages, uint64_t n) {
  arena_grow(p->memory, (void **)&p->items, &p->capacity, p->n + 1, sizeof *p->items);
  p->items[p->n++] = (vkift_prompt){messages, (size_t)n};
}

static void add_text(prompts *p, const char *system, const char *prompt) {
  vkift_message *messages = ARENA_ARRAY(p->memory, vkift_message, 2);
  uint64_t n = 0;
  if (system) messages[n++] = (vkift_message){VKIFT_SYSTEM, arena_strdup(p->memory, system)};
  messages[n++] = (vkift_message){VKIFT_USER, arena_strdup(p->memory, prompt)};
  add(p, messages, n);
}

static bool add_messages(prompts *p, const json *d, const cJSON *list, err *e) {
  static const char *const roles[] = {[VKIFT_SYSTEM] = "system", [VKIFT_USER] = "user", [VKIFT_ASSISTANT] = "assistant"};
  static const char *const keys[] = {"role", "content", NULL};
  const cJSON *first = cJSON_GetObjectItemCaseSensitive(list->child, "role");
  const bool own = cJSON_IsString(first) && !strcmp(first->valuestring, "system"); // which wins, as a row's "system" does
  const char *system = own ? NULL : p->session->own->system;
  vkift_message *messages = ARENA_ARRAY(p->memory, vkift_message, (uint64_t)cJSON_GetArraySize(list) + 1);
  uint64_t n = 0;
  if (system) messages[n++] = (vkift_message){VKIFT_SYSTEM, system};
  for (const cJSON *m = list->child; m; m = m->next) {
    const char *role, *content, *where = arena_printf(p->memory, "messages[%llu]", (unsigned long long)(n - (system != NULL)));
    TRY(json_check_keys(d, m, where, keys, e) && json_string(d, m, where, "role", &role, e) &&
        json_string(d, m, where, "content", &content, e));
    int r = VKIFT_SYSTEM;
    while (r <= VKIFT_ASSISTANT && strcmp(roles[r], role)) r++;
    if (r > VKIFT_ASSISTANT)
      return ERR(e, "%s: %s.role: expected system, user or assistant, found '%.40s'", d->origin, where, role);
    messages[n++] = (vkift_message){(vkift_role)r, arena_strdup(p->memory, content)};
  }
  if (!n || messages[n - 1].role != VKIFT_USER)
    return ERR(e, "%s: messages: expected a conversation whose last message is the user's", d->origin);
  add(p, messages, n);
  return true;
}

static bool add_object(prompts *p, const json *d, err *e) {
  static const char *const keys[] = {"prompt", "system", "messages", NULL};
  const char *prompt = NULL, *system = p->session->own->system;
  cJSON *list = cJSON_GetObjectItemCaseSensitive(d->root, "messages");
  TRY(json_check_keys(d, d->root, "", keys, e));
  if (list) {
    TRY(json_array(d, d->root, "", "messages", &list, e));
    if (cJSON_GetArraySize(d->root) > 1)
      return ERR(e, "%s: messages hold all of a prompt: expected no key beside them", d->origin);
    return add_messages(p, d, list, e);
  }
  TRY(json_string(d, d->root, "", "prompt", &prompt, e) && json_string_or(d, d->root, "", "system", &system, e));
  add_text(p, system, prompt);
  return true;
}

static bool add_json(prompts *p, const char *where, const char *line, size_t length, err *e) {
  json d;
  TRY(json_parse(where, line, length, &d, e));
  bool ok = true;
  char found[64];
  if (cJSON_IsString(d.root)) add_text(p, p->session->own->system, d.root->valuestring);
  else if (cJSON_IsObject(d.root)) ok = add_object(p, &d, e);
  else ok = ERR(e, "%s: expected a string or an object, found %s", where, json_describe(d.root, found));
  json_free(&d);
  return ok;
}

static bool read_text(arena *a, const char *path, char **data, err *e) {
  uint64_t size;
  size_t bad;
  TRY(file_read(a, path, 1 << 30, data, &size, e));
  if (!utf8_valid(*data, (size_t)size, &bad)) return ERR(e, "%s: byte %zu: expected UTF-8", path, bad);
  return strlen(*data) == size || ERR(e, "%s: byte %zu: expected text, found NUL", path, strlen(*data));
}

static bool is_jsonl(const char *path) {
  const char *dot = strrchr(path_name(path), '.');
  return dot && !strcmp(dot, ".jsonl");
}

// Lines of white space alone are no prompts.
static bool read_lines(prompts *p, const char *path, err *e) {
  char *data;
  TRY(read_text(p->memory, path, &data, e));
  unsigned long number = 1;
  for (char *line = data; *line; number++) {
    size_t length = strcspn(line, "\n"), next = length + (line[length] == '\n');
    if (length && line[length - 1] == '\r') length--;
    if (strspn(line, " \t\r") < length) {
      if (is_jsonl(path)) TRY(add_json(p, arena_printf(p->memory, "%s:%lu", path, number), line, length, e));
      else add_text(p, p->session->own->system, arena_strndup(p->memory, line, length));
    }
    line += next;
  }
  return p->n || ERR(e, "%s: expected a prompt on each line, found none", path);
}

static bool read_prompts(prompts *p, err *e) {
  const generate_flags *own = p->session->own;
  char *data;
  if (own->prompts) return read_lines(p, own->prompts, e);
  if (!own->prompt_file) return add_text(p, own->system, own->prompt), true;
  if (is_jsonl(own->prompt_file)) {
    e->usage = true;
    return ERR(e, "--prompt-file %s: expected the text of one prompt; a file of prompts is given with --prompts",
               own->prompt_file);
  }
  TRY(read_text(p->memory, own->prompt_file, &data, e));
  add_text(p, own->system, data);
  return true;
}

// --- printing ------------------------------------------------------------------------------------------------------------

static const char *last_message(const vkift_prompt *x) {
  return x->messages[x->n - 1].content;
}

static void put_json(const prompts *p, uint64_t i, text *out) {
  const kept_answer *a = &p->answers[i], *b = p->base ? &p->base[i] : NULL;
  text_printf(out, "{\"index\": %llu, \"prompt\": ", (unsigned long long)i);
  json_put_string(out, last_message(&p->items[i]));
  text_printf(out, ", \"prompt_tokens\": %lld, ", (long long)a->prompt_tokens);
  if (b) {
    text_puts(out, "\"base\": {");
    session_put_answer(out, b->text, b->length, b->new_tokens, b->finish);
    text_puts(out, "}, \"tuned\": {");
  }
  session_put_answer(out, a->text, a->length, a->new_tokens, a->finish);
  text_puts(out, b ? "}}\n" : "}\n");
}

static void put_readable(const prompts *p, uint64_t i, text *out) {
  const struct {
    const char *who;
    const kept_answer *a;
  } rows[] = {{"base", &p->base[i]}, {"tuned", &p->answers[i]}};
  text_printf(out, "%s### %s\n", i ? "\n" : "", last_message(&p->items[i]));
  for (int r = 0; r < 2; r++) {
    const kept_answer *a = rows[r].a;
    text_printf(out, "--- %s%s\n", rows[r].who, a->finish == VKIFT_FINISH_LENGTH ? " (cut)" : "");
    text_put(out, a->text, a->length);
    if (!a->length || a->text[a->length - 1] != '\n') text_putc(out, '\n');
  }
}

// Answers come in the order in which they end; they are printed in that of the prompts, each as soon as that can be.
static void print_ready(prompts *p) {
  const bool readable = p->base && !p->session->own->json;
  text out = {0};
  for (; p->printed < p->n && p->answers[p->printed].done; p->printed++) {
    if (readable) put_readable(p, p->printed, &out);
    else put_json(p, p->printed, &out);
  }
  if (out.length) {
    log_progress_clear();
    fwrite(out.data, 1, out.length, stdout);
  }
  if (out.length) fflush(stdout);
  text_free(&out);
}

// --- answering -----------------------------------------------------------------------------------------------------------

static void on_answer(void *user, const vkift_answer *x) {
  prompts *p = ((session *)user)->many;
  kept_answer *to = p->of_base ? &p->base[x->index] : &p->answers[x->index];
  *to = (kept_answer){.done = true,
                      .text = arena_strndup(p->memory, x->text, x->length),
                      .length = x->length,
                      .prompt_tokens = x->prompt_tokens,
                      .new_tokens = x->new_tokens,
                      .finish = x->finish};
  p->n_done++;
  log_progress(p->n_done == p->n, "%s%s of %s answers", p->of_base ? "base: " : "", show_count((int64_t)p->n_done).text,
               show_count((int64_t)p->n).text);
  if (!p->of_base) print_ready(p);
}

static bool answer_all(prompts *p, bool by_base, err *e) {
  session *s = p->session;
  p->of_base = by_base;
  p->n_done = 0;
  const double start = clock_seconds();
  vkift_error error = {0};
  TRY(session_open(s, by_base, e));
  const bool ok = library_ok(vkift_generate_all(s->generator, p->items, (size_t)p->n, &s->options, on_answer, &error), &error, e);
  vkift_generator_close(s->generator);
  s->generator = NULL;
  int64_t tokens = 0;
  for (uint64_t i = 0; i < p->n; i++) tokens += (by_base ? p->base : p->answers)[i].new_tokens;
  if (ok && log_stderr_is_terminal())
    log_note("%s answers of %s tokens in all, %s with loading", show_count((int64_t)p->n).text, show_count(tokens).text,
             show_time(clock_seconds() - start).text);
  return ok;
}

static bool answer_one(prompts *p, err *e) {
  session *s = p->session;
  vkift_generate_result r = {0};
  TRY(session_open(s, false, e) && session_answer(s, p->items[0].messages, p->items[0].n, &r, e));
  if (s->own->json) session_print_json(s, last_message(&p->items[0]), &r);
  else putchar('\n');
  if (!s->own->json && log_stderr_is_terminal())
    log_note("%s tokens read in %.1f s, %s written in %.1f s", show_count(r.prompt_tokens).text, r.prompt_seconds,
             show_count(r.new_tokens).text, r.new_seconds);
  session_note_cut(s, &r);
  return true;
}

static bool run(prompts *p, err *e) {
  const generate_flags *own = p->session->own;
  TRY(read_prompts(p, e));
  if (!own->prompts && !own->compare) return answer_one(p, e);
  p->answers = ARENA_ARRAY(p->memory, kept_answer, p->n);
  if (own->compare) p->base = ARENA_ARRAY(p->memory, kept_answer, p->n);
  return (!own->compare || answer_all(p, true, e)) && answer_all(p, false, e);
}

bool generate_prompts(session *s, err *e) {
  prompts p = {.memory = arena_new("prompts"), .session = s};
  s->many = &p;
  const bool ok = run(&p, e);
  arena_free(p.memory);
  return ok;
}
