// A model that is a config.json, with a tokenizer and no weights.
#ifndef SUPPORT_CONFIG_MODEL_H
#define SUPPORT_CONFIG_MODEL_H

#include "models/model.h"

// Opens it. NULL, with the message in `e`, where it is refused.
model *config_model(arena *a, const char *config, err *e);

// Whether each config is taken (wanted NULL), or refused with those words.
typedef struct config_case {
  const char *config, *wanted;
} config_case;
void config_model_cases(const config_case *rows, size_t n);

#endif
