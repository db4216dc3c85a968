#!/usr/bin/env bash
# A crossval that is killed at ten random moments and begun again each time ends with the table of one that was never stopped.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" && python3 "$here/crossval.py" data "$WORK/tasks.jsonl" || exit 1
cd "$WORK" || exit 1

options=(--model model --data tasks.jsonl --chat-template chatml --lora-r 2 --learning-rate 1e-2 --batch-size 6 --max-steps 6 --save-steps 2
  --metric rouge_l --eval-examples-per-task 4 --max-new-tokens 4 --eval-split 0.2 --load-best-model-at-end --eval-steps 2 --with-shuffled
  --with-seen)
expect 0 vkift crossval "${options[@]}" --output-dir whole
last="ten kills, seed ${SEED:=$RANDOM}"
checks=$((checks + 2))
python3 "$here/crossval.py" check whole shuffled seen || fail "the table does not agree with its answers"
if ! python3 "$here/crossval.py" kill "$VKIFT" killed 10 "$SEED" "${options[@]}" || ! python3 "$here/crossval.py" same whole killed; then
  fail "another end"
fi

finish
