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

enum {
  MODEL_MAX_EOS = 8,
  MODEL_MAX_LAYERS = 1024,
  MODEL_MAX_HEAD = 256,
  MODEL_MAX_PAIRS = MODEL_MAX_HEAD / 2,
  MODEL_SHAPE_TEXT = 64
};

typedef enum rope_scaling { ROPE_PLAIN, ROPE_LINEAR, ROPE_LLAMA3, ROPE_LONG } rope_scaling;

typedef struct model_config {
  uint32_t vocab_size, hidden_size, intermediate_size, n_layers, n_heads, n_kv_heads, head_dim;
  uint32_t max_positions;             // the context that it was trained for
  uint32_t sliding_window;            // keys that a token sees, itself included; 0: all before it
  bool full_layers[MODEL_MAX_LAYERS]; // those where the window is not used
  double rms_norm_eps, rope_theta, initializer_range;
  rope_scaling scaling;
  double rope_factor, rope_low_freq_factor, rope_high_freq_factor; // Llama 3's; factor also for linear
  uint32_t rope_original_positions;
  // ROPE_LONG: what divides each of the rotary_dim / 2 frequencies in sequences up to rope_original_positions, and in longer ones;
  // and what multiplies cosines and sines.
  float rope_short[MODEL_MAX_PAIRS], rope_long[MODEL_MAX_PAIRS];
  double rope_attention_factor;
  double rope_local_theta;    // of the layers with a window, which then have no scaling; 0: all layers turn alike
  uint32_t rotary_dim;        // leading features of a head that are turned; 0: all
  const float *rope_divisors; // GGUF's form of a scaling: each of the head_dim / 2 frequencies is divided by its own; NULL: none
  bool learned_positions;     // a table of max_positions rows
  bool tie_embeddings;
  bool gelu;                              // the MLP's gate: geglu instead of swiglu
  double embedding_scale;                 // of what the embedding gives; 0: 1
  double query_scalar;                    // scores are q·k / √this; 0: head_dim
  double attention_cap, logits_cap;       // soft: scores and logits x become cap · tanh(x / cap); 0: they stay
  double pretraining_tokens;              // config.json's own word for what the model was pretrained on; 0: it says nothing
  int32_t bos_id, eos_ids[MODEL_MAX_EOS]; // −1 and n_eos 0 where there is none
  uint32_t n_eos;
} model_config;

// A low-rank term that trains beside a linear weight: W + scale · B A. With DoRA (Liu et al. 2024) each row of that has its
// direction from it and its length from the magnitude: diag(magnitude / norms) (W + scale · B A).
typedef struct model_lora {
  tensor *a, *b; // f32 [r, in], [out, r]
  float scale;
  uint32_t module;    // a number of its own per adapted weight: keys dropout
  tensor *magnitude;  // f32 [out]; NULL: no DoRA, and none of what follows
  tensor *norms;      // f32 [out]: lengths of the rows of W + scale · B A (dora_append_norms)
  tensor *squares;    // f32 [out]: squared lengths of the rows of W, as the device has it
  float *row_squares; // … on the host, from load_upload
} model_lora;

// BIAS: one dimension, of a linear layer behind whose weight it is listed, or of a norm: 0 at a random start, never decayed.
typedef enum param_role { PARAM_EMBEDDING, PARAM_NORM, PARAM_LINEAR, PARAM_HEAD, PARAM_BIAS } param_role;

typedef struct model_param {
  const char *name;      // as Hugging Face has it: "model.layers.0.self_attn.q_proj.weight"
  const char *gguf_name; // "blk.0.attn_q.weight"
  const char *module;    // the last part of the path: "q_proj"
  param_role role;
  uint32_t n_dims, shape[2];
  uint32_t gguf_rotary_heads; // rows are interleaved in GGUF, in this many heads; 0: as in Hugging Face
  float offset;       // the device has the value in Hugging Face's form plus this, as GGUF does: a norm that multiplies by 1 + w
  bool hf_transposed; // Hugging Face has it as [in, out] (GPT-2's Conv1D); shape is [out, in] all the same
  const struct model_param *bias; // of a linear layer; NULL: none
  const weight *source;           // in the file; NULL with random initialisation
  tensor *t;                      // on the device once loaded
  model_lora *lora;               // NULL: no adapter
  bool whole;                     // it trains, or an adapter has it, whole while others are frozen (trainable.h)
} model_param;

struct model_family;
struct gguf_config;

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
void model_shape_text(const uint32_t *shape, uint32_t n_dims, char out[MODEL_SHAPE_TEXT]); // "[3, 64]", for messages
bool model_is_eos(const model *m, int32_t id);

// One parameter's values [shape] as f32, rows in Hugging Face's order (from the file, or initialised from `seed`: norms 1, biases 0, the
// rest normal with the config's initializer_range). `out` has as many floats as the parameter has elements.
void model_read_param(const model *m, const model_param *p, uint64_t seed, float *out);
// From there to GGUF's form, in place: `width` numbers in each of the rows, a parameter's own or those of a low-rank B.
void model_to_gguf(const model_param *p, float *rows, uint32_t width);

// Values [shape] in the order in which Hugging Face's files have them: transposed where hf_transposed says so. And back; and the
// shape that they have there.
void model_turn_for_hf(const model_param *p, float *values);
void model_turn_from_hf(const model_param *p, float *values);
void model_hf_shape(const model_param *p, uint32_t out[2]);
// The blocks of a parameter that is quantized in the file, as they are there but for the order of rows, which is Hugging Face's.
void model_read_blocks(const model *m, const model_param *p, void *out);

// Tells models apart: XXH3 over the parameters' names, types, shapes and the first bytes of their data. Of a model that is
// initialised at random only names and shapes count.
uint64_t model_fingerprint(const model *m);

// A config.json that transformers reads for this model (for a GGUF it is made; for a directory it is the original).
bool model_config_json(arena *a, const model *m, const char **out, err *e);

// --- forward ---------------------------------------------------------------------------------------------------------

// The device inputs of one submission of N tokens. All i32 unless said.
typedef struct model_inputs {
  tensor *counts;                // [LIVE_COUNTS] (tensor_live)
  tensor *tokens;                // [N]
  tensor *positions;             // [N]
  tensor *ranges;                // [N, 4]: attention's
  tensor *rng_keys;              // [N, 3]: dropout's and noise's; NULL outside of training
  tensor *lengths;               // [N]: of each token's example; NULL outside of training
  tensor *window_ranges;         // the same of layers with a window, where others have none; else NULL
  tensor *cos, *sin;             // f32 [positions, rotary_dim / 2], from model_rotary_tables
  tensor *local_cos, *local_sin; // those of layers with a window, where they are others; else NULL
  embedding_index index;
  embedding_index position_index; // of positions, where the model has a table of them; else NULLs
  tensor *cache_rows;             // [N]: where each token's keys and values go; NULL in training
  tensor **cache_k, **cache_v;    // per layer f32 [rows, n_kv_heads · head_dim]; NULL in training
} model_inputs;

typedef struct model_forward {
  graph *g;
  const model *m;
  const model_inputs *in;
  float lora_dropout, neftune_alpha; // 0 outside of training
  uint64_t seed;
} model_forward;

// The states after the final norm: [N, hidden]. Each layer is a checkpointing segment.
tensor *model_build(const model_forward *f);
// The table of token embeddings, and the output head's weight (the embedding where tied; of a classifier score.weight).
model_param *model_embedding(const model *m);
model_param *model_head(const model *m);

// Whether layer l sees a window only; whether some layers do and others do not.
bool model_has_window(const model_config *c, uint32_t layer);
bool model_mixes_windows(const model_config *c);
// Features of a head that are turned.
uint32_t model_rotary_dim(const model_config *c);
// cos and sin of the rotary angles for positions [0, n): n · rotary_dim / 2 floats each, computed in f64. `local`: of the layers
// with a window. longest: of the sequences that they are for, which ROPE_LONG goes by (all of a run take the same factors).
void model_rotary_tables(const model_config *c, bool local, uint32_t longest, uint32_t n, float *cos, float *sin);

// Llama 3's scaling as GGUF has it: by what each of the head_dim / 2 frequencies is divided.
void model_rope_divisors(const model_config *c, float *out);

// The head's loss of states h for the ids of target rows (op_head_loss), as this model has it.
tensor *model_head_loss(const model_forward *f, tensor *h, tensor *ids);

// --- families (models.def) -------------------------------------------------------------------------------------------

typedef struct model_family {
  const char *name;
  const char *const *hf_architectures;   // "LlamaForCausalLM", …, NULL; the first is written
  const char *const *gguf_architectures; // "llama", …, NULL
  bool (*config_from_hf)(const json *doc, model_config *c, err *e);
  bool (*config_from_gguf)(arena *a, const gguf *g, model_config *c, err *e);
  void (*list_params)(arena *a, model *m);
  tensor *(*build)(const model_forward *f);
  const char *hf_model_type;                                      // for a config.json that is made from GGUF metadata
  void (*config_to_hf)(const model_config *c, struct cJSON *out); // its keys; NULL: the common ones (models/config_keys.h)
  // Its keys and further tensors in GGUF; NULL: the common ones (models/save_gguf.h).
  bool (*config_to_gguf)(arena *a, const model *m, struct gguf_config *out, err *e);
  const char *layers, *embedding;         // names: "model.layers", "model.embed_tokens.weight"
  const char *prefix;                     // of parameters' names, which files may lack; NULL: none
  bool (*is_no_weight)(const char *name); // a tensor that files of the family carry for nothing; NULL: there is none
} model_family;

#define FAMILY(name) extern const model_family name##_family;
#include "models/models.def"
#undef FAMILY

#endif
