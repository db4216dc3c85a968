"""Writes tests/cli/dpo_golden.json: what direct preference optimisation of the tiny model of tests/cli/tiny.py gives in float64,
by transformers' forward and PyTorch's AdamW. Of vkift come only the token ids and labels (`vkift data show --json`).

dpo_golden.py VKIFT FILE      in the virtual environment that tests/reference/dpo makes"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests/cli"))
import tiny

PAIRS, BATCH, STEPS, RATE = 12, 4, 6, 1e-3
FORMS = {"sigmoid": {"beta": 0.1, "label_smoothing": 0.0}, "smoothed": {"beta": 0.5, "label_smoothing": 0.2},
         "norm": {"beta": 2.0, "label_smoothing": 0.0}}


def load(directory):
  config = {k: v for k, v in tiny.CONFIG.items() if k not in ("architectures", "model_type")}
  model = LlamaForCausalLM(LlamaConfig(**config, attn_implementation="eager")).double()
  tensors, _ = tiny.read_safetensors(f"{directory}/model.safetensors")
  state = {name: torch.tensor(tiny.floats(values), dtype=torch.float64).reshape(shape) for name, (_, shape, values) in tensors.items()}
  missing, unexpected = model.load_state_dict(state, strict=False)
  if missing or unexpected:
    sys.exit(f"dpo_golden: other weights: {missing} {unexpected}")
  return model


def log_p(model, ids, labels):
  """Of the answer, and its number of tokens."""
  logits = model(input_ids=torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
  places = [i for i in range(1, len(ids)) if labels[i] >= 0]
  return sum(logits[i - 1, ids[i]] for i in places), len(places)


def train(directory, pairs, beta, label_smoothing, by_length):
  model = load(directory)
  reference = load(directory)
  with torch.no_grad():
    fixed = [[log_p(reference, *side)[0] for side in pair] for pair in pairs]
  optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=0)
  steps = []
  for step in range(STEPS):
    first = step * BATCH % PAIRS
    row = {"loss": 0.0, "chosen": 0.0, "rejected": 0.0, "accuracies": 0.0}
    for pair, of_reference in zip(pairs[first:first + BATCH], fixed[first:first + BATCH], strict=True):
      ratios, shares = [], []
      for side, before in zip(pair, of_reference, strict=True):
        now, n = log_p(model, *side)
        ratios.append(now - before)
        shares.append(1 / n if by_length else 1)
      margin = beta * (ratios[0] * shares[0] - ratios[1] * shares[1])
      sigmoid = torch.nn.functional.logsigmoid
      loss = (-(1 - label_smoothing) * sigmoid(margin) - label_smoothing * sigmoid(-margin)) / BATCH
      loss.backward()
      row["loss"] += float(loss)
      row["chosen"] += beta * float(ratios[0]) / BATCH
      row["rejected"] += beta * float(ratios[1]) / BATCH
      row["accuracies"] += float(ratios[0] > ratios[1]) / BATCH
    row["grad_norm"] = float(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0))
    optimizer.step()
    optimizer.zero_grad()
    steps.append(row)
  return steps


def main(vkift, path):
  with tempfile.TemporaryDirectory() as work:
    tiny.model(f"{work}/model")
    tiny.pairs(f"{work}/pairs.jsonl", PAIRS)
    shown = subprocess.run([vkift, "data", "show", "--model", f"{work}/model", "--data", f"{work}/pairs.jsonl", "--chat-template", "chatml",
                            "--objective", "dpo", "--count", str(PAIRS), "--json"], check=True, capture_output=True, encoding="utf-8").stdout
    pairs = []
    for line in shown.splitlines():
      x = json.loads(line)
      at = x["rejected_begin"]
      pairs.append([(x["input_ids"][:at], x["labels"][:at]), (x["input_ids"][at:], x["labels"][at:])])
    golden = {"pairs": pairs, "steps": {name: train(f"{work}/model", pairs, **form, by_length=name == "norm") for name, form in FORMS.items()}}
  Path(path).write_text(json.dumps(golden) + "\n", encoding="utf-8")


main(*sys.argv[1:])
