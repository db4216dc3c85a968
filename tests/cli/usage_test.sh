#!/usr/bin/env bash
# What the command answers to help, to wrong usage and to bad input: one message on stderr, and the exit status.
. "$(dirname "$0")/lib.sh"

# --- help and version: on stdout, status 0
expect 0 vkift --help
prints "usage: vkift COMMAND"
prints "tokenize"
expect 0 vkift --version
prints_line "vkift 0.1.0"
for command in $(vkift --help | sed -n '/^commands/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
  expect 0 vkift "$command" --help
  prints "usage: vkift $command"
  prints "example"
  expect 0 vkift help "$command"
  prints "usage: vkift $command"
  expect 0 vkift "$command" --wrong -h
  checks=$((checks + 1))
  wide=$(vkift "$command" --help | awk 'length > 80' | head -n 1)
  [ -z "$wide" ] || fail "wider than 80 columns: $wide"
  expect 2 vkift "$command" --no-such-option
  says "vkift: error: unknown option --no-such-option"
  prints_nothing
done

# --- wrong usage: status 2
expect 2 vkift
says "vkift: error: no command is given: vkift --help lists them"
expect 2 vkift tokenise
says "unknown command 'tokenise': did you mean tokenize?"
expect 2 vkift frobnicate
says "unknown command 'frobnicate': vkift --help lists them"
expect 2 vkift help tokenise
says "unknown command 'tokenise': did you mean tokenize?"
expect 0 vkift help
prints "usage: vkift COMMAND"
expect 2 vkift --verison
says "unknown command '--verison'"
expect 2 vkift tokenize
says "--model is missing"
expect 2 vkift tokenize --modle x
says "unknown option --modle: did you mean --model?"
expect 2 vkift tokenize --model-name-or-path x
says "what transformers and TRL call so is --model here"
expect 2 vkift tokenize --model
says "--model: expected a path after it, found the end of the line"
expect 2 vkift tokenize --model --decode
says "--model: expected a path after it, found --decode"
expect 2 vkift tokenize --model x --decode=maybe
says "--decode: expected true or false, found 'maybe'"
expect 2 vkift tokenize --model x --no-decode=true
says "--no-decode: expected no value"
expect 2 vkift tokenize -m x
says "unknown option -m: options are words here"
expect 2 vkift tokenize x
says "expected options only, found 'x'"
expect 2 vkift tokenize --model ''
says "--model: expected a path, found ''"
expect 2 vkift tokenize "--$(printf '%0500d' 0)" x
says "unknown option --000"

# --- bad files: status 1, the message names them
expect 1 vkift tokenize --model "$WORK/none"
says "vkift: error: $WORK/none: cannot open"
prints_nothing
expect 1 vkift tokenize --model "$WORK"
says "$WORK/tokenizer.json"
printf '{"model": ' >"$WORK/tokenizer.json"
expect 1 vkift tokenize --model "$WORK"
says "$WORK/tokenizer.json"
printf 'GGUF\3\0\0\0\377\377\377\377\377\377\377\177\377\377\377\377\377\377\377\177' >"$WORK/bad.gguf"
expect 1 vkift tokenize --model "$WORK/bad.gguf"
says "$WORK/bad.gguf"

# --- a pipe that is full: the result could not be written
if [ -e /dev/full ]; then
  # shellcheck disable=SC2317 # expect calls it
  full() { vkift --help >/dev/full; }
  expect 1 full
  says "stdout: cannot write"
fi

finish
