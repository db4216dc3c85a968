"""Checks a Chrome trace that `vkift train --profile` wrote.

profile.py FILE STEP…   the trace is of these steps, in this order
"""
import json
import sys

HOST, DEVICE = 1, 2
SLACK = 0.0015  # microseconds: times are whole nanoseconds, written with three decimals


def fail(message):
    sys.exit(f"{sys.argv[1]}: {message}")


def parents(events):
    """Each event with the one that it lies in (None: in none); refuses events that overlap without one holding the other."""
    found, open_events = [], []
    for e in sorted(events, key=lambda e: (e["ts"], -e["dur"], e["order"])):
        while open_events and open_events[-1]["ts"] + open_events[-1]["dur"] <= e["ts"] + SLACK and not (
                e["dur"] == 0 and e["order"] > open_events[-1]["order"]
                and e["ts"] <= open_events[-1]["ts"] + open_events[-1]["dur"] + SLACK and open_events[-1]["dur"] > 0):
            open_events.pop()
        parent = open_events[-1] if open_events else None
        if parent and e["ts"] + e["dur"] > parent["ts"] + parent["dur"] + SLACK:
            fail(f"{e['name']} overlaps {parent['name']}")
        found.append((e, parent))
        open_events.append(e)
    return found


def main():
    path, steps = sys.argv[1], sys.argv[2:]
    with open(path, encoding="utf-8") as f:
        trace = json.load(f)
    if not trace["otherData"]["device"]:
        fail("no name of the device")
    events = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    for i, e in enumerate(events):
        e["order"] = i
        if not (e["ts"] >= 0 and e["dur"] >= 0 and e["tid"] == 1 and e["pid"] in (HOST, DEVICE) and e["name"]):
            fail(f"a bad event: {e}")
    host = [e for e in events if e["pid"] == HOST]
    device = [e for e in events if e["pid"] == DEVICE]

    roots = [e for e, parent in parents(host) if parent is None]
    if [e["name"] for e in roots] != [f"step {s}" for s in steps]:
        fail(f"steps {steps} expected, found {[e['name'] for e in roots]}")
    inside = {"prepare": "step", "run": "step", "report": "step", "submit": "run", "wait": "run"}
    for e, parent in parents(host):
        if parent and not parent["name"].startswith(inside[e["name"]]):
            fail(f"{e['name']} in {parent['name']}")
    for name in inside:
        if not any(e["name"] == name for e in host):
            fail(f"no {name}")

    if not trace["otherData"]["device_timestamps"]:
        if device:
            fail("device events without timestamps")
        return
    # Every command lies in what the host waited for.
    spans = [(e["ts"], e["ts"] + e["dur"]) for e in roots]
    for e in device:
        if not any(begin - SLACK <= e["ts"] and e["ts"] + e["dur"] <= end + SLACK for begin, end in spans):
            fail(f"{e['name']} lies in no step")
    recordings = [e for e in device if e["name"] in ("batch upload", "micro", "hyper", "update")]
    names = [e["name"] for e in recordings]
    for name in ("batch upload", "micro"):
        if names.count(name) < len(steps):
            fail(f"{names.count(name)} times {name} in {len(steps)} steps")
    if names.count("update") != len(steps):
        fail(f"{names.count('update')} updates in {len(steps)} steps")
    nodes = [e for e in device if "args" in e]
    ops = {e["args"]["op"] for e in nodes}
    for op in ("linear", "linear_dx", "rmsnorm", "attention", "head_loss", "adamw", "grad_norm"):
        if op not in ops:
            fail(f"no node of {op}, only {sorted(ops)}")
    if not any(e["args"]["tensor"].endswith("layers.1.self_attn.q_proj.weight") for e in nodes):
        fail("no node is named after a weight of the second layer")
    for e, parent in parents(device):
        if (parent is None) != (e in recordings):
            fail(f"{e['name']} lies in {parent and parent['name']}")
    busy = sum(e["dur"] for e in recordings)
    if not 0 < busy <= sum(e["dur"] for e in roots):
        fail(f"the device was busy for {busy} microseconds")


main()
