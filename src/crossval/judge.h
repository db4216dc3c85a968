// An arm's answers to what the fold holds out, and their scores, in the fold's directory.
#ifndef CROSSVAL_JUDGE_H
#define CROSSVAL_JUDGE_H

#include "crossval/arm.h"

// Whether each fold's metric is one, before anything is trained.
bool judge_check(const crossval *v, err *e);

// run: the arm's training run; NULL: the base. First the answers are written, then the scores: an arm is done when those are there.
bool judge_arm(const crossval *v, uint32_t fold_number, const fold *f, arm_kind kind, const char *run, bool *stopped, err *e);

#endif
