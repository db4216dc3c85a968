#!/usr/bin/env python3
"""What the vendors' compilers say of vkift's kernels: reads the lines of vendor_kernels.

report.py check NAME [FILE]      fails on kernels that were not compiled, on AMD and NVIDIA also on spilled registers, on AMD
                                 also where cooperative matrices do not become matrix instructions
report.py products NAME [FILE]   a line for each matrix product: registers, waves, share of the device's peak
report.py table NAME=FILE...     the same of AMD's devices beside ggml's kernels, as docs/vendor-compilers.md

The share is modelled: multiply-adds a clock and SIMD, over the most
that the family can do. RADV's "Inverse Throughput" is the cycles of a wave of 64 over the whole code, in which a block counts
8 times for the first loop around it, 4 times more for a second, half for a uniform condition and 0.75 for a divergent one. The
multiply-adds of each block are counted in the machine code with the same weights, so that

  share = 64 * sum of (weight * multiply-adds of an invocation) / inverse throughput / peak

which for a loop with BM * BN * BK / threads of them outside of conditions is BM * BN * BK / threads * 512 / inverse
throughput / peak. What shared memory and caches allow is not in it.
"""

import json
import pathlib
import re
import sys

OPERATIONS = pathlib.Path(__file__).parents[2] / "src/ops/ops.def"

# Multiply-adds a clock and SIMD: f32 lanes (twice where two issue together), and in matrix instructions with f16 operands.
PEAK = {"polaris10": (16, 0), "vega10": (16, 0), "navi21": (32, 0), "navi31": (64, 128), "gfx1200": (64, 256), "gfx1201": (64, 256)}

# Statistics as the drivers name them: RADV, NVK, Turnip, Honeykrisp.
SPILLS = ["Spilled SGPRs", "Spilled VGPRs", "Scratch size", "Spills to memory", "Fills from memory", "SLM size"]
REGISTERS = ["VGPRs", "Number of GPRs", "Registers used", "GPRs"]
WAVES = ["Subgroups per SIMD", "Max warps/SM", "Max Waves Per Core", "Threads"]


def first(statistics, names):
    return next((statistics[name] for name in names if name in statistics), None)


# --- multiply-adds, with the weights of their blocks ------------------------------------------------------------------------


def sections(code):
    parts = re.split(r"^=== (.*)$", code, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def blocks_of(ir):
    """Of each block its kinds, linear predecessors and successors."""
    found = {}
    for match in re.finditer(r"^BB(\d+)\n/\* logical preds:.*?/ linear preds: ?(.*?)/ kind: (.*?)\*/\n", ir, flags=re.M):
        before = [int(b) for b in re.findall(r"BB(\d+)", match.group(2))]
        found[int(match.group(1))] = {"before": before, "after": [], "kinds": set(re.findall(r"[a-z-]+", match.group(3)))}
    for number, block in found.items():
        for other in block["before"]:
            found[other]["after"].append(number)
    return found


def dominators(found):
    above = {number: set(found) for number in found}
    above[0] = {0}
    changed = True
    while changed:
        changed = False
        for number in sorted(found):
            before = found[number]["before"]
            if number == 0 or not before:
                continue
            now = set.intersection(*(above[b] for b in before)) | {number}
            if now != above[number]:
                above[number] = now
                changed = True
    return above


def weights(ir):
    found = blocks_of(ir)
    above = dominators(found)
    weight = {number: 1.0 for number in found}
    depth = {number: 0 for number in found}
    for header in (n for n in found if "loop-header" in found[n]["kinds"]):
        # The natural loop: what reaches the header again without passing it.
        body, todo = {header}, [b for b in found[header]["before"] if header in above[b]]
        while todo:
            block = todo.pop()
            if block not in body:
                body.add(block)
                todo += found[block]["before"]
        for block in body:
            depth[block] += 1
    for number, block in found.items():
        weight[number] *= (1, 8, 32)[min(depth[number], 2)] * 2.0 ** max(depth[number] - 2, 0)
    for start, block in found.items():
        sides = block["after"]
        if len(sides) != 2 or block["kinds"] & {"invert"}:
            continue
        jumps = {"break", "continue", "continue_or_break", "discard"}
        if any(found[side]["kinds"] & jumps for side in sides):
            continue  # the way out of a loop
        divergent = "branch" in block["kinds"]
        for number in found:
            if any(side in above[number] and len(found[side]["before"]) == 1 for side in sides):
                weight[number] *= 0.75 if divergent else 0.5
    return weight


def multiply_adds(line, subgroup):
    """Of an invocation, in a line of machine code, which may hold two instructions that issue together."""
    n = 0
    for name in re.findall(r"^\s*v_(\w+)|:: v_(\w+)", line):
        op = re.sub(r"^dual_|_(e32|e64|dpp|sdwa)$", "", name[0] or name[1])
        matrix = re.match(r"s?wmma\w*?_(\d+)x(\d+)x(\d+)", op)
        if matrix:
            n += int(matrix.group(1)) * int(matrix.group(2)) * int(matrix.group(3)) / subgroup
        elif re.fullmatch(r"(fma|fmac|mac|mad|fmaak|fmamk|madak|madmk)_f(32|16)|(fma|mad)_mix\w*", op):
            n += 1
        elif re.fullmatch(r"pk_fmac?_f(16|32)|dot2\w*", op):
            n += 2
    return n


def counted(row):
    """Weighted: multiply-adds of an invocation, vector instructions; whether matrix instructions are among them."""
    parts = sections(row["code"])
    weight = weights(parts["ACO IR"])
    block, total, issued, matrix = 0, 0.0, 0.0, False
    for line in parts["Assembly"].splitlines():
        label = re.match(r"BB(\d+):", line)
        if label:
            block = int(label.group(1))
        total += multiply_adds(line, row["subgroup"]) * weight[block]
        issued += weight[block] if re.match(r"\s+v_", line) else 0
        matrix |= "wmma" in line
    return total, issued, matrix


# Cycles of a vector instruction for a wave of 64, where most take the same.
ISSUE_CYCLES = {"polaris10": 4, "vega10": 4, "navi21": 2}


# --- reports ----------------------------------------------------------------------------------------------------------------


def read(path):
    with open(path) if path else sys.stdin as lines:
        rows = [json.loads(line) for line in lines if line.startswith("{")]
    if len(rows) < 2:
        sys.exit(f"{path or 'standard input'}: expected kernels, found none")
    return rows[0], rows[1:]


def title(row):
    return f"{row['shader']} {','.join(map(str, row['spec']))} ({row['used_for']})"


def product(name, row):
    s = row["statistics"]
    found = {"registers": first(s, REGISTERS), "waves": first(s, WAVES), "spills": sum(s.get(k, 0) for k in SPILLS),
             "cycles": s.get("Static cycle count")}
    if name in PEAK:
        total, issued, matrix = counted(row)
        found["issued"] = issued * ISSUE_CYCLES.get(name, 0)
        found["inverse"] = s["Inverse Throughput"]
        found["share"] = 64 * total / s["Inverse Throughput"] / PEAK[name][matrix]
        found["matrix"] = matrix
    return found


def check_weights(name, row, p):
    """Where arithmetic alone decides, the weights must give the driver's own figure: else another Mesa counts otherwise."""
    if not p["issued"] or p["waves"] < 2 or row["shader"] != "matmul_tile":
        return
    ratio = p["issued"] / p["inverse"]
    if not 0.9 < ratio < 1.02:
        sys.exit(f"{name}: {title(row)}: vector instructions take {ratio:.2f} of the inverse throughput, expected about 1: the "
                 "weights of blocks are not those of this driver")


def print_products(name, rows):
    for row in rows:
        p = product(name, row)
        text = f"{name:9} {row['used_for']:24} {row['shader']} {','.join(map(str, row['spec']))}"
        text = f"{text:75} registers {p['registers']:g}, waves {p['waves']:g}, spills {p['spills']:g}"
        if "share" in p:
            text += f", inverse throughput {p['inverse']:g}, share {100 * p['share']:.0f} %" + (", wmma" if p["matrix"] else "")
        elif p["cycles"]:
            text += f", cycles {p['cycles']:g}"
        print(text)


def faults(name, row):
    if "failure" in row:
        return row["failure"]
    spilled = [f"{k} {row['statistics'][k]:g}" for k in SPILLS if row["statistics"].get(k)]
    if spilled and (name in PEAK or name in ("164", "172")):
        return ", ".join(spilled)
    if row["shader"].endswith("_coopmat") and PEAK.get(name, (0, 0))[1] and "wmma" not in row["code"]:
        return "no matrix instructions"
    return None


def missing(rows):
    """Operations of which no kernel was asked for."""
    operations = re.findall(r"^OP\((\w+),", OPERATIONS.read_text(), flags=re.M)
    found = {max((o for o in operations if (row["shader"] + "_").startswith(o + "_")), key=len, default="") for row in rows}
    products = any(row["shader"].startswith("matmul_") for row in rows)  # what linear is made of
    return [o for o in operations if o not in found and not (o == "linear" and products)]


def check(name, rows):
    bad = 0
    for operation in missing(rows):
        print(f"{name}: no kernel of {operation} was compiled: vendor_kernels has to ask for it")
        bad += 1
    for row in rows:
        fault = faults(name, row)
        if fault:
            print(f"{name}: {title(row)}: {fault}")
            bad += 1
    print(f"{name}: {len(rows)} kernels" + (f", {bad} bad" if bad else ""))
    return not bad


# ggml's kernels by the same compiler: device, b's type, by matrix instructions: share of peak (tile).
GGML = {("navi21", "f32", False): 0.90, ("navi21", "f16", False): 0.88, ("navi31", "f32", False): 0.83,
        ("navi31", "f16", False): 0.46, ("navi31", "f16", True): 0.84, ("gfx1201", "f32", False): 0.83,
        ("gfx1201", "f16", True): 0.75, ("vega10", "f32", False): 0.90, ("vega10", "f16", False): 0.69}

HEAD = """# What AMD's compiler makes of the matrix products

Made by `scripts/lanes/vendors table`, with {version}; the lane fails when the kernels have changed and this has not.
Nothing was run on a card. y is the forward, dx the input gradient, dw the weight gradient (whose operands are both f32), with
the type of the weight. Tiles are of a workgroup, in elements of the result; waves are per SIMD.

The share is modelled: multiply-adds a clock and SIMD by the compiler's own "inverse throughput", over the most that the family
can do; what shared memory and caches allow is left out ([tests/vendors/report.py](../tests/vendors/report.py) has the
formula). ggml's is that of `mul_mm.comp`, forward, by the same formula with Mesa 25.0; beside gfx1201 stands gfx1200's, its
cooperative matrices with Mesa 26.2.

| device | product | kernel | tile, threads | VGPRs | waves | inverse throughput | share | ggml's |
|---|---|---|---|--:|--:|--:|--:|--:|
"""


def table(pairs):
    versions, lines = set(), []
    for name, path in (pair.split("=", 1) for pair in pairs):
        device, rows = read(path)
        versions.add(f"{device['driver']} of {device['version']}")
        for row in rows:
            what, kind, tile = row["used_for"].split(" ", 2)
            if kind == "bf16":
                continue
            p = product(name, row)
            check_weights(name, row, p)
            ggml = GGML.get((name, kind, p["matrix"]))
            lines.append(f"| {name} | {what} {kind} | {row['shader']} | {tile.replace(' x ', '×')} | {p['registers']:g} | "
                         f"{p['waves']:g} | {p['inverse']:g} | {100 * p['share']:.0f} % | "
                         + (f"{100 * ggml:.0f} % |" if ggml else "|"))
    return HEAD.format(version=", ".join(sorted(versions))) + "\n".join(lines) + "\n"


def main():
    command = sys.argv[1]
    if command == "table":
        print(table(sys.argv[2:]), end="")
        return
    name, path = sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None
    rows = read(path)[1]
    if command == "products":
        print_products(name, rows)
    else:
        sys.exit(not check(name, rows))


main()
