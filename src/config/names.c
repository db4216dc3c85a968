// What to propose for a wrong name, and the vocabulary of other trainers.
#include "config/names.h"

#include <string.h>

#include "base/nearest.h"

// Same thing, other name. Sources: the documented options of TRL 0.2x and transformers 4.5x (SFTConfig,
// TrainingArguments, PEFT's LoraConfig), axolotl's config reference, LLaMA-Factory's argument classes, unsloth's
// notebooks, mlx-lm's lora and generate commands, llama.cpp's tools.
typedef enum trainer { MANY, HF, AXOLOTL, LLAMA_FACTORY, UNSLOTH, MLX_LM, LLAMA_CPP } trainer;

static const char *const trainer_names[] = {
    "other trainers", "transformers and TRL", "axolotl", "LLaMA-Factory", "unsloth", "mlx-lm", "llama.cpp"};

typedef struct foreign_name {
  const char *theirs, *ours;
  trainer of;
  const char *note; // what else has to be known; NULL: nothing
} foreign_name;

static const char whole_step[] = "; it counts the examples of a whole optimizer step, however they are cut into micro-batches";
static const char masked[] = "; sft takes the loss on answers only, lm on every token";

static const foreign_name foreign_names[] = {
    {"model_name_or_path", "model", HF},
    {"model_name", "model", UNSLOTH},
    {"base_model", "model", AXOLOTL},
    {"dataset_name", "data", HF},
    {"train_file", "data", HF},
    {"dataset", "data", LLAMA_FACTORY},
    {"dataset_dir", "data", LLAMA_FACTORY},
    {"datasets", "data", AXOLOTL},
    {"eval_dataset", "eval_data", LLAMA_FACTORY},
    {"test_datasets", "eval_data", AXOLOTL},
    {"validation_file", "eval_data", HF},
    {"val_set_size", "eval_split", AXOLOTL},
    {"val_size", "eval_split", LLAMA_FACTORY},
    {"template", "chat_template", LLAMA_FACTORY},
    {"chat_template_path", "chat_template", HF},
    {"adapter_name_or_path", "adapter", LLAMA_FACTORY},
    {"adapter_path", "adapter", MLX_LM},
    {"resume_adapter_file", "adapter", MLX_LM},
    {"lora_model_dir", "adapter", AXOLOTL},
    {"resume_from_checkpoint", "resume", HF},
    {"save_path", "output_dir", MLX_LM},
    {"export_dir", "output_dir", LLAMA_FACTORY},
    {"stage", "objective", LLAMA_FACTORY, masked},
    {"train_on_inputs", "objective", AXOLOTL, masked},
    {"completion_only_loss", "objective", HF, masked},
    {"assistant_only_loss", "objective", HF, masked},
    {"mask_prompt", "objective", MLX_LM, masked},
    {"rl", "objective", AXOLOTL},
    {"pref_beta", "beta", LLAMA_FACTORY},
    {"rl_beta", "beta", AXOLOTL},
    {"dpo_beta", "beta", MANY},
    {"dpo_label_smoothing", "label_smoothing", LLAMA_FACTORY},
    {"pref_loss", "loss_type", LLAMA_FACTORY},
    {"mask_history", "train_on", LLAMA_FACTORY},
    {"finetuning_type", "method", LLAMA_FACTORY},
    {"fine_tune_type", "method", MLX_LM},
    {"use_peft", "method", HF},
    {"lr", "learning_rate", MANY},
    {"lr_scheduler", "lr_scheduler_type", AXOLOTL},
    {"lr_schedule", "lr_scheduler_type", MLX_LM},
    {"warmup", "warmup_steps", MLX_LM},
    {"num_epochs", "num_train_epochs", AXOLOTL},
    {"epochs", "num_train_epochs", MANY},
    {"iters", "max_steps", MLX_LM},
    {"per_device_train_batch_size", "batch_size", HF, whole_step},
    {"gradient_accumulation_steps", "batch_size", HF, whole_step},
    {"grad_accumulation_steps", "batch_size", MLX_LM, whole_step},
    {"micro_batch_size", "batch_size", AXOLOTL, whole_step},
    {"per_device_eval_batch_size", "micro_batch_tokens", HF},
    {"eval_batch_size", "micro_batch_tokens", AXOLOTL},
    {"sequence_len", "max_length", AXOLOTL},
    {"cutoff_len", "max_length", LLAMA_FACTORY},
    {"max_seq_length", "max_length", UNSLOTH},
    {"model_max_length", "max_length", HF},
    {"excess_length_strategy", "excess_length", AXOLOTL},
    {"sample_packing", "packing", AXOLOTL},
    {"neat_packing", "packing", LLAMA_FACTORY},
    {"disable_shuffling", "shuffle", LLAMA_FACTORY},
    {"optimizer", "optim", AXOLOTL},
    {"adam_eps", "adam_epsilon", AXOLOTL},
    {"grad_clip", "max_grad_norm", MANY},
    {"r", "lora_r", UNSLOTH},
    {"rank", "lora_r", MLX_LM},
    {"lora_rank", "lora_r", LLAMA_FACTORY},
    {"alpha", "lora_alpha", MLX_LM},
    {"dropout", "lora_dropout", MLX_LM},
    {"lora_target", "target_modules", LLAMA_FACTORY},
    {"lora_target_modules", "target_modules", AXOLOTL},
    {"lora_target_linear", "target_modules", AXOLOTL},
    {"peft_use_rslora", "use_rslora", AXOLOTL},
    {"peft_use_dora", "use_dora", AXOLOTL},
    {"additional_target", "modules_to_save", LLAMA_FACTORY},
    {"lora_modules_to_save", "modules_to_save", AXOLOTL},
    {"freeze_trainable_layers", "trainable_layers", LLAMA_FACTORY},
    {"freeze_trainable_modules", "trainable", LLAMA_FACTORY},
    {"freeze_extra_modules", "trainable", LLAMA_FACTORY},
    {"num_layers", "trainable_layers", MLX_LM},
    {"unfrozen_parameters", "trainable", AXOLOTL},
    {"neftune_alpha", "neftune_noise_alpha", LLAMA_FACTORY},
    {"grad_checkpoint", "gradient_checkpointing", MLX_LM},
    {"use_gradient_checkpointing", "gradient_checkpointing", UNSLOTH},
    {"bf16", "weight_dtype", HF},
    {"fp16", "weight_dtype", HF},
    {"dtype", "weight_dtype", UNSLOTH},
    {"torch_dtype", "weight_dtype", HF},
    {"infer_dtype", "weight_dtype", LLAMA_FACTORY},
    {"load_in_4bit", "quantize", HF},
    {"bnb_4bit_quant_type", "quantize", HF},
    {"bnb_4bit_use_double_quant", "double_quantization", HF},
    {"quantization_bit", "quantize", LLAMA_FACTORY},
    {"random_state", "seed", UNSLOTH},
    {"steps_per_report", "logging_steps", MLX_LM},
    {"steps_per_eval", "eval_steps", MLX_LM},
    {"eval_strategy", "eval_steps", HF},
    {"evals_per_epoch", "eval_steps", AXOLOTL},
    {"save_every", "save_steps", MLX_LM},
    {"save_strategy", "save_steps", HF},
    {"saves_per_epoch", "save_steps", AXOLOTL},
    {"max_tokens", "max_new_tokens", MLX_LM},
    {"n_predict", "max_new_tokens", LLAMA_CPP},
    {"temp", "temperature", MLX_LM},
    {"lora", "adapter", LLAMA_CPP},
};

static const option *known(const option_set *sets, size_t n_sets, const char *name, bool as_flag) {
  const option *o = option_find(sets, n_sets, name, NULL);
  return o && !as_flag && (o->rules & OPTION_FLAG_ONLY) ? NULL : o;
}

static const option *nearest_option(const option_set *sets, size_t n_sets, const char *given, bool as_flag) {
  const option *nearest = NULL;
  unsigned best = nearest_tolerance(given) + 1;
  for (size_t s = 0; s < n_sets; s++) {
    for (const option *o = sets[s].options; o->name; o++) {
      if (!as_flag && (o->rules & OPTION_FLAG_ONLY)) continue;
      unsigned d = nearest_distance(o->name, given);
      if (d < best) best = d, nearest = o;
    }
  }
  return nearest;
}

// A key as it is, or as the flag: --learning-rate.
static void put_name(text *out, const char *name, bool as_flag) {
  if (as_flag) text_puts(out, "--");
  for (; *name; name++) text_putc(out, as_flag && *name == '_' ? '-' : *name);
}

bool names_unknown_option(const option_set *sets, size_t n_sets, const char *where, const char *given, bool as_flag, err *e) {
  text message = {0};
  text_printf(&message, "%sunknown %s %s%.100s", where, as_flag ? "option" : "key", as_flag ? "--" : "", given);

  const foreign_name *foreign = NULL;
  for (size_t i = 0; !foreign && i < sizeof foreign_names / sizeof *foreign_names; i++) {
    const foreign_name *f = &foreign_names[i];
    if (!nearest_distance(f->theirs, given) && known(sets, n_sets, f->ours, as_flag)) foreign = f;
  }
  const option *nearest = foreign ? NULL : nearest_option(sets, n_sets, given, as_flag);
  if (foreign) {
    text_printf(&message, ": %s %s it so; it is ", trainer_names[foreign->of],
                foreign->of == MANY || foreign->of == HF ? "call" : "calls");
    put_name(&message, foreign->ours, as_flag);
    text_printf(&message, " here%s", foreign->note ? foreign->note : "");
  } else if (nearest) {
    text_puts(&message, ": did you mean ");
    put_name(&message, nearest->name, as_flag);
    text_puts(&message, "?");
  } else if (as_flag) {
    text_puts(&message, ": --help lists the options");
  } else {
    text_puts(&message, ": the keys are the command's options with underscores, as in its --help");
  }
  ERR(e, "%s", message.data);
  text_free(&message);
  return false;
}
