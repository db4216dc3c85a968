#!/usr/bin/env bash
# LoRA adapters: PEFT's files to the letter, going on from one, merging, rsLoRA's scale, and a GGUF base.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" && python3 "$here/tiny.py" data "$WORK/data.jsonl" 11 || exit 1
cd "$WORK" || exit 1
mkdir chatml # the built-in template is meant wherever the command runs

# check COMMAND… — lora.py, whose complaint is the failure.
check() {
  checks=$((checks + 1)) last="lora.py $*"
  python3 "$here/lora.py" "$@" 2>"$WORK/difference" || fail "$(tail -n 1 "$WORK/difference")"
}

train() { # RUN OPTIONS…
  expect 0 vkift train --model model --data data.jsonl --chat-template chatml --batch-size 4 --max-steps 4 --warmup-steps 0 \
    --learning-rate 3e-2 --save-steps 1 --save-total-limit 100 --output-dir "$@"
}

# eval FILE OPTIONS…
eval_tokens() {
  expect 0 vkift eval --data data.jsonl --chat-template chatml --per-token --json "${@:2}"
  cp "$WORK/out" "$1"
}

# --- what is written, for all projections and for some
train all
check files all all-linear 16 32 false
check fresh all
train some --model model/ --target-modules q_proj,down_proj --lora-r 3 --lora-alpha 12 --use-rslora
check files some q_proj,down_proj 3 12 true

# --- the adapter changes the model; merging it gives the same model
eval_tokens base.out --model model
for run in all some; do
  eval_tokens "$run.out" --model model --adapter "$run/adapter"
  check losses base.out "$run.out" differ
  expect 0 vkift export --merge "$run" --output-dir "$run-merged"
  check merged model "$run/adapter" "$run-merged"
  eval_tokens merged.out --model "$run-merged"
  check losses "$run.out" merged.out
done
eval_tokens run.out all
check losses all.out run.out
expect 0 vkift export --merge --model model/ --adapter all/adapter/ --output-dir by-parts/
checks=$((checks + 1))
cmp -s by-parts/model.safetensors all-merged/model.safetensors || fail "a run and its parts merge to different weights"
expect 1 vkift export --merge all --output-dir by-parts
says "by-parts: expected a new or empty directory"

# --- the base is asked with the prompt that the adapter was trained with
expect 0 vkift eval --model model --data data.jsonl --chat-template chatml --json
cp out base.json
for source in all "--model model --adapter all/adapter"; do
  # shellcheck disable=SC2086 # words on purpose
  expect 0 vkift eval $source --data data.jsonl --compare-base --json
  checks=$((checks + 1))
  python3 -c 'import json; b, c = json.load(open("base.json")), json.load(open("out")); assert c["base"]["loss"] == b["loss"] != c["tuned"]["loss"]' ||
    fail "expected the base with another loss than the adapter, and with the same prompt"
done

# --- rsLoRA: alpha / √r, which is LoRA's alpha · √r / r
cp -r some/adapter as-lora
python3 "$here/tiny.py" set as-lora/adapter_config.json use_rslora false
python3 "$here/tiny.py" set as-lora/adapter_config.json lora_alpha 20.784609690826528
eval_tokens as-lora.out --model model --adapter as-lora
check losses some.out as-lora.out

# --- going on from an adapter: its values, its rank and its modules
train more --adapter some/adapter
for line in 'lora_r: 3' 'lora_alpha: 12' 'use_rslora: true' 'target_modules: ["down_proj", "q_proj"]'; do
  checks=$((checks + 1))
  grep -qxF "$line" more/config.yaml || fail "expected in more/config.yaml: $line"
done
cp -r more longer
expect 0 vkift train --resume longer --max-steps 6 # config.yaml says what the run has become
checks=$((checks + 1))
grep -qx 'max_steps: 6' longer/config.yaml || fail "expected in longer/config.yaml: max_steps: 6"
check begins more some/adapter
check files more q_proj,down_proj 3 12 true
checks=$((checks + 1))
! cmp -s some/adapter/adapter_model.safetensors more/adapter/adapter_model.safetensors || fail "nothing was trained"

# --- a GGUF file as the base trains as the directory does
DATA=${VKIFT_SHARED_DATA:-$SOURCE_DIR/../shared/data}
if [ -d "$DATA" ]; then
  stories=$DATA/models/stories260K
  for base in hf gguf/stories260K.f32.gguf; do
    expect 0 vkift train --model "$stories/$base" --data data.jsonl --batch-size 3 --max-steps 3 --warmup-steps 0 --learning-rate 1e-2 \
      --output-dir "of-${base%%/*}"
  done
  check metrics of-hf/metrics.jsonl of-gguf/metrics.jsonl
  expect 0 vkift eval of-gguf --data data.jsonl --per-token --json
  cp out of-gguf.out
  expect 0 vkift export --merge of-gguf --output-dir gguf-merged
  expect 0 vkift eval --model gguf-merged --data data.jsonl --per-token --json
  check losses of-gguf.out out
  # what a GGUF file asks for and vkift lacks is refused by its key
  gguf_with() { # KEY VALUE: a number or a string, put in front of the other keys
    python3 -c 'import struct, sys
key, value = sys.argv[1].encode(), sys.argv[2]
string = lambda s: struct.pack("<Q", len(s)) + s
entry = lambda k, v: string(k) + (struct.pack("<II", 4, int(v)) if v.isdigit() else struct.pack("<I", 8) + string(v.encode()))
added = entry(key, value)
added += entry(b"padding", "x" * (1 + -(len(added) + len(entry(b"padding", "x"))) % 32)) # the data stays aligned
whole = open(sys.argv[3], "rb").read()
tensors, n = struct.unpack_from("<QQ", whole, 8)
open("asks.gguf", "wb").write(whole[:16] + struct.pack("<Q", n + 2) + added + whole[24:])' "$1" "$2" "$stories/gguf/stories260K.f32.gguf"
    expect 1 vkift eval --model asks.gguf --data data.jsonl
    says "asks.gguf: ${4:-$1: expected}"
    says "${3:+found $3}"
  }
  gguf_with llama.rope.scaling.type yarn '"yarn"'
  gguf_with llama.expert_count 4 4
  gguf_with llama.attention.value_length 4 4
  gguf_with llama.attention.sliding_window 4096 4096
  gguf_with llama.residual_scale 3 '' '"llama.residual_scale": a setting that vkift does not know'
else
  echo "without the part with a GGUF base: the shared test data is not there"
fi

finish
