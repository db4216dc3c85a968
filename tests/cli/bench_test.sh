#!/usr/bin/env bash
# vkift bench: every kernel and a step as text and as JSON, the filter, the report, and the table of reports. No figure is
# judged by its size: other programs may be running.
. "$(dirname "$0")/lib.sh"
here=$SOURCE_DIR/tests/cli
python3 "$here/tiny.py" model "$WORK/model" || exit 1
cd "$WORK" || exit 1

check() { # COMMAND… — of python, whose complaint is the failure
  checks=$((checks + 1)) last=$*
  python3 "$@" >"$WORK/out" 2>"$WORK/err" || fail "python3 $1"
}

bench() { # STATUS OPTIONS…
  expect "$1" vkift bench --model model --rows 32 --seconds 0 --no-tune "${@:2}"
}

bench 0 --json --report report.json
says "written: report.json"
cp out figures.json
check "$here/bench.py" figures figures.json
check "$here/bench.py" report report.json

# Of a directory with weights left out, and only what is asked for.
rm model/model.safetensors
bench 0 --filter "_dw 32 x 20 -> 27"
prints "linear_dw"
prints "32 x 20 -> 27, f32"
checks=$((checks + 1))
[ "$(wc -l <out)" -eq 2 ] || fail "a header and one figure expected"
bench 2 --filter warp
says "filter: no figure has \"warp\" in its name and shape"
prints_nothing

bench 2 --rows 1
says "--rows: expected a whole number from 2"
# Weights in blocks: products of them where a block fits the rows, and a step beside them.
mkdir wide
sed -E 's/("intermediate_size": )[0-9]+/\1128/' "$SOURCE_DIR/assets/base/config.json" >wide/config.json
wide=(vkift bench --model wide --rows 32 --seconds 0 --no-tune)
expect 0 "${wide[@]}" --filter "64 -> 128, q4_0"
prints "matmul"
expect 0 "${wide[@]}" --filter train_step --quantize nf4 --double-quantization
prints "nf4_double weights"
bench 2 --double-quantization
says "double_quantization needs quantize nf4"
# More rows than the device can take are refused before anything is measured.
narrow=(env "VKIFT_DEVICE_PROFILE=floor,max_binding_bytes=65536")
expect 2 "${narrow[@]}" "$VKIFT" bench --model model --rows 129 --seconds 0 --no-tune
says "rows: expected at most 128 for these shapes on "
prints_nothing
# So is a report that cannot be written.
bench 1 --report model
says "model: expected a file to write, found a directory"
bench 1 --report none/report.json
says "none/report.json: expected a file in a directory, found no directory none"
bench 1 --report /proc/report.json
says "/proc/report.json: cannot create a file beside it"
prints_nothing
bench 2 --filter linear --report other.json
says "report and filter contradict each other"
expect 1 vkift bench --model none
says "none"

# --- the table of reports
reports=$SOURCE_DIR/scripts/reports
check "$reports" report.json
prints "| device | driver |"
prints " right"
checks=$((checks + 1))
[ "$(wc -l <out)" -eq 3 ] || fail "a table of one row expected"
bad() { # WANTED CHANGE… — a report that is wrong in one thing
  local wanted=$1
  python3 - "${@:2}" <<'P'
import json, sys
report = json.load(open("report.json"))
exec(sys.argv[1])
json.dump(report, open("bad.json", "w"))
P
  expect 1 python3 "$reports" bad.json
  says "$wanted"
}
bad "bad.json: device: expected an object, found null" 'del report["device"]'
bad "bad.json: figures[0].gflops: expected a number, found \"many\"" 'report["figures"][0]["gflops"] = "many"'
bad "bad.json: figures: expected one of train_step, found none" 'report["figures"] = [f for f in report["figures"] if f["name"] != "train_step"]'
printf '{"device": ' >bad.json
expect 1 python3 "$reports" bad.json
says "bad.json: expected a JSON object"
# A name cannot break the table.
python3 -c 'import json; r = json.load(open("report.json")); r["device"]["name"] = "a|b\n<i>"; json.dump(r, open("odd.json", "w"))'
check "$reports" odd.json
prints "| a b i |"
check "$reports" --check

finish
