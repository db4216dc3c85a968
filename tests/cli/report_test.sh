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
checks=$((checks + 1))
python3 - "$run" 2>"$WORK/err" <<'CHECK' || fail "$(tail -n 1 "$WORK/err")"
import json, sys
read = lambda name: json.load(open(f"{sys.argv[1]}/{name}"))
data, run = read("data.json"), read("run.json")
rows = [json.loads(line) for line in open(f"{sys.argv[1]}/metrics.jsonl")]
lengths, packed, memory = data["lengths"], data["rows"], run["memory"]
n = data["examples"]
assert n + data["eval_examples"] == 1824, data
assert n == sum(lengths["examples"]) == sum(data["target_shares"]) == sum(t["examples"] for t in data["tasks"]), data
assert data["tokens"] == sum(t["tokens"] for t in data["tasks"]) == packed["tokens"], data  # of one epoch
assert data["target_tokens"] == sum(t["target_tokens"] for t in data["tasks"]) and data["n_tasks"] == len(data["tasks"]) == 24, data
assert packed["rows"] == sum(packed["fill"]) and packed["capacity"] == run["row_tokens"], data
ends = lengths["from"] + lengths["width"] * len(lengths["examples"])
assert lengths["from"] <= lengths["shortest"] <= lengths["median"] <= lengths["p90"] <= lengths["longest"] < ends, lengths
for sample in data["samples"]:
    pieces = sample["pieces"]
    assert "".join(p["text"] for p in pieces).startswith("<|im_start|>user\n"), pieces
    assert [p["text"] for p in pieces if p["target"]][-1] == "<|im_end|>" and not sample["left_out"], pieces
assert len({s["task"] for s in data["samples"]}) == 2, data["samples"]
assert memory["device_bytes"] == sum(v for k, v in memory.items() if k != "device_bytes") == rows[0]["device_bytes"], memory
assert run["trained_parameters"] == run["parameters"] == 283200, run
CHECK
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

# --- of an example that is long, the middle is left out
python3 -c 'import json; print(json.dumps({"instruction": "Say it. " + "cup " * 230, "output": "box"}))' >"$WORK/long.jsonl"
expect 0 vkift train --model "$SOURCE_DIR/assets/base" --data "$WORK/long.jsonl" --max-steps 1 --output-dir "$WORK/long"
holds "$WORK/long/data.json" '"left_out": '
holds "$WORK/long/data.json" '{"gap": true}'
expect 0 vkift report "$WORK/long" --markdown
prints " are not shown"
prints "[[box"

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

# --- ids that the model has rows for, and the tokenizer no token: nothing stands for them in the samples
cd "$WORK" || exit 1
python3 "$SOURCE_DIR/tests/cli/tiny.py" model model
python3 "$SOURCE_DIR/tests/cli/tiny.py" set model/config.json vocab_size 300
for i in 1 2 3; do echo "{\"input_ids\": [1, 290, $i, 291, 5], \"labels\": [-100, 290, $i, 291, 5]}"; done >ids.jsonl
expect 0 vkift train --model model --init random --method full --data ids.jsonl --max-steps 1 --output-dir ids
holds ids/data.json '{"text": "\u0001\u0005", "target": true'
expect 0 vkift report ids

finish
