"""Figures for tests/model/families_test.c: one line a case, computed in float64 with weights that both sides make from the
tensors' names."""
import json
from pathlib import Path

import numpy as np
import torch

import family_models

TOKENS = 70  # longer than the windows, and than LongRoPE's original positions
U = np.uint64


def hash_name(name: str) -> int:
  """FNV-1a."""
  h = 0xCBF29CE484222325
  for byte in name.encode():
    h = (h ^ byte) * 0x100000001B3 % 2 ** 64
  return h


def numbers(seed: int, n: int) -> np.ndarray:
  """In [−1, 1), from the finaliser of splitmix64."""
  z = U(seed) + (np.arange(n, dtype=np.uint64) + U(1)) * U(0x9E3779B97F4A7C15)
  z = (z ^ z >> U(30)) * U(0xBF58476D1CE4E5B9)
  z = (z ^ z >> U(27)) * U(0x94D049BB133111EB)
  return ((z ^ z >> U(31)) >> U(40)) / 2.0 ** 23 - 1


def fill(name: str, p: torch.Tensor, norm_base: float):
  embedding = "embed_tokens" in name or name.endswith((".wte.weight", ".wpe.weight"))
  norm = p.dim() == 1 and name.endswith("weight")
  scale = 0.8 if embedding else 2 / p.shape[-1] ** 0.5 if p.dim() > 1 else 0.3
  values = (norm_base if norm else 0.0) + scale * numbers(hash_name(name), p.numel())
  p.copy_(torch.from_numpy(values.astype(np.float32).reshape(p.shape)))


def golden(case) -> dict:
  norm_base = 0.0 if case.family.startswith("Gemma") else 1.0
  model = family_models.make_model(case).double()
  with torch.no_grad():
    for name, p in model.named_parameters():
      fill(name, p, norm_base)
  ids = [3 + i * i * 7 % 500 for i in range(TOKENS)]
  logits = model(input_ids=torch.tensor([ids])).logits[0]
  loss = torch.nn.functional.cross_entropy(logits[:-1].double(), torch.tensor(ids[1:]))
  loss.backward()
  default = case.config_class().to_dict()
  config = {key: value for key, value in model.config.to_dict().items() if value is not None or default.get(key) is not None}
  return {"name": case.name, "config": config, "norm_base": norm_base, "ids": ids, "loss": round(loss.item(), 9),
          "logits": [round(x, 7) for x in logits[-1, ::32].tolist()],
          "norms": {name: float(f"{p.grad.norm().item():.8g}") for name, p in model.named_parameters()}}


def write(cases: list, path: Path):
  path.write_text("".join(json.dumps(golden(case)) + "\n" for case in cases))
