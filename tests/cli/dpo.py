"""Preference training, against dpo_golden.json: numbers in float64 by transformers and PyTorch (tests/reference/dpo_golden.py).

dpo.py tokens GOLDEN OUTPUT          `vkift data show --json`: the same ids and labels of both answers
dpo.py steps GOLDEN FORM METRICS     losses, rewards and gradient norms of each step
dpo.py evals METRICS                 every evaluation has a loss and rewards; the last accuracy is above the first
"""
import json
import sys

RELATIVE = 1e-3


def read_lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def near(what, found, wanted, limit):
    if not isinstance(found, (int, float)) or not abs(found - wanted) <= limit:
        sys.exit(f"{what}: expected {wanted!r} within {limit:.3g}, found {found!r}")


def tokens(golden, output):
    rows = read_lines(output)
    if len(rows) != len(golden["pairs"]):
        sys.exit(f"expected {len(golden['pairs'])} pairs, found {len(rows)}")
    for i, (row, pair) in enumerate(zip(rows, golden["pairs"])):
        at = row["rejected_begin"]
        found = [[row["input_ids"][:at], row["labels"][:at]], [row["input_ids"][at:], row["labels"][at:]]]
        if found != pair:
            sys.exit(f"pair {i}: expected {pair!r:.300}, found {found!r:.300}")


def steps(golden, form, metrics):
    rows = read_lines(metrics)
    if len(rows) != len(golden["steps"][form]):
        sys.exit(f"expected {len(golden['steps'][form])} steps, found {len(rows)}")
    for row, want in zip(rows, golden["steps"][form]):
        at = f"{form}, step {row['step']}"
        near(f"{at}: loss", row["loss"], want["loss"], RELATIVE * want["loss"])
        near(f"{at}: grad_norm", row["grad_norm"], want["grad_norm"], RELATIVE * want["grad_norm"])
        for name in ("chosen", "rejected"):
            near(f"{at}: rewards/{name}", row[f"rewards/{name}"], want[name], 1e-4 + RELATIVE * abs(want[name]))
        near(f"{at}: rewards/margins", row["rewards/margins"], want["chosen"] - want["rejected"], 1e-4 + 2 * RELATIVE * abs(want["chosen"]))
        if row["step"] > 1:  # in the first one both rewards are rounding
            near(f"{at}: rewards/accuracies", row["rewards/accuracies"], want["accuracies"], 1e-6)


def evals(metrics):
    rows = [row for row in read_lines(metrics) if "eval_loss" in row]
    if len(rows) < 2:
        sys.exit(f"expected evaluations, found {rows}")
    for row in rows:
        if not (row["eval_loss"] > 0 and 0 <= row["eval_rewards/accuracies"] <= 1):
            sys.exit(f"expected a loss and an accuracy, found {row}")
        near("margin", row["eval_rewards/margins"], row["eval_rewards/chosen"] - row["eval_rewards/rejected"], 1e-6)
    if not rows[-1]["eval_loss"] < rows[0]["eval_loss"]:
        sys.exit(f"expected a loss that falls, found {rows[0]} and {rows[-1]}")


if __name__ == "__main__":
    if sys.argv[1] == "evals":
        evals(sys.argv[2])
    else:
        with open(sys.argv[2], encoding="utf-8") as f:
            {"tokens": tokens, "steps": steps}[sys.argv[1]](json.load(f), *sys.argv[3:])
