#!/usr/bin/env bash
# vkift data make: the built-in tiny model, which learned to write examples, writes rows; what was killed gives the same bytes; rows are
# taken by data check and train; and faults.
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 1

# --- a model that writes examples of one task
things=(driver wall book forest soup melon cake house dog river)
kinds=(old new weak strong slow fast) contrary=(new old strong weak fast slow)
ask='Write the contrary.\n\nWrite an example of this task: an input, and the right output for it.'
another='Write another example of this task, unlike those before.'
n=0
for thing in "${things[@]}"; do
  for i in 0 1 2 3 4 5; do
    k=$(((n * 7 + 3) % 6)) other=${things[$(((n * 3 + 1) % 10))]}
    printf '{"messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "Input: the %s is %s\\nOutput: %s"}, ' \
      "${ask//\\/\\\\}" "$thing" "${kinds[i]}" "${contrary[i]}"
    printf '{"role": "user", "content": "%s"}, {"role": "assistant", "content": "Input: the %s is %s\\nOutput: %s"}]}\n' \
      "$another" "$other" "${kinds[k]}" "${contrary[k]}"
    n=$((n + 1))
  done
done | sed 's/\\\\n/\\n/g' >learned.jsonl
expect 0 vkift train --model "$SOURCE_DIR/assets/base" --data learned.jsonl --method full --learning-rate 3e-3 --max-steps 30 \
  --lr-scheduler-type constant --output-dir run

cat >contrary.json <<'END'
{"Definition": "Write the contrary.", "Categories": ["Word Relation"], "Positive Examples": [{"input": "the driver is old",
 "output": "new"}, {"input": "the wall is strong", "output": "weak"}, {"input": "a soup is slow", "output": "fast"}],
 "Negative Examples": [{"input": "the dog is old", "output": "dog", "explanation": "this is no contrary"}]}
END
echo '{"instruction": "What is this in English?", "input": "old book", "output": "old book"}' >seeds.jsonl
make=(vkift data make run --guideline contrary.json --seeds seeds.jsonl --write inputs --num-seeds 0 --num-neg-examples 0
  --num-pos-examples 1 --num-made 1 --max-new-tokens 24 --batch-size 4 --similarity 0.95)

# --- rows
expect 0 "${make[@]}" --output whole.jsonl --num-rows 30 --max-attempts 400
prints "rows in whole.jsonl of "
prints "near_duplicate"
[ "$(wc -l <whole.jsonl)" -ge 15 ] || fail "expected some rows, found $(wc -l <whole.jsonl)"
head -n 1 whole.jsonl >out
prints '{"instruction": "Write the contrary.", "input": "'
prints '"task": "contrary", "category": "Word Relation", "source": "contrary.json, run", "made": {"new": "input", "guideline": "contrary.json", "model": "run", "seed": 42, "attempt": '
prints '"from": ["contrary.json: positive example '
prints '"similarity": '
expect 0 vkift data check run --data whole.jsonl --json
prints "\"examples\": $(wc -l <whole.jsonl)"
expect 0 vkift train --model "$SOURCE_DIR/assets/base" --data whole.jsonl --method full --max-steps 1 --output-dir again

# --- killed at any moment, it goes on and gives the same bytes; and so does another batch of slots at a time
setsid "$VKIFT" "${make[@]:1}" --output killed.jsonl --num-rows 30 --max-attempts 400 >killed.out 2>&1 &
pid=$!
for _ in $(seq 400); do
  [ "$(wc -l 2>/dev/null <killed.jsonl.journal || echo 0)" -ge 8 ] && break
  sleep 0.05
done
kill -9 "$pid"
wait "$pid" 2>/dev/null
last="a killed call"
[ ! -e killed.jsonl ] || fail "it was done before it was killed"
truncate -s -5 killed.jsonl.journal
expect 0 "${make[@]}" --output killed.jsonl --num-rows 30 --max-attempts 400
says "goes on behind "
cmp -s killed.jsonl whole.jsonl || fail "other rows than without the kill"
cmp -s killed.jsonl.journal whole.jsonl.journal || fail "other attempts than without the kill"
expect 0 "${make[@]}" --output killed.jsonl --num-rows 30 --max-attempts 400 --json
prints '"stopped": false'
cmp -s killed.jsonl whole.jsonl || fail "other rows when all was done"

# --- a journal of another command line, a file of somebody else, a broken journal
expect 1 "${make[@]}" --output killed.jsonl --seed 7
says 'killed.jsonl.journal:1: it belongs to another command line: its seed is "42", now it is "7"'
cmp -s killed.jsonl whole.jsonl || fail "a refused call changed the rows"
expect 2 "${make[@]}" --output killed.jsonl --num-rows 3
says "num_rows: expected at least the "
sed -i 's/Categories/Kategories/' contrary.json
expect 1 "${make[@]}" --output killed.jsonl --num-rows 30
says "it belongs to another command line: its guidelines_hash is "
sed -i 's/Kategories/Categories/' contrary.json
sed -i '3s/.*/broken/' killed.jsonl.journal
expect 1 "${make[@]}" --output killed.jsonl --num-rows 30
says "killed.jsonl.journal:3: "
echo precious >mine.txt
expect 1 "${make[@]}" --output mine.txt
says "mine.txt: expected a new file's name, or what vkift data make is writing (with mine.txt.journal beside it), found another file"
[ "$(cat mine.txt)" = precious ] || fail "it was overwritten"
expect 1 "${make[@]}" --output nowhere/made.jsonl
says "nowhere"

# --- what is missing or cannot be read
expect 2 vkift data make run --seeds seeds.jsonl --output x.jsonl
says "--guideline is missing"
expect 2 vkift data make run --guideline contrary.json --output x.jsonl
says "--seeds is missing"
expect 2 vkift data make --guideline contrary.json --seeds seeds.jsonl --output x.jsonl
says "give a run directory, or --model"
expect 2 vkift data make run --guideline contrary.json --seeds seeds.jsonl
says "--output is missing"
expect 2 "${make[@]}" --output x.jsonl --similarity 0
says "--similarity"
expect 2 "${make[@]}" --output x.jsonl --write poems
says "--write"
expect 1 vkift data make run --guideline none.json --seeds seeds.jsonl --output x.jsonl
says "none.json"
echo '{"Positive Examples": []}' >bare.json
expect 1 vkift data make run --guideline bare.json --seeds seeds.jsonl --output x.jsonl
says "bare.json: Definition: expected a string or a list of strings, found nothing"
expect 1 vkift data make run --guideline contrary.json --guideline contrary.json --seeds seeds.jsonl --output x.jsonl
says "found the task contrary again"
printf '{"instruction": "a", "output": "b"}\n{"instruction": "a", "output": }\n' >bad.jsonl
expect 1 vkift data make run --guideline contrary.json --seeds bad.jsonl --output x.jsonl
says "bad.jsonl:2: "
echo '{"text": "a"}' >text.jsonl
expect 1 vkift data make run --guideline contrary.json --seeds text.jsonl --output x.jsonl
says "text.jsonl:1: expected seeds with an instruction and an answer, found a row of the format text"
expect 1 vkift data make run --guideline contrary.json --seeds seeds.jsonl --output x.jsonl --max-new-tokens 256
says "max_new_tokens: expected fewer than the 256 tokens"
expect 1 vkift data make run --guideline contrary.json --seeds seeds.jsonl --output x.jsonl --max-new-tokens 240
says "contrary.json: its prompt does not fit"
expect 1 "${make[@]}" --output short.jsonl --max-new-tokens 2 --max-attempts 4
says "none of 4 attempts gave a row (unfinished 4); short.jsonl.journal has what the model wrote"
for output in x.jsonl short.jsonl; do [ ! -e $output ] || fail "a failed call wrote $output"; done

# --- a model that names no token that ends an answer
cp -r "$SOURCE_DIR/assets/base" endless
rm endless/generation_config.json
sed -i 's/"eos_token_id": 0/"eos_token_id": null/' endless/config.json
sed -i '/"eos_token"/d' endless/tokenizer_config.json
printf '%s' '{% for m in messages %}{{ m.role }}: {{ m.content }}{{ "\n" }}{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}' >plain.jinja
expect 1 vkift data make --model endless --chat-template plain.jinja --guideline contrary.json --seeds seeds.jsonl --output x.jsonl
says "expected a model with a token that ends an answer, found none: give a text that ends one (--stop TEXT)"
finish
