#!/usr/bin/env bash
# A real model against numbers that another program computed in float64: losses of every token from each file form, each
# tensor's gradient, and 20 optimizer steps.
. "$(dirname "$0")/lib.sh"
need_shared_data
here=$SOURCE_DIR/tests/cli
model=$DATA/models/stories260K
golden=$DATA/golden/model/stories260K.json
python3 "$here/golden.py" data "$golden" "$WORK" || exit 1

# compare COMMAND… — golden.py, whose complaint is the failure.
compare() {
  checks=$((checks + 1))
  python3 "$here/golden.py" "$1" "$golden" "${@:2}" 2>"$WORK/difference" || fail "$(cat "$WORK/difference")"
}

# --- losses, from both file forms and all types of weights
expect 0 vkift eval --model "$model/hf" --data "$WORK/lm.jsonl" --per-token --json
compare losses hf "$WORK/out"
for form in f32 f16 q8_0 q4_0; do
  expect 0 vkift eval --model "$model/gguf/stories260K.$form.gguf" --data "$WORK/lm.jsonl" --per-token --json
  compare losses "$form" "$WORK/out"
done

train() { # RUN OPTIONS…
  expect 0 vkift train --model "$model/hf" --data "$WORK/sft.jsonl" --method full --lr-scheduler-type constant --warmup-steps 0 \
    --no-shuffle --save-steps 1000 --output-dir "$WORK/$1" "${@:2}"
}

# --- gradients of one example a step, tensor by tensor; the learning rate is too small to change a bit of a weight
train pairs --batch-size 1 --max-steps 4 --learning-rate 1e-30 --log-tensor-norms
compare gradients "$WORK/pairs/metrics.jsonl"

# --- optimizer steps, with weight decay and clipping
train steps --learning-rate 1e-3 --batch-size 4 --max-steps 20 --weight-decay 0.01
compare steps "$WORK/steps/metrics.jsonl"

finish
