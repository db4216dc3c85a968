#!/usr/bin/env bash
# --modules-to-save: embedding and head trained whole beside LoRA, in the files that PEFT has for them.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" && python3 "$here/tiny.py" data "$WORK/data.jsonl" 9 || exit 1
cd "$WORK" || exit 1
cp -r model tied && python3 "$here/modules_to_save.py" tie tied || exit 1

check() { # SCRIPT COMMAND…
  checks=$((checks + 1)) last="$*"
  python3 "$here/$1" "${@:2}" 2>"$WORK/difference" || fail "$(tail -n 1 "$WORK/difference")"
}

train() { # MODEL RUN OPTIONS…
  expect 0 vkift train --model "$1" --data data.jsonl --chat-template chatml --batch-size 4 --max-steps 4 --warmup-steps 0 \
    --learning-rate 1e-2 --output-dir "${@:2}"
}
whole=(--modules-to-save 'embed_tokens,lm_head')

score() { # FILE OPTIONS…
  expect 0 vkift eval --data data.jsonl --chat-template chatml --per-token --json "${@:2}"
  cp "$WORK/out" "$1"
}

for model in model tied; do
  train $model $model-run "${whole[@]}" --lora-r 3 --log-tensor-norms
  check modules_to_save.py files $model-run $model "$([ $model = tied ] && echo true || echo false)"
  score run.out $model-run
  score base.out --model $model
  check lora.py losses base.out run.out differ
  score adapter.out --model $model --adapter $model-run/adapter
  check lora.py losses run.out adapter.out
  expect 0 vkift export --merge $model-run --output-dir $model-merged
  check modules_to_save.py merged $model-run $model-merged
  score merged.out --model $model-merged
  check lora.py losses run.out merged.out
  # A resumed run has the bits of one that was not stopped.
  train $model once "${whole[@]}" --lora-r 3 --lr-scheduler-type constant
  train $model half "${whole[@]}" --lora-r 3 --lr-scheduler-type constant --max-steps 2
  expect 0 vkift train --resume half --max-steps 4
  checks=$((checks + 1))
  cmp -s once/adapter/adapter_model.safetensors half/adapter/adapter_model.safetensors || fail "a resumed run has other weights"
  rm -rf once half
  # Another run begins where the adapter ends.
  train $model further --adapter $model-run/adapter --learning-rate 1e-12
  grep -q 'modules_to_save:.*embed_tokens.*lm_head\|- lm_head' further/config.yaml || fail "expected the adapter's modules in config.yaml"
  score further.out further
  check lora.py losses run.out further.out
  rm -rf further
  expect 0 vkift data check --model $model --adapter $model-run/adapter --data data.jsonl
  ! grep -q "never to have been trained" out || fail "the adapter has trained the tokens"
done

# The first step's gradients of embedding and head are those of full training, where B is zero and changes nothing.
train model full --method full --log-tensor-norms
check modules_to_save.py norms model-run full

# --- norms and linear layers: whatever ends so, as PEFT reads the names
others=(--modules-to-save 'norm,down_proj' --target-modules 'q_proj,v_proj')
train model others "${others[@]}" --log-tensor-norms
check modules_to_save.py others others model full
score others.out others
expect 0 vkift export --merge others --output-dir others-merged
check modules_to_save.py others_merged others others-merged
score merged.out --model others-merged
check lora.py losses others.out merged.out
train model once "${others[@]}" --lr-scheduler-type constant
train model half "${others[@]}" --lr-scheduler-type constant --max-steps 2
expect 0 vkift train --resume half --max-steps 4
checks=$((checks + 1))
cmp -s once/adapter/adapter_model.safetensors half/adapter/adapter_model.safetensors || fail "a resumed run has other weights"
expect 1 vkift train --model model --data data.jsonl --chat-template chatml --adapter others/adapter --modules-to-save norm --output-dir x
says 'expected none, or those of the adapter others/adapter that is gone on from (norm, down_proj), found others'
cp -r others/adapter short && python3 "$here/modules_to_save.py" shorten short
expect 1 vkift eval --model model --adapter short --data data.jsonl
says 'tensor base_model.model.model.norm.weight: expected shape [20] for this model, found [19]'

cp -r model-run/adapter vocabulary && python3 "$here/modules_to_save.py" other_vocabulary vocabulary
expect 1 vkift train --model model --data data.jsonl --chat-template chatml --adapter vocabulary --output-dir x
says 'tensor base_model.model.model.embed_tokens.weight: expected shape [263, 20] for this model, found [262, 20]'

# --- what is refused
expect 1 vkift train --model tied --data data.jsonl --chat-template chatml --modules-to-save embed_tokens --output-dir x
says 'modules_to_save: expected both embed_tokens and lm_head, since this model has one matrix for the two, found embed_tokens alone'
refuse_modules() { # MESSAGE OPTIONS…
  expect 1 vkift train --model model --data data.jsonl --chat-template chatml --output-dir x "${@:2}"
  says "$1"
}
refuse_modules 'modules_to_save: expected modules of the model (near: norm' --modules-to-save nrm
refuse_modules 'modules_to_save: expected modules with weights of their own, found "mlp", which holds other modules' --modules-to-save mlp
refuse_modules 'target_modules and modules_to_save contradict each other: both name down_proj; give target_modules without it' \
  --modules-to-save down_proj
refuse_modules 'target_modules and modules_to_save contradict each other: both name q_proj' --target-modules q_proj,v_proj \
  --modules-to-save norm,q_proj
expect 2 vkift train --model model --data data.jsonl --method full "${whole[@]}" --output-dir x
says 'modules_to_save needs method lora: full trains everything'
expect 1 vkift eval --model tied --adapter model-run/adapter --data data.jsonl
says 'tensor base_model.model.lm_head.weight: expected the values of base_model.model.model.embed_tokens.weight'
python3 "$here/modules_to_save.py" spoil tied-run/adapter
expect 1 vkift export --merge tied-run --output-dir spoiled
says 'since this model has one matrix for the two, found others'
# What an adapter does not have cannot be asked for beside it.
train model plain
expect 1 vkift train --model model --data data.jsonl --chat-template chatml --adapter plain/adapter --output-dir other "${whole[@]}"
says 'modules_to_save: expected none, or those of the adapter plain/adapter that is gone on from (none), found others'
python3 "$here/tiny.py" set model-run/adapter/adapter_config.json modules_to_save null
expect 1 vkift eval --model model --adapter model-run/adapter --data data.jsonl
says 'belongs to no target module of this model'
finish
