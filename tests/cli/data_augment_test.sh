#!/usr/bin/env bash
# Augmentations from the command line: shown, checked, converted, trained on.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" || exit 1
cd "$WORK" || exit 1
python3 - <<'PYTHON' >rows.jsonl
import json, random
r = random.Random(3)
words = "the red fox ran over a long hill and then slept in warm sun".split()
for i in range(120):
    answer = " ".join(" ".join(r.choices(words, k=r.randint(1, 9))).capitalize() + "." for _ in range(r.randint(1, 3)))
    row = {"instruction": f"Tell {i}", "output": answer if i % 5 else r.choice(words), "task": "ab"[i % 2]}
    if i % 3 == 0:
        row |= {"personas": ["You tell tales.", "You are old."], "input": f"in {i}"}
    if i % 4 == 0:
        row |= {"definition": "Tell a tale.", "things_to_avoid": "Rhymes."}
    if i % 7 == 0:
        row["choices"] = [row["output"], "no"]
    if i % 8 == 0:
        row["system"] = "Be kind."
    print(json.dumps(row))
PYTHON
data=(--model model --chat-template chatml --data rows.jsonl --max-length 512)
all=(--num-demonstrations 2 --persona-ratio 0.5 --definition-ratio 0.5 --length-constraint-ratio 0.5)

# --- what the model would get
expect 0 vkift data show "${data[@]}" --json --count 1000
cp out plain.json
expect 0 python3 "$here/augment.py" rows.jsonl plain.json demonstrations=0 persona=0 definition=0 limits=0
expect 0 vkift data show "${data[@]}" "${all[@]}" --json --count 1000
cp out all.json
expect 0 python3 "$here/augment.py" rows.jsonl all.json demonstrations=100 persona=10 definition=8 limits=30
expect 0 vkift data show "${data[@]}" "${all[@]}" --json --count 1000
checks=$((checks + 1))
cmp -s out all.json || fail "the same seed shows other examples"
expect 0 vkift data show "${data[@]}" "${all[@]}" --seed 1 --json --count 1000
checks=$((checks + 1))
cmp -s out all.json && fail "another seed shows the same examples"
cp out seed1.json
expect 0 python3 "$here/augment.py" rows.jsonl seed1.json demonstrations=100 persona=10 definition=8 limits=30
expect 0 vkift data show "${data[@]}" --length-constraint-ratio 1 --json --count 1000
cp out limits.json
expect 0 python3 "$here/augment.py" rows.jsonl limits.json demonstrations=0 persona=0 definition=0 limits=70
expect 0 vkift data check "${data[@]}" "${all[@]}"
prints ' examples get demonstrations'
prints ' examples get a length constraint'
expect 0 vkift data check "${data[@]}" --num-demonstrations 16
prints '120 examples have fewer demonstrations, so that they fit: --max-length'
expect 0 vkift data check "${data[@]}" --persona-ratio 1 --json
python3 -c 'import json; r = json.load(open("out")); assert (r["with_persona"], r["with_definition"]) == (40, 0), r' || fail "data check --json"

# --- converted rows are the augmented ones, and carry their fields where nothing was done with them
expect 0 vkift data convert --data rows.jsonl --output messages.jsonl "${all[@]}"
expect 0 vkift data show --model model --chat-template chatml --data messages.jsonl --max-length 512 --json --count 1000
cp out converted.json
expect 0 vkift data convert "${data[@]}" --to tokens --output tokens.jsonl "${all[@]}"
expect 0 vkift data convert --data rows.jsonl --output again.jsonl
python3 - <<'PYTHON' || fail "convert"
import json
def read(name): return [json.loads(line) for line in open(name, encoding="utf-8")]
ids = [x["input_ids"] for x in read("all.json")]
assert ids == [x["input_ids"] for x in read("converted.json")] == [x["input_ids"] for x in read("tokens.jsonl")]
assert [x["labels"] for x in read("all.json")] == [x["labels"] for x in read("tokens.jsonl")]
for row, again in zip(read("rows.jsonl"), read("again.jsonl")):
    for key in ("definition", "things_to_avoid", "personas", "choices", "task"):
        assert row.get(key) == again.get(key), (key, row, again)
PYTHON
expect 0 vkift data render --chat-template chatml --data rows.jsonl "${all[@]}" --json
python3 - <<'PYTHON' || fail "render"
import json
shown = ["".join(json.loads(line)["tokens"]) for line in open("all.json", encoding="utf-8")]
assert shown == [json.loads(line)["text"] for line in open("out", encoding="utf-8")]
PYTHON

# --- notes on tasks
cat >notes.yaml <<'YAML'
a:
  definition: Tell me a tale.
  personas: [You are a fox.]
b: {things_to_avoid: Wolves.}
misspelt: {definition: D.}
YAML
notes=(--task-notes notes.yaml --definition-ratio 1 --persona-ratio 1)
expect 0 vkift data show "${data[@]}" "${notes[@]}" --index 2
prints 'You are a fox.'
prints 'Tell me a tale.'
expect 0 vkift data show "${data[@]}" "${notes[@]}" --index 1
prints 'Things to avoid: Wolves.'
expect 0 vkift data show "${data[@]}" "${notes[@]}" --index 4 # its own definition
prints 'Things to avoid: Rhymes.'
expect 1 vkift data show "${data[@]}" --task-notes nowhere.yaml
says 'nowhere.yaml'
echo 'a: {persona: P}' >wrong.yaml
expect 1 vkift data show "${data[@]}" --task-notes wrong.yaml
says 'wrong.yaml: "a": expected keys among definition, things_to_avoid, personas, found "persona": did you mean personas?'

# --- options and fields that are wrong
expect 2 vkift data check "${data[@]}" --persona-ratio 1.5
says "--persona-ratio: expected a number from 0 to 1, found '1.5'"
expect 2 vkift data check "${data[@]}" --num-demonstrations 17
says "--num-demonstrations: expected a whole number from 0 to 16, found '17'"
expect 2 vkift data check "${data[@]}" --num-demonstrations 1 --objective lm
says "num_demonstrations needs objective sft"
expect 2 vkift eval --model model --data rows.jsonl --persona-ratio 1
says "unknown option --persona-ratio"
printf '%s\n' '{"instruction": "a", "output": "b"}' '{"instruction": "a", "output": "b", "personas": "P"}' >bad.jsonl
expect 1 vkift data check --model model --data bad.jsonl --num-demonstrations 1
prints 'bad.jsonl:2: personas: expected a list of strings, found a string "P"'
train=(--model model --chat-template chatml --data rows.jsonl --max-steps 2 --batch-size 4 --max-length 512)
expect 2 vkift train "${train[@]}" --num-demonstrations 1 --eval-split 0.1 --output-dir none
says "num_demonstrations and eval_split contradict each other"
expect 2 vkift train "${train[@]}" --num-demonstrations 1 --objective lm --output-dir none
says "num_demonstrations needs objective sft"

# --- trained on, noted, repeated; what is evaluated on stays as it is and is shown nowhere
sed -n 1,20p rows.jsonl >eval.jsonl
expect 0 vkift train "${train[@]}" "${all[@]}" --eval-data eval.jsonl --output-dir run --task-notes notes.yaml
says "of 1 tasks in --task-notes there is no example"
says "with demonstrations"
says "20 left out whose prompt is in the evaluation data"
says "20 examples to evaluate on"
grep -q '^persona_ratio: 0.5$' run/config.yaml || fail "config.yaml lacks persona_ratio"
grep -q '^num_demonstrations: 2$' run/config.yaml || fail "config.yaml lacks num_demonstrations"
export VKIFT_CACHE_DIR=$WORK/cache VKIFT_DATA_CACHE=1 # tokens are kept by the first of the next two, and found by the second
for again in run2 run3; do
  expect 0 vkift train --config run/config.yaml --output-dir "$again"
  says "; of 1 tasks in --task-notes there is no example"
  checks=$((checks + 1))
  cmp -s run/adapter/adapter_model.safetensors "$again/adapter/adapter_model.safetensors" || fail "$again: the same seed trains otherwise"
done
expect 0 vkift train --config run/config.yaml --output-dir other --persona-ratio 0
cmp -s run/adapter/adapter_model.safetensors other/adapter/adapter_model.safetensors && fail "without personas it trains the same"
printf '%s\n' '{"prompt": "a", "completion": "1"}' '{"prompt": "b", "completion": "2"}' >two.jsonl
sed -n 2p two.jsonl >one.jsonl
two=(--model model --chat-template chatml --data two.jsonl --eval-data one.jsonl --max-steps 1 --num-demonstrations 1)
expect 0 vkift train "${two[@]}" --output-dir shown
says "; 1 with demonstrations"
expect 0 vkift train "${two[@]}" --output-dir leaked --allow-leakage
says "; 2 with demonstrations"
finish
