"""Objective dpo beside TRL's DPOTrainer and PEFT, in float32 on the CPU: the same weights, adapter, tokens and order, ten steps
of four pairs each. Prints each step and a Markdown table; exit status 1 when a bound is missed. tests/reference/dpo brings what
this needs and calls it."""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # nothing is looked up by name: all of it is local files
os.environ["TQDM_DISABLE"] = "1"

import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from torch.utils.data import SequentialSampler
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from trl import DPOConfig, DPOTrainer

import inputs

REPOSITORY = Path(__file__).resolve().parents[2]
PAIRS, BATCH, STEPS, BETA = 40, 4, 10, 0.1
BOUND = 1e-3  # relative, of a step's loss; absolute, of rewards and margins
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

# What each form is called with: vkift's options, and TRL's. TRL has label smoothing as it is meant here in the loss "aot", which
# for a batch of one pair is the ordinary one; "sigmoid" itself knows none.
FORMS = {
  "lora": (["--method", "lora", "--learning-rate", 2e-4], {"learning_rate": 2e-4}),
  "full": (["--method", "full", "--learning-rate", 2e-6], {"learning_rate": 2e-6}),
  "smoothed": (["--method", "lora", "--learning-rate", 2e-4, "--label-smoothing", 0.1],
               {"learning_rate": 2e-4, "loss_type": ["aot"], "label_smoothing": 0.1}),
  "norm": (["--method", "lora", "--learning-rate", 2e-4, "--loss-type", "sigmoid_norm", "--beta", 2],
           {"learning_rate": 2e-4, "loss_type": ["sigmoid_norm"], "beta": 2}),
}


def make_pairs() -> list[dict]:
  """Sums with a right and a wrong answer, of different lengths, half of them as lists of messages."""
  r, rows = random.Random(3), []
  for i in range(PAIRS):
    a, b = r.randint(1, 99), r.randint(1, 99)
    prompt = r.choice([f"What is {a} plus {b}?", f"Add {a} and {b}.", f"{a} + {b} = ?", f"I have {a} nuts and find {b} more. How many?"])
    right = r.choice([f"{a + b}", f"It is {a + b}.", f"{a} plus {b} is {a + b}.", f"Together that makes {a + b}."])
    wrong = r.choice([f"{a + b + 1}", f"I do not know.", f"It could be {abs(a - b)}, or something else; who can say such things?"])
    if i % 2:
      rows.append({"prompt": prompt, "chosen": right, "rejected": wrong})
    else:
      user = [{"role": "user", "content": prompt}]
      rows.append({"chosen": user + [{"role": "assistant", "content": right}],
                   "rejected": user + [{"role": "assistant", "content": wrong}]})
  return rows


def tokens_of(tokenizer, row: dict) -> dict:
  """TRL's columns. The line's end that the template writes behind the last turn is no part of the answer."""
  sides = {}
  for side in ("chosen", "rejected"):
    answer = row[side]
    messages = answer if isinstance(answer, list) else [{"role": "user", "content": row["prompt"]},
                                                        {"role": "assistant", "content": answer}]
    prompt = tokenizer.apply_chat_template(messages[:-1], add_generation_prompt=True, tokenize=False)
    whole = tokenizer.apply_chat_template(messages, tokenize=False).rstrip("\n")
    ids, before = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (whole, prompt))
    if ids[:len(before)] != before:
      sys.exit(f"dpo: the prompt's tokens are not the beginning of the whole: {whole!r}")
    sides["prompt_ids"], sides[side + "_ids"] = before, ids[len(before):]
  return sides


class Trainer(DPOTrainer):
  """Pairs that are tokens already, in their order; and what each of them gave."""

  def __init__(self, *args, **kwargs):
    self.found = []
    super().__init__(*args, **kwargs)

  def _prepare_dataset(self, dataset, *args, **kwargs):
    return dataset

  def _get_train_sampler(self, *args, **kwargs):
    return SequentialSampler(self.train_dataset)

  def _compute_loss(self, model, inputs, return_outputs):
    loss = super()._compute_loss(model, inputs, return_outputs)
    of = self._metrics["train"]
    self.found.append({"loss": float(loss), **{k: of["rewards/" + k][-1] for k in ("chosen", "rejected", "accuracies", "margins")}})
    return loss


def load_model(model: Path):
  torch.set_num_threads(2)
  if model.is_dir():
    return AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
  read = AutoModelForCausalLM.from_pretrained(model.parent, gguf_file=model.name, dtype=torch.float32)
  if hasattr(read.config, "quantization_config"):
    del read.config.quantization_config
  model = type(read)(read.config)  # what came from a GGUF is not trained, though its weights are float32 by then
  model.load_state_dict(read.state_dict())
  return model


def make_tiny(tokenizer, directory: Path) -> Path:
  torch.manual_seed(2)
  shutil.rmtree(directory, ignore_errors=True)
  LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), hidden_size=64, intermediate_size=96, num_hidden_layers=2,
                               num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, initializer_range=0.05,
                               bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id)).save_pretrained(directory)
  tokenizer.save_pretrained(directory)
  return directory


def make_adapter(model: Path, directory: Path):
  torch.manual_seed(1)
  shutil.rmtree(directory, ignore_errors=True)
  config = LoraConfig(r=8, lora_alpha=16, lora_dropout=0.0, task_type="CAUSAL_LM", target_modules=LINEAR)
  get_peft_model(load_model(model), config).save_pretrained(directory, save_embedding_layers=False)


def train_trl(args, name: str, options: dict, rows: list[dict], tokenizer) -> list[dict]:
  model, reference = load_model(args.model), None  # None: the model without its adapter
  if name == "full":
    reference = load_model(args.model)  # TRL alone would look for a directory
  else:
    model = PeftModel.from_pretrained(model, args.work / "dpo_adapter", is_trainable=True)
  config = DPOConfig(output_dir=str(args.work / "dpo_trl"), per_device_train_batch_size=1, gradient_accumulation_steps=BATCH,
                     max_steps=STEPS, lr_scheduler_type="constant", warmup_steps=0, weight_decay=0.0, max_grad_norm=1.0,
                     logging_steps=1, save_strategy="no", report_to="none", bf16=False, fp16=False, max_length=None, use_cpu=True,
                     gradient_checkpointing=False, optim="adamw_torch", **{"beta": BETA, **options})
  trainer = Trainer(model=model, ref_model=reference, args=config, processing_class=tokenizer,
                    train_dataset=Dataset.from_list([tokens_of(tokenizer, row) for row in rows]))
  trainer.train()
  if len(trainer.found) != STEPS * BATCH:
    sys.exit(f"dpo: expected {STEPS * BATCH} pairs from TRL, found {len(trainer.found)}")
  parts = [trainer.found[i:i + BATCH] for i in range(0, len(trainer.found), BATCH)]
  return [{key: sum(pair[key] for pair in part) / BATCH for key in part[0]} for part in parts]


def train_vkift(args, name: str, options: list, data: Path) -> list[dict]:
  run = args.work / f"dpo_{name}"
  shutil.rmtree(run, ignore_errors=True)
  adapter = [] if name == "full" else ["--adapter", args.work / "dpo_adapter"]
  words = [args.vkift, "train", "--model", args.model, "--data", data, "--objective", "dpo", "--batch-size", BATCH, "--max-steps", STEPS,
           "--no-shuffle", "--lr-scheduler-type", "constant", "--warmup-steps", 0, "--weight-dtype", "f32", "--tune", "off",
           "--excess-length", "error", "--output-dir", run, *adapter, *options]
  print("vkift:", *words[1:], flush=True)
  subprocess.run([str(word) for word in words], check=True)
  rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
  return [{"loss": row["loss"], **{k: row["rewards/" + k] for k in ("chosen", "rejected", "accuracies", "margins")}} for row in rows]


def compare(name: str, theirs: list[dict], ours: list[dict]) -> tuple[float, float, bool]:
  print(f"\n{name}\n| step | TRL loss | vkift loss | relative | TRL margin | vkift margin | TRL accuracy | vkift accuracy |")
  print("|---|---|---|---|---|---|---|---|")
  losses, rewards, same = [], [], len(theirs) == len(ours) == STEPS
  for i, (t, v) in enumerate(zip(theirs, ours)):
    losses.append(abs(v["loss"] - t["loss"]) / t["loss"])
    rewards.append(max(abs(v[key] - t[key]) for key in ("chosen", "rejected", "margins")))
    # In the first step both answers are as likely as under the reference, but for rounding: the rewards are nothing.
    same = same and (i == 0 or v["accuracies"] == t["accuracies"])
    print(f"| {i + 1} | {t['loss']:.6f} | {v['loss']:.6f} | {losses[-1]:.1e} | {t['margins']:.6f} | {v['margins']:.6f} "
          f"| {t['accuracies']:.2f} | {v['accuracies']:.2f} |")
  return max(losses), max(rewards), same


def parse_args():
  p = argparse.ArgumentParser(description=__doc__)
  p.add_argument("--model", type=Path, required=True, help="SmolLM2-135M-Instruct.Q4_1.gguf")
  p.add_argument("--work", type=Path, required=True, help="folder for data and runs")
  p.add_argument("--tiny", action="store_true", help="a small random Llama with the model's tokenizer instead of the model")
  p.add_argument("--vkift", type=Path, default=REPOSITORY / "build/release/vkift", help="the command [%(default)s]")
  p.add_argument("--only", action="append", choices=FORMS, help="a form; may be repeated")
  args = p.parse_args()
  args.vkift = args.vkift.resolve()
  return args


def main() -> int:
  args = parse_args()
  tokenizer = inputs.load_tokenizer(args.model)
  if args.tiny:
    args.model = make_tiny(tokenizer, args.work / "dpo_tiny")
  rows, data = make_pairs(), args.work / "dpo_pairs.jsonl"
  data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
  make_adapter(args.model, args.work / "dpo_adapter")
  found = {}
  for name in args.only or FORMS:
    ours_options, theirs_options = FORMS[name]
    found[name] = compare(name, train_trl(args, name, theirs_options, rows, tokenizer), train_vkift(args, name, ours_options, data))
  print(f"\n| {STEPS} steps of {BATCH} pairs | loss, relative | rewards, absolute | accuracies | within {BOUND:g} |\n|---|---|---|---|---|")
  ok = True
  for name, (loss, reward, same) in found.items():
    within = loss <= BOUND and reward <= BOUND and same  # NaN is not within
    ok = ok and within
    print(f"| {name} | at most {loss:.1e} | at most {reward:.1e} | {'equal' if same else 'differ'} | {'yes' if within else '**no**'} |")
  print("\n" + ", ".join(f"{n} {metadata.version(n)}" for n in ("trl", "peft", "transformers", "torch")) + "; float32, CPU")
  return 0 if ok else 1


if __name__ == "__main__":
  try:
    sys.exit(main())
  except subprocess.CalledProcessError as failure:
    sys.exit(f"dpo: vkift failed with exit status {failure.returncode}")
