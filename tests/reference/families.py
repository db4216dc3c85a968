"""vkift against transformers and PEFT in float32 on small random models of each family (family_models.py), from safetensors and
from GGUF. Prints a Markdown table; exit status 1 when a bound is missed. tests/reference/families brings what this needs."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # nothing is looked up by name: all of it is local files
os.environ["TQDM_DISABLE"] = "1"
warnings.simplefilter("ignore", FutureWarning)

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model

import family_golden
import family_models
import reference

REPOSITORY = Path(__file__).resolve().parents[2]
LOSS_BOUND = 1e-4  # of token losses, absolute
BOUND = 1e-3  # of gradient norms and steps' losses, relative
SCORED, BATCH, STEPS = 8, 4, 10
LENGTH = 200  # of a text, in characters
LEARNING_RATE, FULL_LEARNING_RATE = 1e-3, 1e-4
NEW_TOKENS = 24
PROMPTS = ["Once upon a time", "The weather in the north is", "Who is there?"]


def read_texts(data: Path) -> list[str]:
  lines = (data / "instruct/self-instruct/seed_tasks.jsonl").read_text(encoding="utf-8").splitlines()
  texts = [task["instruction"] + "\n" + task["instances"][0]["output"] for task in map(json.loads, lines)]
  # None is so short that transformers would take LongRoPE's short factors, in a row by itself: vkift chooses once for a run.
  return [text[:LENGTH] for text in texts if len(text) >= LENGTH]


# --- the reference -------------------------------------------------------------------------------------------------------

def loss_of(model, rows: list[dict]) -> torch.Tensor:
  """The sum of the rows' token losses over the number of their targets."""
  n = sum(sum(row["target"][1:]) for row in rows)
  total = 0.0
  for row in rows:
    labels = torch.tensor([i if t else -100 for i, t in zip(row["input_ids"], row["target"])])
    logits = model(input_ids=torch.tensor([row["input_ids"]])).logits[0, :-1]
    total = total + torch.nn.functional.cross_entropy(logits, labels[1:], ignore_index=-100, reduction="sum") / n
  return total


def gradient_norms(model) -> dict[str, float]:
  return {name.replace(".default", ""): float(p.grad.norm()) for name, p in model.named_parameters() if p.grad is not None}


def adapt(model, directory: Path):
  """A PEFT adapter on every linear layer, whose B is not zero, saved as what training starts from."""
  torch.manual_seed(2)
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of Conv1D, which PEFT sees by itself
    wrapped = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))
  with torch.no_grad():
    for name, p in wrapped.named_parameters():
      if "lora_B" in name:
        p.normal_(std=0.05)
  wrapped.save_pretrained(directory, save_embedding_layers=False)
  return wrapped


def train(model, rows: list[dict]) -> list[dict]:
  trained = [p for p in model.parameters() if p.requires_grad]
  optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=0)
  steps = []
  for first in range(0, BATCH * STEPS, BATCH):
    loss = loss_of(model, rows[first:first + BATCH])
    loss.backward()
    norms = gradient_norms(model)
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    optimizer.zero_grad()
    steps.append({"loss": loss.item(), "tensor_norms": norms})
  return steps


def load(directory: Path, adapter: Path | None = None):
  """What vkift wrote, with no warning and no key that is missing or not known."""
  with warnings.catch_warnings():
    warnings.simplefilter("error", UserWarning)
    model, info = transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, output_loading_info=True,
                                                                    attn_implementation="eager")
    if any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")):
      raise ValueError(f"{directory}: {info}")
    return (PeftModel.from_pretrained(model, adapter) if adapter else model).eval()


@torch.no_grad()
def greedy(model, ids: list[int], stop: int) -> list[int]:
  tokens = []
  while len(tokens) < NEW_TOKENS:
    token = int(model(input_ids=torch.tensor([ids + tokens])).logits[0, -1].argmax())
    if token == stop:
      break
    tokens.append(token)
  return tokens


# --- vkift ---------------------------------------------------------------------------------------------------------------

class Vkift:
  def __init__(self, binary: Path, work: Path):
    self.binary, self.work = binary, work

  def run(self, command: str, *options) -> str:
    words = [str(word) for word in (self.binary, command, *options)]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", check=False)
    if done.returncode:
      raise RuntimeError(f"{' '.join(words)}: exit status {done.returncode}: {done.stderr.strip()[-600:]}")
    return done.stdout

  def write(self, name: str, rows: list) -> Path:
    file = self.work / name
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file

  def score(self, model: Path, texts: list[str], *options) -> list[dict]:
    file = self.write("scored.jsonl", [{"text": text} for text in texts])
    out = self.run("eval", "--model", model, "--data", file, "--objective", "lm", "--join-documents", "off", "--per-token",
                   "--json", *options)
    return [json.loads(line) for line in out.splitlines()]

  def train(self, model: Path, texts: list[str], steps: int, *options) -> list[dict]:
    file, run = self.write("train.jsonl", [{"text": text} for text in texts]), self.work / "run"
    shutil.rmtree(run, ignore_errors=True)
    self.run("train", "--model", model, "--data", file, "--objective", "lm", "--output-dir", run, "--lr-scheduler-type",
             "constant", "--warmup-steps", 0, "--batch-size", BATCH, "--max-steps", steps, "--no-shuffle", "--log-tensor-norms",
             "--no-drop-duplicates", "--join-documents", "off", *options)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if "loss" in row]

  def generate(self, model: Path) -> list[str]:
    file = self.write("prompts.jsonl", PROMPTS)
    out = self.run("generate", "--model", model, "--prompts", file, "--max-new-tokens", NEW_TOKENS, "--temperature", 0, "--json")
    return [json.loads(line)["answer"] for line in out.splitlines()]


# --- comparing -----------------------------------------------------------------------------------------------------------

class Comparison:
  """The worst of each kind of difference for one case and one format."""

  def __init__(self, case, kind: str):
    self.case, self.kind, self.found, self.faults = case, kind, {}, []

  def add(self, what: str, difference: float, bound: float, detail: str = ""):
    self.found[what] = max(self.found.get(what, 0.0), difference)
    if not difference <= bound:  # NaN is not within
      self.faults.append(f"{what}: {difference:.2e} above {bound:g} {detail}")

  def losses(self, what: str, expected, scored: list[dict]):
    with torch.no_grad():
      for row in scored:
        logits = expected(input_ids=torch.tensor([row["input_ids"]])).logits[0, :-1]
        nll = torch.nn.functional.cross_entropy(logits, torch.tensor(row["input_ids"][1:]), reduction="none")
        self.add(what, float((nll - torch.tensor(row["nll"][1:])).abs().max()), LOSS_BOUND)

  def norms(self, what: str, expected: dict[str, float], found: dict[str, float]):
    if expected.keys() != found.keys():
      self.faults.append(f"{what}: tensors {sorted(expected.keys() ^ found.keys())[:4]} are not in both")
      return
    whole = sum(norm ** 2 for norm in expected.values()) ** 0.5
    for name, norm in expected.items():
      self.add(what, abs(found[name] - norm) / (norm + 1e-4 * whole), BOUND, f"({name}: {norm:.3e} and {found[name]:.3e})")


def check_ids(c: Comparison, tokenizer, texts: list[str], scored: list[dict]):
  for text, row in zip(texts, scored, strict=True):
    ids = tokenizer(text, add_special_tokens=False).input_ids
    inner = [i for i in row["input_ids"] if i not in (1, 2)]
    if inner != ids:
      c.faults.append(f"token ids of {text[:30]!r} differ: {ids[:8]} and {inner[:8]}")


def check_greedy(c: Comparison, model, tokenizer, answers: list[str]):
  for prompt, answer in zip(PROMPTS, answers, strict=True):
    ids = tokenizer(prompt, add_special_tokens=False).input_ids  # the chat template adds nothing, nor does vkift
    said = tokenizer.decode(greedy(model, ids, 2), skip_special_tokens=True)
    if said.strip().rstrip("\ufffd") != answer.strip().rstrip("\ufffd"):
      c.faults.append(f"greedy answer to {prompt!r}: {said!r} and {answer!r}")


def compare_full(c: Comparison, path: Path, model, texts: list[str], rows: list[dict], side: Vkift):
  """One step of full training: every gradient, and the model that it writes."""
  model.zero_grad()
  loss = loss_of(model, rows[:BATCH])
  loss.backward()
  norms = gradient_norms(model)
  model.zero_grad()
  full = side.train(path, texts[:BATCH], 1, "--method", "full", "--learning-rate", FULL_LEARNING_RATE)
  c.add("losses", abs(full[0]["loss"] - loss.item()) / loss.item(), BOUND, "(full)")
  c.norms("gradient norms", norms, full[0]["tensor_norms"])
  c.losses("written", load(side.work / "run/model"), side.score(side.work / "run/model", texts[:2]))


def compare(case, kind: str, path: Path, made, texts: list[str], side: Vkift, work: Path) -> Comparison:
  model, tokenizer = made
  c = Comparison(case, kind)
  scored = side.score(path, texts[:SCORED])
  check_ids(c, tokenizer, texts[:SCORED], scored)
  c.losses("token losses", model, scored)
  check_greedy(c, model, tokenizer, side.generate(path))
  rows = side.score(path, texts[:BATCH * STEPS])

  if kind == "safetensors" or case.gguf_full:
    compare_full(c, path, model, texts, rows, side)
  adapter = work / "adapter"
  adapted = adapt(family_models.make_model(case), adapter)
  expected = train(adapted, rows)
  steps = side.train(path, texts[:BATCH * STEPS], STEPS, "--adapter", adapter, "--learning-rate", LEARNING_RATE,
                     "--weight-decay", 0)
  for e, s in zip(expected, steps, strict=True):
    c.add("losses", abs(s["loss"] - e["loss"]) / e["loss"], BOUND, "(LoRA)")
  c.norms("LoRA gradient norms", expected[0]["tensor_norms"], steps[0]["tensor_norms"])
  if kind == "safetensors":  # PEFT's base is a directory
    trained = side.work / "run/adapter"
    with_adapter = side.score(path, texts[:2], "--adapter", trained)
    c.losses("written", load(path, trained), with_adapter)
    merged = work / "merged"
    shutil.rmtree(merged, ignore_errors=True)
    side.run("export", "--model", path, "--adapter", trained, "--merge", "--output-dir", merged)
    c.losses("written", load(merged), with_adapter)
  return c


def print_table(all_of: list[Comparison]):
  columns = ["token losses", "gradient norms", "LoRA gradient norms", "losses", "written"]
  print("\n| family | features | from | token losses | gradient norms | LoRA's gradient norms | losses of steps "
        "| what vkift wrote, in transformers and PEFT | within |")
  print("|---|---|---|---|---|---|---|---|---|")
  for c in all_of:
    cells = [f"{c.found[k]:.1e}" if k in c.found else "" for k in columns]
    print(f"| {c.case.family} | {c.case.words} | {c.kind} | " + " | ".join(cells) + f" | {'**no**' if c.faults else 'yes'} |")
  versions = ", ".join(f"{name} {version}" for name, version in reference.versions().items())
  print(f"\nBounds: token losses {LOSS_BOUND:g} absolute, norms and losses {BOUND:g} relative. {versions}, float32, CPU.")


def parse_args():
  p = argparse.ArgumentParser(description=__doc__)
  p.add_argument("--work", type=Path, required=True, help="folder for the models and vkift's runs")
  p.add_argument("--data", type=Path, help="the shared data folder [$VKIFT_SHARED_DATA, else ../shared/data of the repository]")
  p.add_argument("--vkift", type=Path, default=REPOSITORY / "build/release/vkift", help="the command [%(default)s]")
  p.add_argument("--golden", type=Path, metavar="FILE", help="only write the figures of tests/model/families_test.c")
  p.add_argument("--only", action="append", help="cases whose name begins so; may be repeated")
  args = p.parse_args()
  args.data = args.data or Path(os.environ.get("VKIFT_SHARED_DATA") or REPOSITORY.parent / "shared/data")
  for path in (args.vkift, args.data / "models/stories260K/hf/tokenizer.json"):
    if not path.is_file():
      p.error(f"{path}: not found")
  return args


def main() -> int:
  args = parse_args()
  cases = [c for c in family_models.CASES if not args.only or any(c.name.startswith(name) for name in args.only)]
  if args.golden:
    family_golden.write(cases, args.golden)
    return 0
  texts, done = read_texts(args.data), []
  for case in cases:
    work = args.work / case.name
    model, tokenizer, directory, file = family_models.make(case, args.data, texts, work)
    side = Vkift(args.vkift.resolve(), work)
    for kind, path in (("safetensors", directory), ("GGUF", file)):
      if not path:
        continue
      try:
        c = compare(case, kind, path, (model, tokenizer), texts, side, work)
      except Exception as failure:  # whatever it is: the other cases go on
        c = Comparison(case, kind)
        c.faults.append(str(failure))
      done.append(c)
      print(f"{case.name} from {kind}: " + ("; ".join(c.faults[:6]) if c.faults else "within"), flush=True)
  print_table(done)
  return 1 if any(c.faults for c in done) else 0


if __name__ == "__main__":
  sys.exit(main())
