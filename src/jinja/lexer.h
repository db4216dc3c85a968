// A template's source as tokens. Follows jinja2's lexer with trim_blocks and lstrip_blocks.
#ifndef JINJA_LEXER_H
#define JINJA_LEXER_H

#include "base/arena.h"
#include "base/err.h"

typedef enum token_kind {
  TOKEN_END, // of the source
  TOKEN_DATA,
  TOKEN_VARIABLE_BEGIN,
  TOKEN_VARIABLE_END,
  TOKEN_BLOCK_BEGIN,
  TOKEN_BLOCK_END,
  TOKEN_NAME,
  TOKEN_STRING,
  TOKEN_INT,
  TOKEN_FLOAT,
  TOKEN_OPERATOR
} token_kind;

typedef struct lexer_token {
  token_kind kind;
  uint32_t offset;   // in the source, of its first byte
  const char *bytes; // data, name, operator: as in the source; string: its value. Not NUL-terminated
  uint32_t length;
  int64_t integer;
  double number;
} lexer_token;

typedef struct source {
  const char *name; // for messages
  const char *text; // every kind of newline is \n, and the last one is gone
  uint32_t length;
} source;

// "name: line 3, column 14: message"; columns count characters. Returns false.
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
bool source_error(const source *s, uint32_t offset, err *e, const char *format, ...);

// [*n] tokens, the last one TOKEN_END.
bool lexer_read(arena *a, const source *s, lexer_token **tokens, uint64_t *n, err *e);

#endif
