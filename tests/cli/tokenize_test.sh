#!/usr/bin/env bash
# vkift tokenize on real tokenizers: 152 texts each as the official library has them, both ways, and bad input lines.
. "$(dirname "$0")/lib.sh"
need_shared_data

# golden.py FIELD FILE: the field of every case as JSON Lines.
golden() {
  python3 -c '
import json, sys
for case in json.load(open(sys.argv[2], encoding="utf-8"))["cases"]:
    print(json.dumps(case[sys.argv[1]], ensure_ascii=True))' "$@"
}

# same WANTED FOUND: equal line by line as JSON.
same() {
  checks=$((checks + 1))
  python3 - "$1" "$2" >"$WORK/difference" <<'P' || fail "$(cat "$WORK/difference")"
import json, sys
wanted, found = ([json.loads(line) for line in open(name, encoding="utf-8")] for name in sys.argv[1:])
if len(wanted) != len(found):
    sys.exit(print(f"expected {len(wanted)} lines, found {len(found)}") or 1)
for i, (w, f) in enumerate(zip(wanted, found)):
    if w != f:
        sys.exit(print(f"line {i + 1}: expected {w!r:.300}, found {f!r:.300}") or 1)
P
}

# compare MODEL GOLDEN
compare() {
  golden text "$2" >"$WORK/texts"
  golden ids "$2" >"$WORK/ids"
  golden ids_with_special "$2" >"$WORK/ids_special"
  golden decoded "$2" >"$WORK/decoded"
  golden decoded_skip_special "$2" >"$WORK/decoded_skip"
  expect 0 vkift tokenize --model "$1" --jsonl <"$WORK/texts"
  same "$WORK/ids" "$WORK/out"
  expect 0 vkift tokenize --model "$1" --jsonl --special <"$WORK/texts"
  same "$WORK/ids_special" "$WORK/out"
  expect 0 vkift tokenize --model "$1" --jsonl --decode --special <"$WORK/ids"
  same "$WORK/decoded" "$WORK/out"
  expect 0 vkift tokenize --model "$1" --jsonl --decode <"$WORK/ids"
  same "$WORK/decoded_skip" "$WORK/out"
}

for name in gpt2 smollm2 mistral01; do
  compare "$DATA/tokenizers/$name" "$DATA/golden/tokenizer/shared/$name.json"
done
compare "$DATA/models/stories260K/hf" "$DATA/golden/tokenizer/shared/stories260K.json"
# The same vocabularies as GGUF files have them.
compare "$DATA/models/stories260K/gguf/stories260K.f32.gguf" "$DATA/golden/tokenizer/shared/stories260K.json"
compare "$DATA/gguf-vocab/ggml-vocab-gpt-2.gguf" "$DATA/golden/tokenizer/shared/gpt2.json"

# --- plain text and ids
model=$DATA/tokenizers/gpt2
expect 0 vkift tokenize --model "$model/tokenizer.json" <<<"Hello world"
prints_line "15496 995 198" # the newline of the here-string is part of the text
printf '15496\n995, 198' >"$WORK/plain"
expect 0 vkift tokenize --model "$model" --decode <"$WORK/plain"
prints_line "Hello world"
expect 0 vkift tokenize --model "$model" </dev/null
prints_line ""
expect 0 vkift tokenize --model "$model" --decode </dev/null
prints_nothing

# --- bad lines: the line and the column
bad_line() { # WANTED LINE FLAGS…
  local wanted=$1 line=$2
  shift 2
  printf '%s\n' "$line" >"$WORK/line"
  expect 1 vkift tokenize --model "$model" --jsonl "$@" <"$WORK/line"
  says "stdin:1: "
  says "$wanted"
}
bad_line 'column 1: expected a JSON string' 'text'
bad_line 'expected a JSON string, found the end of the line' ''
bad_line 'expected a quotation mark that ends the string' '"text'
bad_line 'column 3: expected an escape that JSON knows' '"\x41"'
bad_line 'expected four hexadecimal digits' '"\u12"'
bad_line 'expected the second half of a surrogate pair' '"\ud83d"'
bad_line 'expected the first half of a surrogate pair' '"\ude00"'
bad_line 'expected nothing more on this line' '"a" "b"'
bad_line 'expected UTF-8' "$(printf '"\377"')"
bad_line 'expected control characters written as escapes' "$(printf '"a\tb"')"
bad_line 'expected a JSON array of token ids' '"a"' --decode
bad_line 'expected a token id' '[1, x]' --decode
bad_line 'expected a token id' '[99999999999]' --decode
bad_line 'expected a comma or ]' '[1 2]' --decode
printf '[0]\n[50257]\n' >"$WORK/line"
expect 1 vkift tokenize --model "$model" --jsonl --decode <"$WORK/line"
says "50257"
prints_line '"!"' # the lines before it were answered
expect 1 vkift tokenize --model "$model" --decode <<<"12 abc"
says "stdin: byte 3: expected a token id, found 'abc'"
expect 1 vkift tokenize --model "$model" --decode <<<"-5"
says "expected a token id"
printf 'a\377b' >"$WORK/plain"
expect 1 vkift tokenize --model "$model" <"$WORK/plain"
says "UTF-8"

finish
