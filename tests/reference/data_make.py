"""50 rows that SmolLM2-135M-Instruct writes from three guidelines, killed once and resumed, and what rouge_score says of them: none is
a near duplicate of another, of a seed or of an example of its guideline. tests/reference/data_make prepares what this needs.

As Self-Instruct measures it: ROUGE-L's F1 without a stemmer, near from 0.7 on. Exit status 1 where one is near or a row is missing."""
import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from rouge_score import rouge_scorer

NEAR = 0.7
ROWS, KILLED_AT = 50, 16
INSTRUCT = Path(__file__).resolve().parents[3] / "shared/data/instruct"
GUIDELINES = ["task393_plausible_result_generation", "task1393_superglue_copa_text_completion",
              "task639_multi_woz_user_utterance_generation"]


def read_rows(path: Path) -> list[dict]:
  return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def make(o, out: Path, journal: Path) -> None:
  command = [o.vkift, "data", "make", "--model", o.model, "--seeds", o.instruct / "self-instruct/seed_tasks.jsonl", "--output", out,
             "--num-rows", ROWS, "--max-new-tokens", 96]
  for name in GUIDELINES:
    command += ["--guideline", o.instruct / f"superni/tasks/{name}.json"]
  command = [str(word) for word in command]
  for path in (out, journal):
    path.unlink(missing_ok=True)
  process = subprocess.Popen(command)
  while process.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") <= KILLED_AT):
    time.sleep(0.2)
  if process.poll() is not None:
    sys.exit(f"vkift data make ended with status {process.returncode} before it could be killed")
  process.kill()
  process.wait()
  lines = journal.read_bytes().count(b"\n")
  print(f"killed behind {lines} lines of {journal.name}", flush=True)
  if out.exists():
    sys.exit(f"{out} is there before it is whole")
  subprocess.run(command, check=True)


def new_text(row: dict) -> str:
  """What a row adds: its input, or an instruction with its input."""
  made = row["made"]["new"]
  return row["input"] if made == "input" else row["instruction"]


def existing(o) -> dict[str, list[str]]:
  inputs, instructions = [], []
  for name in GUIDELINES:
    task = json.loads((o.instruct / f"superni/tasks/{name}.json").read_text(encoding="utf-8"))
    inputs += [x["input"] for key in ("Positive Examples", "Negative Examples", "Instances") for x in task.get(key, [])]
    definition = task["Definition"]
    instructions += [definition] if isinstance(definition, str) else definition
  instructions += [row["instruction"] for row in read_rows(o.instruct / "self-instruct/seed_tasks.jsonl")]
  return {"input": inputs, "instruction": instructions}


def main() -> int:
  a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
  a.add_argument("--model", type=Path, required=True)
  a.add_argument("--work", type=Path, required=True)
  a.add_argument("--instruct", type=Path, default=INSTRUCT, help="where superni/tasks and self-instruct are [%(default)s]")
  a.add_argument("--vkift", type=Path, default=Path(__file__).resolve().parents[2] / "build/release/vkift")
  o = a.parse_args()
  out = o.work / "made.jsonl"
  make(o, out, o.work / "made.jsonl.journal")
  rows, before, highest, near = read_rows(out), existing(o), 0.0, 0
  scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
  for row in rows:
    text, others = new_text(row), before[row["made"]["new"]]
    scores = [scorer.score(other, text)["rougeL"].fmeasure for other in others]
    others.append(text)
    highest, near = max(highest, *scores), near + (max(scores) >= NEAR)
  from_ = {row["made"]["guideline"] for row in rows}
  print(f"{len(rows)} rows from {len(from_)} guidelines; highest ROUGE-L {highest:.4f}, {near} of them {NEAR} or above")
  return 0 if len(rows) == ROWS and len(from_) == len(GUIDELINES) and not near else 1


if __name__ == "__main__":
  sys.exit(main())
