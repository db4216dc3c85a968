"""Compares vkift's metrics with the public implementations: rouge_score, sacrebleu, and the scripts of Super-NaturalInstructions
and SQuAD, which are a few lines each and written out here.

metrics.py [--vkift FILE] [--pairs N] [--tokenizer FILE] [--golden FILE]

N pairs (default 2,000) of a prediction and one to four references are made: sentences with parts changed, inflected words for the
stemmer, numbers and marks for BLEU's tokens, characters of many scripts, empty and very long texts. `vkift eval --score` scores
them; each score and each task's total must be equal to 1e-9. With --tokenizer (a tokenizer.json, GPT-2's for Tk-Instruct's form)
also ROUGE-L by its tokens. --golden writes pairs with scores for tests/unit instead. Exit status 1 on a difference. `metrics`
beside this file installs what it needs and runs it.
"""
import argparse
import collections
import json
import math
import random
import re
import string
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF

BOUND = 1e-9
TASKS = 20
METRICS = ["rouge_l", "exact_match", "f1", "bleu", "chrf"]

# --- pairs -----------------------------------------------------------------------------------------------------------

STEMS = """abat accept activ adjust agree allow ang arrang bak bas bless bli cease cloud commun conform control crack dance decis depend
digit dy electr excit fall fil fizz flap fli form general geo glad gyroscop happi hop hope hopp howl inning ion iz jump kick know lie loc
logi mat motor news oper outing plaster plat pony probat proceed rat relat rol run sail sens siz sky snow spi stamp succeed syzyg tann
theo tie toy tri troubl valu vex vi viet walk war way yell yy""".split()
SUFFIXES = """ s es ed ing er ly y ies ied eed e al ance ence ic able ible ant ement ment ent ion sion tion ou ism ate iti ous ive ize
ational tional enci anci izer bli alli entli eli ousli ization ation ator alism iveness fulness ousness aliti iviti biliti fulli logi
icate ative alize iciti ical ful ness ll yed ying ss sses""".split()
WORDS = """the a an of in and is was The A An red fox hill river slept under dark sky house 12 3 2024 Yes no Paris London x I""".split()
MARKS = """3.14 1,000 e.g. U.S. 1,2.3 -5 3-4 well-known a--b don't it's ... .. ,, . , - ! ? : ; ( ) [ ] { } " ' ` / \\ @ # $ % ^ & * _ + =
~ | < > &quot; &amp; &lt; &gt; &amp;lt; <skipped> 5. 5, .5 ,5 1-\n2 x-\ny 9-a (a) a.b a,b 50% C++ a_b the_a an-other""".split(" ")
BLOCKS = [(0xA0, 0x17F), (0x180, 0x24F), (0x370, 0x3FF), (0x400, 0x4FF), (0x530, 0x58F), (0x5D0, 0x5EA), (0x600, 0x6FF), (0x900, 0x97F),
          (0xE00, 0xE7F), (0x10A0, 0x10FF), (0x13A0, 0x13FF), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2100, 0x214F), (0x2C00, 0x2DFF),
          (0x3000, 0x30FF), (0x4E00, 0x4FFF), (0xA640, 0xA7FF), (0xAB30, 0xABBF), (0xAC00, 0xAD00), (0xFF00, 0xFFEF), (0x10400, 0x104FF),
          (0x118A0, 0x118DF), (0x1F300, 0x1F6FF), (0x300, 0x36F)]
SPECIAL = ["\u0130stanbul", "\u212aelvin", "\u03a3\u0399\u03a3\u03a5\u03a6\u039f\u03a3", "\u03a3", "A\u03a3", "A\u03a3'", "A\u03a3'B", "\u03a3A", "stra\u00dfe",
           "STRASSE", "\u1e9e", "\ufb01ne", "caf\u00e9", "cafe\u0301", "a\u00a0b", "x\u2028y", "\u3000", "\u0001", "\x1c", "\x85", "a\u200bb", "\u00aan", "the\u00e9",
           "\u00e9the", "\u01c5", "\u1f88", "\u10d0", "\u1c90"]


def character(r: random.Random) -> str:
  while True:
    c = chr(r.randint(*r.choice(BLOCKS)))
    if unicodedata.category(c) not in ("Cn", "Cs"):
      return c


def word(r: random.Random, kind: str) -> str:
  if kind == "stems":
    return r.choice(STEMS) + "".join(r.choice(SUFFIXES) for _ in range(r.choice([1, 1, 1, 2])))
  if kind == "marks":
    return r.choice(MARKS + WORDS)
  if kind == "scripts":
    return r.choice(SPECIAL) if r.random() < 0.3 else "".join(character(r) for _ in range(r.randint(1, 6)))
  if kind == "letters":
    return "".join(r.choice("aeiouybcdlstz0") for _ in range(r.randint(1, 9)))
  return r.choice(WORDS)


def sentence(r: random.Random, kind: str, n: int) -> str:
  out = ""
  for _ in range(n):
    w = word(r, kind if r.random() < 0.9 else r.choice(["words", "stems", "marks", "scripts"]))
    out += (w.upper() if r.random() < 0.1 else w) + r.choice([" "] * 16 + ["  ", "\n", "\t", "", ", ", ". ", "\u2003"])
  return out


def changed(r: random.Random, text: str) -> str:
  """The text with some of its words dropped, doubled, moved or in another case."""
  words = re.split(r"( )", text)
  out = []
  for w in words:
    p = r.random()
    if p < 0.08:
      continue
    out += [w, w] if p < 0.12 else [w.swapcase()] if p < 0.2 else [w]
  if r.random() < 0.3 and len(out) > 2:
    i = r.randrange(len(out))
    out = out[i:] + out[:i]
  return "".join(out)


def pair(r: random.Random, i: int) -> dict:
  kind = ["words", "stems", "marks", "scripts", "letters"][i % 5]
  n = r.choice([0, 1, 1, 2, 3, 4, 5, 8, 13, 30, 60])
  reference = sentence(r, kind, n)
  prediction = changed(r, reference) if r.random() < 0.8 else sentence(r, kind, r.randint(0, 20))
  if r.random() < 0.04:
    prediction = r.choice(["", " ", "\n", ".", "the", "\u3000", reference])
  if r.random() < 0.04:
    reference = r.choice(["", " ", "!", "a", "The a an"])
  references = [reference] + [changed(r, reference) if r.random() < 0.7 else sentence(r, kind, n) for _ in range(r.choice([0, 0, 0, 1, 3]))]
  return {"prediction": prediction, "references": references}


def long_pairs(r: random.Random) -> list[dict]:
  out = []
  for kind, n in (("words", 2500), ("stems", 2500), ("marks", 2000), ("scripts", 1500)):
    text = sentence(r, kind, n)
    out.append({"prediction": changed(r, text), "references": [text]})
  out.append({"prediction": "the " * 1000 + "end", "references": ["the " * 1500]})
  out.append({"prediction": "a" * 30000, "references": ["a" * 20000 + "b"]})
  out.append({"prediction": "yyyy" * 5000, "references": ["yyyy" * 4000, "x"]})
  out.append({"prediction": "word", "references": [sentence(r, "words", 3000)]})
  return out


def make_pairs(n: int, seed: int, with_long: bool) -> list[dict]:
  r = random.Random(seed)
  pairs = (long_pairs(r) if with_long else [])
  pairs += [pair(r, i) for i in range(n - len(pairs))]
  return [p | {"task": f"t{i % TASKS:02}"} for i, p in enumerate(pairs)]


# --- the public implementations ---------------------------------------------------------------------------------------

ROUGE = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
SENTENCE_BLEU, CORPUS_BLEU, CHR_F = BLEU(effective_order=True), BLEU(), CHRF()
PUNCTUATION = set(string.punctuation)


def superni_normalize(s: str) -> str:
  return " ".join("".join(c for c in s.lower() if c not in PUNCTUATION).split())


def squad_words(s: str) -> list[str]:
  plain = "".join(c for c in s.lower() if c not in PUNCTUATION)
  return re.sub(r"\b(a|an|the)\b", " ", plain).split()


def squad_f1(prediction: str, reference: str) -> float:
  p, r = squad_words(prediction), squad_words(reference)
  if not p or not r:
    return float(p == r)
  common = sum((collections.Counter(p) & collections.Counter(r)).values())
  return 2 * (common / len(p)) * (common / len(r)) / (common / len(p) + common / len(r)) if common else 0.0


class Tokens:
  """Tk-Instruct's GPTTokenizer, with any tokenizer."""

  def __init__(self, path: str):
    from tokenizers import Tokenizer
    self.tokenizer = Tokenizer.from_file(path)

  def tokenize(self, s: str) -> list[str]:
    return [t.lstrip("\u0120") for t in self.tokenizer.encode(s, add_special_tokens=False).tokens]


def best(score, p: dict) -> float:
  return 100 * max(score(p["prediction"], r) for r in p["references"])


def score(metric: str, p: dict, by_tokens) -> float:
  if metric == "rouge_l":
    return best(lambda prediction, r: ROUGE.score(r, prediction)["rougeL"].fmeasure, p)
  if metric == "rouge_l_tokens":
    return best(lambda prediction, r: by_tokens.score(r, prediction)["rougeL"].fmeasure, p)
  if metric == "exact_match":
    return best(lambda prediction, r: float(superni_normalize(prediction) == superni_normalize(r)), p)
  if metric == "f1":
    return best(squad_f1, p)
  return {"bleu": SENTENCE_BLEU, "chrf": CHR_F}[metric].sentence_score(p["prediction"], p["references"]).score


def total(metric: str, pairs: list[dict], scores: list[float]) -> float:
  if metric not in ("bleu", "chrf"):
    return math.fsum(scores) / len(scores)
  most = max(len(p["references"]) for p in pairs)
  columns = [[p["references"][k] if k < len(p["references"]) else None for p in pairs] for k in range(most)]
  return {"bleu": CORPUS_BLEU, "chrf": CHR_F}[metric].corpus_score([p["prediction"] for p in pairs], columns).score


# --- the comparison -----------------------------------------------------------------------------------------------------

def vkift(binary: str, metric: str, pairs: list[dict], work: Path, options: list[str]) -> tuple[list[float], dict[str, float]]:
  source, out = work / "pairs.jsonl", work / "scores.jsonl"
  source.write_text("".join(json.dumps(p) + "\n" for p in pairs))
  words = [binary, "eval", "--score", source, "--metric", metric, "--predictions", out, "--json", *options]
  result = json.loads(subprocess.run([str(w) for w in words], check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout)
  rows = [json.loads(line) for line in out.read_text(encoding="utf-8").split("\n") if line]
  assert len(rows) == len(pairs) and all(a["prediction"] == b["prediction"] for a, b in zip(rows, pairs))
  return [row["score"] for row in rows], {t["name"]: t["score"] for t in result["task_scores"]}


def compare(metric: str, pairs: list[dict], found: list[float], totals: dict[str, float], by_tokens) -> bool:
  wanted = [score(metric, p, by_tokens) for p in pairs]
  worst = max(range(len(pairs)), key=lambda i: abs(found[i] - wanted[i]))
  off, off_total = abs(found[worst] - wanted[worst]), 0.0
  for name, value in totals.items():
    of_task = [i for i, p in enumerate(pairs) if p["task"] == name]
    off_total = max(off_total, abs(value - total(metric, [pairs[i] for i in of_task], [wanted[i] for i in of_task])))
  ok = off <= BOUND and off_total <= BOUND
  spread = f"mean {sum(wanted) / len(wanted):.2f}, {sum(0 < w < 100 for w in wanted)} between 0 and 100"
  print(f"{metric:15} {len(pairs)} pairs: off by {off:.2g} at most, totals of {len(totals)} tasks by {off_total:.2g} ({spread})"
        f"{'' if ok else '   MISSED'}", flush=True)
  if not off <= BOUND:
    print(f"  found {found[worst]!r}, expected {wanted[worst]!r}: {json.dumps(pairs[worst])[:2000]}")
  return ok


def write_golden(path: Path, n: int) -> None:
  with open(path, "w", encoding="utf-8") as f:
    for p in make_pairs(n, 7, False):
      del p["task"]
      f.write(json.dumps(p | {m: score(m, p, None) for m in METRICS}) + "\n")


def main() -> int:
  a = argparse.ArgumentParser(description=__doc__.split("\n")[0])
  a.add_argument("--vkift", default=str(Path(__file__).parents[2] / "build/release/vkift"))
  a.add_argument("--pairs", type=int, default=2000)
  a.add_argument("--tokenizer")
  a.add_argument("--golden", type=Path)
  o = a.parse_args()
  if o.golden:
    return write_golden(o.golden, o.pairs) or 0
  pairs, ok = make_pairs(o.pairs, 1, True), True
  by_tokens = rouge_scorer.RougeScorer(["rougeL"], tokenizer=Tokens(o.tokenizer)) if o.tokenizer else None
  with tempfile.TemporaryDirectory() as work:
    for metric in METRICS + (["rouge_l_tokens"] if o.tokenizer else []):
      found, totals = vkift(o.vkift, metric, pairs, Path(work), ["--rouge-tokenizer", o.tokenizer] if o.tokenizer else [])
      ok = compare(metric, pairs, found, totals, by_tokens) and ok
  return 0 if ok else 1


if __name__ == "__main__":
  sys.exit(main())
