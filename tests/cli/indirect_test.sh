#!/usr/bin/env bash
# Workgroups for live rows alone (the path "indirect"): training, evaluation and answers have the bits that they have with all
# workgroups, and the plan has what is allocated, with it and without.
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 1
base=$SOURCE_DIR/assets/base
data=$SOURCE_DIR/assets/train.jsonl
head -n 20 "$SOURCE_DIR/assets/test.jsonl" >test.jsonl

expect 0 env VKIFT_DISABLE=indirect "$VKIFT" devices --check
prints "indirect        off: switched off by VKIFT_DISABLE"
prints "check           workgroups counted by the device: skipped: switched off by VKIFT_DISABLE"

same() { # FILE FILE
  checks=$((checks + 1)) last="$1 and $2"
  cmp "$1" "$2" || fail "other bits"
}

# A row has room for 512 tokens, of which steps of 8 short examples fill a part; few carry loss.
run() { # NAME OPTIONS…
  expect 0 vkift train --model "$base" --data "$data" --batch-size 8 --max-length 200 --micro-batch-tokens 512 --warmup-steps 0 \
    --tune off --max-steps 4 --output-dir "$@"
  expect 0 vkift plan --json --model "$base" --data "$data" --batch-size 8 --max-length 200 --micro-batch-tokens 512 --tune off \
    "${@:2}"
  cp out "$1.json"
  checks=$((checks + 1)) last="plan of $1"
  python3 - "$1" 2>"$WORK/err" <<'P' || fail "$(tail -n 1 "$WORK/err")"
import json, sys
planned = json.load(open(sys.argv[1] + ".json"))["device_bytes"]
taken = [json.loads(line)["device_bytes"] for line in open(sys.argv[1] + "/metrics.jsonl")]
assert set(taken) == {planned}, f"planned {planned} bytes, allocated {set(taken)}"
P
  expect 0 vkift eval "$1" --data test.jsonl --per-token --json
  cp out "$1.losses"
  expect 0 vkift generate "$1" --prompt "Add 2 and 3." --max-new-tokens 12
  cp out "$1.answer"
}

for how in "lora --method lora --lora-dropout 0.2" "full --method full --learning-rate 1e-3 --gradient-checkpointing on"; do
  read -r name options <<<"$how"
  # shellcheck disable=SC2086 # words on purpose
  run "$name" $options
  # shellcheck disable=SC2086
  VKIFT_DISABLE=${VKIFT_DISABLE:+$VKIFT_DISABLE,}indirect run "$name-off" $options
  same "$name.losses" "$name-off.losses"
  same "$name.answer" "$name-off.answer"
done
same lora/adapter/adapter_model.safetensors lora-off/adapter/adapter_model.safetensors
same full/model/model.safetensors full-off/model/model.safetensors

finish
