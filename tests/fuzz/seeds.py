"""Writes the seed corpus of a fuzz target: what the tests read themselves (the strings in their sources, macros expanded),
the built-in example, and the shared data where it is there.

Usage: seeds.py TARGET DIRECTORY      for example: seeds.py jinja build/fuzz/seeds/jinja
"""

import glob
import hashlib
import json
import os
import re
import struct
import subprocess
import sys

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SHARED = os.environ.get("VKIFT_SHARED_DATA") or os.path.join(SOURCE, "..", "shared", "data")
LONGEST = 8192  # bytes of a seed: longer ones make every run slow

LITERALS = re.compile(r'(?:"(?:[^"\\]|\\.)*"\s*)+')
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]+|[0-7]{1,3}|.)", re.S)
LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def unescape(literal):
  def one(match):
    code = match[1]
    if code[:1] == b"x" and len(code) > 1:
      return bytes([int(code[1:], 16) & 255])
    if code[:1].isdigit():
      return bytes([int(code, 8) & 255])
    return LETTERS.get(code, code)

  return ESCAPE.sub(one, literal.encode())


def strings(pattern):
  """All string constants in the sources that match, as the compiler sees them."""
  for path in sorted(glob.glob(os.path.join(SOURCE, pattern))):
    command = ["cc", "-E", "-P", "-Itests", "-Isrc", "-Ishaders", "-Iinclude", os.path.relpath(path, SOURCE)]
    text = subprocess.run(command, cwd=SOURCE, check=True, capture_output=True, text=True).stdout
    for group in LITERALS.findall(text):
      yield b"".join(unescape(literal) for literal in LITERAL.findall(group))


def read(path):
  with open(path, "rb") as file:
    return file.read()


def shared(pattern):
  return sorted(glob.glob(os.path.join(SHARED, pattern), recursive=True))


def templates():
  for pattern in ("tests/unit/jinja*_test.c", "tests/unit/prompt*_test.c", "src/data/prompt*.c"):
    yield from (s for s in strings(pattern) if b"{{" in s or b"{%" in s or b"{#" in s)
  for path in shared("golden/chat/*.json"):
    yield from (t["chat_template"].encode() for t in json.loads(read(path))["templates"])


def rows():
  """Data files: the tests' own, and the beginnings of real ones."""
  for pattern in ("tests/unit/dataset*_test.c", "tests/unit/superni_test.c", "tests/unit/loader_test.c"):
    yield from (s for s in strings(pattern) if s[:1] in b"{[\xef" and len(s) > 1)
  for path in sorted(glob.glob(os.path.join(SOURCE, "assets", "*.jsonl"))) + shared("instruct/**/*.jsonl"):
    yield from read(path).splitlines(keepends=True)[:20]
  for path in shared("instruct/**/*.json"):
    value = json.loads(read(path))
    if isinstance(value, list):
      yield from (json.dumps(value[i : i + 2]).encode() for i in range(0, min(len(value), 20), 2))
    elif isinstance(value, dict) and "Instances" in value:
      yield json.dumps({**value, "Instances": value["Instances"][:2]}).encode()


def datasets():
  for row in rows():
    for options in (0, hashlib.sha256(row).digest()[0]):  # the target's first byte picks them
      yield bytes([options]) + row


def tokenizers():
  """As tokenizer.json, and as texts, whose first half says which bytes of the second are content."""
  for pattern in ("tests/unit/tokenizer*_test.c", "tests/support/byte_tokenizer.c"):
    yield from (s for s in strings(pattern) if len(s) > 4)
  for path in shared("models/stories260K/hf/tokenizer.json"):
    yield read(path)
  for path in shared("golden/tokenizer/shared/gpt2.json"):
    for case in json.loads(read(path))["cases"]:
      text = case["text"].encode() if isinstance(case, dict) and "text" in case else b""
      yield bytes(i // 7 & 1 for i in range(len(text))) + text


def gguf_files():
  yield b"GGUF" + struct.pack("<IQQ", 3, 0, 0)
  key = b"general.alignment"
  pair = struct.pack("<Q", len(key)) + key + struct.pack("<II", 4, 32)
  tensor = struct.pack("<Q1sIQIQ", 1, b"w", 1, 8, 0, 0)
  header = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + pair + tensor
  yield header + bytes(-len(header) % 32) + struct.pack("<8f", *range(8))


def safetensors_files():
  for header in (b"{}", b'{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'):
    yield struct.pack("<H", len(header)) + header + bytes(8 if b"w" in header else 0)


def tables():
  for s in strings("tests/unit/table_test.c"):
    yield from (bytes([kind]) + s for kind in (0, 1) if b"\n" in s)


def packs():
  yield from (s for s in strings("tests/unit/template_pack_test.c") if b":" in s)
  yield from (read(path) for path in sorted(glob.glob(os.path.join(SOURCE, "assets", "templates", "*.yaml"))))


def cluster_files():
  yield from (s for s in strings("tests/unit/cluster_file_test.c") if b":" in s)
  yield from (read(path) for pattern in ("flan_clusters", "t0/CLUSTERS") for path in shared(f"instruct/{pattern}.json"))


def tokenised_files():
  """No record, and one of three tokens, as tokenised.c lays it out behind the target's two bytes."""
  yield bytes(10)
  tail = struct.pack("<3i", 1, 2, 3) + bytes(16) + bytes([0, 1, 1]) + b"task\0cluster\0\0answer\0"
  tail += bytes(-len(tail) % 8)
  yield bytes([1, 3]) + struct.pack("<QIIIIIIfI", 7, 40 + len(tail), 3, 2, 1, 0, 1, 1.0, 0) + tail


TARGETS = {
  "cluster_file": cluster_files,
  "jinja": templates,
  "dataset": datasets,
  "tokenizer": tokenizers,
  "json": rows,
  "gguf": gguf_files,
  "safetensors": safetensors_files,
  "table": tables,
  "template_pack": packs,
  "tokenised": tokenised_files,
}


def main(target, directory):
  os.makedirs(directory, exist_ok=True)
  for seed in TARGETS[target]():
    if 0 < len(seed) <= LONGEST or target == "tokenizer":
      with open(os.path.join(directory, hashlib.sha1(seed).hexdigest()), "wb") as file:
        file.write(seed)


if __name__ == "__main__":
  if len(sys.argv) != 3 or sys.argv[1] not in TARGETS:
    sys.exit(__doc__)
  main(sys.argv[1], sys.argv[2])
