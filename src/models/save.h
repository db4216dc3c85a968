// What vkift writes beside weights: a Hugging Face directory that transformers loads, with the tokenizer, the template
// that the model was trained with, and the token that ends a turn as EOS, so that every tool prompts as training did.
#ifndef MODELS_SAVE_H
#define MODELS_SAVE_H

#include "data/prompt.h"
#include "models/model.h"

// tokenizer.json, tokenizer_config.json, special_tokens_map.json and chat_template.jinja into an existing directory.
bool save_tokenizer(const model *m, const prompt_style *prompt, const char *dir, err *e);

// The model's own JSON file as an object to change, or an empty one where it has none; the caller's to delete.
bool save_own_json(const model *m, const char *name, struct cJSON **out, err *e);
// The token that ends an answer: the prompt's end of a turn, else the model's first EOS; −1: none.
int32_t save_end_id(const model *m, const prompt_style *prompt);

// Gives a parameter's values [elements] as f32, as model_read_param does.
typedef bool save_values(void *user, const model_param *p, float *out, err *e);

// The type in which a parameter is written: `forced` (F32, F16, BF16), or with DTYPE_COUNT the file's own 16-bit type,
// else F32.
dtype save_type(const model_param *p, dtype forced);
// All values are numbers that the type holds.
bool save_check_values(const char *file, const char *name, dtype type, const float *x, uint64_t n, err *e);
// config.json, generation_config.json and model.safetensors, and the tokenizer's files.
bool save_model(const model *m, const prompt_style *prompt, const char *dir, dtype forced, save_values *values, void *user,
                err *e);

#endif
