"""For eval_tasks_test.sh: data with tasks of all kinds, and what evaluations of it have to look like.

eval_tasks.py data DIR                     data.jsonl, choices.jsonl, and choices.each.jsonl with each choice as the answer
eval_tasks.py metrics JSON ANSWERS         the metric of each task, and answers that go with the scores
eval_tasks.py same JSON JSON               the same scores
eval_tasks.py limited JSON N               N examples of each task
eval_tasks.py likelihoods ANSWERS OUTPUT   log-likelihoods against `--per-token --json` of choices.each.jsonl
eval_tasks.py normalised ANSWERS ANSWERS   accuracy, and accuracy_norm of the same likelihoods
eval_tasks.py compared JSON ANSWERS        differences, and answers of both models that go with the scores
"""
import json
import sys

WANTED = {"say": ("rouge_l", 6), "even": ("accuracy", 5), "ru": ("rouge_l_tokens", 4), "rte": ("exact_match", 4), "own": ("bleu", 3)}


def rows():
    for i in range(6):
        yield {"prompt": f"Say {i}.", "completion": "the red fox", "task": "say", "category": ["Title Generation", "Other"]}
    for i in range(5):
        yield {"prompt": f"Is {i} even?", "completion": "no" if i % 2 else "yes", "choices": ["yes", "no", "maybe so"], "task": "even",
               "cluster": "numbers"}
    for i in range(4):
        yield {"prompt": f"Translate {i}. Answer in at most 3 words.", "completion": "красная лиса", "references": ["лиса красная"],
               "task": "ru", "cluster": "numbers"}
    for i in range(4):
        yield {"prompt": f"Does {i} follow?", "completion": "Yes", "task": "rte", "category": "Textual Entailment", "cluster": "logic"}
    for i in range(3):
        yield {"prompt": f"Go {i}.", "completion": "one two three four", "task": "own", "category": "Textual Entailment", "metric": "bleu"}


def write(path, all_rows):
    with open(path, "w", encoding="utf-8") as f:
        for row in all_rows:
            f.write(json.dumps(row) + "\n")


def lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: expected {wanted!r}, found {found!r}")


def data(directory):
    all_rows = list(rows())
    write(f"{directory}/data.jsonl", all_rows)
    choices = [row for row in all_rows if "choices" in row]
    write(f"{directory}/choices.jsonl", choices)
    write(f"{directory}/choices.each.jsonl", [{"prompt": row["prompt"], "completion": c} for row in choices for c in row["choices"]])


def metrics(path, answers_path):
    result, answers = lines(path)[0], lines(answers_path)
    tasks = {t["name"]: t for t in result["task_scores"]}
    expect("tasks", {name: (t["metric"], t["n"]) for name, t in tasks.items()}, WANTED)
    expect("cluster of a category", tasks["say"]["cluster"], "Title Generation")
    expect("clusters", [(c["name"], c["metric"], c["n"]) for c in result["clusters"]],
           [("Title Generation", "rouge_l", 6), ("numbers", "rouge_l_tokens", 4), ("logic", "exact_match", 4), ("numbers", "accuracy", 5),
            ("Textual Entailment", "bleu", 3)])
    expect("answers", [(a["task"], a["line"]) for a in answers], [(row["task"], i) for i, row in enumerate(rows(), 1)])
    for name, t in tasks.items():
        of_task = [a for a in answers if a["task"] == name]
        expect(f"{name}: metric of its answers", {a["metric"] for a in of_task}, {t["metric"]})
        mean = sum(a["score"] for a in of_task) / len(of_task)
        if t["metric"] != "bleu" and not abs(mean - t["score"]) <= 1e-9 * 100:
            sys.exit(f"{name}: {t['score']}, but its answers have {mean}")
        if not t["low"] <= t["score"] <= t["high"]:
            sys.exit(f"{name}: {t['score']} outside of its interval {t['low']} to {t['high']}")
    for a in answers:
        if a["task"] == "even":
            best = max(range(3), key=lambda i: a["loglikelihoods"][i])
            expect("the likeliest choice", a["prediction"], a["choices"][best])
            expect("its score", a["score"], 100 * (a["prediction"] == a["references"][0]))
        if a["task"] == "ru":
            expect("references", a["references"], ["красная лиса", "лиса красная"])
            expect("limit", (a["limit"]["unit"], a["limit"]["most"]), ("words", 3))
    expect("constant", (tasks["even"]["constant"], tasks["even"]["frequent_answer"]), (60, "yes"))
    if "Say 0." not in answers[0]["prompt"]:
        sys.exit(f"prompt: {answers[0]['prompt']!r}")


def same(path, other_path):
    keys = "clusters", "overall", "task_scores"
    a, b = lines(path)[0], lines(other_path)[0]
    for key in keys:
        expect(key, b[key], a[key])


def limited(path, n):
    for task in lines(path)[0]["task_scores"]:
        expect(task["name"], (task["n"], task["metric"]), (int(n), "f1"))


def likelihoods(answers_path, output_path):
    each = iter(lines(output_path))
    for a in lines(answers_path):
        for text, found in zip(a["choices"], a["loglikelihoods"], strict=True):
            row = next(each)
            nll = [x for x, is_target in zip(row["nll"], row["target"]) if is_target][:-1]  # without the token that ends the turn
            if not abs(found + sum(nll)) <= 1e-4:
                sys.exit(f"line {a['line']}: {text}: log-likelihood {found}, but the tokens have {-sum(nll)}")


def normalised(answers_path, norm_path):
    for a, b in zip(lines(answers_path), lines(norm_path), strict=True):
        best = max(range(3), key=lambda i: a["loglikelihoods"][i] / len(a["choices"][i]))
        expect("the likeliest by character", (b["prediction"], b["metric"]), (a["choices"][best], "accuracy_norm"))


def compared(path, answers_path):
    result = lines(path)[0]
    if not result["tuned"]["loss"] < result["base"]["loss"]:
        sys.exit(f"tuned {result['tuned']['loss']}, base {result['base']['loss']}")
    for row in result["clusters"] + result["overall"] + result["task_scores"]:
        if not abs(row["tuned"] - row["base"] - row["difference"]) <= 1e-6 or not row["low"] <= row["difference"] <= row["high"]:
            sys.exit(f"{row['name']}: {row}")
    for side, key in (("tuned", "score"), ("base", "score_base")):
        of_task = [a[key] for a in lines(answers_path) if a["task"] == "say"]
        task = next(t for t in result["task_scores"] if t["name"] == "say")
        if not abs(sum(of_task) / len(of_task) - task[side]) <= 1e-6:
            sys.exit(f"{side}: {task[side]}, but its answers have {sum(of_task) / len(of_task)}")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
