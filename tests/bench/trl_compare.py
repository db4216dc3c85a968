"""LoRA (r 16, all linear layers) of SmolLM2-135M-Instruct on self-instruct's 175 seed tasks, eight examples a step: vkift with
packed rows on lavapipe beside TRL and PEFT on PyTorch's CPU, both float32 without checkpointing, in turn. tests/bench/trl
prepares what this needs. Prints useful target tokens a second, of whole epochs; exit status 1 where vkift reaches less than
half of TRL's.

"CPU" counts the process's own time instead of the clock's: it tells more where other programs run.
"""
import argparse
import json
import shutil
import sys
from importlib import metadata
from pathlib import Path

import side
import trl_data

THREADS, BOUND = 2, 0.5


def objects(text):
  """The lines that are JSON objects with target tokens."""
  found = []
  for line in text.splitlines():
    if line.startswith("{") and '"target_tokens"' in line:
      found.append(json.loads(line))
  return found


def run_vkift(args, steps):
  run = args.work / "trl_vkift_run"
  shutil.rmtree(run, ignore_errors=True)
  command = side.vkift(args.lane, THREADS, "train", "--model", args.model, "--data", args.work / "vkift.jsonl", "--batch-size",
                       args.batch_size, "--lora-r", 16, "--weight-dtype", "f32", "--gradient-checkpointing", "off", "--no-shuffle",
                       "--learning-rate", 2e-4, "--max-steps", steps, "--save-steps", 1000000, "--excess-length", "error",
                       "--max-length", 2048, "--output-dir", run)
  times = side.run_steps(command, side.lines_in(run / "metrics.jsonl"), log=args.work / "trl_vkift.log")
  rows = objects((run / "metrics.jsonl").read_text(encoding="utf-8"))
  return times, rows


def run_trl(args, steps):
  log = args.work / "trl_trl.log"
  command = [*side.pinned(THREADS), sys.executable, "-B", side.REPOSITORY / "tests/bench/trl_side.py", args.model,
             args.work / "trl.jsonl", steps, args.batch_size, THREADS, args.work / "trl_run"]
  environment = {"OMP_NUM_THREADS": str(THREADS), "PYTHONWARNINGS": "ignore"}
  times = side.run_steps(command, lambda output: output.count(b'"target_tokens"'), env=environment, log=log)
  return times, objects(log.read_text(encoding="utf-8", errors="replace"))


def total(name, parts, targets):
  """Of all rounds: target tokens by the clock and by CPU time; of each run but its first step."""
  seconds = sum(t[0] for times, _ in parts for t in times)
  cpu = sum(t[1] for times, _ in parts for t in times)
  return {"program": name, "steps": sum(len(times) for times, _ in parts), "target_tokens": targets,
          "per_second": targets / seconds, "per_cpu_second": targets / cpu}


def parse_args():
  p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  p.add_argument("--model", type=Path, required=True, help="SmolLM2-135M-Instruct.Q4_1.gguf")
  p.add_argument("--work", type=Path, required=True, help="folder for data, logs and the result")
  p.add_argument("--data", type=Path, help="the shared data folder [$VKIFT_SHARED_DATA, else ../shared/data of the repository]")
  p.add_argument("--rounds", type=int, default=2, help="of each side in turn [%(default)s]")
  p.add_argument("--steps", type=int, help="of each round [one epoch]")
  p.add_argument("--batch-size", type=int, default=8, help="examples a step [%(default)s]")
  side.add_lane(p)
  return p.parse_args()


def main():
  args = parse_args()
  examples = trl_data.write(trl_data.find(args.data), args.work)
  side.build(args.lane, args.work)
  steps = args.steps or examples // args.batch_size
  ours, theirs = [], []
  for i in range(args.rounds):
    print(f"round {i + 1} of {args.rounds}: {steps} steps of each", flush=True)
    ours.append(run_vkift(args, steps))
    theirs.append(run_trl(args, steps))
  versions = {name: metadata.version(name) for name in ("trl", "peft", "transformers", "torch")}
  # What counts as useful is the answer and the token that ends its turn; TRL takes the line's end behind it too.
  targets = sum(r["target_tokens"] for _, steps_of in ours for r in steps_of[1:])
  rows = [total("vkift on lavapipe", ours, targets), total("TRL and PEFT, PyTorch on the CPU", theirs, targets)]
  print("\n" + ", ".join(f"{n} {v}" for n, v in versions.items()) + f"; {THREADS} threads, {args.batch_size} examples a step\n")
  print("| program | steps | target tokens | target tokens/s | per CPU second |\n|---|--:|--:|--:|--:|")
  for r in rows:
    print(f"| {r['program']} | {r['steps']} | {r['target_tokens']} | {r['per_second']:.2f} | {r['per_cpu_second']:.2f} |")
  ratio, cpu = (rows[0][k] / rows[1][k] for k in ("per_second", "per_cpu_second"))
  padded = sum(r["padded"] for _, parts in theirs for r in parts) / sum(r["tokens"] for _, parts in theirs for r in parts)
  side.write_json(args.work / "trl.json", {"versions": versions, "rows": rows, "ratio": ratio, "cpu_ratio": cpu,
                                           "padded_per_token": padded})
  print(f"\nTRL computes {padded:.2f} tokens for each that is there. vkift: {ratio:.2f} of TRL by the clock, {cpu:.2f} by CPU time; "
        f"at least {BOUND}: {'passed' if ratio >= BOUND else 'MISSED'}")
  if [[r["tokens"] for r in steps_of] for _, steps_of in ours] != [[r["tokens"] for r in steps_of] for _, steps_of in theirs]:
    sys.exit("trl: the two sides were not given the same tokens in each step")
  sys.exit(ratio < BOUND)


main()
