"""quantized.py model DIR [WIDTH]  a model as tiny.py's whose rows are whole blocks of nf4, but for down_proj's where WIDTH is not
quantized.py nf4 DIR OUT        the same model with what nf4 makes of its linear weights, in f32, by the definition
quantized.py poison DIR NAME    element 70 of a tensor becomes NaN
quantized.py ended METRICS FILE `vkift eval --json` has the loss of a run's last evaluation
quantized.py alike PREDICTIONS  base and tuned model of a crossval gave the same answers"""
import json
import shutil
import sys

import tiny

TABLE = [-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
         -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
         0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1]


def model(directory, width=128):
    tiny.CONFIG.update(vocab_size=262, hidden_size=64, intermediate_size=int(width), head_dim=32)
    tiny.model(directory)


def rounded(values):
    for i in range(0, len(values), 64):
        block = values[i:i + 64]
        largest = max(map(abs, block))
        for x in block:
            yield largest * min(TABLE, key=lambda entry: abs(x - largest * entry))


def nf4(directory, out):
    shutil.copytree(directory, out)
    tensors, metadata = tiny.read_safetensors(f"{out}/model.safetensors")
    for name, (_, shape, values) in tensors.items():
        if "_proj" in name:
            tensors[name] = tiny.f32(shape, list(rounded(tiny.floats(values))))
    tiny.write_safetensors(f"{out}/model.safetensors", tensors, metadata)


def poison(directory, name):
    tensors, metadata = tiny.read_safetensors(f"{directory}/model.safetensors")
    _, shape, values = tensors[name]
    tensors[name] = tiny.f32(shape, [float("nan") if i == 70 else x for i, x in enumerate(tiny.floats(values))])
    tiny.write_safetensors(f"{directory}/model.safetensors", tensors, metadata)


def read_lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def ended(metrics, found):
    want, got = read_lines(metrics)[-1]["eval_loss"], read_lines(found)[0]["loss"]
    assert abs(got - want) <= 1e-5 * want, f"expected the loss {want}, found {got}"


def alike(predictions):
    rows = read_lines(predictions)
    unlike = [row for row in rows if row["prediction"] != row["prediction_base"]]
    assert len(rows) == 12 and not unlike, unlike


if __name__ == "__main__":
    {"model": model, "nf4": nf4, "poison": poison, "ended": ended, "alike": alike}[sys.argv[1]](*sys.argv[2:])
