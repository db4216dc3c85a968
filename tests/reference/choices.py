"""Accuracy by the likelihood of answer choices on SmolLM2-135M-Instruct: `vkift eval --metric accuracy` against a direct computation
with transformers in float32, for questions with five choices. tests/reference/run choices brings what this needs and calls it.

choices.py --model GGUF --work DIR --data FILE [--vkift FILE] [--questions N]

FILE: T0 rows of commonsense_qa_most_suitable_answer (prompt with "Options:", completion). Exit status 1 when a log-likelihood is
further off than the bound, or a choice is another one although the reference's best two are further apart than that."""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import torch

import inputs
import reference

BOUND = 1e-3  # of a choice's log-likelihood
END_MARKER = "<|endoftext|>"


def load_questions(path: Path, n: int) -> list[dict]:
  rows = []
  for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
    row = json.loads(line)
    answer = row["completion"].removesuffix(END_MARKER)
    choices = [option.removeprefix("- ") for option in row["prompt"].rstrip("\n").split("Options:\n")[1].split("\n")]
    if answer in choices:
      rows.append({"prompt": row["prompt"], "completion": answer, "choices": choices, "task": "commonsense_qa"})
  return rows[:n]


@torch.no_grad()
def likelihoods(model, tokenizer, question: dict) -> list[float]:
  """log p of each choice's tokens behind the prompt, as lm-evaluation-harness asks for them."""
  text = tokenizer.apply_chat_template([{"role": "user", "content": question["prompt"]}], tokenize=False, add_generation_prompt=True)
  n = len(tokenizer(text, add_special_tokens=False).input_ids)
  out = []
  for choice in question["choices"]:
    ids = tokenizer(text + choice, add_special_tokens=False).input_ids
    logits = model(input_ids=torch.tensor([ids])).logits[0, n - 1:-1]
    out.append(-torch.nn.functional.cross_entropy(logits, torch.tensor(ids[n:]), reduction="sum").item())
  return out


def best_of(question: dict, values: list[float], by_character: bool) -> tuple[str, float]:
  """The first of the likeliest, and how far ahead of the second it is."""
  scores = [v / len(c) if by_character else v for v, c in zip(values, question["choices"])]
  best = max(range(len(scores)), key=lambda i: scores[i])
  return question["choices"][best], scores[best] - max(s for i, s in enumerate(scores) if i != best)


def vkift(binary: Path, model: Path, questions: list[dict], metric: str, work: Path) -> tuple[list[dict], float]:
  data, out = work / "choices.jsonl", work / f"{metric}.jsonl"
  data.write_text("".join(json.dumps(q) + "\n" for q in questions), encoding="utf-8")
  words = [binary, "eval", "--model", model, "--data", data, "--metric", metric, "--predictions", out, "--json"]
  if metric != "accuracy":  # the same likelihoods, weighed otherwise
    words = [binary, "eval", "--score", work / "accuracy.jsonl", "--metric", metric, "--predictions", out, "--json"]
  result = json.loads(subprocess.run([str(w) for w in words], check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout)
  rows = [json.loads(line) for line in out.read_text(encoding="utf-8").split("\n") if line]
  return rows, result["overall"][0].get("score")


def main() -> int:
  a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
  a.add_argument("--model", type=Path, required=True)
  a.add_argument("--work", type=Path, required=True)
  a.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[3]
                 / "shared/data/instruct/t0/commonsense_qa_most_suitable_answer.jsonl")
  a.add_argument("--vkift", type=Path, default=Path(__file__).resolve().parents[2] / "build/release/vkift")
  a.add_argument("--questions", type=int, default=100)
  o = a.parse_args()
  questions = load_questions(o.data, o.questions)
  model, tokenizer = reference.load_model(o.model), inputs.load_tokenizer(o.model)
  expected = [likelihoods(model, tokenizer, q) for q in questions]
  ok = len(questions) == o.questions
  for metric, by_character in (("accuracy", False), ("accuracy_norm", True)):
    rows, score = vkift(o.vkift.resolve(), o.model, questions, metric, o.work)
    off = max(abs(x - y) for row, values in zip(rows, expected, strict=True) for x, y in zip(row["loglikelihoods"], values, strict=True))
    best = [best_of(q, values, by_character) for q, values in zip(questions, expected)]
    others = [row["line"] for row, (choice, lead) in zip(rows, best) if row["prediction"] != choice and lead > BOUND]
    wanted = 100 * sum(choice == q["completion"] for q, (choice, _) in zip(questions, best)) / len(questions)
    fine = off <= BOUND and not others and (score == wanted or min(lead for _, lead in best) <= BOUND)
    print(f"{metric}: {len(questions)} questions, log-likelihoods off by {off:.1e} at most (bound {BOUND:g}), another choice in {len(others)}; "
          f"vkift {score:g} %, transformers {wanted:g} %{'' if fine else '   MISSED'}", flush=True)
    ok = ok and fine
  return 0 if ok else 1


if __name__ == "__main__":
  sys.exit(main())
