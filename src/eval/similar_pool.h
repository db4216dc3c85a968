// Texts of which the one nearest to a new text is asked for: what a new row would repeat.
//
// Similarity is ROUGE-L's F1 of tokens as Self-Instruct (Wang et al., 2023) compares instructions: rouge_score's without its
// stemmer. Texts whose letters are mostly of other scripts than Latin, which have no such token, are compared by their words, and
// where a script writes none (Chinese, Japanese, Korean) by characters. The two kinds are never alike. What has no word at all (emoji,
// marks) is compared by what stands between its blanks.
#ifndef EVAL_SIMILAR_POOL_H
#define EVAL_SIMILAR_POOL_H

#include "eval/symbols.h"

typedef struct similar_pool similar_pool;

similar_pool *similar_pool_new(arena *a);
// `name` says what it is, and lives as long as the pool. The text is copied as far as it is needed.
void similar_pool_add(similar_pool *p, const char *text, const char *name);
// The highest similarity, 0–1, and the name of the first text that has it; 0 and NULL where none has anything in common.
double similar_pool_nearest(similar_pool *p, const char *text, const char **name);

// Words of any script, in lower case; characters where a script has no blanks between words. They lie in `a`.
symbol_list similar_pool_words(arena *a, symbols *s, const char *text);

#endif
