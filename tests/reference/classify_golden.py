"""Writes tests/model/classify_golden.json: a classifier of three labels on the built-in model, computed by transformers in float64.
For each of a few texts its logits; the weighted mean loss and its gradient's norms, with all of the head's; then AdamW steps of all
weights, the head with a learning rate of its own. The head is score[k][j] = sin(k * hidden + j) / 10.

tests/reference/classify_golden.py [FILE]    (with the environment of tests/reference/run)"""
import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, LlamaForSequenceClassification

REPOSITORY = Path(__file__).resolve().parents[2]
LABELS, STEPS = 3, 8
RATES = {"learning_rate": 1e-4, "head_learning_rate": 2e-3}
WEIGHTS = [1.0, 0.5, 2.0]
LENGTHS = [9, 1, 24, 15, 33, 6]


def make_model():
  base = AutoModelForCausalLM.from_pretrained(REPOSITORY / "assets/base", dtype=torch.float64)
  base.config.num_labels, base.config.pad_token_id = LABELS, None
  model = LlamaForSequenceClassification(base.config).to(torch.float64)
  model.model.load_state_dict(base.model.state_dict())
  n = base.config.hidden_size
  with torch.no_grad():
    model.score.weight.copy_(torch.sin(torch.arange(LABELS * n, dtype=torch.float64)).reshape(LABELS, n) / 10)
  return model.eval()


def main(path: Path):
  torch.manual_seed(7)
  model = make_model()
  texts = [torch.randint(10, model.config.vocab_size, (1, n)) for n in LENGTHS]
  labels = torch.tensor([i % LABELS for i in range(len(texts))])
  cross_entropy = torch.nn.CrossEntropyLoss(weight=torch.tensor(WEIGHTS, dtype=torch.float64))
  groups = [{"params": [p for n, p in model.named_parameters() if "score" not in n], "lr": RATES["learning_rate"]},
            {"params": [model.score.weight], "lr": RATES["head_learning_rate"]}]
  optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8, weight_decay=0)
  out = {"texts": [t[0].tolist() for t in texts], "labels": labels.tolist(), "class_weights": WEIGHTS, **RATES}
  for step in range(STEPS):
    logits = torch.cat([model(input_ids=t).logits for t in texts])
    loss = cross_entropy(logits, labels)
    loss.backward()
    if step == 0:
      out["logits"] = logits.tolist()
      out["norms"] = {n: float(p.grad.norm()) for n, p in model.named_parameters()}
      out["head_gradient"] = model.score.weight.grad.flatten().tolist()
      out["steps"] = []
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    out["steps"].append({"loss": loss.item(), "grad_norm": float(norm)})
  path.write_text(json.dumps(out, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
  main(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "tests/model/classify_golden.json")
