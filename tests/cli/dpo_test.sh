#!/usr/bin/env bash
# Direct preference optimisation: against numbers in float64, resumed, and with all that is wrong.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" && python3 "$here/tiny.py" pairs "$WORK/pairs.jsonl" 12 || exit 1
cd "$WORK" || exit 1

check() { # PROGRAM ARGUMENTS… — whose complaint is the failure
  checks=$((checks + 1)) last=$*
  python3 "$here/$1" "${@:2}" 2>difference || fail "$(cat difference)"
}

# --- what the model gets
read_as=(--model model --data pairs.jsonl --chat-template chatml --objective dpo)
expect 0 vkift data show "${read_as[@]}" --count 12 --json
check dpo.py tokens "$here/dpo_golden.json" out
expect 0 vkift data show "${read_as[@]}" --count 1
prints "chosen:"
prints "rejected:"
expect 0 vkift data show "${read_as[@]}" --packed --count 1
prints "up to itself"
prints "rejected:"
expect 0 vkift data check "${read_as[@]}"
prints "preference"

# --- numbers of another program, in one row, in several, without packing, and with layers computed again
train() { # RUN OPTIONS…
  expect 0 vkift train "${read_as[@]}" --batch-size 4 --save-steps 100 --output-dir "$@"
}
golden=(--method full --learning-rate 1e-3 --lr-scheduler-type constant --warmup-steps 0 --no-shuffle --max-steps 6)
train sigmoid "${golden[@]}"
check dpo.py steps "$here/dpo_golden.json" sigmoid sigmoid/metrics.jsonl
says "the reference's log-likelihoods of 12 pairs are taken"
train rows "${golden[@]}" --micro-batch-tokens 192 --gradient-checkpointing on
check dpo.py steps "$here/dpo_golden.json" sigmoid rows/metrics.jsonl
train alone "${golden[@]}" --no-packing
check dpo.py steps "$here/dpo_golden.json" sigmoid alone/metrics.jsonl
train smoothed "${golden[@]}" --beta 0.5 --label-smoothing 0.2
check dpo.py steps "$here/dpo_golden.json" smoothed smoothed/metrics.jsonl
train norm "${golden[@]}" --beta 2 --loss-type sigmoid_norm
check dpo.py steps "$here/dpo_golden.json" norm norm/metrics.jsonl

# --- LoRA: resumed to the bit, without taking the reference again; evaluation pairs
python3 "$here/tiny.py" pairs held.jsonl 7 || exit 1
lora=(--learning-rate 1e-2 --lora-r 4 --max-steps 6 --save-steps 2 --save-total-limit 100 --eval-data held.jsonl --allow-leakage
  --eval-steps 2 --lora-dropout 0.1)
expect 0 vkift train "${read_as[@]}" --batch-size 4 "${lora[@]}" --output-dir whole
check dpo.py evals whole/metrics.jsonl
says "of the pairs right"
cp -r whole stopped
rm -r stopped/checkpoints/step-[46] stopped/adapter
expect 0 vkift train --resume stopped
says "resumed from stopped/checkpoints/step-2"
checks=$((checks + 1))
! grep -q "log-likelihoods" err || fail "the reference was asked again"
check runs.py same whole stopped

# --- other evaluation pairs: only they are asked for again
cp -r whole other && rm -r other/checkpoints/step-6 other/adapter
python3 "$here/tiny.py" pairs more.jsonl 9 || exit 1
expect 0 vkift train --resume other --eval-data more.jsonl
says "the reference's log-likelihoods of 9 evaluation pairs are taken"
check dpo.py evals other/metrics.jsonl

# --- another loss: those of before say nothing of it
cp -r whole milder && rm -r milder/checkpoints/step-6 milder/adapter
expect 0 vkift train --resume milder --beta 0.2
says "the evaluation data or their loss are not those of before"

# --- a reference that is gone: it is taken again, and nothing else is another
cp -r whole gone && rm -r gone/reference.safetensors gone/checkpoints/step-[46] gone/adapter
expect 0 vkift train --resume gone
says "the reference's log-likelihoods of 12 pairs are taken"
check runs.py same whole gone

# --- a reference that is damaged, or of another run
broken() { # WANTED COMMAND…
  local wanted=$1
  shift
  rm -rf broken
  cp -r whole broken && rm -r broken/checkpoints/step-6 broken/adapter
  "$@" || fail "could not break it"
  expect 1 vkift train --resume broken
  says "$wanted"
}
expect 0 vkift train --model model --data more.jsonl --chat-template chatml --objective dpo --max-steps 1 --output-dir others
broken "it is damaged" python3 -c 'f = open("broken/reference.safetensors", "r+b"); f.seek(-3, 2); f.write(b"!")'
broken "expected the reference log-likelihoods of this run's data and model, found those of others" cp others/reference.safetensors broken
broken "broken/reference.safetensors" truncate -s 60 broken/reference.safetensors

# --- what was trained is used like any other; a run's own evaluation scores the answers that were chosen
expect 0 vkift eval whole
prints "loss"
expect 0 vkift report whole
checks=$((checks + 1))
grep -q "Reward margin" whole/report.html || fail "expected the margins on the page"
expect 0 vkift generate whole --prompt "a cat" --max-new-tokens 4
expect 0 vkift train --model model --data pairs.jsonl --chat-template chatml --objective dpo --adapter whole/adapter --max-steps 1 --output-dir on
expect 0 vkift plan --model model --objective dpo --max-length 64 --vram 1GiB

# --- usage
refused() { # WANTED OPTIONS…
  expect 2 vkift train "${read_as[@]}" --output-dir no "${@:2}"
  says "$1"
}
refused "beta, label_smoothing and loss_type need objective dpo" --objective sft --beta 0.2
refused "beta, label_smoothing and loss_type need objective dpo" --objective lm --label-smoothing 0.1
refused "beta, label_smoothing and loss_type need objective dpo" --objective sft --loss-type sigmoid_norm
refused "beta: expected" --beta 0
refused "beta: expected" --beta -1
refused "beta: expected a number that a 32-bit float holds" --beta 1e300
refused "label-smoothing: expected" --label-smoothing 0.5
refused "loss-type: expected" --loss-type hinge
refused "objective dpo needs data of the format preference, found data_format alpaca" --data-format alpaca
refused "objective dpo and excess_length truncate contradict each other" --excess-length truncate
refused "objective dpo and excess_length split contradict each other" --excess-length split
refused "join_documents needs objective lm or sft" --join-documents on
refused "augmentations" --num-demonstrations 1
refused "augmentations" --persona-ratio 0.5
refused "beta here" --pref-beta 0.2
expect 2 vkift eval --model model --data pairs.jsonl --objective dpo
says "objective dpo: expected sft or lm"
expect 2 vkift data convert "${read_as[@]}" --to tokens --output no
says "neither messages nor token ids have a place for two answers"
expect 2 vkift data convert "${read_as[@]}" --to messages --output no
says "neither messages nor token ids have a place for two answers"
expect 2 vkift crossval --model model --data pairs.jsonl --objective dpo --output-dir no
says "a crossval needs objective sft"

# --- data
bad() { # ROW WANTED
  printf '%s\n' '{"prompt": "p", "chosen": "c", "rejected": "r"}' "$1" >bad.jsonl
  expect 1 vkift train --model model --data bad.jsonl --chat-template chatml --objective dpo --output-dir no
  says "bad.jsonl:2: $2"
}
bad '{"prompt": "p", "chosen": "c"}' "rejected: expected a string or a list of messages, found nothing"
bad '{"prompt": "p", "rejected": "r"}' "chosen: expected a string or a list of messages, found nothing"
bad '{"prompt": "p", "chosen": "same", "rejected": "same"}' "chosen, rejected: expected two answers that differ, found the same"
bad '{"prompt": "p", "chosen": "c", "rejected": ""}' "rejected: message 2: expected an answer to learn, found an empty one"
bad '{"prompt": "p", "chosen": "", "rejected": "r"}' "message 2: expected an answer to learn, found an empty one"
bad '{"instruction": "p", "output": "c"}' "chosen: expected a string or a list of messages, found nothing"
bad '{"chosen": "c", "rejected": "r"}' "chosen, rejected: expected a \"prompt\""
# A template may make the same tokens of different answers.
cat >trim.jinja <<'END'
{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content | trim }}<|im_end|>
{% endfor %}
END
printf '{"prompt": "p", "chosen": "c", "rejected": "r"}\n{"prompt": "p", "chosen": "c", "rejected": "c "}\n' >bad.jsonl
expect 1 vkift train --model model --data bad.jsonl --chat-template trim.jinja --objective dpo --output-dir no
says "bad.jsonl:2: chosen, rejected: expected two answers that differ, found two that become the same tokens"
printf '{"text": "t"}\n' >text.jsonl
expect 1 vkift train --model model --data text.jsonl --objective dpo --output-dir no
says "text.jsonl:1: chosen: expected"
python3 "$here/tiny.py" pairs long.jsonl 30 || exit 1
expect 0 vkift train --model model --data long.jsonl --chat-template chatml --objective dpo --max-length 70 --max-steps 1 --output-dir short
says "dropped: longer than 70 tokens"
VKIFT_DEVICE_PROFILE=max_binding_bytes=32768 expect 1 vkift train --model model --data long.jsonl --chat-template chatml --objective dpo --output-dir no
says "but a row holds 64 at this model's width on this device: use --max-length 32"
checks=$((checks + 1))
[ ! -e no ] || fail "a refused run left a directory"

finish
