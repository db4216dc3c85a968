#!/usr/bin/env bash
# vkift data render: texts, spans and errors of small conversations, and of the golden renderings where they are there.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
cd "$WORK" || exit 1

# --- a template of our own: trimmed contents, and a refusal
cat >chat.jinja <<'JINJA'
{{- bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system here') }}{% endif %}
<{{ m.role }}>{{ m.content | trim }}<end>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}
JINJA
cat >chat.jsonl <<'JSON'
{"messages": [{"role": "user", "content": " é? "}, {"role": "assistant", "content": "yes"}, {"role": "user", "content": "<end>"}]}
{"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]}
{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "train": false}]}
JSON
expect 0 vkift data render --chat-template chat.jinja --bos-token '<s>' --data chat.jsonl --json
python3 - out <<'CHECK' || fail "unexpected texts or spans"
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
def cut(row, spans): return [row["text"].encode()[b:e].decode() for b, e in spans]
assert len(rows) == 3
assert rows[0]["text"] == "<s><user>é?<end><assistant>yes<end><user><end><end>"
assert [m["role"] for m in rows[0]["messages"]] == ["user", "assistant", "user"]
assert [cut(rows[0], m["spans"]) for m in rows[0]["messages"]] == [["é?"], ["yes"], ["<end>"]]
assert rows[0]["messages"][2]["spans"] == [[42, 47]]
assert cut(rows[0], rows[0]["assistant"]) == ["yes<end>"]
assert list(rows[1]) == ["error"] and rows[1]["error"].endswith("no system here")
assert rows[2]["assistant"] == [] and rows[2]["text"] == "<s><user>a<end><assistant>b<end>"
CHECK
expect 0 vkift data render --chat-template chat.jinja --data chat.jsonl --add-generation-prompt
prints "<user>é?<end><assistant>[[yes<end>]]<user><end><end><assistant>"
prints "no system here"
prints "example 2  (chat.jsonl:3)"

# --- Alpaca's prompt, and other forms of data
printf '%s\n' '{"instruction": "Add.", "input": "1 1", "output": "2"}' >alpaca.jsonl
expect 0 vkift data render --chat-template alpaca --eos-token '</s>' --data alpaca.jsonl --json
python3 - out <<'CHECK' || fail "unexpected Alpaca spans"
import json, sys
row = json.loads(open(sys.argv[1], encoding="utf-8").read())
def cut(spans): return [row["text"][b:e] for b, e in spans]
assert [cut(m["spans"]) for m in row["messages"]] == [["Add.\n\n### Input:\n1 1"], ["2"]]
assert cut(row["assistant"]) == ["2</s>"] and row["text"].endswith("### Response:\n2</s>")
CHECK
printf '%s\n' '{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}' >sharegpt.jsonl
printf '%s\n' '{"prompt": "q", "completion": "a"}' >pairs.jsonl
printf '%s\n' '[{"instruction": "q", "instances": [{"input": "", "output": "a"}, {"input": "i", "output": "b"}]}]' >seeds.json
for data in sharegpt.jsonl pairs.jsonl seeds.json; do
  expect 0 vkift data render --chat-template chatml --data "$data" --json
  prints '"text": "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n"'
  prints '"assistant": [[51, 62]]'
done
[ "$(wc -l <out)" -eq 2 ] || fail "expected both instances"

# --- with a model: its own tokens
python3 "$here/tiny.py" model model || exit 1
expect 0 vkift data render --model model --data alpaca.jsonl --json
prints '### Response:\n2'
expect 2 vkift data render --model model --data alpaca.jsonl --eos-token x
says "without a model"

# --- faults
expect 2 vkift data render --data chat.jsonl
says "which prompt?"
expect 2 vkift data render --chat-template chatml
says "--data is missing"
expect 1 vkift data render --chat-template nowhere.jinja --data chat.jsonl
says "nowhere.jinja"
printf '%s\n' '{"messages": [{"role": "user", "content": "q"}]}' '{"messages": 1}' >bad.jsonl
expect 1 vkift data render --chat-template chatml --data bad.jsonl
says "bad.jsonl:2: messages: expected"
expect 0 vkift data render --chat-template chatml --data bad.jsonl --skip-bad-examples
says "1 bad examples are skipped"
printf '%s\n' '{"text": "t"}' >text.jsonl
expect 1 vkift data render --chat-template chatml --data text.jsonl
says "text.jsonl:1: expected a conversation"
expect 0 vkift data render --help
prints "add-generation-prompt"

# --- all golden renderings
golden=${VKIFT_SHARED_DATA:-$SOURCE_DIR/../shared/data}/golden/chat/shared.json
if [ -f "$golden" ]; then
  expect 0 python3 "$here/render.py" "$VKIFT" "$golden"
  prints " renderings as expected"
fi
finish
