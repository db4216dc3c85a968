"""A tiny Llama of odd sizes that the command-line tests make themselves, data for it, and safetensors files.

tiny.py model DIR [FAMILY]   config.json, tokenizer.json (one token a byte) and model.safetensors with random weights; of another
                             family: qwen2, gemma2, gpt2
tiny.py data FILE N          N prompt/completion examples of different lengths
tiny.py pairs FILE N         N preference pairs, as strings and as lists of messages
tiny.py set FILE KEY VALUE   sets a key of a JSON file (VALUE is JSON; "null" stays null, "-" removes the key)
tiny.py poison FILE          makes the last norm of a safetensors file NaN
"""
import json
import os
import random
import struct
import sys

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 263, "hidden_size": 20, "intermediate_size": 27,
    "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 6, "hidden_act": "silu",
    "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "initializer_range": 0.2,
    "tie_word_embeddings": False, "bos_token_id": 259, "eos_token_id": 261,
}

COMMON = {key: CONFIG[key] for key in ("vocab_size", "initializer_range", "bos_token_id", "eos_token_id")}
WINDOWED = {**{key: CONFIG[key] for key in CONFIG if key != "hidden_act"}, "tie_word_embeddings": True}
CONFIGS = {
    "llama": CONFIG,
    "qwen2": {**CONFIG, "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "head_dim": 10},
    "gemma2": {**WINDOWED, "architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2", "hidden_activation": "gelu_pytorch_tanh",
               "sliding_window": 5, "layer_types": ["sliding_attention", "full_attention"], "query_pre_attn_scalar": 7,
               "attn_logit_softcapping": 2.0, "final_logit_softcapping": 1.5, "pad_token_id": 260},
    "gpt2": {**COMMON, "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": 20, "n_layer": 2, "n_head": 2,
             "n_positions": 64, "n_inner": 27, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0},
}


def read_safetensors(path):
    """{name: (dtype, shape, bytes)}, and the metadata."""
    with open(path, "rb") as f:
        n = struct.unpack("<Q", f.read(8))[0]
        header = json.loads(f.read(n))
        body = f.read()
    metadata = header.pop("__metadata__", None)
    return {k: (v["dtype"], v["shape"], body[slice(*v["data_offsets"])]) for k, v in header.items()}, metadata


def write_safetensors(path, tensors, metadata=None):
    header, at = {"__metadata__": metadata} if metadata else {}, 0
    for name, (dtype, shape, values) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(values)]}
        at += len(values)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(values for _, _, values in tensors.values()))


def floats(values):
    return list(struct.unpack(f"<{len(values) // 4}f", values))


def f32(shape, values):
    return ("F32", shape, struct.pack(f"<{len(values)}f", *values))


def read_json(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f)


def shapes(c):
    """Every parameter's shape, in the names of Hugging Face."""
    if c["model_type"] == "gpt2":
        yield from shapes_of_gpt2(c)
        return
    d, ff, q, kv = c["hidden_size"], c["intermediate_size"], c["num_attention_heads"] * c["head_dim"], c["num_key_value_heads"] * c["head_dim"]
    yield "model.embed_tokens.weight", [c["vocab_size"], d]
    for i in range(c["num_hidden_layers"]):
        layer = f"model.layers.{i}."
        yield layer + "input_layernorm.weight", [d]
        yield layer + "post_attention_layernorm.weight", [d]
        if c["model_type"] == "gemma2":
            yield layer + "pre_feedforward_layernorm.weight", [d]
            yield layer + "post_feedforward_layernorm.weight", [d]
        for name, shape in (("self_attn.q_proj", [q, d]), ("self_attn.k_proj", [kv, d]), ("self_attn.v_proj", [kv, d]),
                            ("self_attn.o_proj", [d, q]), ("mlp.gate_proj", [ff, d]), ("mlp.up_proj", [ff, d]), ("mlp.down_proj", [d, ff])):
            yield layer + name + ".weight", shape
            if c["model_type"] == "qwen2" and name[-6:] in ("q_proj", "k_proj", "v_proj"):
                yield layer + name + ".bias", shape[:1]
    yield "model.norm.weight", [d]
    if not c["tie_word_embeddings"]:
        yield "lm_head.weight", [c["vocab_size"], d]


def shapes_of_gpt2(c):
    """Weights of linear layers are [in, out] there."""
    d, ff = c["n_embd"], c["n_inner"]
    yield "transformer.wte.weight", [c["vocab_size"], d]
    yield "transformer.wpe.weight", [c["n_positions"], d]
    for i in range(c["n_layer"]):
        for name, shape in (("ln_1", [d]), ("attn.c_attn", [d, 3 * d]), ("attn.c_proj", [d, d]), ("ln_2", [d]), ("mlp.c_fc", [d, ff]),
                            ("mlp.c_proj", [ff, d])):
            yield f"transformer.h.{i}.{name}.weight", shape
            yield f"transformer.h.{i}.{name}.bias", shape[-1:]
    yield "transformer.ln_f.weight", [d]
    yield "transformer.ln_f.bias", [d]


def byte_letters():
    """GPT-2's letter for each byte."""
    printable = set(range(33, 127)) | set(range(161, 256)) - {173}
    others = iter(range(256, 512))
    return [chr(b if b in printable else next(others)) for b in range(256)]


def tokenizer():
    vocab = {letter: i for i, letter in enumerate(byte_letters())}
    vocab |= {"th": 256, "the": 257, "he": 258}
    added = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "added_tokens": [{"id": 259 + i, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                          "special": True} for i, text in enumerate(added)],
        "normalizer": None, "pre_tokenizer": byte_level, "post_processor": None, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": vocab | {text: 259 + i for i, text in enumerate(added)}, "merges": ["t h", "th e", "h e"]},
    }


def model(directory, family="llama"):
    os.makedirs(directory)
    r = random.Random(1)
    tensors, config = {}, CONFIGS[family]
    for name, shape in shapes(config):
        n = shape[0] * (shape[1] if len(shape) > 1 else 1)
        middle = 0 if name.endswith(".bias") or family == "gemma2" else 1  # Gemma's norms multiply by 1 + w
        tensors[name] = f32(shape, [middle + r.gauss(0, 0.1) if len(shape) == 1 else r.gauss(0, config["initializer_range"]) for _ in range(n)])
    write_json(f"{directory}/config.json", config)
    write_json(f"{directory}/tokenizer.json", tokenizer())
    write_safetensors(f"{directory}/model.safetensors", tensors, {"format": "pt"})


def data(path, n):
    r = random.Random(2)
    words = "the red fox ran over a long hill and then slept in the warm sun".split()
    with open(path, "w", encoding="utf-8") as f:
        for i in range(int(n)):
            prompt, answer = (" ".join(r.choices(words, k=r.randint(1, 6))) for _ in range(2))
            f.write(json.dumps({"prompt": f"{i}: {prompt}", "completion": answer}) + "\n")


def pairs(path, n):
    r = random.Random(4)
    words = "a cat sat on some mat while rain fell".split()
    with open(path, "w", encoding="utf-8") as f:
        for i in range(int(n)):
            prompt, chosen, rejected = (" ".join(r.choices(words, k=r.randint(1, 5))) for _ in range(3))
            row = {"prompt": f"{i}: {prompt}", "chosen": f"yes {chosen}", "rejected": f"no {rejected}"}
            if i % 3 == 1:
                turns = [{"role": "user", "content": row.pop("prompt")}]
                row = {key: turns + [{"role": "assistant", "content": answer}] for key, answer in row.items()}
            f.write(json.dumps(row) + "\n")


def set_key(path, key, value):
    document = read_json(path)
    if value == "-":
        del document[key]
    else:
        document[key] = json.loads(value)
    write_json(path, document)


def poison(path):
    tensors, metadata = read_safetensors(path)
    shape = tensors["model.norm.weight"][1]
    tensors["model.norm.weight"] = f32(shape, [float("nan")] * shape[0])
    write_safetensors(path, tensors, metadata)


if __name__ == "__main__":
    {"model": model, "data": data, "pairs": pairs, "set": set_key, "poison": poison}[sys.argv[1]](*sys.argv[2:])
