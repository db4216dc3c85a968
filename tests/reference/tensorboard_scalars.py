"""Compares a run's TensorBoard event files with its metrics.jsonl. tensorboard_scalars.py RUN"""
import json
import os
import struct
import sys

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.compat.proto import event_pb2, summary_pb2

TAGS = {
    "train/loss": "loss",
    "train/grad_norm": "grad_norm",
    "train/learning_rate": "learning_rate",
    "train/target_tokens_per_second": "target_tokens_per_second",
    "train/epoch": "epoch",
    "eval/loss": "eval_loss",
    "eval/perplexity": "eval_perplexity",
}


def single(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def main():
    run = sys.argv[1]
    with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    files = os.listdir(os.path.join(run, "tensorboard"))
    accumulator = event_accumulator.EventAccumulator(os.path.join(run, "tensorboard"), size_guidance={"scalars": 0})
    accumulator.Reload()
    compared = 0
    for tag, key in TAGS.items():
        wanted = [(row["step"], single(row[key])) for row in rows if key in row]
        found = [(e.step, e.value) for e in accumulator.Scalars(tag)]
        if found != wanted:
            sys.exit(f"{tag}: found {found}, expected {wanted}")
        compared += len(wanted)
    print(f"{len(files)} event files, {compared} scalars: equal to metrics.jsonl")

    # What tests/unit/tensorboard_test.c has as bytes.
    value = summary_pb2.Summary.Value(tag="train/loss", simple_value=1.5)
    for name, event in (
        ("version", event_pb2.Event(wall_time=1700000000.25, file_version="brain.Event:2")),
        ("scalar", event_pb2.Event(wall_time=1700000000.25, step=300, summary=summary_pb2.Summary(value=[value]))),
        ("resumed", event_pb2.Event(wall_time=1700000000.25, step=7, session_log=event_pb2.SessionLog(status=1))),
    ):
        print(f"{name}: {event.SerializeToString().hex()}")


main()
