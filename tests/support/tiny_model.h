// A tiny Llama with odd sizes and random weights, as a Hugging Face directory that the test writes itself.
#ifndef SUPPORT_TINY_MODEL_H
#define SUPPORT_TINY_MODEL_H

#include "data/dataset.h"
#include "models/model.h"

// Writes config.json and tokenizer.json (byte_tokenizer) into a directory and returns its path. Open it with
// model_open(…, random = true, …).
const char *tiny_model(const char *name);
// The same with another config.json, of a vocabulary of 263.
const char *tiny_model_of(const char *name, const char *config);
// Examples of random tokens with the given lengths; every second token carries loss.
dataset tiny_data(arena *a, const uint32_t *lengths, uint32_t n, uint64_t seed);

#endif
