#!/usr/bin/env bash
# Classifiers that cannot be: labels, heads, weights and options that do not fit are refused before the first step, with names and
# shapes, and leave no run behind.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" && python3 "$here/classify.py" data "$WORK/data.jsonl" 12 || exit 1
cd "$WORK" || exit 1

# The model and the data above, where the options name no others.
refused() { # STATUS WANTED OPTIONS… of vkift train
  local status=$1 wanted=$2
  shift 2
  case " $* " in *' --model '*) ;; *) set -- --model model "$@" ;; esac
  case " $* " in *' --data '*) ;; *) set -- --data data.jsonl "$@" ;; esac
  case " $* " in *' --objective '*) ;; *) set -- --objective classify "$@" ;; esac
  expect "$status" vkift train --max-steps 1 --output-dir run "$@"
  says "$wanted"
  checks=$((checks + 1))
  [ ! -e run ] || fail "a run was begun"
  rm -rf run
}

rows() { printf '%s\n' "${@:2}" >"$1"; }

# --- labels
rows one.jsonl '{"text": "a", "label": "x"}' '{"text": "b", "label": "x"}'
refused 1 'one.jsonl: expected at least two labels to tell apart, found "x"' --data one.jsonl
rows valid.jsonl '{"text": "a", "label": "fox"}' '{"text": "b", "label": "cat"}'
refused 1 'valid.jsonl:2: label: expected one of the labels "ball", "fox", "sun", found "cat"' --eval-data valid.jsonl
rows valid.jsonl '{"text": "a", "label": "fox"}' '{"text": "b", "label": "cat"}'
refused 1 'valid.jsonl:2: label: expected one that a training example has, found "cat"' --eval-data valid.jsonl \
  --labels ball,cat,fox,sun
refused 1 'data.jsonl:3: label: expected one of the labels "ball", "fox", found "sun"' --labels ball,fox
refused 1 'labels: expected at least two labels to tell apart, found "ball"' --labels ball
refused 1 'labels: expected different labels, found "fox" twice' --labels ball,fox,sun,fox
rows few.jsonl '{"text": "a", "label": "fox"}' '{"text": "b", "label": "fox"}'
refused 1 'few.jsonl: expected training examples of at least two labels, found those of one' --data few.jsonl --labels ball,fox
rows text.jsonl '{"text": "a"}'
refused 1 'text.jsonl:1: expected a text and its label ("text" and "label", say), found a row of the format text' --data text.jsonl
rows chat.jsonl '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "x"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "y"}]}'
refused 1 'chat.jsonl:1: expected one text and its label (a turn of the user and the answer to it), found 4 turns' --data chat.jsonl
rows empty.jsonl '{"text": "", "label": "x"}' '{"text": "b", "label": "y"}'
refused 1 'empty.jsonl:1: text: expected some text, found an empty string' --data empty.jsonl
rows number.jsonl '{"text": "a", "label": -1}' '{"text": "b", "label": 1}'
refused 1 'number.jsonl:1: label: expected a string' --data number.jsonl

# --- weights and options
refused 1 'class_weights: expected balanced, or a number for each of the 3 labels ("ball", "fox", "sun"), found 2' --class-weights 1,2
refused 1 'class_weights: expected numbers above 0 that a float can hold, found "-1"' --class-weights 1,-1,1
refused 1 'class_weights: balanced: expected training examples of each label, found none of "cat"' --class-weights balanced \
  --labels ball,cat,fox,sun
refused 2 'method head and head_learning_rate contradict each other' --method head --head-learning-rate 1
refused 2 'head_learning_rate: expected a number that a 32-bit float holds, found 1e+99' --head-learning-rate 1e99
refused 2 'objective classify and excess_length split contradict each other' --excess-length split
refused 2 'objective classify has no place for demonstrations' --num-demonstrations 1
refused 2 'objective classify has no place for chat_template' --chat-template chatml
refused 2 'modules_to_save needs method lora' --method head --modules-to-save embed_tokens
refused 1 'found "lm_head", which names nothing' --modules-to-save lm_head
for option in '--method head' '--labels a,b' '--class-weights balanced' '--head-learning-rate 1'; do
  # shellcheck disable=SC2086 # an option and its value
  refused 2 'needs objective classify: only a classifier has a head of its own' --objective sft $option
done
expect 2 vkift crossval --model model --data data.jsonl --objective classify --output-dir run
says 'a crossval needs objective sft'

# --- heads and adapters that do not fit
train() { # RUN OPTIONS…
  expect 0 vkift train --model model --data data.jsonl --objective classify --max-steps 1 --output-dir "$@"
}
train good --method full
train tuned --method lora
rows two.jsonl '{"text": "a", "label": "fox"}' '{"text": "b", "label": "sun"}' '{"text": "c", "label": "cat"}'
refused 1 'two.jsonl:3: label: expected one of the labels "ball", "fox", "sun", found "cat"' --model good/model --data two.jsonl
refused 1 'labels: expected those of the model good/model in its order ("ball", "fox", "sun"), found others' --model good/model \
  --labels sun,fox,ball
cp -r good/model four && python3 "$here/classify.py" relabel four 4 || exit 1
refused 1 'four: the head score.weight has 4 labels, the data 3 ("ball", "fox", "sun")' --model four
config() { # KEY VALUE WANTED
  rm -rf bad && cp -r good/model bad && python3 "$here/tiny.py" set bad/config.json "$1" "$2" || exit 1
  refused 1 "$3" --model bad
}
config id2label '{"0": "ball", "1": "fox"}' 'tensor score.weight: expected shape [2, 20], found [3, 20]'
config id2label '{"0": "ball", "2": "fox"}' 'bad/config.json: id2label: expected each number from 0 to 1 once, found "2"'
config id2label '{"0": "ball", "1": "ball", "2": "sun"}' 'bad/config.json: id2label: expected different labels, found "ball" twice'
config id2label '{"0": "ball", "1": 7, "2": "sun"}' 'bad/config.json: id2label.1: expected a name, found'
config problem_type '"regression"' 'problem_type: expected single_label_classification, found "regression"'
rows language.jsonl '{"prompt": "a", "completion": "fox"}'
expect 1 vkift train --model good/model --data language.jsonl --max-steps 1 --output-dir run
says 'good/model: this is a classifier with the labels "ball", "fox", "sun"'
expect 1 vkift train --model model --adapter tuned/adapter --data language.jsonl --max-steps 1 --output-dir run
says 'task_type: expected CAUSAL_LM, found that of a classifier (SEQ_CLS)'
expect 0 vkift train --model model --data language.jsonl --max-steps 1 --output-dir language
refused 1 'language/adapter: task_type: expected SEQ_CLS, an adapter of a classifier, found that of a language model' \
  --adapter language/adapter
refused 1 'labels: expected those of the adapter tuned/adapter in its order ("ball", "fox", "sun"), found others' \
  --adapter tuned/adapter --labels sun,fox,ball
rows other.jsonl '{"text": "a", "label": "x"}' '{"text": "b", "label": "y"}'
refused 1 'other.jsonl:1: label: expected one of the labels "ball", "fox", "sun", found "x"' --adapter tuned/adapter --data other.jsonl
python3 "$here/tiny.py" model gpt2 gpt2 && python3 "$here/tiny.py" model gemma2 gemma2 || exit 1
refused 1 'tuned/adapter: target_modules: expected linear layers of the model (c_attn, c_proj, c_fc), found "' --model gpt2 \
  --adapter tuned/adapter
expect 0 vkift train --model gpt2 --data data.jsonl --objective classify --max-steps 1 --output-dir of-gpt2
refused 1 'of-gpt2/adapter: target_modules: expected linear layers of the model (q_proj, k_proj' --adapter of-gpt2/adapter
expect 0 vkift train --model gemma2 --data data.jsonl --objective classify --target-modules q_proj \
  --modules-to-save post_feedforward_layernorm --max-steps 1 --output-dir of-gemma2
refused 1 'modules_to_save: expected modules of the model (' --adapter of-gemma2/adapter
expect 1 vkift eval --model gpt2 --adapter tuned/adapter --data data.jsonl
says 'tuned/adapter: target_modules: expected linear layers of the model (c_attn, c_proj, c_fc), found "'
cp -r tuned/adapter transposed && python3 "$here/tiny.py" set transposed/adapter_config.json fan_in_fan_out true
refused 1 "fan_in_fan_out: expected false, since this model's weights are not transposed, found true" --adapter transposed
cp -r tuned/adapter nameless && rm nameless/labels.json
refused 1 'nameless: no labels.json is beside this adapter of a classifier: give its labels in order (--labels)' --adapter nameless
refused 1 'tensor base_model.model.score.weight: expected shape [2, 20] for this model, found [3, 20]' --adapter nameless --data other.jsonl \
  --labels x,y
expect 2 vkift data convert --model model --data data.jsonl --to tokens --objective classify --output converted.jsonl
says 'objective classify: the examples of a classifier have no form of their own to be converted to'

# --- evaluation
expect 1 vkift eval tuned --data two.jsonl
says 'two.jsonl:3: label: expected one of the labels "ball", "fox", "sun", found "cat"'
expect 2 vkift eval tuned --data data.jsonl --metric rouge_l
says 'metric: expected accuracy (or none), which a classifier is scored by, found rouge_l'
expect 2 vkift eval tuned --data data.jsonl --per-token --json
says 'a classifier has a loss for its label, not for every token'
expect 1 vkift eval tuned --data data.jsonl --compare-base
says 'model, which the run began with, has no head for labels: there is nothing to compare with'
expect 1 vkift eval --model model --data data.jsonl --objective classify
says 'model: expected a classifier, found a model without a head for labels'
expect 2 vkift eval --model model --data data.jsonl --labels ball,fox,sun
says '--labels names those of a classifier: this model has no head for labels'
expect 1 vkift eval --model good/model --data data.jsonl --labels sun,fox,ball
says 'labels: expected those of the model good/model in its order ("ball", "fox", "sun"), found others'
expect 1 vkift eval --model four --data data.jsonl --labels a,b
says 'labels: expected 4, as the head of four has, found 2'
python3 "$here/tiny.py" set tuned/adapter/labels.json id2label '{"0": "ball", "1": "fox"}'
expect 1 vkift eval tuned --data data.jsonl
says 'tensor base_model.model.score.weight: expected shape [2, 20] for this model, found [3, 20]'
python3 "$here/tiny.py" set tuned/adapter/labels.json id2label 3
expect 1 vkift eval tuned --data data.jsonl
says 'labels.json: id2label: expected an object, found'
python3 "$here/tiny.py" set tuned/adapter/adapter_config.json task_type '"TOKEN_CLS"'
expect 1 vkift eval tuned --data data.jsonl
says 'task_type: expected CAUSAL_LM or SEQ_CLS, found "TOKEN_CLS"'
finish
