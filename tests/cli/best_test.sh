#!/usr/bin/env bash
# The weights of the least evaluation loss are kept, and a run ends early where that loss no longer falls.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" && python3 "$here/tiny.py" data "$WORK/data.jsonl" 40 || exit 1
cd "$WORK" || exit 1

# A rate at which so small a set is soon learned by heart: the loss on what is held out falls, then rises.
options=(--model model --method full --data data.jsonl --chat-template chatml --eval-split 0.4 --batch-size 6 --max-steps 30
  --eval-steps 2 --save-steps 100 --save-total-limit 1 --learning-rate 3e-2 --lr-scheduler-type constant)

# Prints the step of the least evaluation loss in a run's metrics.
least() {
  python3 - "$1/metrics.jsonl" <<'EOF'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
evals = [(row["eval_loss"], row["step"]) for row in rows if "eval_loss" in row]
print(min(evals)[1], max(step for _, step in evals))
EOF
}

# The result of a run has the weights of a checkpoint.
has_weights_of() { # RUN STEP
  checks=$((checks + 1)) last="$1 has the weights of step $2"
  python3 - "$here" "$1/model/model.safetensors" "$1/checkpoints/step-$2/state.safetensors" <<'EOF' || fail "other weights"
import sys
sys.path.insert(0, sys.argv[1])
from tiny import read_safetensors
result, state = read_safetensors(sys.argv[2])[0], read_safetensors(sys.argv[3])[0]
wrong = [name for name, (_, _, values) in result.items() if state[name + ".weight"][2] != values]
sys.exit(f"other values: {wrong}" if wrong or len(result) * 3 != len(state) else 0)
EOF
}

expect 0 vkift train "${options[@]}" --output-dir best --load-best-model-at-end --json
read -r step last_step < <(least best)
checks=$((checks + 2))
if [ "$step" -ge 30 ] || [ "$last_step" -ne 30 ]; then fail "expected the least loss before the end, found step $step of $last_step"; fi
says "the weights of step $step are kept"
prints "\"best_step\": $step,"
has_weights_of best "$step"

expect 0 vkift train "${options[@]}" --output-dir last
has_weights_of last 30

# --- asked for only when the run goes on, so that the best checkpoint is gone; or that one is damaged
expect 0 vkift train --resume last --max-steps 32 --load-best-model-at-end
says "cannot be used"
says "is looked for anew from step 30 on"
has_weights_of last 32
printf x >>"best/checkpoints/step-$step/state.safetensors"
expect 0 vkift train --resume best --max-steps 32
says "the file is damaged"
has_weights_of best 32

# --- losses of other evaluation data are not compared
python3 "$here/tiny.py" data other.jsonl 7 || exit 1
apart=(--model model --method full --data data.jsonl --chat-template chatml --batch-size 6 --eval-steps 1
  --allow-leakage)
expect 0 vkift train "${apart[@]}" --eval-data data.jsonl --max-steps 2 --output-dir apart
expect 0 vkift train --resume apart --max-steps 3
checks=$((checks + 1))
grep -q "not those of before" "$WORK/err" && fail "the evaluation data are those of before"
expect 0 vkift train --resume apart --eval-data other.jsonl --max-steps 4
says "the evaluation data or their loss are not those of before"

# --- ends early, two evaluations after the least loss; stopped and resumed, at the same step
expect 0 vkift train "${options[@]}" --output-dir early --load-best-model-at-end --early-stopping-patience 2
read -r step last_step < <(least early)
says "the evaluation loss has not fallen in 2 evaluations: training ends here"
checks=$((checks + 1))
[ "$last_step" -eq $((step + 4)) ] || fail "expected the end 4 steps after step $step, found $last_step"
has_weights_of early "$step"
expect 0 vkift train --resume early
prints "nothing left to train after step $last_step"

expect 0 vkift train "${options[@]}" --output-dir halted --load-best-model-at-end --early-stopping-patience 2 --max-steps "$((step + 2))"
expect 0 vkift train --resume halted --max-steps 30
checks=$((checks + 1))
cmp -s halted/model/model.safetensors early/model/model.safetensors || fail "another result than of the run that was not stopped"

# --- a device that hangs: its message and an exit status, while its driver still runs
expect 1 env VKIFT_DEVICE_PROFILE=timeout_seconds=1e-9 "$VKIFT" eval --model model --data data.jsonl --chat-template chatml
says "the device did not finish a submission within 1e-09 seconds"

# --- needs something to evaluate on
expect 2 vkift train --model model --data data.jsonl --load-best-model-at-end
says "load_best_model_at_end needs evaluation data"
expect 2 vkift train --model model --data data.jsonl --early-stopping-patience 2
says "early_stopping_patience needs evaluation data"

finish
