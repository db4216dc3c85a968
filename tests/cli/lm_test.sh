#!/usr/bin/env bash
# Continued pretraining: texts joined and cut, held-out text scored while training, texts beside conversations.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" && python3 "$here/tiny.py" data "$WORK/data.jsonl" 10 &&
  python3 "$here/lm.py" texts "$WORK/texts.jsonl" 30 || exit 1
cd "$WORK" || exit 1
tail -n 10 texts.jsonl >held.jsonl
{ head -n 20 texts.jsonl && head -n 1 texts.jsonl && tail -n 2 texts.jsonl; } >train.jsonl

check() { # PROGRAM ARGUMENTS… — whose complaint is the failure
  checks=$((checks + 1)) last=$*
  python3 "$here/$1" "${@:2}" 2>difference || fail "$(cat difference)"
}

# --- joined, an EOS between them, and cut at --max-length
show=(data show --model model --data texts.jsonl --max-length 48 --count 1000 --json)
expect 0 vkift "${show[@]}" --objective lm --join-documents off --max-length 500
mv out apart.json
expect 0 vkift "${show[@]}" --objective lm
check lm.py joined out apart.json 48
expect 0 vkift "${show[@]}" --objective sft --join-documents on
check lm.py joined out apart.json 48
expect 0 vkift "${show[@]}" --max-length 500
checks=$((checks + 1))
cmp -s out apart.json || fail "expected each text to be an example where nothing else was asked for"

# --- trained; held-out text is scored, joined too
lm=(--model model --method full --objective lm --data train.jsonl --eval-data held.jsonl --max-length 64 --batch-size 4 --max-steps 6
  --eval-steps 2 --save-steps 2 --save-total-limit 100 --learning-rate 1e-2)
expect 0 vkift train "${lm[@]}" --output-dir whole
says "perplexity "
says "1 exact duplicates left out; 2 left out whose prompt is in the evaluation data"
check lm.py evals whole/metrics.jsonl
cp -r whole stopped && rm -r stopped/checkpoints/step-[46] stopped/model
expect 0 vkift train --resume stopped
check runs.py same whole stopped
expect 0 vkift eval whole
prints "perplexity"
expect 0 vkift eval whole --data held.jsonl --objective lm --max-length 500 --json --per-token
checks=$((checks + 1))
[ "$(wc -l <out)" -eq 10 ] || fail "expected each text to be scored by itself"

expect 0 vkift data check --model model --objective lm --data train.jsonl --eval-data held.jsonl
prints "1 example is there already; a run leaves it out"
prints "2 examples have a prompt of the evaluation data; a run leaves them out"
expect 1 vkift train "${lm[@]}" --eval-data train.jsonl --output-dir no
says "train.jsonl: no text is left: 22 are in the evaluation data too (--allow-leakage keeps them), 1 are there already"

# --- texts beside conversations, by weights: loss on every token of the one, on the answers of the other
mixed=(--model model --chat-template chatml --data texts.jsonl --data data.jsonl --join-documents on --max-length 100)
expect 0 vkift data show "${mixed[@]}" --count 1000 --json
check lm.py mixed out
texts=$(grep -c 'texts.jsonl' out)
expect 0 vkift train "${mixed[@]}" --data data.jsonl:2 --max-steps 2 --no-drop-duplicates --output-dir mixed
check lm.py counts mixed $((texts + 10 + 20))

# --- usage
expect 2 vkift train "${lm[@]}" --join-documents on --excess-length drop --output-dir no
says "join_documents and excess_length drop contradict each other"
expect 0 vkift data show "${show[@]:2}" --objective lm --excess-length error --max-length 500
checks=$((checks + 1))
[ "$(wc -l <out)" -eq 30 ] || fail "expected each text to be an example"

finish
