// ROUGE-L of a prediction against one reference: the F1 of the longest common subsequence of their tokens, 0–1.
#ifndef EVAL_ROUGE_H
#define EVAL_ROUGE_H

#include "data/tokenizer.h"
#include "eval/symbols.h"

// Tokens as the rouge_score package makes them with its stemmer, which is what Super-NaturalInstructions' script uses: in
// lower case, everything but a–z and 0–9 separates, words of more than three letters by their stem (porter.h).
double rouge_l(const char *prediction, const char *reference);

// The tokens alone, for texts that are compared with many; stem: as above. The words lie in `a`, which must live as long as `s`.
symbol_list rouge_words(arena *a, symbols *s, const char *text, bool stem);

// Tokens of a tokenizer, unstemmed, without the mark of white space in front: with GPT-2's, Tk-Instruct's cross-lingual form.
bool rouge_l_tokens(const tokenizer *t, const char *prediction, const char *reference, double *f1, err *e);

#endif
