"""vkift's side: runs the command and reads what it prints and writes."""
import json
import shutil
import subprocess
from pathlib import Path

import inputs
import reference


class Vkift:
  def __init__(self, binary: Path, model: Path, work: Path):
    self.binary, self.model, self.work = binary, model, work

  def generate(self, prompts: list[str]) -> list[dict]:
    """For each prompt {"answer", "prompt_tokens", "new_tokens", "finish"}."""
    file = self.work / "prompts.jsonl"
    file.write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts))
    return self._json_lines("generate", "--prompts", file, "--max-new-tokens", inputs.NEW_TOKENS, "--temperature", 0)

  def score(self, examples: list[list[dict]], adapter: Path | None = None) -> list[dict]:
    """For each example {"input_ids", "nll", "target"}."""
    file = self.work / "scored.jsonl"
    inputs.write_rows(file, examples)
    return self._json_lines("eval", "--data", file, "--per-token", "--excess-length", "error", "--max-length", inputs.MAX_LENGTH,
                            *(["--adapter", adapter] if adapter else []))

  def train(self, examples: list[list[dict]], adapter: Path) -> list[dict]:
    """The metrics of each step. The trained adapter is in run_dir/adapter."""
    file = self.work / "train.jsonl"
    inputs.write_rows(file, examples)
    shutil.rmtree(self.run_dir, ignore_errors=True)
    self._run("train", "--data", file, "--adapter", adapter, "--output-dir", self.run_dir, "--method", "lora",
              "--learning-rate", reference.LEARNING_RATE, "--lr-scheduler-type", "constant", "--warmup-steps", 0,
              "--weight-decay", 0, "--max-grad-norm", reference.MAX_GRAD_NORM, "--batch-size", inputs.BATCH,
              "--max-steps", inputs.STEPS, "--max-length", inputs.MAX_LENGTH, "--excess-length", "error", "--no-shuffle")
    rows = [json.loads(line) for line in (self.run_dir / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if "loss" in row]

  @property
  def run_dir(self) -> Path:
    return self.work / "run"

  def _json_lines(self, command: str, *options) -> list[dict]:
    return [json.loads(line) for line in self._run(command, *options, "--json").splitlines()]

  def _run(self, command: str, *options) -> str:
    words = [self.binary, command, "--model", self.model, *options]
    print("vkift:", command, *options, flush=True)
    return subprocess.run([str(word) for word in words], check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout
