#!/usr/bin/env bash
# LoRA adapters: PEFT's files to the letter, going on from one, merging, rsLoRA's scale, and a GGUF base.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" && python3 "$here/tiny.py" data "$WORK/data.jsonl" 11 || exit 1
cd "$WORK" || exit 1

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

# --- rsLoRA: alpha / √r, which is LoRA's alpha · √r / r
cp -r some/adapter as-lora
python3 "$here/tiny.py" set as-lora/adapter_config.json use_rslora false
python3 "$here/tiny.py" set as-lora/adapter_config.json lora_alpha 20.784609690826528
eval_tokens as-lora.out --model model --adapter as-lora
check losses some.out as-lora.out

# --- going on from an adapter: its values, its rank and its modules
train more --adapter some/adapter
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
else
  echo "without the part with a GGUF base: the shared test data is not there"
fi

finish
