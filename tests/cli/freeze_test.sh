#!/usr/bin/env bash
# --method freeze: only named parameters or the last layers train. What does not is neither computed for, nor stored, nor
# changed.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/wide" && python3 "$here/tiny.py" data "$WORK/data.jsonl" 24 || exit 1
cd "$WORK" || exit 1
cp -r wide model && python3 "$here/freeze.py" narrow model || exit 1

check() { # ARGUMENTS…
  checks=$((checks + 1)) last="freeze.py $*"
  python3 "$here/freeze.py" "$@" 2>"$WORK/difference" || fail "$(tail -n 1 "$WORK/difference")"
}

options=(--data data.jsonl --chat-template chatml --batch-size 4 --warmup-steps 0 --learning-rate 1e-2 --micro-batch-tokens 256)
train() { # MODEL RUN OPTIONS…
  expect 0 vkift train --model "$1" "${options[@]}" --max-steps 4 --output-dir "${@:2}"
}
flops() { # PLAN
  python3 -c 'import json, sys; print(int(json.load(open(sys.argv[1]))["row_flops"]))' "$1"
}

# The last layer: its gradients are those of full training, the rest has the same bytes, and memory is its own alone.
train wide full --method full --log-tensor-norms --max-steps 1
for model in wide model; do
  rm -rf last
  train $model last --method freeze --trainable-layers 1 --log-tensor-norms
  check files last $model model.layers.1.
  expect 0 vkift plan --model $model "${options[@]}" --method freeze --trainable-layers 1 --json
  cp out last.plan
  check memory last.plan last model.layers.1. $model
  [ $model = model ] || check same last full model.layers.1.
done
expect 0 vkift plan --model model "${options[@]}" --method freeze --trainable model.embed_tokens,model.layers.1 --json
checks=$((checks + 1))
[ "$(flops last.plan)" -lt "$(flops out)" ] || fail "expected less to compute where backward may stop below the last layer"

# By name: a part of every layer, and what stands at the very end.
train wide named --method freeze --trainable '*.v_proj.weight,model.norm,lm_head' --log-tensor-norms
check files named wide v_proj,model.norm,lm_head
check same named full v_proj,model.norm,lm_head
train wide head --method freeze --trainable lm_head
check files head wide lm_head

# A run that was stopped goes on with the same bits, and with the same weights frozen.
train model once --method freeze --trainable 'model.layers.1,norm' --lr-scheduler-type constant --optim adamw_8bit
train model half --method freeze --trainable 'model.layers.1,norm' --lr-scheduler-type constant --optim adamw_8bit --max-steps 2
expect 0 vkift train --resume half --max-steps 4
checks=$((checks + 1))
cmp -s once/model/model.safetensors half/model/model.safetensors || fail "a resumed run has other weights"
grep -qxF 'trainable: ["model.layers.1", "norm"]' half/config.yaml || fail "expected the names in config.yaml"

# The best weights are kept; the model is asked, scored and merged as any other.
train model best --method freeze --trainable-layers 1 --eval-split 0.4 --eval-steps 1 --load-best-model-at-end --max-steps 12 \
  --learning-rate 0.1 --lr-scheduler-type constant
check files best model model.layers.1.
expect 0 vkift eval best --data data.jsonl --compare-base --json
checks=$((checks + 1))
python3 -c 'import json; c = json.load(open("out")); assert c["base"]["loss"] > c["tuned"]["loss"]' || fail "expected a lower loss than the base's"
expect 0 vkift generate best --prompt "the" --max-new-tokens 4
expect 0 vkift report best --output best.html
checks=$((checks + 1))
grep -q "parameters train, the rest is frozen" best.html || fail "expected the report to say what trained"

# --- what is refused, before anything is written
refused() { # STATUS MESSAGE OPTIONS…
  expect "$1" vkift train --model model "${options[@]}" --output-dir refused "${@:3}"
  says "$2"
  checks=$((checks + 1))
  [ ! -e refused ] || fail "expected nothing to be written"
}
refused 2 "method freeze needs trainable" --method freeze
refused 2 "trainable needs method freeze" --trainable norm
refused 2 "trainable_layers needs method freeze" --method full --trainable-layers 1
refused 2 "adapter needs method lora" --method freeze --trainable-layers 1 --adapter x
refused 2 "init random needs method full" --method freeze --trainable-layers 1 --init random
refused 1 'trainable: expected names of parameters or modules (near: q_proj' --method freeze --trainable q_prj
refused 1 'trainable: expected names of parameters or modules (there are: embed_tokens, ' --method freeze --trainable 'experts.*'
refused 1 'trainable_layers: expected at most 2, the layers of the model, found 3' --method freeze --trainable-layers 3
refused 2 'LLaMA-Factory calls it so; it is --trainable-layers here' --method freeze --freeze-trainable-layers 1
finish
