"""Gemma 3 270M from its Q4_K_M GGUF: vkift against transformers in float32 on the same weights. tests/reference/gemma3 brings what this
needs and calls it. Prints a Markdown table; exit status 1 when a bound is missed, or when transformers say anything of what vkift wrote."""
import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TQDM_DISABLE"] = "1"

from transformers import AutoModelForCausalLM, AutoTokenizer

import reference
from smollm2 import Table

REPOSITORY = Path(__file__).resolve().parents[2]
BOUND = 1e-3  # of token losses, absolute
TEXTS = [
  "The capital of France is Paris, which lies on the river Seine.\n\nIt has about two million people.",
  "def largest(a, b, c):\n    return max(a, max(b, c))\n\n\nprint(largest(3, 7, 5))  # 7\n",
  "Der Zug nach München fährt um 9:30 Uhr ab; wer zu spät kommt, nimmt den nächsten.",
  "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。",
  "| city | people |\n|------|-------:|\n| Rome |  2.7 M |\n| Oslo |  0.7 M |",
  "<table><tr><td>one</td></tr></table> and\ttabs\t\there, 👩‍👩‍👧 😀, e\u0301, \u00a0 and     five spaces",
  "Привет, как дела? Всё хорошо, спасибо — а у тебя?",
  " ".join(["Every token sees at most the 511 before it in most layers, and all of them in every sixth."] * 40),
]


def vkift(binary: Path, *words) -> str:
  print("vkift:", *words, flush=True)
  return subprocess.run([str(w) for w in (binary, *words)], check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout


def score(o, model: Path) -> list[dict]:
  data = o.work / "gemma3.jsonl"
  data.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS), encoding="utf-8")
  out = vkift(o.vkift, "eval", "--model", model, "--data", data, "--objective", "lm", "--join-documents", "off", "--per-token", "--json",
              "--max-length", 2048)
  return [json.loads(line) for line in out.splitlines()]


def load_written(directory: Path):
  return reference.load_written(AutoModelForCausalLM, directory), AutoTokenizer.from_pretrained(directory)


def compare(table: Table, what: str, rows: list[dict], model, tokenizer):
  ids = [row["input_ids"][:-1] for row in rows]  # without the EOS
  same = sum(tokenizer(text).input_ids == own for text, own in zip(TEXTS, ids, strict=True))
  table.add(f"{what}: token ids of {len(TEXTS)} texts", "equal", f"{same} of {len(TEXTS)} equal", same == len(TEXTS))
  pairs = [(a, b) for row in rows for a, b in zip(row["nll"][1:], reference.token_nll(model, row["input_ids"]), strict=True)]
  table.add_difference(f"{what}: −log p of {len(pairs)} tokens", [abs(a - b) for a, b in pairs], "absolute", BOUND)


def main() -> int:
  a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
  a.add_argument("--model", type=Path, required=True)
  a.add_argument("--work", type=Path, required=True)
  a.add_argument("--vkift", type=Path, default=REPOSITORY / "build/release/vkift")
  o = a.parse_args()
  table, rows = Table(), score(o, o.model)
  compare(table, "the GGUF", rows, reference.load_model(o.model),
          AutoTokenizer.from_pretrained(o.model.parent, gguf_file=o.model.name))
  written = o.work / "gemma3-exported"
  shutil.rmtree(written, ignore_errors=True)
  vkift(o.vkift, "export", "--model", o.model, "--format", "hf", "--output-dir", written)
  compare(table, "exported for transformers", rows, *load_written(written))
  compare(table, "exported, read by vkift again", score(o, written), *load_written(written))
  table.print()
  return 0 if table.ok else 1


if __name__ == "__main__":
  sys.exit(main())
