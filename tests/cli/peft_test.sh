#!/usr/bin/env bash
# Ten steps of adapters as PEFT trains them: its losses and gradient norms (tests/reference/run adapters computes them).
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
cd "$WORK" || exit 1
python3 "$here/tiny.py" model model && python3 "$here/peft_data.py" rows rows.jsonl || exit 1
mapfile -t cases < <(python3 "$here/peft_data.py" cases)
for case in "${cases[@]}"; do
  mapfile -t options < <(python3 "$here/peft_data.py" options "$case")
  rm -rf run
  expect 0 vkift train --model model --data rows.jsonl --output-dir run "${options[@]}"
  checks=$((checks + 1))
  python3 "$here/peft_data.py" steps "$here/peft_golden.json" "$case" run/metrics.jsonl 2>"$WORK/err" || fail "$(tail -n 1 "$WORK/err")"
done
finish
