#!/usr/bin/env bash
# Ten steps of adapters as PEFT trains them: its losses and gradient norms (tests/reference/run adapters computes them).
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
cd "$WORK" || exit 1
python3 "$here/peft_data.py" rows rows.jsonl || exit 1
for family in llama qwen2 gemma2 gpt2; do python3 "$here/tiny.py" model $family $family || exit 1; done

check() { # SCRIPT ARGUMENTS…
  checks=$((checks + 1))
  python3 "$here/$1" "${@:2}" 2>"$WORK/err" || fail "$(tail -n 1 "$WORK/err")"
}

mapfile -t cases < <(python3 "$here/peft_data.py" cases)
for case in "${cases[@]}"; do
  mapfile -t options < <(python3 "$here/peft_data.py" options "$case")
  family=$(python3 "$here/peft_data.py" family "$case")
  rm -rf run merged
  expect 0 vkift train --model "$family" --data rows.jsonl --output-dir run "${options[@]}"
  check peft_data.py steps "$here/peft_golden.json" "$case" run/metrics.jsonl
  [ "$family" != llama ] || continue
  # The files of other families have norms as 1 + w and transposed matrices in their own form.
  check peft_data.py whole run/adapter "$family"
  expect 0 vkift export --merge run --output-dir merged
  expect 0 vkift eval run --data rows.jsonl --per-token --json && cp out run.out
  expect 0 vkift eval --model merged --data rows.jsonl --per-token --json && cp out merged.out
  check lora.py losses run.out merged.out
done
finish
