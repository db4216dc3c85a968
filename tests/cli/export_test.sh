#!/usr/bin/env bash
# vkift export: every format read back answers as the run does, and what cannot be exported leaves nothing behind.
. "$(dirname "$0")/lib.sh"
base=$SOURCE_DIR/assets/base
cd "$WORK" || exit 1
for i in 0 1 2 3 4 5 6 7 8 9 10 11; do
  printf '{"instruction": "Say the number after %s.", "input": "", "output": "It is %s."}\n' "$i" "$((i + 1))"
done >data.jsonl
printf '{"prompt": "Say the number after %s."}\n' 2 5 8 >prompts.jsonl

# answers FILE OPTIONS…: what a model says to the prompts.
answers() {
  expect 0 vkift generate "${@:2}" --prompts prompts.jsonl --max-new-tokens 12
  cp out "$1"
  [ "$(wc -l <"$1")" -eq 3 ] || fail "expected three answers"
}

same() { # WHAT FILE FILE
  checks=$((checks + 1))
  cmp -s "$2" "$3" || { last=$1 && fail "expected the same in $2 and $3"; }
}

has() { # FILE TEXT
  checks=$((checks + 1))
  grep -qF -- "$2" "$1" || { last=$1 && fail "expected in it: $2"; }
}

expect 0 vkift train --model "$base" --data data.jsonl --max-steps 12 --batch-size 6 --learning-rate 1e-2 --lora-r 4 --use-rslora \
  --warmup-steps 0 --output-dir run
prints "vkift export run --format hf|peft|gguf|gguf-adapter --output-dir DIR"
answers run.out run
answers base.out --model "$base"
checks=$((checks + 1))
! cmp -s run.out base.out || fail "expected the adapter to change the answers"

# --- every format
for format in hf peft gguf gguf-adapter; do
  expect 0 vkift export run --format $format --output-dir "as-$format"
  prints "written: as-$format"
  [ ! -e "as-$format.tmp" ] || fail "as-$format.tmp was left"
done
answers hf.out --model as-hf
same "a Hugging Face directory" run.out hf.out
answers peft.out --model "$base" --adapter as-peft
same "a PEFT adapter" run.out peft.out
answers gguf.out --model as-gguf/model.gguf
same "a GGUF file" run.out gguf.out
same "an adapter's weights" run/adapter/adapter_model.safetensors as-peft/adapter_model.safetensors
for name in tokenizer.json tokenizer_config.json chat_template.jinja special_tokens_map.json; do
  same "$name" "run/adapter/$name" "as-peft/$name"
done
expect 0 vkift export --merge run --output-dir merged # the first words for it
same "--merge" as-hf/model.safetensors merged/model.safetensors

# --- from a GGUF to a GGUF: metadata and numbers are copied through
expect 0 vkift export --model "$base" --format gguf --output-dir base-gguf
expect 0 vkift export --model base-gguf/model.gguf --format gguf --output-dir base-again
expect 0 vkift export --model base-again/model.gguf --format gguf --output-dir base-thrice # the keys are in order by now
same "a GGUF that is exported again" base-again/model.gguf base-thrice/model.gguf
answers again.out --model base-again/model.gguf
same "a GGUF that is exported again" base.out again.out
expect 0 vkift export --model base-gguf/model.gguf --adapter as-peft --format gguf --output-dir through
answers through.out --model through/model.gguf
same "an adapter merged into a GGUF" run.out through.out

# --- types: smaller files, which still answer, and losses that are near
loss() { # MODEL
  expect 0 vkift eval --model "$1" --data data.jsonl --json
  sed -n 's/.*"loss": \([0-9.e-]*\).*/\1/p' out | head -n 1
}
exact=$(loss as-gguf/model.gguf) size=$(wc -c <as-gguf/model.gguf)
for row in bf16:0.02 f16:0.002 q8_0:0.05 q4_0:0.6; do
  type=${row%:*}
  expect 0 vkift export run --format gguf --dtype "$type" --output-dir "of-$type"
  case $type in q*) says "matrices stay F16, since their rows are no multiple of 32 (blk.0.ffn_down.weight the first)" ;; esac
  found=$(loss "of-$type/model.gguf")
  checks=$((checks + 3))
  awk -v a="$exact" -v b="$found" -v most="${row#*:}" 'BEGIN { d = a > b ? a - b : b - a; exit !(b > 0 && d <= most) }' ||
    fail "$type: expected a loss within ${row#*:} of $exact, found '$found'"
  awk -v a="$exact" -v b="$found" 'BEGIN { exit a == b }' || fail "$type: the loss is that of f32"
  [ "$(wc -c <"of-$type/model.gguf")" -lt "$size" ] || fail "$type: expected a smaller file"
  size=$(($(wc -c <"of-$type/model.gguf") + 1))
done
expect 0 vkift export run --dtype bf16 --output-dir hf-bf16
checks=$((checks + 1))
grep -q '"torch_dtype": "bfloat16"\|"dtype": "bfloat16"' hf-bf16/config.json || fail "expected bfloat16 in config.json"

# --- cards: of the run, and beside every export
has run/adapter/README.md 'base_model: "base"'
has run/adapter/README.md 'library_name: peft'
has run/adapter/README.md '| examples | 12, of '
has run/adapter/README.md '| method | lora, r 4, alpha 32 (rsLoRA), on q_proj, k_proj,'
has run/adapter/README.md "| training loss, last step | $(tail -n 1 run/metrics.jsonl | sed 's/.*"loss": \([0-9.]*\).*/\1/' | xargs printf '%.4f') |"
for format in hf:transformers peft:peft gguf:gguf gguf-adapter:gguf; do
  has "as-${format%:*}/README.md" "library_name: ${format#*:}"
  has "as-${format%:*}/README.md" '| data | data.jsonl |'
done
expect 0 vkift eval run --data data.jsonl --metric exact_match --max-new-tokens 4
expect 0 vkift export run --format peft --output-dir scored
has scored/README.md '| data | exact_match | '
expect 0 vkift export --model "$base" --adapter scored --format gguf-adapter --output-dir later # what an export adds, the next does not keep
checks=$((checks + 1))
[ "$(grep -c '^## This form' later/README.md)" -eq 1 ] || fail "expected one form in later/README.md"
expect 0 vkift train --model "$base" --data data.jsonl --method full --max-steps 1 --output-dir full
has full/model/README.md 'library_name: transformers'
expect 0 vkift export --model full/model --format gguf --output-dir full-gguf
has full-gguf/README.md '| method | full |'
cp -r "$base" foreign && printf -- '---\nlicense: mit\n---\n# Theirs\n' >foreign/README.md
expect 0 vkift export --model foreign --output-dir foreign-hf
checks=$((checks + 1))
! grep -q "Theirs" foreign-hf/README.md || fail "expected no card of another's in ours"

# --- Modelfiles
has as-gguf/Modelfile "FROM ./model.gguf"
has as-gguf/Modelfile 'PARAMETER stop "<|im_end|>"'
has as-gguf/Modelfile 'TEMPLATE """{{ if .System }}<|im_start|>system'
has as-gguf-adapter/Modelfile "FROM ./base.gguf"
has as-gguf-adapter/Modelfile "ADAPTER ./adapter.gguf"
expect 0 vkift export --model base-gguf/model.gguf --adapter as-peft --format gguf-adapter --output-dir beside
has beside/Modelfile "FROM ./model.gguf"

# --- no path of this machine
cp -r as-peft placed
sed -i "s|\"base_model_name_or_path\": \"base\"|\"base_model_name_or_path\": \"/home/someone/base/\"|" placed/adapter_config.json
expect 0 vkift export --model "$base" --adapter placed --format peft --output-dir unplaced
same "adapter_config.json" as-peft/adapter_config.json unplaced/adapter_config.json
checks=$((checks + 1))
! grep -rlF -e "$WORK" -e "$SOURCE_DIR" as-* of-* base-again run/adapter full/model scored || fail "expected no path of this machine in an export"

# --- what is refused; nothing is left of it
refused() { # STATUS MESSAGE OPTIONS…
  expect "$1" vkift export "${@:3}"
  says "$2"
  checks=$((checks + 1))
  if [ -e new ] || [ -e new.tmp ]; then fail "something was written"; fi
  rm -rf new new.tmp
}
refused 2 "--format: expected one of hf, peft, gguf, gguf-adapter, found 'onnx'" run --format onnx --output-dir new
refused 2 "--dtype: expected one of auto, f32, f16, bf16, q8_0, q4_0, found 'q4_k'" run --format gguf --dtype q4_k --output-dir new
refused 2 "--dtype q8_0 and q4_0 are --format gguf's" run --dtype q8_0 --output-dir new
refused 2 "--dtype q8_0 and q4_0 are --format gguf's" run --format gguf-adapter --dtype q4_0 --output-dir new
refused 2 "an adapter for PEFT is copied as it is" run --format peft --dtype f16 --output-dir new
refused 2 "--merge and an adapter's --format contradict each other" run --merge --format peft --output-dir new
refused 2 "--output-dir is missing" run --format gguf
refused 1 "base: there is no adapter to write: --format hf and gguf write the whole model" --model "$base" --format peft --output-dir new
refused 1 "there is no adapter to write" --model "$base" --format gguf-adapter --output-dir new
refused 1 "as-gguf: expected a new or empty directory" run --format gguf --output-dir as-gguf
refused 1 "data.jsonl: expected a new or empty directory" run --format gguf --output-dir data.jsonl
cp -r run moved && sed -i 's|^model:.*|model: /nowhere/base|' moved/config.yaml
refused 1 "/nowhere/base: expected the base model of the run moved, found nothing: where it is now, give it with --model PATH --adapter moved/adapter" \
  moved --output-dir new
mkdir elsewhere && ln -s elsewhere link
refused 1 "link: expected a new directory, or an empty one that another can replace" run --output-dir link
mkdir new.tmp
expect 1 vkift export run --format gguf --output-dir new
says "new.tmp: expected nothing of that name"
rmdir new.tmp

# A tokenizer that GGUF cannot express is named; Hugging Face's form has it.
cp -r "$base" strange && chmod -R u+w strange
sed -i 's/"use_regex": *true/"use_regex": false/' strange/tokenizer.json
cmp -s strange/tokenizer.json "$base/tokenizer.json" && fail "the tokenizer was to be changed"
refused 1 "strange/tokenizer.json: GGUF cannot express this tokenizer: its pre_tokenizer" --model strange --format gguf --output-dir new
expect 0 vkift export --model strange --output-dir strange-hf

# An adapter that says it has magnitudes, and has none.
cp -r as-peft magnitudes
sed -i 's/"use_dora": false/"use_dora": true/' magnitudes/adapter_config.json
refused 1 "magnitudes" --model "$base" --adapter magnitudes --format gguf-adapter --output-dir new

# A disk that is full, for every format.
full() { # a file may have 4 KiB
  trap '' XFSZ
  ulimit -f 4
  exec "$VKIFT" "$@" 2>"$WORK/full.err"
}
for format in hf peft gguf gguf-adapter; do
  checks=$((checks + 2)) last="export --format $format on a full disk"
  (full export run --format $format --output-dir new >/dev/null)
  [ $? -eq 1 ] || fail "expected exit status 1"
  grep -q "cannot write" full.err || fail "expected 'cannot write', found $(cat full.err)"
  if [ -e new ] || [ -e new.tmp ]; then fail "something was left"; fi
done

finish
