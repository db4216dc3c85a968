// The augmentations of one file: made before its rows are read, with a pass over it where demonstrations are wanted.
#ifndef DATA_AUGMENT_ROWS_H
#define DATA_AUGMENT_ROWS_H

#include "data/augment.h"
#include "data/rows.h"

// Of the reading count its options and how far it is; it stays as it is. data: the file's bytes, NULL: they are in the file.
// Whatever is wrong with the file is left to the reading that follows. NULL where no augmentations are asked for; else
// augment_free when done.
augment *augment_rows_open(const rows_reading *of, const char *name, const void *data, uint64_t size);

#endif
