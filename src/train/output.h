// What a run ends with: adapter/ (PEFT) or model/ (Hugging Face) in its directory.
#ifndef TRAIN_OUTPUT_H
#define TRAIN_OUTPUT_H

#include "data/prompt.h"
#include "eval/card.h"
#include "models/adapter.h"
#include "models/model.h"

// Writes what the device has now, with its card. ad: NULL where the model itself was trained. *output: the directory.
bool output_write(arena *a, const char *run_dir, const model *m, const prompt_style *prompt, adapter *ad, const card_run *card,
                  gpu_device *d, const char **output, err *e);

#endif
