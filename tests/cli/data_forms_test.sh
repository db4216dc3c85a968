#!/usr/bin/env bash
# Forms of data and mixtures as a user meets them: task files, end markers, duplicates, leakage, limits and caps.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" || exit 1
cd "$WORK" || exit 1

train() { # RUN DATA OPTIONS…
  rm -rf run
  expect "$1" vkift train --model model --chat-template chatml --batch-size 4 --max-steps 2 --output-dir run --data "${@:2}"
}

row() { printf '{"prompt": "%s", "completion": "%s"}\n' "$1" "$2"; }

# --- duplicates, near duplicates, leakage
{ row a 1; row b 2; row a 1; row a 3; row c 4; } >data.jsonl
{ row c 9; row d 5; } >eval.jsonl
train 0 data.jsonl
says "4 examples"
says "1 exact duplicates left out"
train 0 data.jsonl --no-drop-duplicates
says "5 examples"
train 0 data.jsonl --eval-data eval.jsonl
says "3 examples"
says "1 left out whose prompt is in the evaluation data (--allow-leakage)"
train 0 data.jsonl --eval-data eval.jsonl --allow-leakage
says "4 examples"
train 1 data.jsonl --eval-data data.jsonl
says "data.jsonl: the prompts of all 4 examples are in the evaluation data too (--allow-leakage keeps them)"
for i in 1 2; do row "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen" "yes $i"; done >near.jsonl
train 0 near.jsonl
says "1 are much like an earlier one (the first: near.jsonl:2, like near.jsonl:1)"

# --- weights come after duplicates; limits and caps
train 0 data.jsonl:3 --data eval.jsonl
says "14 examples"
for i in 1 2 3 4 5 6 7 8 9 10; do row "p$i" "$i"; done >ten.jsonl
train 0 ten.jsonl:0.5
says "5 examples"
train 0 ten.jsonl:1.5
says "15 examples"
mkdir -p both && cp ten.jsonl both/train.jsonl && cp eval.jsonl both/valid.jsonl
train 0 both
says "its valid.jsonl is not used: --eval-data both scores it"
expect 0 vkift data convert run --to messages --output of-run.jsonl
prints_line "10 rows in of-run.jsonl"
train 0 both --eval-data both
says "2 examples to evaluate on"
train 0 data.jsonl --max-examples-per-task 3
says "3 examples"
says "1 left out by --max-examples-per-task"
train 0 data.jsonl --mixing-cap 2
grep -q '"epoch":2' run/metrics.jsonl || grep -q '"epoch": 2' run/metrics.jsonl || fail "expected an epoch of two examples, a step each"

# --- end markers
{ row a 'x<|endoftext|>'; row b 'y<|endoftext|>'; } >marked.jsonl
expect 0 vkift eval --model model --data marked.jsonl --chat-template chatml --json --per-token
with=$(grep -c '"index"' "$WORK/out")
tokens=$(head -n 1 "$WORK/out" | tr -cd , | wc -c)
expect 0 vkift eval --model model --data marked.jsonl --chat-template chatml --json --per-token --strip-suffix '<|endoftext|>'
[ "$with" -eq "$(grep -c '"index"' "$WORK/out")" ] || fail "expected as many examples"
[ "$tokens" -gt "$(head -n 1 "$WORK/out" | tr -cd , | wc -c)" ] || fail "expected fewer tokens without the end marker"

expect 0 vkift data check --model model --data marked.jsonl --chat-template chatml
prints "2 answers end in a literal marker"
prints "--strip-suffix '<|endoftext|>'"
expect 0 vkift data check --model model --data marked.jsonl --chat-template chatml --strip-suffix '<|endoftext|>'
! grep -q marker "$WORK/out" || fail "expected no marker that is left"

# --- task files: one, a directory, a list, the official layout
mkdir -p ni/tasks ni/splits/default
for t in 1 2; do
  printf '{\n "Definition": ["Say %s"],\n "Positive Examples": [{"input": "p", "output": "q"}],\n "Negative Examples": [],\n' "$t"
  printf ' "Categories": ["C"],\n "Instances": [{"input": "a", "output": ["x"]},\n {"input": "b", "output": ["y"]}]\n}\n'
done | csplit -s -f ni/tasks/task -b %d_say.json - '/^{$/' '{1}' && rm ni/tasks/task0_say.json
printf 'task1_say\n' >ni/splits/default/train_tasks.txt
printf 'task2_say\ntask3_gone\n' >ni/splits/default/test_tasks.txt
train 0 ni/tasks/task1_say.json
says "2 examples"
train 0 ni/tasks --num-pos-examples 1 --add-explanation
says "4 examples"
train 0 ni --eval-data ni/splits/default/test_tasks.txt
says "2 examples"
says "; 2 examples to evaluate on"
expect 0 vkift eval run --data ni
prints "loss"
expect 0 vkift data show --model model --data ni/tasks --chat-template chatml --num-pos-examples 0
prints "Now complete the following example -"
train 1 ni --data-format alpaca
says "instruction: expected a string, found nothing"
printf '../../etc\n' >bad.txt
train 1 bad.txt
says "bad.txt:1: expected the name of a task"
expect 2 vkift train --model model --data ni --data-format superno
says "superni"
finish
