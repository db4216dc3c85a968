#!/usr/bin/env bash
# A million examples: host memory hardly grows with their number, a second start finds their tokens, and trains the same.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" || exit 1
cd "$WORK" || exit 1
python3 "$here/data_scale.py" rows many.jsonl 1000000
head -n 1000 many.jsonl >few.jsonl

# first_step DATA: sets `peak` (KiB) and `row`, the metrics of the step but what is measured.
first_step() {
  rm -rf run
  expect 0 python3 "$here/data_scale.py" peak "$VKIFT" train --model model --chat-template chatml --data "$1" --max-steps 1 \
    --batch-size 8 --method full --output-dir run
  peak=$(cat out)
  row=$(sed 's/"seconds".*//' run/metrics.jsonl)
}

first_step few.jsonl
few=$peak
first_step many.jsonl
says "1000000 examples"
says "the tokens are kept in $VKIFT_CACHE_DIR/data/"
[ $((peak - few)) -le $((256 * 1024)) ] || fail "reading a million examples took $((peak - few)) KiB more than reading a thousand"
read_row=$row read_peak=$peak
first_step many.jsonl
! grep -q "the tokens are kept" err || fail "the second start did not find the tokens of the first"
[ $((peak - few)) -le $((256 * 1024)) ] || fail "a million cached examples took $((peak - few)) KiB more than a thousand"
[ "$row" = "$read_row" ] || fail "the first step from cached tokens differs: $row, not $read_row"
echo "peak of host memory in KiB: $few for a thousand examples, $read_peak for a million, $peak from the cache"
finish
