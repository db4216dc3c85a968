#!/usr/bin/env bash
# The same run twice gives the same bytes; so does one that a signal stopped, or whose newest checkpoint is damaged. What
# would make another run of it is refused.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" && python3 "$here/tiny.py" data "$WORK/data.jsonl" 23 || exit 1
cd "$WORK" || exit 1

# check COMMAND… — one of runs.py, whose complaint is the failure.
check() {
  checks=$((checks + 1)) last="runs.py $*"
  python3 "$here/runs.py" "$@" 2>"$WORK/difference" || fail "$(cat "$WORK/difference")"
}

# --- stopped by SIGTERM and by Ctrl-C
check stop "$VKIFT" "$WORK"

# --- twice, every checkpoint from the random start on
train() { # RUN OPTIONS…
  expect 0 vkift train --model model --init random --method full --data data.jsonl --chat-template chatml --batch-size 5 --max-steps 7 \
    --save-steps 1 --save-total-limit 100 --output-dir "$@"
}
train first
train second
check same first second
checks=$((checks + 1))
[ "$(find first/checkpoints -name state.safetensors | wc -l)" -eq 8 ] || fail "expected checkpoints of steps 0 to 7"
train other --seed 43
checks=$((checks + 1))
! cmp -s first/model/model.safetensors other/model/model.safetensors || fail "another seed, the same weights"

# --- a damaged newest checkpoint
damage() { # WANTED COMMAND… — done to step-7
  local wanted=$1
  shift
  rm -rf damaged
  cp -r first damaged
  "$@" || fail "could not damage the checkpoint"
  expect 0 vkift train --resume damaged
  says "checkpoint skipped: "
  says "$wanted"
  says "resumed from damaged/checkpoints/step-6"
  check same first damaged
}
expect 0 vkift train --resume first
prints "nothing left to train after step 7"
newest=damaged/checkpoints/step-7
flip() { python3 -c 'import sys; f = open(sys.argv[1], "r+b"); f.seek(int(sys.argv[2])); b = f.read(1)[0]; f.seek(-1, 1); f.write(bytes([b ^ 4]))' "$@"; }
damage "$newest/state.safetensors: checksum: expected" flip "$newest/state.safetensors" 20011
damage "$newest/state.json: checksum: expected" flip "$newest/state.json" 30
damage "$newest/state.safetensors: checksum: expected" truncate -s 20000 "$newest/state.safetensors"
damage "$newest/checksums.json" rm "$newest/checksums.json"
damage "$newest/checksums.json" truncate -s 0 "$newest/checksums.json"
damage "$newest/state.json" rm "$newest/state.json"

cp -r first all_damaged
for file in all_damaged/checkpoints/*/state.json; do flip "$file" 30; done
expect 1 vkift train --resume all_damaged
says "all_damaged/checkpoints: expected a checkpoint to resume from, found none that can be used; the newest: "
checks=$((checks + 1))
[ "$(find all_damaged -type f | wc -l)" -eq "$(find first -type f | wc -l)" ] || fail "a refused run left or removed files"

# --- stopped before the first checkpoint; no run at all
mkdir -p early/checkpoints/.step-0.tmp
cp first/config.yaml early
printf 'half' >early/checkpoints/.step-0.tmp/state.json
expect 0 vkift train --resume early
says "the run was stopped before its first checkpoint: it begins anew"
check same first early
mkdir none
expect 1 vkift train --resume none
says "none/config.yaml"
cp first/config.yaml first/metrics.jsonl none
expect 1 vkift train --resume none
says "none: expected a run directory with checkpoints/ to resume, found none"

# --- a template that writes the day: the run keeps it
printf '%s' "{{ strftime_now('%d %b %Y') }}{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}" >dated.jinja
dated=(--model model --data data.jsonl --method full --chat-template dated.jinja)
expect 0 vkift train "${dated[@]}" --max-steps 1 --output-dir dated --chat-template-date 2001-02-03
expect 0 vkift train --resume dated --max-steps 2
expect 0 vkift data show dated
prints "03 Feb 2001"
expect 1 vkift train --resume dated --max-steps 3 --chat-template-date 2001-02-04
says "the training data is not what the run began with"
expect 0 vkift train "${dated[@]}" --max-steps 1 --output-dir dated-today
grep -q "^chat_template_date: \"\?$(date +%Y)-" dated-today/config.yaml || fail "config.yaml does not have the day"
expect 1 vkift train "${dated[@]}" --output-dir dated-never --chat-template-date 2001-02-30
says "chat_template_date: expected a day as in 2026-11-25, found 2001-02-30"

# --- another run: refused, and nothing is changed
before=$(find first -type f -exec sha256sum {} + | sort)
expect 1 vkift train --resume first --seed 43
says "seed: expected 42 as the run began with, found 43"
sed -i '3s/2:/7:/' data.jsonl
expect 1 vkift train --resume first
says "the training data is not what the run began with"
python3 "$here/tiny.py" data data.jsonl 23
sed -n 1,22p data.jsonl >shorter.jsonl
expect 1 vkift train --resume first --data shorter.jsonl
says "the training data is not what the run began with"
expect 1 vkift train --resume whole --lora-r 4
says "whole/checkpoints/step-24"
says "lora_A.weight.weight: expected"
expect 1 vkift train --model model --init random --method full --data data.jsonl --output-dir first
says "first: expected a new or empty directory for the run"
says "vkift train --resume first"
checks=$((checks + 1))
[ "$before" = "$(find first -type f -exec sha256sum {} + | sort)" ] || fail "a refused run changed the run directory"

finish
