#!/usr/bin/env bash
# vkift train --profile: a Chrome trace of the second and third step, whole or not at all; the run itself stays the same.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" && python3 "$here/tiny.py" data "$WORK/data.jsonl" 23 || exit 1
cd "$WORK" || exit 1

train() { # RUN OPTIONS…
  expect 0 vkift train --model model --data data.jsonl --chat-template chatml --batch-size 5 --output-dir "$@"
}

check() { # FILE STEP…
  checks=$((checks + 1)) last="profile.py $*"
  python3 "$here/profile.py" "$@" 2>"$WORK/err" || fail "the trace"
}

train plain --max-steps 4
train profiled --max-steps 4 --profile trace.json
check trace.json 2 3
checks=$((checks + 1))
cmp plain/adapter/adapter_model.safetensors profiled/adapter/adapter_model.safetensors || fail "another result with a profile"
checks=$((checks + 1))
! grep -q profile profiled/config.yaml || fail "a resumed run would write the trace again"

# Several rows a step; a call of two steps, and of one.
expect 0 vkift train --resume profiled --max-steps 6 --profile two.json
check two.json 6
train one --max-steps 1 --micro-batch-tokens 64 --max-length 60 --profile one.json
check one.json 1

# Where it cannot be written.
expect 1 vkift train --model model --data data.jsonl --chat-template chatml --max-steps 1 --output-dir bad --profile none/trace.json
says "none/trace.json"

finish
