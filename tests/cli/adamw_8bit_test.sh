#!/usr/bin/env bash
# --optim adamw_8bit: trains as adamw does, in less memory; with the same bits when a run is resumed.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
cd "$WORK" || exit 1

train() { # RUN OPTIONS…
  expect 0 vkift train --model "$SOURCE_DIR/assets/base" --data "$SOURCE_DIR/assets/train.jsonl" --method full --learning-rate 2e-3 \
    --batch-size 16 --micro-batch-tokens 512 --warmup-steps 0 --weight-decay 0.1 --save-steps 5 --save-total-limit 100 \
    --lr-scheduler-type constant --output-dir "$@"
}

same() {
  checks=$((checks + 1)) last="runs.py same $*"
  python3 "$here/runs.py" same "$@" 2>"$WORK/difference" || fail "$(cat "$WORK/difference")"
}

train whole --optim adamw --max-steps 25
train eighth --optim adamw_8bit --max-steps 25

# --- stopped after ten steps and gone on with
train part --optim adamw_8bit --max-steps 10
rm -r part/model
sed -i 's/^max_steps: 10$/max_steps: 25/' part/config.yaml
expect 0 vkift train --resume part
says "resumed from part/checkpoints/step-10"
same eighth part
expect 1 vkift train --resume part --optim adamw
says "the run was trained with other options"

# --- the losses stay near, and the memory is what plan says
expect 0 vkift plan --model "$SOURCE_DIR/assets/base" --method full --optim adamw_8bit --micro-batch-tokens 512 --json
checks=$((checks + 1))
python3 - <<'P' 2>"$WORK/err" || fail "$(tail -n 1 "$WORK/err")"
import json
runs = {n: [json.loads(line) for line in open(n + "/metrics.jsonl")] for n in ("whole", "eighth")}
plan = json.load(open("out"))
losses = {n: [row["loss"] for row in rows] for n, rows in runs.items()}
first, last = losses["whole"][0], sum(losses["whole"][-5:]) / 5
assert losses["eighth"][0] == first and last < 0.6 * first, losses
difference = max(abs(a - b) for a, b in zip(losses["whole"], losses["eighth"]))
assert 0 < difference < 0.05 * first, (difference, losses)
moments = 2 * 283200 * 1.15  # a byte and a share of a scale an element; padding, and small tensors in f32
assert plan["optimizer_bytes"] < moments, plan
assert plan["device_bytes"] == runs["eighth"][0]["device_bytes"] < runs["whole"][0]["device_bytes"] - 1.4 * 4 * 283200, plan
P

finish
