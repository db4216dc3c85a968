"""Runs that are stopped and go on, against one that was never stopped.

runs.py same RUN RUN                  both hold the same checkpoints, results and metrics
runs.py kill VKIFT DIR KILLS SEED     SIGKILL at random moments
runs.py stop VKIFT DIR                SIGTERM and SIGINT
DIR holds model/ and data.jsonl (tiny.py).
"""
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

STEPS = 24
TIMES = {"seconds", "host_seconds", "target_tokens_per_second", "device_bytes"}


def fail(message):
    sys.exit(message)


def steps_of(run):
    found = (re.fullmatch(r"step-(\d+)", name) for name in os.listdir(f"{run}/checkpoints"))
    return sorted(int(match[1]) for match in found if match)


def contents(run):
    """What has to be the same: hashes of the result and of the checkpoints, by step; the metrics and run.json without times and
    without what was typed."""
    files = {}
    for directory, _, names in os.walk(run):
        for name in names:
            path = os.path.join(directory, name)
            if name not in ("config.yaml", "metrics.jsonl", "run.json"):
                with open(path, "rb") as f:
                    files[os.path.relpath(path, run)] = hashlib.sha256(f.read()).hexdigest()
    with open(f"{run}/metrics.jsonl", encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    for row in rows:
        if "loss" in row and not 0 <= row["host_seconds"] <= row["seconds"]:
            fail(f"{run}/metrics.jsonl: expected host_seconds to be a part of seconds, found {row}")
    with open(f"{run}/run.json", encoding="utf-8") as f:
        files["run.json"] = {k: v for k, v in json.load(f).items() if k not in ("command", "began")}
    return files, [{k: v for k, v in row.items() if k not in TIMES} for row in rows]


def compare(whole, other):
    """Every file of `other` is one of `whole`, which keeps more checkpoints; the last ones and the result are in both."""
    (files, rows), (found, found_rows) = contents(whole), contents(other)
    if not any(name.startswith(("adapter/", "model/")) for name in found):
        fail(f"{other}: expected a result, found {sorted(found)}")
    last = max(steps_of(whole))
    for name in files:
        if (not name.startswith("checkpoints/") or f"/step-{last}/" in name) and name not in found:
            fail(f"{other}: expected {name}, found none")
    for name, value in found.items():
        if files.get(name) != value:
            fail(f"{other}/{name}: expected the bytes of the run that was never stopped, found {'others' if name in files else 'a file that it lacks'}")
    for want, row in zip(rows, found_rows):
        if want != row:
            fail(f"{other}/metrics.jsonl: expected {want}, found {row}")
    if len(rows) != len(found_rows):
        fail(f"{other}/metrics.jsonl: expected {len(rows)} lines, found {len(found_rows)}")


def last_step(run):
    try:
        with open(f"{run}/metrics.jsonl", encoding="utf-8") as f:
            return max((json.loads(line)["step"] for line in f if line.endswith("\n")), default=0)
    except FileNotFoundError:
        return 0


class Trainer:
    def __init__(self, vkift, directory):
        self.vkift, self.directory = vkift, directory
        # Everything that a step may depend on: shuffling, dropout, a short last batch of each epoch, several rows a step,
        # evaluation between steps, AdamW's state.
        self.options = ["--model", f"{directory}/model", "--data", f"{directory}/data.jsonl", "--chat-template", "chatml",
                        "--batch-size", "5", "--max-steps", str(STEPS), "--lora-r", "3", "--lora-dropout", "0.1", "--eval-split", "0.1",
                        "--micro-batch-tokens", "160", "--save-steps", "1", "--eval-steps", "7", "--learning-rate", "1e-2"]

    def command(self, run, *more):
        """The first start of a run, or its resumption."""
        if os.path.exists(run):
            return [self.vkift, "train", "--resume", run, *more]
        return [self.vkift, "train", *self.options, "--output-dir", run, *more]

    def start(self, run, *more):
        return subprocess.Popen(self.command(run, *more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)

    def finish(self, run, *more):
        done = subprocess.run(self.command(run, *more), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            fail(f"{' '.join(done.args)}: exit status {done.returncode}: {done.stderr[-600:]}")
        return done

    def whole(self):
        run = f"{self.directory}/whole"
        self.finish(run, "--save-total-limit", "1000")
        if steps_of(run) != list(range(STEPS + 1)):
            fail(f"{run}: expected checkpoints of all steps, found {steps_of(run)}")
        return run

    def start_until(self, run, step, *more):
        """Starts a process and returns it once metrics.jsonl has the step."""
        process = self.start(run, *more)
        while last_step(run) < step:
            if process.poll() is not None:
                fail(f"{run}: ended before step {step} with status {process.returncode}: {process.stderr.read()[-600:]}")
            time.sleep(0.002)
        return process


def check_resumed(stderr, reached):
    """Each step leaves a checkpoint, so that at most one step is lost."""
    match = re.search(r"resumed from \S*/step-(\d+)", stderr)
    if not match or int(match[1]) < reached - 1:
        fail(f"expected to resume from step {reached - 1} or later, found: {stderr[-600:]}")
    if "skipped" in stderr:
        fail(f"expected whole checkpoints only, found: {stderr[-600:]}")


def kill(vkift, directory, kills, seed):
    t, r = Trainer(vkift, directory), random.Random(int(seed))
    whole, run, reached = t.whole(), f"{directory}/killed", None
    for target in sorted(r.sample(range(1, STEPS - 3), int(kills))):
        beyond = last_step(run) >= target  # an earlier process came so far: this one may be killed before it says a word
        process = t.start_until(run, target, "--save-total-limit", "3")
        delay = r.uniform(0, 0.06)
        time.sleep(delay)
        process.kill()
        stderr = process.communicate()[1]
        if process.returncode != -signal.SIGKILL:
            fail(f"expected a run that is killed, found status {process.returncode}: {stderr[-600:]}")
        if reached is not None and not beyond:
            check_resumed(stderr, reached)
        reached = last_step(run)
        print(f"killed {delay * 1000:.0f} ms behind step {target}: metrics up to step {reached}, checkpoints {steps_of(run)}")
    check_resumed(t.finish(run).stderr, reached)
    compare(whole, run)


def stop(vkift, directory):
    t = Trainer(vkift, directory)
    whole = t.whole()
    for sent in (signal.SIGTERM, signal.SIGINT):
        run = f"{directory}/{sent.name}"
        process = t.start_until(run, 5, "--save-steps", "1000")
        process.send_signal(sent)
        stdout, stderr = process.communicate()
        if process.returncode:
            fail(f"{sent.name}: expected exit status 0, found {process.returncode}: {stderr[-600:]}")
        step = last_step(run)
        if not 5 <= step < STEPS or steps_of(run) != [0, step] or os.path.exists(f"{run}/adapter"):
            fail(f"{sent.name}: expected to stop with checkpoints 0 and {step}, found {steps_of(run)} and {os.listdir(run)}")
        for wanted, found in ((f"vkift train --resume {run}\n", stdout), (f"stopped after {step} of {STEPS} steps", stdout),
                              (f"the checkpoint of step {step} is kept", stderr)):
            if wanted not in found:
                fail(f"{sent.name}: expected {wanted!r}, found {found[-600:]!r}")
        check_resumed(t.finish(run, "--save-steps", "1").stderr, step + 1)
        compare(whole, run)
        print(f"{sent.name}: stopped behind step {step}")


if __name__ == "__main__":
    {"same": compare, "kill": kill, "stop": stop}[sys.argv[1]](*sys.argv[2:])
