"""Adapters that train as PEFT's do: cases, rows of tokens, and the comparison with PEFT's figures (peft_golden.json, which
tests/reference/run adapters --golden writes).

peft_data.py rows FILE               rows of tokens as vkift train reads them
peft_data.py cases                   each case's name
peft_data.py family CASE             of its model (tiny.py)
peft_data.py whole ADAPTER MODEL     what an adapter has whole is of the shapes in the model's file, and near to what is there
peft_data.py options CASE            the options of its run, a line each
peft_data.py steps GOLDEN CASE METRICS    losses and gradient norms within 1e-4 of their size
"""
import json
import random
import sys

import tiny

STEPS = 10
COMMON = {"r": 5, "alpha": 8, "batch": 4, "rate": 1e-2}
CASES = {name: {**COMMON, **case} for name, case in {
    "rsLoRA": {"rslora": True},
    "DoRA": {"dora": True},
    "DoRA, rsLoRA, some layers": {"dora": True, "rslora": True, "targets": ["q_proj", "o_proj", "down_proj"]},
    "DoRA, dropout": {"dora": True, "dropout": 0.3},
    "DoRA, embedding and head whole": {"dora": True, "whole": ["embed_tokens", "lm_head"], "rate": 3e-3},
    "LoRA, norms and down_proj whole": {"targets": ["q_proj", "v_proj"], "whole": ["norm", "down_proj"], "rate": 3e-3},
    "LoRA, dropout, NEFTune": {"dropout": 0.2, "neftune": 30.0},
    "Qwen2 with biases: DoRA, k_proj whole": {"family": "qwen2", "dora": True, "targets": ["q_proj", "v_proj", "down_proj"],
                                              "whole": ["k_proj"], "rate": 3e-3},
    "Gemma 2 with windows and caps: DoRA, NEFTune, norms whole": {"family": "gemma2", "dora": True, "neftune": 30.0, "whole": ["norm"],
                                                                 "targets": ["q_proj", "v_proj", "up_proj"], "rate": 3e-3},
    "GPT-2: DoRA, NEFTune, c_fc and norms whole": {"family": "gpt2", "dora": True, "neftune": 5.0, "whole": ["c_fc", "ln_1", "ln_f"],
                                                   "targets": ["c_attn", "c_proj"], "rate": 3e-3},
}.items()}


def rows():
    """Random tokens, of which the second half carries loss."""
    r = random.Random(7)
    out = []
    for _ in range(STEPS * COMMON["batch"]):
        n = r.randint(6, 40)
        ids = [r.randrange(259) for _ in range(n)]
        out.append({"input_ids": ids, "labels": [i if k >= n // 2 else -100 for k, i in enumerate(ids)]})
    return out


def options(case):
    words = ["--no-shuffle", "--batch-size", case["batch"], "--max-steps", STEPS, "--learning-rate", case["rate"],
             "--lr-scheduler-type", "constant", "--warmup-steps", 0, "--save-steps", STEPS, "--save-total-limit", 2,
             "--lora-r", case["r"], "--lora-alpha", case["alpha"], "--lora-dropout", case.get("dropout", 0),
             "--neftune-noise-alpha", case.get("neftune", 0)]
    words += ["--use-dora"] * case.get("dora", False) + ["--use-rslora"] * case.get("rslora", False)
    for flag, key in (("--target-modules", "targets"), ("--modules-to-save", "whole")):
        words += [flag, ",".join(case[key])] if key in case else []
    return [str(w) for w in words]


def steps(golden, name, metrics):
    with open(golden, encoding="utf-8") as f:
        want = json.load(f)[name]
    with open(metrics, encoding="utf-8") as f:
        found = [json.loads(line) for line in f]
    assert len(found) == len(want) == STEPS, len(found)
    worst = max(abs(f[k] - w[k]) / w[k] for f, w in zip(found, want) for k in ("loss", "grad_norm"))
    assert worst <= 1e-4, f"{name}: {worst:.2g} of their size away from PEFT's losses or gradient norms"
    print(f"{name}: at most {worst:.1e} of their size away from PEFT's losses and gradient norms")


def whole(adapter, model):
    """Three steps away: a norm that had 1 + w for w, or a transposed matrix, would be elsewhere."""
    found, _ = tiny.read_safetensors(f"{adapter}/adapter_model.safetensors")
    base, _ = tiny.read_safetensors(f"{model}/model.safetensors")
    for key, (dtype, shape, values) in found.items():
        if ".lora_" in key:
            continue
        _, wanted, start = base[key.removeprefix("base_model.model.")]
        assert dtype == "F32" and shape == wanted, f"{key}: {shape}, in the model {wanted}"
        worst = max(abs(x - y) for x, y in zip(tiny.floats(values), tiny.floats(start)))
        assert 0 < worst < 0.1, f"{key}: {worst} away from the model's"


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    if command == "rows":
        with open(rest[0], "w", encoding="utf-8") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows())
    elif command == "cases":
        print("\n".join(CASES))
    elif command == "options":
        print("\n".join(options(CASES[rest[0]])))
    elif command == "family":
        print(CASES[rest[0]].get("family", "llama"))
    elif command == "whole":
        whole(*rest)
    elif command == "steps":
        steps(*rest)
