"""A custom answer type: sets of names, correct in any order.

In DATA/benchmarks.yaml:

    answer: {command: [python3, examples/answer_set.py]}

It gets one line of JSON for each output of the model, and answers each at once with one line.
"""

import json
import re
import sys


def names(text):
    return sorted(name.strip().casefold() for name in text.split(",") if name.strip())


for line in sys.stdin:
    asked = json.loads(line)
    boxes = re.findall(r"\\boxed\{([^{}]*)\}", asked["output"])
    found = boxes[-1] if boxes else ""
    answer = {
        "verdict": bool(names(found)) and names(found) == names(asked["reference"]),
        "extracted": found,
        "group": ", ".join(names(found)),
    }
    print(json.dumps(answer), flush=True)
