"""Compares what vkift printed with golden/model/stories260K.json, numbers computed in float64 by another program.

golden.py data GOLDEN DIR             lm.jsonl and sft.jsonl as pre-tokenised examples
golden.py losses GOLDEN FORM OUTPUT   `vkift eval --per-token --json` of lm.jsonl; FORM: hf, f32, f16, q8_0 or q4_0
golden.py gradients GOLDEN METRICS    one step a pair, none of which moves a weight: losses and each tensor's gradient norm
golden.py steps GOLDEN METRICS        20 AdamW steps on all four pairs
"""
import json
import os
import sys

LOSS, RELATIVE = 1e-4, 1e-3
# Cooperative matrices are of f16: beside weights of 16 bits and fewer they round activations to 11 bits.
LOSS_BY_COOPMAT = 1e-3
COOPMAT = "coopmat_first=1" in os.environ.get("VKIFT_DEVICE_PROFILE", "")


def read_lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def write_lines(path, rows):
    with open(path, "w", encoding="utf-8") as f:
        for row in rows:
            f.write(json.dumps(row) + "\n")


def pair_labels(pair):
    """The golden mask belongs to the prediction of the token behind it; labels stand at the token itself."""
    mask = [0] + pair["target_mask_for_next_token"]
    return [token if target else -100 for token, target in zip(pair["ids"], mask)]


def data(golden, directory):
    write_lines(f"{directory}/lm.jsonl", [{"input_ids": x["ids"], "labels": x["ids"]} for x in golden["lm"]])
    pairs = [{"input_ids": x["ids"], "labels": pair_labels(x)} for x in golden["sft"]]
    write_lines(f"{directory}/sft.jsonl", pairs)


worst = {}


def near(what, found, wanted, limit):
    """limit: of the difference between found and wanted."""
    if not isinstance(found, (int, float)) or not abs(found - wanted) <= limit:
        sys.exit(f"{what}: expected {wanted!r} within {limit:.3g}, found {found!r}")
    kind = what.split()[0]
    worst[kind] = max(worst.get(kind, 0), abs(found - wanted) / limit)


def same(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: expected {wanted!r:.300}, found {found!r:.300}")


def losses(golden, form, output):
    rows = read_lines(output)
    same("number of examples", len(rows), len(golden["lm"]))
    for i, (row, want) in enumerate(zip(rows, golden["lm"])):
        where = f"of text {i}"
        same(f"input_ids {where}", row["input_ids"], want["ids"])
        same(f"target {where}", row["target"], [0] + [1] * (len(want["ids"]) - 1))
        mean = want["mean_nll"] if form == "hf" else want["mean_nll_gguf"][form]
        near(f"loss {where}", row["loss"], mean, LOSS_BY_COOPMAT if COOPMAT and form in ("f16", "q8_0", "q4_0") else LOSS)
        same(f"nll of the first token {where}", row["nll"][0], None)
        if form in ("hf", "f32"):
            for k, token in enumerate(want["token_nll"]):
                near(f"token nll of token {k + 1} {where}", row["nll"][k + 1], token, LOSS)
    return sum(len(row["nll"]) for row in rows)


def gradients(golden, metrics):
    rows = read_lines(metrics)
    same("steps", len(rows), len(golden["sft"]))
    for i, (row, want) in enumerate(zip(rows, golden["sft"])):
        near(f"loss of pair {i}", row["loss"], want["loss"], LOSS)
        same(f"target tokens of pair {i}", row["target_tokens"], want["n_targets"])
        near(f"norm of all gradients of pair {i}", row["grad_norm"], want["grad_norm_global"], RELATIVE * want["grad_norm_global"])
        same(f"trained tensors of pair {i}", sorted(row["tensor_norms"]), sorted(want["grads"]))
        for name, tensor in want["grads"].items():
            near(f"norm of {name}, pair {i}", row["tensor_norms"][name], tensor["norm"], RELATIVE * tensor["norm"])
    return sum(len(want["grads"]) for want in golden["sft"])


def steps(golden, metrics):
    want, rows = golden["adamw_full_batch"]["history"], read_lines(metrics)
    same("steps", [row["step"] for row in rows], [x["step"] for x in want])
    for row, x in zip(rows, want):
        near(f"loss before step {x['step']}", row["loss"], x["loss_before_step"], RELATIVE * x["loss_before_step"])
        near(f"norm before step {x['step']}", row["grad_norm"], x["grad_norm"], RELATIVE * x["grad_norm"])
        same(f"learning rate of step {x['step']}", round(row["learning_rate"], 9), golden["adamw_full_batch"]["optimizer"]["lr"])
    return len(rows)


def main(command, path, *rest):
    with open(path, encoding="utf-8") as f:
        golden = json.load(f)
    compared = {"data": data, "losses": losses, "gradients": gradients, "steps": steps}[command](golden, *rest)
    if compared:
        shares = ", ".join(f"{kind} {share:.1%}" for kind, share in sorted(worst.items()))
        print(f"{command} {' '.join(r.rsplit('/', 1)[-1] for r in rest)}: {compared} compared; most of what is allowed: {shares}")


main(*sys.argv[1:])
