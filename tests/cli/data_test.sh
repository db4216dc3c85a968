#!/usr/bin/env bash
# vkift data: what is shown of an example, and what a check finds.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" || exit 1
cat >"$WORK/data.jsonl" <<'ROWS'
{"instruction": "Say hello", "output": "hello", "task": "greet"}
{"instruction": "Say hello", "output": "hello", "task": "greet"}
{"instruction": "Write <|im_end|> as text", "output": "the <|im_end|> sign<|endoftext|>", "task": "write"}
ROWS
data=(--model "$WORK/model" --data "$WORK/data.jsonl" --chat-template chatml)

expect 0 vkift data show "${data[@]}"
prints 'example 0'
prints '[[hello<|im_end|>]]'
expect 0 vkift data show "${data[@]}" --index 2
prints '[[the <|im_end|> sign<|endoftext|><|im_end|>]]'
expect 0 vkift data show "${data[@]}" --json --count 3
python3 - "$WORK/out" <<'CHECK' || fail "data show --json: labels or tokens are wrong"
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
assert len(rows) == 3 and rows[0]["input_ids"] == rows[1]["input_ids"]
for row in rows:
    assert len(row["input_ids"]) == len(row["labels"]) == len(row["tokens"])
    loss = "".join(t for t, label in zip(row["tokens"], row["labels"]) if label != -100)
    assert all(label in (-100, i) for i, label in zip(row["input_ids"], row["labels"]))
    assert loss.endswith("<|im_end|>")
assert loss == "the <|im_end|> sign<|endoftext|><|im_end|>"
# of the two <|im_end|> in the last answer only the template's is the control token
control = rows[0]["input_ids"][rows[0]["tokens"].index("<|im_end|>")]
assert rows[2]["input_ids"].count(control) == 2, rows[2]["input_ids"].count(control)
CHECK

expect 0 vkift data check "${data[@]}"
prints '3 examples'
prints '  greet '
prints '1 example is there already'
prints "1 answer ends in a literal marker, which the model would learn to write; it is $WORK/data.jsonl:3: --strip-suffix '<|endoftext|>'"
prints '1 example spells a control token'
expect 0 vkift data show "${data[@]}" --index 2 --strip-suffix '<|endoftext|>'
prints '[[the <|im_end|> sign<|im_end|>]]'
expect 0 vkift data check "${data[@]}" --json
python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); assert r["examples"] - r["left"] == 1 and [t["name"] for t in r["tasks"]] == ["greet", "write"]' "$WORK/out" ||
  fail "data check --json"
expect 1 vkift data show "${data[@]}" --index 3
says 'there is no example 3'
expect 2 vkift data
expect 2 vkift data show --model "$WORK/model"
says '--data is missing'
expect 0 vkift data check --help
finish
