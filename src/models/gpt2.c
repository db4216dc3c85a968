// GPT-2: learned positions, pre-norm layers with layernorm, attention from one fused projection, and an MLP with gelu; every
// linear layer has a bias. Follows transformers' GPT2LMHeadModel, whose Conv1D keeps weights as [in, out].
#include <string.h>

#include <cjson/cJSON.h>

#include "models/blocks.h"
#include "models/config_keys.h"

// --- config ------------------------------------------------------------------------------------------------------------

// Dropout in training is --lora-dropout alone; summary_… and the last four belong to other heads and older versions, which the
// published configs of gpt2-medium and gpt2-xl still have; reorder_and_upcast_attn says in which order and type products are
// computed.
static const char *const hf_keys[] = {"n_embd",
                                      "n_layer",
                                      "n_head",
                                      "n_positions",
                                      "n_ctx",
                                      "n_inner",
                                      "layer_norm_epsilon",
                                      "activation_function",
                                      "scale_attn_weights",
                                      "embd_pdrop",
                                      "attn_pdrop",
                                      "resid_pdrop",
                                      "summary_type",
                                      "summary_use_proj",
                                      "summary_activation",
                                      "summary_first_dropout",
                                      "summary_proj_to_labels",
                                      "reorder_and_upcast_attn",
                                      "gradient_checkpointing",
                                      "n_special",
                                      "predict_special_tokens",
                                      "output_past",
                                      NULL};

static void set_heads(model_config *c) {
  c->learned_positions = true;
  c->n_kv_heads = c->n_heads;
  if (!c->intermediate_size) c->intermediate_size = 4 * c->hidden_size;
}

// Other families' names of the same: transformers takes them for GPT-2's own.
static bool check_aliases(const json *d, const model_config *c, err *e) {
  const struct {
    const char *key;
    uint32_t value;
  } rows[] = {{"hidden_size", c->hidden_size},
              {"num_hidden_layers", c->n_layers},
              {"num_attention_heads", c->n_heads},
              {"max_position_embeddings", c->max_positions}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    uint32_t found = rows[i].value;
    TRY(json_u32_or(d, d->root, "", rows[i].key, &found, e));
    if (found != rows[i].value)
      return ERR(e, "%s: %s: expected %u, which GPT-2's own key says, found %u", d->origin, rows[i].key, rows[i].value, found);
  }
  return true;
}

// The fused projection is three times as wide as the model, whatever a file says of heads.
static bool check_heads(const char *file, const model_config *c, err *e) {
  if (!c->n_heads) return true; // refused with all that have none
  if (!(c->hidden_size % c->n_heads) && (!c->head_dim || c->head_dim == c->hidden_size / c->n_heads)) return true;
  return ERR(e, "%s: expected heads that share the width of %u, found %u heads%s", file, c->hidden_size, c->n_heads,
             c->head_dim ? " of another size" : "");
}

static bool config_from_hf(const json *d, model_config *c, err *e) {
  static const char *const off[] = {"scale_attn_by_inverse_layer_idx", "add_cross_attention", "quantization_config", NULL};
  const cJSON *r = d->root, *act = cJSON_GetObjectItemCaseSensitive(r, "activation_function");
  *c = (model_config){.rms_norm_eps = 1e-5, .max_positions = 1024, .tie_embeddings = true};
  config_set_defaults(c);
  // Both names are of the same formula.
  if (!cJSON_IsString(act) || strcmp(act->valuestring, "gelu_pytorch_tanh"))
    TRY(config_text_is(d, "activation_function", "gelu_new", e));
  const cJSON *scaled = cJSON_GetObjectItemCaseSensitive(r, "scale_attn_weights");
  if (scaled && !cJSON_IsTrue(scaled)) return config_refuse(d, scaled, "true", e);
  TRY(config_all_off(d, off, e) && config_keys_known(d, hf_keys, e));
  TRY(json_u32(d, r, "", "vocab_size", &c->vocab_size, e));
  TRY(json_u32(d, r, "", "n_embd", &c->hidden_size, e));
  TRY(json_u32(d, r, "", "n_layer", &c->n_layers, e));
  TRY(json_u32(d, r, "", "n_head", &c->n_heads, e));
  TRY(json_u32_or(d, r, "", "n_inner", &c->intermediate_size, e));
  TRY(json_u32_or(d, r, "", "n_positions", &c->max_positions, e));
  TRY(json_number_or(d, r, "", "layer_norm_epsilon", &c->rms_norm_eps, e));
  TRY(json_number_or(d, r, "", "initializer_range", &c->initializer_range, e));
  set_heads(c);
  TRY(check_aliases(d, c, e) && check_heads(d->origin, c, e));
  return json_bool_or(d, r, "", "tie_word_embeddings", &c->tie_embeddings, e);
}

static bool config_from_gguf(arena *a, const gguf *g, model_config *c, err *e) {
  static const char *const keys[] = {"attention.layer_norm_epsilon", NULL};
  *c = (model_config){.max_positions = 1024};
  TRY(config_gguf_common(a, g, c, e) && config_gguf_known(a, g, keys, e));
  float eps = 1e-5f;
  TRY(gguf_get_f32_or(g, config_gguf_key(a, g, keys[0]), &eps, e));
  c->rms_norm_eps = eps;
  set_heads(c);
  return check_heads(g->path, c, e);
}

static void config_to_hf(const model_config *c, cJSON *o) {
  const config_number numbers[] = {{"vocab_size", c->vocab_size},
                                   {"n_embd", c->hidden_size},
                                   {"n_inner", c->intermediate_size},
                                   {"n_layer", c->n_layers},
                                   {"n_head", c->n_heads},
                                   {"n_positions", c->max_positions},
                                   {"layer_norm_epsilon", c->rms_norm_eps}};
  config_put_numbers(numbers, sizeof numbers / sizeof *numbers, o);
  cJSON_AddStringToObject(o, "activation_function", "gelu_new");
}

// --- parameters ----------------------------------------------------------------------------------------------------------

// A norm's or a linear layer's weight [out, in] (in 0: [out]) and its bias.
static void list_pair(arena *a, model *m, const char *name, const char *in_gguf, const char *module, uint32_t out, uint32_t in) {
  model_param *p = block_list_param(a, m, arena_printf(a, "%s.weight", name), arena_printf(a, "%s.weight", in_gguf), module,
                                    in ? PARAM_LINEAR : PARAM_NORM, out, in);
  p->hf_transposed = in != 0;
  block_list_param(a, m, arena_printf(a, "%s.bias", name), arena_printf(a, "%s.bias", in_gguf), module, PARAM_BIAS, out, 0);
}

static void list_params(arena *a, model *m) {
  const model_config *c = &m->config;
  const uint32_t d = c->hidden_size, ff = c->intermediate_size;
  const struct {
    const char *hf, *gguf, *module;
    uint32_t out, in;
  } rows[] = {{"ln_1", "attn_norm", "ln_1", d, 0},
              {"attn.c_attn", "attn_qkv", "c_attn", 3 * d, d},
              {"attn.c_proj", "attn_output", "c_proj", d, d},
              {"ln_2", "ffn_norm", "ln_2", d, 0},
              {"mlp.c_fc", "ffn_up", "c_fc", ff, d},
              {"mlp.c_proj", "ffn_down", "c_proj", d, ff}};
  block_list_param(a, m, m->family->embedding, "token_embd.weight", "wte", PARAM_EMBEDDING, c->vocab_size, d);
  block_list_param(a, m, "transformer.wpe.weight", "position_embd.weight", "wpe", PARAM_EMBEDDING, c->max_positions, d);
  for (uint32_t l = 0; l < c->n_layers; l++)
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
      list_pair(a, m, arena_printf(a, "%s.%u.%s", m->family->layers, l, rows[i].hf),
                arena_printf(a, "blk.%u.%s", l, rows[i].gguf), rows[i].module, rows[i].out, rows[i].in);
  list_pair(a, m, "transformer.ln_f", "output_norm", "ln_f", d, 0);
  if (!c->tie_embeddings) block_list_param(a, m, "lm_head.weight", "output.weight", "lm_head", PARAM_HEAD, c->vocab_size, d);
}

// The causal mask, which old files carry beside the weights.
static bool is_no_weight(const char *name) {
  const size_t n = strlen(name);
  static const char *const ends[] = {".attn.bias", ".attn.masked_bias"};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
    if (n > strlen(ends[i]) && !strcmp(name + n - strlen(ends[i]), ends[i])) return true;
  return false;
}

// --- forward -------------------------------------------------------------------------------------------------------------

static tensor *norm(const model_forward *f, tensor *x, const model_param *w) { // its bias is listed behind it
  return op_layernorm(f->g, x, w->t, w[1].t, (float)f->m->config.rms_norm_eps);
}

static tensor *build(const model_forward *f) {
  graph *g = f->g;
  const uint32_t d = f->m->config.hidden_size, widths[] = {d, d, d};
  tensor *x = block_embedding(f, 1), *qkv[3];
  x = op_add(g, x, op_embedding(g, model_find(f->m, "transformer.wpe.weight")->t, f->in->positions, &f->in->position_index));
  for (uint32_t l = 0; l < f->m->config.n_layers; l++) {
    graph_segment_begin(g);
    tensor *h = norm(f, x, block_param(f, l, "ln_1.weight"));
    op_split(g, block_linear(f, h, block_param(f, l, "attn.c_attn.weight")), 3, widths, qkv);
    tensor *o = block_attend(f, qkv[0], qkv[1], qkv[2], l);
    x = op_add(g, x, block_linear(f, o, block_param(f, l, "attn.c_proj.weight")));
    h = norm(f, x, block_param(f, l, "ln_2.weight"));
    h = op_gelu(g, block_linear(f, h, block_param(f, l, "mlp.c_fc.weight")));
    x = op_add(g, x, block_linear(f, h, block_param(f, l, "mlp.c_proj.weight")));
    graph_segment_end(g);
  }
  return norm(f, x, model_find(f->m, "transformer.ln_f.weight"));
}

const model_family gpt2_family = {
    .name = "gpt2",
    .hf_architectures = (const char *const[]){"GPT2LMHeadModel", NULL},
    .gguf_architectures = (const char *const[]){"gpt2", NULL},
    .config_from_hf = config_from_hf,
    .config_from_gguf = config_from_gguf,
    .list_params = list_params,
    .build = build,
    .hf_model_type = "gpt2",
    .config_to_hf = config_to_hf,
    .layers = "transformer.h",
    .embedding = "transformer.wte.weight",
    .prefix = "transformer.",
    .is_no_weight = is_no_weight,
};
