// Porter's stemmer ("An algorithm for suffix stripping", Program 14.3, 1980) with the departures that NLTK makes by default,
// which is what the rouge_score package stems with.
#ifndef EVAL_PORTER_H
#define EVAL_PORTER_H

#include <stddef.h>

// Stems a word of [a-z0-9] in place; returns its new length, at most the old one.
size_t porter_stem(char *word, size_t length);

#endif
