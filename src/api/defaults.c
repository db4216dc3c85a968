// The defaults of the public option structs: the one place where their numbers stand. Fields that are not named are zero.
#include <stdlib.h>

#include "vkift.h"

const char *vkift_version(void) {
  return VKIFT_VERSION;
}

void vkift_free(void *memory) {
  free(memory);
}

enum { SEED = 42 };
static const vkift_reading reading = {.num_pos_examples = 2};

vkift_train_options vkift_train_defaults(void) {
  return (vkift_train_options){
      .reading = reading,
      .drop_duplicates = true,
      .warmup_ratio = 0.03,
      .warmup_steps = -1,
      .num_train_epochs = 3,
      .batch_size = 16,
      .packing = true,
      .shuffle = true,
      .max_grad_norm = 1,
      .adam_beta1 = 0.9,
      .adam_beta2 = 0.999,
      .adam_epsilon = 1e-8,
      .beta = 0.1,
      .lora_r = 16,
      .lora_alpha = 32,
      .seed = SEED,
      .logging_steps = 1,
      .save_total_limit = 2,
      .max_bad_steps = 5,
  };
}

vkift_plan_options vkift_plan_defaults(void) {
  return (vkift_plan_options){.train = vkift_train_defaults()};
}

vkift_generate_options vkift_generate_defaults(void) {
  return (vkift_generate_options){.max_new_tokens = 128, .top_p = 1, .repetition_penalty = 1, .seed = SEED, .batch_size = 16};
}

vkift_eval_options vkift_eval_defaults(void) {
  return (vkift_eval_options){.reading = reading, .max_new_tokens = 128, .seed = 42};
}

vkift_crossval_options vkift_crossval_defaults(void) {
  return (vkift_crossval_options){
      .train = vkift_train_defaults(), .eval_examples_per_task = 100, .metric = VKIFT_METRIC_AUTO, .max_new_tokens = 128};
}

vkift_export_options vkift_export_defaults(void) {
  return (vkift_export_options){0};
}

vkift_data_options vkift_data_defaults(void) {
  return (vkift_data_options){.reading = reading, .seed = SEED};
}

vkift_bench_options vkift_bench_defaults(void) {
  return (vkift_bench_options){.rows = 512, .seconds = 0.3, .tune = true};
}

vkift_render_options vkift_render_defaults(void) {
  return (vkift_render_options){.reading = reading, .seed = SEED};
}

vkift_cluster_options vkift_cluster_defaults(void) {
  return (vkift_cluster_options){.reading = reading, .examples_per_task = 50, .permutations = 1000, .seed = SEED};
}

vkift_report_options vkift_report_defaults(void) {
  return (vkift_report_options){0};
}

vkift_make_options vkift_make_defaults(void) {
  return (vkift_make_options){
      .reading = {.num_pos_examples = 2, .num_neg_examples = 1},
      .num_rows = 100,
      .num_seeds = 2,
      .num_made = 1,
      .similarity = 0.7,
      .min_words = 3,
      .max_words = 150,
      .max_new_tokens = 256,
      .temperature = 0.8,
      .top_p = 0.95,
      .repetition_penalty = 1,
      .seed = SEED,
      .batch_size = 16,
  };
}
