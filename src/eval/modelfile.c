// Ollama does not run a GGUF's Jinja: without TEMPLATE it takes one of its own for a tokenizer.chat_template that is less than a
// hundred letters away from one which it knows, and else the bare prompt ({{ .Prompt }}). So the template is written in Go wherever
// that can be done. How is found by rendering: in what a template makes of a conversation every byte knows which message it comes
// from, and what stands between the messages has to depend on their roles alone:
//
//   S system U user A assistant U user →   system_head S system_tail U answer_head A answer_tail U ask
//   U user A assistant U user          →   user_head U answer_head A answer_tail U ask
//
// Whether that is so is tried on longer conversations. A BOS in front is left to ollama, which adds what the tokenizer adds.
#include "eval/modelfile.h"

#include <string.h>

#include "base/unicode.h"
#include "data/mask.h"

enum { MOST_MESSAGES = 6 };

// What stands before message i, and behind the last.
typedef struct gaps {
  const char *text[MOST_MESSAGES + 1];
} gaps;

static const message *conversation(bool system) {
  static const message all[MOST_MESSAGES] = {{.role = ROLE_SYSTEM, .content = "S"},    {.role = ROLE_USER, .content = "U"},
                                             {.role = ROLE_ASSISTANT, .content = "A"}, {.role = ROLE_USER, .content = "V"},
                                             {.role = ROLE_ASSISTANT, .content = "B"}, {.role = ROLE_USER, .content = "W"}};
  return all + !system;
}

// false where the template refuses the conversation, or does not write each message once, in order.
static bool render_gaps(arena *a, const prompt_style *prompt, bool system, uint32_t n, gaps *g) {
  rendered r;
  err e = {0};
  bool ok = prompt_render(prompt, conversation(system), n, true, &r, &e);
  uint32_t seen = 0;
  uint64_t from = 0, i = 0;
  while (ok && i < r.text.length) {
    const uint32_t origin = rendered_origin(&r, i);
    if (!origin) {
      i++;
      continue;
    }
    ok = origin == seen + 1;
    if (ok) g->text[seen++] = arena_strndup(a, r.text.data + from, i - from);
    while (i < r.text.length && rendered_origin(&r, i) == origin) i++;
    from = i;
  }
  ok = ok && seen == n;
  if (ok) g->text[n] = arena_strndup(a, r.text.length ? r.text.data + from : "", r.text.length - from);
  rendered_free(&r);
  return ok;
}

typedef struct pieces {
  const char *system_head, *system_tail, *user_head; // system_head NULL: the template has no place for one
  const char *answer_head, *answer_tail, *ask;
} pieces;

// Whether a conversation of n messages is what the pieces make.
static bool is_made_of(arena *a, const prompt_style *prompt, const pieces *p, bool system, uint32_t n) {
  gaps g;
  if (!render_gaps(a, prompt, system, n, &g) || strcmp(g.text[0], system ? p->system_head : p->user_head)) return false;
  for (uint32_t i = 1; i < n; i++) {
    const message_role role = conversation(system)[i].role;
    const char *expected = i == 1 && system ? p->system_tail : role == ROLE_ASSISTANT ? p->answer_head : p->answer_tail;
    if (strcmp(g.text[i], expected)) return false;
  }
  return !strcmp(g.text[n], p->ask);
}

static bool find_pieces(arena *a, const prompt_style *prompt, pieces *p) {
  gaps g;
  if (!render_gaps(a, prompt, false, 3, &g)) return false;
  *p = (pieces){.user_head = g.text[0], .answer_head = g.text[1], .answer_tail = g.text[2], .ask = g.text[3]};
  if (!is_made_of(a, prompt, p, false, 1) || !is_made_of(a, prompt, p, false, 5)) return false;
  if (!render_gaps(a, prompt, true, 2, &g)) return true;
  p->system_head = g.text[0];
  p->system_tail = g.text[1];
  return is_made_of(a, prompt, p, true, 2) && is_made_of(a, prompt, p, true, 4) && is_made_of(a, prompt, p, true, 6);
}

// --- Go --------------------------------------------------------------------------------------------------------------------

static void put_literal(text *out, const char *s) {
  for (; *s; s++) {
    if (s[0] != '{' || s[1] != '{') {
      text_putc(out, *s);
      continue;
    }
    text_puts(out, "{{ \"{{\" }}");
    s++;
  }
}

static const char *without(const char *s, const char *prefix) {
  const size_t n = strlen(prefix);
  return s && n && !strncmp(s, prefix, n) ? s + n : s;
}

bool modelfile_template(const prompt_style *prompt, const tokenizer *t, text *out) {
  arena *a = arena_new("template for ollama");
  const char *bos = mask_added_bos(t);
  pieces p;
  const bool ok = find_pieces(a, prompt, &p);
  if (ok) {
    if (p.system_head) {
      text_puts(out, "{{ if .System }}");
      put_literal(out, without(p.system_head, bos));
      text_puts(out, "{{ .System }}");
      put_literal(out, p.system_tail);
      text_puts(out, "{{ else }}");
    }
    put_literal(out, without(p.user_head, bos));
    if (p.system_head) text_puts(out, "{{ end }}");
    text_puts(out,
              "{{ range $i, $m := .Messages }}{{ $last := eq (len (slice $.Messages $i)) 1 }}"
              "{{ if eq $m.Role \"user\" }}{{ $m.Content }}{{ if $last }}");
    put_literal(out, p.ask);
    text_puts(out, "{{ end }}{{ else if eq $m.Role \"assistant\" }}");
    put_literal(out, p.answer_head);
    text_puts(out, "{{ $m.Content }}{{ if not $last }}");
    put_literal(out, p.answer_tail);
    text_puts(out, "{{ end }}{{ end }}{{ end }}");
  }
  arena_free(a);
  return ok;
}

// --- the file --------------------------------------------------------------------------------------------------------------

static void put_stops(const prompt_style *prompt, text *out) {
  const char *const stops[] = {prompt->end_of_turn, prompt->end_between, prompt->eos};
  for (int i = 0; i < 3; i++) {
    bool again = !*stops[i] || strpbrk(stops[i], "\"\n\\");
    for (int k = 0; k < i; k++) again |= !strcmp(stops[i], stops[k]);
    if (!again) text_printf(out, "PARAMETER stop \"%s\"\n", stops[i]);
  }
}

// Ollama's parser passes over what Go's strconv.IsPrint says no to, beside line ends and tabs: blanks that are none of ASCII's,
// marks of format and control, what is of private use.
static bool is_kept(const char *s) {
  static const uint32_t lost[][2] = {{0, 8},           {11, 31},         {0x7F, 0xA0},     {0xAD, 0xAD},       {0x1680, 0x1680},
                                     {0x180E, 0x180E}, {0x2000, 0x200F}, {0x2028, 0x202F}, {0x205F, 0x206F},   {0x3000, 0x3000},
                                     {0xE000, 0xF8FF}, {0xFEFF, 0xFEFF}, {0xFFF0, 0xFFFB}, {0xE0000, 0x10FFFF}};
  for (const char *end = s + strlen(s); s < end;) {
    const uint32_t c = unicode_take(&s, end);
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++)
      if (c >= lost[i][0] && c <= lost[i][1]) return false;
  }
  return true;
}

void modelfile_print(const modelfile *f, const prompt_style *prompt, const tokenizer *t, text *out) {
  text template = {0};
  text_puts(out, "# ollama create NAME -f Modelfile\n");
  if (f->note) text_printf(out, "# %s\n", f->note);
  text_printf(out, "FROM ./%s\n", f->from);
  if (f->adapter) text_printf(out, "ADAPTER ./%s\n", f->adapter);
  if (modelfile_template(prompt, t, &template) && !strstr(template.data, "\"\"\"") && is_kept(template.data))
    text_printf(out, "TEMPLATE \"\"\"%s\"\"\"\n", template.data);
  else
    text_puts(
        out,
        "# No TEMPLATE: what this model's chat template writes between messages depends on more than their roles, or has\n"
        "# characters that a Modelfile cannot hold. Ollama takes a template of its own for one that it knows, else the bare\n"
        "# prompt.\n");
  put_stops(prompt, out);
  text_free(&template);
}
