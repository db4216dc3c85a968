"""Measures vkift's tokenizer beside Hugging Face's `tokenizers`. tests/bench/tokenizer_speed prepares what this needs.

tokenizer_speed.py --work DIR [--rounds N] [--only NAME] [--bench FILE]

The text, at least 20 MB in documents of some kilobytes: English, Russian and Chinese, words drawn as often as they occur
(wordfreq's lists) and put into sentences and paragraphs, with English that people wrote where the shared data has it; and
code, from vkift's own sources and Python's library. The same on every run. Of `tokenizers`, the fastest of encode,
encode_batch and encode_batch_fast counts. Both sides are measured in turn; the table has medians of processor time.
"""
import argparse
import array
import bisect
import gzip
import itertools
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import sysconfig
import time

import msgpack
import tokenizers

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("VKIFT_SHARED_DATA") or ROOT.parent / "shared" / "data")
NAMES = ("smollm2", "gpt2", "mistral01")
MB = 1_000_000


# --- the text ---

class Words:
  """Draws words by their frequency: a list of wordfreq has those of 10 ** (-i / 100) in its place i."""

  def __init__(self, language, rng):
    path = pathlib.Path(sysconfig.get_paths()["purelib"]) / "wordfreq" / "data" / f"large_{language}.msgpack.gz"
    bins = msgpack.load(gzip.open(path))[1:]
    self.rng, self.words, weights = rng, [], []
    for i, words in enumerate(bins):
      self.words += words
      weights += [10 ** (-i / 100)] * len(words)
    self.sums = list(itertools.accumulate(weights))

  def draw(self):
    return self.words[bisect.bisect(self.sums, self.rng.random() * self.sums[-1])]


def sentence(words, rng, space, comma, ends):
  parts = [words.draw() for _ in range(rng.randint(4, 24))]
  parts[0] = parts[0].capitalize()
  if rng.random() < 0.1:
    parts.insert(rng.randrange(len(parts)), str(rng.randint(0, 10 ** rng.randint(1, 6))))
  text = "".join(p + (comma + space if rng.random() < 0.08 else space) for p in parts[:-1]) + parts[-1]
  return text + rng.choice(ends)


def written(language, size, rng):
  """Documents of one language."""
  words = Words(language, rng)
  space, comma, ends = ("", "，", "。。。！？") if language == "zh" else (" ", ",", "....!?")
  while size > 0:
    paragraphs = []
    for _ in range(rng.randint(1, 8)):
      paragraphs.append(space.join(sentence(words, rng, space, comma, ends) for _ in range(rng.randint(2, 9))))
    document = "\n\n".join(paragraphs) + "\n"
    size -= len(document.encode())
    yield document


def people(size):
  """English that people wrote: inputs and definitions of tasks."""
  for path in sorted(SHARED.glob("instruct/superni/tasks/*.json")):
    task = json.loads(path.read_text())
    lines = list(dict.fromkeys(instance["input"] for instance in task["Instances"]))
    for i in range(0, len(lines), 12):
      document = "\n".join(lines[i:i + 12])
      size -= len(document.encode())
      if size < 0:
        return
      yield document


def code(size):
  sources = sorted(p for folder in ("src", "tests", "shaders") for p in (ROOT / folder).rglob("*.[chp]*") if p.is_file())
  library = pathlib.Path(sysconfig.get_paths()["stdlib"])
  for path in sources + sorted(p for p in library.rglob("*.py") if "site-packages" not in p.parts):
    text = path.read_bytes().decode(errors="replace").replace("\0", "")
    for i in range(0, len(text), 4000):
      document = text[i:i + 4000]
      size -= len(document.encode())
      if size < 0:
        return
      yield document


def make_text(path):
  rng = random.Random(1)
  kinds = {"English": [*people(4 * MB), *written("en", 5 * MB, rng)], "Russian": [*written("ru", 6 * MB, rng)],
           "Chinese": [*written("zh", 5 * MB, rng)], "code": [*code(6 * MB)]}
  for kind, documents in kinds.items():
    print(f"{kind:8} {sum(len(d.encode()) for d in documents) / MB:6.1f} MB in {len(documents)} documents")
  documents = [d for kind in kinds.values() for d in kind]
  rng.shuffle(documents)
  path.write_bytes(b"".join(d.encode() + b"\0" for d in documents))
  return documents


# --- measuring ---

def run_vkift(bench, tokenizer, path, ids=None):
  out = subprocess.run([bench, tokenizer, path] + ([ids] if ids else []), check=True, capture_output=True, text=True).stdout
  return int(out.split()[2]), float(out.split()[3]), float(out.split()[4])


# Results are dropped at once, so that nothing is measured of keeping them.
def one_by_one(t, documents):
  for document in documents:
    t.encode(document, add_special_tokens=False)


def batch(t, documents):
  for i in range(0, len(documents), 256):
    t.encode_batch(documents[i:i + 256], add_special_tokens=False)


def batch_fast(t, documents):
  for i in range(0, len(documents), 256):
    t.encode_batch_fast(documents[i:i + 256], add_special_tokens=False)


def run_library(t, documents, how):
  wall, cpu = time.perf_counter(), time.process_time()
  how(t, documents)
  return time.perf_counter() - wall, time.process_time() - cpu


def first_difference(t, documents, path):
  """The number of the first document whose ids differ, or None."""
  ids = array.array("i")
  ids.frombytes(path.read_bytes())
  at = 0
  for i, document in enumerate(documents):
    expected = t.encode(document, add_special_tokens=False).ids
    if ids[at:at + 1 + len(expected)].tolist() != [len(expected)] + expected:
      return i
    at += 1 + len(expected)
  return None if at == len(ids) else len(documents)


def measure(name, args, documents, path):
  source = str(SHARED / "tokenizers" / name / "tokenizer.json")
  t = tokenizers.Tokenizer.from_file(source)
  ids = args.work / f"{name}.ids"
  run_vkift(args.bench, source, path, ids)
  different = first_difference(t, documents, ids)
  size = path.stat().st_size / MB
  ways = {"encode": one_by_one, "encode_batch": batch, "encode_batch_fast": batch_fast}
  ours, theirs = [], {way: [] for way in ways}
  for _ in range(args.rounds):
    ours.append(run_vkift(args.bench, source, path)[1:])
    for way, how in ways.items():
      theirs[way].append(run_library(t, documents, how))
  vkift = [statistics.median(x) for x in zip(*ours)]
  medians = {way: [statistics.median(x) for x in zip(*times)] for way, times in theirs.items()}
  best = min(medians, key=lambda way: medians[way][1])
  print(f"{name:10} {size / vkift[1]:8.1f} {size / medians[best][1]:8.1f} {medians[best][1] / vkift[1]:6.2f}x "
        f"{medians[best][0] / vkift[0]:6.2f}x  {'equal' if different is None else f'document {different}':12} "
        + ", ".join(f"{way} {size / m[1]:.1f}" for way, m in medians.items()), flush=True)
  return different is None and vkift[1] <= medians[best][1]


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("--work", type=pathlib.Path, required=True)
  parser.add_argument("--rounds", type=int, default=3)
  parser.add_argument("--only", choices=NAMES)
  parser.add_argument("--bench", default=str(ROOT / "build" / "release" / "tests" / "bench" / "tokenizer_bench"))
  args = parser.parse_args()
  if not (SHARED / "tokenizers").is_dir():
    sys.exit(f"{SHARED}: the shared data with its tokenizers is not there (set VKIFT_SHARED_DATA)")
  if not os.path.exists(args.bench):
    sys.exit(f"{args.bench}: not built (scripts/lib/build release -DVKIFT_TESTS=ON)")
  path = args.work / "documents"
  documents = make_text(path)
  print(f"tokenizers {tokenizers.__version__}, {args.rounds} rounds, MB/s of processor time on one thread\n"
        f"{'tokenizer':10} {'vkift':>8} {'library':>8} {'ratio':>7} {'clock':>7}  {'ids':12} the library's ways")
  results = [measure(name, args, documents, path) for name in NAMES if args.only in (None, name)]
  sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
  main()
