"""Compares vkift's encoding of Super-NaturalInstructions with Tk-Instruct's, text for text.

tkinstruct.py --tasks DIR [--vkift FILE] [--collator FILE] [--instances N]

DIR holds task files; N instances of each (default 8) are encoded in five ways: by vkift, by what is written below, and
with --collator by Tk-Instruct's own ni_collator.py (of github.com/yizhongw/Tk-Instruct, src/), which needs no library
here. vkift's side is what `vkift eval` says that it scored, on a tiny model with one token a byte. Exit status 1 on a
difference. Needs Python alone.
"""
import argparse
import dataclasses
import json
import string
import subprocess
import sys
import tempfile
import types
import typing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "cli"))
import tiny  # noqa: E402

WAYS = [(2, 0, False), (0, 0, False), (2, 2, False), (2, 0, True), (100, 100, True)]  # positive, negative, explanations


# --- three encoders ---

def piece(title: str, content: str) -> str:
  line = title + content.strip()
  return line + ("\n" if line[-1] in string.punctuation else ".\n")


def encode(task: dict, instance: dict, positive: int, negative: int, explanations: bool) -> str:
  """As formats.md and the paper describe it."""
  definition = task["Definition"]
  parts = [piece("Definition: ", definition if isinstance(definition, str) else definition[0]), "\n"]
  for kind, n in (("Positive", positive), ("Negative", negative)):
    for i, example in enumerate(task.get(f"{kind} Examples", [])[:n], 1):
      parts += [f" {kind} Example {i} -\n", piece("Input: ", example["input"]), piece(" Output: ", example["output"])]
      if explanations and "explanation" in example:
        parts.append(piece(" Explanation: ", example["explanation"]))
      parts.append("\n")
  return "".join(parts) + "Now complete the following example -\n" + piece("Input: ", instance["input"]) + "Output: "


def load_collator(path: Path):
  """Their class, with stand-ins for the names that it takes from transformers."""
  names = types.ModuleType("transformers.data.data_collator")
  names.dataclass, names.Any, names.Optional, names.Union = dataclasses.dataclass, typing.Any, typing.Optional, typing.Union
  names.PreTrainedTokenizerBase = names.PaddingStrategy = object
  names.__all__ = ["dataclass", "Any", "Optional", "Union", "PreTrainedTokenizerBase", "PaddingStrategy"]
  sys.modules |= {"transformers": types.ModuleType("transformers"), "transformers.data": types.ModuleType("transformers.data"),
                  "transformers.data.data_collator": names}
  module = types.ModuleType("ni_collator")
  sys.modules["ni_collator"] = module
  exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
  return module.DataCollatorForNI


def encode_theirs(collator, task: dict, instance: dict, positive: int, negative: int, explanations: bool) -> str:
  def no_tokens(_text):
    return {"input_ids": []}  # everything fits
  batch = [{**task, "Task": "task", "Instance": instance}]
  return collator(no_tokens, max_source_length=1, num_pos_examples=positive, num_neg_examples=negative,
                  add_explanation=explanations, text_only=True)(batch)["inputs"][0]


def tiny_model(directory: Path) -> Path:
  tiny.model(str(directory))
  tiny.set_key(f"{directory}/config.json", "max_position_embeddings", "32768")
  return directory


def texts_of(ids: list[int]) -> str:
  tokens = [bytes([i]) for i in range(256)] + [b"th", b"the", b"he", b"<|endoftext|>", b"<|im_start|>", b"<|im_end|>"]
  return b"".join(tokens[i] for i in ids).decode()


def encode_ours(vkift: Path, model: Path, tasks: Path, positive: int, negative: int, explanations: bool) -> list[str]:
  """The user's turns, in the order of the files and their instances."""
  run = subprocess.run([vkift, "eval", "--model", model, "--data", tasks, "--chat-template", "chatml", "--json", "--per-token",
                        "--max-length", "32768", "--excess-length", "error", "--num-pos-examples", str(positive),
                        "--num-neg-examples", str(negative), *(["--add-explanation"] if explanations else [])],
                       check=True, stdout=subprocess.PIPE, encoding="utf-8")
  rows = [json.loads(line) for line in run.stdout.splitlines()]
  texts = [texts_of(row["input_ids"]) for row in rows if "input_ids" in row]
  head, tail = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"
  assert all(t.startswith(head) for t in texts)
  return [t.removeprefix(head).rsplit(tail, 1)[0] for t in texts]


# --- comparing ---

def compare(name: str, expected: list[str], found: list[str]) -> int:
  wrong = [i for i, (x, y) in enumerate(zip(expected, found, strict=True)) if x != y]
  if wrong:
    print(f"{name}: the first of {len(wrong)} differences:\nexpected {expected[wrong[0]]!r}\nfound    {found[wrong[0]]!r}")
  return len(wrong)


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--tasks", type=Path, required=True)
  parser.add_argument("--vkift", type=Path, default=Path("build/release/vkift"))
  parser.add_argument("--collator", type=Path)
  parser.add_argument("--instances", type=int, default=8)
  options = parser.parse_args()
  tasks = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(options.tasks.glob("task*.json"))}
  pairs = [(task, instance) for task in tasks.values() for instance in task["Instances"][:options.instances]]
  collator = load_collator(options.collator) if options.collator else None
  differences = 0
  with tempfile.TemporaryDirectory() as work:
    cut = Path(work, "tasks")
    cut.mkdir()
    for name, task in tasks.items():
      Path(cut, name).write_text(json.dumps(task | {"Instances": task["Instances"][:options.instances]}, indent=1), encoding="utf-8")
    model = tiny_model(Path(work, "model"))
    for way in WAYS:
      expected = [encode(task, instance, *way) for task, instance in pairs]
      if collator:
        differences += compare("Tk-Instruct's", expected, [encode_theirs(collator, task, instance, *way) for task, instance in pairs])
      differences += compare("vkift's", expected, encode_ours(options.vkift, model, cut, *way))
      print(f"{len(pairs)} instances of {len(tasks)} tasks, {way[0]} positive, {way[1]} negative, "
            f"{'with' if way[2] else 'without'} explanations: {differences} differences so far", flush=True)
  return 1 if differences else 0


if __name__ == "__main__":
  sys.exit(main())
