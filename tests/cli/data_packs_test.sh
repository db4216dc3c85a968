#!/usr/bin/env bash
# Labelled data through template packs as a user meets it: CSV, TSV and JSON Lines, packs of one's own and built-in ones.
. "$(dirname "$0")/lib.sh"
python3 "$SOURCE_DIR/tests/cli/tiny.py" model "$WORK/model" || exit 1
cd "$WORK" || exit 1

convert() { # STATUS DATA OPTIONS…
  rm -f out.jsonl
  expect "$1" vkift data convert --model model --chat-template chatml --to messages --output out.jsonl --data "${@:2}"
}

# --- a pack of one's own on a table
{
  printf 'text,label\r\n'
  printf '"Well, it ""works"".\nReally.",1\r\n'
  printf 'No.,0\r\n'
} >mine.csv
cat >mine.yaml <<'END'
data: mine.csv
cluster: opinion
choices: [bad, good]
label: {column: label, values: {"0": bad, "1": good}}
templates:
  - name: ask
    options: true
    prompt: "What do you think of this? {{ text }}"
    answer: "{{ answer_choice }}"
END
convert 0 mine.yaml
cp out.jsonl "$WORK/out"
prints '{"messages": [{"role": "user", "content": "What do you think of this? Well, it \"works\".\nReally.\n\nOptions:\n- bad\n- good"}, {"role": "assistant", "content": "good"}], "task": "mine", "cluster": "opinion", "choices": ["bad", "good"]}'
prints '{"role": "assistant", "content": "bad"}], "task": "mine"'
expect 0 vkift data show --model model --chat-template chatml --data mine.yaml --count 2
prints "What do you think of this? No."
prints "[[bad"
prints "mine.csv:2"
prints "mine.csv:4"
expect 0 vkift data check --model model --chat-template chatml --data mine.yaml
prints "2 examples"
prints "mine.csv "
expect 0 vkift data render --chat-template chatml --data mine.yaml --json
prints '"text": "<|im_start|>user\nWhat do you think of this? No.\n\nOptions:\n- bad\n- good<|im_end|>'
expect 0 vkift train --model model --chat-template chatml --batch-size 2 --max-steps 1 --output-dir run --data mine.yaml:2
says "4 examples"
expect 0 vkift eval --model model --chat-template chatml --data mine.yaml --json
prints '"examples": 2'

# --- a built-in pack by its name: three lines
{
  printf 'premise\thypothesis\tgold\n'
  for i in 1 2 3 4 5 6 7 8 9 10 11 12; do printf 'Number %s is here.\tIt is number %s.\tentailment\n' "$i" "$i"; done
} >rte.tsv
cat >rte.yaml <<'END'
pack: rte
data: rte.tsv
columns: {sentence1: premise, sentence2: hypothesis, label: gold}
END
convert 0 rte.yaml
prints "12 rows"
cp out.jsonl first.jsonl
cp out.jsonl "$WORK/out"
prints '"task": "rte"'
prints '"cluster": "entailment"'
prints 'Number 7 is here.'

# --- the seed draws the phrasings: the same the same, another others
convert 0 rte.yaml --seed 42
cmp -s first.jsonl out.jsonl || fail "expected the same bytes with the same seed"
convert 0 rte.yaml --seed 7
cmp -s first.jsonl out.jsonl && fail "expected other phrasings with another seed"
[ "$(grep -c . out.jsonl)" -eq 12 ] || fail "expected 12 rows with another seed"
distinct=$(sed 's/[0-9]//g' first.jsonl | sort -u | grep -c .)
[ "$distinct" -ge 4 ] || fail "expected several phrasings among 12 rows, found $distinct"
echo "templates_per_row: all" >>rte.yaml
convert 0 rte.yaml
all=$(grep -c . out.jsonl)
[ $((all % 12)) -eq 0 ] || fail "expected as many of each of 12 rows, found $all"
[ "$all" -gt 72 ] || fail "expected all phrasings of 12 rows, found $all"
convert 0 rte.yaml --seed 7
[ "$(grep -c . out.jsonl)" -eq "$all" ] || fail "expected as many with another seed"

# --- splits
head -n 3 rte.tsv >valid.tsv
sed 's/^data: .*/data: {train: rte.tsv, valid: valid.tsv}/' rte.yaml >splits.yaml
expect 0 vkift train --model model --chat-template chatml --batch-size 2 --max-steps 1 --output-dir run2 --data splits.yaml --eval-data splits.yaml --allow-leakage
expect 1 vkift eval --model model --chat-template chatml --data splits.yaml
says "splits.yaml: data.test: expected the name of a file, found nothing"

# --- JSON Lines, and tables without a pack
printf '{"question": "Why?", "answers": ["So.", "Thus."]}\n{"question": "Who?", "answers": ["Me."]}\n' >qa.jsonl
printf 'pack: closed_book_qa\ndata: qa.jsonl\ncolumns: {answer: "{{ answers[0] }}"}\nreferences: "{{ answers }}"\n' >qa.yml
convert 0 qa.yml
prints "2 rows"
printf 'instruction,output\n"Say, a",b\n' >plain.csv
convert 0 plain.csv
cp out.jsonl "$WORK/out"
prints '{"role": "user", "content": "Say, a"}'

# --- a pack says what its rows become: no other format goes with it
convert 1 mine.yaml --data-format alpaca
says "mine.yaml: expected no --data-format with a template pack, which says itself what its rows become, found alpaca"
expect 1 vkift train --model model --chat-template chatml --max-steps 1 --output-dir run3 --data mine.yaml --data-format alpaca
says "mine.yaml: expected no --data-format with a template pack"
convert 0 mine.yaml --data-format auto

# --- what is wrong is said with its place, and nothing is left behind
convert 1 "$SOURCE_DIR/assets/templates/rte.yaml"
says "rte.yaml: data: expected the name of a file with labelled data (this pack has templates only), found nothing"
[ ! -e out.jsonl ] || fail "expected no output of a failed conversion"
sed 's/gold/golden/' rte.yaml >bad.yaml
convert 1 bad.yaml
says 'rte.tsv:2: bad.yaml: columns.label: expected the column "golden", found none of that name; the row has the columns "premise", "hypothesis", "gold"'
printf 'pack: rte\ndata: rte.tsv\n' >bad.yaml
convert 1 bad.yaml
says 'rte.tsv:2: bad.yaml: label: expected the column "label", found nothing there'
{ cat rte.tsv; printf 'a\tb\tperhaps\n'; } >odd.tsv
sed 's/^data: .*/data: odd.tsv/' rte.yaml >odd.yaml
convert 1 odd.yaml
says 'odd.tsv:14: odd.yaml: label: expected "0", "1", "entailment", '
says 'in the column "label", found "perhaps"'
convert 0 odd.yaml --skip-bad-examples
[ "$(grep -c . out.jsonl)" -eq "$all" ] || fail "expected the good rows"
printf 'text,label\n"open,1\n' >mine.csv
convert 1 mine.yaml
says "mine.csv:2: expected a closing quotation mark for each field of this row that begins with one, found none"
printf 'text,label\nx\n' >mine.csv
convert 1 mine.yaml
says "mine.csv:2: expected 2 fields, as many as the header has, found 1"
rm mine.csv
convert 1 mine.yaml
says "mine.csv: cannot open"
printf 'pack: nosuch\ndata: x.csv\n' >bad.yaml
convert 1 bad.yaml
says 'bad.yaml: pack: expected a pack'"'"'s file (*.yaml) or one of the built-in packs acceptability, '
printf 'pack: rte\ndata: [x\n' >bad.yaml
convert 1 bad.yaml
says "bad.yaml:3: expected YAML, found a fault"
finish
