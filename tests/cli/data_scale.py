"""Data of any size for the test of large data, and what a command needs of memory.

data_scale.py rows FILE N      N Alpaca rows of different lengths, each with a number of its own
data_scale.py peak COMMAND…    runs it; its peak of resident memory in KiB goes to stdout, what it says to stderr; its status
"""
import json
import random
import resource
import subprocess
import sys

WORDS = "ash bay cod dew elm fir gum hay ivy jay kit log mud nut oak pea rye sea tin urn vat wax yam zip".split()


def rows(path, n):
    random.seed(1)

    def words(least, most):
        return " ".join(random.choices(WORDS, k=random.randint(least, most)))

    with open(path, "w", encoding="utf-8") as f:
        for i in range(n):
            row = {"instruction": f"{words(5, 15)} {i}?", "output": words(5, 40)}
            f.write(json.dumps(row) + "\n")


def peak(command):
    status = subprocess.run(command, stdout=sys.stderr, check=False).returncode
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    return status


if sys.argv[1] == "rows":
    rows(sys.argv[2], int(sys.argv[3]))
else:
    sys.exit(peak(sys.argv[2:]))
