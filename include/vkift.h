// libvkift: instruction-tunes pretrained language models on any Vulkan device. This is the whole public interface; the
// command `vkift` is one client of it.
//
// Status.  Every function that can fail returns a vkift_status and, when it is not VKIFT_OK, has filled the caller's
//   vkift_error with one paragraph for a person: which file, which place, what was expected, what was found. Nothing is
//   printed by the library but notes to stderr where no `note` callback is given.
// Options. A struct per task, made by its …_defaults() function and then changed: so a field that later versions add has
//   its default in programs that do not know it. NULL strings and empty arrays mean "not given". Strings are UTF-8, end
//   with NUL, belong to the caller and must live until the call returns (or the object that was opened is closed).
// Results. Anything of variable size is handed to a callback and lives until that callback returns. The few functions
//   that return memory say so; it is released with vkift_free().
// Threads. An object is used by one thread at a time; different objects may be used by different threads. Callbacks run
//   on the thread that made the call.
// Units.   Seconds, bytes, tokens, natural logarithms.
#ifndef VKIFT_H
#define VKIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// --- general ---------------------------------------------------------------------------------------------------------

typedef enum vkift_status {
  VKIFT_OK = 0,
  VKIFT_FAILED = 1, // a file, a device or the system: the input was understood but could not be served
  VKIFT_USAGE = 2,  // the options contradict each other or are out of range
} vkift_status;

// Zero-initialise. `message` has no final newline.
typedef struct vkift_error {
  vkift_status status;
  char message[1500];
} vkift_error;

const char *vkift_version(void); // "0.1.0"
void vkift_free(void *memory);   // what a vkift function returned; NULL is fine

typedef enum vkift_tristate { VKIFT_AUTO, VKIFT_ON, VKIFT_OFF } vkift_tristate;

// A list of strings.
typedef struct vkift_strings {
  const char *const *items;
  size_t n;
} vkift_strings;

// --- models ----------------------------------------------------------------------------------------------------------

// How weights that are not trained are kept on the device; AUTO: as in the model's file, those that a GGUF file has quantized
// included. Trained ones always have float32 masters. The quantized types are for vkift_plan, and for models whose matrices are
// all of that type: vkift makes none of them.
typedef enum vkift_weight_type {
  VKIFT_WEIGHT_AUTO,
  VKIFT_WEIGHT_F32,
  VKIFT_WEIGHT_F16,
  VKIFT_WEIGHT_BF16,
  VKIFT_WEIGHT_Q8_0,
  VKIFT_WEIGHT_Q4_0,
  VKIFT_WEIGHT_Q4_1,
  VKIFT_WEIGHT_Q5_0,
  VKIFT_WEIGHT_Q5_1,
  VKIFT_WEIGHT_Q4_K,
  VKIFT_WEIGHT_Q5_K,
  VKIFT_WEIGHT_Q6_K
} vkift_weight_type;
// NF4 (QLoRA): frozen linear weights, of 16 or 32 bits in the file, are quantized as they are loaded; the embedding and the
// output head stay as weight_dtype says.
typedef enum vkift_quantize { VKIFT_NO_QUANTIZE, VKIFT_NF4 } vkift_quantize;

// What to load: a run directory that vkift_train wrote (its model and what it trained), or a model and perhaps an
// adapter. The zero value names nothing.
typedef struct vkift_source {
  const char *run;           // a run directory; then `model` and `adapter` stay NULL
  const char *model;         // a Hugging Face directory (config.json, *.safetensors, tokenizer.json) or a GGUF file
  const char *adapter;       // a PEFT LoRA directory for `model`
  bool base;                 // what the run or the adapter started from, without what was trained, with the same prompt
  const char *chat_template; // a Jinja file, or the built-in "alpaca" or "chatml"; NULL: the run's, the model's, else Alpaca's
  vkift_weight_type weight_dtype;
  const char *device; // an index of vkift_devices, or part of a name; NULL: the best
} vkift_source;

// --- training --------------------------------------------------------------------------------------------------------

// Loss on answers; on every token; direct preference optimisation, by which the chosen one of two answers becomes likelier; loss on
// a text's label, by a new head on the state of its last token.
typedef enum vkift_objective { VKIFT_SFT, VKIFT_LM, VKIFT_DPO, VKIFT_CLASSIFY } vkift_objective;
// Of objective DPO: log ratios of whole answers, or divided by their lengths in tokens. Names are TRL's.
typedef enum vkift_loss_type { VKIFT_SIGMOID, VKIFT_SIGMOID_NORM } vkift_loss_type;
// An adapter beside frozen weights; all weights; some weights, the rest frozen; the head of a classifier alone.
typedef enum vkift_method { VKIFT_LORA, VKIFT_FULL, VKIFT_FREEZE, VKIFT_HEAD } vkift_method;
typedef enum vkift_init { VKIFT_INIT_PRETRAINED, VKIFT_INIT_RANDOM } vkift_init;
typedef enum vkift_schedule { VKIFT_COSINE, VKIFT_LINEAR, VKIFT_CONSTANT } vkift_schedule;
typedef enum vkift_optim { VKIFT_ADAMW, VKIFT_ADAMW_8BIT } vkift_optim;                 // AdamW with moments in f32, or in 8 bits
typedef enum vkift_train_on { VKIFT_TRAIN_ON_ALL, VKIFT_TRAIN_ON_LAST } vkift_train_on; // assistant turns that carry loss

// Forms of instruction data; AUTO recognises the form from the first example. Template packs say it themselves: AUTO only.
typedef enum vkift_data_format {
  VKIFT_DATA_AUTO,
  VKIFT_DATA_ALPACA,            // {"instruction", "input"?, "output", "system"?, "history"?}
  VKIFT_DATA_MESSAGES,          // {"messages": [{"role", "content"}]}
  VKIFT_DATA_PROMPT_COMPLETION, // {"prompt", "completion"}
  VKIFT_DATA_TEXT,              // {"text"}
  VKIFT_DATA_TOKENS,            // {"input_ids", "labels"}
  VKIFT_DATA_SHAREGPT,          // {"conversations": [{"from", "value"}], "system"?, "tools"?}
  VKIFT_DATA_SEGMENTS,          // {"segments": [{"label", "text"}]}
  VKIFT_DATA_SELF_INSTRUCT,     // {"instruction", "instances": [{"input", "output"}]}
  VKIFT_DATA_SUPERNI,           // task files of Super-NaturalInstructions
  VKIFT_DATA_PREFERENCE,        // {"prompt"?, "chosen", "rejected"}: a pair for DPO; else the chosen answer is learned
  VKIFT_DATA_LABELLED, // {"text", "text_pair"?, "label", "label_names"?} or {"sentence1", "sentence2", "label"}: the label's name
                       // is the answer; a pair of texts is joined by a line feed
} vkift_data_format;

// What happens to an example of more than max_length tokens. DEFAULT: dropped and counted; `text` is split.
typedef enum vkift_excess {
  VKIFT_EXCESS_DEFAULT,
  VKIFT_EXCESS_DROP,
  VKIFT_EXCESS_TRUNCATE, // its end goes
  VKIFT_EXCESS_SPLIT,    // into examples of max_length
  VKIFT_EXCESS_ERROR,    // the call fails
} vkift_excess;

// How data is read: the same for all that read it. Made by the …_defaults() of the struct that holds it.
typedef struct vkift_reading {
  vkift_data_format data_format;
  vkift_train_on train_on; // of conversations: which assistant turns carry loss
  // Rows of text: those of a file that follow each other, with an EOS between them, become one text that is cut into examples of
  // max_length tokens each, but for the last. A token then sees what stands before it in its example, of other texts too.
  // AUTO: with objective LM, but where a model is scored.
  vkift_tristate join_documents;
  bool skip_bad_examples;   // count and skip a bad line of data instead of failing
  const char *strip_suffix; // a literal end marker that answers carry in their text ("<|endoftext|>"), removed; NULL: none
  int64_t num_pos_examples; // Super-NaturalInstructions: 2 right demonstrations in an instruction,
  int64_t num_neg_examples; // … wrong ones,
  bool add_explanation;     // … and why they are right or wrong
} vkift_reading;

// What training examples get besides their own messages, each drawn by the seed and the example's place in its file: the
// same in every epoch. Evaluation data stays as it is. Demonstrations and length constraints are for conversations of one
// prompt and one answer, and demonstrations carry no loss. Zero: none.
typedef struct vkift_augment {
  int64_t num_demonstrations;     // worked examples of the same task and file in front of the prompt; at most 16
  double persona_ratio;           // share of the examples with `personas` that get one of them as system message
  double definition_ratio;        // … with `definition` or `things_to_avoid` that get them in front of the first prompt
  double length_constraint_ratio; // … whose answer has several words, and whose prompt then says a limit that it fulfils
  const char *task_notes;         // a YAML file: for names of tasks, what rows do not say themselves of those three; NULL: none
} vkift_augment;

// A data file (JSON Lines or a JSON array; a table NAME.csv or NAME.tsv whose header names the fields); a template pack
// (NAME.yaml: labelled data and phrasings that make examples of it); a directory with train.jsonl, valid.jsonl and test.jsonl, or
// with a file NAME.jsonl for each task; or, of Super-NaturalInstructions, a task file, a directory of them, or a list of task names
// (NAME.txt) beside tasks/.
typedef struct vkift_data {
  const char *path;
  double weight; // its examples are seen this many times an epoch; of 0.5, one half of them in every epoch, the others never
} vkift_data;

typedef struct vkift_data_list {
  const vkift_data *items;
  size_t n;
} vkift_data_list;

// Make with vkift_train_defaults(). The default is given where it is not the zero value.
typedef struct vkift_train_options {
  // what to train, and on what
  const char *model;    // required: a Hugging Face directory or a GGUF file
  vkift_init init;      // RANDOM: only config.json and tokenizer.json of `model` are read; needs method FULL
  const char *adapter;  // go on from this PEFT adapter
  vkift_data_list data; // required
  vkift_reading reading;
  const char *chat_template;      // a Jinja file, or "alpaca" or "chatml"; NULL: the model's, else Alpaca's
  const char *chat_template_date; // YYYY-MM-DD: the day that a template which asks for it is told; NULL: today, kept by the run
  vkift_augment augment;          // num_demonstrations needs objective SFT, and eval_data instead of eval_split
  const char *eval_data;          // scored during training
  double eval_split;              // 0 ≤ share < 1 of the training data, chosen by `seed`, that is scored instead of trained on
  int64_t max_examples_per_task;  // chosen by `seed`; 0: all
  int64_t mixing_cap;             // of each task, at most so many examples in an epoch, others in the next; 0: all
  bool drop_duplicates;           // true: an example that is there already is left out
  bool allow_leakage;             // keep training examples whose prompt stands in the evaluation data too

  // how
  vkift_objective objective;
  // Objective DPO, where examples are pairs of answers and a batch is of so many pairs. With Δ the log ratio of the chosen answer
  // to the reference model less that of the rejected one: −(1 − label_smoothing) log σ(beta Δ) − label_smoothing log σ(−beta Δ).
  // The reference is the model without an adapter, or with method FULL as it was before; it is asked once, before training.
  double beta;            // 0.1
  double label_smoothing; // 0 ≤ share of pairs taken to be the wrong way round < 0.5
  vkift_loss_type loss_type;
  vkift_method method;
  double learning_rate; // 0: 2e-4 for LoRA, 2e-5 for full training, 1e-3 for a head alone
  vkift_schedule lr_scheduler_type;
  double warmup_ratio;        // 0.03 of all steps, rounded up
  int64_t warmup_steps;       // −1: by warmup_ratio
  double num_train_epochs;    // 3
  int64_t max_steps;          // 0: by num_train_epochs
  int64_t batch_size;         // 16 examples a step, whatever the micro-batching
  int64_t micro_batch_tokens; // tokens in one packed forward and backward; 0: chosen by the memory plan
  int64_t max_length;         // tokens of one example; 0: min(2048, the model's context)
  vkift_excess excess_length;
  bool packing;         // true: several examples share a row, none sees another
  bool shuffle;         // true: a new seeded order each epoch
  double weight_decay;  // of matrices, the embedding included; never of norms or biases
  double max_grad_norm; // 1: gradients are scaled by min(1, max_grad_norm / (norm + 1e-6)); 0: never
  vkift_optim optim;
  double adam_beta1, adam_beta2, adam_epsilon; // 0.9, 0.999, 1e-8

  // LoRA: W + s·B·A with s = lora_alpha / lora_r, or lora_alpha / √lora_r with use_rslora
  int64_t lora_r;      // 16
  double lora_alpha;   // 32
  double lora_dropout; // 0 ≤ p < 1
  bool use_rslora;
  bool use_dora;                 // DoRA: each row of that gets a trained length, the magnitude
  vkift_strings target_modules;  // empty: every linear layer but the head ("all-linear")
  vkift_strings modules_to_save; // "embed_tokens", "norm": trained whole beside the adapter, and saved with it

  // freeze: what trains. Names of parameters ("model.norm.weight") or modules ("model.layers.29", "q_proj"), in which "*"
  // stands for any characters and "?" for one; and the last so many layers
  vkift_strings trainable;
  int64_t trainable_layers;

  // NEFTune: uniform noise in ±alpha / √(L·D) on the embeddings of training examples of L tokens; 0: none
  double neftune_noise_alpha;

  // objective CLASSIFY
  vkift_strings labels;        // in this order; empty: those of the training data, sorted; the run keeps them
  vkift_strings class_weights; // of the losses: "balanced", or a number for each label in their order; empty: 1
  double head_learning_rate;   // of the head, with the same schedule; 0: learning_rate, for full training ten times that

  // memory and device
  vkift_tristate gradient_checkpointing; // AUTO: the fastest form that fits
  int64_t checkpointing_layers; // of the layers, so many from the first are computed again; 0: all, or what the plan chose
  int64_t checkpointing_group;  // inputs of so many layers are computed again too; 0: by the plan; 1: never
  vkift_weight_type weight_dtype;
  vkift_quantize quantize;
  bool double_quantization; // of NF4: its scales too, as bitsandbytes does it (4.13 bits a weight instead of 4.5)
  const char *device;
  // ON: kernels that this device has no measurements of are measured first (once: a file keeps them); AUTO: where the run is
  // long enough for that to pay; OFF: each product takes its default kernel. `kernels`: the choices of an earlier run, as its
  // config.yaml has them, in place of all this, so that the same bits come out; empty: none.
  vkift_tristate tune;
  vkift_strings kernels;
  int64_t seed; // 42

  // the run directory
  const char *output_dir;   // NULL: runs/<date-time>; never an existing directory with something in it unless `resume`
  bool resume;              // go on from the newest good checkpoint in output_dir
  int64_t logging_steps;    // 1: every how many steps `step` is called and metrics.jsonl gets a line
  int64_t eval_steps;       // 0: once an epoch
  int64_t save_steps;       // 0: once an epoch
  int64_t save_total_limit; // 2: checkpoints that are kept
  // Both need evaluation data, and begin anew where a run is resumed with other ones, or where the checkpoint of the least loss
  // is gone. The result has the weights of the evaluation whose loss was least (of the last step where these were damaged):
  bool load_best_model_at_end;
  int64_t early_stopping_patience; // so many evaluations in a row without a lower loss end the run; 0: never
  int64_t max_bad_steps;           // 5 steps in a row whose loss or gradient is not finite end the run
  const char *profile;             // a Chrome trace of the second and third step of this call is written there; NULL: none
  bool log_tensor_norms;           // also write the gradient norm of every trained tensor to metrics.jsonl
  bool tensorboard;                // also write TensorBoard event files to output_dir/tensorboard
  vkift_strings command;           // the command line that began the run, kept in run.json for its report; empty: none
} vkift_train_options;

vkift_train_options vkift_train_defaults(void);

// Of objective DPO, means over pairs; all zero otherwise. A reward is beta times the log ratio of an answer to the reference.
typedef struct vkift_rewards {
  bool given;
  double chosen, rejected; // rewards
  double accuracy;         // share of the pairs whose chosen answer has the larger one
} vkift_rewards;

typedef struct vkift_step {
  int64_t step, total_steps; // 1-based
  double epoch;              // data seen, in epochs
  double loss;               // mean over the step's target tokens, or pairs; NaN or infinite in a bad step
  double grad_norm;          // before clipping
  double learning_rate;
  int64_t tokens, target_tokens; // of this step: all tokens computed, and those that carry loss
  double seconds, target_tokens_per_second, seconds_left;
  double host_seconds;   // of `seconds`: the device had nothing to do
  uint64_t device_bytes; // allocated on the device
  bool bad;              // loss or gradient was not finite: the weights stayed as they were
  vkift_rewards rewards;
} vkift_step;

typedef struct vkift_eval_point {
  int64_t step;
  double loss;       // mean over target tokens, or pairs
  double perplexity; // e to the loss; 0 with objective DPO, whose loss is of pairs
  int64_t examples, target_tokens;
  vkift_rewards rewards;
  double accuracy; // of a classifier: the share of right labels, 0 to 1; NaN otherwise
} vkift_eval_point;

// Any of them may be NULL. `user` is handed through.
typedef struct vkift_train_events {
  void *user;
  void (*step)(void *user, const vkift_step *step);
  void (*evaluation)(void *user, const vkift_eval_point *point);
  void (*note)(void *user, const char *message); // one line about what was found or chosen
  // While data are turned into tokens, which the first run on large data has to wait for.
  void (*reading)(void *user, int64_t done_bytes, int64_t total_bytes);
  // Asked between steps; true: save a checkpoint and return VKIFT_OK with `stopped`. While data are read: VKIFT_FAILED.
  bool (*should_stop)(void *user);
} vkift_train_events;

typedef struct vkift_train_result {
  char run_dir[4096]; // where everything was written
  char output[4096];  // run_dir/adapter or run_dir/model; "" when stopped before the end
  int64_t steps, total_steps, bad_steps;
  double last_loss, last_eval_loss; // NaN where there is none
  int64_t best_step;                // of the evaluation with the least loss; 0: there was none
  double best_eval_loss;            // … NaN
  bool stopped;                     // by should_stop
} vkift_train_result;

// Trains. events and result may be NULL. On failure, checkpoints that were already written stay usable.
vkift_status vkift_train(const vkift_train_options *options, const vkift_train_events *events, vkift_train_result *result,
                         vkift_error *error);

// --- planning --------------------------------------------------------------------------------------------------------

// Make with vkift_plan_defaults(). Of the model only the configuration is needed: config.json, or a GGUF file.
typedef struct vkift_plan_options {
  vkift_train_options train; // data may be absent: then rows are of micro_batch_tokens, and a step is one row
  uint64_t vram_bytes;       // plan for so much device memory and the limits that every device has; 0: for train.device
  double pretraining_tokens; // that the model was pretrained on; 0: what config.json says (pretraining_tokens), if anything
  double gflops;             // what the device computes in a second, measured, in 10⁹ operations; 0: not known
} vkift_plan_options;

vkift_plan_options vkift_plan_defaults(void);

// Something that needs less memory, and how much the run then takes.
typedef struct vkift_plan_way {
  const char *change; // "--optim adamw_8bit"
  uint64_t device_bytes;
  bool fits;
} vkift_plan_way;

typedef struct vkift_planned {
  const char *device;
  uint64_t budget_bytes; // what the run may take; 0: not known, then it fits
  bool fits;
  int64_t parameters, trained_parameters;
  // device memory by kind; device_bytes is their sum, and what vkift_train allocates
  uint64_t frozen_bytes, weight_bytes, gradient_bytes, optimizer_bytes, activation_bytes, rest_bytes, device_bytes;
  int64_t row_tokens;            // capacity of a packed row
  int64_t layers;                // of the model
  int64_t checkpointing_layers;  // layers that are computed again; 0: no checkpointing
  int64_t checkpointing_group;   // above 1: in groups
  double row_flops, row_bytes;   // of a full row: forward and backward; what is read and written
  double step_flops, step_bytes; // of an optimizer step
  double step_tokens;            // with data: the mean; else row_tokens
  int64_t steps;                 // of the run; 0: not known
  double run_flops;              // 0: not known
  double pretraining_flops;      // 6 · parameters · pretraining tokens; 0: not known
  double step_seconds;           // 0: not known
  const vkift_plan_way *ways;    // where it does not fit: single changes and, where none is enough, all together
  size_t n_ways;
} vkift_planned;

// Hands over the plan, also where it does not fit.
vkift_status vkift_plan(const vkift_plan_options *options, void (*plan)(void *user, const vkift_planned *plan), void *user,
                        vkift_error *error);

// --- generation ------------------------------------------------------------------------------------------------------

typedef enum vkift_role { VKIFT_SYSTEM, VKIFT_USER, VKIFT_ASSISTANT } vkift_role;

typedef struct vkift_message {
  vkift_role role;
  const char *content;
} vkift_message;

// Make with vkift_generate_defaults(). What may be drawn is narrowed in this order, as in transformers: repetition_penalty,
// temperature, top_k, top_p, min_p.
typedef struct vkift_generate_options {
  bool raw;                  // continue the last message's content as it is: no template, control tokens are matched in it
  int64_t max_new_tokens;    // 128
  double temperature;        // 0: always the most likely token, and none of the next three counts
  int64_t top_k;             // 0: all; else only so many of the most likely tokens
  double top_p;              // 1; 0 < top_p ≤ 1: the smallest set of most likely tokens with that probability together
  double min_p;              // 0; 0 ≤ min_p ≤ 1: tokens at least so likely, as a share of the most likely one's probability
  double repetition_penalty; // 1; > 0: logits of tokens that stand in the prompt or the answer are divided by it, negative
                             // ones multiplied
  vkift_strings stop;        // the answer ends before the first of these strings in it, also where it begins or ends within
                             // a token; none of them empty
  int64_t seed;              // 42. A token's random numbers depend on the seed, the prompt's number and the token's place
  int64_t batch_size;        // 16: prompts answered at once by vkift_generate_all; 1 to 64
  int64_t number;            // 0: of the prompt, for the random numbers of vkift_generate; vkift_generate_all counts from it
  void *user;                // handed to the callbacks
  void (*text)(void *user, const char *bytes, size_t length); // of vkift_generate: the answer as it grows, in whole UTF-8
                                                              // characters that no later token changes
  bool (*should_stop)(void *user);                            // asked after each token
} vkift_generate_options;

vkift_generate_options vkift_generate_defaults(void);

// The end-of-turn token; max_new_tokens or the model's context; should_stop; one of `stop`.
typedef enum vkift_finish { VKIFT_FINISH_END, VKIFT_FINISH_LENGTH, VKIFT_FINISH_STOPPED, VKIFT_FINISH_STOP_STRING } vkift_finish;

typedef struct vkift_generate_result {
  int64_t prompt_tokens, new_tokens;
  double prompt_seconds, new_seconds;
  vkift_finish finish;
} vkift_generate_result;

// A model that is loaded once and asked many times.
typedef struct vkift_generator vkift_generator;

vkift_status vkift_generator_open(const vkift_source *source, vkift_generator **generator, vkift_error *error);
void vkift_generator_close(vkift_generator *generator); // NULL is fine
// Whether there is a token that ends an answer. Without one every answer goes on until a stop string or max_new_tokens.
bool vkift_generator_has_end(const vkift_generator *generator);

// Answers a conversation that ends with a message of the user (or, with `raw`, continues one message). result may be
// NULL. What an earlier call has in common with this one is not computed again.
vkift_status vkift_generate(vkift_generator *generator, const vkift_message *messages, size_t n,
                            const vkift_generate_options *options, vkift_generate_result *result, vkift_error *error);

// One of many conversations.
typedef struct vkift_prompt {
  const vkift_message *messages; // [n]
  size_t n;
} vkift_prompt;

typedef struct vkift_answer {
  int64_t index; // of the prompt
  const char *text;
  size_t length;
  int64_t prompt_tokens, new_tokens;
  vkift_finish finish;
} vkift_answer;

// Answers prompts[n], batch_size of them at once, and calls answer() for each when it is done, in the order in which they are.
// Each gets the answer that it would get alone. All are read before any is answered. Stopped by should_stop it fails.
vkift_status vkift_generate_all(vkift_generator *generator, const vkift_prompt *prompts, size_t n,
                                const vkift_generate_options *options, void (*answer)(void *user, const vkift_answer *answer),
                                vkift_error *error);

// --- evaluation ------------------------------------------------------------------------------------------------------

// How answers are scored, all on a scale to 100. The best of the references counts.
//   AUTO            of each task what its rows name, else by its category, else ACCURACY where rows have choices, else ROUGE_L
//   ROUGE_L         Super-NaturalInstructions' script: F1 of the longest common subsequence of stemmed words
//   ROUGE_L_TOKENS  of a tokenizer's tokens: AUTO's form for references that are not in Latin script. With GPT-2's tokenizer it is
//                   Tk-Instruct's cross-lingual one
//   EXACT_MATCH     the same script's: but for case, punctuation and white space
//   ACCURACY        whether the likeliest of a row's choices is right: lm-evaluation-harness' acc
//   ACCURACY_NORM   … by likelihood for each character: its acc_norm
//   F1              SQuAD's, of words
//   BLEU, CHRF      sacreBLEU's defaults, over all answers of a task
typedef enum vkift_metric {
  VKIFT_METRIC_NONE,
  VKIFT_METRIC_AUTO,
  VKIFT_METRIC_ROUGE_L,
  VKIFT_METRIC_ROUGE_L_TOKENS,
  VKIFT_METRIC_EXACT_MATCH,
  VKIFT_METRIC_ACCURACY,
  VKIFT_METRIC_ACCURACY_NORM,
  VKIFT_METRIC_F1,
  VKIFT_METRIC_BLEU,
  VKIFT_METRIC_CHRF,
} vkift_metric;

// Make with vkift_eval_defaults().
typedef struct vkift_eval_options {
  vkift_source source;
  const char *data; // a file, or a directory whose test.jsonl is taken; NULL: the run's evaluation data
  vkift_reading reading;
  vkift_objective objective;
  int64_t max_length; // 0: the run's, else min(2048, the model's context)
  vkift_excess excess_length;
  int64_t micro_batch_tokens; // 0: chosen
  int64_t seed;               // 42: of what is drawn for a template pack's rows, and of the samples for intervals
  vkift_metric metric;        // also answer each example greedily, or weigh its choices, and score that by task
  int64_t max_new_tokens;     // 128, of such an answer
  int64_t limit;              // examples of each task: the first of them; 0: all
  bool compare_base;          // score also what the run or the adapter started from, on the same examples
  const char
      *rouge_tokenizer; // for ROUGE_L_TOKENS: a tokenizer.json, a directory with one, or a GGUF file; NULL: the model's own
  // With a metric, every answer and its score as JSON Lines, those of the base beside them. NULL: with a run, in its predictions/,
  // named after the data; else nowhere.
  const char *predictions;
  // Score the answers of such a file by `metric` instead of a model's: `source` and `data` stay empty.
  const char *score;
  vkift_strings labels; // of an adapter of a classifier that does not name them itself, in the order of its head
} vkift_eval_options;

vkift_eval_options vkift_eval_defaults(void);

// One scored example, in the order of the data.
typedef struct vkift_scored {
  int64_t index; // 0-based
  const char *file;
  int64_t line; // 1-based
  const char *task, *cluster;
  size_t n;
  const int32_t *input_ids; // [n]
  const float *nll;         // [n]: −log p(input_ids[i] | those before); NaN where no token is predicted. input_ids[0] never is.
                            // Tokens without loss are scored too
  const bool *target;       // [n]: whether the token carries loss
  double loss;              // mean nll over the targets
} vkift_scored;

// With a metric: what a task, a cluster or all clusters of one metric scored. A cluster's score is the mean over its tasks, that
// of all the mean over clusters; examples without a cluster form the cluster "".
typedef enum vkift_score_level { VKIFT_SCORE_TASK, VKIFT_SCORE_CLUSTER, VKIFT_SCORE_ALL } vkift_score_level;

typedef struct vkift_task_score {
  vkift_score_level level;
  const char *name;     // of the task or the cluster; "" for ALL
  const char *cluster;  // of a task; "" otherwise
  const char *category; // of a task; "" otherwise
  vkift_metric metric;
  const char *metric_name;
  int64_t clusters, tasks, examples;
  double score, low, high; // 0–100, with the interval that has 95 % of the scores of resampled examples (for ALL, of
                           // resampled clusters too)
  // With compare_base, else 0: the base's score, and how much more this one has, on the same resampled examples.
  double base, difference, low_difference, high_difference;
  double constant;             // what each task's most frequent right answer would score if it were every answer
  const char *frequent_answer; // of a task: that answer; "" otherwise
  int64_t limits, limits_met;  // examples whose prompt states a length as vkift's augmentation does; answers that kept to it
  int64_t base_limits_met;     // … of the base
} vkift_task_score;

// What a classifier did. Of labels in the order of its head; scores are 0 to 100, with 95 % intervals over resampled examples.
typedef struct vkift_class_score {
  const char *label;
  int64_t examples, predicted;  // that have the label; that were given it
  double precision, recall, f1; // 0 where nothing has the label, or nothing was given it
} vkift_class_score;

typedef struct vkift_classes {
  size_t n_labels;
  const vkift_class_score *labels; // [n_labels]
  const int64_t *confusion;        // [n_labels, n_labels]: row, the right label; column, the given one
  double accuracy, accuracy_low, accuracy_high;
  double macro_f1, macro_f1_low, macro_f1_high; // mean f1 of the labels that occur, right or given
} vkift_classes;

typedef struct vkift_eval_events {
  void *user;
  void (*example)(void *user, const vkift_scored *scored); // has every token scored, not only the targets
  // After the last example: of each metric its clusters, each followed by its tasks, then all.
  void (*score)(void *user, const vkift_task_score *score);
  void (*classes)(void *user, const vkift_classes *classes); // of a classifier, behind the scores
  void (*progress)(void *user, int64_t done, int64_t examples);
  void (*note)(void *user, const char *message);
  bool (*should_stop)(void *user); // true ends with VKIFT_FAILED
} vkift_eval_events;

typedef struct vkift_eval_result {
  double loss;       // mean nll over all target tokens
  double perplexity; // e^loss
  int64_t examples, tokens, target_tokens;
  double seconds;
  double base_loss, base_perplexity, base_seconds; // with compare_base; else NaN
  char predictions[4096];                          // where the answers are; "" where they were not kept
  char rouge_tokenizer[4096];                      // whose tokens ROUGE_L_TOKENS counted; "" where no task has it
} vkift_eval_result;

// events and result may be NULL.
vkift_status vkift_eval(const vkift_eval_options *options, const vkift_eval_events *events, vkift_eval_result *result,
                        vkift_error *error);

// --- crossval --------------------------------------------------------------------------------------------------------

typedef enum vkift_leave_out { VKIFT_LEAVE_CLUSTER, VKIFT_LEAVE_TASK } vkift_leave_out;

// Leave-one-cluster-out: for each cluster of tasks, the model is tuned on the others and judged on that one. Make with
// vkift_crossval_defaults().
typedef struct vkift_crossval_options {
  // As of a training run, for every fold anew. eval_data has no place here; eval_split is the share of the tasks trained on that
  // load_best_model_at_end chooses the checkpoint by. output_dir NULL: runs/crossval-<date-time>; `resume` goes on: a fold that
  // is finished is never run again.
  // With `resume` only what no result depends on may be another: folds, with_shuffled, keep_models, and of `train` device,
  // save_steps, logging_steps, save_total_limit, tensorboard, log_tensor_norms. Every step is logged. init RANDOM,
  // num_demonstrations and profile have no place here either.
  vkift_train_options train;
  const char *clusters;      // a file of clusters (YAML, or JSON in FLAN's form); NULL: as the rows and task files say themselves
  vkift_leave_out leave_out; // TASK: each task by itself is held out, and the others of its cluster are trained on
  vkift_strings folds;       // names of what is held out, one after the other; empty: all
  bool with_shuffled;        // also tune on answers shuffled within each task: what such a control gains is form alone
  bool with_seen;            // also tune with a share of what is held out: what the distance costs
  bool keep_near_duplicates, keep_same_source; // switch a rule against leaks off
  bool keep_models;                            // keep model/ of every fold (methods full, freeze); adapters are kept always
  int64_t eval_examples_per_task;              // 100
  vkift_metric
      metric; // of every task, not NONE; AUTO: as the clusters' file has it, else by each task's rows, category or choices
  int64_t max_new_tokens; // 128, of an answer
} vkift_crossval_options;

vkift_crossval_options vkift_crossval_defaults(void);

// A row of the table: a cluster, or all of them. Scores are 0 to 100; a score that was not asked for is NaN.
typedef struct vkift_crossval_row {
  const char *name, *metric; // a cluster with tasks of several metrics has a row for each; "all" for the overall rows
  bool is_overall;           // one for each metric, first that which most clusters have
  double base, tuned, difference;
  double low, high; // of the difference: 95 %, by a bootstrap that draws clusters (of the overall row), then examples
  double shuffled, seen;
  int64_t n; // examples judged on
  int64_t
      tokens; // trained on, of all arms. Of a cluster with several rows they stand in the first; over all, in the first row too
  double seconds; // of training and evaluation, likewise
} vkift_crossval_row;

typedef struct vkift_crossval_events {
  vkift_train_events train; // of the arms; its should_stop is asked everywhere, its user handed to all
  void (*fold)(void *user, int64_t number, int64_t of, const char *name, const char *arm); // an arm begins: "base", "tuned", …
  void (*answers)(void *user, int64_t done, int64_t examples);
  // The table, when all is done: clusters, then what is overall. results.json has the same as "clusters", "overall" (of the
  // metric that most clusters have) and "overall_by_metric".
  void (*row)(void *user, const vkift_crossval_row *row);
} vkift_crossval_events;

typedef struct vkift_crossval_result {
  char run_dir[4096];
  int64_t folds, finished;
  bool stopped;       // by should_stop: resume goes on
  bool base_is_tuned; // the base seems to be instruction-tuned already
} vkift_crossval_result;

// events and result may be NULL.
vkift_status vkift_crossval(const vkift_crossval_options *options, const vkift_crossval_events *events,
                            vkift_crossval_result *result, vkift_error *error);

// --- export ----------------------------------------------------------------------------------------------------------

typedef enum vkift_export_format {
  VKIFT_EXPORT_HF,          // a Hugging Face model directory, with the adapter merged into the weights
  VKIFT_EXPORT_PEFT,        // the adapter by itself, for PEFT and vLLM
  VKIFT_EXPORT_GGUF,        // model.gguf, merged, and a Modelfile: for llama.cpp and ollama
  VKIFT_EXPORT_GGUF_ADAPTER // adapter.gguf, which llama.cpp loads beside the base (--lora), and a Modelfile
} vkift_export_format;

// AUTO: as the base model's file has its matrices (what it has quantized: hf f32, gguf f16); of adapters f32. Q8_0 and Q4_0 are
// GGUF's only; the matrices that they cannot hold (rows that are no multiple of 32) stay F16.
typedef enum vkift_export_type {
  VKIFT_EXPORT_AUTO,
  VKIFT_EXPORT_F32,
  VKIFT_EXPORT_F16,
  VKIFT_EXPORT_BF16,
  VKIFT_EXPORT_Q8_0,
  VKIFT_EXPORT_Q4_0
} vkift_export_type;

// Make with vkift_export_defaults().
typedef struct vkift_export_options {
  vkift_source source; // weight_dtype and device do not count: no device is used
  vkift_export_format format;
  vkift_export_type dtype; // of the written weights; AUTO is what peft takes
  const char *output_dir;  // required; never an existing directory with something in it
} vkift_export_options;

vkift_export_options vkift_export_defaults(void);

// Any of them may be NULL.
typedef struct vkift_export_events {
  void *user;
  void (*progress)(void *user, int64_t done, int64_t tensors); // of a merged model
  bool (*should_stop)(void *user);                             // asked between tensors; true ends with VKIFT_FAILED
} vkift_export_events;

// events may be NULL. On failure nothing is left in output_dir.
vkift_status vkift_export(const vkift_export_options *options, const vkift_export_events *events, vkift_error *error);

// --- report ----------------------------------------------------------------------------------------------------------

// Make with vkift_report_defaults().
typedef struct vkift_report_options {
  const char *run; // required: the directory of a training run, or of a cross-validation (with results.json)
  bool markdown;   // Markdown instead of an HTML page
} vkift_report_options;

vkift_report_options vkift_report_defaults(void);

// Makes one page about a run, which needs no other file to be looked at. *page ends with a NUL that *length does not count;
// released with vkift_free.
vkift_status vkift_report(const vkift_report_options *options, char **page, size_t *length, vkift_error *error);

// --- data ------------------------------------------------------------------------------------------------------------

// What the model would be trained on, without training: no device is used, and of the weights a report alone reads a few rows.
// Make with vkift_data_defaults().
typedef struct vkift_data_options {
  vkift_source source;  // whose tokenizer and template: a run, or a model
  vkift_data_list data; // required: as of training (weights do not count here); with a run in `source`, by default its own
  vkift_reading reading;
  vkift_objective objective;
  vkift_augment augment;
  int64_t seed;       // 42: of the augmentations, and of what is drawn for a template pack's rows
  int64_t max_length; // 0: the run's, else min(2048, the model's context)
  vkift_excess excess_length;
  const char *eval_data; // of a report: training examples whose prompt stands there are counted; NULL: none
} vkift_data_options;

vkift_data_options vkift_data_defaults(void);

typedef struct vkift_data_token {
  int32_t id;
  bool target;      // carries loss
  bool control;     // a control token, not text
  const char *text; // what it adds to the text so far; a character that takes several tokens stands at the last of them
  size_t length;
} vkift_data_token;

typedef struct vkift_data_example {
  int64_t index; // 0-based, of the examples that are left
  const char *file;
  int64_t line;
  const char *task, *cluster, *source;
  double weight;
  size_t n;
  const vkift_data_token *tokens;  // [n]
  size_t n_targets, prompt_tokens; // prompt_tokens: before the last answer
  size_t second;                   // of a pair, the token with which the prompt and the rejected answer begin; else 0
} vkift_data_example;

// The examples of one task, or of one file.
typedef struct vkift_data_group {
  const char *name;
  const char *format; // of a file: "alpaca", …; "" for a task
  int64_t examples, tokens, target_tokens;
  int64_t dropped_long, bad; // of a task, bad ones are not known
} vkift_data_group;

// Something that a person may want to act on: `examples` of it, the first at file:line.
//   kind                   detail                                  like_file:like_line
//   bad_examples           the message about the first of them
//   dropped_long           tokens of the first
//   truncated, split       tokens of the first
//   fewer_demonstrations
//   across_borders
//   missing_tasks
//   duplicates                                                     the earlier example
//   leaked                                                         the example of the evaluation data
//   near_duplicates        estimated similarity                    the earlier example
//   other_answers                                                  the earlier example with the same prompt
//   no_end
//   end_markers            the marker
//   white_space
//   control_text           the token
//   untrained_tokens       a sentence about the prompt's control tokens that the model does not know
// They come in this order; of bad_examples there may be several, one for each kind of fault. From no_end on, duplicates and
// leaked examples are no longer looked at.
typedef struct vkift_data_finding {
  const char *kind;
  int64_t examples;
  const char *file, *like_file;   // NULL: none
  int64_t line, like_line;        // 1-based; of a JSON array or a task file, the item
  const char *place, *like_place; // both as one text: "data.jsonl:7", "data.json: item 7"
  const char *detail;             // "" where there is none
} vkift_data_finding;

enum { VKIFT_DATA_LENGTHS = 24 };

typedef struct vkift_data_report {
  int64_t examples, tokens, target_tokens;
  int64_t bad, empty_masks; // examples that cannot be used; those of them in which nothing carries loss
  int64_t dropped_long, truncated;
  int64_t left; // that a run would train on: without duplicates and what is evaluated on
  int64_t with_demonstrations, with_persona, with_definition, with_length_constraint; // of `examples`
  int64_t max_length;                                                                 // that longer ones were dropped or cut at
  int64_t lengths[VKIFT_DATA_LENGTHS];                                                // examples of [2^i, 2^(i+1)) tokens
  int64_t longest, median_length, fewest_targets, median_targets, most_targets;
  char stops[1500]; // why a run on this data would stop before its first step; "" where it would not
} vkift_data_report;

typedef struct vkift_data_events {
  void *user;
  int64_t first, count; // of which examples `example` is called
  void (*example)(void *user, const vkift_data_example *example);
  // With a report:
  void (*task)(void *user, const vkift_data_group *task); // the largest first
  void (*file)(void *user, const vkift_data_group *file);
  void (*finding)(void *user, const vkift_data_finding *finding);
} vkift_data_events;

// Reads all of it. events and report may be NULL. With report NULL, only as much is computed as `example` needs, and a bad
// example ends the reading as it ends a run. A report reads on: such faults are counted, and report->stops says that a run
// would not have done so.
vkift_status vkift_data_read(const vkift_data_options *options, const vkift_data_events *events, vkift_data_report *report,
                             vkift_error *error);

// One example in a row.
typedef struct vkift_packed_example {
  vkift_data_example example;
  size_t begin; // its tokens stand at [begin, begin + example.n) of the row
} vkift_packed_example;

// A row as it would be computed: the examples of (a part of) an optimizer step one behind the other, then padding.
typedef struct vkift_packed_row {
  int64_t step, epoch, row, rows; // 1-based; row of the step's rows
  size_t capacity;                // in tokens: what is not used is padding
  size_t n_examples;
  const vkift_packed_example *examples; // [n_examples]
  size_t n, n_targets;
  const int32_t *input_ids;             // [n]
  const int32_t *labels;                // [n]: input_ids[i] where it carries loss, else −100
  const int32_t *positions;             // [n]: of the token in its example
  const int32_t *seen_begin, *seen_end; // [n]: token i sees [seen_begin[i], seen_end[i]) of the row, itself included
} vkift_packed_row;

// Calls row() for the rows of `steps` optimizer steps from the 1-based `first` on, in the order in which vkift_train with these
// options would compute them: by the same functions, without a device. micro_batch_tokens 0: what a device without limits would get.
vkift_status vkift_data_pack(const vkift_train_options *options, int64_t first, int64_t steps,
                             void (*row)(void *user, const vkift_packed_row *row), void *user, vkift_error *error);

// Conversations as the text that a model would get. Make with vkift_render_defaults(). Without a run or a model in `source`
// its chat_template alone is used, and no tokenizer.
typedef struct vkift_render_options {
  vkift_source source;
  const char *bos_token, *eos_token; // without a model: what the template gets by these names; NULL: none
  const char *data;                  // required: as of training, in a form that holds conversations
  vkift_reading reading;
  vkift_augment augment;
  int64_t seed;               // 42: of the augmentations, and of what is drawn for a template pack's rows
  bool add_generation_prompt; // end where an answer is to begin
} vkift_render_options;

vkift_render_options vkift_render_defaults(void);

typedef struct vkift_span {
  size_t begin, end; // bytes
} vkift_span;

typedef struct vkift_rendered_message {
  const char *role;
  const vkift_span *spans; // [n_spans], where its content stands: none where it is left out, several where it is taken apart
  size_t n_spans;
} vkift_rendered_message;

typedef struct vkift_rendering {
  int64_t index; // 0-based
  const char *file;
  int64_t line;
  const char *error; // why the prompt refuses this conversation: then all that follows is empty. Else NULL
  const char *text;
  size_t length;
  const vkift_rendered_message *messages; // [n_messages]
  size_t n_messages;
  const vkift_span *assistant; // [n_assistant], what carries loss: answers, each with what ends it
  size_t n_assistant;
} vkift_rendering;

// Calls rendering() for every conversation in turn, also for those that could not be trained on since they have no answer.
// A fault of the file ends it; what was rendered before has been handed over.
vkift_status vkift_data_render(const vkift_render_options *options,
                               void (*rendering)(void *user, const vkift_rendering *rendering), void *user, vkift_error *error);

typedef enum vkift_convert_to {
  VKIFT_CONVERT_MESSAGES, // {"messages": [{"role", "content"}]}: no model is needed; text, segments and token ids are refused
  VKIFT_CONVERT_TOKENS,   // {"input_ids", "labels"}: as the model of `source` would be trained on it
} vkift_convert_to;

typedef struct vkift_conversion {
  int64_t rows;                                 // written
  int64_t skipped_bad, dropped_long, truncated; // examples; the last two of TOKENS alone
} vkift_conversion;

// Writes the data as JSON Lines to `output`, whole or not at all; a file that is there already is refused. Task, cluster,
// source, weight and choices go with each row, and with MESSAGES definition, things to avoid and personas. There the input of
// an instruction follows it as a paragraph, or under Alpaca's heading where source.chat_template is "alpaca". result may be
// NULL.
vkift_status vkift_data_convert(const vkift_data_options *options, vkift_convert_to to, const char *output,
                                vkift_conversion *result, vkift_error *error);

// The tasks of a data set in groups of similar ones, told by the words of their definitions and of some of their examples. No
// model is needed. Make with vkift_cluster_defaults().
typedef struct vkift_cluster_options {
  vkift_data_list data; // required: as of training (weights do not count here), at least three tasks
  vkift_reading reading;
  int64_t n_clusters;        // 0: the number whose groups are the clearest (highest mean silhouette)
  int64_t examples_per_task; // 50, drawn by `seed`, of which the words are counted
  const char *clusters;      // a file of clusters that stand for the tasks' own categories; NULL: what rows say
  int64_t permutations;      // 1000: random orders of the categories, to say what agreement chance gives
  int64_t seed;              // 42
  const char *clusters_out;  // a new file of clusters (YAML); NULL: none
  const char *picture;       // the groups as SVG; NULL: none
} vkift_cluster_options;

vkift_cluster_options vkift_cluster_defaults(void);

typedef struct vkift_cluster_task {
  const char *name, *category; // category: what its rows, or `clusters`, say of its cluster; "" where they do not
  int64_t examples;
  double silhouette; // how clearly it belongs to its group, in [−1, 1]; 0 where it is alone there
  // The most similar task of another group, and that group; `similarity` to it is in [0, 1].
  const char *like, *like_cluster;
  double similarity;
  int64_t border; // place among the ten tasks nearest a border, from 1; 0: not among them
} vkift_cluster_task;

typedef struct vkift_cluster {
  int64_t index; // 0-based, the largest first
  const char *name;
  const vkift_cluster_task *tasks; // [n_tasks], the clearest first
  size_t n_tasks;
} vkift_cluster;

typedef struct vkift_cluster_report {
  int64_t tasks, clusters, examples, skipped_bad;
  double silhouette; // mean of the tasks'
  // Agreement with the tasks' own categories, of the tasks that have one: the adjusted Rand index, 1 where both are the same, and
  // what it is for random orders of the categories. Where there are not two categories, all of it is 0.
  int64_t with_category, categories, permutations;
  double rand_index, chance_mean, chance_deviation, chance_highest;
  int64_t chance_as_high; // permutations with an index at least as high as rand_index
} vkift_cluster_report;

// Calls cluster() for each group (NULL: not), then fills in *report (NULL: not), with the files written before.
vkift_status vkift_data_cluster(const vkift_cluster_options *options, void (*cluster)(void *user, const vkift_cluster *cluster),
                                void *user, vkift_cluster_report *report, vkift_error *error);

// --- making data -----------------------------------------------------------------------------------------------------

// A model writes new rows from annotation guidelines and seed examples, as Self-Instruct (Wang et al., 2023) does.
//   INPUTS        new inputs of a guideline's own task with their answers: the instruction is its definition
//   INSTRUCTIONS  new instructions of the guideline's kind, with input and answer
//   BOTH          in turn, a group of attempts each
typedef enum vkift_make_what { VKIFT_MAKE_BOTH, VKIFT_MAKE_INPUTS, VKIFT_MAKE_INSTRUCTIONS } vkift_make_what;

// What became of an attempt: a row, or why it is none.
typedef enum vkift_made {
  VKIFT_MADE_ROW,
  VKIFT_MADE_UNFINISHED,      // max_new_tokens came before an end
  VKIFT_MADE_NOT_TEXT,        // bytes that are no UTF-8, or control characters
  VKIFT_MADE_NO_FORM,         // no instruction, input or output could be made out
  VKIFT_MADE_EMPTY,           // one of them is empty, or the output marks alone (".")
  VKIFT_MADE_TOO_SHORT,       // min_words
  VKIFT_MADE_TOO_LONG,        // max_words
  VKIFT_MADE_REPEATS_PROMPT,  // it has a part of the guideline, or of what the model was asked, in it
  VKIFT_MADE_REPEATS_ITSELF,  // the same line, or the same words, again and again
  VKIFT_MADE_ANSWER_IS_INPUT, // and in no example of the guideline it is
  VKIFT_MADE_NOT_A_LABEL,     // the guideline's examples have few different answers, and this is none of them
  VKIFT_MADE_NEAR_DUPLICATE,  // similarity
  VKIFT_MADE_KINDS
} vkift_made;

// Make with vkift_make_defaults().
typedef struct vkift_make_options {
  vkift_source source;
  // required: task files of Super-NaturalInstructions or Natural Instructions, of which the instances may be missing, or notes on
  // tasks (NAME.yaml, as augment.task_notes)
  vkift_strings guidelines;
  // required: data in any form with an instruction and an answer. Those that are of a guideline's task serve it alone.
  vkift_strings seeds;
  vkift_reading reading; // of the seeds; num_pos_examples (2), num_neg_examples (1) and add_explanation: of a guideline's
                         // examples, how many a prompt shows
  const char *output;    // required: JSON Lines, written whole at the end
  vkift_make_what write;
  int64_t num_rows;     // 100
  int64_t max_attempts; // 0: 20 for each row
  int64_t num_seeds;    // 2 seeds that a prompt shows,
  int64_t num_made;     // 1 row that was made before
  double similarity;    // 0.7: ROUGE-L from which on a row is a near duplicate
  int64_t min_words;    // 3, of a new instruction; of a new input, or as few as the shortest of the guideline's examples
  int64_t max_words;    // 150, of instruction, input and output each
  int64_t max_length;   // tokens of prompt and answer; 0: min(2048, the model's context)
  // As of vkift_generate_options; temperature 0.8, top_p 0.95 and max_new_tokens 256 here. A group of batch_size attempts sees the
  // rows of the groups before it.
  int64_t max_new_tokens;
  double temperature;
  int64_t top_k;
  double top_p, min_p, repetition_penalty;
  vkift_strings stop;
  int64_t seed;
  int64_t batch_size;
} vkift_make_options;

vkift_make_options vkift_make_defaults(void);

typedef struct vkift_make_attempt {
  int64_t number; // 0-based
  vkift_made verdict;
  const char *guideline;                    // its task
  const char *instruction, *input, *output; // as far as they could be made out, else ""
  double similarity;                        // to the nearest of what exists, where it came to that; else 0
  const char *nearest;                      // which that is; "" where nothing is alike
  int64_t rows, attempts;                   // so far, with this one
  bool from_journal;                        // an earlier call made it
} vkift_make_attempt;

typedef struct vkift_make_events {
  void *user;
  void (*attempt)(void *user, const vkift_make_attempt *attempt);
  void (*note)(void *user, const char *message);
  bool (*should_stop)(void *user); // asked after each token: true ends the call with VKIFT_OK and `stopped`
} vkift_make_events;

typedef struct vkift_make_result {
  int64_t rows, attempts;
  int64_t earlier_attempts;         // of them, made by earlier calls
  int64_t counts[VKIFT_MADE_KINDS]; // of attempts, by what became of them
  double seconds;
  bool stopped;
} vkift_make_result;

const char *vkift_made_name(vkift_made kind); // "near_duplicate"

// Every attempt is appended to the journal OUTPUT.journal when it is done, and at the end OUTPUT has the rows: {"instruction",
// "input", "output", "task", "category"?, "things_to_avoid"?, "source", "made": {…}}, where `made` says guideline, model, seed,
// number of the attempt, what its prompt showed ("from") and how near the nearest is. What was killed or stopped goes on when it is
// called again with the same options, and gives the same rows; so does a call for more rows. An output without its journal, or the
// journal of other options, is refused. events and result may be NULL. Where max_attempts come before num_rows, the output has
// what there is.
vkift_status vkift_data_make(const vkift_make_options *options, const vkift_make_events *events, vkift_make_result *result,
                             vkift_error *error);

// --- measuring -------------------------------------------------------------------------------------------------------

// Make with vkift_bench_defaults().
typedef struct vkift_bench_options {
  const char *model; // whose shapes are measured (of a directory config.json is enough); NULL: those of SmolLM2-135M
  const char *device;
  int64_t rows;       // 512: tokens of a row
  double seconds;     // 0.3, for each figure: it is the median of the runs in that time, of three at least
  const char *filter; // only figures with this text in "name shape"; NULL: all
  bool tune;          // measure first which kernel suits each product, as training does, and take that; else the defaults
  vkift_weight_type weight_dtype; // of the training step's frozen weights; AUTO: as in the model's file, BF16 without one
  vkift_quantize quantize;        // NF4: its linear weights in 4 bits
  bool double_quantization;       // with NF4: its scales, too
  bool variants;                  // also each matrix product by every kernel that the device may take, the default first
  const char *report; // write the device, its known-answer checks and all figures to this file as one JSON object; NULL: nowhere
} vkift_bench_options;

vkift_bench_options vkift_bench_defaults(void);

// A kernel, a copy, or a whole training step.
typedef struct vkift_bench_figure {
  const char *name, *shape, *variant; // variant: the kernels that were chosen, with their constants
  double gflops;                      // 0 where only the memory's speed says something
  double gbytes_per_second;           // of what it must at least read and write; 0 of a training step
  double share_of_peak;               // the larger share: of the multiply-adds that this device did, or of its copying
  double seconds;                     // of one run: by the device's timestamps, of transfers and steps by the host's clock
  double cpu_seconds;                 // of the process: what a software driver took; 0 where it was not measured
  const char *json;                   // all of it as an object
} vkift_bench_figure;

// Measures the peaks, then each kernel of a training step forward and backward, then a step; calls figure() for each.
vkift_status vkift_bench(const vkift_bench_options *options, void (*figure)(void *user, const vkift_bench_figure *figure),
                         void *user, vkift_error *error);

// --- tokens ----------------------------------------------------------------------------------------------------------

typedef struct vkift_tokenizer vkift_tokenizer;

// `path`: a tokenizer.json, a directory with one, or a GGUF file.
vkift_status vkift_tokenizer_open(const char *path, vkift_tokenizer **tokenizer, vkift_error *error);
void vkift_tokenizer_close(vkift_tokenizer *tokenizer); // NULL is fine

// text[length] (UTF-8) to ids, control tokens in it matched. add_special: also what the tokenizer puts around a text
// (a BOS, say). *ids is released with vkift_free.
vkift_status vkift_tokenizer_encode(const vkift_tokenizer *tokenizer, const char *text, size_t length, bool add_special,
                                    int32_t **ids, size_t *n, vkift_error *error);
// ids to text. skip_special leaves special tokens out. *text ends with a NUL that *length does not count; released with
// vkift_free.
vkift_status vkift_tokenizer_decode(const vkift_tokenizer *tokenizer, const int32_t *ids, size_t n, bool skip_special,
                                    char **text, size_t *length, vkift_error *error);

// --- devices ---------------------------------------------------------------------------------------------------------

// A small kernel with a known answer, run on the device.
typedef struct vkift_device_check {
  const char *what;
  bool ok, skipped;
  const char *found; // what was wrong, or why it was skipped; "" when ok
} vkift_device_check;

typedef struct vkift_device {
  int64_t index; // what `device` options take; 0 is taken when none is named
  const char *name;
  const char *kind; // "discrete", "integrated", "virtual", "cpu" or "other"
  uint64_t memory_bytes;
  const char *report;               // what it offers, which limits and faster paths vkift uses, and why one is off: lines of text
  const char *json;                 // the same as one JSON object
  const char *advice;               // where only a software driver was found: why, and what would help. Else NULL
  const vkift_device_check *checks; // NULL without `check`
  size_t n_checks;
} vkift_device;

// Calls device() for every Vulkan device, best first. check: also run the known-answer checks on each; when one fails,
// so does the call, after all devices were reported. No device at all is a failure that says what to install.
vkift_status vkift_devices(bool check, void (*device)(void *user, const vkift_device *device), void *user, vkift_error *error);

#ifdef __cplusplus
}
#endif

#endif
