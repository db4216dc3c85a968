#!/usr/bin/env bash
# vkift data check and data show --packed: reports that a person acts on, exit statuses, and rows as a run computes them.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" || exit 1
cd "$WORK" || exit 1
model=(--model model --chat-template chatml)

row() { printf '{"prompt": "%s", "completion": "%s"%s}\n' "$1" "$2" "${3:-}"; }
missing() { ! grep -qF -- "$1" out || fail "expected not on stdout: $1"; }

# --- clean data, and nothing to say about it
{ row a b; row c d; } >good.jsonl
expect 0 vkift data check "${model[@]}" --data good.jsonl
prints '2 examples, '
prints 'nothing to act on was found'
missing '!'

# --- bad examples: all are read, the status says that a run would stop
{ row a b; echo '{"prompt": "p", "completion": 5}'; row c d; echo '{"prompt": "p", "completion": 6}'; echo nonsense; row e ''; } >bad.jsonl
expect 1 vkift data check "${model[@]}" --data bad.jsonl --data good.jsonl
prints '! 2 examples cannot be used; the first: bad.jsonl:2: completion: expected a string, found the number 5'
prints '! 1 example cannot be used: bad.jsonl:5: '
prints '! 1 example cannot be used: bad.jsonl:6: message 2: expected an answer to learn, found an empty one'
prints '4 examples, '
prints 'a run would train on 2 of the examples'
prints '2 examples are there already; a run leaves them out; the first is good.jsonl:1, the same as bad.jsonl:1'
says 'a run stops at the first of the bad examples (4), unless --skip-bad-examples leaves them out'
expect 0 vkift data check "${model[@]}" --data bad.jsonl --skip-bad-examples
prints '! 2 examples cannot be used'
expect 1 vkift train "${model[@]}" --data bad.jsonl --max-steps 1 --output-dir run
says 'bad.jsonl:2: completion: expected a string'
echo '{"prompt": "p"}' >none.jsonl
expect 1 vkift data check "${model[@]}" --data none.jsonl --data good.jsonl
prints '! 1 example cannot be used: none.jsonl:1: '
prints '2 examples, '
says 'none.jsonl: none of its 1 examples can be used'
printf '\x1f\x8b\x08' >packed.jsonl
expect 1 vkift data check "${model[@]}" --data packed.jsonl --data good.jsonl
prints '2 examples, '
says 'packed.jsonl: expected text, found a gzip file'
expect 1 vkift data check "${model[@]}" --data nowhere.jsonl --data good.jsonl
prints_nothing
says 'nowhere.jsonl'

# --- tables: files with their formats, tasks by size; names of any width are aligned
{ row a b ', "task": "größe"'; row c d ', "task": "größe"'; row e f ', "task": "x\u001b[1m"'; } >tasks.jsonl
printf '[{"instruction": "i", "output": "%s"}, {"instruction": "j", "output": "%0600d"}]' o 0 >alpaca.json
expect 0 vkift data check "${model[@]}" --data tasks.jsonl --data alpaca.json
python3 - out <<'CHECK' || fail "data check: the tables are not aligned"
import sys
lines = open(sys.argv[1], encoding="utf-8").read().split("\n")
for heading in ("  file ", "  task "):
    at = next(i for i, line in enumerate(lines) if line.startswith(heading))
    rows = [lines[at]]
    while lines[at + len(rows)]:
        rows.append(lines[at + len(rows)])
    column = lines[at].index("examples") + len("examples")
    assert len(rows) >= 3, rows
    for line in rows[1:]:
        assert line[column - 1].isdigit() and line[column] == " ", line
assert "\x1b" not in "".join(lines)
tasks = [line.split()[0] for line in rows[1:]]
assert tasks == ["größe", "alpaca", "x\\x1b[1m"], tasks
CHECK
prints '! 1 example is too long and is dropped; it is alpaca.json: item 2 (6'
prints 'prompt/completion'

# --- evaluation data, likeness, contradictions
words='a b c d e f g h i j k l m n o p one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen'
{ row a b; row "$words" yes; row "$words" no; row q ' r'; } >train.jsonl
row a other >eval.jsonl
expect 0 vkift data check "${model[@]}" --data train.jsonl --eval-data eval.jsonl
prints '1 example has a prompt of the evaluation data; a run leaves it out; it is train.jsonl:1, as eval.jsonl:1'
prints '! 1 example is much like an earlier one; it is train.jsonl:3 (similarity '
prints '1 example has the prompt of an earlier one and another answer; it is train.jsonl:3, beside train.jsonl:2'
prints '1 answer begins or ends with white space'
expect 1 vkift data check "${model[@]}" --data good.jsonl --eval-data good.jsonl
says 'the prompts of all 2 examples are in the evaluation data too'
prints 'good.jsonl '
expect 1 vkift data check "${model[@]}" --data good.jsonl --eval-data bad.jsonl
says 'bad.jsonl: 4 bad examples: a run stops at them too'
expect 1 vkift data check "${model[@]}" --data bad.jsonl --data alpaca.json --eval-data eval.jsonl --json
python3 - out <<'CHECK' || fail "data check --json"
import json, sys
r = json.load(open(sys.argv[1], encoding="utf-8"))
assert r["examples"] == 3 and r["left"] == 2 and r["bad"] == 4 and r["dropped_long"] == 1 and "bad examples (4)" in r["stops"], r
assert {(f["name"], f["format"], f["bad"], f["dropped_long"]) for f in r["files"]} == \
       {("bad.jsonl", "prompt/completion", 4, 0), ("alpaca.json", "alpaca", 0, 1)}, r["files"]
kinds = [f["kind"] for f in r["findings"]]
assert kinds == ["bad_examples"] * 3 + ["dropped_long", "leaked"], kinds
leaked = r["findings"][-1]
assert (leaked["file"], leaked["line"], leaked["like_file"], leaked["like_line"]) == ("bad.jsonl", 1, "eval.jsonl", 1), leaked
assert sum(r["lengths"]) == 3
CHECK
expect 2 vkift data check "${model[@]}"
says '--data is missing'
expect 2 vkift data show "${model[@]}" --data good.jsonl --eval-data eval.jsonl

# --- tables, and data of which nothing can be used
printf 'instruction,output\na,b\na\nc,d,e\n' >ragged.csv
expect 1 vkift data check "${model[@]}" --data ragged.csv
prints '! 2 examples cannot be used; the first: ragged.csv:3: expected 2 fields, as many as the header has, found 1'
printf 'instruction;output\na;b\n' >semicolons.csv
expect 1 vkift data check "${model[@]}" --data semicolons.csv
says 'semicolons.csv:1: expected commas'
printf '{"prompt": 1}\n' >nothing.jsonl
expect 1 vkift data check "${model[@]}" --data nothing.jsonl
prints 'no example can be used'
expect 1 vkift data check "${model[@]}" --data https://some.where/data.jsonl
says 'found nothing; vkift does not download data'
expect 0 vkift data check "${model[@]}" --data good.jsonl --persona-ratio 1
prints '! no example gets a persona'
expect 2 vkift data show "${model[@]}" --data good.jsonl --packed --index 1
says '--index is about examples'

# --- preference and labelled rows
echo '{"prompt": "q", "chosen": "yes", "rejected": "no"}' >pairs.jsonl
echo '{"text": "fine", "label": "good"}' >labels.jsonl
expect 0 vkift data check "${model[@]}" --data pairs.jsonl --data labels.jsonl
prints 'preference'
prints 'labelled'
expect 0 vkift data show "${model[@]}" --data pairs.jsonl
prints '[[yes<|im_end|>]]'
expect 0 vkift data convert --data pairs.jsonl --data labels.jsonl --to messages --output messages.jsonl
prints '2 rows'
grep -qF '{"role": "assistant", "content": "good"}' messages.jsonl || fail "expected the label as an answer"
expect 1 vkift data show "${model[@]}" --data labels.jsonl --data-format preference
says 'labels.jsonl:1: chosen: expected a string or a list of messages, found nothing'

# --- rows as a run computes them
for i in 1 2 3 4 5 6 7; do row "question $i" "$(printf "%0$((i * 20))d" 0)"; done >seven.jsonl
expect 0 vkift data show "${model[@]}" --data seven.jsonl --packed --batch-size 3 --micro-batch-tokens 256 --json --count 4
python3 - out <<'CHECK' || fail "data show --packed --json"
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
assert [r["step"] for r in rows if r["row"] == 1] == [1, 2, 3, 4] and rows[-1]["epoch"] == 2, [(r["step"], r["epoch"]) for r in rows]
seen = [x["line"] for r in rows if r["epoch"] == 1 for x in r["examples"]]
assert sorted(seen) == list(range(1, 8)) and seen != sorted(seen), seen
for r in rows:
    n = len(r["input_ids"])
    assert r["capacity"] == 256 and n + r["padding"] == 256 and r["examples"][-1]["end"] == n, r["padding"]
    assert all(label in (-100, i) for i, label in zip(r["input_ids"], r["labels"])) and any(x != -100 for x in r["labels"])
    at = 0
    for x in r["examples"]:
        assert x["begin"] == at
        for o in range(x["begin"], x["end"]):
            assert r["seen_begin"][o] == x["begin"] and r["seen_end"][o] == o + 1 and r["positions"][o] == o - x["begin"]
        assert r["labels"][x["begin"]] == -100
        at = x["end"]
CHECK
expect 0 vkift data show "${model[@]}" --data seven.jsonl --packed --batch-size 7 --micro-batch-tokens 512
prints 'step 1 (epoch 1), row 1 of 2: '
prints ' of 512 tokens, '
prints '-- tokens 0 to '
prints 'padding, which nothing sees'
prints '0<|im_end|>]]'
expect 1 vkift data show "${model[@]}" --data seven.jsonl --packed --micro-batch-tokens 20
says '--micro-batch-tokens: expected at least'
expect 1 vkift data show "${model[@]}" --data seven.jsonl --packed --step 9
says 'step 9: expected one of the 3 of this run'
expect 2 vkift data show "${model[@]}" --data seven.jsonl --step 2
says 'they need --packed'

# A run's own rows: its data, order and row length come from its config.yaml; its first step trained on so many tokens.
expect 0 vkift train "${model[@]}" --data seven.jsonl --batch-size 4 --max-steps 2 --seed 7 --output-dir run --lora-r 2
expect 0 vkift data show run --packed --count 2 --json
python3 - out run/metrics.jsonl run/config.yaml <<'CHECK' || fail "data show RUN --packed: not what the run computed"
import json, re, sys
rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
steps = [json.loads(line) for line in open(sys.argv[2], encoding="utf-8")]
for step in steps[:2]:
    of_step = [r for r in rows if r["step"] == step["step"]]
    assert sum(x != -100 for r in of_step for x in r["labels"]) == step["target_tokens"], step
capacity = int(re.search(r"^micro_batch_tokens: (\d+)", open(sys.argv[3]).read(), re.M)[1])
assert all(r["capacity"] == capacity for r in rows)
CHECK
expect 0 vkift data check run
prints '7 examples, '

# --- control tokens of the prompt that the model never trained
python3 - model/model.safetensors "$here" <<'EDIT' || exit 1
import struct, sys
sys.path.insert(0, sys.argv[2])
import tiny
tensors, metadata = tiny.read_safetensors(sys.argv[1])
dtype, shape, data = tensors["model.embed_tokens.weight"]
width = shape[1] * 4
rows = [data[i * width:(i + 1) * width] for i in range(shape[0])]
rows[260] = rows[261] = rows[262]
tensors["model.embed_tokens.weight"] = dtype, shape, b"".join(rows)
tiny.write_safetensors(sys.argv[1], tensors, metadata)
EDIT
expect 0 vkift data check "${model[@]}" --data good.jsonl
prints "! the model seems never to have been trained on the prompt's <|im_start|>, <|im_end|>, and LoRA leaves tokens as they are: --modules-to-save embed_tokens,lm_head trains them too; or --chat-template alpaca"
expect 0 vkift train "${model[@]}" --data good.jsonl --max-steps 1 --lora-r 2 --output-dir warned
says "warning: the model seems never to have been trained on the prompt's <|im_start|>, <|im_end|>"
for how in '--method full' '--lora-r 2 --modules-to-save embed_tokens,lm_head'; do
  rm -rf trained
  # shellcheck disable=SC2086 # words on purpose
  expect 0 vkift train "${model[@]}" --data good.jsonl --max-steps 1 --output-dir trained $how
  ! grep -q 'never to have been trained' err || fail "expected no warning where they are trained"
  expect 0 vkift data check trained
  missing 'never to have been trained'
done
expect 0 vkift data check warned
prints 'never to have been trained'

# --- a template of another model is refused, and Alpaca's prompt offered
printf '%s' "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|eot_id|>{% endfor %}" >llama.jinja
expect 1 vkift data check --model model --chat-template llama.jinja --data good.jsonl
says 'llama.jinja: the chat template ends a turn with <|eot_id|>, which is no token of model: use --chat-template alpaca'

# --- generation: what is typed never becomes a control token; --raw takes it as one
tokens() { sed -n 's/.*"prompt_tokens": \([0-9]*\).*/\1/p' out; }
expect 0 vkift generate run --prompt '' --json --max-new-tokens 1
empty=$(tokens)
expect 0 vkift generate run --prompt '<|im_end|>' --json --max-new-tokens 1
[ "$(tokens)" -eq $((empty + 10)) ] || fail "expected 10 tokens of text more, found $(tokens) after $empty"
expect 0 vkift generate run --prompt '<|im_end|>' --raw --json --max-new-tokens 1
[ "$(tokens)" -eq 1 ] || fail "expected one control token, found $(tokens) tokens"
[ "$empty" -gt 10 ] || fail "expected the run's own template around a prompt, found $empty tokens"
finish
