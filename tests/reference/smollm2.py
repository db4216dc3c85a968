"""SmolLM2-135M-Instruct from its Q4_1 GGUF: vkift against transformers and PEFT in float32 on the same weights.
Prints a Markdown table; exit status 1 when a bound is missed. tests/reference/run brings what this needs and calls it."""
import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # nothing is looked up by name: all of it is local files
os.environ["TQDM_DISABLE"] = "1"

import gguf
import safetensors

import inputs
import reference
from vkift import Vkift

REPOSITORY = Path(__file__).resolve().parents[2]
BOUND = 1e-3  # of logits and token losses absolute, of a step's loss relative
# Of token losses after two trainings. Adam's first steps are near the gradient's sign, so that where a gradient is
# almost nothing, rounding decides which way a weight goes.
TRAINED_BOUND = 1e-2


class Table:
  """What was compared: its bound, what was found, and whether that is within the bound."""

  def __init__(self):
    self.rows, self.ok = [], True

  def add(self, what: str, bound: str, found: str, ok: bool):
    self.rows.append((what, bound, found, "yes" if ok else "**no**"))
    self.ok = self.ok and ok

  def add_difference(self, what: str, differences: list[float], kind: str, bound: float):
    worst = max(differences, key=lambda d: d if d == d else float("inf"))
    self.add(what, f"{bound:g} {kind}", f"at most {worst:.1e}", worst <= bound)  # NaN is not within

  def print(self):
    print("\n| compared | bound | found | within |\n|---|---|---|---|")
    for row in self.rows:
      print("| " + " | ".join(row) + " |")


def compare_tokens(table: Table, tokenizer, expected: list[list[dict]], answers: list[dict]):
  """vkift prints text. As far as it begins with the text of the reference's first k tokens, those k are equal."""
  def text(ids):
    return tokenizer.decode(ids).rstrip("\ufffd")  # a character whose last bytes are still to come

  stop = tokenizer.convert_tokens_to_ids(inputs.END_OF_TURN)
  ties, faults = [], []
  for prompt, tokens, answer in zip(inputs.PROMPTS, expected, answers, strict=True):
    ids = [t["id"] for t in tokens if t["id"] != stop]
    finish = "end" if len(ids) < len(tokens) else "length"
    same_prompt = answer["prompt_tokens"] == len(inputs.prompt_ids(tokenizer, prompt))
    said = answer["answer"].rstrip("\ufffd")
    if same_prompt and (said, answer["new_tokens"], answer["finish"]) == (text(ids), len(ids), finish):
      continue
    first = next((k for k in range(len(ids)) if not said.startswith(text(ids[:k + 1]))), len(ids))
    lead = tokens[first]["lead"] if first < len(tokens) else float("inf")
    (ties if same_prompt and lead <= BOUND else faults).append(f"; token {first + 1} of “{prompt}” differs (lead {lead:.1e})")
    print(f"“{prompt}”\n  vkift:     {said!r}\n  reference: {text(ids)!r}")
  equal = len(expected) - len(ties) - len(faults)
  table.add(f"the first {inputs.NEW_TOKENS} greedy tokens of {len(expected)} prompts",
            f"equal, or first different where the reference's two best logits are within {BOUND:g}",
            f"{equal} of {len(expected)} equal" + "".join(ties + faults), not faults)


def compare_inputs(table: Table, encoded, scored: list[dict]):
  same = sum((row["input_ids"], [bool(t) for t in row["target"]]) == e for row, e in zip(scored, encoded, strict=True))
  table.add(f"token ids and loss mask of {len(encoded)} examples", "equal", f"{same} of {len(encoded)} equal",
            same == len(encoded))


def compare_scores(table: Table, what: str, expected: list[list[float]], scored: list[dict], bound: float = BOUND):
  """Two sets of logits that are equal within d give −log p that is equal within 2 d."""
  pairs = [(a, b) for row, nll in zip(scored, expected, strict=True) for a, b in zip(row["nll"][1:], nll, strict=True)]
  table.add_difference(f"{what}: −log p of {len(pairs)} tokens", [abs(a - b) for a, b in pairs], "absolute", bound)


def compare_training(table: Table, expected: list[dict], steps: list[dict]):
  print("\n| step | reference loss | vkift loss | relative | reference gradient norm | vkift gradient norm | relative |")
  print("|---|---|---|---|---|---|---|")
  differences = {"loss": [], "grad_norm": []}
  for i, (e, s) in enumerate(zip(expected, steps, strict=True)):
    for name, values in differences.items():
      values.append(abs(s[name] - e[name]) / e[name])
    print(f"| {i + 1} | {e['loss']:.6f} | {s['loss']:.6f} | {differences['loss'][i]:.1e} "
          f"| {e['grad_norm']:.6f} | {s['grad_norm']:.6f} | {differences['grad_norm'][i]:.1e} |")
  same = sum(e["target_tokens"] == s["target_tokens"] for e, s in zip(expected, steps))
  table.add(f"LoRA: target tokens of each of {len(steps)} steps", "equal", f"{same} of {len(steps)} equal", same == len(steps))
  table.add_difference(f"LoRA: loss of each of {len(steps)} steps", differences["loss"], "relative", BOUND)
  table.add_difference(f"LoRA: gradient norm of each of {len(steps)} steps", differences["grad_norm"], "relative", BOUND)


def tensors_of(directory: Path) -> dict[str, tuple]:
  with safetensors.safe_open(directory / "adapter_model.safetensors", "np") as file:
    return {key: (file.get_slice(key).get_shape(), file.get_slice(key).get_dtype()) for key in file.keys()}


def compare_adapter(table: Table, args, side: Vkift, encoded, examples, trained_nll: list[list[float]]):
  written, expected = tensors_of(side.run_dir / "adapter"), tensors_of(args.work / "adapter")
  wrong = [key for key in written.keys() | expected.keys() if written.get(key) != expected.get(key)]
  for key in sorted(wrong):
    print(f"{key}: PEFT {expected.get(key)}, vkift {written.get(key)}")
  table.add(f"the adapter's {len(expected)} tensors: names, shapes, type", "as PEFT writes them", f"{len(wrong)} differ",
            not wrong)
  model = reference.load_adapter(reference.load_model(args.model), side.run_dir / "adapter")
  scored = side.score(examples, side.run_dir / "adapter")
  compare_scores(table, "vkift's adapter in vkift and in PEFT", [reference.token_nll(model, ids) for ids, _ in encoded], scored)
  compare_scores(table, "vkift's adapter and the reference's own", trained_nll, scored, TRAINED_BOUND)


def find_seed_tasks(data: Path | None) -> Path:
  data = data or Path(os.environ.get("VKIFT_SHARED_DATA") or REPOSITORY.parent / "shared/data")
  path = data / "instruct/self-instruct/seed_tasks.jsonl"
  if not path.is_file():
    sys.exit(f"smollm2: {path}: not found; name the shared data folder by --data or VKIFT_SHARED_DATA")
  return path


def parse_args():
  parts = ["score", "generate", "train", "adapter"]
  p = argparse.ArgumentParser(description=__doc__)
  p.add_argument("--model", type=Path, required=True, help="SmolLM2-135M-Instruct.Q4_1.gguf")
  p.add_argument("--work", type=Path, required=True, help="folder for the reference's figures and vkift's run")
  p.add_argument("--data", type=Path, help="the shared data folder [$VKIFT_SHARED_DATA, else ../shared/data of the repository]")
  p.add_argument("--vkift", type=Path, default=REPOSITORY / "build/release/vkift", help="the command [%(default)s]")
  p.add_argument("--only", action="append", choices=parts, help="a part; may be repeated. adapter: of the run that train left")
  p.add_argument("--reference-only", action="store_true", help="compute and keep the reference's figures, do not run vkift")
  args = p.parse_args()
  args.only = args.only or parts
  if not args.reference_only and not args.vkift.is_file():
    p.error(f"{args.vkift}: not found; build it first, or name it by --vkift")
  return args


def main() -> int:
  args = parse_args()
  tokenizer = inputs.load_tokenizer(args.model)
  examples = inputs.load_examples(tokenizer, find_seed_tasks(args.data))
  expected = reference.compute(args.model, tokenizer, examples, args.work)
  if args.reference_only:
    print(json.dumps(expected["steps"], indent=1))
    return 0

  scored = examples[:inputs.SCORED]
  encoded = [inputs.encode(tokenizer, messages) for messages in scored]
  side, table = Vkift(args.vkift.resolve(), args.model, args.work), Table()
  if "score" in args.only:
    rows = side.score(scored)
    compare_inputs(table, encoded, rows)
    compare_scores(table, "the model", expected["nll"], rows)
  if "generate" in args.only:
    compare_tokens(table, tokenizer, expected["greedy"], side.generate(inputs.PROMPTS))
  if "train" in args.only:
    compare_training(table, expected["steps"], side.train(examples, args.work / "adapter"))
  if "adapter" in args.only:
    compare_adapter(table, args, side, encoded, scored, expected["trained_nll"])

  types = Counter(t.tensor_type.name for t in gguf.GGUFReader(args.model).tensors)
  table.print()
  print("\nModel: " + args.model.name + ", tensors " + ", ".join(f"{n} {name}" for name, n in types.items()) + ". Reference: "
        + ", ".join(f"{name} {version}" for name, version in reference.versions().items()) + ", float32, CPU.")
  return 0 if table.ok else 1


if __name__ == "__main__":
  try:
    sys.exit(main())
  except subprocess.CalledProcessError as failure:
    sys.exit(f"smollm2: vkift {failure.cmd[1]} failed with exit status {failure.returncode}")
