#!/usr/bin/env bash
# vkift eval by task metrics: which metric a task gets, what is written, scoring a file of answers again, a base beside a run, and
# what is refused before anything is computed.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
cd "$WORK" || exit 1
python3 "$here/tiny.py" model model || exit 1
python3 "$here/eval_tasks.py" data . || exit 1
evaluate=(vkift eval --model model --chat-template chatml --max-new-tokens 8)

# check COMMAND… — eval_tasks.py, whose complaint is the failure.
check() {
  checks=$((checks + 1))
  python3 "$here/eval_tasks.py" "$@" 2>"$WORK/difference" || fail "$(cat "$WORK/difference")"
}

# --- each task by its own metric; the answers, and what they are scored with again
expect 0 "${evaluate[@]}" --data data.jsonl --metric auto --predictions answers.jsonl --json
check metrics "$WORK/out" answers.jsonl
cp "$WORK/out" first.json
expect 0 vkift eval --score answers.jsonl --rouge-tokenizer model --json
check same first.json "$WORK/out"
expect 0 "${evaluate[@]}" --data data.jsonl --metric auto --by-task
prints "stated lengths kept: "
prints "rouge_l_tokens: tokens of model"
prints "  even"
expect 0 vkift eval --score answers.jsonl --metric chrf
prints "chrf"
expect 0 "${evaluate[@]}" --data data.jsonl --metric f1 --limit 2 --json
check limited "$WORK/out" 2

# --- likelihoods of choices are the losses of the same texts as answers
expect 0 "${evaluate[@]}" --data choices.jsonl --metric accuracy --predictions choices.answers.jsonl --json
expect 0 vkift eval --model model --chat-template chatml --data choices.each.jsonl --per-token --json
check likelihoods choices.answers.jsonl "$WORK/out"
expect 0 vkift eval --score choices.answers.jsonl --metric accuracy_norm --predictions norm.jsonl
check normalised choices.answers.jsonl norm.jsonl

# --- a run beside its base; its answers are kept in it
expect 0 vkift train --model model --chat-template chatml --data data.jsonl --max-steps 12 --batch-size 4 --learning-rate 2e-2 --output-dir run
expect 0 vkift eval run --data data.jsonl --metric auto --max-new-tokens 8 --compare-base --json
check compared "$WORK/out" run/predictions/data.jsonl
cp "$WORK/out" first.json
expect 0 vkift eval run --data data.jsonl --metric auto --max-new-tokens 8 --compare-base --json
check same first.json "$WORK/out"
expect 0 vkift eval run --data data.jsonl --metric auto --max-new-tokens 8 --compare-base
prints "difference"

# --- refused, before anything is computed
refused() { # LINE MESSAGE
  printf '%s\n' "$1" >bad.jsonl
  expect 1 "${evaluate[@]}" --data bad.jsonl --metric auto
  says "$2"
  prints_nothing
}
refused '{"text": "no prompt and no answer"}' 'bad.jsonl:1: expected an example with a prompt and an answer, to be scored by rouge_l, found none'
refused '{"prompt": "a", "completion": "b", "choices": ["c", "d"]}' 'bad.jsonl:1: expected the right answer among the choices, found "b"'
refused '{"prompt": "a", "completion": "b", "metric": "rouge"}' 'bad.jsonl:1: metric: expected one of rouge_l, rouge_l_tokens, exact_match'
refused '{"prompt": "a", "completion": "b", "references": "c"}' 'bad.jsonl:1: references: expected a list of strings, found a string "c"'
refused '{"prompt": "a", "completion": "b", "category": 3}' 'bad.jsonl:1: category: expected a string or a list of strings, found the number 3'
printf '%s\n' '{"prompt": "a", "completion": "b", "choices": ["b", "c"]}' '{"prompt": "b", "completion": "b"}' >bad.jsonl
expect 1 "${evaluate[@]}" --data bad.jsonl --metric auto
says "bad.jsonl:2: expected choices, since the task bad is scored by accuracy, found none"
expect 1 "${evaluate[@]}" --data data.jsonl --metric auto --predictions nowhere/answers.jsonl
says "nowhere/answers.jsonl: expected a file in a directory that is there"
score() { # LINE MESSAGE
  printf '%s\n' "$1" >bad.jsonl
  expect 1 vkift eval --score bad.jsonl
  says "$2"
}
score '{"prediction": "a"}' 'bad.jsonl:1: references: expected a list of right answers, found nothing'
score '{"references": ["a"]}' 'bad.jsonl:1: prediction: expected a string, found nothing'
score '{"references": ["a"], "choices": ["a", "b"], "loglikelihoods": [-1]}' 'bad.jsonl:1: loglikelihoods: expected a number for each of the choices'
score '{"prediction": "a", "references": ["да"]}' 'are not in Latin script, which ROUGE-L counts by the tokens of a tokenizer'
score '{"references": ["a"], "choices": ["a", "b"], "loglikelihoods": [-1, 1e999]}' 'bad.jsonl:1: loglikelihoods: expected finite numbers only'
score '{"references": ["a"], "loglikelihoods": []}' 'bad.jsonl:1: choices: expected a list of answers, whose loglikelihoods are given'
score '{"references": ["a"], "choices": ["a", "b"], "loglikelihoods": [-1, -2], "metric": "rouge_l"}' 'bad.jsonl:1: expected a prediction, since the task bad is scored by rouge_l, found none'
score '[]' 'bad.jsonl: '

# --- names of data do not drive the terminal
printf '%s\n' '{"prediction": "a", "references": ["a"], "cluster": "a\u001b[31mRED\u009b31m\nx"}' >names.jsonl
expect 0 vkift eval --score names.jsonl
prints 'a\x1b[31mRED\xc2\x9b31m\x0ax'

# --- a model whose weights are damaged has no likeliest choice
cp -r model damaged
python3 "$here/tiny.py" poison damaged/model.safetensors || exit 1
printf '%s\n' '{"prompt": "a", "completion": "b", "choices": ["b", "c"]}' >choices.jsonl
expect 1 vkift eval --model damaged --chat-template chatml --data choices.jsonl --metric accuracy
says "damaged: the model's output is not finite: its weights are damaged"
prints_nothing
expect 2 vkift eval --score answers.jsonl --model model
says "--score takes answers from its file"
expect 2 vkift eval --score answers.jsonl --compare-base
says "--score has no model"
expect 2 vkift eval --model model --data data.jsonl --predictions p.jsonl
says "--predictions keeps scored answers: give --metric with it"
expect 2 vkift eval --model model --data data.jsonl --metric rouge
says "--metric: expected one of none, auto, rouge_l"

finish
