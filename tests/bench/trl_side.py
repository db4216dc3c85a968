"""TRL's side of tests/bench/trl: SFTTrainer with a PEFT LoRA on PyTorch's CPU, float32, padded as it does by default. Prints a
JSON object for each step: {"target_tokens", "tokens", "padded"}.

trl_side.py GGUF DATA STEPS BATCH THREADS OUTPUT     DATA: rows of {"prompt": [messages], "completion": [messages]}
"""
import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # all of it is local files
os.environ["TQDM_DISABLE"] = "1"

import torch
from datasets import Dataset
from peft import LoraConfig
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer


class CountingTrainer(SFTTrainer):
  """Says of each step what was in its batch, once the step has ended."""

  def training_step(self, model, inputs, *rest, **more):
    self.batch = {"target_tokens": int((inputs["labels"] != -100).sum()), "tokens": int(inputs["attention_mask"].sum()),
                  "padded": inputs["input_ids"].numel()}
    return super().training_step(model, inputs, *rest, **more)

  def _maybe_log_save_evaluate(self, *rest, **more):
    if self.batch:  # behind the optimizer; at the end it is called once more
      print(json.dumps(self.batch), flush=True)
    self.batch = None
    return super()._maybe_log_save_evaluate(*rest, **more)


def load(gguf):
  """transformers splits a GGUF's text as GPT-2 does, whatever tokenizer.ggml.pre says. SmolLM2 splits digits first. And it
  does not train a model that came from a GGUF, though its weights are float32 by then: they go into a new one."""
  read = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
  if hasattr(read.config, "quantization_config"):
    del read.config.quantization_config
  model = type(read)(read.config)
  model.load_state_dict(read.state_dict())
  if any(p.dtype != torch.float32 for p in model.parameters()):
    raise TypeError("expected all weights in float32")
  tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
  tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
  return model, tokenizer


def main():
  gguf, data, steps, batch, threads, output = sys.argv[1:]
  torch.set_num_threads(int(threads))
  model, tokenizer = load(Path(gguf))
  rows = [json.loads(line) for line in Path(data).read_text(encoding="utf-8").splitlines()]
  config = SFTConfig(output_dir=output, max_steps=int(steps), per_device_train_batch_size=int(batch), learning_rate=2e-4,
                     gradient_checkpointing=False, bf16=False, fp16=False, use_cpu=True, max_length=None,
                     train_sampling_strategy="sequential", report_to="none", save_strategy="no", logging_strategy="no",
                     dataloader_pin_memory=False, disable_tqdm=True)
  lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
  trainer = CountingTrainer(model=model, args=config, train_dataset=Dataset.from_list(rows), processing_class=tokenizer,
                            peft_config=lora)
  trainer.train()


main()
