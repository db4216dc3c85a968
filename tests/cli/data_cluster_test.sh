#!/usr/bin/env bash
# vkift data cluster: groups, the file of clusters, the picture, JSON, faults; and of real tasks, how far groups agree with categories.
. "$(dirname "$0")/lib.sh"
cd "$WORK" || exit 1

# --- six tasks of two kinds
for i in 1 2 3; do
  for k in 1 2 3 4; do
    printf '{"prompt": "How long is the river number %s, which flows to the sea?", "completion": "%s0 km", "task": "river%s", "cluster": "water"}\n' "$k" "$i" "$i"
    printf '{"prompt": "Bake a loaf of dark bread with %s spoons of salt.", "completion": "done", "task": "bread%s", "cluster": "food"}\n' "$k" "$i"
  done
done >tasks.jsonl
expect 0 vkift data cluster --data tasks.jsonl --clusters-out clusters.yaml --picture groups.svg
prints "6 tasks with 24 examples in 2 groups"
prints "adjusted Rand index 1.000"
prints "tasks nearest a border"
cp out first
rm clusters.yaml
cp groups.svg first.svg
expect 0 vkift data cluster --data tasks.jsonl --clusters-out clusters.yaml --picture groups.svg
cmp -s out first || fail "a second run prints something else"
cmp -s groups.svg first.svg || fail "a second run draws something else"
expect 0 vkift data cluster --data tasks.jsonl --json
python3 - out clusters.yaml groups.svg <<'CHECK' || fail "unexpected JSON, file or picture"
import json, sys, xml.dom.minidom
report = json.load(open(sys.argv[1], encoding="utf-8"))
assert report["tasks"] == 6 and report["examples"] == 24 and report["skipped_bad"] == 0
agreement = report["agreement"]
assert agreement["rand_index"] == 1 and agreement["tasks"] == 6 and agreement["categories"] == 2
assert agreement["permutations"] == 1000 and abs(agreement["chance_mean"]) < 0.05 and 0 < agreement["chance_as_high"] < 200
names = [sorted(t["name"] for t in c["tasks"]) for c in report["clusters"]]
assert sorted(names) == [["bread1", "bread2", "bread3"], ["river1", "river2", "river3"]]
tasks = [t for c in report["clusters"] for t in c["tasks"]]
assert sorted(t["border"] for t in tasks) == [1, 2, 3, 4, 5, 6]
assert all(t["examples"] == 4 and 0 <= t["similarity"] <= 1 and -1 <= t["silhouette"] <= 1 for t in tasks)
# The file: a mapping of names to lists of tasks, as simple as it looks.
clusters, name = {}, None
for line in open(sys.argv[2], encoding="utf-8"):
  if not line.startswith((" ", "#")): name = line.rstrip(":\n")
  elif line.startswith("    - "): clusters.setdefault(name, []).append(line[6:].strip())
assert sorted(map(sorted, clusters.values())) == sorted(names)
assert list(clusters) == [c["name"] for c in report["clusters"]]
# The picture: XML that refers to nothing outside.
picture = xml.dom.minidom.parse(sys.argv[3])
assert len(picture.getElementsByTagName("circle")) == 6 + 2 + 2
source = open(sys.argv[3], encoding="utf-8").read()
assert "prefers-color-scheme:dark" in source
assert "href" not in source and "url(" not in source and source.count("http") == 1
CHECK
expect 0 vkift data cluster --data tasks.jsonl --n-clusters 3 --permutations 0
prints "in 3 groups"

# --- data that say nothing of their cluster; bad examples
sed 's/, "cluster": "[a-z]*"//' tasks.jsonl >plain.jsonl
echo '{"prompt": 1}' >>plain.jsonl
expect 1 vkift data cluster --data plain.jsonl
says "plain.jsonl:25: "
expect 0 vkift data cluster --data plain.jsonl --skip-bad-examples
prints "1 bad examples skipped"
! grep -q Rand out || fail "an index without categories"
expect 0 vkift data cluster --data plain.jsonl --skip-bad-examples --json
prints '"agreement": null'

# --- a file's clusters in place of the rows' own
printf 'a: [river1, river2, bread1, nowhere]\nb: [river3, bread2]\n' >other.yaml
expect 0 vkift data cluster --data tasks.jsonl --clusters other.yaml
prints "agreement with the categories of 5 tasks (2 of them): adjusted Rand index -0."
expect 1 vkift data cluster --data tasks.jsonl --clusters tasks.jsonl
says "tasks.jsonl:2: "

# --- faults
expect 2 vkift data cluster
says "--data is missing"
expect 1 vkift data cluster --data tasks.jsonl --clusters-out clusters.yaml
says "clusters.yaml: expected a new file's name, found something there already"
expect 2 vkift data cluster --data tasks.jsonl --n-clusters 1
says "--n-clusters: expected a whole number from 2"
expect 1 vkift data cluster --data tasks.jsonl --n-clusters 6
says "n_clusters: expected at least 2 and fewer than the 6 tasks, found 6"
head -n 2 tasks.jsonl >two.jsonl
expect 1 vkift data cluster --data two.jsonl
says "two.jsonl: expected at least 3 tasks to group, found 2"
prints_nothing
expect 1 vkift data cluster --data tasks.jsonl --picture nowhere/groups.svg
says "nowhere"
expect 1 vkift data cluster --data nowhere.jsonl
says "nowhere.jsonl: expected a data file or a directory of them, found nothing"
expect 2 vkift data cluster RUN --data tasks.jsonl
says "expected options only, found 'RUN'"
expect 0 vkift data cluster --help
prints "usage: vkift data cluster"
[ -z "$(awk 'length > 80' out)" ] || fail "help wider than 80 columns"

# --- tasks of Super-NaturalInstructions: clearly better than by chance
tasks=${VKIFT_SHARED_DATA:-$SOURCE_DIR/../shared/data}/instruct/superni/tasks
if [ -d "$tasks" ]; then
  expect 0 vkift data cluster --data "$tasks" --json
  python3 - out <<'CHECK' || fail "groups that agree too little with the categories"
import json, sys
agreement = json.load(open(sys.argv[1], encoding="utf-8"))["agreement"]
assert agreement["tasks"] == 27 and agreement["categories"] == 14
assert agreement["rand_index"] > 0.45, agreement
assert agreement["chance_as_high"] == 0 and agreement["chance_highest"] < 0.35, agreement
assert agreement["rand_index"] > agreement["chance_mean"] + 6 * agreement["chance_deviation"], agreement
CHECK
fi
finish
