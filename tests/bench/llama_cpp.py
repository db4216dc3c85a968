"""Full float32 training of a random Llama of 30.7 million weights, 256 tokens a step: vkift on lavapipe in the modern lane
beside llama.cpp's llama-finetune on its CPU back end and on Vulkan with lavapipe, in turn. tests/bench/llama_cpp prepares what
this needs. Prints a table of medians over the steps; exit status 1 where vkift makes fewer than 100 tokens a second.

"CPU" counts the process's own time instead of the clock's: it tells more where other programs run.
"""
import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

import side

TOKENS, BOUND = 256, 100
THREADS = 2


def llama(sid, work, *options):
  inside = ["taskset", "-c", f"0-{THREADS - 1}", "llama-finetune", "-m", "random.gguf", "-f", "random.txt", "-c", TOKENS, "-b",
            TOKENS, "-ub", TOKENS, "-fa", "off", "-t", THREADS, "-epochs", 1, "-lr", "1e-4", "-o", "trained.gguf", *options]
  return ["chroot", sid, "env", "-C", f"/{work.name}", f"LP_NUM_THREADS={THREADS}", "GGML_VK_VISIBLE_DEVICES=0", *inside]


def windows_done(output):
  """llama-finetune redraws a line: data=0000005/0000041 once five windows are done."""
  found = re.findall(rb"data=(\d+)/", output)
  return int(found[-1]) if found else 0


def vkift(args, run):
  return side.vkift(args.lane, THREADS, "train", "--model", args.work / "random.gguf", "--data", args.work / "random.jsonl",
                    "--objective", "lm", "--method", "full", "--max-length", TOKENS, "--excess-length", "split",
                    "--batch-size", 1, "--micro-batch-tokens", TOKENS, "--no-packing", "--no-shuffle", "--learning-rate", 1e-4,
                    "--max-steps", args.steps + 2, "--save-steps", 1000000, "--output-dir", run)


def measure(args):
  """Steps of each program, (seconds, CPU seconds), from all rounds."""
  sides = {"vkift on lavapipe": [], "llama-finetune, CPU": [], "llama-finetune, Vulkan on lavapipe": []}
  ours, cpu, vulkan = sides
  run = args.work / "llama_cpp_run"
  for i in range(args.rounds):
    print(f"round {i + 1} of {args.rounds}", flush=True)
    shutil.rmtree(run, ignore_errors=True)
    sides[ours] += side.run_steps(vkift(args, run), side.lines_in(run / "metrics.jsonl"), args.steps,
                                  log=args.work / "vkift.log")
    shutil.rmtree(run, ignore_errors=True)
    sides[cpu] += side.run_steps(llama(args.sid, args.inside, "-ngl", 0, "--device", "none"), windows_done, args.steps,
                                 log=args.work / "llama-cpu.log")
  if args.vulkan_steps:
    print(f"llama.cpp on Vulkan: {args.vulkan_steps} steps, and compiling before them", flush=True)
    sides[vulkan] = side.run_steps(llama(args.sid, args.inside, "-ngl", 99, "--device", "Vulkan0"), windows_done,
                                   args.vulkan_steps, least_steps=1, limit=args.vulkan_seconds, log=args.work / "llama-vulkan.log")
  return {name: steps for name, steps in sides.items() if steps}


def parse_args():
  p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  p.add_argument("--sid", type=Path, required=True, help="the root of the system that has llama.cpp")
  p.add_argument("--work", type=Path, required=True, help="where the model lies and the result is written")
  p.add_argument("--inside", type=Path, required=True, help="the same folder as seen in the other system")
  p.add_argument("--rounds", type=int, default=3, help="of vkift and llama.cpp's CPU back end in turn [%(default)s]")
  p.add_argument("--steps", type=int, default=8, help="that are timed in each round [%(default)s]")
  p.add_argument("--vulkan-steps", type=int, default=3, help="of llama.cpp on Vulkan, once; 0: none [%(default)s]")
  p.add_argument("--vulkan-seconds", type=float, default=900, help="the most that these may take [%(default)s]")
  side.add_lane(p)
  return p.parse_args()


def main():
  args = parse_args()
  side.build(args.lane, args.work)
  rows = []
  for name, steps in measure(args).items():
    wall, cpu = (side.median([step[k] for step in steps]) for k in (0, 1))
    rows.append({"program": name, "steps": len(steps), "tokens_per_second": TOKENS / wall, "tokens_per_cpu_second": TOKENS / cpu})
  version = subprocess.run(["chroot", args.sid, "dpkg-query", "-W", "-f", "${Version}", "llama.cpp-examples"], check=True,
                           stdout=subprocess.PIPE, encoding="utf-8").stdout
  print(f"\nllama.cpp {version}; {THREADS} threads, {TOKENS} tokens a step\n")
  print("| program | steps | tokens/s | tokens per CPU second | beside vkift |\n|---|--:|--:|--:|--:|")
  for r in rows:
    ratio = rows[0]["tokens_per_second"] / r["tokens_per_second"]
    print(f"| {r['program']} | {r['steps']} | {r['tokens_per_second']:.1f} | {r['tokens_per_cpu_second']:.1f} | {ratio:.2f} |")
  side.write_json(args.work / "llama_cpp.json", {"llama_cpp": version, "tokens_per_step": TOKENS, "rows": rows})
  reached = rows[0]["tokens_per_second"] >= BOUND
  print(f"\nvkift: at least {BOUND} tokens/s: {'passed' if reached else 'MISSED'}")
  sys.exit(not reached)


main()
