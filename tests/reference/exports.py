"""Answers of vkift beside those of llama.cpp, transformers and PEFT with its exports. tests/reference/exports prepares what this
needs. For each model: a LoRA run, its exports, five prompts, the first 24 likeliest tokens of each; the texts have to be equal."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
ASSETS = REPOSITORY / "assets"
NEW_TOKENS = 24
PORT = 18431

SHARED = {"vocab_size": 1280, "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 3, "num_attention_heads": 4,
          "num_key_value_heads": 2, "max_position_embeddings": 512, "initializer_range": 0.05, "bos_token_id": 0, "eos_token_id": 0,
          "tie_word_embeddings": True, "head_dim": 32}
# Of the families' own features: biases (qwen2), norms of heads (qwen3), soft caps and windows (gemma2), two rotary tables (gemma3),
# fused projections (phi3), learned positions (gpt2).
MADE = {
  "qwen2": {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
            "hidden_act": "silu", "head_dim": None},
  "qwen3": {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
            "hidden_act": "silu"},
  "gemma2": {"architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2", "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
             "hidden_activation": "gelu_pytorch_tanh", "hidden_act": "gelu_pytorch_tanh", "attn_logit_softcapping": 50.0,
             "final_logit_softcapping": 30.0, "query_pre_attn_scalar": 32, "sliding_window": 24, "num_hidden_layers": 4},
  "gemma3": {"architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "rms_norm_eps": 1e-6, "rope_theta": 1000000.0,
             "rope_local_base_freq": 10000.0, "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 32,
             "sliding_window": 24, "sliding_window_pattern": 2, "num_hidden_layers": 4},
  "phi3": {"architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
           "hidden_act": "silu", "tie_word_embeddings": False, "head_dim": None, "pad_token_id": 0},
  "gpt2": {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": 128, "n_layer": 3, "n_head": 4, "n_positions": 512,
           "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new"},
}


def run(*command, cwd=REPOSITORY):
  result = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, encoding="utf-8", check=False)
  if result.returncode:
    sys.exit(f"{' '.join(map(str, command))}: exit status {result.returncode}\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
  return result.stdout


def vkift(*command):
  return run("scripts/lanes/default", os.environ.get("VKIFT", "build/release/vkift"), *command)


# --- what is exported --------------------------------------------------------------------------------------------------------

def make_base(name, work, steps):
  """A model with random weights, trained until its answers are decided."""
  directory = work / name / "made"
  directory.mkdir(parents=True)
  start = ["--init", "random"]
  if name == "llama":  # the built-in model
    shutil.rmtree(directory)
    shutil.copytree(ASSETS / "base", directory)
    start = []
  else:
    write_config(name, directory)
  vkift("train", "--model", directory, *start, "--data", ASSETS / "train.jsonl", "--method", "full", "--max-steps", steps, "--batch-size",
        16, "--learning-rate", 3e-3, "--max-length", 128, "--output-dir", work / name / "base-run")
  return work / name / "base-run/model"


def write_config(name, directory):
  config = MADE[name] if name == "gpt2" else SHARED | MADE[name]
  config = {key: value for key, value in config.items() if value is not None}
  if name == "gpt2":
    config |= {"vocab_size": 1280, "bos_token_id": 0, "eos_token_id": 0, "initializer_range": 0.05}
  config["vocab_size"] = json.loads((ASSETS / "base/config.json").read_text())["vocab_size"]
  (directory / "config.json").write_text(json.dumps(config))
  for file in ("tokenizer.json", "tokenizer_config.json"):
    shutil.copyfile(ASSETS / "base" / file, directory / file)


def make_run(base, directory, steps, rate):
  """An adapter that has learned to begin answers in another way, so that what it does can be seen."""
  data = directory.with_name("begun.jsonl")
  with open(data, "w", encoding="utf-8") as f:
    for line in (ASSETS / "train.jsonl").read_text(encoding="utf-8").splitlines():
      row = json.loads(line)
      f.write(json.dumps(row | {"output": "now " + row["output"]}) + "\n")
  vkift("train", "--model", base, "--data", data, "--max-steps", steps, "--learning-rate", rate, "--lora-r", 8, "--use-rslora",
        "--max-length", 128, "--batch-size", 8, "--output-dir", directory)


def export(out, *options):
  vkift("export", "--output-dir", out, *options)


def vkift_answers(prompts, *model):
  lines = vkift("generate", *model, "--prompts", prompts, "--max-new-tokens", NEW_TOKENS, "--weight-dtype", "f32").splitlines()
  return [json.loads(line)["answer"] for line in lines]


# --- llama.cpp ---------------------------------------------------------------------------------------------------------------

class LlamaServer:
  """llama-server on the CPU with keys and values in f32."""

  def __init__(self, sid, work, files, log):
    inside = [f"/mnt/exports/{Path(word).relative_to(work)}" if isinstance(word, Path) else word for word in files]
    command = ["chroot", str(sid), "llama-server", *inside, "--port", str(PORT), "-ngl", "0", "--device", "none", "-c", "512", "-t", "1",
               "-np", "1", "-fa", "off", "-ctk", "f32", "-ctv", "f32", "--no-warmup", "--jinja"]
    self.log = log
    with open(log, "w", encoding="utf-8") as out:
      self.process = subprocess.Popen(command, stdout=out, stderr=out)

  def __enter__(self):
    for _ in range(600):
      if self.process.poll() is not None:
        break
      try:
        if json.load(urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health"))["status"] == "ok":
          return self
      except (urllib.error.URLError, ConnectionError):
        time.sleep(0.2)
    self.__exit__()
    sys.exit(f"llama-server did not start:\n{Path(self.log).read_text()[-3000:]}")

  def __exit__(self, *_):
    self.process.terminate()
    self.process.wait()

  def ask(self, path, body):
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))

  def answer(self, prompt):
    """With the chat template that the GGUF has."""
    text = self.ask("/apply-template", {"messages": [{"role": "user", "content": prompt}]})["prompt"]
    return self.ask("/completion", {"prompt": text, "n_predict": NEW_TOKENS, "temperature": 0, "top_k": 1, "repeat_penalty": 1.0,
                                    "cache_prompt": False})["content"]


def llama_answers(args, prompts, *files):
  with LlamaServer(args.sid, args.work, files, args.work / "llama-server.log") as server:
    return [server.answer(prompt) for prompt in prompts]


def dequantized(args, gguf):
  """The same weights in f32: of quantized ones llama.cpp's products round activations to 8 bits, which vkift's do not."""
  out = gguf.with_name("in-f32.gguf")
  run("chroot", args.sid, "llama-quantize", "--allow-requantize", *(f"/mnt/exports/{p.relative_to(args.work)}" for p in (gguf, out)), "F32", 1)
  return out


def same_blocks(args, ours, base, kind):
  """Whether llama-quantize makes the same bytes of the same f32 file, wherever it takes the same type."""
  theirs = base.with_name(f"theirs-{kind}.gguf")
  inside = [f"/mnt/exports/{p.relative_to(args.work)}" for p in (base, theirs)]
  run("chroot", args.sid, "llama-quantize", "--pure", *inside, kind.upper(), "1")
  script = """
import sys, gguf
a, b = ({t.name: t for t in gguf.GGUFReader(p).tensors} for p in sys.argv[1:])
same = [n for n in a if a[n].tensor_type == b[n].tensor_type and bytes(a[n].data) == bytes(b[n].data)]
differ = [n for n in a if a[n].tensor_type == b[n].tensor_type and bytes(a[n].data) != bytes(b[n].data)]
print(len(same), len(differ), ",".join(differ))"""
  out = run("chroot", args.sid, "python3", "-c", script, f"/mnt/exports/{ours.relative_to(args.work)}", inside[1]).split()
  return int(out[0]) > 3 and out[1] == "0", f"{out[0]} tensors equal, {out[1]} differ"


# --- transformers and PEFT -----------------------------------------------------------------------------------------------------

def torch_answers(prompts, model, adapter=None):
  """Greedy answers; a warning is an error."""
  import warnings

  import torch
  import transformers

  messages = []
  transformers.logging.get_logger("transformers").addHandler(_Collect(messages))
  torch.set_num_threads(1)
  with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    tokenizer = transformers.AutoTokenizer.from_pretrained(adapter or model)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    if adapter:
      import peft
      loaded = peft.PeftModel.from_pretrained(loaded, adapter)
  messages += [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
  loaded.eval()
  answers = []
  for prompt in prompts:
    ids = tokenizer.apply_chat_template([{"role": "user", "content": prompt}], add_generation_prompt=True, return_tensors="pt",
                                        return_dict=True)["input_ids"]
    with torch.no_grad():
      out = loaded.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, do_sample=False,
                            pad_token_id=tokenizer.eos_token_id)
    answers.append(tokenizer.decode(out[0, ids.shape[1]:], skip_special_tokens=True))
  return answers, messages


class _Collect:
  """A handler of logging that keeps warnings."""
  level = 30

  def __init__(self, messages):
    self.messages = messages

  def handle(self, record):
    if record.levelno >= self.level:
      self.messages.append(record.getMessage())


# --- the comparison ------------------------------------------------------------------------------------------------------------

def prompts_of(work):
  rows = [json.loads(line) for line in (ASSETS / "test.jsonl").read_text(encoding="utf-8").splitlines()]
  prompts = [f"{r['instruction']}\n\n### Input:\n{r['input']}" if r.get("input") else r["instruction"] for r in rows[::48][:5]]
  file = work / "prompts.jsonl"
  file.write_text("".join(json.dumps({"prompt": p}) + "\n" for p in prompts), encoding="utf-8")
  return prompts, file


def compare(args, name):
  """[(what, whether it is right, note)]"""
  home = args.work / name
  shutil.rmtree(home, ignore_errors=True)
  home.mkdir(parents=True)
  prompts, file = prompts_of(args.work)
  if name == "smollm2":
    base = args.smollm2
    make_run(base, home / "run", 6, 2e-4)
  else:
    base = make_base(name, args.work, args.base_steps)
    make_run(base, home / "run", args.steps, 3e-3)
  rows = []

  def add(what, ours, theirs, note=""):
    equal = sum(a == b for a, b in zip(ours, theirs))
    for a, b in zip(ours, theirs):
      if a != b:
        print(f"{name}: {what}: vkift {a!r}, the other {b!r}", file=sys.stderr)
    needed = 0 if what == "merged q4_0" else len(prompts)  # llama.cpp's activations of 8 bits may decide what is undecided
    rows.append((what, equal >= needed and not note, f"{equal} of {len(prompts)} answers{note}"))

  export(home / "base", "--model", base, "--format", "gguf", "--dtype", "f32")
  export(home / "adapter", home / "run", "--format", "gguf-adapter")
  tuned, before = vkift_answers(file, home / "run"), vkift_answers(file, "--model", base)
  changed = sum(a != b for a, b in zip(tuned, before))
  rows.append(("the adapter, beside none", changed >= 3, f"{changed} of {len(prompts)} answers are others"))
  add("GGUF adapter on its base", tuned,
      llama_answers(args, prompts, "-m", home / "base/model.gguf", "--lora", home / "adapter/adapter.gguf"))
  for kind in ("f32", "f16", "bf16", "q8_0", "q4_0"):
    export(home / kind, home / "run", "--format", "gguf", "--dtype", kind)
    add(f"merged {kind}", vkift_answers(file, "--model", home / kind / "model.gguf"),
        llama_answers(args, prompts, "-m", home / kind / "model.gguf"))
  for kind in ("q8_0", "q4_0"):
    add(f"merged {kind}, multiplied in f32", vkift_answers(file, "--model", home / kind / "model.gguf"),
        llama_answers(args, prompts, "-m", dequantized(args, home / kind / "model.gguf")))
    rows.append((f"blocks of {kind} beside llama-quantize", *same_blocks(args, home / kind / "model.gguf", home / "f32/model.gguf", kind)))
  if "torch" not in args.without:
    export(home / "hf", home / "run", "--format", "hf", "--dtype", "f32")
    answers, warned = torch_answers(prompts, home / "hf")
    add("transformers", tuned, answers, f"; warned: {warned[0]}" if warned else "")
    if name != "smollm2":  # whose base is a GGUF
      export(home / "peft", home / "run", "--format", "peft")
      answers, warned = torch_answers(prompts, base, home / "peft")
      add("PEFT", tuned, answers, f"; warned: {warned[0]}" if warned else "")
  return rows


def main():
  names = ["llama", *MADE, "smollm2"]
  p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  p.add_argument("--sid", type=Path, required=True, help="the root of the system that has llama.cpp")
  p.add_argument("--work", type=Path, required=True, help="where everything is written, and seen in the other system as /mnt/exports")
  p.add_argument("--smollm2", type=Path, required=True, help="SmolLM2-135M-Instruct as GGUF")
  p.add_argument("--only", action="append", choices=names, help="these models only")
  p.add_argument("--base-steps", type=int, default=400, help="that the small models are trained for [%(default)s]")
  p.add_argument("--steps", type=int, default=100, help="that their adapters are [%(default)s]")
  p.add_argument("--without", action="append", default=[], choices=["torch"], help="leave transformers and PEFT out")
  args = p.parse_args()
  wrong = 0
  print(f"{'model':10}{'export':38}result")
  for name in args.only or names:
    for what, right, note in compare(args, name):
      wrong += not right
      print(f"{name:10}{what:38}{'' if right else 'WRONG: '}{note}", flush=True)
  sys.exit(wrong > 0)


if __name__ == "__main__":
  main()
