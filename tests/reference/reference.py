"""The reference: transformers and PEFT in float32 on the CPU. What takes minutes is kept and used again while nothing that
it depends on has changed."""
import hashlib
import json
import shutil
import warnings
from importlib import metadata
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

import inputs

LEARNING_RATE = 2e-4
MAX_GRAD_NORM = 1.0
LORA = {"r": 16, "lora_alpha": 32, "lora_dropout": 0.0, "task_type": "CAUSAL_LM",
        "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]}
B_SCALE = 0.01  # B starts random, not at zero: else A has no gradient in the first step, and the adapter no effect


def load_model(gguf: Path):
  torch.set_num_threads(1)  # the same figures on every machine of a kind; and threads that wait for each other eat a busy one
  model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
  if any(p.dtype != torch.float32 for p in model.parameters()):
    raise TypeError("expected all weights in float32")
  return model.eval()


def load_written(kind, directory: Path):
  """What vkift wrote, by a class of transformers: neither missing nor unknown weights, and a warning fails."""
  with warnings.catch_warnings():
    warnings.simplefilter("error", UserWarning)
    model, info = kind.from_pretrained(directory, dtype=torch.float32, output_loading_info=True)
  faults = {k: v for k, v in info.items() if v}
  if faults:
    raise ValueError(f"{directory}: {faults}")
  return model.eval()


def load_adapter(model, directory: Path):
  """PEFT only warns of keys that are unknown or missing; here a warning fails."""
  with warnings.catch_warnings():
    warnings.simplefilter("error", UserWarning)
    return PeftModel.from_pretrained(model, directory).eval()


@torch.no_grad()
def token_nll(model, ids: list[int]) -> list[float]:
  """−log p of each token but the first, given those before it."""
  logits = model(input_ids=torch.tensor([ids])).logits[0, :-1]
  return torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="none").tolist()


@torch.no_grad()
def greedy(model, ids: list[int], stop: int) -> list[dict]:
  """The likeliest tokens, each with what its logit is above the second's. The token that stops is the last."""
  tokens, cache, fed = [], None, torch.tensor([ids])
  while len(tokens) < inputs.NEW_TOKENS:
    out = model(input_ids=fed, past_key_values=cache, use_cache=True)
    best = out.logits[0, -1].topk(2)
    token = int(best.indices[0])
    tokens.append({"id": token, "lead": float(best.values[0] - best.values[1])})
    if token == stop:
      break
    cache, fed = out.past_key_values, torch.tensor([[token]])
  return tokens


def make_adapter(model, directory: Path):
  """Wraps the model in a new adapter that is the same every time, and saves it."""
  torch.manual_seed(1)
  wrapped = get_peft_model(model, LoraConfig(**LORA))
  for name, p in wrapped.named_parameters():
    if "lora_B" in name:
      torch.nn.init.normal_(p, std=B_SCALE)
  shutil.rmtree(directory, ignore_errors=True)
  wrapped.save_pretrained(directory, save_embedding_layers=False)
  return wrapped


def train(model, encoded: list[tuple[list[int], list[bool]]]) -> list[dict]:
  """AdamW on the adapter. A step's loss is the sum of its token losses over the number of its targets."""
  trained = [p for p in model.parameters() if p.requires_grad]
  optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=0)
  steps = []
  for first in range(0, len(encoded), inputs.BATCH):
    batch = encoded[first:first + inputs.BATCH]
    n_targets = sum(sum(targets[1:]) for _, targets in batch)
    total = 0.0
    for ids, targets in batch:
      labels = torch.tensor([i if t else -100 for i, t in zip(ids, targets)])
      logits = model(input_ids=torch.tensor([ids])).logits[0, :-1]
      loss = torch.nn.functional.cross_entropy(logits, labels[1:], ignore_index=-100, reduction="sum") / n_targets
      loss.backward()
      total += loss.item()
    norm = torch.nn.utils.clip_grad_norm_(trained, MAX_GRAD_NORM)
    optimizer.step()
    optimizer.zero_grad()
    steps.append({"loss": total, "grad_norm": float(norm), "target_tokens": n_targets})
    print(f"reference: step {len(steps)} loss {total:.6f} gradient norm {float(norm):.6f}", flush=True)
  return steps


def compute(gguf: Path, tokenizer, examples: list[list[dict]], work: Path) -> dict:
  """Tokens, token losses and training of the reference, and in work/adapter the adapter that training starts from."""
  kept, adapter = work / "reference.json", work / "adapter"
  key = _key(gguf, examples)
  if kept.exists() and adapter.is_dir():
    result = json.loads(kept.read_text())
    if result["key"] == key:
      return result
  print("reference: computing, some minutes", flush=True)
  model = load_model(gguf)
  encoded = [inputs.encode(tokenizer, messages) for messages in examples]
  prompts = [inputs.prompt_ids(tokenizer, prompt) for prompt in inputs.PROMPTS]
  result = {
    "key": key,
    "greedy": [greedy(model, ids, tokenizer.convert_tokens_to_ids(inputs.END_OF_TURN)) for ids in prompts],
    "nll": [token_nll(model, ids) for ids, _ in encoded[:inputs.SCORED]],
  }
  adapted = make_adapter(model, adapter)
  result["steps"] = train(adapted, encoded)
  result["trained_nll"] = [token_nll(adapted, ids) for ids, _ in encoded[:inputs.SCORED]]
  kept.write_text(json.dumps(result, indent=1))
  return result


def versions() -> dict[str, str]:
  return {name: metadata.version(name) for name in ("torch", "transformers", "peft", "gguf")}


def _key(gguf: Path, examples) -> str:
  """Of everything that the outcome depends on."""
  parts = [gguf.read_bytes(), json.dumps([examples, versions()]).encode()]
  parts += [Path(__file__).read_bytes(), Path(inputs.__file__).read_bytes()]
  return hashlib.sha256(b"".join(hashlib.sha256(p).digest() for p in parts)).hexdigest()
