"""How the cost of a training step grows: tokens a second over the length of a row, and over the share of its tokens that carry
loss; full training of a random model of SmolLM2-135M's shapes with fewer layers, or LoRA of a given one. Draws docs/scaling.svg
and writes scaling.json.

Each point is the median of the steps of one run of `vkift train` on token ids made for it.
"""
import argparse
import json
import random
import shutil
from pathlib import Path

import side

THREADS = 2
LENGTHS, SHARES = (256, 512, 1024, 2048, 4096), (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
MIDDLE = 1024, 0.5  # the row length at which shares are varied, and the share at which lengths are
CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 49152, "hidden_size": 576,
          "intermediate_size": 1536, "num_attention_heads": 9, "num_key_value_heads": 3, "head_dim": 64, "hidden_act": "silu",
          "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "rope_theta": 100000.0, "initializer_range": 0.02,
          "tie_word_embeddings": True, "bos_token_id": 0, "eos_token_id": 0}


def write_model(directory, layers):
  """config.json, and a tokenizer of single characters: the data are token ids."""
  directory.mkdir(parents=True, exist_ok=True)
  side.write_json(directory / "config.json", {**CONFIG, "num_hidden_layers": layers})
  control = {"id": 0, "content": "<end>", "special": True, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False}
  side.write_json(directory / "tokenizer.json", {
    "version": "1.0", "truncation": None, "padding": None, "added_tokens": [control], "normalizer": None,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    "post_processor": None, "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
              "fuse_unk": False, "byte_fallback": False, "vocab": byte_vocabulary(), "merges": []}})


def byte_vocabulary():
  """The 256 characters by which GPT-2 writes bytes, behind the control token."""
  plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
  rest = [b for b in range(256) if b not in plain]
  names = {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(rest)}
  return {"<end>": 0} | {names[b]: b + 1 for b in range(256)}


def write_data(path, length, share, examples):
  """Rows of `length` ids of which the last share carries loss."""
  draw = random.Random(1)
  with path.open("w", encoding="utf-8") as f:
    for _ in range(examples):
      ids = [draw.randrange(1, CONFIG["vocab_size"]) for _ in range(length)]
      targets = max(1, round(share * (length - 1)))
      f.write(json.dumps({"input_ids": ids, "labels": [-100] * (length - targets) + ids[length - targets:]}) + "\n")


def measure(args, length, share):
  data, run = args.work / "scaling.jsonl", args.work / "scaling_run"
  shutil.rmtree(run, ignore_errors=True)
  write_data(data, length, share, args.steps + 1)
  what = ["--model", args.model] if args.model else ["--model", args.work / "scaling_model", "--init", "random", "--method", "full"]
  command = side.vkift(args.lane, THREADS, "train", *what, "--data", data, "--batch-size", 1, "--max-length", length, "--micro-batch-tokens", length,
                       "--excess-length", "error", "--no-shuffle", "--gradient-checkpointing", "off", "--max-steps",
                       args.steps + 1, "--save-steps", 1000000, "--output-dir", run)
  times = side.run_steps(command, side.lines_in(run / "metrics.jsonl"), args.steps, log=args.work / "scaling.log", least_steps=1)
  point = {"length": length, "share": share, "tokens_per_second": length / side.median([t[0] for t in times]),
           "tokens_per_cpu_second": length / side.median([t[1] for t in times])}
  print(f"{length:5d} tokens, {100 * share:3.0f} % targets: {point['tokens_per_second']:8.1f} tokens/s, "
        f"{point['tokens_per_cpu_second']:8.1f} per CPU second", flush=True)
  return point


# --- the picture ---

WIDTH, HEIGHT, LEFT, TOP, PANEL, GAP = 860, 330, 60, 40, 340, 80


def text(x, y, words, anchor="middle", size=12):
  return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{words}</text>'


def ticks(most):
  """Three to six round numbers from 0 up to at least `most`."""
  step = 10 ** (len(str(int(most))) - 1)
  for factor in (0.2, 0.25, 0.5, 1, 2):
    if most / (step * factor) <= 6:
      step *= factor
      break
  return [i * step for i in range(int(most / step) + 2)]


def panel(x0, title, axis, labels, values):
  """Points joined by lines, evenly spaced along x."""
  marks = ticks(max(values))
  bottom, right = TOP + 220, x0 + PANEL
  def x(i): return x0 + PANEL * (i + 0.5) / len(labels)
  def y(v): return bottom - 220 * v / marks[-1]
  out = [text((x0 + right) / 2, TOP - 16, title, size=14), text((x0 + right) / 2, bottom + 42, axis)]
  for m in marks:
    out.append(f'<line x1="{x0}" y1="{y(m):.1f}" x2="{right}" y2="{y(m):.1f}" stroke="#ddd"/>')
    out.append(text(x0 - 6, y(m) + 4, f"{m:g}", "end"))
  for i, label in enumerate(labels):
    out.append(text(x(i), bottom + 18, label))
  points = " ".join(f"{x(i):.1f},{y(v):.1f}" for i, v in enumerate(values))
  out.append(f'<polyline points="{points}" fill="none" stroke="#1f6fb2" stroke-width="2"/>')
  for i, v in enumerate(values):
    out.append(f'<circle cx="{x(i):.1f}" cy="{y(v):.1f}" r="4" fill="#1f6fb2"/>')
    out.append(text(x(i), y(v) - 9, f"{v:.0f}" if v >= 10 else f"{v:.1f}"))
  return out


def draw(by_length, by_share, device):
  out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" fill="#222">',
         f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>']
  out += panel(LEFT, f"tokens/s by length of a row ({100 * MIDDLE[1]:.0f} % targets)", "tokens of a row",
               [str(p["length"]) for p in by_length], [p["tokens_per_second"] for p in by_length])
  out += panel(LEFT + PANEL + GAP, f"tokens/s by share of targets (rows of {MIDDLE[0]})", "share of tokens that carry loss",
               [f"{100 * p['share']:.0f} %" for p in by_share], [p["tokens_per_second"] for p in by_share])
  out.append(text(WIDTH - 10, HEIGHT - 8, device, "end", 11))
  return "\n".join([*out, "</svg>", ""])


def parse_args():
  p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  p.add_argument("--work", type=Path, default=side.REPOSITORY / "build/bench", help="folder for data and figures [%(default)s]")
  p.add_argument("--svg", type=Path, default=side.REPOSITORY / "docs/scaling.svg", help="the picture [%(default)s]")
  p.add_argument("--model", type=Path, help="LoRA of this model of SmolLM2's vocabulary [full training of a random one]")
  p.add_argument("--layers", type=int, default=4, help="of the random model [%(default)s]")
  p.add_argument("--steps", type=int, default=5, help="that are timed at each point [%(default)s]")
  p.add_argument("--lengths", type=int, nargs="+", default=LENGTHS, help="of rows [%(default)s]")
  p.add_argument("--shares", type=float, nargs="+", default=SHARES, help="of targets [%(default)s]")
  p.add_argument("--quick", action="store_true", help="two short lengths, two shares, one step, no picture in docs/: does it work?")
  side.add_lane(p)
  args = p.parse_args()
  if args.quick:
    args.lengths, args.shares, args.steps, args.layers = (64, 128), (0.1, 1.0), 1, 1
    args.svg = args.work / "scaling.svg"
  return args


def main():
  global MIDDLE
  args = parse_args()
  if args.quick:
    MIDDLE = 128, 0.5
  side.build(args.lane, args.work)
  write_model(args.work / "scaling_model", args.layers)
  by_length = [measure(args, length, MIDDLE[1]) for length in args.lengths]
  by_share = [measure(args, MIDDLE[0], share) for share in args.shares]
  side.write_json(args.work / "scaling.json", {"layers": args.layers, "by_length": by_length, "by_share": by_share})
  args.svg.parent.mkdir(parents=True, exist_ok=True)
  what = f"LoRA of {args.model.stem}" if args.model else f"full training, {args.layers} layers of SmolLM2-135M's shapes"
  args.svg.write_text(draw(by_length, by_share, f"{what}; lane {args.lane}, {THREADS} threads"), encoding="utf-8")
  print(f"written: {args.svg}")


main()
