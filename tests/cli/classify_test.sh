#!/usr/bin/env bash
# --objective classify: head, LoRA and full training, what they write, and that all of it is the same classifier again; resuming;
# going on from classifiers; evaluation. What is refused: classify_bad_test.sh.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" && python3 "$here/classify.py" data "$WORK/data.jsonl" 36 &&
  python3 "$here/classify.py" data "$WORK/test.jsonl" 12 || exit 1
cd "$WORK" || exit 1

check() { # FUNCTION ARGUMENTS…
  checks=$((checks + 1)) last="$*"
  python3 "$here/classify.py" "$@" 2>"$WORK/difference" || fail "$(tail -n 1 "$WORK/difference")"
}

train() { # RUN OPTIONS…
  expect 0 vkift train --model model --data data.jsonl --objective classify --batch-size 12 --max-steps 6 --warmup-steps 0 \
    --lr-scheduler-type constant --learning-rate 1e-2 --allow-leakage --output-dir "$@"
}

score() { # FILE OPTIONS…
  expect 0 vkift eval --data test.jsonl --json "${@:2}"
  cp out "$1"
}

for method in head lora full; do
  train $method --method $method --eval-data test.jsonl
  says 'labels "ball" 12, "fox" 12, "sun" 12; 12 examples to evaluate on'
  says 'accuracy'
  grep -q 'generate' out && fail "a classifier writes no text"
  grep -q 'labels: \["ball", "fox", "sun"\]' $method/config.yaml || fail "expected the labels in config.yaml"
  grep -q '"eval_accuracy": ' $method/metrics.jsonl || fail "expected eval_accuracy in metrics.jsonl"
  score $method.json $method
  check score $method.json 0
  check predictions $method/predictions/test.jsonl
  # A resumed run has the bits of one that was not stopped.
  train half --method $method --eval-data test.jsonl --max-steps 3
  expect 0 vkift train --resume half --max-steps 6
  checks=$((checks + 1))
  for file in model/model.safetensors adapter/adapter_model.safetensors; do
    [ ! -e $method/$file ] || cmp -s $method/$file half/$file || fail "a resumed run has another $file"
  done
  rm -rf half
  expect 0 vkift report $method
  expect 0 vkift generate $method --help
  expect 1 vkift generate $method --prompt hi
  says "$method: this is a classifier with the labels \"ball\", \"fox\", \"sun\": it says which label a text has, and writes none"
done
check model head/model model all
check model full/model model none
check adapter lora/adapter model
score head-model.json --model head/model
check same head.json head-model.json
score adapter.json --model model --adapter lora/adapter
check same lora.json adapter.json
expect 0 vkift export --merge lora --output-dir merged
prints 'vkift eval --model merged --data FILE'
check model merged model but_projections
check merged merged lora/adapter
score merged.json --model merged
check same lora.json merged.json
# As PEFT writes an adapter: the labels have to be given.
cp -r lora/adapter peft && check peft peft
score peft.json --model model --adapter peft --labels ball,fox,sun
check same lora.json peft.json
expect 1 vkift eval --model model --adapter peft --data test.jsonl
says 'peft: this is an adapter of a classifier, and no labels.json is beside it: give its labels in order (--labels)'
expect 0 vkift export lora --format peft --output-dir exported
prints 'vkift eval --model BASE --adapter exported --data FILE'
score exported.json --model model --adapter exported
check same lora.json exported.json
for format in gguf gguf-adapter; do
  expect 1 vkift export lora --format $format --output-dir none
  says 'model: this is a classifier, whose head has no place in GGUF: --format hf and peft write it'
done
# What PEFT wrote is gone on from, and its config.yaml repeats the run.
expect 0 vkift train --model model --adapter peft --labels ball,fox,sun --data data.jsonl --objective classify --max-steps 1 \
  --output-dir from-peft
expect 0 vkift train --config from-peft/config.yaml --output-dir from-peft-again
checks=$((checks + 1))
cmp -s from-peft/adapter/adapter_model.safetensors from-peft-again/adapter/adapter_model.safetensors || fail "config.yaml makes another run"
# Kept answers are scored again without the model.
expect 0 vkift eval --score lora/predictions/test.jsonl --metric auto --json
prints '"metric": "accuracy"'

# It learns.
train learned --method full --learning-rate 3e-3 --head-learning-rate 3e-2 --max-steps 40
score learned.json learned
check score learned.json 90
expect 0 vkift report learned --markdown
prints '| right label | ball | fox | sun |'
prints '| fox | 0 | 4 | 0 |'
expect 0 vkift eval learned --data test.jsonl
prints 'accuracy'
prints 'macro F1'
prints 'right  given:'

# Training goes on from a classifier, with its labels in its order, and from an adapter.
expect 0 vkift train --model learned/model --data data.jsonl --objective classify --method lora --learning-rate 1e-12 --max-steps 1 \
  --output-dir further --labels ball,fox,sun
score further.json further
check same learned.json further.json
expect 0 vkift train --model model --adapter lora/adapter --data data.jsonl --objective classify --learning-rate 1e-12 --max-steps 1 \
  --output-dir again
score again.json again
check same lora.json again.json
cp -r merged unnamed && check relabel unnamed 3
expect 0 vkift train --model unnamed --data data.jsonl --objective classify --method head --max-steps 1 --output-dir named
grep -q 'labels: \["ball", "fox", "sun"\]' named/config.yaml || fail "expected names for the labels of a head without"
expect 0 vkift eval further --data test.jsonl --compare-base
prints 'before: loss'
# The order that is given, weights by label, pairs of texts in a table, and numbers as labels.
train ordered --method head --labels sun,fox,ball --class-weights 1,2,0.5 --max-steps 1
grep -q 'labels: \["sun", "fox", "ball"\]' ordered/config.yaml || fail "expected the labels in the order given"
train balanced --method head --class-weights balanced --max-steps 1
printf 'sentence1\tsentence2\tlabel\nthe fox\tran\t1\na hill\tslept\t0\nthe sun\tran\t1\n' >pairs.tsv
expect 0 vkift train --model model --data pairs.tsv --objective classify --method head --max-steps 1 --output-dir pairs
says 'labels "0" 1, "1" 2'
expect 0 vkift data show pairs
prints '[[1]]'
expect 0 vkift data check pairs
expect 0 vkift plan --model model --objective classify --method head --vram 1GiB
prints 'trained 40'
expect 0 vkift plan --config lora/config.yaml --vram 1GiB
# More labels than tokens.
python3 -c 'for i in range(300): print(f"{{\"text\": \"text {i}\", \"label\": \"label {i}\"}}")' >many.jsonl
expect 0 vkift train --model model --data many.jsonl --objective classify --max-steps 1 --output-dir many
grep -q '"text": "label ' many/data.json || fail "expected a label among the samples"
expect 0 vkift data show many --index 290
prints 'label '
expect 0 vkift eval many --data many.jsonl
prints 'macro F1'
# Other families: Gemma 2's soft cap is not the head's, and a text as long as GPT-2's context is read whole. Padding is by the
# tokenizer's token, else by that of config.json.
python3 "$here/classify.py" long long.jsonl
for family in gemma2 gpt2; do
  python3 "$here/tiny.py" model $family $family
  [ $family != gpt2 ] || echo '{"pad_token": {"content": "<|endoftext|>"}, "eos_token": "<|im_end|>"}' >gpt2/tokenizer_config.json
  options=(--model "$family" --data long.jsonl --objective classify --method full --batch-size 1)
  expect 0 vkift train "${options[@]}" --learning-rate 0.1 --max-steps 3 --warmup-steps 0 --output-dir $family-run
  [ $family != gpt2 ] || says '; 1 cut to 64 tokens'
  expect 0 vkift eval $family-run --data long.jsonl --json && cp out run.json
  expect 0 vkift eval --model $family-run/model --data long.jsonl --json && cp out model.json
  check same run.json model.json
done
expect 0 vkift plan "${options[@]}" --json && cp out plan.json
check planned plan.json gpt2-run
check padding head/model 261
check padding gpt2-run/model 259
check padding gemma2-run/model 260
check spread gemma2-run/predictions/long.jsonl 3.1 # the cap would leave 1.5 and −1.5
# Quantized weights, and the new head beside them.
python3 "$here/classify.py" blocks blocks
expect 0 vkift export --model blocks --format gguf --dtype q8_0 --output-dir blocks-gguf
expect 0 vkift train --model blocks-gguf/model.gguf --weight-dtype q8_0 --data data.jsonl --objective classify --max-steps 1 \
  --output-dir blocks-run
# A model whose weights are no numbers says nothing.
cp -r full/model poisoned && python3 "$here/tiny.py" poison poisoned/model.safetensors
expect 1 vkift eval --model poisoned --data test.jsonl
says 'test.jsonl:1: expected a likelihood for each choice, found none that is a number'
# Nor do names of labels drive a terminal.
printf '{"text": "a", "label": "x\\u001b[2J"}\n{"text": "b", "label": "y"}\n' >escapes.jsonl
expect 0 vkift train --model model --data escapes.jsonl --objective classify --method head --max-steps 1 --output-dir escapes
expect 0 vkift eval escapes --data escapes.jsonl
prints 'x\x1b[2J'
finish
