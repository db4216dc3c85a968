"""Checks what `vkift data show --json` printed of augmented examples: that the loss is on the answer and its end only, that no
demonstration is the example itself, and that every stated length is that of the answer, by Python's own counts.

augment.py ROWS SHOWN OPTION…   OPTION: demonstrations=N, persona=N, definition=N, limits=N (least numbers of examples with each)
"""
import json
import re
import sys

TURN = re.compile(r"<\|im_start\|>(\w+)\n(.*?)<\|im_end\|>\n", re.S)
ENDS = re.compile(r"[.!?。！？]+[\"')\]”’»]*(?=\s|$)|[。！？]")


def fulfils(limit, answer):
    unit = re.search(r"word|sentence|character", limit).group()
    n = {"word": lambda: len(answer.split()), "sentence": lambda: len(ENDS.findall(answer)), "character": lambda: len(answer)}[unit]()
    if unit == "word":
        assert all(any(c.isalnum() for c in word) for word in answer.split()), answer
    numbers = [int(x) for x in re.findall(r"\d+", limit)]
    if len(numbers) == 2:
        return numbers[0] <= n <= numbers[1] and numbers[0] < numbers[1]
    if "exactly" in limit:
        return n == numbers[0]
    if re.search(r"at least|no fewer than|shorter than", limit):
        return n >= numbers[0]
    assert re.search(r"at most|more than|up to", limit), limit
    return n <= numbers[0]


def check(row, shown):
    text, loss = "".join(shown["tokens"]), "".join(t for t, x in zip(shown["tokens"], shown["labels"]) if x != -100)
    turns = TURN.findall(text)
    assert loss == row["output"] + "<|im_end|>", loss
    runs = sum(x != -100 and (not i or shown["labels"][i - 1] == -100) for i, x in enumerate(shown["labels"]))
    assert runs == 1, runs
    system = turns.pop(0)[1] if turns[0][0] == "system" else None
    own = row["instruction"] + (f"\n\n{row['input']}" if row.get("input") else "")
    first, last = turns[0][1], turns[-2][1]
    definition = first.startswith(row["definition"] + "\n\n") if "definition" in row and not own.startswith(row["definition"]) else False
    prompts = [content for role, content in turns if role == "user"]
    if definition:
        prompts[0] = prompts[0].split("\n\n", 2 if "things_to_avoid" in row else 1)[-1]
    limit = prompts[-1][len(own):].strip() or None
    assert prompts[-1].startswith(own), (prompts[-1], own)
    assert own not in prompts[:-1] and len(set(prompts)) == len(prompts), prompts
    assert limit is None or fulfils(limit, row["output"]), (limit, row["output"])
    assert limit is None or not row.get("choices")
    persona = system is not None and system != row.get("system")
    if persona:
        assert system.removesuffix("\n\n" + row.get("system", "")) in row["personas"], system
    assert last == turns[-2][1] and turns[-1] == ("assistant", row["output"])
    return {"demonstrations": len(prompts) > 1, "persona": persona, "definition": definition, "limits": limit is not None}


def main(rows, shown, *least):
    with open(rows, encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    found = {"demonstrations": 0, "persona": 0, "definition": 0, "limits": 0}
    with open(shown, encoding="utf-8") as f:
        for example in map(json.loads, f):
            for what, is_there in check(rows[example["line"] - 1], example).items():
                found[what] += is_there
    for option in least:
        what, n = option.split("=")
        assert found[what] >= int(n) if int(n) else not found[what], (what, found)
    print("augmentations as asked for:", found)


main(*sys.argv[1:])
