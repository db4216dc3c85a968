// The options of training: names, ranges, defaults' words and help, in the order in which --help and config.yaml have them.
#include "config/train_options.h"

#include <math.h>

#include "base/file.h"
#include "config/yaml.h"

const char *const objective_names[] = {"sft", "lm", "dpo", "classify", NULL};
const char *const method_names[] = {"lora", "full", "freeze", "head", NULL};
const char *const data_format_names[] = {"auto",       "alpaca",   "messages", "prompt-completion", "text",
                                         "tokens",     "sharegpt", "segments", "self-instruct",     "superni",
                                         "preference", "labelled", NULL};
const char *const excess_names[] = {"default", "drop", "truncate", "split", "error", NULL};
const char *const train_on_names[] = {"all", "last", NULL};
const char *const weight_type_names[] = {"auto", "f32",  "f16",  "bf16", "q8_0", "q4_0", "q4_1",
                                         "q5_0", "q5_1", "q4_k", "q5_k", "q6_k", NULL};
const char *const source_type_names[] = {"auto", "f32", "f16", "bf16", NULL};
const char *const quantize_names[] = {"none", "nf4", NULL};
const char *const metric_names[] = {"none",          "auto", "rouge_l", "rouge_l_tokens", "exact_match", "accuracy",
                                    "accuracy_norm", "f1",   "bleu",    "chrf",           NULL};
static const char *const loss_type_names[] = {"sigmoid", "sigmoid_norm", NULL};
static const char *const init_names[] = {"pretrained", "random", NULL};
static const char *const schedule_names[] = {"cosine", "linear", "constant", NULL};
static const char *const optim_names[] = {"adamw", "adamw_8bit", NULL};
const char *const tristate_names[] = {"auto", "on", "off", NULL};
const char *const template_names[] = {"alpaca", "chatml", NULL};

#define AT(field) .offset = offsetof(vkift_train_options, field)
#define RANGE(from, to) .least = (from), .most = (to)

const option train_option_table[] = {
#define GROUP .group = "Model and data"
    {"model", OPTION_PATH, AT(model), GROUP, .unset = "with neither --model nor --data, the built-in example",
     .help = "what to train: a Hugging Face directory or a GGUF file"},
    {"init", OPTION_ENUM, AT(init), GROUP, .names = init_names,
     .help = "random: fresh weights; of the model only config.json and tokenizer.json are read (needs method full)"},
    {"adapter", OPTION_PATH, AT(adapter), GROUP, .unset = "none", .value = "DIR", .help = "go on from this PEFT adapter"},
    {"data", OPTION_DATA, AT(data), GROUP, .unset = "none",
     .help = "JSONL, JSON, CSV or TSV file, template pack (YAML: labelled data and ways to put it into words), directory with "
             "train.jsonl, with a .jsonl for each task, or of SuperNI tasks; a final :number is its weight, how often its "
             "examples are seen in an epoch; may "
             "be repeated"},
    {"chat_template", OPTION_PATH, AT(chat_template), GROUP, .names = template_names, .unset = "the model's, else alpaca",
     .value = "FILE|NAME", .help = "a Jinja file, or the built-in alpaca or chatml"},
    {"chat_template_date", OPTION_TEXT, AT(chat_template_date), GROUP, .unset = "today, where the template asks for it",
     .value = "YYYY-MM-DD", .help = "the day that the template writes; a run keeps its own"},
#define READING(field) AT(reading.field), GROUP
#include "config/reading.def"
#define AUGMENT(field) AT(augment.field), GROUP
#include "config/augment.def"
    {"max_examples_per_task", OPTION_INTEGER, AT(max_examples_per_task), GROUP, RANGE(1, UINT32_MAX), .unset = "all",
     .help = "of each task, so many examples are trained on"},
    {"mixing_cap", OPTION_INTEGER, AT(mixing_cap), GROUP, RANGE(1, UINT32_MAX), .unset = "none",
     .help = "of each task, at most so many examples an epoch, others in the next"},
    {"drop_duplicates", OPTION_BOOL, AT(drop_duplicates), GROUP, .help = "leave out examples that are there already"},
    {"eval_data", OPTION_PATH, AT(eval_data), GROUP, .unset = "none", .help = "scored during training; same forms as data"},
    {"eval_split", OPTION_NUMBER, AT(eval_split), GROUP, RANGE(0, 1), .rules = OPTION_BELOW_MOST, .value = "SHARE",
     .help = "share of the training data that is scored instead of trained on"},
    {"allow_leakage", OPTION_BOOL, AT(allow_leakage), GROUP,
     .help = "keep training examples whose prompt is in the evaluation data too"},
#undef GROUP
#define GROUP .group = "Method"
    {"objective", OPTION_ENUM, AT(objective), GROUP, .names = objective_names,
     .help = "sft: loss on answers only; lm: on every token; dpo: of two answers to a prompt, the chosen one becomes likelier; "
             "classify: on a text's label, by a new head on its last token"},
    {"beta", OPTION_NUMBER, AT(beta), GROUP, RANGE(0, INFINITY), .rules = OPTION_ABOVE_LEAST,
     .help = "of dpo: how much a log ratio to the reference model weighs; smaller strays further from it"},
    {"label_smoothing", OPTION_NUMBER, AT(label_smoothing), GROUP, RANGE(0, 0.5), .rules = OPTION_BELOW_MOST, .value = "SHARE",
     .help = "of dpo: share of the pairs that are taken to be the wrong way round"},
    {"loss_type", OPTION_ENUM, AT(loss_type), GROUP, .names = loss_type_names,
     .help = "of dpo: sigmoid: log ratios of whole answers; sigmoid_norm: divided by their lengths in tokens"},
    {"method", OPTION_ENUM, AT(method), GROUP, .names = method_names,
     .help = "lora: small matrices beside frozen weights; full: all weights; freeze: those that --trainable and "
             "--trainable-layers name, the rest frozen; head: of a classifier the new head alone"},
    {"trainable", OPTION_LIST, AT(trainable), GROUP, .unset = "none", .value = "NAMES",
     .help = "with freeze: parameters (model.norm.weight) or modules (model.layers.29, q_proj) that train; * stands for any "
             "characters, ? for one"},
    {"trainable_layers", OPTION_INTEGER, AT(trainable_layers), GROUP, RANGE(1, 1 << 10), .unset = "none",
     .help = "with freeze: the last so many layers train"},
    {"lora_r", OPTION_INTEGER, AT(lora_r), GROUP, RANGE(1, 4096), .help = "rank of the LoRA matrices"},
    {"lora_alpha", OPTION_NUMBER, AT(lora_alpha), GROUP, RANGE(0, INFINITY), .rules = OPTION_ABOVE_LEAST,
     .help = "the update is scaled by alpha / r"},
    {"lora_dropout", OPTION_NUMBER, AT(lora_dropout), GROUP, RANGE(0, 1), .rules = OPTION_BELOW_MOST,
     .help = "share of a LoRA input set to zero in training"},
    {"use_rslora", OPTION_BOOL, AT(use_rslora), GROUP, .help = "scale by alpha / sqrt(r) instead"},
    {"use_dora", OPTION_BOOL, AT(use_dora), GROUP,
     .help = "DoRA: a trained length beside the direction for each row of an adapted weight"},
    {"target_modules", OPTION_LIST, AT(target_modules), GROUP, .unset = "all-linear", .value = "NAMES",
     .help = "layers that get LoRA, with commas between: q_proj,v_proj; all-linear: every one of a layer's"},
    {"modules_to_save", OPTION_LIST, AT(modules_to_save), GROUP, .unset = "none", .value = "NAMES",
     .help = "modules whose path ends so are trained whole beside the LoRA matrices: embed_tokens,lm_head, for control tokens "
             "that the model does not know; norm"},
    {"neftune_noise_alpha", OPTION_NUMBER, AT(neftune_noise_alpha), GROUP, RANGE(0, INFINITY),
     .help = "NEFTune: uniform noise on the embeddings in training, within alpha / sqrt(tokens of the example times width)"},
    {"labels", OPTION_LIST, AT(labels), GROUP, .unset = "those of the training data, sorted, numbers by value", .value = "NAMES",
     .help = "classify: the labels, in the order of the head's rows"},
    {"class_weights", OPTION_LIST, AT(class_weights), GROUP, .unset = "none", .value = "balanced|NUMBERS",
     .help = "classify: weights of the labels in the loss; balanced: examples / (labels x the label's examples)"},
#undef GROUP
#define GROUP .group = "Optimisation"
    {"learning_rate", OPTION_NUMBER, AT(learning_rate), GROUP, RANGE(0, INFINITY), .rules = OPTION_ABOVE_LEAST,
     .unset = "2e-4 for lora, 1e-3 for head, 2e-5 for all else", .help = "peak of the schedule"},
    {"head_learning_rate", OPTION_NUMBER, AT(head_learning_rate), GROUP, RANGE(0, INFINITY), .rules = OPTION_ABOVE_LEAST,
     .unset = "learning_rate, for full and freeze ten times that", .help = "classify: of the head, with the same schedule"},
    {"lr_scheduler_type", OPTION_ENUM, AT(lr_scheduler_type), GROUP, .names = schedule_names,
     .help = "shape of the learning rate after the warm-up"},
    {"warmup_ratio", OPTION_NUMBER, AT(warmup_ratio), GROUP, RANGE(0, 1),
     .help = "share of the steps in which the learning rate rises"},
    {"warmup_steps", OPTION_INTEGER, AT(warmup_steps), GROUP, RANGE(0, INFINITY), .unset = "by warmup_ratio",
     .help = "steps in which it rises; wins over warmup_ratio"},
    {"num_train_epochs", OPTION_NUMBER, AT(num_train_epochs), GROUP, RANGE(0, 1e6), .rules = OPTION_ABOVE_LEAST,
     .help = "passes over the data"},
    {"max_steps", OPTION_INTEGER, AT(max_steps), GROUP, RANGE(1, INFINITY), .unset = "by num_train_epochs",
     .help = "optimizer steps; wins over num_train_epochs"},
    {"batch_size", OPTION_INTEGER, AT(batch_size), GROUP, RANGE(1, 1 << 20),
     .help = "examples per optimizer step, whatever the micro-batching"},
    {"weight_decay", OPTION_NUMBER, AT(weight_decay), GROUP, RANGE(0, INFINITY),
     .help = "of matrices, the embedding included; never of norms or biases"},
    {"max_grad_norm", OPTION_NUMBER, AT(max_grad_norm), GROUP, RANGE(0, INFINITY),
     .help = "clip the gradient's global norm; 0: never"},
    {"optim", OPTION_ENUM, AT(optim), GROUP, .names = optim_names,
     .help = "the optimizer; adamw_8bit keeps its moments in 8 bits instead of 32"},
    {"adam_beta1", OPTION_NUMBER, AT(adam_beta1), GROUP, RANGE(0, 1), .rules = OPTION_BELOW_MOST,
     .help = "decay of the mean of gradients"},
    {"adam_beta2", OPTION_NUMBER, AT(adam_beta2), GROUP, RANGE(0, 1), .rules = OPTION_BELOW_MOST,
     .help = "decay of the mean of their squares"},
    {"adam_epsilon", OPTION_NUMBER, AT(adam_epsilon), GROUP, RANGE(0, INFINITY), .rules = OPTION_ABOVE_LEAST,
     .help = "added to the denominator"},
    {"shuffle", OPTION_BOOL, AT(shuffle), GROUP, .help = "a new seeded order each epoch; off: the order of the files"},
    {"seed", OPTION_INTEGER, AT(seed), GROUP, RANGE(0, INFINITY),
     .help = "of every random choice: the same seed on the same driver gives the same bits"},
#undef GROUP
#define GROUP .group = "Length, memory and device"
    {"max_length", OPTION_INTEGER, AT(max_length), GROUP, RANGE(2, 1 << 24),
     .unset = "2048, or the model's context where that is shorter", .help = "tokens of one example"},
    {"excess_length", OPTION_ENUM, AT(excess_length), GROUP, .names = excess_names,
     .help = "longer examples; default: drop and count them, split plain text, cut what is classified"},
    {"packing", OPTION_BOOL, AT(packing), GROUP, .help = "several examples share a row without padding; none sees another"},
    {"micro_batch_tokens", OPTION_INTEGER, AT(micro_batch_tokens), GROUP, RANGE(1, 1 << 24), .unset = "chosen by the memory plan",
     .help = "tokens in one forward and backward"},
    {"gradient_checkpointing", OPTION_ENUM, AT(gradient_checkpointing), GROUP, .names = tristate_names,
     .help = "keep fewer activations and compute them again; auto: the memory plan decides"},
    {"checkpointing_layers", OPTION_INTEGER, AT(checkpointing_layers), GROUP, RANGE(1, 1 << 10), .unset = "by the memory plan",
     .help = "with gradient checkpointing: so many layers, from the first, are computed again"},
    {"checkpointing_group", OPTION_INTEGER, AT(checkpointing_group), GROUP, RANGE(1, 1 << 10), .unset = "by the memory plan",
     .help = "with gradient checkpointing: keep the input of one layer in so many, and compute those between twice more"},
    {"weight_dtype", OPTION_ENUM, AT(weight_dtype), GROUP, .names = weight_type_names,
     .help = "of frozen weights on the device; auto: as in the model's file, quantized ones of a GGUF file included; a quantized "
             "type: all matrices are of that type (vkift plan, or a file that is so)"},
    {"quantize", OPTION_ENUM, AT(quantize), GROUP, .names = quantize_names,
     .help = "nf4: quantize frozen linear weights to 4 bits as they are loaded (QLoRA)"},
    {"double_quantization", OPTION_BOOL, AT(double_quantization), GROUP,
     .help = "with nf4: quantize its scales too, for 4.13 bits a weight instead of 4.5"},
    {"device", OPTION_TEXT, AT(device), GROUP, .unset = "the best", .value = "DEVICE",
     .help = "an index that `vkift devices` prints, or part of a name"},
    {"tune", OPTION_ENUM, AT(tune), GROUP, .names = tristate_names,
     .help = "measure which kernels are the fastest on this device, once; auto: where the run is long enough; off: the defaults"},
    {"kernels", OPTION_LIST, AT(kernels), GROUP, .unset = "by --tune", .value = "CHOICES",
     .help = "the kernels that a run chose, as its config.yaml has them: to get its bits again"},
#undef GROUP
#define GROUP .group = "Run directory"
    {"output_dir", OPTION_PATH, AT(output_dir), GROUP, .unset = "runs/<date-time>", .rules = OPTION_NOT_RECORDED, .value = "DIR",
     .help = "where everything is written; never a directory with something in it, unless --resume"},
    {"logging_steps", OPTION_INTEGER, AT(logging_steps), GROUP, RANGE(1, INFINITY),
     .help = "a line of metrics.jsonl every so many steps"},
    {"eval_steps", OPTION_INTEGER, AT(eval_steps), GROUP, RANGE(1, INFINITY), .unset = "once an epoch",
     .help = "score the evaluation data every so many steps"},
    {"save_steps", OPTION_INTEGER, AT(save_steps), GROUP, RANGE(1, INFINITY), .unset = "once an epoch",
     .help = "write a checkpoint every so many steps"},
    {"save_total_limit", OPTION_INTEGER, AT(save_total_limit), GROUP, RANGE(1, INFINITY), .help = "checkpoints that are kept"},
    {"load_best_model_at_end", OPTION_BOOL, AT(load_best_model_at_end), GROUP,
     .help = "keep the weights of the evaluation whose loss was least, not the last ones"},
    {"early_stopping_patience", OPTION_INTEGER, AT(early_stopping_patience), GROUP, RANGE(1, 1 << 20), .unset = "never",
     .help = "stop after so many evaluations in a row without a lower loss"},
    {"max_bad_steps", OPTION_INTEGER, AT(max_bad_steps), GROUP, RANGE(1, INFINITY),
     .help = "stop after so many steps in a row whose loss or gradient is not finite"},
    {"profile", OPTION_PATH, AT(profile), GROUP, .rules = OPTION_NOT_RECORDED, .unset = "none", .value = "FILE",
     .help = "write a Chrome trace (chrome://tracing, Perfetto) of the second and third step of this call, or of its only one: "
             "what the host does, and every kernel by the device's own timestamps"},
    {"log_tensor_norms", OPTION_BOOL, AT(log_tensor_norms), GROUP,
     .help = "write each trained tensor's gradient norm to metrics.jsonl too"},
    {"tensorboard", OPTION_BOOL, AT(tensorboard), GROUP,
     .help = "write TensorBoard event files to tensorboard/ in the run directory too"},
#undef GROUP
    {0},
};

#undef AT
#define AT(field) .offset = offsetof(vkift_source, field)
#define GROUP .group = "Model"

const option source_option_table[] = {
    {"model", OPTION_PATH, AT(model), GROUP, .unset = "the run's", .help = "a Hugging Face directory or a GGUF file"},
    {"adapter", OPTION_PATH, AT(adapter), GROUP, .unset = "none", .value = "DIR", .help = "a PEFT LoRA adapter for the model"},
    {"chat_template", OPTION_PATH, AT(chat_template), GROUP, .names = template_names,
     .unset = "the run's or the model's, else alpaca", .value = "FILE|NAME",
     .help = "a Jinja file, or the built-in alpaca or chatml"},
    {"weight_dtype", OPTION_ENUM, AT(weight_dtype), GROUP, .names = source_type_names,
     .help = "of the weights; auto: as in the model's file"},
    {"device", OPTION_TEXT, AT(device), GROUP, .unset = "the best", .value = "DEVICE",
     .help = "an index that `vkift devices` prints, or part of a name"},
    {0},
};

// What goes with pairs of answers only, and what does not go with them.
static bool check_pairs(const vkift_train_options *o, const vkift_train_options *defaults, err *e) {
  const vkift_augment *g = &o->augment;
  if (o->objective != VKIFT_DPO) {
    const bool set =
        o->beta != defaults->beta || o->label_smoothing != defaults->label_smoothing || o->loss_type != VKIFT_SIGMOID;
    return !set || ERR(e, "beta, label_smoothing and loss_type need objective dpo: no other learns from pairs of answers");
  }
  if (o->reading.data_format != VKIFT_DATA_AUTO && o->reading.data_format != VKIFT_DATA_PREFERENCE)
    return ERR(e, "objective dpo needs data of the format preference, found data_format %s",
               data_format_names[o->reading.data_format]);
  if (o->excess_length == VKIFT_EXCESS_TRUNCATE || o->excess_length == VKIFT_EXCESS_SPLIT)
    return ERR(e, "objective dpo and excess_length %s contradict each other: a part of an answer is not what was judged",
               excess_names[o->excess_length]);
  if (g->num_demonstrations || g->persona_ratio > 0 || g->definition_ratio > 0 || g->length_constraint_ratio > 0)
    return ERR(e,
               "augmentations (num_demonstrations and the ratios) need objective sft or lm: pairs of answers stay as they are");
  return true;
}

// What a classifier has no use for, and what only it has.
static bool check_classify(const vkift_train_options *o, err *e) {
  const vkift_augment *w = &o->augment;
  if (o->objective != VKIFT_CLASSIFY) {
    const char *own = o->method == VKIFT_HEAD      ? "method head"
                      : o->labels.n                ? "labels"
                      : o->class_weights.n         ? "class_weights"
                      : o->head_learning_rate != 0 ? "head_learning_rate"
                                                   : NULL;
    return !own || ERR(e, "%s needs objective classify: only a classifier has a head of its own", own);
  }
  if (w->num_demonstrations || w->persona_ratio > 0 || w->definition_ratio > 0 || w->length_constraint_ratio > 0)
    return ERR(e,
               "objective classify has no place for demonstrations, personas, definitions and length constraints: a text is "
               "read as it stands");
  if (o->chat_template) return ERR(e, "objective classify has no place for chat_template: a text is read as it stands");
  if (o->excess_length == VKIFT_EXCESS_SPLIT)
    return ERR(e, "objective classify and excess_length split contradict each other: a label is of a whole text");
  if (o->method == VKIFT_HEAD && o->head_learning_rate != 0)
    return ERR(e, "method head and head_learning_rate contradict each other: there is nothing but the head, give learning_rate");
  return true;
}

static bool check(const vkift_train_options *o, bool need_data, err *e) {
  vkift_train_options defaults = vkift_train_defaults();
  bool ok = option_check(train_option_table, o, &defaults, e);
  for (size_t i = 0; ok && i < o->data.n; i++) {
    const vkift_data *d = &o->data.items[i];
    if (!d->path || !(d->weight > 0) || !isfinite(d->weight))
      ok = ERR(e, "data %zu: expected a path and a weight above 0", i + 1);
  }
  if (ok && !o->model) ok = ERR(e, "no model is given: model names a Hugging Face directory or a GGUF file");
  if (ok && need_data && !o->data.n) ok = ERR(e, "no data is given: data names a file or a directory with train.jsonl");
  if (ok) ok = check_pairs(o, &defaults, e);
  if (ok && o->reading.join_documents == VKIFT_ON && o->excess_length != VKIFT_EXCESS_DEFAULT &&
      o->excess_length != VKIFT_EXCESS_SPLIT)
    ok = ERR(e, "join_documents and excess_length %s contradict each other: joined texts are cut, so that none is too long",
             excess_names[o->excess_length]);
  if (ok && o->reading.join_documents == VKIFT_ON && o->objective != VKIFT_SFT && o->objective != VKIFT_LM)
    ok =
        ERR(e, "join_documents needs objective lm or sft: %s reads no texts that could be joined", objective_names[o->objective]);
  if (ok && o->init == VKIFT_INIT_RANDOM && o->method != VKIFT_FULL)
    ok = ERR(e, "init random needs method full: there is nothing yet beside which an adapter could be trained");
  if (ok && o->init == VKIFT_INIT_RANDOM && o->adapter)
    ok = ERR(e, "init random and adapter contradict each other: an adapter belongs to trained weights");
  if (ok && o->double_quantization && !o->quantize) ok = ERR(e, "double_quantization needs quantize nf4");
  if (ok && (o->quantize || o->weight_dtype > VKIFT_WEIGHT_BF16) && o->method == VKIFT_FULL)
    ok = ERR(e, "%s and method full contradict each other: what trains is never quantized",
             o->quantize ? "quantize" : "a quantized weight_dtype");
  if (ok && o->adapter && o->method != VKIFT_LORA)
    ok = ERR(e, "adapter needs method lora: to train the weights, merge it first with `vkift export`");
  if (ok && o->augment.num_demonstrations && o->eval_split > 0)
    ok = ERR(
        e, "num_demonstrations and eval_split contradict each other: what is scored would be shown in training; give eval_data");
  if (ok && o->gradient_checkpointing == VKIFT_OFF && (o->checkpointing_layers || o->checkpointing_group))
    ok =
        ERR(e,
            "gradient_checkpointing off and %s contradict each other: drop %s to keep all activations, or gradient_checkpointing "
            "off to compute layers again",
            o->checkpointing_layers ? "checkpointing_layers" : "checkpointing_group",
            o->checkpointing_layers && o->checkpointing_group ? "it and checkpointing_group" : "it");
  if (ok) ok = check_classify(o, e);
  if (ok && o->modules_to_save.n && o->method != VKIFT_LORA)
    ok = ERR(e, "modules_to_save needs method lora: full trains everything%s",
             o->method == VKIFT_FREEZE ? ", and freeze what trainable names" : "");
  if (ok && o->use_dora && o->method != VKIFT_LORA) ok = ERR(e, "use_dora needs method lora: it is a form of its adapter");
  if (ok && o->method == VKIFT_FREEZE && !o->trainable.n && !o->trainable_layers)
    ok = ERR(e, "method freeze needs trainable (names of what trains) or trainable_layers (the last layers)");
  if (ok && o->method != VKIFT_FREEZE && (o->trainable.n || o->trainable_layers))
    ok = ERR(e, "%s needs method freeze", o->trainable.n ? "trainable" : "trainable_layers");
  if (ok && (o->load_best_model_at_end || o->early_stopping_patience) && !o->eval_data && !(o->eval_split > 0))
    ok = ERR(e, "%s needs evaluation data: give eval_data or eval_split",
             o->load_best_model_at_end ? "load_best_model_at_end" : "early_stopping_patience");
  if (ok && o->eval_data && o->eval_split > 0) ok = ERR(e, "eval_data and eval_split contradict each other: give one of them");
  if (!ok) e->usage = true;
  return ok;
}

bool train_options_check(const vkift_train_options *o, err *e) {
  return check(o, true, e);
}

bool train_options_check_plan(const vkift_train_options *o, err *e) {
  return check(o, false, e);
}

const char *train_options_output(const vkift_train_options *o) {
  return o->method == VKIFT_LORA ? "adapter" : "model";
}

bool train_options_write(const char *path, const vkift_train_options *options, err *e) {
  vkift_train_options defaults = vkift_train_defaults();
  text yaml = {0};
  text_printf(&yaml, "# vkift %s: `vkift train --config` with this file repeats the run.\n\n", vkift_version());
  bool ok = yaml_write(train_option_table, options, &defaults, &yaml, e) && file_replace(path, yaml.data, yaml.length, e);
  text_free(&yaml);
  return ok;
}

bool train_options_read(arena *a, const char *path, vkift_train_options *options, err *e) {
  *options = vkift_train_defaults();
  option_set set = {train_option_table, options};
  return yaml_read(a, path, &set, 1, e);
}
