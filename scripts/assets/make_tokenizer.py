#!/usr/bin/env python3
"""Trains the base model's tokenizer: byte-level BPE (Sennrich et al. 2016, over bytes as in GPT-2) on the pretraining text and
the training part of the instruction set, written as tokenizer.json in the form of Hugging Face's `tokenizers`."""

import argparse
import collections
import json
import re

VOCABULARY = 1280  # tokens, the control tokens and the 256 bytes included
CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
# GPT-2's pattern, which the ByteLevel pre-tokenizer applies; [^\W\d_] stands for \p{L}, a class that Python's re does not have.
WORDS = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?[^\s\w]+|\s+(?!\S)|\s+")


def byte_characters():
    """The printable character that stands for each byte in a byte-level vocabulary (GPT-2's table)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    table = {b: chr(b) for b in printable}
    table.update({b: chr(256 + i) for i, b in enumerate(others)})
    return table


def rows_of(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def count_words(text_path, set_path):
    counts = collections.Counter()
    for row in rows_of(text_path):
        counts.update(WORDS.findall(row["text"]))
    for row in rows_of(set_path):  # as the chat template puts it, between control tokens
        counts.update(WORDS.findall(f"user\n{row['instruction']}\n\n{row['input']}"))
        counts.update(WORDS.findall("\n"))
        counts.update(WORDS.findall(f"assistant\n{row['output']}"))
    return counts


def train(counts, n_merges):
    """The merges, most frequent pair first; of equally frequent ones the smaller in order of characters."""
    table = byte_characters()
    words = [([table[b] for b in word.encode()], n) for word, n in counts.items()]
    pairs, places = collections.Counter(), collections.defaultdict(set)
    for i, (symbols, n) in enumerate(words):
        for pair in zip(symbols, symbols[1:]):
            pairs[pair] += n
            places[pair].add(i)
    merges = []
    while len(merges) < n_merges:
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for i in sorted(places[best]):
            symbols, n = words[i]
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] -= n
            merged = []
            for s in symbols:
                if merged and (merged[-1], s) == best:
                    merged[-1] += s
                else:
                    merged.append(s)
            symbols[:] = merged
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] += n
                places[pair].add(i)
        del pairs[best]
    return merges


def tokenizer_json(merges):
    vocab = CONTROL + [c for _, c in sorted(byte_characters().items())] + [a + b for a, b in merges]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": c, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                          "special": True} for i, c in enumerate(CONTROL)],
        "normalizer": None, "pre_tokenizer": byte_level, "post_processor": None, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {token: i for i, token in enumerate(vocab)}, "merges": [f"{a} {b}" for a, b in merges]}}


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--text", required=True, help="pretrain.jsonl")
    options.add_argument("--set", required=True, help="train.jsonl")
    options.add_argument("--vocabulary", type=int, default=VOCABULARY)
    options.add_argument("--output", required=True, help="tokenizer.json")
    options = options.parse_args()
    merges = train(count_words(options.text, options.set), options.vocabulary - 256 - len(CONTROL))
    with open(options.output, "w", encoding="utf-8", newline="\n") as out:
        json.dump(tokenizer_json(merges), out, ensure_ascii=False, indent=1)
        out.write("\n")


main()
