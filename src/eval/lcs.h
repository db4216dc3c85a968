// The length of the longest common subsequence of two lists of symbols (symbols.h).
#ifndef EVAL_LCS_H
#define EVAL_LCS_H

#include "eval/symbols.h"

// Time n·m/64 words, memory n + m.
uint64_t lcs_length(arena *a, const symbol_list *x, const symbol_list *y);

#endif
