"""What a run takes before its first step has ended, beyond the step itself: LoRA of SmolLM2-135M-Instruct, first with empty
caches of vkift's and of the driver's pipelines, then with what that run left. tests/bench/start prepares what this needs.
Prints a table of medians; exit status 1 where the start takes more than 10 s cold, or 2 s warm.

Options behind -- go to vkift train: tests/bench/start -- --tune off
"""
import argparse
import os
import shutil
import sys
from pathlib import Path

import side
import trl_data

THREADS = 2
BOUNDS = {"cold": 10, "warm": 2}
LATER = 3  # steps behind the first, whose median is taken for what the first takes by itself


def measure(args):
  """(seconds, CPU seconds) of a start without its step."""
  run = args.work / "start_run"
  shutil.rmtree(run, ignore_errors=True)
  command = side.vkift(args.lane, THREADS, "train", "--model", args.model, "--data", args.work / "vkift.jsonl", "--batch-size",
                       args.batch_size, "--no-shuffle", "--max-steps", LATER + 2, "--save-steps", 1000000, "--output-dir", run,
                       *args.options)
  caches = {"VKIFT_CACHE_DIR": str(args.work / "start_cache/vkift"), "MESA_SHADER_CACHE_DIR": str(args.work / "start_cache/mesa")}
  steps = side.run_steps(command, side.lines_in(run / "metrics.jsonl"), LATER, env=caches, name="vkift",
                         log=args.work / "start.log")
  return tuple(steps[0][k] - side.median([step[k] for step in steps[1:]]) for k in (0, 1))


def parse_args():
  p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  p.add_argument("--model", type=Path, required=True, help="SmolLM2-135M-Instruct.Q4_1.gguf")
  p.add_argument("--work", type=Path, required=True, help="folder for caches, logs and the result")
  p.add_argument("--data", type=Path, help="the shared data folder [$VKIFT_SHARED_DATA, else ../shared/data of the repository]")
  p.add_argument("--rounds", type=int, default=3, help="each one cold and one warm [%(default)s]")
  p.add_argument("--batch-size", type=int, default=4, help="examples a step [%(default)s]")
  p.add_argument("options", nargs="*", help="for vkift train, behind --")
  side.add_lane(p)
  return p.parse_args()


def main():
  args = parse_args()
  trl_data.write(trl_data.find(args.data), args.work)
  side.build(args.lane, args.work)
  found = {name: [] for name in BOUNDS}
  for i in range(args.rounds):
    print(f"round {i + 1} of {args.rounds}", flush=True)
    shutil.rmtree(args.work / "start_cache", ignore_errors=True)
    os.makedirs(args.work / "start_cache/mesa")
    for name in BOUNDS:
      found[name].append(measure(args))
  print("\n| caches | seconds beyond the step | CPU seconds | at most |\n|---|--:|--:|--:|")
  rows = {}
  for name, times in found.items():
    rows[name] = {"seconds": side.median([t[0] for t in times]), "cpu_seconds": side.median([t[1] for t in times])}
    print(f"| {name} | {rows[name]['seconds']:.2f} | {rows[name]['cpu_seconds']:.2f} | {BOUNDS[name]} |")
  side.write_json(args.work / "start.json", rows)
  passed = all(rows[name]["seconds"] <= bound for name, bound in BOUNDS.items())
  print("\npassed" if passed else "\nMISSED")
  sys.exit(not passed)


main()
