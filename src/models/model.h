// A pretrained model: its configuration, tokenizer and weights, from a Hugging Face directory or a GGUF file; and the
// forward that its family builds into a graph. A family (models.def) is a config reader, a list of parameters with their
// names, and a forward; nothing else in vkift knows it.
#ifndef MODELS_MODEL_H
#define MODELS_MODEL_H

#include "base/arena.h"
#include "base/err.h"
#include "data/strings.h"
#include "data/tokenizer.h"
#include "graph/graph.h"
#include "io/gguf.h"
#include "io/json.h"
#include "io/weights.h"
#include "ops/ops.h"

enum { MODEL_MAX_EOS = 8 };

typedef enum rope_scaling { ROPE_PLAIN, ROPE_LINEAR, ROPE_LLAMA3 } rope_scaling;

typedef struct model_config {
  uint32_t vocab_size, hidden_size, intermediate_size, n_layers, n_heads, n_kv_heads, head_dim;
  uint32_t max_positions;  // the context that it was trained for
  uint32_t sliding_window; // keys that a token sees, itself included; 0: all before it
  double rms_norm_eps, rope_theta, initializer_range;
  rope_scaling scaling;
  double rope_factor, rope_low_freq_factor, rope_high_freq_factor; // Llama 3's; factor also for linear
  uint32_t rope_original_positions;
  const float *rope_divisors; // GGUF's form of a scaling: each of the head_dim / 2 frequencies is divided by its own; NULL: none
  bool tie_embeddings;
  double pretraining_tokens;              // config.json's own word for what the model was pretrained on; 0: it says nothing
  int32_t bos_id, eos_ids[MODEL_MAX_EOS]; // −1 and n_eos 0 where there is none
  uint32_t n_eos;
} model_config;

// A low-rank term that trains beside a linear weight: W + scale · B A.
typedef struct model_lora {
  tensor *a, *b; // f32 [r, in], [out, r]
  float scale;
  uint32_t module; // a number of its own per adapted weight: keys dropout
} model_lora;

typedef enum param_role { PARAM_EMBEDDING, PARAM_NORM, PARAM_LINEAR, PARAM_HEAD } param_role;

typedef struct model_param {
  const char *name;      // as Hugging Face has it: "model.layers.0.self_attn.q_proj.weight"
  const char *gguf_name; // "blk.0.attn_q.weight"
  const char *module;    // the last part of the path: "q_proj"
  param_role role;
  uint32_t n_dims, shape[2];
  uint32_t gguf_rotary_heads; // rows are interleaved in GGUF, in this many heads; 0: as in Hugging Face
  const weight *source;       // in the file; NULL with random initialisation
  tensor *t;                  // on the device once loaded
  model_lora *lora;           // NULL: no adapter
  bool whole;                 // an adapter has it whole (adapter_choose_whole)
} model_param;

struct model_family;

typedef struct model {
  const char *path; // as the user gave it
  const struct model_family *family;
  model_config config;
  model_param *params;
  uint32_t n_params;
  uint64_t params_capacity;
  tokenizer *tokenizer;
  const char *chat_template;       // Jinja source, NULL where the model has none
  const char *bos_text, *eos_text; // the tokens' text, "" where there is none
  bool is_gguf;
  dtype stored;    // what config.json says of the weights' type, for a plan without the weights; else F32
  gguf gguf;       // where is_gguf
  weights weights; // of a Hugging Face directory
  uint64_t n_parameters;
  strings labels;          // of a classifier, by the rows of its head score.weight; none: a language model
  bool labels_are_numbers; // … their names say no more than that: LABEL_0
} model;

// Opens a model for reading: configuration, tokenizer, template, and each parameter's place in the files, with names,
// types and shapes checked. `random`: weights are not needed; they are initialised by model_init_value.
bool model_open(arena *a, const char *path, bool random, model **m, err *e);
// For a plan: weights may be absent, but give their types where they are there, and the tokenizer only where it is asked for.
bool model_open_shape(arena *a, const char *path, bool with_tokenizer, model **m, err *e);
void model_close(model *m); // unmaps the files; NULL is fine
// A model of the given shapes alone, without files, tokenizer or template: to be initialised at random, for measuring.
model *model_of_config(arena *a, const char *name, const struct model_family *family, const model_config *c);
// Turns a language model into a classifier: the output head goes, a new score.weight [labels, hidden] comes, which is initialised as
// model_init_value does. Of a model that is one already the labels take their names. Not yet declared on a device.
void model_make_classifier(arena *a, model *m, const strings *labels);
model_param *model_find(const model *m, const char *name);
bool model_is_eos(const model *m, int32_t id);

// One parameter's values as f32 in Hugging Face's layout (from the file, or initialised from `seed`: norms 1, the rest
// normal with the config's initializer_range). `out` has as many floats as the parameter has elements.
void model_read_param(const model *m, const model_param *p, uint64_t seed, float *out);

// Tells models apart: XXH3 over the parameters' names, types, shapes and the first bytes of their data. Of a model that is
// initialised at random only names and shapes count.
uint64_t model_fingerprint(const model *m);

// A config.json that transformers reads for this model (for a GGUF it is made; for a directory it is the original).
bool model_config_json(arena *a, const model *m, const char **out, err *e);

// --- forward ---------------------------------------------------------------------------------------------------------

// The device inputs of one submission of N tokens. All i32 unless said.
typedef struct model_inputs {
  tensor *counts;    // [4] (tensor_live)
  tensor *tokens;    // [N]
  tensor *positions; // [N]
  tensor *ranges;    // [N, 4]: attention's
  tensor *rng_keys;  // [N, 3]: dropout's; NULL without
  tensor *cos, *sin; // f32 [positions, head_dim / 2], from model_rotary_tables
  embedding_index index;
  tensor *cache_rows;          // [N]: where each token's keys and values go; NULL in training
  tensor **cache_k, **cache_v; // per layer f32 [rows, n_kv_heads · head_dim]; NULL in training
} model_inputs;

typedef struct model_forward {
  graph *g;
  const model *m;
  const model_inputs *in;
  float lora_dropout; // 0 outside of training
  uint64_t seed;
} model_forward;

// The states after the final norm: [N, hidden]. Each layer is a checkpointing segment.
tensor *model_build(const model_forward *f);
// The output head's weight (the embedding where tied); of a classifier score.weight.
model_param *model_head(const model *m);

// cos and sin of the rotary angles for positions [0, n): n · head_dim / 2 floats each, computed in f64.
void model_rotary_tables(const model_config *c, uint32_t n, float *cos, float *sin);

// --- families (models.def) -------------------------------------------------------------------------------------------

typedef struct model_family {
  const char *name;
  bool (*matches_hf)(const char *architecture);   // "LlamaForCausalLM"
  bool (*matches_gguf)(const char *architecture); // "llama"
  bool (*config_from_hf)(const json *doc, model_config *c, err *e);
  bool (*config_from_gguf)(arena *a, const gguf *g, model_config *c, err *e);
  void (*list_params)(arena *a, model *m);
  tensor *(*build)(const model_forward *f);
  const char *hf_architecture, *hf_model_type; // for a config.json that is made from GGUF metadata
} model_family;

#define FAMILY(name) extern const model_family name##_family;
#include "models/models.def"
#undef FAMILY

#endif
