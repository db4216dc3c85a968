"""Checks what `vkift bench` says of a model with 20 features, 27 inside its MLP and 263 ids, in rows of 32 tokens.

bench.py figures FILE   the array of --json
bench.py report FILE    the object of --report
"""
import json
import sys

PRODUCTS = ["linear", "linear_dx", "linear_dw"]
NAMES = ["peak_flops", "peak_bandwidth", "upload", "download", *PRODUCTS, "attention", "attention_dq", "attention_dkv", "rotary",
         "rmsnorm", "rmsnorm_bwd", "add", "swiglu", "swiglu_bwd", "embedding", "head_loss", "head_loss_bwd", "grad_norm", "adamw",
         "prefill", "decode", "train_step"]


def fail(message):
    sys.exit(message)


def check_figures(figures):
    by_name = {}
    for f in figures:
        by_name.setdefault(f["name"], []).append(f)
        if not (f["seconds"] > 0 and f["share_of_peak"] > 0 and f["runs"] >= 3 and f["variant"]):
            fail(f"a figure that says nothing: {f}")
        if f["gflops"] <= 0 and f["gbytes_per_second"] <= 0:
            fail(f"neither operations nor bytes: {f}")
    missing = [n for n in NAMES if n not in by_name]
    if missing:
        fail(f"no figure of {missing}, only of {sorted(by_name)}")
    for name in PRODUCTS:
        shapes = {f["shape"] for f in by_name[name]}
        wanted = {f"32 x {i} -> {o}, {t}" for i, o in ((20, 12), (20, 6), (12, 20), (20, 27), (27, 20))
                  for t in (["f32"] if name == "linear_dw" else ["f32", "f16", "bf16"])}
        if not wanted <= shapes:
            fail(f"{name}: no {sorted(wanted - shapes)}")
    for f in by_name["linear"]:  # operations by their definition: 2 · rows · in · out
        if f["shape"] == "32 x 20 -> 27, f32" and not abs(f["gflops"] * 1e9 * f["seconds"] - 2 * 32 * 20 * 27) < 1:
            fail(f"32 x 20 -> 27 is {2 * 32 * 20 * 27} operations: {f}")
    for f in by_name["embedding"]:  # 32 rows of 20, read and written
        if not abs(f["gbytes_per_second"] * 1e9 * f["seconds"] - 32 * 20 * 8) < 1:
            fail(f"an embedding of 32 rows of 20 moves {32 * 20 * 8} bytes: {f}")
    for name in ("peak_flops", "peak_bandwidth"):
        if abs(by_name[name][0]["share_of_peak"] - 1) > 1e-5:
            fail(f"a peak that is no peak: {by_name[name]}")


def main():
    what, path = sys.argv[1:]
    with open(path, encoding="utf-8") as f:
        found = json.load(f)
    if what == "figures":
        check_figures(found)
        return
    check_figures(found["figures"])
    device = found["device"]
    if not (device["name"] and device["driver"] and device["features"] and found["vkift"] and found["rows"] == 32):
        fail(f"what ran is not said: {found}")
    if len(found["checks"]) < 4 or not all(c["ok"] or c["skipped"] for c in found["checks"]):
        fail(f"checks: {found['checks']}")


main()
