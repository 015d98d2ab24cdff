#!/bin/bash
# datasets 5: text in a column of mixed types comes back as another value.
#
# One would guess: load_dataset("json") gives back the values of the file. A column in which some
# rows hold text and others a list, a number or an object either fails to load or keeps each row as
# it is: the type Json() is there for that.
#
# What happens: such a column becomes Json() without a word, and Json() keeps a text as it is when
# it happens to parse as JSON, and then parses it when it is read. The answers "18", "007", "1e3",
# "null" and "[1, 2]" of a JSONL file come back as 18, 7, 1000.0, None and a list, beside "x = 1",
# which stays text. One answer that is a list, anywhere in the file, is enough to change all others.
# to_json and to_parquet write the changed values out.
#
# Why it matters: reference answers of mathematics are text that looks like numbers, and sets mix in
# lists for questions with several answers. "007" and "1e3" are other texts afterwards, "null" is a
# row without an answer, and a grader that compares text, or expects it, is wrong or fails.
#
# Seen with datasets 5.2.0, pyarrow 26.0.1, Python 3.11:
#   declared: {'answer': Json(decode=True)}
#   '18'     -> 18
#   '007'    -> 7
#   '1e3'    -> 1000.0
#   'null'   -> None
#   '[1, 2]' -> [1, 2]
#   'x = 1'  -> 'x = 1'
#   ['1']    -> ['1']
#   as a column of text alone: ['18', '007', '1e3', 'null', '[1, 2]', 'x = 1']
#
# Ends with 0 while this is so, else with 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q install datasets==5.2.0 pyarrow==26.0.1
export HF_HOME="$work/home" HF_HUB_OFFLINE=1
"$work/venv/bin/python" - "$work" <<'PYTHON'
import json, sys
import datasets

datasets.disable_progress_bars()
folder = sys.argv[1]
answers = ["18", "007", "1e3", "null", "[1, 2]", "x = 1"]


def load(name, values):
    with open(f"{folder}/{name}.jsonl", "w") as f:
        f.writelines(json.dumps({"answer": v}) + "\n" for v in values)
    return datasets.load_dataset("json", data_files=f"{folder}/{name}.jsonl", split="train")


mixed = load("mixed", answers + [["1"]])
print("declared:", mixed.features)
for before, after in zip(answers + [["1"]], mixed["answer"]):
    print(f"{before!r:8} -> {after!r}")
alone = list(load("alone", answers)["answer"])
print("as a column of text alone:", alone)
as_seen = list(mixed["answer"]) == [18, 7, 1000.0, None, [1, 2], "x = 1", ["1"]] and alone == answers
print("as described" if as_seen else "not as described")
sys.exit(0 if as_seen else 1)
PYTHON
