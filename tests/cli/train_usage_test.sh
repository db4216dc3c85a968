#!/usr/bin/env bash
# vkift train, generate, eval and export: wrong usage and bad option files. Nothing is trained.
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 1

# --- train: names
expect 2 vkift train --lerning-rate 1e-4
says "unknown option --lerning-rate: did you mean --learning-rate?"
expect 2 vkift train --per-device-train-batch-size 4
says "transformers and TRL call it so; it is --batch-size here; it counts the examples of a whole optimizer step"
expect 2 vkift train --gradient-accumulation-steps 4
says "--batch-size"
expect 2 vkift train --sequence-len 512
says "axolotl calls it so; it is --max-length here"
expect 2 vkift train --cutoff-len=512
says "LLaMA-Factory calls it so; it is --max-length here"
expect 2 vkift train --iters 100
says "mlx-lm calls it so; it is --max-steps here"
expect 2 vkift train --lora-rank 8
says "--lora-r"
expect 2 vkift train --max-seq-length 512
says "unsloth calls it so; it is --max-length here"

# --- train: values
expect 2 vkift train --learning-rate fast
says "--learning-rate: expected a number above 0, found 'fast'"
expect 2 vkift train --eval-split 1
says "--eval-split: expected a number from 0 and below 1, found '1'"
expect 2 vkift train --method qlora
says "--method: expected one of lora, full, freeze, head, found 'qlora'"
expect 2 vkift train --objective rlhf
says "--objective: expected one of sft, lm, dpo, classify, found 'rlhf'"
expect 2 vkift train --batch-size 0
says "--batch-size: expected a whole number from 1"

# --- train: what belongs together
expect 2 vkift train --model m
says "--data is missing"
expect 2 vkift train --data d.jsonl
says "--model is missing"
expect 2 vkift train --model m --data d --init random
says "init random needs method full"
expect 2 vkift train --model m --data d --eval-data e --eval-split 0.1
says "eval_data and eval_split contradict each other"
expect 2 vkift train --model m --data d --gradient-checkpointing off --checkpointing-layers 2
says "gradient_checkpointing off and checkpointing_layers contradict each other: drop it to keep all activations"
expect 2 vkift train --model m --data d --gradient-checkpointing off --checkpointing-group 2
says "gradient_checkpointing off and checkpointing_group contradict each other: drop it to keep all activations"
expect 2 vkift plan --model m --gradient-checkpointing off --checkpointing-layers 2 --checkpointing-group 2
says "drop it and checkpointing_group to keep all activations, or gradient_checkpointing off to compute layers again"
expect 2 vkift train --resume
says "--resume: which run?"
expect 1 vkift train --resume "$WORK/none"
says "$WORK/none: expected the directory of a run to resume, found nothing"
expect 2 vkift train --resume a --output-dir b
says "name different directories"
expect 1 vkift train --resume none/ --output-dir none
says "none/: expected the directory of a run to resume, found nothing"
printf 'model: m\ndata: d\n' >"$WORK/c.yaml"
expect 2 vkift train --config "$WORK/c.yaml" --resume
says "--resume: which run?"
printf 'model: m\ndata: d\noutput_dir: %s/none\n' "$WORK" >"$WORK/c.yaml"
expect 1 vkift train --config "$WORK/c.yaml" --resume
says "$WORK/none: expected the directory of a run to resume, found nothing"

# --- train: option files
config() { # WANTED YAML
  printf '%b' "$2" >"$WORK/c.yaml"
  expect 1 vkift train --config "$WORK/c.yaml" --model m --data d
  says "$WORK/c.yaml:$1"
  prints_nothing
}
config '2: unknown key lerning_rate: did you mean learning_rate?' 'seed: 1\nlerning_rate: 1\n'
config '1: unknown key num_epochs: axolotl calls it so; it is num_train_epochs here' 'num_epochs: 1\n'
config "3: 'seed' stands twice: first in line 1" 'seed: 1\nmodel: m\nseed: 1\n'
config "1: batch_size: expected a whole number from 1 to 1048576, found 'many'" 'batch_size: many\n'
config '1: batch_size: expected a whole number from 1 to 1048576, found the text "4"' 'batch_size: "4"\n'
config '1: packing: expected true or false, found a list' 'packing: [true]\n'
config '1: method: expected a value, found a mapping' 'method: {a: b}\n'
config "1: anchors and aliases ('x') are not read here" 'model: &x m\n'
config "1: tags (" 'model: !!str m\n'
config '2: expected one YAML document, found another' 'seed: 1\n--- \nseed: 2\n'
config '1: expected lines of the form "key: value", found a list' '- seed\n'
config '2: expected YAML, found a fault at column' 'target_modules: [a\n'
config '1: unknown key config' 'config: d.yaml\n'
head -c 1100000 /dev/zero | tr '\0' '#' >"$WORK/c.yaml"
expect 1 vkift train --config "$WORK/c.yaml"
says "expected at most 1048576 bytes, found 1100000"
expect 1 vkift train --config "$WORK/none.yaml"
says "$WORK/none.yaml: cannot open"
expect 1 env VKIFT_ASSETS="$WORK/none" "$VKIFT" train
says "$WORK/none/train.yaml: cannot open"

# --- the others
for command in generate eval export; do
  expect 2 vkift "$command"
  says "give a run directory, or --model"
  expect 2 vkift "$command" runs/x --model m
  says "give a run directory, or --model"
  expect 2 vkift "$command" runs/x runs/y
  says "expected only one run directory, found 'runs/y'"
done
mkdir "$WORK/m" "$WORK/a" && touch "$WORK/m/config.json" "$WORK/a/adapter_config.json" "$WORK/m.gguf"
expect 1 vkift generate "$WORK/none" --prompt a
says "$WORK/none: expected a run directory that vkift train wrote, found nothing"
expect 1 vkift eval "$WORK/m" --data d
says "$WORK/m: expected a run directory, found a model: it is given with --model"
expect 1 vkift export --merge "$WORK/a" --output-dir o
says "$WORK/a: expected a run directory, found an adapter: it is given with --adapter"
expect 1 vkift generate "$WORK/m.gguf" --prompt a
says "$WORK/m.gguf: expected a run directory, found a file (a GGUF model is given with --model)"
expect 2 vkift generate runs/x
says "give one of --prompt, --prompt-file, --prompts and --chat"
expect 2 vkift generate runs/x --prompt a --chat
says "give one of --prompt, --prompt-file, --prompts and --chat"
expect 2 vkift generate runs/x --chat --raw
says "--raw has no turns"
expect 2 vkift generate runs/x --prompt a --top-p 0
says "--top-p: expected a number above 0 and at most 1, found '0'"
expect 2 vkift generate runs/x --prompt a --max-tokens 5
says "mlx-lm calls it so; it is --max-new-tokens here"
expect 2 vkift eval --model m
says "--data is missing"
expect 2 vkift eval runs/x --per-token
says "--per-token prints JSON: give --json with it"
expect 2 vkift eval --model m --data d --compare-base
says "--compare-base needs a run or an --adapter"
expect 2 vkift export --merge runs/x
says "--output-dir is missing"
expect 2 vkift export runs/x --format safetensors --output-dir o
says "--format: expected one of hf, peft, gguf, gguf-adapter, found 'safetensors'"

# Nothing was written by any of these.
checks=$((checks + 1))
[ ! -e "$WORK/runs" ] || fail "a run directory appeared"

finish
