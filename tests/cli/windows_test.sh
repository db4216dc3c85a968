#!/usr/bin/env bash
# A device whose bindings and allocations are smaller than an activation or a weight: the same losses and gradients.
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 1
base=$SOURCE_DIR/assets/base
data=$SOURCE_DIR/assets/train.jsonl

# The MLP of the embedded model is 176 wide: 512 rows of it are 360,448 bytes, its embedding 327,680.
train() { # RUN OPTIONS…
  expect 0 vkift train --model "$base" --data "$data" --batch-size 24 --max-length 200 --micro-batch-tokens 512 --warmup-steps 0 \
    --max-steps 3 --log-tensor-norms --output-dir "$@"
}

# near RUN RUN — losses and every gradient's norm.
near() {
  checks=$((checks + 1)) last="near $*"
  python3 - "$@" 2>"$WORK/err" <<'P' || fail "$(tail -n 1 "$WORK/err")"
import json, sys
a, b = ([json.loads(line) for line in open(run + "/metrics.jsonl")] for run in sys.argv[1:3])
assert len(a) == len(b) == 3
worst = 0
for x, y in zip(a, b):
    pairs = [(x["loss"], y["loss"]), (x["grad_norm"], y["grad_norm"])]
    pairs += [(x["tensor_norms"][k], y["tensor_norms"][k]) for k in x["tensor_norms"]]
    for p, q in pairs:
        worst = max(worst, abs(p - q) / max(abs(p), 1e-6))
print(f"{sys.argv[2]}: relative difference at most {worst:.1e}")
assert worst <= 5e-5, f"{sys.argv[1:]}: {worst}"
P
}

limits=max_binding_bytes=262144,max_chunk_bytes=3000000
for how in "lora --method lora --lora-dropout 0.2 --gradient-checkpointing off" \
  "again --method lora --use-dora --neftune-noise-alpha 5 --lora-dropout 0.2 --gradient-checkpointing on --checkpointing-group 2" \
  "full --method full --learning-rate 1e-3 --gradient-checkpointing off" \
  "eighth --method full --learning-rate 1e-3 --gradient-checkpointing on --checkpointing-layers 3 --optim adamw_8bit"; do
  read -r run options <<<"$how"
  # shellcheck disable=SC2086 # words on purpose
  train "$run" $options
  # shellcheck disable=SC2086
  VKIFT_DEVICE_PROFILE=${VKIFT_DEVICE_PROFILE:+$VKIFT_DEVICE_PROFILE,}$limits train "$run-small" $options
  near "$run" "$run-small"
done

# --- a weight that no allocation can hold lies in pieces
short() { # RUN OPTIONS…
  train "$@" --max-length 48 --micro-batch-tokens 48 --lora-r 4
}
short pieces --use-dora
VKIFT_DEVICE_PROFILE=${VKIFT_DEVICE_PROFILE:+$VKIFT_DEVICE_PROFILE,}max_chunk_bytes=300000 short pieces-small --use-dora
near pieces pieces-small
VKIFT_DEVICE_PROFILE=${VKIFT_DEVICE_PROFILE:+$VKIFT_DEVICE_PROFILE,}max_chunk_bytes=300000,max_binding_bytes=70000 short pieces-windows --use-dora
near pieces pieces-windows
for optim in adamw adamw_8bit; do
  short "$optim" --method full --learning-rate 1e-3 --optim "$optim"
  VKIFT_DEVICE_PROFILE=${VKIFT_DEVICE_PROFILE:+$VKIFT_DEVICE_PROFILE,}max_chunk_bytes=300000,max_binding_bytes=70000 \
    short "$optim-small" --method full --learning-rate 1e-3 --optim "$optim" --save-steps 2
  near "$optim" "$optim-small"
  cp -r "$optim-small" again-from-2
  rm -r again-from-2/checkpoints/step-3 again-from-2/model
  VKIFT_DEVICE_PROFILE=${VKIFT_DEVICE_PROFILE:+$VKIFT_DEVICE_PROFILE,}max_chunk_bytes=300000,max_binding_bytes=70000 \
    expect 0 vkift train --resume again-from-2
  checks=$((checks + 1))
  cmp "$optim-small/model/model.safetensors" again-from-2/model/model.safetensors || fail "another model after resuming from pieces"
  rm -r again-from-2
done
for profile in "" max_chunk_bytes=300000; do
  VKIFT_DEVICE_PROFILE=$profile expect 0 vkift generate --model "$base" --raw --prompt "the" --max-new-tokens 8
  cp out "answer$profile"
done
checks=$((checks + 1))
cmp -s answer answermax_chunk_bytes=300000 || fail "another answer where the head lies in pieces"

# --- what one row needs of a binding whole is still said
export VKIFT_DEVICE_PROFILE=max_binding_bytes=65536
expect 1 vkift train --model "$base" --data "$data" --micro-batch-tokens 512 --output-dir too-long
says "--micro-batch-tokens: expected at most 128 on this device"
expect 0 vkift train --model "$base" --data "$data" --max-length 128 --micro-batch-tokens 128 --max-steps 1 --output-dir short

finish
