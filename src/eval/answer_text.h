// Answers compared as texts: exact match and token F1, 0–1, of a prediction against one reference.
#ifndef EVAL_ANSWER_TEXT_H
#define EVAL_ANSWER_TEXT_H

// Super-NaturalInstructions' exact match: equal in lower case, without ASCII's punctuation, with single blanks between words.
double answer_exact_match(const char *prediction, const char *reference);

// SQuAD's F1 of the words, which are also without the articles a, an and the: 2pr / (p + r) of the words that both have, each as
// often as both do. Where one has none, 1 if the other has none either, as SQuAD 2.0 has it.
double answer_f1(const char *prediction, const char *reference);

#endif
