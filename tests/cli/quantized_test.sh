#!/usr/bin/env bash
# Weights that are quantized on the device: a run with --quantize nf4 follows one on what nf4 makes of the weights, is scored and
# exported as it was trained, and goes on; what cannot be kept so is refused.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
cd "$WORK" || exit 1
python3 "$here/quantized.py" model model && python3 "$here/quantized.py" nf4 model rounded || exit 1
python3 "$here/tiny.py" model narrow && python3 "$here/tiny.py" data data.jsonl 11 || exit 1

# check COMMAND… — lora.py, whose complaint is the failure.
check() {
  checks=$((checks + 1)) last="lora.py $*"
  python3 "$here/lora.py" "$@" 2>"$WORK/difference" || fail "$(tail -n 1 "$WORK/difference")"
}

# keeps COMMAND… — quantized.py's, likewise.
keeps() {
  checks=$((checks + 1)) last="quantized.py $*"
  python3 "$here/quantized.py" "$@" 2>"$WORK/difference" || fail "$(tail -n 1 "$WORK/difference")"
}

train() { # RUN MODEL OPTIONS…
  expect 0 vkift train --model "$2" --data data.jsonl --chat-template chatml --batch-size 4 --max-steps 10 --warmup-steps 0 \
    --learning-rate 1e-2 --save-steps 5 --output-dir "$1" "${@:3}"
}

# eval_tokens FILE OPTIONS…
eval_tokens() {
  expect 0 vkift eval --data data.jsonl --chat-template chatml --per-token --json "${@:2}"
  cp "$WORK/out" "$1"
}

# --- ten steps, beside the quantized weights and beside their values
train kept model --quantize nf4
train wide rounded
check metrics wide/metrics.jsonl kept/metrics.jsonl
train other model
checks=$((checks + 1))
python3 "$here/lora.py" metrics other/metrics.jsonl kept/metrics.jsonl 2>/dev/null && fail "quantizing changed nothing"
checks=$((checks + 1))
grep -q '^quantize: nf4$' kept/config.yaml || fail "config.yaml does not say nf4"
checks=$((checks + 1))
python3 - <<'P' 2>"$WORK/err" || fail "$(tail -n 1 "$WORK/err")"
import json
wide, kept = (json.load(open(run + "/run.json"))["memory"]["frozen_bytes"] for run in ("wide", "kept"))
linear = 2 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 64 * 128)  # of two layers, in 36 bytes for 64 instead of 256
assert abs(wide - kept - linear * (256 - 36) / 64) < 4096, (wide, kept)
P

# --- a run is scored and merged as it was trained, and goes on from a checkpoint
eval_tokens kept.out kept
eval_tokens wide.out wide
check losses wide.out kept.out
expect 0 vkift export --merge kept --output-dir merged
eval_tokens merged.out --model merged
check losses kept.out merged.out
eval_tokens unlike.out --model model --adapter kept/adapter
check losses kept.out unlike.out differ
cp -r kept resumed
rm -r resumed/checkpoints/step-10 resumed/adapter
expect 0 vkift train --resume resumed
check metrics kept/metrics.jsonl resumed/metrics.jsonl

# --- double quantization: a little less memory, other weights by a little, and merged as trained
train double model --quantize nf4 --double-quantization
eval_tokens double.out double
check losses kept.out double.out differ
expect 0 vkift export --merge double --output-dir double-merged
eval_tokens merged.out --model double-merged
check losses double.out merged.out

# --- what trains beside frozen weights is never quantized: a run is scored and merged as it ended
train part model --quantize nf4 --method freeze --trainable-layers 1 --eval-data data.jsonl --allow-leakage --eval-steps 10
expect 0 vkift export --merge part --output-dir part-merged
for source in part "--model part-merged"; do
  # shellcheck disable=SC2086 # two words
  expect 0 vkift eval $source --data data.jsonl --chat-template chatml --json
  keeps ended part/metrics.jsonl out
done

# A shape that nf4 could not have is none of its business where it trains; nor has a classifier's head a type of the file's.
python3 "$here/quantized.py" model odd 100 || exit 1
train odd-run odd --quantize nf4 --method freeze --trainable down_proj --max-steps 1
expect 0 vkift export --model model --format gguf --dtype q8_0 --output-dir blocks
printf '{"text": "%s", "label": "%s"}\n' one odd two even three odd four even >labels.jsonl
expect 0 vkift train --model blocks/model.gguf --weight-dtype q8_0 --objective classify --data labels.jsonl --max-steps 1 --output-dir labelled

# --- leave-one-cluster-out: the base answers with the weights that the tuned model has
python3 "$here/crossval.py" data tasks.jsonl || exit 1
expect 0 vkift crossval --model model --data tasks.jsonl --chat-template chatml --quantize nf4 --learning-rate 1e-12 --max-steps 1 \
  --metric rouge_l --eval-examples-per-task 6 --max-new-tokens 12 --folds order --output-dir folds
keeps alike folds/predictions/order.jsonl

# --- refused, before anything is trained
refused() { # MESSAGE OPTIONS…
  expect 1 vkift train --data data.jsonl --chat-template chatml --max-steps 1 --output-dir refused "${@:2}"
  says "$1"
  checks=$((checks + 1))
  [ ! -e refused/metrics.jsonl ] || fail "a step was taken"
  rm -rf refused
}
refused "q_proj.weight: expected rows in blocks of 64 elements, as nf4 has, found the shape [12, 20]" --model narrow --quantize nf4
cp -r model poisoned && python3 "$here/quantized.py" poison poisoned model.layers.1.mlp.up_proj.weight || exit 1
refused "tensor model.layers.1.mlp.up_proj.weight: element 70: expected a finite number, of which nf4 is made, found nan" \
  --model poisoned --quantize nf4
refused "down_proj.weight: expected rows in blocks of 64 elements, as nf4 has, found the shape [64, 100]" --model odd --quantize nf4
refused "expected q8_0, as weight_dtype says, found f32: auto keeps each tensor as the file has it" --model model --weight-dtype q8_0
refused "expected rows in blocks of 256 elements, as q6_k has, found the shape [262, 64]" --model model --weight-dtype q6_k
expect 2 vkift train --model model --data data.jsonl --quantize nf4 --method full
says "quantize and method full contradict each other"
expect 2 vkift train --model model --data data.jsonl --double-quantization
says "double_quantization needs quantize nf4"
expect 2 vkift train --model model --data data.jsonl --quantize int4
says "nf4"
expect 2 vkift train --model model --data data.jsonl --load-in-4bit
says "quantize"
expect 2 vkift eval --model model --data data.jsonl --weight-dtype q4_k
says "auto, f32, f16"

finish
