#!/usr/bin/env python3
"""Writes eval/grade/testdata/qwen.jsonl: what the Qwen2.5-Math evaluation code extracts from the rows of
strict.jsonl whose kind is "place", and its verdicts. EVALUATION is the folder evaluation of a clone of
github.com/QwenLM/Qwen2.5-Math, here at a45202b; it needs sympy==1.12, antlr4-python3-runtime==4.11.1, regex, pebble,
word2number, timeout-decorator and datasets.

    python3 third_party/qwen-goldens.py EVALUATION > eval/grade/testdata/qwen.jsonl
"""

import json
import os
import sys
import warnings

folder = sys.argv[1]
sys.path[:0] = [folder, os.path.join(folder, "latex2sympy")]
warnings.filterwarnings("ignore")

from grader import math_equal  # noqa: E402
from parser import choice_answer_clean, extract_answer, strip_string  # noqa: E402

with open("eval/grade/testdata/strict.jsonl", encoding="utf-8") as file:
    rows = [json.loads(line) for line in file]
for row in rows:
    if row["kind"] != "place":
        continue
    extracted = extract_answer(row["output"], "")
    prediction, reference = strip_string(extracted), strip_string(row["reference"])
    if reference in "ABCDE" and prediction not in ["A", "B", "C", "D", "E"]:
        prediction = choice_answer_clean(row["output"])  # as math_eval.py has it
    print(json.dumps(dict(output=row["output"], reference=row["reference"], extracted=extracted, verdict=bool(math_equal(prediction, reference))), ensure_ascii=False))
