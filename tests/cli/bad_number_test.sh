#!/usr/bin/env bash
# A loss or gradient that is not finite changes nothing: the step is left out, said, and too many in a row end the run.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
export PYTHONPATH=$here
python3 "$here/tiny.py" model "$WORK/model" && python3 "$here/tiny.py" data "$WORK/data.jsonl" 9 || exit 1
cd "$WORK" || exit 1

train() { # STATUS RUN OPTIONS…
  expect "$1" vkift train --output-dir "$2" --chat-template chatml --lr-scheduler-type constant --warmup-steps 0 --no-shuffle \
    --batch-size 1 --micro-batch-tokens 128 --save-steps 1 --save-total-limit 100 "${@:3}"
}

# check CODE… — Python that fails with a message.
check() {
  checks=$((checks + 1))
  python3 - "$@" 2>"$WORK/difference" || fail "$(tail -n 1 "$WORK/difference")"
}

# --- an absurd learning rate: the weights of the last good step stay, and are finite
train 1 absurd --model model --method full --data data.jsonl --max-steps 20 --learning-rate 1e30 --max-bad-steps 3
says "step 2: loss or gradient is not finite; the weights stay as they were"
says "step 4: loss or gradient was not finite in 3 steps in a row (--max-bad-steps): the weights are those of step 1"
says "A smaller --learning-rate often helps"
check absurd <<'P'
import json, math, sys, tiny
run = sys.argv[1]
rows = [json.loads(line) for line in open(f"{run}/metrics.jsonl", encoding="utf-8")]
assert [row["step"] for row in rows if row.get("bad")] == [2, 3, 4], rows
good, later = ({name: t[2] for name, t in tiny.read_safetensors(f"{run}/checkpoints/step-{n}/state.safetensors")[0].items()} for n in (1, 3))
assert good == later, "weights or optimizer state changed in a bad step"
values = [x for t in good.values() for x in tiny.floats(t)]
assert all(map(math.isfinite, values)) and max(values) > 1e29, "expected finite weights, and that step 1 was taken"
P
expect 2 vkift train --model model --data data.jsonl --learning-rate 1e39 --output-dir none
says "learning_rate: expected a number that a 32-bit float holds, found 1e+39"
expect 2 vkift train --model model --data data.jsonl --adam-epsilon 1e-50 --output-dir none
says "adam_epsilon: expected a number that a 32-bit float holds, found 1e-50"

# --- a model whose file holds an infinity: nothing can be learned, so the run ends
python3 - <<'P' || exit 1
import shutil, tiny
for name, where in (("broken", "model.layers.1.mlp.up_proj.weight"), ("one_bad_token", "model.embed_tokens.weight")):
    shutil.copytree("model", name)
    tensors, metadata = tiny.read_safetensors(f"{name}/model.safetensors")
    dtype, shape, values = tensors[where]
    values = tiny.floats(values)
    values[ord("Q") * shape[1] if "embed" in where else 5] = float("inf")
    tensors[where] = tiny.f32(shape, values)
    tiny.write_safetensors(f"{name}/model.safetensors", tensors, metadata)
P
train 1 broken_run --model broken --data data.jsonl --max-steps 20 --max-bad-steps 2
says "step 2: loss or gradient was not finite in 2 steps in a row"
says "the weights are those of step 0"
checks=$((checks + 1))
cmp -s broken_run/checkpoints/step-0/state.safetensors broken_run/checkpoints/step-1/state.safetensors || fail "a bad step changed the state"
[ ! -e broken_run/adapter ] || fail "a failed run left a result"

# --- one bad example among good ones: the run is that of the good ones
{
  sed -n 1,4p data.jsonl
  echo '{"prompt": "why", "completion": "Q"}'
  sed -n 5,9p data.jsonl
} >with_bad.jsonl
train 0 good_only --model one_bad_token --data data.jsonl --max-steps 9 --json
train 0 with_bad --model one_bad_token --data with_bad.jsonl --max-steps 10 --json
says "step 5: loss or gradient is not finite; the weights stay as they were"
prints '"bad_steps": 1,'
checks=$((checks + 1))
cmp -s good_only/adapter/adapter_model.safetensors with_bad/adapter/adapter_model.safetensors || fail "a step that was left out left a trace"

finish
