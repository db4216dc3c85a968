"""What --method freeze trains and what it leaves alone.

freeze.py narrow MODEL                  stores a model's weights as bf16, but for the norms
freeze.py files RUN MODEL NAMES         of RUN/model exactly the tensors whose names contain one of NAMES (a,b) have other bytes
                                        than MODEL's, the others' hashes are equal; the checkpoint has those tensors alone
freeze.py same RUN FULL NAMES           the first step's gradients of those tensors are full training's
freeze.py memory PLAN RUN NAMES MODEL   the plan's gradients and optimizer are those of these tensors alone, and the run's too
"""
import hashlib
import json
import struct
import sys

import tiny


def narrow(model):
    tensors, metadata = tiny.read_safetensors(f"{model}/model.safetensors")
    for name, (_, shape, values) in tensors.items():
        if len(shape) > 1:
            tensors[name] = "BF16", shape, b"".join(values[i + 2:i + 4] for i in range(0, len(values), 4))
    tiny.write_safetensors(f"{model}/model.safetensors", tensors, metadata)


def digest(tensor):
    dtype, shape, values = tensor
    return dtype, shape, hashlib.sha256(values).hexdigest()


def trained(tensors, names):
    return sorted(n for n in tensors if any(part in n for part in names.split(",")))


def files(run, model, names):
    base, _ = tiny.read_safetensors(f"{model}/model.safetensors")
    found, _ = tiny.read_safetensors(f"{run}/model/model.safetensors")
    assert sorted(found) == sorted(base), sorted(found)
    changed = sorted(n for n in base if digest(found[n]) != digest(base[n]))
    assert changed == trained(base, names), f"other bytes: {changed}"
    assert all(found[n][:2] == base[n][:2] for n in base), "other types or shapes"
    step = json.loads(open(f"{run}/metrics.jsonl", encoding="utf-8").readlines()[-1])["step"]
    state, _ = tiny.read_safetensors(f"{run}/checkpoints/step-{step}/state.safetensors")
    assert sorted(state) == sorted(f"{n}.{x}" for n in changed for x in ("m", "v", "weight")), sorted(state)


def first_norms(run):
    with open(f"{run}/metrics.jsonl", encoding="utf-8") as f:
        row = json.loads(f.readline())
    flat = [v for v in row.values() if isinstance(v, dict)]
    assert len(flat) == 1, row
    return row["loss"], flat[0]


def same(run, full, names):
    (loss, norms), (full_loss, full_norms) = first_norms(run), first_norms(full)
    assert abs(loss - full_loss) <= 1e-5 * full_loss, (loss, full_loss)
    assert sorted(norms) == trained(full_norms, names), sorted(norms)
    for name, norm in norms.items():
        assert abs(norm - full_norms[name]) <= 1e-4 * full_norms[name] > 0, (name, norm, full_norms[name])


def memory(plan, run, names, model):
    base, _ = tiny.read_safetensors(f"{model}/model.safetensors")
    plan, run = tiny.read_json(plan), tiny.read_json(f"{run}/run.json")
    elements = [struct.calcsize("<B") * shape[0] * (shape[1] if len(shape) > 1 else 1) for n, (_, shape, _) in base.items() if n in trained(base, names)]
    blocks = sum(-(-n // 1024) for n in elements)  # each tensor begins at a block of its own
    for x in (plan, run["memory"]):
        assert x["weight_bytes"] == x["gradient_bytes"] == blocks * 4096 and x["optimizer_bytes"] == 2 * blocks * 4096, x
    assert plan["trained_parameters"] == run["trained_parameters"] == sum(elements), plan
    assert plan["device_bytes"] == run["memory"]["device_bytes"], plan
    frozen = sum(len(values) for n, (_, _, values) in base.items() if n not in trained(base, names))
    assert frozen <= plan["frozen_bytes"] <= frozen + 64 * 1024, (plan["frozen_bytes"], frozen)  # as wide as in the file


if __name__ == "__main__":
    {"narrow": narrow, "files": files, "same": same, "memory": memory}[sys.argv[1]](*sys.argv[2:])
