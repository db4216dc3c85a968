"""What --modules-to-save writes.

modules_to_save.py tie MODEL                     makes a model's head its embedding
modules_to_save.py files RUN MODEL TIED          RUN/adapter has embedding and head whole, trained where the data has tokens only
modules_to_save.py merged RUN EXPORT             EXPORT has the adapter's embedding and head, bit for bit
modules_to_save.py spoil ADAPTER                 changes one value of the adapter's head
modules_to_save.py others RUN MODEL FULL         RUN/adapter has exactly PEFT's keys for modules_to_save norm,down_proj beside LoRA of
                                                 q_proj,v_proj; they are trained, with full training's first gradient norms
modules_to_save.py others_merged RUN EXPORT      EXPORT has those of the adapter, bit for bit
modules_to_save.py shorten ADAPTER               takes one number from the final norm
modules_to_save.py other_vocabulary ADAPTER      takes the last row from the embedding
modules_to_save.py norms RUN FULL                the first step's gradient norms of embedding and head are those of full training
"""
import json
import sys

import tiny

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
PEFT = "base_model.model."


def tie(model):
    tensors, metadata = tiny.read_safetensors(f"{model}/model.safetensors")
    del tensors[HEAD]
    tiny.write_safetensors(f"{model}/model.safetensors", tensors, metadata)
    tiny.set_key(f"{model}/config.json", "tie_word_embeddings", "true")


def rows(tensor):
    dtype, shape, data = tensor
    assert dtype == "F32", dtype
    return [data[i * shape[1] * 4:(i + 1) * shape[1] * 4] for i in range(shape[0])]


def files(run, model, tied):
    tensors, _ = tiny.read_safetensors(f"{run}/adapter/adapter_model.safetensors")
    base, _ = tiny.read_safetensors(f"{model}/model.safetensors")
    config = tiny.read_json(f"{run}/adapter/adapter_config.json")
    assert config["modules_to_save"] == ["embed_tokens", "lm_head"], config["modules_to_save"]
    others = [name for name in tensors if ".lora_" not in name]
    assert sorted(others) == [PEFT + HEAD, PEFT + EMBEDDING], others
    found, start = rows(tensors[PEFT + EMBEDDING]), rows(base[EMBEDDING])
    changed = [i for i in range(len(start)) if found[i] != start[i]]
    if tied == "true":
        assert tensors[PEFT + HEAD] == tensors[PEFT + EMBEDDING] and len(changed) == len(start), len(changed)
    else:
        assert 260 in changed and 261 in changed and 262 not in changed and len(changed) < 60, changed
        assert all(a != b for a, b in zip(rows(tensors[PEFT + HEAD]), rows(base[HEAD])))


def merged(run, export):
    tensors, _ = tiny.read_safetensors(f"{run}/adapter/adapter_model.safetensors")
    written, _ = tiny.read_safetensors(f"{export}/model.safetensors")
    for name in (EMBEDDING, HEAD):
        assert name not in written or written[name] == tensors[PEFT + name], name
    assert EMBEDDING in written


def spoil(adapter):
    path = f"{adapter}/adapter_model.safetensors"
    tensors, metadata = tiny.read_safetensors(path)
    dtype, shape, data = tensors[PEFT + HEAD]
    tensors[PEFT + HEAD] = dtype, shape, data[:-1] + bytes([data[-1] ^ 1])
    tiny.write_safetensors(path, tensors, metadata)


def is_other(name):
    return name.endswith(("norm.weight", "down_proj.weight"))


def others(run, model, full):
    tensors, _ = tiny.read_safetensors(f"{run}/adapter/adapter_model.safetensors")
    base, _ = tiny.read_safetensors(f"{model}/model.safetensors")
    whole = [name for name in base if is_other(name)]
    assert len(whole) == 7, whole
    want = {PEFT + name for name in whole}
    want |= {f"{PEFT}{name.removesuffix('.weight')}.lora_{x}.weight" for name in base if "q_proj" in name or "v_proj" in name for x in "AB"}
    assert set(tensors) == want, sorted(set(tensors) ^ want)
    for name in whole:
        (dtype, shape, values), start = tensors[PEFT + name], base[name]
        assert dtype == "F32" and shape == start[1] and values != start[2], name
    assert tiny.read_json(f"{run}/adapter/adapter_config.json")["modules_to_save"] == ["norm", "down_proj"]
    same_norms(run, full, whole)


def others_merged(run, export):
    tensors, _ = tiny.read_safetensors(f"{run}/adapter/adapter_model.safetensors")
    written, _ = tiny.read_safetensors(f"{export}/model.safetensors")
    for name in written:
        assert not is_other(name) or written[name] == tensors[PEFT + name], name


def shorten(adapter):
    path = f"{adapter}/adapter_model.safetensors"
    tensors, metadata = tiny.read_safetensors(path)
    dtype, shape, data = tensors[PEFT + "model.norm.weight"]
    tensors[PEFT + "model.norm.weight"] = dtype, [shape[0] - 1], data[:-4]
    tiny.write_safetensors(path, tensors, metadata)


def other_vocabulary(adapter):
    path = f"{adapter}/adapter_model.safetensors"
    tensors, metadata = tiny.read_safetensors(path)
    dtype, shape, data = tensors[PEFT + EMBEDDING]
    tensors[PEFT + EMBEDDING] = dtype, [shape[0] - 1, shape[1]], data[:-4 * shape[1]]
    tiny.write_safetensors(path, tensors, metadata)


def norms(run, full):
    same_norms(run, full, (EMBEDDING, HEAD))


def same_norms(run, full, names):
    first = []
    for path in (run, full):
        with open(f"{path}/metrics.jsonl", encoding="utf-8") as f:
            first.append(json.loads(f.readline()))
    for name in names:
        found, wanted = ([v for k, v in flat(x) if k == name] for x in first)
        assert len(found) == len(wanted) == 1 and abs(found[0] - wanted[0]) <= 1e-5 * wanted[0] > 0, (name, found, wanted)


def flat(x):
    for key, value in x.items():
        if isinstance(value, dict):
            yield from flat(value)
        else:
            yield key, value


if __name__ == "__main__":
    {"tie": tie, "files": files, "merged": merged, "spoil": spoil, "norms": norms, "others": others,
     "others_merged": others_merged, "shorten": shorten,
     "other_vocabulary": other_vocabulary}[sys.argv[1]](*sys.argv[2:])
