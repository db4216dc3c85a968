// vkift generate --chat: a conversation, a turn on each line of stdin, in a terminal or through pipes. Ctrl-C ends the answer
// that is being written, not the conversation.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "cli/generate.h"

// What was said so far; the arena lasts until the conversation begins anew.
typedef struct conversation {
  session *session;
  bool terminal; // somebody types
  const char *system;
  arena *memory;
  vkift_message *messages;
  uint64_t n, capacity;
} conversation;

static void say(conversation *c, vkift_role role, const char *content, size_t length) {
  arena_grow(c->memory, (void **)&c->messages, &c->capacity, c->n + 1, sizeof *c->messages);
  c->messages[c->n++] = (vkift_message){role, arena_strndup(c->memory, content, length)};
}

// system: NULL or empty: none.
static void begin(conversation *c, const char *system) {
  arena *memory = arena_new("conversation");
  c->system = system && *system ? arena_strdup(memory, system) : NULL;
  arena_free(c->memory); // where `system` may lie
  c->memory = memory;
  c->messages = NULL;
  c->n = c->capacity = 0;
  if (c->system) say(c, VKIFT_SYSTEM, c->system, strlen(c->system));
}

// --- turns -------------------------------------------------------------------------------------------------------------

static bool turn(conversation *c, const char *line, size_t length, err *e) {
  session *s = c->session;
  if (!utf8_valid(line, length, NULL) || memchr(line, 0, length)) {
    if (!c->terminal) return ERR(e, "stdin: expected UTF-8 text");
    log_warn("expected UTF-8 text: this turn was not said");
    return true;
  }
  say(c, VKIFT_USER, line, length);
  vkift_generate_result r = {0};
  const bool ok = session_answer(s, c->messages, (size_t)c->n, &r, e);
  if (!ok && c->terminal) { // a conversation that has become too long, say: the others of its turns are still there
    log_warn("%s (/reset begins anew)", e->message);
    *e = (err){0};
    c->n--;
    return true;
  }
  if (!ok) return false;
  if (s->own->json) session_print_json(s, c->messages[c->n - 1].content, &r);
  else putchar('\n');
  fflush(stdout);
  session_note_cut(s, &r);
  say(c, VKIFT_ASSISTANT, s->answer.data, s->answer.length);
  s->options.number++;
  return true;
}

// --- what is not said to the model ---------------------------------------------------------------------------------------

static void show_help(void) {
  log_note(
      "/reset forgets the conversation; /system TEXT does too, with TEXT as its system message (without TEXT: none); "
      "/quit or Ctrl-D ends. Ctrl-C ends an answer. Everything else is a turn");
}

// Whether `line` is the command, perhaps with an argument, which then is *rest.
static bool is_command(const char *line, const char *command, const char **rest) {
  const size_t n = strlen(command);
  if (strncmp(line, command, n) || (line[n] && line[n] != ' ')) return false;
  *rest = line + n + strspn(line + n, " ");
  return true;
}

typedef enum heard { HEARD_TURN, HEARD_COMMAND, HEARD_END } heard;

static heard obey(conversation *c, const char *line) {
  const char *rest;
  if (!*line) return HEARD_COMMAND;
  if (is_command(line, "/quit", &rest) || is_command(line, "/exit", &rest)) return HEARD_END;
  if (is_command(line, "/reset", &rest) || is_command(line, "/clear", &rest)) return begin(c, c->system), HEARD_COMMAND;
  if (is_command(line, "/system", &rest)) return begin(c, rest), HEARD_COMMAND;
  const bool word = *line == '/' && strspn(line + 1, "abcdefghijklmnopqrstuvwxyz") == strlen(line + 1);
  if (is_command(line, "/help", &rest) || word) return show_help(), HEARD_COMMAND; // a slip, not a turn
  return HEARD_TURN;
}

static bool read_line(const conversation *c, char **line, size_t *capacity, size_t *length) {
  if (c->terminal) fputs("> ", stderr);
  const ssize_t n = getline(line, capacity, stdin);
  if (n < 0) return false;
  *length = (size_t)n;
  while (*length && ((*line)[*length - 1] == '\n' || (*line)[*length - 1] == '\r')) (*line)[--*length] = 0;
  return true;
}

bool generate_chat(session *s, err *e) {
  conversation c = {.session = s, .terminal = isatty(STDIN_FILENO) == 1};
  TRY(session_open(s, false, e));
  if (c.terminal) log_note("each line is a turn; /help says what else there is");
  begin(&c, s->own->system);
  char *line = NULL;
  size_t capacity = 0, length;
  bool ok = true;
  while (ok && !interrupted(NULL) && read_line(&c, &line, &capacity, &length)) {
    const heard h = obey(&c, line);
    if (h == HEARD_END) break;
    if (h == HEARD_TURN) ok = turn(&c, line, length, e);
    if (h == HEARD_TURN) interrupt_forgotten(true);
  }
  if (c.terminal) fputc('\n', stderr);
  free(line);
  arena_free(c.memory);
  return ok;
}
