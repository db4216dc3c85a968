#!/usr/bin/env bash
# vkift data convert: what is written reads back as the same examples.
. "$(dirname "$0")/lib.sh"
python3 "$SOURCE_DIR/tests/cli/tiny.py" model "$WORK/model" || exit 1
cd "$WORK" || exit 1

# same A B OPTIONS… — both files are the same examples to the model.
same() {
  local a=$1 b=$2
  shift 2
  for file in "$a" "$b"; do
    expect 0 vkift data show --model model --chat-template chatml --data "$file" --count 100 --json "$@"
    python3 - out "$file.ids" <<'IDS' || fail "$file cannot be compared"
import json, sys
with open(sys.argv[2], "w", encoding="utf-8") as out:
    for line in open(sys.argv[1], encoding="utf-8"):
        row = json.loads(line)
        print([row[k] for k in ("input_ids", "labels", "weight", "source")], file=out)
IDS
  done
  checks=$((checks + 1))
  cmp -s "$a.ids" "$b.ids" || fail "$a and $b are not the same examples"
}

cat >alpaca.jsonl <<'JSON'
{"instruction": "Add \"é\".", "input": "1 1", "output": "2", "source": "s", "weight": 0.25}
{"instruction": "Go on.", "output": "then", "history": [["q", "a"]], "system": "be brief"}
JSON
cat >chats.jsonl <<'JSON'
{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "no", "train": false}, {"role": "user", "content": "\ttab\\"}, {"role": "assistant", "content": "yes"}], "task": "t", "cluster": "c", "category": "k", "metric": "f1", "references": ["yes", "aye"], "choices": ["yes", "no"]}
JSON
printf '%s\n' '{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}' >sharegpt.jsonl
printf '%s\n' '[{"instruction": "q", "instances": [{"input": "", "output": "a"}, {"input": "i", "output": "b"}]}]' >seeds.json

for data in alpaca.jsonl chats.jsonl sharegpt.jsonl seeds.json; do
  expect 0 vkift data convert --data "$data" --to messages --output "messages-$data"
  prints " rows in messages-$data"
  same "$data" "messages-$data"
  expect 0 vkift data convert --model model --chat-template chatml --data "$data" --to tokens --output "tokens-$data"
  same "$data" "tokens-$data"
done
expect 0 vkift data convert --data chats.jsonl --output last.jsonl --train-on last
same chats.jsonl last.jsonl --train-on last
checks=$((checks + 1))
[ "$(cat last.jsonl)" = "$(cat chats.jsonl)" ] || fail "messages are written otherwise than they were"

# --- Alpaca's own heading
expect 0 vkift data convert --data alpaca.jsonl --chat-template alpaca --output heading.jsonl
grep -qF '\n\n### Input:\n1 1' heading.jsonl || fail "expected Alpaca's heading"

# --- calls and definitions of tools
cat >tools.jsonl <<'JSON'
{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]}], "tools": [{"name":"f"}]}
JSON
expect 0 vkift data convert --data tools.jsonl --output tools2.jsonl
python3 -c 'import json; a, b = (json.load(open(f)) for f in ("tools.jsonl", "tools2.jsonl")); assert a == b' || fail "tools are lost"

# --- nothing is overwritten, and nothing is left of what fails
expect 1 vkift data convert --data chats.jsonl --output last.jsonl
says "last.jsonl: expected a new file's name"
{ cat chats.jsonl && echo '{"messages": 1}' && echo '{' && cat chats.jsonl; } >bad.jsonl
expect 1 vkift data convert --data bad.jsonl --output new.jsonl
says "bad.jsonl:2: messages: expected"
compgen -G 'new.jsonl*' >found && fail "expected no file, found $(cat found)"
expect 0 vkift data convert --data bad.jsonl --output new.jsonl --skip-bad-examples
prints_line "2 rows in new.jsonl; 2 bad examples are skipped"
expect 0 vkift data convert --model model --chat-template chatml --data alpaca.jsonl --to tokens --max-length 50 --output short.jsonl
prints_line "1 rows in short.jsonl; 1 too long and left out (--max-length)"
printf '%s\n' '{"text": "t"}' >text.jsonl
expect 1 vkift data convert --data text.jsonl --output none.jsonl
says "text.jsonl:1: expected a conversation"
expect 2 vkift data convert --data text.jsonl --to tokens --output none.jsonl
says "--model"
expect 2 vkift data convert --data chats.jsonl
says "--output is missing"
expect 2 vkift data convert --data chats.jsonl --to message --output none.jsonl
finish
