"""What trains beside or within a frozen model: vkift against transformers and PEFT in float32, ten steps of AdamW each: rsLoRA,
DoRA, modules_to_save, and dropout and NEFTune, for which the reference gets vkift's random numbers. Every run begins with the
values that vkift began with. Prints a Markdown table; exit status 1 when a bound is missed. tests/reference/run adapters brings
what this needs and calls it."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import numpy
import safetensors.torch
import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from transformers import AutoModelForCausalLM

import inputs
import reference
from smollm2 import REPOSITORY, find_seed_tasks

sys.path.insert(0, str(REPOSITORY / "tests/cli"))
import peft_data  # noqa: E402
import tiny  # noqa: E402

BOUND = 1e-3
SEED = 42  # vkift's default
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


# --- vkift's random numbers ---------------------------------------------------------------------------------------------------


def philox(key: tuple[int, int], counter: numpy.ndarray) -> numpy.ndarray:
  """Philox4x32-10 of counters [n, 4]."""
  mask, c = numpy.uint64(0xFFFFFFFF), counter.astype(numpy.uint64).T.copy()
  k = [numpy.uint64(key[0]), numpy.uint64(key[1])]
  for _ in range(10):
    a, b = c[0] * numpy.uint64(0xD2511F53), c[2] * numpy.uint64(0xCD9E8D57)
    c = numpy.stack([(b >> numpy.uint64(32)) ^ c[1] ^ k[0], b & mask, (a >> numpy.uint64(32)) ^ c[3] ^ k[1], a & mask])
    k = [(k[0] + numpy.uint64(0x9E3779B9)) & mask, (k[1] + numpy.uint64(0xBB67AE85)) & mask]
  return c.T.astype(numpy.uint32)


def words(example: int, tokens: int, features: int, stream: int) -> numpy.ndarray:
  """A word for each token and feature of an example, in the first epoch."""
  blocks = (features + 3) // 4
  counter = numpy.array([[example, 0, p, b] for p in range(tokens) for b in range(blocks)])
  return philox((SEED, stream & 0xFFFFFFFF), counter).reshape(tokens, blocks * 4)[:, :features]


class Keyed:
  example = 0  # that the model is being run on


class KeyedDropout(torch.nn.Module):
  """vkift's dropout in the place of torch's."""

  def __init__(self, p: float, module: int):
    super().__init__()
    self.p, self.stream = float(numpy.float32(p)), module * 0x9E3779B9

  def forward(self, x):
    if not self.training:
      return x
    keep = words(Keyed.example, x.shape[1], x.shape[2], self.stream) >= int(self.p * 2**32)
    return x * torch.from_numpy(keep.astype(numpy.float32) / numpy.float32(1 - self.p))[None]


def noisy(alpha: float):
  """As transformers' neftune_post_forward_hook: uniform in ±alpha / √(L·D)."""
  def hook(module, _inputs, output):
    if not module.training:
      return output
    _, length, width = output.shape
    u = (words(Keyed.example, length, width, 0x6E656674) >> 8).astype(numpy.float64) / 2**24
    return output + torch.from_numpy((alpha / (length * width) ** 0.5 * (2 * u - 1)).astype(numpy.float32))[None]
  return hook


# --- the reference --------------------------------------------------------------------------------------------------------------


def wrap(model, case: dict, start: dict):
  """The model with PEFT's adapter, which has the values of vkift's first checkpoint."""
  config = LoraConfig(task_type="CAUSAL_LM", r=case["r"], lora_alpha=case["alpha"], lora_dropout=case.get("dropout", 0.0),
                      target_modules=case.get("targets", ALL), use_dora=case.get("dora", False), use_rslora=case.get("rslora", False),
                      modules_to_save=case.get("whole"))
  wrapped = get_peft_model(model, config)
  own = get_peft_model_state_dict(wrapped, save_embedding_layers=False)
  if sorted(own) != sorted(start):
    raise ValueError(f"PEFT has other keys: {sorted(set(own) ^ set(start))}")
  start = {k: v if ".lora_" in k else own[k] for k, v in start.items()}  # what it has whole begins as the base has it
  set_peft_model_state_dict(wrapped, start)
  for key, value in get_peft_model_state_dict(wrapped, save_embedding_layers=False).items():
    if not torch.equal(value, start[key]):
      raise ValueError(f"{key} was not taken over")
  layers = [m for m in wrapped.modules() if getattr(m, "lora_A", None)]
  for number, layer in enumerate(layers):
    if case.get("dropout"):
      layer.lora_dropout["default"] = KeyedDropout(case["dropout"], number)
  if case.get("neftune"):
    wrapped.get_input_embeddings().register_forward_hook(noisy(case["neftune"]))
  return wrapped.train()


def step(model, batch: list[dict], optimizer) -> dict:
  """A step's loss is the sum of its token losses over the number of its targets."""
  n_targets = sum(label >= 0 for x in batch for label in x["labels"][1:])
  total = 0.0
  for x in batch:
    Keyed.example = x["index"]
    logits = model(input_ids=torch.tensor([x["input_ids"]])).logits[0, :-1]
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(x["labels"][1:]), ignore_index=-100, reduction="sum") / n_targets
    loss.backward()
    total += loss.item()
  norm = torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
  optimizer.step()
  optimizer.zero_grad()
  return {"loss": total, "grad_norm": float(norm)}


def train(model, case: dict, rows: list[dict], start: dict) -> list[dict]:
  wrapped = wrap(model, case, start)
  trained = [p for p in wrapped.parameters() if p.requires_grad]
  optimizer = torch.optim.AdamW(trained, lr=case["rate"], betas=(0.9, 0.999), eps=1e-8, weight_decay=0)
  numbered = [{**x, "index": i} for i, x in enumerate(rows)]
  n = case["batch"]
  return [step(wrapped, numbered[i:i + n], optimizer) for i in range(0, peft_data.STEPS * n, n)]


# --- vkift ------------------------------------------------------------------------------------------------------------------------


class Vkift:
  def __init__(self, binary: Path, model: Path, work: Path):
    self.binary, self.model, self.work = binary, model, work

  def run(self, *words_) -> str:
    print("vkift:", *words_, flush=True)
    return subprocess.run([str(w) for w in (self.binary, *words_)], check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout

  def train(self, case: dict, data: Path) -> tuple[list[dict], dict]:
    """Metrics of the steps, and what the run began with by PEFT's keys."""
    out = self.work / "run"
    shutil.rmtree(out, ignore_errors=True)
    self.run("train", "--model", self.model, "--data", data, "--output-dir", out, *peft_data.options(case))
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    state = safetensors.torch.load_file(out / "checkpoints/step-0/state.safetensors")
    start = {k.removesuffix(".weight"): v for k, v in state.items() if k.endswith((".weight.weight", ".bias.weight", "magnitude_vector.weight"))}
    # modules_to_save stand there under their own names; a tied head under one of its two
    named = {k if k.startswith("base_model.") else f"base_model.model.{k}": v for k, v in start.items()}
    return [row for row in rows if "loss" in row], named

  def scores(self, rows: Path, *source) -> list[list[float]]:
    text = self.run("eval", *source, "--data", rows, "--per-token", "--json")
    return [json.loads(line)["nll"][1:] for line in text.splitlines()]


# --- the comparison ---------------------------------------------------------------------------------------------------------------


def differences(expected: list[dict], found: list[dict]) -> tuple[float, float]:
  """The largest of losses and of gradient norms, relative."""
  if len(expected) != len(found):
    raise ValueError(f"{len(found)} steps instead of {len(expected)}")
  return tuple(max(abs(f[k] - e[k]) / e[k] for e, f in zip(expected, found)) for k in ("loss", "grad_norm"))


def check_files(load, side: Vkift, rows: list[dict], data: Path) -> tuple[float, float]:
  """vkift's adapter in PEFT, and the merged model in transformers, against vkift: the largest difference of −log p."""
  run, merged = side.work / "run", side.work / "merged"
  shutil.rmtree(merged, ignore_errors=True)
  side.run("export", "--merge", run, "--output-dir", merged)
  with warnings.catch_warnings():
    warnings.simplefilter("error", UserWarning)  # PEFT only warns of keys that are unknown or missing
    warnings.filterwarnings("ignore", message="fan_in_fan_out")
    adapted = PeftModel.from_pretrained(load(), run / "adapter").eval()
  whole = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32).eval()
  scores = side.scores(data, run)
  worst = []
  for model in (adapted, whole):
    found = [reference.token_nll(model, x["input_ids"]) for x in rows[:4]]
    worst.append(max(abs(a - b) for f, s in zip(found, scores) for a, b in zip(f, s)))
  return tuple(worst)


def compare(name: str, cases: dict, load, side: Vkift, rows: list[dict], table: list, golden: dict, files: bool):
  data = side.work / "rows.jsonl"
  data.write_text("".join(json.dumps(x) + "\n" for x in rows))
  for title, case in cases.items():
    steps, start = side.train(case, data)
    expected = train(load(), case, rows, start)
    loss, norm = differences(expected, steps)
    adapted, merged = check_files(load, side, rows, data) if files else (0.0, 0.0)
    first, last = expected[0]["loss"], expected[-1]["loss"]
    ok = max(loss, norm, adapted, merged) <= BOUND
    table.append((f"{name}: {title}", f"{first:.4f} to {last:.4f}", f"{loss:.1e}", f"{norm:.1e}",
                  f"{adapted:.1e}" if files else "–", f"{merged:.1e}" if files else "–", "yes" if ok else "**no**"))
    golden[title] = expected
  return all(row[-1] == "yes" for row in table)


def smollm2_rows(gguf: Path, data: Path | None) -> list[dict]:
  tokenizer = inputs.load_tokenizer(gguf)
  examples = [inputs.encode(tokenizer, m) for m in inputs.load_examples(tokenizer, find_seed_tasks(data))[:2 * peft_data.STEPS]]
  return [{"input_ids": ids, "labels": [i if t else -100 for i, t in zip(ids, target)]} for ids, target in examples]


def main() -> int:
  p = argparse.ArgumentParser(description=__doc__)
  p.add_argument("--model", type=Path, required=True, help="SmolLM2-135M-Instruct.Q4_1.gguf")
  p.add_argument("--work", type=Path, required=True, help="folder for vkift's runs")
  p.add_argument("--data", type=Path, help="the shared data folder [$VKIFT_SHARED_DATA, else ../shared/data of the repository]")
  p.add_argument("--vkift", type=Path, default=REPOSITORY / "build/release/vkift", help="the command [%(default)s]")
  p.add_argument("--tiny-only", action="store_true", help="without SmolLM2-135M")
  p.add_argument("--golden", type=Path, help="write the reference's figures of the tiny model (tests/cli/peft_golden.json)")
  args = p.parse_args()
  torch.set_num_threads(1)
  work = args.work / "adapters"
  work.mkdir(parents=True, exist_ok=True)
  table, golden, ok = [], {}, True
  for family in tiny.CONFIGS:
    model = work / f"tiny-{family}"
    shutil.rmtree(model, ignore_errors=True)
    tiny.model(str(model), family)
    cases = {k: v for k, v in peft_data.CASES.items() if v.get("family", "llama") == family}
    load = lambda: AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32, attn_implementation="eager")
    ok = compare("tiny", cases, load, Vkift(args.vkift.resolve(), model, work), peft_data.rows(), table, golden, True) and ok
  if args.golden:
    args.golden.write_text(json.dumps(golden, indent=1) + "\n")
  if not args.tiny_only:
    load = lambda: reference.load_model(args.model)
    cases = {k: {"batch": 2, "rate": 2e-4, "r": 16, "alpha": 32, **v} for k, v in {"DoRA": {"dora": True}, "rsLoRA": {"rslora": True}}.items()}
    side = Vkift(args.vkift.resolve(), args.model, work)
    ok = compare("SmolLM2-135M", cases, load, side, smollm2_rows(args.model, args.data), table, {}, False) and ok

  print("\n| ten steps of | loss | losses, relative | gradient norms, relative | adapter in PEFT, −log p | merged in transformers, −log p | within 1e-3 |")
  print("|---|---|---|---|---|---|---|")
  for row in table:
    print("| " + " | ".join(row) + " |")
  print("\nReference: " + ", ".join(f"{n} {v}" for n, v in reference.versions().items()) + ", float32, CPU.")
  return 0 if ok else 1


if __name__ == "__main__":
  try:
    sys.exit(main())
  except subprocess.CalledProcessError as failure:
    sys.exit(f"adapters: vkift {failure.cmd[1]} failed with exit status {failure.returncode}")
