// The table: a row for each fold and one over all, from the scores that the arms left; results.json.
#ifndef CROSSVAL_TABLE_H
#define CROSSVAL_TABLE_H

#include "crossval/run.h"

// Hands over the rows and writes results.json, whole or not at all. All folds are finished.
bool table_write(const crossval *v, err *e);

#endif
