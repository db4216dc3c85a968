// What the parts of vkift generate share: its flags, and the model that is asked.
#ifndef CLI_GENERATE_H
#define CLI_GENERATE_H

#include "base/text.h"
#include "cli/cli.h"

typedef struct generate_flags {
  const char *prompt, *prompt_file, *prompts, *system;
  bool chat, compare, json;
} generate_flags;

typedef struct session {
  const generate_flags *own;
  vkift_source source;
  vkift_generate_options options;
  vkift_generator *generator; // of `source`, opened by session_open
  text answer;                // the one that is being written
  struct prompts *many;       // whose answers come in
} session;

// Opens the source, as it is or its base. Says so where the model has no token that ends an answer.
bool session_open(session *s, bool base, err *e);
// One answer, written to stdout as it grows unless it is for JSON.
bool session_answer(session *s, const vkift_message *messages, size_t n, vkift_generate_result *r, err *e);
void session_print_json(const session *s, const char *prompt, const vkift_generate_result *r);
// Says that an answer was cut, which looks like one that ends badly. (--json has "finish".)
void session_note_cut(const session *s, const vkift_generate_result *r);
// ', "answer": …, "new_tokens": …, "finish": …'
void session_put_answer(text *out, const char *answer, size_t length, int64_t new_tokens, vkift_finish finish);

// generate_chat.c — a conversation, a turn a line of stdin.
bool generate_chat(session *s, err *e);
// generate_prompts.c — a prompt, or a file of them; by the model, or by base and tuned model.
bool generate_prompts(session *s, err *e);

#endif
