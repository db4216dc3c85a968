#!/usr/bin/env bash
# DoRA in PEFT's files, merged, gone on from, asked and planned; with NEFTune beside it, which evaluation does not see.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" && python3 "$here/tiny.py" data "$WORK/data.jsonl" 11 || exit 1
cd "$WORK" || exit 1

check() { # SCRIPT ARGUMENTS…
  checks=$((checks + 1)) last="$*"
  python3 "$here/$1" "${@:2}" 2>"$WORK/difference" || fail "$(tail -n 1 "$WORK/difference")"
}

options=(--data data.jsonl --chat-template chatml --batch-size 4 --warmup-steps 0 --learning-rate 3e-2 --lora-r 3 --use-dora)
train() { # RUN OPTIONS…
  expect 0 vkift train --model model "${options[@]}" --max-steps 4 --save-steps 1 --save-total-limit 100 --output-dir "$@"
}
score() { # FILE OPTIONS…
  expect 0 vkift eval --data data.jsonl --chat-template chatml --per-token --json "${@:2}"
  cp "$WORK/out" "$1"
}

# --- what is written, what it begins with, and what it makes of the model
train all
check dora.py files all model
check dora.py fresh all model
score base.out --model model
score run.out all
check lora.py losses base.out run.out differ
score adapter.out --model model --adapter all/adapter
check lora.py losses run.out adapter.out
expect 0 vkift export --merge all --output-dir merged
check dora.py merged model all/adapter merged
score merged.out --model merged
check lora.py losses run.out merged.out
expect 0 vkift generate all --prompt "the red" --max-new-tokens 12
cp out answer
expect 0 vkift generate --model merged --prompt "the red" --max-new-tokens 12
checks=$((checks + 1))
cmp -s out answer || fail "the merged model has another answer"

# --- 16-bit weights, whose lengths are those of the rounded values: a fresh adapter changes nothing
train fresh --weight-dtype bf16 --learning-rate 1e-12 --max-steps 1
score fresh.out fresh
score base-bf16.out --model model --weight-dtype bf16
check lora.py losses base-bf16.out fresh.out

# --- a run that was stopped has the same bits; so has one whose layers are computed again
everything=(--lora-dropout 0.2 --neftune-noise-alpha 10 --lr-scheduler-type constant --micro-batch-tokens 256)
train once "${everything[@]}"
train half "${everything[@]}" --max-steps 2
expect 0 vkift train --resume half --max-steps 4
train again "${everything[@]}" --gradient-checkpointing on --checkpointing-group 2
for run in half again; do
  checks=$((checks + 1))
  cmp -s once/adapter/adapter_model.safetensors $run/adapter/adapter_model.safetensors || fail "$run has other weights"
done
# The same in other rows.
train packed "${everything[@]}" --micro-batch-tokens 128
check dora.py near once packed

# --- NEFTune changes training, not evaluation
train plain --lr-scheduler-type constant --lora-dropout 0.2 --micro-batch-tokens 256
check dora.py apart once plain
train still --learning-rate 1e-12 --max-steps 1 --neftune-noise-alpha 1000
score still.out still
check lora.py losses base.out still.out

# --- going on from an adapter; planning
train more --adapter all/adapter --lora-r 16 --learning-rate 1e-12
checks=$((checks + 1))
{ grep -qx 'use_dora: true' more/config.yaml && grep -qx 'lora_r: 3' more/config.yaml; } || fail "expected the adapter's form in config.yaml"
score more.out more
check lora.py losses run.out more.out
expect 0 vkift plan --model model "${options[@]}" --micro-batch-tokens 256 --json
cp out plan.json
train planned --micro-batch-tokens 256
check dora.py planned plan.json planned

# --- adapters that do not fit, before the first step
refused() { # MESSAGE ADAPTER
  expect 1 vkift train --model model --data data.jsonl --chat-template chatml --adapter "$2" --output-dir refused
  says "$1"
  checks=$((checks + 1))
  [ ! -e refused ] || fail "expected nothing to be written"
}
name=base_model.model.model.layers.1.mlp.up_proj
for fault in missing longer matrix left_over other_base integer; do
  cp -r all/adapter $fault
  check dora.py spoil $fault/adapter_model.safetensors $fault $name.lora_magnitude_vector
done
refused "tensor $name.lora_magnitude_vector: expected by the adapter's configuration, found none of that name" missing
expect 1 vkift generate --model model --adapter missing --prompt x
says "tensor $name.lora_magnitude_vector: expected by the adapter's configuration, found none of that name"
refused "tensor $name.lora_magnitude_vector: expected shape [27] for this model, found [28]" longer
refused "tensor $name.lora_magnitude_vector: expected shape [27] for this model, found [27, 1]" matrix
refused "tensor $name.lora_magnitude_vector.weight: belongs to no target module of this model" left_over
refused "lora_A.weight: expected shape [3, 20] for this model, found [3, 21]" other_base
refused "tensor $name.lora_magnitude_vector: expected a float type, found i32" integer
cp -r all/adapter no-dora && python3 "$here/tiny.py" set no-dora/adapter_config.json use_dora false
refused "lora_magnitude_vector: belongs to no target module of this model" no-dora
cp -r all/adapter modules && python3 "$here/tiny.py" set modules/adapter_config.json target_modules '["q_proj", "c_attn"]'
refused 'target_modules: expected linear layers of the model' modules
cp -r all/adapter both && python3 "$here/tiny.py" set both/adapter_config.json modules_to_save '["q_proj"]'
refused 'target_modules and modules_to_save contradict each other: both name q_proj' both
cp -r all/adapter rank && python3 "$here/tiny.py" set rank/adapter_config.json r 4
refused 'lora_A.weight: expected shape [4, 20] for this model, found [3, 20]' rank
finish
