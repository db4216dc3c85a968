"""Every case of a file of golden renderings through `vkift data render`, one process for a template and kind of prompt.

render.py VKIFT GOLDEN.json — texts have to be equal byte for byte; where the reference raised an error, so has vkift to,
with the same words behind the exception's name. {% generation %} spans, where the reference has them, are the mask.
"""

import json
import os
import subprocess
import sys
import tempfile


def render(vkift, template, conversations, ask):
    with tempfile.TemporaryDirectory() as work:
        source, data = os.path.join(work, "chat.jinja"), os.path.join(work, "chats.jsonl")
        with open(source, "w", encoding="utf-8", newline="") as f:
            f.write(template["chat_template"])
        with open(data, "w", encoding="utf-8", newline="") as f:
            for messages in conversations:
                f.write(json.dumps({"messages": messages}) + "\n")
        command = [vkift, "data", "render", "--chat-template", source, "--data", data, "--json"]
        for name in ("bos_token", "eos_token"):
            if template[name]:
                command += ["--" + name.replace("_", "-"), template[name]]
        done = subprocess.run(command + ["--add-generation-prompt"] * ask, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return [json.loads(line) for line in done.stdout.decode().splitlines()]


def joined(spans):
    """Blocks that touch are one span of the mask."""
    out = []
    for begin, end in spans:
        if out and out[-1][1] == begin:
            out[-1][1] = end
        else:
            out.append([begin, end])
    return out


def check(case, messages, row):
    if "error" in case:
        return row.get("error", "").endswith(case["error"].split(": ", 1)[1])
    text = case["rendered"]
    if row.get("text") != text:
        return False
    if len(row["messages"]) != len(messages) or any(m["role"] != r["role"] for m, r in zip(messages, row["messages"])):
        return False
    for m, r in zip(messages, row["messages"]):  # contents stand where the spans say, but for what a template trims
        found = "".join(text.encode()[b:e].decode() for b, e in r["spans"])
        if found and found.strip() != m["content"].strip():
            return False
    if "generation_char_spans" in case:
        spans = [[len(text[:b].encode()), len(text[:e].encode())] for b, e in case["generation_char_spans"] if b < e]
        return row["assistant"] == joined(spans)
    return True


def main(vkift, golden):
    with open(golden, encoding="utf-8") as f:
        golden = json.load(f)
    right = wrong = 0
    for template in golden["templates"]:
        for ask in (False, True):
            cases = [c for c in template["cases"] if c["add_generation_prompt"] == ask]
            conversations = [golden["conversations"][c["conv"]] for c in cases]
            rows = render(vkift, template, conversations, ask)
            assert len(rows) == len(cases), f"expected {len(cases)} rows, found {len(rows)}"
            for case, messages, row in zip(cases, conversations, rows):
                ok = check(case, messages, row)
                right, wrong = right + ok, wrong + (not ok)
                if not ok:
                    print(template["template"], case, row, file=sys.stderr)
    print(f"{right} renderings as expected, {wrong} not")
    return right == 0 or wrong > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
