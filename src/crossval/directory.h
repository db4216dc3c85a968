// The directory of a crossval: a new one, or one whose crossval goes on.
#ifndef CROSSVAL_DIRECTORY_H
#define CROSSVAL_DIRECTORY_H

#include "crossval/run.h"

// Names it, and looks whether it may be taken: new or empty, or with resume that of a crossval whose options are these. Nothing
// is written yet.
bool directory_open(crossval *v, err *e);
// It and its config.yaml, with the options as they are now.
bool directory_make(const crossval *v, err *e);

#endif
