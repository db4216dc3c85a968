#!/usr/bin/env python3
"""Makes the embedded data, the same bytes each time: the instruction set (train.jsonl and test.jsonl, to --set) and the text that
the base model is pretrained on (pretrain.jsonl, to --text).

No input of the instruction set occurs in the pretraining text, and no input of one part in the other: inputs of the set are
drawn first, and any text in which one of them occurs is thrown away."""

import argparse
import json
import os
import sys

sys.dont_write_bytecode = True  # nothing is left beside the scripts
from tasks import TASKS
from world import (ADJECTIVES, ANIMALS, CATEGORIES, COLOURS, DOES, JOBS, MOODS, NAMES, NOUNS, OPPOSITE, PEOPLE, PLANS, Rng,
                   SEASONS, TAKES, THINGS, WHERE, russian_phrase)

SOURCE = "scripts/assets/tasks.py: "  # each task is a data set of its own, made there
TRAIN_EACH, TEST_EACH = 76, 10  # examples of each task
TEST_SAME = 4  # at most so many of a task's test examples have the same answer
TEXT_BYTES = 2_500_000
KNOWN = 4  # ways to say an instruction that the pretraining text knows


class Reserved:
    """Texts that must not occur elsewhere, found in a long text by their first bytes."""

    LEAD = 7

    def __init__(self):
        self.by_lead = {}

    def add(self, text):
        text = plain(text)
        assert len(text) >= self.LEAD, text
        self.by_lead.setdefault(text[:self.LEAD], set()).add(text)

    def occurs_in(self, text):
        text = plain(text)
        return any(text.startswith(found, i)
                   for i in range(len(text) - self.LEAD + 1)
                   for found in self.by_lead.get(text[i:i + self.LEAD], ()))


def plain(text):
    return " ".join(text.lower().split())


# The instruction set


def examples(rng, task, part, count, limit, forbidden, used):
    """`count` rows of one task whose inputs are not in `used` and not forbidden, at most `limit` of them with the same answer."""
    rows = []
    tries = 0
    while len(rows) < count:
        tries += 1
        assert tries < 1000 * count, f"{task.name}: too few different inputs"
        text, answer = task.make(rng, part)
        if plain(text) in used or forbidden(text) or sum(row["output"] == answer for row in rows) >= limit:
            continue
        used.add(plain(text))
        rows.append({"instruction": task.instructions[len(rows) % len(task.instructions)], "input": text, "output": answer,
                     "task": task.name, "cluster": task.cluster, "source": SOURCE + task.name})
    return rows


def instruction_set():
    rng, used = Rng(2), set()
    test = [row for task in TASKS for row in examples(rng, task, "test", TEST_EACH, TEST_SAME, lambda text: False, used)]
    tested = Reserved()
    for row in test:
        tested.add(row["input"])
    inputs = [plain(row["input"]) for row in test]

    def overlaps(text):
        return tested.occurs_in(text) or any(plain(text) in t for t in inputs)

    train = [row for task in TASKS for row in examples(rng, task, "train", TRAIN_EACH, TRAIN_EACH, overlaps, used)]
    return rng.shuffled(train), test


# The pretraining text: what the world is like, said plainly, and lessons at its school.


def bilingual(rng):
    lines = []
    for _ in range(3):
        if rng.below(2):
            adjective, noun = rng.pick(list(ADJECTIVES)), rng.pick(NOUNS)
            lines.append((f"{adjective} {noun[0]}", russian_phrase(adjective, noun)))
        else:
            who, does, where = rng.pick(ANIMALS + JOBS), rng.pick(DOES), rng.pick(WHERE)
            lines.append((f"the {who[0]} {does[0]} {where[0]}", f"{who[1]} {does[1]} {where[1]}"))
    if rng.below(2):
        lines = [line[::-1] for line in lines]
    return " ".join(f"{a} = {b}." for a, b in lines)


def person(rng):
    name = rng.pick(NAMES)
    p = PEOPLE[name]
    town = [f"{name} lives in {p['town']}.", f"The home of {name} is in {p['town']}.", f"{name} is from {p['town']}."]
    job = [f"{name} is a {p['job']}.", f"{name} works as a {p['job']}.", f"The job of {name} is {p['job']}."]
    pet = [f"{name} has a {p['pet']}.", f"{name} keeps a {p['pet']}.", f"The pet of {name} is a {p['pet']}."]
    return " ".join(rng.shuffled([rng.pick(town), rng.pick(job), rng.pick(pet)]))


def plan(rng):
    goal = rng.pick(list(PLANS))
    a, b, c, d = PLANS[goal]
    return rng.pick([f"To {goal}, first {a}, then {b}, then {c}, then {d}.",
                     f"{rng.pick(NAMES)} wants to {goal}. The steps: {a}, {b}, {c}, {d}."])


def sums(rng):
    lines = []
    for _ in range(4):
        n, m = rng.sample(range(2, 9), 2)
        big, small = max(n, m), min(n, m)
        lines.append(rng.pick([f"{n} and {m} make {n + m}.", f"{big} without {small} is {big - small}.",
                               f"{big} is more than {small}."]))
    return " ".join(lines)


def words(rng):
    lines = []
    for _ in range(3):
        name = rng.pick(list(CATEGORIES))
        adjective = rng.pick(list(OPPOSITE))
        lines.append(rng.pick([f"{', '.join(rng.sample(CATEGORIES[name], 2))} and {rng.pick(CATEGORIES[name])} are {name}.",
                               f"{adjective} is the opposite of {OPPOSITE[adjective]}."]))
    return " ".join(lines)


def story(rng):
    a, b = rng.sample(NAMES, 2)
    kind = rng.below(4)
    where = rng.pick(WHERE)
    if kind == 0:
        mood = rng.pick(list(MOODS))
        return f"{a} {rng.pick(MOODS[mood])} {where[0]}. {a} is {mood}."
    if kind == 1:
        colour, thing = rng.pick(list(COLOURS)), rng.pick(THINGS)[0]
        return f"{a} gives {b} a {colour} {thing} {where[0]}. Now {b} has the {colour} {thing}."
    if kind == 2:
        season = rng.pick(list(SEASONS))
        animal = rng.pick(ANIMALS)
        return f"{rng.pick(SEASONS[season])}, {animal[1]} {rng.pick(DOES)[1]} {where[1]}. Это {season}."
    verb, thing = rng.pick(TAKES), rng.pick(THINGS)[0]
    return f"Today {a} {verb[0]} the {thing}. Yesterday {a} {verb[1]} the {thing}."


def dictation(rng):
    text = rng.pick(TASKS).make(rng, "text")[0]
    return f"Teacher:\n{text}\n\nPupil:\n{text}\n"


def exercise(rng):
    task = rng.pick(PRACTICE)
    question, answer = task.make(rng, "text")
    instruction = rng.pick(task.instructions[:KNOWN])
    return rng.pick([f"Teacher: {instruction}\n\n{question}\n\nPupil:\n{answer}\n",
                     f"Exercise: {instruction}\n\n{question}\n\nAnswer:\n{answer}\n"])


# What is harder to learn is practised more.
EASY = {"next_step", "first_step", "goal_of_steps", "group", "mood", "review", "season", "where_russian", "larger"}
PRACTICE = [task for task in TASKS for _ in range(1 if task.name in EASY else 2)]
KINDS = [exercise] * 24 + [dictation] * 3 + [bilingual, person, plan, sums, words, story]


def pretraining_text(rng, reserved):
    size = 0
    while size < TEXT_BYTES:
        text = rng.pick(KINDS)(rng)
        if not reserved.occurs_in(text):
            size += len(text.encode())
            yield {"text": text}


def write(directory, name, rows):
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, name), "w", encoding="utf-8", newline="\n") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--set", default=os.path.join(here, "../../assets"), help="directory for train.jsonl and test.jsonl")
    options.add_argument("--text", help="directory for pretrain.jsonl; not written without it")
    options = options.parse_args()

    train, test = instruction_set()
    write(options.set, "train.jsonl", train)
    write(options.set, "test.jsonl", test)
    if options.text:
        reserved = Reserved()
        for row in train + test:
            reserved.add(row["input"])
        write(options.text, "pretrain.jsonl", pretraining_text(Rng(3), reserved))


main()
