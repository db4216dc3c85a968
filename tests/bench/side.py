"""What the comparisons of whole trainers share: run a program, see when each of its steps ends, and count the clock's time and
its own CPU time between them."""
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
  """User and system time of a process with all its threads; None when it is gone."""
  try:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
  except OSError:
    return None
  return (int(fields[11]) + int(fields[12])) / TICKS


def name_of(pid):
  """What the process runs: "vkift", once the scripts in front of it have become it."""
  try:
    return Path(f"/proc/{pid}/comm").read_text().strip()
  except OSError:
    return None


def run_steps(command, steps_done, most=None, least_steps=2, limit=None, env=None, log=None, name=None):
  """Runs `command`, which must become the measured process by exec, until it ends, or until `most` steps or `limit` seconds.
  steps_done(output): how many steps have ended, asked many times a second. Returns [(seconds, CPU seconds)] of each step but
  the first, in which programs compile and allocate; with `name` also of that one, from when the process took this name. Fails
  when there are fewer than `least_steps` of them."""
  output = bytearray()
  process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=REPOSITORY,
                               env={**os.environ, **(env or {})})

  def read():
    while chunk := os.read(process.stdout.fileno(), 65536):
      output.extend(chunk)

  reader = threading.Thread(target=read)
  reader.start()
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # then too, what was started is ended below
  began, ends, stopped, starts = time.monotonic(), [], False, 0
  try:
    while process.poll() is None and not stopped:
      now, cpu, done = time.monotonic(), cpu_seconds(process.pid), steps_done(bytes(output))
      if name and not starts and name_of(process.pid) == name:
        starts = 1
        ends.append((now, cpu))
      while cpu is not None and len(ends) - starts < done:
        ends.append((now, cpu))
      stopped = (most and len(ends) - starts > most) or (limit and now - began > limit)
      time.sleep(0.005)
  finally:
    if process.poll() is None:
      process.send_signal(signal.SIGKILL)
    process.wait()
    reader.join()
    if log:
      Path(log).write_bytes(bytes(output))
  steps = [(b[0] - a[0], b[1] - a[1]) for a, b in zip(ends, ends[1:])]
  if len(steps) < least_steps or (process.returncode and not stopped):
    tail = bytes(output[-2000:]).decode(errors="replace")
    raise RuntimeError(f"{command[0]}: exit status {process.returncode} after {len(ends)} steps:\n{tail}")
  return steps


def lines_in(path):
  """A steps_done for vkift: the steps in its metrics.jsonl."""
  def count(_output):
    try:
      return sum('"loss"' in line for line in Path(path).read_text(encoding="utf-8").splitlines())
    except OSError:
      return 0
  return count


BUILDS = {"modern": "build/modern", "default": "build/release"}


def folders_of(words):
  """The folders of the paths among words: where the lane has to read and write."""
  paths = [word.absolute() for word in words if isinstance(word, Path)]
  return sorted({str(path if path.is_dir() else path.parent) for path in paths})


def in_lane(lane, *paths):
  """The start of a command in a lane of scripts/lanes that reads or writes these paths."""
  return ["env", f"VKIFT_MODERN_FOLDERS={':'.join(folders_of(paths))}", f"scripts/lanes/{lane}"]


def vkift(lane, threads, *words):
  """The command in a lane of scripts/lanes, without the validation layers, on `threads` cores. With words ("train", …) only;
  paths are Paths."""
  words = [word.absolute() if isinstance(word, Path) else word for word in words]
  return [*in_lane(lane, *words), "env", "-u", "VKIFT_VALIDATION", f"LP_NUM_THREADS={threads}", *pinned(threads),
          f"{BUILDS[lane]}/vkift", *words]


def add_lane(parser):
  parser.add_argument("--lane", choices=BUILDS, default="modern", help="of scripts/lanes, in which vkift runs [%(default)s]")


def build(lane, work):
  """Before anything is measured in the folder `work`."""
  work.mkdir(parents=True, exist_ok=True)
  done = subprocess.run([*in_lane(lane, work), "true"] if lane == "modern" else ["scripts/lib/build", "release"], check=False,
                        cwd=REPOSITORY)
  if done.returncode:
    sys.exit(done.returncode)  # it said why


def pinned(threads):
  return ["taskset", "-c", f"0-{threads - 1}"]


def median(values):
  return statistics.median(values)


def write_json(path, value):
  Path(path).parent.mkdir(parents=True, exist_ok=True)
  Path(path).write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
