#!/usr/bin/env bash
# vkift generate with the built-in model: prompts one at a time and by the file, stop strings, chat through pipes, Ctrl-C,
# base and tuned model beside each other, and a model that has no token to end an answer with.
. "$(dirname "$0")/lib.sh"
base=$SOURCE_DIR/assets/base
cd "$WORK" || exit 1

check() { # PYTHON — over the lines of JSON of the last command as `rows`
  checks=$((checks + 1))
  python3 -c 'import json
rows = [json.loads(line) for line in open("out", encoding="utf-8")]
'"$1" 2>difference || fail "$(tail -n 1 difference)"
}

generate() { # STATUS OPTIONS…
  expect "$1" vkift generate --model "$base" --max-new-tokens 12 "${@:2}"
}

# --- a file of prompts: each is answered as it is alone
cat >questions.jsonl <<'J'
"Translate into Russian.\nblack house"
{"prompt": "Who lives in the mill?", "system": "Answer in one word."}

{"messages": [{"role": "user", "content": "3 + 4"}, {"role": "assistant", "content": "7"}, {"role": "user", "content": "2 + 2"}]}
"Переведи на русский.\nsmall plum"
J
generate 0 --prompts questions.jsonl
cp out together.jsonl
check 'assert [r["index"] for r in rows] == [0, 1, 2, 3], rows
assert [r["prompt"] for r in rows][1:3] == ["Who lives in the mill?", "2 + 2"], rows
assert all(set(r) == {"index", "prompt", "prompt_tokens", "answer", "new_tokens", "finish"} for r in rows), rows'
generate 0 --prompts questions.jsonl --batch-size 1
checks=$((checks + 1))
cmp -s out together.jsonl || fail "other answers one at a time"
generate 0 --prompt $'Translate into Russian.\nblack house' --json
check 'other = [json.loads(line) for line in open("together.jsonl", encoding="utf-8")]
assert rows[0]["answer"] == other[0]["answer"] and rows[0]["new_tokens"] == other[0]["new_tokens"], rows
assert rows[0]["prompt_seconds"] > 0 and rows[0]["new_seconds"] > 0, rows'
printf 'Translate into Russian.\nblack house' >question.txt
generate 0 --prompt-file question.txt
prints "$(python3 -c 'import json; print(json.loads(open("together.jsonl").readline())["answer"])')"
printf '3 + 4\n\n  \n2 + 2\r\n' >lines.txt
generate 0 --prompts lines.txt
check 'assert [r["prompt"] for r in rows] == ["3 + 4", "2 + 2"], rows'

# --- the same seed, the same answers, however many at once
generate 0 --prompts questions.jsonl --temperature 1.5 --top-k 50 --seed 7
cp out sampled.jsonl
generate 0 --prompts questions.jsonl --temperature 1.5 --top-k 50 --seed 7 --batch-size 2
checks=$((checks + 1))
cmp -s out sampled.jsonl || fail "the same seed gave other answers"
generate 0 --prompts questions.jsonl --temperature 1.5 --top-k 50 --seed 8
checks=$((checks + 1))
! cmp -s out sampled.jsonl || fail "another seed gave the same answers"

# --- stop strings: what stands in the middle of the longest answer
python3 - <<'P' >stop
import json
longest = max((json.loads(line)["answer"] for line in open("together.jsonl", encoding="utf-8")), key=len)
print(longest[len(longest) // 2:][:2])
P
generate 0 --prompts questions.jsonl --stop "never, ever" --stop "$(cat stop)"
check 'other = [json.loads(line) for line in open("together.jsonl", encoding="utf-8")]
stop = open("stop", encoding="utf-8").read()[:-1]
assert any(r["finish"] == "stop_string" for r in rows), (rows, stop)
for r, o in zip(rows, other):
  assert r["answer"] == o["answer"].split(stop)[0], (r, o, stop)'

# --- chat through pipes
printf '%s\n' '3 + 4' '/reset' '3 + 4' '2 + 2' '/system Answer in Russian.' '3 + 4' '/sytem x y' '/nothing' '/help' '' '/quit' 'never' |
  generate 0 --chat --json
check 'assert len(rows) == 5, rows
assert [r["prompt"] for r in rows] == ["3 + 4", "3 + 4", "2 + 2", "3 + 4", "/sytem x y"], rows
n = [r["prompt_tokens"] for r in rows]
assert rows[0]["answer"] == rows[1]["answer"] and n[0] == n[1] < n[3] < n[4] and n[1] < n[2], rows'
says "/reset forgets the conversation"
printf 'Who lives in the mill?\n' | generate 0 --chat --system "Be short."
printf '\xff\n' | generate 1 --chat
says "stdin: expected UTF-8 text"

# --- what is lost is said
for how in "--prompts questions.jsonl" "--prompt a --json" "--prompt a"; do
  checks=$((checks + 1)) last="$how >/dev/full" status=0
  # shellcheck disable=SC2086 # words
  vkift generate --model "$base" --max-new-tokens 4 $how >/dev/full 2>err || status=$?
  [ "$status" -eq 1 ] || fail "expected exit status 1, found $status"
  says "stdout: cannot write"
done
# A stream that is closed is not taken for another file.
checks=$((checks + 1)) last="closed streams" status=0
vkift generate --model "$base" --max-new-tokens 4 --chat <&- >out 2>err || status=$?
if [ "$status" -ne 0 ] || [ -s out ]; then fail "expected an empty conversation, found status $status: $(cat out err)"; fi
status=0
vkift generate --model "$base" --max-new-tokens 4 --prompt a >&- 2>err || status=$?
[ "$status" -eq 1 ] || fail "expected exit status 1, found $status"

# --- a conversation's own system message stands in the place of --system
printf '%s\n' '{"messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "3 + 4"}]}' \
  '{"messages": [{"role": "user", "content": "3 + 4"}]}' >systems.jsonl
generate 0 --prompts systems.jsonl --system "Be short."
check 'assert rows[0]["prompt_tokens"] == rows[1]["prompt_tokens"] and rows[0]["answer"] == rows[1]["answer"], rows'

# --- Ctrl-C ends an answer, not the conversation; at the prompt it ends the conversation
cat >interrupt.py <<'P'
import json, signal, subprocess, sys, time
p = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
p.stdin.write("3 + 4\n"); p.stdin.flush()
first = p.stdout.read(1)  # it is answering
p.send_signal(signal.SIGINT)
time.sleep(0.5)
p.stdin.write("/quit\n"); p.stdin.close()
rest = p.stdout.read()
status = p.wait()
assert status == 0 and first and rest.endswith("\n"), (status, first, rest)
assert len(rest) < 1500, len(rest)  # 200 tokens were not written
P
python3 - "$base" <<'P'
import json, os, shutil, sys
shutil.copytree(sys.argv[1], "endless")
for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
  path = os.path.join("endless", name)
  with open(path) as f: c = json.load(f)
  c["eos_token_id" if "tokenizer" not in name else "eos_token"] = None
  if "chat_template" in c: c["chat_template"] = c["chat_template"].replace("<|im_end|>", "\\n\\n").replace("<|im_start|>", "# ")
  with open(path, "w") as f: json.dump(c, f)
P
checks=$((checks + 1)) last=interrupt.py
timeout 100 python3 interrupt.py "$VKIFT" generate --model endless --chat --stop '§§§' --max-new-tokens 200 2>err || fail "$(tail -n 3 err)"

# --- a model with no token that ends an answer
expect 0 vkift generate --model endless --prompt '3 + 4' --max-new-tokens 3 --json
says "the model names no token that ends an answer: each goes on to --max-new-tokens 3, unless --stop TEXT ends it"
check 'assert rows[0]["finish"] == "length" and rows[0]["new_tokens"] == 3, rows'
expect 2 vkift generate --model endless --chat
says "give the text after which the turn is yours with --stop TEXT"

# --- base and tuned model
expect 0 vkift train --model "$base" --data "$SOURCE_DIR/assets/test.jsonl" --batch-size 8 --max-steps 4 --warmup-steps 0 \
  --learning-rate 2e-2 --output-dir run
expect 0 vkift generate run --prompts questions.jsonl --max-new-tokens 12
cp out tuned.jsonl
expect 0 vkift generate run --prompts questions.jsonl --max-new-tokens 12 --compare --json
check 'tuned, base = ([json.loads(line) for line in open(name, encoding="utf-8")] for name in ("tuned.jsonl", "together.jsonl"))
for r, t, b in zip(rows, tuned, base, strict=True):
  assert r["tuned"] == {k: t[k] for k in r["tuned"]} and r["base"] == {k: b[k] for k in r["base"]}, (r, t, b)
assert any(r["tuned"]["answer"] != r["base"]["answer"] for r in rows)'
expect 0 vkift generate --model "$base" --adapter run/adapter --prompt '3 + 4' --max-new-tokens 12 --compare
prints "### 3 + 4"
prints "--- base"
prints "--- tuned"

# --- wrong usage
generate 2 --prompt a --prompts questions.jsonl
says "give one of --prompt, --prompt-file, --prompts and --chat"
generate 2 --chat --compare
says "--compare answers prompts"
generate 2 --prompt a --compare
says "--compare needs what was tuned: a run directory, or --adapter"
generate 2 --prompt a --top-k 5
says "give --temperature above 0"
generate 2 --prompt a --stop ''
says "--stop: expected a text, found an empty one"
generate 2 --prompt a --batch-size 65
says "--batch-size: expected a whole number from 1 to 64"
generate 2 --prompt-file questions.jsonl
says "a file of prompts is given with --prompts"

# --- bad files of prompts: nothing is answered
bad() { # LINE MESSAGE
  printf '"good"\n%s\n' "$1" >bad.jsonl
  generate 1 --prompts bad.jsonl
  says "$2"
  prints_nothing
}
bad '{"prompt": 3}' 'bad.jsonl:2: prompt: expected a string'
bad '{"prompt": "a", "messages": []}' "bad.jsonl:2: messages hold all of a prompt"
bad '{"promt": "a"}' "promt"
bad '{"messages": [{"role": "robot", "content": "a"}]}' "messages[0].role: expected system, user or assistant, found 'robot'"
bad '{"messages": [{"role": "assistant", "content": "a"}]}' "expected a conversation whose last message is the user's"
bad '{"messages": []}' "expected a conversation whose last message is the user's"
bad '[1]' "bad.jsonl:2: expected a string or an object"
bad '"a' "bad.jsonl:2"
: >empty.txt
generate 1 --prompts empty.txt
says "empty.txt: expected a prompt on each line, found none"
printf 'a\n\xff\n' >bytes.txt
generate 1 --prompts bytes.txt
says "bytes.txt: byte 2: expected UTF-8"
generate 1 --prompts none.txt
says "none.txt"
python3 -c 'print("word " * 400)' >long.txt
generate 1 --prompts long.txt
says "prompt 1: the prompt has"

finish
