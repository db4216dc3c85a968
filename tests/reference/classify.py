"""`--objective classify` on SmolLM2-135M-Instruct: head only, LoRA and full training against transformers and PEFT in float32, ten steps
of the same batches from the same head. tests/reference/run classify brings what this needs and calls it.

classify.py --model GGUF --work DIR [--data FILE] [--vkift FILE] [--batch N] [--only head|weighted|lora|full]

FILE: T0 rows of paws_labeled_final_Meaning (prompt; completion Yes or No). Prints a Markdown table; exit status 1 when a bound is
missed, or when transformers or PEFT say anything of what vkift wrote."""
import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForSequenceClassification, LlamaForSequenceClassification

import inputs
import reference
from smollm2 import Table

BOUND = 1e-3  # of a step's loss, relative
TRAINED_BOUND = 1e-2  # of log-likelihoods after two trainings, absolute: see smollm2.py
STEPS, SCORED = 10, 8
LABELS = ["No", "Yes"]
END_MARKER = "<|endoftext|>"
# What each run trains: vkift's method, the learning rates of head and base, weights of the labels.
RUNS = {
  "head": {"method": "head", "head": 1e-3, "base": 0, "weights": None},
  "weighted": {"method": "head", "head": 1e-3, "base": 0, "weights": [1.0, 2.5]},
  "lora": {"method": "lora", "head": 1e-3, "base": 2e-4, "weights": None},
  "full": {"method": "full", "head": 2e-4, "base": 2e-5, "weights": None},
}


def load_rows(path: Path, n: int) -> list[dict]:
  rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
  rows = [{"text": r["prompt"], "label": r["completion"].removesuffix(END_MARKER)} for r in rows[:n]]
  if len(rows) < n or {r["label"] for r in rows} != set(LABELS):
    raise ValueError(f"{path}: expected {n} rows answered {LABELS}")
  return rows


def make_start(gguf: Path, tokenizer, directory: Path):
  """The language model with a new head, as a directory that both sides begin from."""
  shutil.rmtree(directory, ignore_errors=True)
  base = reference.load_model(gguf)
  del base.config.quantization_config  # of the file; these weights are float32
  base.config.num_labels = len(LABELS)
  base.config.id2label, base.config.label2id = dict(enumerate(LABELS)), {x: i for i, x in enumerate(LABELS)}
  torch.manual_seed(1)
  model = LlamaForSequenceClassification(base.config)
  model.model.load_state_dict(base.model.state_dict())
  model.to(torch.float32).save_pretrained(directory)
  tokenizer.save_pretrained(directory)


def load(directory: Path):
  return reference.load_written(AutoModelForSequenceClassification, directory)


def make_adapter(model, directory: Path):
  torch.manual_seed(2)
  adapted = get_peft_model(model, LoraConfig(**reference.LORA | {"task_type": "SEQ_CLS"}))
  for name, p in adapted.named_parameters():
    if "lora_B" in name:
      torch.nn.init.normal_(p, std=reference.B_SCALE)
  shutil.rmtree(directory, ignore_errors=True)
  adapted.save_pretrained(directory)
  return adapted


def is_head(name: str) -> bool:
  return "score" in name.split(".")


def train(model, encoded: list[tuple[list[int], int]], run: dict, size: int) -> list[dict]:
  """As a Trainer with a compute_loss does: AdamW, the mean cross-entropy of a batch."""
  if run["method"] == "head":
    for name, p in model.named_parameters():
      p.requires_grad = is_head(name)
  named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
  groups = [{"params": [p for n, p in named if is_head(n)], "lr": run["head"]},
            {"params": [p for n, p in named if not is_head(n)], "lr": run["base"]}]
  optimizer = torch.optim.AdamW([g for g in groups if g["params"]], betas=(0.9, 0.999), eps=1e-8, weight_decay=0)
  cross_entropy = torch.nn.CrossEntropyLoss(weight=torch.tensor(run["weights"]) if run["weights"] else None)
  steps = []
  for first in range(0, len(encoded), size):
    batch = encoded[first:first + size]
    logits = torch.cat([model(input_ids=torch.tensor([ids])).logits for ids, _ in batch])
    loss = cross_entropy(logits, torch.tensor([label for _, label in batch]))
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_([p for _, p in named], reference.MAX_GRAD_NORM)
    optimizer.step()
    optimizer.zero_grad()
    steps.append({"loss": loss.item(), "grad_norm": float(norm)})
    print(f"reference: step {len(steps)} loss {loss.item():.6f} gradient norm {float(norm):.6f}", flush=True)
  return steps


@torch.no_grad()
def likelihoods(model, encoded: list[tuple[list[int], int]]) -> list[float]:
  return [x for ids, _ in encoded for x in model(input_ids=torch.tensor([ids])).logits[0].log_softmax(0).tolist()]


def vkift(binary: Path, *words) -> str:
  print("vkift:", *words, flush=True)
  return subprocess.run([str(w) for w in (binary, *words)], check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout


def vkift_train(o, run: dict, start: Path, adapter: Path | None, data: Path, directory: Path) -> list[dict]:
  shutil.rmtree(directory, ignore_errors=True)
  rates = ["--learning-rate", run["base"] or run["head"]]
  if run["base"]:
    rates += ["--head-learning-rate", run["head"]]
  vkift(o.vkift, "train", "--model", start, "--data", data, "--output-dir", directory, "--objective", "classify",
        "--method", run["method"], *rates, "--lr-scheduler-type", "constant", "--warmup-steps", 0, "--weight-decay", 0,
        "--max-grad-norm", reference.MAX_GRAD_NORM, "--batch-size", o.batch, "--max-steps", STEPS, "--no-shuffle",
        *(["--adapter", adapter] if adapter else []),
        *(["--class-weights", ",".join(map(str, run["weights"]))] if run["weights"] else []))
  rows = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
  return [row for row in rows if "loss" in row]


def vkift_likelihoods(o, directory: Path, data: Path) -> list[float]:
  out = directory / "scored.jsonl"
  vkift(o.vkift, "eval", directory, "--data", data, "--predictions", out)
  return [x for line in out.read_text(encoding="utf-8").splitlines() for x in json.loads(line)["loglikelihoods"]]


def compare(table: Table, o, name: str, tokenizer, rows: list[dict], start: Path):
  run, directory, data = RUNS[name], o.work / f"classify-{name}", o.work / "classify.jsonl"
  encoded = [(tokenizer(r["text"]).input_ids, LABELS.index(r["label"])) for r in rows]
  model, adapter = load(start), None
  if run["method"] == "lora":
    adapter = o.work / "classify-adapter"
    model = make_adapter(model, adapter)
  steps = vkift_train(o, run, start, adapter, data, directory)
  expected = train(model, encoded, run, o.batch)
  for what in ("loss", "grad_norm"):
    relative = [abs(s[what] - x[what]) / x[what] for s, x in zip(steps, expected, strict=True)]
    table.add_difference(f"{name}: {what} of {STEPS} steps of {o.batch}", relative, "relative", BOUND)
  scored = o.work / "classify-scored.jsonl"
  scored.write_text("".join(json.dumps(r) + "\n" for r in rows[:SCORED]), encoding="utf-8")
  found, own = vkift_likelihoods(o, directory, scored), likelihoods(model, encoded[:SCORED])
  table.add_difference(f"{name}: log p of {len(own)} labels behind the two trainings", differences(found, own), "absolute",
                       TRAINED_BOUND)
  if adapter:
    written = reference.load_adapter(load(start), directory / "adapter")
  else:
    written = load(directory / "model")
  theirs = likelihoods(written, encoded[:SCORED])
  table.add_difference(f"{name}: log p of what vkift wrote, loaded in {'PEFT' if adapter else 'transformers'}",
                       differences(found, theirs), "absolute", BOUND)


def differences(x: list[float], y: list[float]) -> list[float]:
  return [abs(a - b) for a, b in zip(x, y, strict=True)]


def main() -> int:
  a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
  a.add_argument("--model", type=Path, required=True)
  a.add_argument("--work", type=Path, required=True)
  a.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[3]
                 / "shared/data/instruct/t0/paws_labeled_final_Meaning.jsonl")
  a.add_argument("--vkift", type=Path, default=Path(__file__).resolve().parents[2] / "build/release/vkift")
  a.add_argument("--batch", type=int, default=8, help="examples of a step")
  a.add_argument("--only", choices=sorted(RUNS))
  o = a.parse_args()
  rows, tokenizer, start = load_rows(o.data, STEPS * o.batch), inputs.load_tokenizer(o.model), o.work / "classify-start"
  o.work.mkdir(parents=True, exist_ok=True)
  (o.work / "classify.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
  make_start(o.model, tokenizer, start)
  table = Table()
  for name in [o.only] if o.only else RUNS:
    compare(table, o, name, tokenizer, rows, start)
  table.print()
  return 0 if table.ok else 1


if __name__ == "__main__":
  sys.exit(main())
