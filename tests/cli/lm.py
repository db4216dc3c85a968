"""Continued pretraining: what examples texts become, and what is logged.

lm.py texts FILE N                  N short texts
lm.py joined JOINED APART LENGTH    `vkift data show --json` of both: the same tokens in order, cut every LENGTH
lm.py mixed OUTPUT                  texts with loss on every token, conversations on answers alone
lm.py evals METRICS                 each evaluation has a perplexity that is e to its loss
lm.py counts RUN EXAMPLES           so many examples in RUN/data.json
"""
import json
import math
import random
import sys


def read_lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def texts(path, n):
    r = random.Random(5)
    words = "once upon a time there lived in the old town by the sea a maker of clocks".split()
    with open(path, "w", encoding="utf-8") as f:
        for i in range(int(n)):
            f.write(json.dumps({"text": f"{i}. " + " ".join(r.choices(words, k=r.randint(1, 25)))}) + "\n")


def same(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: expected {wanted!r:.300}, found {found!r:.300}")


def joined(path, apart, length):
    rows, length = read_lines(path), int(length)
    same("tokens", sum((row["input_ids"] for row in rows), []), sum((row["input_ids"] for row in read_lines(apart)), []))
    for i, row in enumerate(rows):
        n = len(row["input_ids"])
        if n > length or (n < length and i + 1 < len(rows)):
            sys.exit(f"example {i}: expected {length} tokens, found {n}")
        same(f"labels of example {i}", row["labels"], [-100] + row["input_ids"][1:])


def mixed(path):
    forms = {"texts.jsonl": 0, "data.jsonl": 0}
    for row in read_lines(path):
        name = row["file"].rsplit("/", 1)[-1]
        forms[name] += 1
        with_loss = sum(label >= 0 for label in row["labels"])
        if (with_loss == len(row["labels"]) - 1) != (name == "texts.jsonl") or not with_loss:
            sys.exit(f"{name}:{row['line']}: {with_loss} of {len(row['labels'])} tokens carry loss")
    if not all(forms.values()):
        sys.exit(f"expected both forms, found {forms}")


def evals(path):
    rows = [row for row in read_lines(path) if "eval_loss" in row]
    if len(rows) < 2 or not rows[-1]["eval_loss"] < rows[0]["eval_loss"]:
        sys.exit(f"expected losses that fall, found {rows}")
    for row in rows:
        if not abs(row["eval_perplexity"] / math.exp(row["eval_loss"]) - 1) < 1e-6:
            sys.exit(f"expected e to the loss, found {row}")


def counts(run, examples):
    with open(f"{run}/data.json", encoding="utf-8") as f:
        data = json.load(f)
    same("examples", data["examples"], int(examples))


if __name__ == "__main__":
    {"texts": texts, "joined": joined, "mixed": mixed, "evals": evals, "counts": counts}[sys.argv[1]](*sys.argv[2:])
