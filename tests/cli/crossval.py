"""Data for crossvals, and crossvals that are killed and go on, against one that was never stopped.

crossval.py data FILE                    rows of six small tasks in three clusters
crossval.py check RUN [ARM…]             results.json agrees with the answers and with itself, and has the arms
crossval.py same RUN RUN                 both hold the same table and answers
crossval.py kill VKIFT RUN KILLS SEED ARGS…   SIGKILL at random moments, until it ends
"""
import json
import os
import random
import subprocess
import sys
import time

WORDS = "sun moon star rain snow wind tree leaf rock sand lake hill".split()
TASKS = {"copy": {"echo": lambda w: w, "shout": str.upper},
         "order": {"reverse": lambda w: w[::-1], "sort": lambda w: "".join(sorted(w))},
         "letters": {"first": lambda w: w[0], "last": lambda w: w[-1]}}


def fail(message):
    sys.exit(message)


def write_data(path):
    with open(path, "w", encoding="utf-8") as f:
        for cluster, tasks in TASKS.items():
            for task, answer in tasks.items():
                for word in WORDS:
                    json.dump({"prompt": f"{task} {word}", "completion": answer(word), "task": task, "cluster": cluster}, f)
                    f.write("\n")


def read(run):
    with open(f"{run}/results.json", encoding="utf-8") as f:
        return json.load(f)


def answers(run, cluster):
    with open(f"{run}/predictions/{cluster}.jsonl", encoding="utf-8") as f:
        found = [json.loads(line) for line in f]
    for row in found:
        row["file"] = os.path.basename(row["file"])  # a resumed crossval names it by its whole path
    return found


def near(a, b):
    return abs(a - b) < 1e-9


def check_row(row, arms):
    if not near(row["difference"], row["tuned"] - row["base"]) or not row["low"] <= row["difference"] <= row["high"]:
        fail(f"{row['name']}: {row['base']} to {row['tuned']} is {row['difference']}, in {row['low']} to {row['high']}?")
    for arm in ("shuffled", "seen"):
        if (arm in row) != (arm in arms):
            fail(f"{row['name']}: expected {'a' if arm in arms else 'no'} score of {arm}, found {row.get(arm)}")
    if not 0 <= row["tuned"] <= 100 or row["tokens"] <= 0 or row["seconds"] <= 0:
        fail(f"{row['name']}: {row}")


def check(run, *arms):
    results = read(run)
    for row in results["clusters"]:
        check_row(row, arms)
        found = answers(run, row["name"])
        if len(found) != row["n"] or {x["task"] for x in found} != {x["name"] for x in row["tasks"]}:
            fail(f"{row['name']}: {len(found)} answers, {row['n']} scores")
        for arm in ("base", "tuned", *arms):
            key = "score" if arm == "tuned" else f"score_{arm}"
            means = []
            for task in row["tasks"]:
                scores = [x[key] for x in found if x["task"] == task["name"]]
                means.append(sum(scores) / len(scores))
                if not near(means[-1], task[arm]):
                    fail(f"{task['name']}, {arm}: the answers' mean is {means[-1]}, the table has {task[arm]}")
            if not near(sum(means) / len(means), row[arm]):
                fail(f"{row['name']}, {arm}: the tasks' mean is {sum(means) / len(means)}, the table has {row[arm]}")
    check_row(results["overall"], arms)
    rows = results["clusters"]
    if not near(results["overall"]["tuned"], sum(row["tuned"] for row in rows) / len(rows)):
        fail(f"overall: {results['overall']}")


def without_times(value):
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k != "seconds"}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def same(one, other):
    if without_times(read(one)) != without_times(read(other)):
        fail(f"{other}/results.json: another table than in {one}")
    for row in read(one)["clusters"]:
        if answers(one, row["name"]) != answers(other, row["name"]):
            fail(f"{other}: other answers of {row['name']} than in {one}")


def kill(vkift, run, kills, seed, *args):
    """The moments are drawn from the time that an uninterrupted end would take, so that they hit training and answers."""
    rng = random.Random(int(seed))
    done = 0
    for _ in range(40 * int(kills)):
        begun = os.path.exists(f"{run}/config.yaml")
        command = [vkift, "crossval", *(["--resume", run] if begun else [*args, "--output-dir", run])]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        wait = rng.uniform(0.05, 2.5) if done < int(kills) else None
        try:
            _, stderr = process.communicate(timeout=wait)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            done += 1
            continue
        if process.returncode:
            fail(f"{' '.join(command)}: exit status {process.returncode}: {stderr[-600:]}")
        if done >= int(kills) or os.path.exists(f"{run}/results.json"):
            print(f"{done} kills")
            if done < 1:
                fail("it ended before it was killed once")
            return
        time.sleep(0.01)
    fail(f"{run}: did not end")


if __name__ == "__main__":
    {"data": write_data, "check": check, "same": same, "kill": kill}[sys.argv[1]](*sys.argv[2:])
