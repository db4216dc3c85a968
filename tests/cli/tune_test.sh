#!/usr/bin/env bash
# vkift train --tune: kernels are measured once and kept on disk; config.yaml says which a run took; a run from that file has
# the same bits, whatever was measured since.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" && python3 "$here/tiny.py" data "$WORK/data.jsonl" 23 || exit 1
cd "$WORK" || exit 1

train() { # RUN OPTIONS…
  expect 0 vkift train --model model --data data.jsonl --chat-template chatml --batch-size 5 --max-steps 3 --output-dir "$@"
}
same() { # RUN RUN
  checks=$((checks + 1)) last="$1 and $2"
  cmp "$1/adapter/adapter_model.safetensors" "$2/adapter/adapter_model.safetensors" || fail "other bits"
}
tuned() { cat "$VKIFT_CACHE_DIR"/*-tuned-*; }

# Without it, and in a short run, nothing is measured.
train plain --tune off
train short
same plain short
checks=$((checks + 1)) last="short run"
! tuned 2>/dev/null || fail "a short run measured kernels"
! grep -q ' = matmul_' plain/config.yaml || fail "kernels without measuring"

train measured --tune on
says "measuring which kernels are the fastest"
checks=$((checks + 1)) last="measured run"
tuned >first.txt || fail "nothing is kept"
grep -q '^nt f32 .* = matmul_' first.txt || fail "no forward product"
grep -q '^nn f32 .* = matmul_' first.txt || fail "no input gradient"
grep -q '^tn f32 .* = matmul_' first.txt || fail "no weight gradient"
grep -q '^tune: off' measured/config.yaml || fail "config.yaml: tune"
grep -q '^kernels:.* = matmul_' measured/config.yaml || fail "config.yaml: kernels"

# Known from now on.
train known --tune on
checks=$((checks + 1))
! grep -q measuring "$WORK/err" || fail "measured twice"
same measured known

# What was measured since does not reach a run that says its kernels; a file that says nonsense is as none.
sed -i 's/ = .*/ = matmul_of_nobody 8 1x1 1x1 0 0x0x0/' "$VKIFT_CACHE_DIR"/*-tuned-*
expect 0 vkift train --config measured/config.yaml --output-dir again
same measured again
train nonsense
same plain nonsense
checks=$((checks + 1))
! grep -q matmul_of_nobody nonsense/config.yaml || fail "config.yaml names kernels that were not taken"

# Activations larger than a binding: products of windows.
VKIFT_DEVICE_PROFILE=${VKIFT_DEVICE_PROFILE:+$VKIFT_DEVICE_PROFILE,}max_binding_bytes=262144 expect 0 vkift train \
  --model "$SOURCE_DIR/assets/base" --data "$SOURCE_DIR/assets/train.jsonl" --method full --micro-batch-tokens 512 --max-length 200 \
  --max-steps 1 --tune on --output-dir windows
grep -q ' = matmul_' windows/config.yaml || fail "no kernels of windows"

# The kernels of a run by hand: one of another shape changes nothing, a malformed one is an error.
train other --kernels 'nt f32 7x7x7 = matmul_rows_nt 8 1x1 1x8 0 0x0x0'
same plain other
expect 1 vkift train --model model --data data.jsonl --chat-template chatml --output-dir bad --kernels fastest
says 'kernels: expected "PRODUCT = KERNEL", found "fastest"'

finish
