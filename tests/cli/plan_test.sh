#!/usr/bin/env bash
# vkift plan: training allocates what it prints, to the byte; it needs config.json alone; what does not fit, and what would.
# shellcheck disable=SC2086 # $rows is words on purpose
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
cd "$WORK" || exit 1
python3 "$here/tiny.py" model model && python3 "$here/tiny.py" data data.jsonl 11 || exit 1
base=$SOURCE_DIR/assets/base

# holds PYTHON: about the plan in out, as p
holds() {
  checks=$((checks + 1))
  python3 -c 'import json, sys
p = json.load(open("out"))
assert eval(sys.argv[1]), sys.argv[1] + ": " + json.dumps(p)' "$1" 2>"$WORK/err" || fail "$(tail -n 1 "$WORK/err")"
}

# same RUN OPTIONS… — what plan says before is what the run's metrics say after.
same() {
  local run=$1
  shift
  expect 0 vkift plan "$@" --json
  cp out "$run.plan"
  holds 'p["device_bytes"] == sum(p[k + "_bytes"] for k in ("frozen", "weight", "gradient", "optimizer", "activation", "rest"))'
  expect 0 vkift train "$@" --data "$data" --batch-size 4 --max-steps 1 --output-dir "$run"
  checks=$((checks + 1))
  python3 - "$run" <<'P' 2>"$WORK/err" || fail "$(tail -n 1 "$WORK/err")"
import json, sys
run = sys.argv[1]
plan = json.load(open(run + ".plan"))
found = [json.loads(line) for line in open(run + "/metrics.jsonl")][0]["device_bytes"]
assert plan["device_bytes"] == found, f"planned {plan['device_bytes']} bytes, the run has {found}"
P
}

# --- the embedded model, without its data: rows and lengths are options
data=$SOURCE_DIR/assets/train.jsonl
rows="--max-length 200 --micro-batch-tokens 320"
same lora --model "$base" $rows --gradient-checkpointing off
same lora-again --model "$base" $rows --gradient-checkpointing on
same lora-some --model "$base" $rows --gradient-checkpointing on --checkpointing-layers 2
same lora-groups --model "$base" $rows --gradient-checkpointing on --checkpointing-group 2
same lora-small --model "$base" $rows --lora-r 3 --target-modules q_proj,down_proj --weight-dtype f16
same lora-whole --model "$base" $rows --modules-to-save embed_tokens,lm_head
same full --model "$base" $rows --method full --gradient-checkpointing off
same lora-8bit --model "$base" $rows --optim adamw_8bit
same full-8bit --model "$base" $rows --method full --optim adamw_8bit
export VKIFT_DEVICE_PROFILE=is_cpu=0,cores=60 # the tokens of weight gradients are split
same lora-slices --model "$base" --max-length 200 --micro-batch-tokens 2048 --weight-dtype f16
unset VKIFT_DEVICE_PROFILE
same full-again --model "$base" $rows --method full --gradient-checkpointing on
checks=$((checks + 1))
python3 - <<'P' 2>"$WORK/err" || fail "$(tail -n 1 "$WORK/err")"
import json
p = {n: json.load(open(n + ".plan")) for n in ("lora", "lora-again", "lora-some", "lora-small", "full")}
activations = {n: x["activation_bytes"] for n, x in p.items()}
assert activations["lora-again"] < activations["lora-some"] < activations["lora"], activations
flops = {n: x["row_flops"] for n, x in p.items()}
assert flops["lora"] < flops["lora-some"] < flops["lora-again"], flops
assert p["full"]["frozen_bytes"] == 0 and p["full"]["trained_parameters"] == p["full"]["parameters"] == 283200, p["full"]
assert p["lora-small"]["frozen_bytes"] * 19 < p["lora"]["frozen_bytes"] * 10, p["lora-small"]
P

# --- with data it plans what training chooses; the same whatever the seed does
data=data.jsonl
expect 0 vkift plan --model model --data data.jsonl --json
cp out with-data.plan
expect 0 vkift train --model model --data data.jsonl --max-steps 1 --output-dir with-data
checks=$((checks + 1))
python3 - <<'P' 2>"$WORK/err" || fail "$(tail -n 1 "$WORK/err")"
import json
plan, row = json.load(open("with-data.plan")), json.loads(open("with-data/metrics.jsonl").readline())
assert plan["device_bytes"] == row["device_bytes"], (plan, row)
assert plan["steps"] == 3 and plan["step_tokens"] == row["tokens"], (plan, row)
P

# --- a device whose limits are small: several chunks
export VKIFT_DEVICE_PROFILE=max_chunk_bytes=2000000
same chunks --model "$base" $rows --gradient-checkpointing off
same chunks-full --model "$base" $rows --gradient-checkpointing off --method full
unset VKIFT_DEVICE_PROFILE

# --- from the configuration alone, and no device
mkdir alone
cp model/config.json alone
export VK_DRIVER_FILES=/nowhere VK_ICD_FILENAMES=/nowhere
expect 1 vkift plan --model alone
says "--vram 8GiB plans for a size of memory"
expect 0 vkift plan --model alone --vram 8GiB --json
holds 'p["fits"] and p["budget_bytes"] == 2**33 // 10 * 9 and p["pretraining_flops"] is None and p["row_tokens"] == 2048'
whole=$(cat out)
cp model/model.safetensors alone
expect 0 vkift plan --model alone --vram 8GiB --json
checks=$((checks + 1))
[ "$whole" = "$(cat out)" ] || fail "another plan where the weights are there"
rm alone/model.safetensors
python3 "$here/tiny.py" set alone/config.json torch_dtype '"bfloat16"'
expect 0 vkift plan --model alone --vram 8GiB --json
holds "p['frozen_bytes'] * 19 < $(printf %s "$whole" | python3 -c 'import json, sys; print(json.load(sys.stdin)["frozen_bytes"])') * 10"
expect 0 vkift plan --model alone --vram 8GiB --pretraining-tokens 1e6 --gflops 2 --max-steps 10 --json
holds 'abs(p["pretraining_flops"] - 6e6 * (p["parameters"] - p["trained_parameters"])) < 1 and p["step_seconds"] == p["step_flops"] / 2e9'
holds 'p["run_flops"] == 10 * p["step_flops"]'

echo '{"figures": [{"name": "copy", "gflops": null}, {"name": "train_step", "gflops": 2.5}]}' >bench.json
expect 0 vkift plan --model alone --vram 8GiB --bench bench.json --json
holds 'p["step_seconds"] == p["step_flops"] / 2.5e9'
expect 0 vkift plan --model alone --vram 8GiB --bench bench.json
prints "at the 2.5 GFLOP/s of a step in bench.json"
expect 2 vkift plan --model alone --vram 8GiB --bench bench.json --gflops 3
echo '{"figures": [{"name": "copy", "gflops": null}]}' >bench.json
expect 1 vkift plan --model alone --vram 8GiB --bench bench.json
says "bench.json: figures: expected a train_step with its gflops, found none"
echo '{"figures": [{"name": "train_step", "gflops": "many"}]}' >bench.json
expect 1 vkift plan --model alone --vram 8GiB --bench bench.json
says "bench.json: figures"

# --- the embedded model says what it was pretrained on
expect 0 vkift plan --vram 8GiB
prints "pretraining took about"
prints "the run's share of that"

# --- models of well-known shapes, every layer computed again: SmolLM2-135M in 700 MiB; rows of 8B whose MLP passes a binding
shaped() { # HIDDEN MLP LAYERS HEADS KV VOCABULARY TIED OPTIONS…
  for pair in hidden_size:"$1" intermediate_size:"$2" num_hidden_layers:"$3" num_attention_heads:"$4" num_key_value_heads:"$5" \
    vocab_size:"$6" tie_word_embeddings:"$7" head_dim:null max_position_embeddings:8192 bos_token_id:null eos_token_id:null; do
    python3 "$here/tiny.py" set alone/config.json "${pair%%:*}" "${pair#*:}"
  done
  expect 0 vkift plan --model alone --vram 1TiB --gradient-checkpointing on --json "${@:8}"
}
cp alone/config.json tiny.json
shaped 576 1536 30 9 3 49152 true
holds 'p["device_bytes"] <= 700 * 2**20 and p["row_tokens"] == 2048 and p["checkpointing_layers"] == 30'
shaped 4096 14336 32 32 8 128256 false --micro-batch-tokens 4096
holds 'p["row_tokens"] == 4096 and p["device_bytes"] < 20 * 2**30'
shaped 3584 18944 28 28 4 152064 false # its embedding passes the 1 GiB of an allocation
holds 'p["frozen_bytes"] > 14 * 2**30'
shaped 4096 14336 32 32 8 128256 false --weight-dtype q4_k # Llama 3.1's 8B
holds 'p["device_bytes"] <= 7.0 * 2**30 and p["row_tokens"] == 2048 and p["frozen_bytes"] < 8030261248 * 4.51 / 8'
q4_k=$(python3 -c 'import json; print(json.load(open("out"))["device_bytes"])')
shaped 4096 14336 32 32 8 128256 false --quantize nf4 --weight-dtype bf16 # the embedding and the head stay wide
holds "$q4_k < p['device_bytes'] <= 8.2 * 2**30"
expect 0 vkift plan --model alone --vram 16GiB --gradient-checkpointing on --json # in bf16 it does not fit, in nf4 it does
holds 'not p["fits"] and any(w["fits"] and w["change"] == "--quantize nf4" for w in p["ways"])'
shaped 576 1536 30 9 3 49152 true --quantize nf4
expect 1 vkift plan --model alone --vram 1TiB --weight-dtype q4_k
says "alone: tensor model.embed_tokens.weight: expected rows in blocks of 256 elements, as q4_k has, found the shape [49152, 576]"
expect 2 vkift plan --model alone --vram 1TiB --weight-dtype q4_k --method full
says "a quantized weight_dtype and method full contradict each other"
expect 2 vkift plan --model alone --vram 1TiB --quantize nf4 --method full
says "quantize and method full contradict each other"
cp tiny.json alone/config.json
expect 1 vkift plan --model alone --vram 1TiB --quantize nf4
says "as nf4 has, found the shape"

# --- what does not fit, and what would
expect 0 vkift plan --model alone --vram 8GiB $rows --gradient-checkpointing off --json
need=$(python3 -c 'import json; print(json.load(open("out"))["device_bytes"])')
expect 0 vkift plan --model alone --vram $((need * 10 / 9 + 100)) $rows --gradient-checkpointing off --json
holds 'p["fits"] and not p["ways"]'
expect 0 vkift plan --model alone --vram $((need * 10 / 9 - 100)) $rows --gradient-checkpointing off --json
holds 'not p["fits"] and any(w["fits"] and w["change"] == "--gradient-checkpointing auto" for w in p["ways"])'
expect 0 vkift plan --model alone --vram $((need * 10 / 9 - 100)) $rows --json # left to itself: the fewest layers that fit
holds 'p["fits"] and p["checkpointing_layers"] == 1'
expect 0 vkift plan --model alone --vram 100KiB
prints "DOES NOT FIT"
prints "--max-length"

expect 2 vkift plan --model alone --vram lots
says 'expected a size like 8GiB or 8000MB, found "lots"'
expect 2 vkift plan --model alone --optim nothing
expect 2 vkift plan --data data.jsonl
expect 1 vkift plan --model nowhere --vram 1GiB

finish
