#!/usr/bin/env bash
# A run that is killed at random moments and resumed each time ends with the bytes of one that was never stopped.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
kills=${KILLS:-3}
seed=${SEED:-$RANDOM}
python3 "$here/tiny.py" model "$WORK/model" && python3 "$here/tiny.py" data "$WORK/data.jsonl" 23 || exit 1

echo "$kills kills with seed $seed (repeat them with SEED=$seed)"
checks=$((checks + 1))
python3 "$here/runs.py" kill "$VKIFT" "$WORK" "$kills" "$seed" 2>"$WORK/difference" || fail "$(cat "$WORK/difference")"

finish
