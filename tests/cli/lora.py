"""What LoRA training writes, against PEFT's formats and against computing it again.

lora.py files RUN MODULES R ALPHA RSLORA   the exact key set, shapes and configuration of RUN/adapter; MODULES: q_proj,…
lora.py fresh RUN                          step 0: A uniform in ±1/√in, B zero
lora.py begins RUN ADAPTER                 step 0 of RUN holds the adapter's values
lora.py merged MODEL ADAPTER EXPORT        W' = W + s B A in every tensor of EXPORT
lora.py losses WANTED FOUND [differ]       `vkift eval --per-token --json` of both: each token within 1e-4, or not
lora.py metrics WANTED FOUND               losses and gradient norms of each step within 1e-4 of their size
"""
import json
import math
import os
import sys

import tiny

ALL = "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj".split()


def read_lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def same(what, found, wanted):
    assert found == wanted, f"{what}: expected {wanted!r:.400}, found {found!r:.400}"


def files(run, modules, r, alpha, rslora):
    modules = ALL if modules == "all-linear" else modules.split(",")
    tensors, metadata = tiny.read_safetensors(f"{run}/adapter/adapter_model.safetensors")
    want = {}
    for name, shape in tiny.shapes(tiny.CONFIG):
        path = name.removesuffix(".weight")
        if path.split(".")[-1] in modules:
            want[f"base_model.model.{path}.lora_A.weight"] = ("F32", [int(r), shape[1]])
            want[f"base_model.model.{path}.lora_B.weight"] = ("F32", [shape[0], int(r)])
    same("tensors", {name: t[:2] for name, t in tensors.items()}, want)
    same("metadata", metadata, {"format": "pt"})
    for name, t in tensors.items():
        assert any(tiny.floats(t[2])) and all(map(math.isfinite, tiny.floats(t[2]))), f"{name}: expected trained values"
    config = tiny.read_json(f"{run}/adapter/adapter_config.json")
    same("target_modules", sorted(config.pop("target_modules")), sorted(modules))
    same("adapter_config.json", config, {
        "alpha_pattern": {}, "base_model_name_or_path": "model", "bias": "none", "fan_in_fan_out": False, "inference_mode": True,
        "init_lora_weights": True, "lora_alpha": float(alpha), "lora_dropout": 0, "modules_to_save": None, "peft_type": "LORA",
        "r": int(r), "rank_pattern": {}, "task_type": "CAUSAL_LM", "use_dora": False, "use_rslora": rslora == "true"})
    with open(f"{run}/adapter/adapter_config.json", encoding="utf-8") as f:
        text = f.read()
    same("layout of adapter_config.json", text.strip(), json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False))
    others = ["README.md", "chat_template.jinja", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"]
    same("files", sorted(os.listdir(f"{run}/adapter")), sorted(others + ["adapter_config.json", "adapter_model.safetensors"]))


def state(run):
    """Weights of the checkpoint of step 0, by PEFT's keys."""
    tensors, _ = tiny.read_safetensors(f"{run}/checkpoints/step-0/state.safetensors")
    suffix = ".weight"  # the master; .m and .v are AdamW's
    return {name.removesuffix(suffix): t for name, t in tensors.items() if name.endswith(".weight.weight")}


def fresh(run):
    for name, (_, shape, values) in state(run).items():
        values = tiny.floats(values)
        if "lora_B" in name:
            assert not any(values), f"{name}: expected zeros"
            continue
        bound, n = 1 / math.sqrt(shape[1]), len(values)
        assert max(map(abs, values)) <= bound, f"{name}: expected values within {bound}"
        mean, variance = sum(values) / n, sum(v * v for v in values) / n
        # Four standard errors of a uniform distribution's mean and variance.
        assert abs(mean) < 4 * bound / math.sqrt(3 * n), f"{name}: mean {mean}"
        assert abs(variance - bound**2 / 3) < 4 * bound**2 * math.sqrt(4 / 45 / n), f"{name}: variance {variance}, expected {bound**2 / 3}"
    assert len(set(v for _, _, v in state(run).values())) > len(state(run)) / 2, "expected another A in each layer"


def begins(run, adapter):
    tensors, _ = tiny.read_safetensors(f"{adapter}/adapter_model.safetensors")
    same("step 0", state(run), tensors)


def merged(model, adapter, export):
    base, _ = tiny.read_safetensors(f"{model}/model.safetensors")
    found, _ = tiny.read_safetensors(f"{export}/model.safetensors")
    low, _ = tiny.read_safetensors(f"{adapter}/adapter_model.safetensors")
    config = tiny.read_json(f"{adapter}/adapter_config.json")
    r = config["r"]
    scale = config["lora_alpha"] / (math.sqrt(r) if config["use_rslora"] else r)
    same("tensors", sorted(found), sorted(base))
    changed = 0
    for name, (_, shape, values) in base.items():
        want = tiny.floats(values)
        key = f"base_model.model.{name.removesuffix('.weight')}"
        if f"{key}.lora_A.weight" in low:
            a, b = (tiny.floats(low[f"{key}.lora_{x}.weight"][2]) for x in "AB")
            for i in range(shape[0]):
                for j in range(shape[1]):
                    want[i * shape[1] + j] += scale * sum(b[i * r + k] * a[k * shape[1] + j] for k in range(r))
            changed += 1
        got = tiny.floats(found[name][2])
        worst = max(abs(x - y) for x, y in zip(want, got))
        assert len(got) == len(want) and worst < 1e-5, f"{name}: {worst} away from W + s B A"
    same("adapted tensors", changed * 2, len(low))


def losses(wanted, found, differ=None):
    want, got = read_lines(wanted), read_lines(found)
    same("input_ids", [row["input_ids"] for row in got], [row["input_ids"] for row in want])
    worst = max(abs(x - y) for w, g in zip(want, got) for x, y in zip(w["nll"][1:], g["nll"][1:]))
    assert (worst > 0.01) if differ else (worst <= 1e-4), f"token losses differ by {worst}"
    return f"token losses differ by {worst:.2g}"


def metrics(wanted, found):
    want, got = read_lines(wanted), read_lines(found)
    same("steps", [row["step"] for row in got], [row["step"] for row in want])
    worst = max(abs(g[key] / w[key] - 1) for w, g in zip(want, got) for key in ("loss", "grad_norm"))
    assert worst <= 1e-4, f"losses or gradient norms differ by {worst} of their size"
    return f"steps differ by {worst:.2g} of their size"


said = {"files": files, "fresh": fresh, "begins": begins, "merged": merged, "losses": losses, "metrics": metrics}[sys.argv[1]](*sys.argv[2:])
if said:
    print(f"{' '.join(sys.argv[1:])}: {said}")
