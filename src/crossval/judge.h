// An arm's answers to what the fold holds out, and their scores, in the fold's directory.
#ifndef CROSSVAL_JUDGE_H
#define CROSSVAL_JUDGE_H

#include "crossval/arm.h"

// Whether the fold's answers could be scored, before anything is trained: its metric, its tasks' references and choices.
bool judge_check(const crossval *v, uint32_t fold_number, const fold *f, err *e);
// Of the examples judged on, with all that their scores depend on.
uint64_t judge_hash(const crossval *v, uint32_t fold_number, const fold *f);

// run: the arm's training run; NULL: the base. r has what training said. First the answers are written, then the scores: an arm
// is done when those are there.
bool judge_arm(arena *a, const crossval *v, uint32_t fold_number, const fold *f, arm_kind kind, const char *run,
               const arm_key *key, arm_result *r, bool *stopped, err *e);

#endif
