"""What both sides are given: the model's tokenizer, prompts, training examples, and which of their tokens carry loss."""
import json
from pathlib import Path

from tokenizers import pre_tokenizers
from transformers import AutoTokenizer

MAX_LENGTH = 256
BATCH = 8
STEPS = 10
SCORED = 8  # examples whose every token is compared
NEW_TOKENS = 64
PROMPTS = [
  "What is the capital of France?",
  "Write a short poem about the sea.",
  "Explain in two sentences why the sky is blue.",
  "List three ways to save water at home.",
  "The library opens at 9:30 on weekdays and at 11:15 on Sundays. When does it open on Sundays?",
  "Who wrote Romeo and Juliet?",
  "Translate into French: Where is the railway station?",
  "Give me a recipe for pancakes.",
  "What is 17 + 25?",
  "Name the planets of the solar system in order.",
  "Write a Python function that returns the largest of three numbers.",
  "Summarize in one sentence: The ship left the harbour at dawn, ran into a storm before noon, and came back with a broken mast.",
  "Is the following review positive or negative? “The soup was cold and the waiter was rude.”",
  "What does “a stitch in time saves nine” mean?",
  "Suggest a name for a bakery in a small town.",
  "How do I remove a coffee stain from a shirt?",
  "Compare cats and dogs as pets.",
  "Wie heißt die Hauptstadt von Österreich?",
  "Continue the story: The lighthouse keeper heard a knock, although nobody could have reached the island that night.",
  "Answer with yes or no: can penguins fly?",
]
END_OF_TURN = "<|im_end|>"


def load_tokenizer(gguf: Path):
  """transformers splits a GGUF's text as GPT-2 does, whatever tokenizer.ggml.pre says. SmolLM2 splits digits first."""
  tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
  tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
  return tokenizer


def prompt_ids(tokenizer, prompt: str) -> list[int]:
  text = tokenizer.apply_chat_template([{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True)
  return tokenizer(text, add_special_tokens=False).input_ids


def encode(tokenizer, messages: list[dict]) -> tuple[list[int], list[bool]]:
  """ids, and for each whether it carries loss: the answer and the token that ends it. A token that straddles the
  answer's border does if its last character is in the answer."""
  answer = messages[-1]["content"]
  text = tokenizer.apply_chat_template(messages, tokenize=False)
  before = tokenizer.apply_chat_template(messages[:-1], tokenize=False, add_generation_prompt=True)
  start, end = len(before), len(before) + len(answer) + len(END_OF_TURN)
  if text[start:end] != answer + END_OF_TURN:
    raise ValueError(f"the chat template does not keep the answer as it is: {text[start:end]!r}")
  encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
  return encoded.input_ids, [start < last <= end for _, last in encoded.offset_mapping]


def load_examples(tokenizer, seed_tasks: Path) -> list[list[dict]]:
  """The first BATCH × STEPS self-instruct seed tasks of at most MAX_LENGTH tokens, as conversations."""
  examples = []
  for line in seed_tasks.read_text(encoding="utf-8").splitlines():
    task = json.loads(line)
    instance = task["instances"][0]
    question = task["instruction"] + ("\n\n" + instance["input"] if instance["input"] else "")
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": instance["output"]}]
    if len(encode(tokenizer, messages)[0]) <= MAX_LENGTH:
      examples.append(messages)
    if len(examples) == BATCH * STEPS:
      return examples
  raise ValueError(f"{seed_tasks}: expected {BATCH * STEPS} tasks of at most {MAX_LENGTH} tokens, found {len(examples)}")


def write_rows(path: Path, examples: list[list[dict]]):
  path.write_text("".join(json.dumps({"messages": messages}) + "\n" for messages in examples), encoding="utf-8")
