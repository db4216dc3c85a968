"""What --use-dora writes.

dora.py files RUN MODEL              the exact keys, shapes and configuration of RUN/adapter, all of it trained
dora.py fresh RUN MODEL              step 0: the magnitudes are the lengths of the weights' rows
dora.py merged MODEL ADAPTER EXPORT  EXPORT's rows are those of W + s B A at the magnitudes' lengths
dora.py near RUN RUN                 losses and gradient norms of all steps within 1e-5 of their size
dora.py apart RUN RUN                … but for these, which differ by more than 1e-3
dora.py planned PLAN RUN             memory and trained parameters are as planned
dora.py spoil FILE FAULT NAME        makes the magnitude NAME wrong in one thing
"""
import json
import math
import sys

import tiny

PROJECTIONS = "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj".split()
STATE = ".weight"  # of a checkpoint: the master, beside m and v


def adapted(model):
    base, _ = tiny.read_safetensors(f"{model}/model.safetensors")
    return {n.removesuffix(".weight"): t for n, t in base.items() if n.split(".")[-2] in PROJECTIONS}


def rows(tensor):
    _, shape, values = tensor
    flat = tiny.floats(values)
    return [flat[i * shape[1]:(i + 1) * shape[1]] for i in range(shape[0])]


def length(row):
    return math.sqrt(sum(v * v for v in row))


def files(run, model):
    found, _ = tiny.read_safetensors(f"{run}/adapter/adapter_model.safetensors")
    want = {}
    for path, (_, shape, _) in adapted(model).items():
        want |= {f"base_model.model.{path}.lora_A.weight": ("F32", [3, shape[1]]), f"base_model.model.{path}.lora_B.weight": ("F32", [shape[0], 3]),
                 f"base_model.model.{path}.lora_magnitude_vector": ("F32", [shape[0]])}
    assert {n: t[:2] for n, t in found.items()} == want, sorted(found)
    config = tiny.read_json(f"{run}/adapter/adapter_config.json")
    assert config["use_dora"] is True and config["use_rslora"] is False and config["peft_type"] == "LORA", config
    begun, _ = tiny.read_safetensors(f"{run}/checkpoints/step-0/state.safetensors")
    for name, (_, _, values) in found.items():
        assert values != begun[name + STATE][2], f"{name} was not trained"


def fresh(run, model):
    state, _ = tiny.read_safetensors(f"{run}/checkpoints/step-0/state.safetensors")
    for path, weight in adapted(model).items():
        found = tiny.floats(state[f"base_model.model.{path}.lora_magnitude_vector{STATE}"][2])
        worst = max(abs(f / length(row) - 1) for f, row in zip(found, rows(weight)))
        assert worst < 1e-6, f"{path}: {worst}"


def merged(model, adapter, export):
    low, _ = tiny.read_safetensors(f"{adapter}/adapter_model.safetensors")
    written, _ = tiny.read_safetensors(f"{export}/model.safetensors")
    config = tiny.read_json(f"{adapter}/adapter_config.json")
    scale = config["lora_alpha"] / config["r"]
    for path, weight in adapted(model).items():
        a, b = (rows(low[f"base_model.model.{path}.lora_{x}.weight"]) for x in "AB")
        m = tiny.floats(low[f"base_model.model.{path}.lora_magnitude_vector"][2])
        for i, row in enumerate(rows(weight)):
            moved = [v + scale * sum(b[i][k] * a[k][j] for k in range(len(a))) for j, v in enumerate(row)]
            want = [v * m[i] / length(moved) for v in moved]
            worst = max(abs(x - y) for x, y in zip(want, rows(written[path + ".weight"])[i]))
            assert worst < 1e-5, f"{path}, row {i}: {worst}"


def steps(run):
    with open(f"{run}/metrics.jsonl", encoding="utf-8") as f:
        return [row for row in map(json.loads, f) if "loss" in row]


def difference(one, other):
    a, b = steps(one), steps(other)
    assert len(a) == len(b) == 4, (len(a), len(b))
    return max(abs(x[k] / y[k] - 1) for x, y in zip(a, b) for k in ("loss", "grad_norm"))


def near(one, other):
    worst = difference(one, other)
    assert worst <= 1e-5, f"{one} and {other} differ by {worst}"


def apart(one, other):
    assert difference(one, other) > 1e-3, "expected other losses"


def planned(plan, run):
    plan, run = tiny.read_json(plan), tiny.read_json(f"{run}/run.json")
    assert plan["device_bytes"] == run["memory"]["device_bytes"] and plan["trained_parameters"] == run["trained_parameters"], (plan, run)
    c = tiny.CONFIG
    out = sum(shape[0] for n, shape in tiny.shapes(c) if n.split(".")[-2] in PROJECTIONS)
    low = sum(3 * sum(shape) for n, shape in tiny.shapes(c) if n.split(".")[-2] in PROJECTIONS)
    assert plan["trained_parameters"] == out + low, plan


def spoil(path, fault, name):
    tensors, metadata = tiny.read_safetensors(path)
    dtype, shape, values = tensors[name]
    if fault == "missing":
        del tensors[name]
    elif fault == "longer":
        tensors[name] = dtype, [shape[0] + 1], values + values[:4]
    elif fault == "matrix":
        tensors[name] = dtype, shape + [1], values
    elif fault == "left_over":  # as PEFT has it in memory, but not in its files
        tensors[name + ".weight"] = tensors[name]
    elif fault == "integer":
        tensors[name] = "I32", shape, values
    else:  # of a model that is wider
        for n, (d, s, v) in list(tensors.items()):
            if "lora_A" in n and s[1] == tiny.CONFIG["hidden_size"]:
                tensors[n] = d, [s[0], s[1] + 1], v + v[:4 * s[0]]
    tiny.write_safetensors(path, tensors, metadata)


if __name__ == "__main__":
    {"files": files, "fresh": fresh, "merged": merged, "near": near, "apart": apart, "planned": planned, "spoil": spoil}[sys.argv[1]](*sys.argv[2:])
