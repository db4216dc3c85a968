// A finished fold: fold.json (what was trained on and left out), and its answers, base and arms beside one another.
#ifndef CROSSVAL_RECORD_H
#define CROSSVAL_RECORD_H

#include "crossval/run.h"

bool record_is_done(const crossval *v, uint32_t fold_number);
// predictions/<cluster>.jsonl, then fold.json: the fold is finished when that is there.
bool record_fold(const crossval *v, uint32_t fold_number, const fold *f, err *e);
// The object of fold.json. json_free(d).
bool record_read(arena *a, const crossval *v, uint32_t fold_number, json *d, err *e);

#endif
