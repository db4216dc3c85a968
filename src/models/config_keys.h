// What families' readers of config.json and of GGUF metadata share: the keys that most have, rope settings, and the refusal of
// what would change the result.
//
// Every key is accounted for. A family reads a key, demands one value of it, or names it as known; keys of transformers that
// say nothing about the forward are known here. Any other key is refused by name, unless its value is null, false, 0 or empty:
// then it switches something off that nobody here has.
#ifndef MODELS_CONFIG_KEYS_H
#define MODELS_CONFIG_KEYS_H

#include "models/model.h"

struct cJSON;

// --- config.json -------------------------------------------------------------------------------------------------------

// The keys of transformers that most families have: shapes, heads, positions, norms' eps, tied embeddings. With the defaults
// that Llama has where a key is absent; a family sets its own in *c before (zero: none).
bool config_read_common(const json *d, model_config *c, err *e);
void config_set_defaults(model_config *c);
// rope_theta, and rope_scaling (transformers 4) or rope_parameters (transformers 5, which has rope_theta inside): default,
// linear, llama3.
bool config_read_rope(const json *d, model_config *c, err *e);
// The parts of it: which of the two there is, or NULL; the same of such an object; whether its keys are known: to all scalings, or
// to the family's (a list that ends in NULL).
bool config_find_rope(const json *d, const struct cJSON **rope, const char **where, err *e);
bool config_rope_known(const json *d, const struct cJSON *rope, const char *where, const char *const *family_keys, err *e);
bool config_read_rope_of(const json *d, const struct cJSON *rope, const char *where, model_config *c, err *e);
// A soft cap: a number, null for none, or `otherwise` where the key is absent.
bool config_read_cap(const json *d, const char *key, double otherwise, double *cap, err *e);
// sliding_window, and layer_types: which layers have it. Where that is absent, all but each `period`-th (0: all). Once n_layers
// is read.
bool config_read_windows(const json *d, uint32_t period, model_config *c, err *e);
void config_set_period(model_config *c, uint32_t period);
// The key, where it is there, must be this string.
bool config_text_is(const json *d, const char *key, const char *value, err *e);
// Each key, where it is there, must be null, false or none (a list that ends in NULL).
bool config_all_off(const json *d, const char *const *keys, err *e);
// The refusal itself, of a value that is there and is not what is expected.
bool config_refuse(const json *d, const struct cJSON *value, const char *expected, err *e);
// Whether every key is known: to all, or to the family (a list that ends in NULL).
bool config_keys_known(const json *d, const char *const *family_keys, err *e);

// Puts the same keys into a config.json that is made (model_config_json).
typedef struct config_number {
  const char *key;
  double value;
} config_number;
void config_put_common(const model_config *c, struct cJSON *out);
void config_put_cap(const char *key, double cap, struct cJSON *out); // null where there is none
void config_put_windows(const model_config *c, struct cJSON *out);
void config_put_numbers(const config_number *numbers, size_t n, struct cJSON *out);

// --- GGUF ----------------------------------------------------------------------------------------------------------------

// "<architecture>.<rest>" of the file's own architecture.
const char *config_gguf_key(arena *a, const gguf *g, const char *rest);
// The same keys as config_read_common, and rope's: no scaling, linear, or Llama 3's as rope_freqs.weight.
bool config_gguf_common(arena *a, const gguf *g, model_config *c, err *e);
// The key of the architecture, where it is there, must be this number.
bool config_gguf_is(arena *a, const gguf *g, const char *rest, uint32_t expected, err *e);
// Whether heads are turned whole.
bool config_gguf_turns_all(arena *a, const gguf *g, const model_config *c, err *e);
// Whether every key of the architecture is known: read by config_gguf_common, or the family's (a list that ends in NULL).
bool config_gguf_known(arena *a, const gguf *g, const char *const *family_keys, err *e);

#endif
