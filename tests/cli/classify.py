"""What --objective classify writes.

classify.py data FILE N             texts of three labels that a word in them tells apart
classify.py model MODEL BASE KEPT   MODEL is transformers' classifier on BASE, of which KEPT is as it was: all, none, but_projections
classify.py adapter ADAPTER BASE    ADAPTER has exactly PEFT's keys of a classifier
classify.py merged MODEL ADAPTER    MODEL has ADAPTER's head, bit for bit
classify.py score RESULT LEAST      accuracy and macro F1 of an evaluation, which agree with its confusions; at least LEAST
classify.py same RESULT RESULT      two evaluations have one loss and the same confusions
classify.py predictions FILE        its rows have a likelihood for each label, and the likeliest is the prediction
classify.py peft ADAPTER            as PEFT writes it: both names of heads, no labels.json
classify.py relabel MODEL N         a head of N rows with no names
classify.py padding MODEL ID        its tokenizer pads with the token that it looks for
classify.py long FILE               12 texts and one of 200 tokens
classify.py spread FILE LEAST       a text's logits are somewhere at least so far apart
classify.py planned PLAN RUN        the run has the rows and the bytes of the plan
classify.py blocks DIR              a model whose rows have whole blocks
"""
import json
import math
import os
import random
import sys

import tiny

LABELS = ["ball", "fox", "sun"]
HEAD, PEFT = "score.weight", "base_model.model."


def data(path, n):
    r = random.Random(4)
    words = "a long hill and then the warm river ran over red stones".split()
    with open(path, "w", encoding="utf-8") as f:
        for i in range(int(n)):
            label = LABELS[i % 3]
            text = " ".join([*r.choices(words, k=r.randint(1, 6)), label])
            f.write(json.dumps({"text": f"{i} {text}", "label": label}) + "\n")


def model(directory, base, kept):
    config = tiny.read_json(f"{directory}/config.json")
    assert config["architectures"] == ["LlamaForSequenceClassification"], config["architectures"]
    assert config["id2label"] == {str(i): x for i, x in enumerate(LABELS)}, config["id2label"]
    assert config["label2id"] == {x: i for i, x in enumerate(LABELS)}, config["label2id"]
    assert config["problem_type"] == "single_label_classification" and config["pad_token_id"] == 261, config
    tokens = tiny.read_json(f"{directory}/tokenizer_config.json")
    assert tokens["pad_token"] == "<|im_end|>" and "chat_template" not in tokens, tokens
    assert not os.path.exists(f"{directory}/generation_config.json") and not os.path.exists(f"{directory}/chat_template.jinja")
    tensors, _ = tiny.read_safetensors(f"{directory}/model.safetensors")
    theirs, _ = tiny.read_safetensors(f"{base}/model.safetensors")
    assert set(tensors) == set(theirs) - {"lm_head.weight"} | {HEAD}, set(tensors) ^ set(theirs)
    assert tensors[HEAD][1] == [3, 20], tensors[HEAD][1]
    same = [n for n in tensors if n != HEAD and tensors[n] == theirs[n]]
    assert len(same) == {"all": len(tensors) - 1, "none": 0, "but_projections": 6}[kept], same


def adapter(directory, base):
    config, (tensors, _) = tiny.read_json(f"{directory}/adapter_config.json"), tiny.read_safetensors(f"{directory}/adapter_model.safetensors")
    assert config["task_type"] == "SEQ_CLS" and config["modules_to_save"] == ["score"], config
    theirs, _ = tiny.read_safetensors(f"{base}/model.safetensors")
    wanted = {PEFT + n.replace(".weight", f".lora_{x}.weight") for n in theirs if "_proj" in n for x in "AB"} | {PEFT + HEAD}
    assert set(tensors) == wanted, set(tensors) ^ wanted
    assert tensors[PEFT + HEAD][:2] == ("F32", [3, 20])
    assert tiny.read_json(f"{directory}/labels.json") == {"id2label": {str(i): x for i, x in enumerate(LABELS)}}


def merged(directory, adapter_directory):
    tensors, _ = tiny.read_safetensors(f"{directory}/model.safetensors")
    theirs, _ = tiny.read_safetensors(f"{adapter_directory}/adapter_model.safetensors")
    assert tensors[HEAD] == theirs[PEFT + HEAD]


def score(path, least):
    c = tiny.read_json(path)["classes"]
    n, rows = sum(map(sum, c["confusion"])), c["labels"]
    right = [c["confusion"][i][i] for i in range(len(rows))]
    f1 = []
    for i, row in enumerate(rows):
        has, given = sum(c["confusion"][i]), sum(r[i] for r in c["confusion"])
        assert (row["n"], row["predicted"]) == (has, given), row
        f1.append(200 * right[i] / (has + given) if has + given else 0)
        assert abs(row["f1"] - f1[-1]) < 1e-9, row
    assert abs(c["accuracy"] - 100 * sum(right) / n) < 1e-9 and abs(c["macro_f1"] - sum(f1) / len(f1)) < 1e-9, c
    for key in ("accuracy", "macro_f1"):
        assert 0 <= c[key + "_low"] <= c[key] <= c[key + "_high"] <= 100, c
    assert [r["label"] for r in rows] == LABELS and c["accuracy"] >= float(least), c


def same(a, b):
    x, y = tiny.read_json(a), tiny.read_json(b)
    assert abs(x["loss"] - y["loss"]) <= 1e-5 * x["loss"], (x["loss"], y["loss"])
    assert x["classes"]["confusion"] == y["classes"]["confusion"]


def predictions(path):
    with open(path, encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    assert len(rows) == 12
    for row in rows:
        values = row["loglikelihoods"]
        assert row["choices"] == LABELS and len(row["references"]) == 1 and row["metric"] == "accuracy"
        assert abs(sum(map(math.exp, values)) - 1) < 1e-6, values
        assert row["prediction"] == LABELS[values.index(max(values))]
        assert row["score"] == (100 if row["prediction"] == row["references"][0] else 0)
        assert row["prompt"].endswith(row["references"][0]), row


def peft(directory):
    tiny.set_key(f"{directory}/adapter_config.json", "modules_to_save", '["classifier", "score"]')
    os.remove(f"{directory}/labels.json")


def relabel(directory, n):
    tensors, metadata = tiny.read_safetensors(f"{directory}/model.safetensors")
    tensors[HEAD] = tiny.f32([int(n), 20], [0.01 * i for i in range(int(n) * 20)])
    tiny.write_safetensors(f"{directory}/model.safetensors", tensors, metadata)
    config = tiny.read_json(f"{directory}/config.json")
    del config["id2label"], config["label2id"]
    config["num_labels"] = int(n)
    tiny.write_json(f"{directory}/config.json", config)


def padding(directory, number):
    tokens, added = tiny.read_json(f"{directory}/tokenizer_config.json"), tiny.tokenizer()["added_tokens"]
    token = tokens["pad_token"]
    assert tiny.read_json(f"{directory}/config.json")["pad_token_id"] == int(number), directory
    assert [x["id"] for x in added if x["content"] == token] == [int(number)], token
    assert tiny.read_json(f"{directory}/special_tokens_map.json")["pad_token"] == token


def long(path):
    data(path, 12)
    with open(path, "a", encoding="utf-8") as f:
        f.write(json.dumps({"text": "on and on " * 20 + "sun", "label": "sun"}) + "\n")


def spread(path, least):
    with open(path, encoding="utf-8") as f:
        rows = [json.loads(line)["loglikelihoods"] for line in f]
    worst = max(max(values) - min(values) for values in rows)
    assert worst >= float(least), f"logits are at most {worst} apart"


def planned(plan, run):
    plan, run = tiny.read_json(plan), tiny.read_json(f"{run}/run.json")
    assert plan["device_bytes"] == run["memory"]["device_bytes"] and plan["row_tokens"] == run["row_tokens"], (plan, run)


def blocks(directory):
    tiny.CONFIGS["blocks"] = {**tiny.CONFIG, "hidden_size": 32, "intermediate_size": 32, "head_dim": 32}
    tiny.model(directory, "blocks")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
