#!/usr/bin/env bash
# vkift report on runs as they are made: of training with all of its files and with few, of the example of a cross-validation;
# and what a directory that is none gets. (tests/report opens the pages in a browser.)
. "$(dirname "$0")/lib.sh"
example=$SOURCE_DIR/tests/report

holds() { # FILE TEXT
  checks=$((checks + 1))
  grep -qF -- "$2" "$1" || fail "expected in $1: $2"
}
lacks() { # FILE TEXT
  checks=$((checks + 1))
  ! grep -qF -- "$2" "$1" || fail "expected not in $1: $2"
}
there() { # PATH…
  checks=$((checks + 1))
  for path in "$@"; do [ -e "$path" ] || fail "expected $path"; done
}

# --- a training run says of itself what the page needs
run=$WORK/run
expect 0 vkift train --max-steps 4 --batch-size 4 --eval-split 0.01 --eval-steps 2 --tensorboard --output-dir "$run"
prints "vkift report $run"
there "$run/run.json" "$run/data.json" "$run/tensorboard"
holds "$run/run.json" '"command": ["vkift", "train", "--max-steps", "4"'
holds "$run/config.yaml" "tensorboard: true"
expect 0 vkift report "$run"
prints_line "written: $run/report.html"
holds "$run/report.html" 'data-from="metrics.jsonl:last(loss)"'
holds "$run/report.html" '<mark'
holds "$run/report.html" 'data-from="run.json:/memory/activation_bytes"'
lacks "$run/report.html" 'http:'
lacks "$run/report.html" 'https:'
expect 0 vkift report "$run" --markdown
prints "# base, tuned on train.jsonl"
prints "## Memory"
prints "seed: 42"
expect 0 vkift report "$run" --markdown --output "$WORK/page.md"
prints_line "written: $WORK/page.md"
holds "$WORK/page.md" "# base, tuned on train.jsonl"

# --- resumed: its facts stay those of its beginning, TensorBoard gets another file
before=$(cat "$run/run.json")
expect 0 vkift train --resume "$run" --max-steps 6
[ "$(cat "$run/run.json")" = "$before" ] || fail "run.json changed"
checks=$((checks + 1))
[ "$(find "$run/tensorboard" -type f | wc -l)" -eq 2 ] || fail "expected two event files"
expect 0 vkift report "$run"
holds "$run/report.html" '<data value="6" data-from="metrics.jsonl:last(step)">6</data>'

# --- a run of an older version has fewer files
rm "$run/run.json" "$run/data.json"
expect 0 vkift report "$run" --markdown
prints "The training loss went from"
lacks "$WORK/out" "## Memory"

# --- a cross-validation
expect 0 vkift report "$example/crossval" --output "$WORK/crossval.html"
holds "$WORK/crossval.html" 'data-from="results.json:/clusters/3/difference"'
expect 0 vkift report "$example/crossval" --markdown
prints "**Tuning made the score worse in 2 of 8 clusters**:"
prints "## Left out so that nothing leaks"
expect 0 vkift report "$example/hostile_crossval" --output "$WORK/hostile.html"
lacks "$WORK/hostile.html" '<script>window.intruder'

# --- what is no run, and broken files
expect 2 vkift report
says "give a run directory: vkift report RUN"
prints_nothing
expect 1 vkift report "$WORK/none"
says "$WORK/none: expected a run directory, found nothing"
expect 1 vkift report "$WORK/page.md"
says "$WORK/page.md: expected a run directory, found a file"
mkdir "$WORK/empty"
expect 1 vkift report "$WORK/empty"
says "$WORK/empty: expected a run directory with config.yaml, metrics.jsonl or results.json, found none of them"
expect 1 vkift report "$run" --output "$WORK/none/page.html"
says "$WORK/none"
cp "$example/crossval/results.json" "$WORK/empty"
sed -i 's/"low": -8.3/"low": "x"/' "$WORK/empty/results.json"
expect 1 vkift report "$WORK/empty"
says "$WORK/empty/results.json: clusters[3].low: expected a finite number, found a string"
checks=$((checks + 1))
[ ! -e "$WORK/empty/report.html" ] || fail "a page of a broken run"
echo '{"step": 1, "loss": {}}' >"$run/metrics.jsonl"
expect 1 vkift report "$run" --markdown
says "$run/metrics.jsonl:1: loss: expected a finite number, found an object"
prints_nothing
echo 'metod: lora' >>"$run/config.yaml"
expect 1 vkift report "$run"
says "did you mean method"

finish
