#!/usr/bin/env bash
# vkift devices: what it says of each device, in both forms, and what it says where there is none.
. "$(dirname "$0")/lib.sh"

expect 0 vkift devices --check
prints "   driver "
prints "   memory "
prints "   check           transfers, fills and copies: ok"
checks=$((checks + 1))
! grep -q WRONG "$WORK/out" || fail "a known-answer check failed"

expect 0 vkift devices --check --json
python3 - "$WORK/out" >"$WORK/difference" <<'P' || fail "$(cat "$WORK/difference")"
import json, sys
devices = json.load(open(sys.argv[1], encoding="utf-8"))
for i, d in enumerate(devices):
    assert d["index"] == i and d["name"] and d["memory_bytes"] > 0, d
    assert all(f["on"] or f["why_off"] for f in d["features"].values()), d
    assert len(d["checks"]) > 3 and all(c["ok"] or c["skipped"] for c in d["checks"]), d
assert devices
P
checks=$((checks + 1))

# Features can be switched off by name, and a wrong name is answered.
expect 0 env VKIFT_DISABLE=subgroup,integer_dot "$VKIFT" devices
prints "integer_dot     off: "
expect 1 env VKIFT_DISABLE=warp_drive "$VKIFT" devices
says "VKIFT_DISABLE: unknown name \"warp_drive\""
expect 1 env VKIFT_DEVICE_PROFILE=attic "$VKIFT" devices
says "VKIFT_DEVICE_PROFILE"

# No driver at all: what to install.
expect 1 env VK_DRIVER_FILES="$WORK/none.json" VK_ICD_FILENAMES="$WORK/none.json" "$VKIFT" devices
says "vkift: error: the Vulkan loader found no driver; install one"
prints_nothing

finish
