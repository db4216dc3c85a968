#!/usr/bin/env bash
# Bad models, adapters and data: exit status 1 (2 for wrong usage) before anything is trained, a message that names the file,
# the place, what was expected and what was found, and no file left behind. Bad option files: train_usage_test.sh.
# shellcheck disable=SC2317 # functions that others call by name
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
export PYTHONPATH=$here
python3 "$here/tiny.py" model "$WORK/model" && python3 "$here/tiny.py" data "$WORK/data.jsonl" 5 || exit 1
cd "$WORK" || exit 1
limit=${SECONDS_TO_REFUSE:-10} # a refusal is quick, even under a sanitizer or on a busy machine

# refused STATUS COMMAND… -- WANTED… — every text wanted is on stderr, and the files are those of before.
refused() {
  local status=$1 command=() before after
  shift
  while [ "$1" != -- ]; do command+=("$1") && shift; done
  shift
  before=$(find . -path ./out -prune -o -path ./err -prune -o -print | sort)
  expect "$status" timeout "$limit" "${command[@]}" </dev/null
  after=$(find . -path ./out -prune -o -path ./err -prune -o -print | sort)
  for wanted in "$@"; do says "$wanted"; done
  prints_nothing
  checks=$((checks + 1))
  [ "$before" = "$after" ] || fail "files were left or removed: $(diff <(echo "$before") <(echo "$after") | head -n 5)"
  [ "$(grep -c '^vkift: error: ' err)" -eq 1 ] || fail "expected one message"
}

# --- configurations: KEY VALUE WANTED…
config() {
  rm -rf bad && cp -r model bad
  python3 "$here/tiny.py" set bad/config.json "$1" "$2" || exit 1
  refused 1 "$VKIFT" train --model bad --data data.jsonl --output-dir run -- bad/ "${@:3}"
}
config hidden_size '"big"' 'hidden_size' 'expected' '"big"'
config hidden_size - 'hidden_size' 'found nothing'
config hidden_size 20.5 'hidden_size' '20.5'
config hidden_size -20 'hidden_size' '-20'
config hidden_size 4000000000 'hidden size: expected 1 to 65536, found 4000000000'
config num_hidden_layers 0 'number of layers: expected 1 to 1024, found 0'
config num_hidden_layers 999999 'number of layers'
config vocab_size null 'vocab_size'
config num_attention_heads 3 'bad/model.safetensors: tensor model.layers.0.self_attn.q_proj.weight: expected shape [18, 20], found [12, 20]'
config num_key_value_heads 3 'multiple' '2 and 3'
config num_key_value_heads 0 'number of key-value heads: expected 1'
config head_dim 5 'even number' '5'
config architectures '["MambaForCausalLM"]' 'architectures: expected' 'MambaForCausalLM' 'not supported'
config architectures '"LlamaForCausalLM"' 'architectures'
config architectures '[]' 'architectures'
config attention_bias true 'attention_bias: expected' 'found true'
config mlp_bias true 'mlp_bias'
config hidden_act '"gelu"' 'hidden_act: expected "silu"' 'gelu'
config quantization_config '{"quant_method": "gptq"}' 'quantization_config'
config num_local_experts 8 'num_local_experts'
config rope_scaling '{"rope_type": "yarn", "factor": 4.0}' 'rope_scaling.rope_type: expected' '"yarn"'
config rope_scaling '{"rope_type": "llama3", "factor": 8.0}' 'rope_scaling' 'low_freq_factor'
config rope_scaling '{"rope_type": "linear", "factor": -1}' 'factor' '-1'
config rope_scaling '"fast"' 'rope_scaling: expected an object or null, found a string "fast"'
config rope_theta 0 'rope_theta'
config rms_norm_eps -1 'rms_norm_eps'
config eos_token_id 5000 'eos_token_id: expected token ids below 263, found the number 5000'
config tie_word_embeddings '"yes"' 'tie_word_embeddings'
config max_position_embeddings 0 'number of positions'

# --- files of a model: WANTED COMMAND…, done to a copy
model() {
  local wanted=$1
  shift
  rm -rf bad && cp -r model bad
  "$@" || { last=$* && fail "could not make the bad model"; }
  refused 1 "$VKIFT" train --model bad --data data.jsonl --output-dir run -- bad "$wanted"
}
model 'found no config.json' rm bad/config.json
model 'bad/config.json: ' truncate -s 40 bad/config.json
model 'bad/config.json: ' cp /dev/null bad/config.json
model 'bad/tokenizer.json' rm bad/tokenizer.json
model 'bad/tokenizer.json: ' truncate -s 900 bad/tokenizer.json
model 'bad/tokenizer.json' python3 "$here/tiny.py" set bad/tokenizer.json model '{"type": "WordPiece"}'
model 'safetensors' rm bad/model.safetensors
model 'bad/model.safetensors: ' truncate -s 30000 bad/model.safetensors
model 'bad/model.safetensors: ' truncate -s 5 bad/model.safetensors
write_word() { python3 -c 'import struct, sys; f = open(sys.argv[1], "r+b"); f.write(struct.pack("<Q", int(sys.argv[2])))' "$@"; }
model 'bad/model.safetensors: ' write_word bad/model.safetensors 9223372036854775807
model 'bad/model.safetensors: ' write_word bad/model.safetensors 3
deep() { python3 -c 'print("[" * 100000)' >"$1"; }
model 'bad/config.json: ' deep bad/config.json
smaller_vocabulary() { python3 "$here/tiny.py" set bad/config.json vocab_size 100 && python3 "$here/tiny.py" set bad/config.json eos_token_id 99; }
model "the tokenizer has ids up to 261, the model's vocabulary only 100" smaller_vocabulary

# tensors CODE: on the dictionary t.
tensors() { python3 -c 'import sys, tiny
t, m = tiny.read_safetensors("bad/model.safetensors"); exec(sys.argv[1]); tiny.write_safetensors("bad/model.safetensors", t, m)' "$1"; }
up=model.layers.1.mlp.up_proj.weight
model "tensor $up: expected by the config, found none" tensors "del t['$up']"
model "tensor $up: expected shape [27, 20], found [20, 27]" tensors "t['$up'] = ('F32', [20, 27], t['$up'][2])"
model "tensor $up: expected shape [27, 20], found [540]" tensors "t['$up'] = ('F32', [540], t['$up'][2])"
model "tensor model.layers.0.self_attn.q_proj.bias: not known" tensors "t['model.layers.0.self_attn.q_proj.bias'] = tiny.f32([12], [0] * 12)"
model "tensor $up: expected a float type, found i32" tensors "t['$up'] = ('I32', [27, 20], t['$up'][2])"
model "$up" tensors "t['$up'] = ('F32', [27, 21], t['$up'][2])"

# --- no model at all
refused 1 "$VKIFT" train --model meta-llama/Llama-3.2-1B --data data.jsonl -- "meta-llama/Llama-3.2-1B: no such directory" \
  "vkift does not download models" "hf download meta-llama/Llama-3.2-1B"
refused 1 "$VKIFT" train --model ./nothing --data data.jsonl -- "./nothing: no such file or directory"
refused 1 "$VKIFT" train --model data.jsonl --data data.jsonl -- "data.jsonl" "GGUF"
refused 1 "$VKIFT" eval --model ./nothing --data data.jsonl -- "./nothing: no such file"
refused 1 "$VKIFT" generate ./nothing --prompt a -- "./nothing"
refused 1 "$VKIFT" generate model --prompt a -- "model: expected a run directory"

# --- data: WANTED OPTIONS…, of bad.jsonl
data() {
  refused 1 "$VKIFT" train --model model --data bad.jsonl --output-dir run "${@:2}" -- bad.jsonl "$1"
}
lines() { printf '%s\n' "$@" >bad.jsonl; }
good='{"prompt": "a", "completion": "b"}'
lines "$good" "$good" '{"prompt": "a", "completion": }'
data 'bad.jsonl:3: '
lines "$good" '{"prompt": "a", "answer": "b"}'
data 'bad.jsonl:2: completion: expected a string, found nothing'
lines "$good" '{"prompt": "a", "completion": ""}'
data 'bad.jsonl:2: message 2: expected an answer to learn, found an empty one'
lines "$good" '{"prompt": 7, "completion": "b"}'
data 'bad.jsonl:2: prompt: expected a string, found the number 7'
lines '{"question": "a", "reply": "b"}'
data 'bad.jsonl:1: expected the fields of a known format'
lines "$good" '[1, 2]'
data 'bad.jsonl:2: expected an object, found an array'
: >bad.jsonl
data 'bad.jsonl: expected at least one example, found an empty file'
printf '{"prompt": "a\377", "completion": "b"}\n' >bad.jsonl
data 'bad.jsonl:1: column 14: expected UTF-8, found byte 0xFF'
printf '\377\376{\0"\0' >bad.jsonl
data 'UTF-16'
printf '{"prompt": "a", "completion": "b\0c"}\n' >bad.jsonl
data 'bad.jsonl:1: byte 33: expected text, found a NUL'
lines '{"input_ids": [1, 2, 263], "labels": [1, 2, 3]}'
data 'bad.jsonl:1: input_ids[2]: expected a token id below 263, found the number 263'
lines '{"input_ids": [1, 2, -1], "labels": [1, 2, 3]}'
data 'bad.jsonl:1: input_ids[2]: expected a token id below 263, found the number -1'
lines '{"input_ids": [1, 2, 3], "labels": [1, 2]}'
data 'bad.jsonl:1: labels: expected as many as input_ids, 3, found 2'
lines '{"input_ids": [1, 2, 3], "labels": [-100, -100, -100]}'
data 'bad.jsonl:1: '
lines '{"messages": [{"role": "robot", "content": "a"}]}'
data 'bad.jsonl:1: messages[0].role: expected "system", "user", "assistant" or "tool", found "robot"'
lines '{"messages": [{"role": "user", "content": "a"}]}'
data 'bad.jsonl:1: expected an answer (an assistant turn), found none'
lines '{"prompt": "a", "completion": "b", "weight": -1}'
data 'bad.jsonl:1: weight: expected a number above 0'
lines "$good"
data 'bad.jsonl:1: instruction: expected a string, found nothing' --data-format alpaca
data 'bad.jsonl: no example is left: 1 longer than 4 tokens (--max-length' --max-length 4
refused 1 "$VKIFT" train --model model --data bad.jsonl --output-dir run --max-length 513 -- "max_length: expected at most 512" "model" "found 513"
data 'bad.jsonl:1: expected at most 4 tokens (--max-length), found' --max-length 4 --excess-length error
refused 1 "$VKIFT" train --model model --data bad.jsonl --output-dir run --micro-batch-tokens 9 -- \
  "--micro-batch-tokens: expected at least" "the longest example" "found 9"
head -c 50000000 /dev/zero | tr '\0' 'a' >bad.jsonl
data 'bad.jsonl:1: expected a line of at most 16777216 bytes, found 50000000'
{ printf '{"prompt": "' && cat bad.jsonl && printf '", "completion": "b"}\n'; } >longer.jsonl && mv longer.jsonl bad.jsonl
data 'bad.jsonl:1: expected a line of at most 16777216 bytes, found 50000033'
python3 -c 'print("[" * 1000000)' >bad.jsonl
data 'bad.jsonl'
rm bad.jsonl
data 'bad.jsonl: expected a data file or a directory of them, found nothing'
mkdir empty
refused 1 "$VKIFT" train --model model --data empty --output-dir run -- empty train.jsonl
refused 1 "$VKIFT" train --model model --data data.jsonl --eval-data none.jsonl --output-dir run -- none.jsonl

refused 1 "$VKIFT" train --model model --data data.jsonl:1e9 --output-dir run -- "data.jsonl: weight: expected at most 10000" "found 1e+09"

# --- numbers that a device does not hold
refused 1 "$VKIFT" train --model model --data data.jsonl --output-dir run --micro-batch-tokens 16777216 -- \
  "--micro-batch-tokens: expected at most" "found 16777216"
refused 2 "$VKIFT" train --model model --data data.jsonl --output-dir run --adam-beta2 0.99999999999 -- "adam_beta2" "0.99999999999"
expect 0 vkift eval --model model --data data.jsonl --micro-batch-tokens 16777216 --max-length 170 --json
says "longer than 170 tokens" # what is not scored is said

# --- templates and devices
lines '{% for m in messages %}{{ m.content }}'
mv bad.jsonl bad.jinja
refused 1 "$VKIFT" train --model model --data data.jsonl --chat-template bad.jinja --output-dir run -- "bad.jinja: line 1, column 4: expected {% endfor %} for the block that begins here"
printf '{%% for m in messages %%}<{{ m.role }}>{{ m.content }}<|no_token|>{%% endfor %%}' >other.jinja
refused 1 "$VKIFT" train --model model --data data.jsonl --chat-template other.jinja --output-dir run -- "other.jinja: the chat template ends a turn with <|no_token|>, which is no token of model: use --chat-template alpaca"
refused 1 "$VKIFT" train --model model --data data.jsonl --chat-template none.jinja --output-dir run -- "none.jinja: expected the file of a chat template"
refused 1 "$VKIFT" train --model model --data data.jsonl --device 99 --output-dir run -- "99"
refused 1 "$VKIFT" train --model model --data data.jsonl --device "no such GPU" --output-dir run -- "no such GPU"

# --- output directories
mkdir full && echo mine >full/notes && echo mine >plain
refused 1 "$VKIFT" train --model model --data data.jsonl --output-dir full -- "full: expected a new or empty directory"
refused 1 "$VKIFT" train --model model --data data.jsonl --output-dir plain -- "plain: expected a new or empty directory for the run, found a file"
refused 1 "$VKIFT" export --merge --model model --output-dir full -- "full: expected a new or empty directory"
mkdir next.tmp && echo mine >next.tmp/notes
refused 1 "$VKIFT" export --merge --model model --output-dir next/ -- "next.tmp: expected nothing of that name"
refused 1 "$VKIFT" eval full --data data.jsonl -- "full: expected a run directory"

# --- adapters: WANTED COMMAND…, done to a copy of a good one
expect 0 vkift train --model model --data data.jsonl --chat-template chatml --max-steps 1 --lora-r 2 --target-modules q_proj,v_proj --output-dir good
adapter() {
  local wanted=$1
  shift
  rm -rf bad && cp -r good/adapter bad
  "$@" || { last=$* && fail "could not make the bad adapter"; }
  refused 1 "$VKIFT" train --model model --data data.jsonl --adapter bad --output-dir run -- bad "$wanted"
  refused 1 "$VKIFT" export --merge --model model --adapter bad --output-dir merged -- bad "$wanted"
}
adapter_config() { python3 "$here/tiny.py" set bad/adapter_config.json "$@"; }
low_rank() { python3 -c 'import sys, tiny
t, m = tiny.read_safetensors("bad/adapter_model.safetensors"); exec(sys.argv[1]); tiny.write_safetensors("bad/adapter_model.safetensors", t, m)' "$1"; }
key=base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight
adapter 'found no adapter_config.json' rm bad/adapter_config.json
adapter 'adapter_model.safetensors' rm bad/adapter_model.safetensors
adapter 'lora_magnitude_vector: expected by the adapter' adapter_config use_dora true
adapter 'r: expected 1 to 4096, found 0' adapter_config r 0
adapter 'rank_pattern' adapter_config rank_pattern '{"q_proj": 4}'
adapter 'modules_to_save' adapter_config modules_to_save '["score"]'
adapter 'lm_head.weight' adapter_config modules_to_save '["lm_head"]'
adapter 'peft_type: expected LORA, found IA3' adapter_config peft_type '"IA3"'
adapter 'bias' adapter_config bias '"all"'
adapter 'target_modules' adapter_config target_modules '["c_attn"]'
adapter 'target_modules' adapter_config target_modules '".*q_proj"'
adapter 'lora_alpha' adapter_config lora_alpha -
adapter 'lora_alpha: expected a number above 0, found 0' adapter_config lora_alpha 0
adapter 'init_lora_weights: expected' adapter_config init_lora_weights '"pissa"'
adapter "tensor $key: expected shape [2, 20] for this model, found [20, 2]" low_rank "t['$key'] = ('F32', [20, 2], t['$key'][2])"
adapter "tensor ${key/layers.1/layers.0}: expected shape [3, 20] for this model, found [2, 20]" adapter_config r 3
adapter "tensor $key: expected" low_rank "del t['$key']"
adapter "tensor $key: expected a float type, found i32" low_rank "t['$key'] = ('I32', [2, 20], t['$key'][2])"
adapter "tensor ${key}_2" low_rank "t['${key}_2'] = t['$key']"
adapter "tensor ${key/q_proj/k_proj}" low_rank "t['${key/q_proj/k_proj}'] = t['$key']"
refused 2 "$VKIFT" train --model model --data data.jsonl --adapter good/adapter --method full --output-dir run -- "adapter needs method lora"

finish
