#!/usr/bin/env bash
# Leave-one-cluster-out: the table agrees with the answers, a second crossval and one that was killed give the same table, each arm
# trains on what it may, and what cannot work is refused before anything is trained.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" && python3 "$here/crossval.py" data "$WORK/tasks.jsonl" || exit 1
cd "$WORK" || exit 1

# check COMMAND… — one of crossval.py, whose complaint is the failure.
check() {
  checks=$((checks + 1)) last="crossval.py $*"
  python3 "$here/crossval.py" "$@" >"$WORK/out" 2>"$WORK/difference" || fail "$(cat "$WORK/difference")"
}

base=(--model model --data tasks.jsonl --chat-template chatml)
options=("${base[@]}" --lora-r 2 --learning-rate 1e-2 --batch-size 6 --max-steps 4 --save-steps 1 --metric rouge_l --eval-examples-per-task 4
  --max-new-tokens 4)

# --- the table, twice, and killed
expect 0 vkift crossval "${options[@]}" --with-shuffled --output-dir first
for name in copy order letters all shuffled; do prints "$name"; done
says "6 tasks in 3 clusters"
says "fold 3 of 3"
check check first shuffled
expect 0 vkift crossval "${options[@]}" --with-shuffled --output-dir second
check same first second
check kill "$VKIFT" killed 3 "$RANDOM" "${options[@]}" --with-shuffled
check same first killed
[ ! -e first/folds/copy/tuned/checkpoints ] || fail "checkpoints of a judged arm are left"
[ -e first/folds/copy/tuned/adapter/adapter_model.safetensors ] || fail "no adapter is left"

# --- a method that writes a model instead of an adapter: it is judged, and kept where that is asked for
for keep in "" --keep-models; do
  # shellcheck disable=SC2086 # none or one
  expect 0 vkift crossval "${options[@]}" --method freeze --trainable-layers 1 --folds order $keep --output-dir "frozen$keep"
  check check "frozen$keep"
  checks=$((checks + 1))
  [ -e "frozen$keep/folds/order/tuned/model" ] && kept=--keep-models || kept=
  [ "$kept" = "$keep" ] || fail "expected the model to be kept if, and only if, that is asked for"
done

# --- finished: nothing is done again, the table is shown
before=$(find first -type f -not -name results.json -exec sha256sum {} + | sort)
expect 0 vkift crossval --resume first
prints "letters"
[ "$before" = "$(find first -type f -not -name results.json -exec sha256sum {} + | sort)" ] || fail "a finished crossval was run again"
expect 0 vkift crossval --resume first --json
python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$WORK/out" || fail "--json prints no JSON"

# --- what changes results is refused, before anything is done
expect 2 vkift crossval --resume first --seed 7
says "seed: expected 42, as the crossval began with, found 7"
cp tasks.jsonl kept.jsonl
sed -i '2s/moon/noon/' tasks.jsonl
expect 1 vkift crossval --resume first --with-shuffled
says "is not what the crossval began with"
mv kept.jsonl tasks.jsonl
expect 1 vkift crossval "${options[@]}" --output-dir first
says "vkift crossval --resume first"
expect 1 vkift crossval --resume first/folds/copy/tuned
says "expected the config.yaml of a crossval"

# --- what arms train on: never a row of what is held out; with --with-seen half of it
expect 0 vkift crossval "${options[@]}" --with-seen --folds order --output-dir seen
check check seen seen
says "fold 1 of 1"
trained() { python3 -c 'import json, sys; x = json.load(open(sys.argv[1])); print(x["train"], *(a["examples"] for a in x["arms"].values()))' "$1"; }
checks=$((checks + 1))
[ "$(trained seen/folds/order/fold.json)" = "48 48 60" ] || fail "expected 48 examples of the other clusters, 12 of what is held out"
expect 0 vkift crossval "${options[@]}" --leave-out task --folds sort,echo --output-dir by-task
checks=$((checks + 1))
[ "$(trained by-task/folds/sort/fold.json)" = "60 60" ] || fail "expected 60 examples of the other tasks"
check check by-task

# --- the checkpoint is chosen on the tasks trained on
expect 0 vkift crossval "${options[@]}" --folds copy --eval-split 0.2 --load-best-model-at-end --eval-steps 1 --output-dir best
grep -q eval_loss best/folds/copy/tuned/metrics.jsonl || fail "nothing was evaluated in training"

# --- an arm is added to what is finished; --logging-steps leaves the counts alone
tokens() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["tokens"])' "$1"; }
before=$(tokens best/folds/copy/tuned.json)
expect 0 vkift crossval --resume best --with-shuffled --logging-steps 3
check check best shuffled
checks=$((checks + 3))
grep -q '^with_shuffled: true' best/config.yaml || fail "config.yaml does not know of the arm"
[ "$(tokens best/folds/copy/tuned.json)" = "$before" ] || fail "the tuned arm was run again"
[ "$(tokens best/folds/copy/shuffled.json)" -gt 0 ] || fail "no tokens of the shuffled arm"

# --- a file of clusters
printf 'words:\n  tasks: [echo, shout, reverse]\n  metric: exact_match\nrest:\n  tasks: [sort, first, last, absent]\nempty:\n  tasks: [nothing]\n' >clusters.yaml
sed 's/"task": "last"/&, "metric": "exact_match"/' tasks.jsonl >metrics.jsonl
mkdir file
touch file/config.yaml.tmp-00ff # killed before it had its name
expect 0 vkift crossval --model model --data metrics.jsonl --chat-template chatml --lora-r 2 --max-steps 1 --eval-examples-per-task 2 \
  --max-new-tokens 2 --clusters clusters.yaml --output-dir file
says "empty"
says "absent"
prints "exact_match"
prints "rouge_l"
prints "is of exact_match, which most clusters have"
for run in first file; do expect 0 vkift report "$run"; done
checks=$((checks + 1))
python3 - <<'EOF' || fail "scores of two metrics were averaged"
import json
r = json.load(open("file/results.json"))
assert sorted(x["metric"] for x in r["overall_by_metric"]) == ["exact_match", "rouge_l"], r
assert sorted(x["clusters"] for x in r["overall_by_metric"]) == [1, 2] and r["overall"]["metric"] == "exact_match", r
tokens = [x["tokens"] for x in r["clusters"] if "tokens" in x]
assert len(r["clusters"]) == 3 and len(tokens) == 2 and sum(tokens) == r["overall"]["tokens"], r
for name in ("words", "rest"):
    assert {json.loads(x)["cluster"] for x in open(f"file/predictions/{name}.jsonl")} == {name}, name
EOF

# --- refused before any training
refused() { # STATUS MESSAGE OPTIONS…
  local status=$1 message=$2
  shift 2
  expect "$status" vkift crossval "$@" --output-dir refused
  says "$message"
  checks=$((checks + 1))
  [ ! -e refused ] || fail "a directory was left"
}
grep -v '"cluster": "copy"' tasks.jsonl | sed 's/, "cluster": "letters"//' >no-cluster.jsonl
refused 1 "first" --model model --data no-cluster.jsonl --chat-template chatml
grep '"cluster": "copy"' tasks.jsonl >one.jsonl
refused 1 "expected at least two clusters, of which one can be held out, found 1" --model model --data one.jsonl --chat-template chatml
refused 2 'folds: expected names of clusters, found "ordr"; did you mean "order"? There are: "copy", "letters", "order"' "${base[@]}" --folds ordr
refused 2 "folds: copy stands twice" "${base[@]}" --folds copy,copy
refused 2 "eval_data has no place in a crossval" "${base[@]}" --eval-data tasks.jsonl
refused 2 "needs objective sft" "${base[@]}" --objective lm
refused 2 "load_best_model_at_end needs eval_split" "${base[@]}" --load-best-model-at-end
refused 1 "missing.yaml" "${base[@]}" --clusters missing.yaml
printf 'words:\n  tasks: [echo, shout, reverse, sort, first]\n  metric: beauty\nrest:\n  tasks: [last]\n' >metric.yaml
refused 1 "beauty" "${base[@]}" --clusters metric.yaml
refused 1 "expected choices" "${base[@]}" --metric accuracy
refused 1 "weight: expected one that leaves at least one of its 48 examples" --model model --data tasks.jsonl:0.001 --chat-template chatml
printf '{%% for m in messages %%}{{ m.content }}\n{%% endfor %%}' >endless.jinja
refused 1 "ends no answer with a token" --model model --data tasks.jsonl --chat-template endless.jinja

# --- stopped by a signal
python3 - "$VKIFT" "${options[@]}" <<'EOF' || fail "a signal did not end it well"
import os, signal, subprocess, sys, time
p = subprocess.Popen([sys.argv[1], "crossval", *sys.argv[2:], "--output-dir", "halted"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
while not os.path.exists("halted/folds") and p.poll() is None:
    time.sleep(0.01)
p.send_signal(signal.SIGINT)
out, err = p.communicate()
assert p.returncode == 0 and "vkift crossval --resume halted" in out, (p.returncode, out, err)
EOF
mkdir -p halted/folds/order/tuned
touch halted/folds/order/tuned/config.yaml.tmp-00ff # killed before it had its name
expect 0 vkift crossval --resume halted --with-shuffled
check same first halted

finish
