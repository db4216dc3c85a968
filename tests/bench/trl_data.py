"""Self-instruct's seed tasks, in a fixed random order, in the form that each side calls its own."""
import json
import os
import random
import sys
from pathlib import Path

import side


def find(data):
  """data: the shared data folder; None: where it is by default."""
  data = data or Path(os.environ.get("VKIFT_SHARED_DATA") or side.REPOSITORY.parent / "shared/data")
  path = data / "instruct/self-instruct/seed_tasks.jsonl"
  if not path.is_file():
    sys.exit(f"{path}: not found; name the shared data folder by --data or VKIFT_SHARED_DATA")
  return path


def write(seed_tasks, work):
  """work/trl.jsonl with prompt and completion, work/vkift.jsonl with messages. Returns how many there are."""
  rows = []
  for line in seed_tasks.read_text(encoding="utf-8").splitlines():
    task = json.loads(line)
    instance = task["instances"][0]
    question = task["instruction"] + ("\n\n" + instance["input"] if instance["input"] else "")
    rows.append(({"role": "user", "content": question}, {"role": "assistant", "content": instance["output"]}))
  random.Random(1).shuffle(rows)
  pairs = [{"prompt": [user], "completion": [assistant]} for user, assistant in rows]
  chats = [{"messages": [user, assistant]} for user, assistant in rows]
  for name, values in (("trl.jsonl", pairs), ("vkift.jsonl", chats)):
    (work / name).write_text("".join(json.dumps(v) + "\n" for v in values), encoding="utf-8")
  return len(rows)
