#!/usr/bin/env bash
# lighteval: maj@4 of its own MATH tasks is 0 for right answers: whole texts vote and are compared with whole solutions.
#
# One would guess that math:algebra, whose metric is maj_at_n with n=4 and math_normalizer, takes the answers out of
# the \boxed of four samples, lets them vote, and compares the winner with that of the solution. The task hands the
# normaliser over as normalize_pred and normalize_gold, the names that exact_match has. sample_params sets whatever
# attribute it is given, and MajAtN reads another one, normalize, so that nothing is normalised. Four texts that reach
# one answer in different words are four answers; the first wins, and counts only if it is the worked solution letter by
# letter. Nothing is said, and the metric's name in the results says normalize_pred=<function math_normalizer ...>.
#
# Seen with Python 3.11, lighteval 0.13.0, torch 2.15.0, transformers 5.24.0 from PyPI; the seven math:* tasks alike:
#   four samples, all right                  math:* 0   with normalize 1
#   three right, the first one wrong         math:* 0   with normalize 1
#   three copies of the solution, one wrong  math:* 1   with normalize 1
#
# Why it matters: 0 looks like a model that cannot do MATH, and a metric of one's own with a misspelt parameter runs in
# the same way. A search of public issues found no report (huggingface/lighteval#1054 is of swapped arguments there).
# What to do: Metrics.maj_at_n(sample_params={"n": 4, "normalize": math_normalizer}). Exits with 1 if this changes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check lighteval==0.13.0 torch==2.15.0 transformers==5.24.0
cat > "$dir/vote.py" <<'PYTHON'
import logging

logging.disable(logging.CRITICAL)

from lighteval.metrics.metrics import Metrics
from lighteval.metrics.normalizations import math_normalizer
from lighteval.models.model_output import ModelResponse
from lighteval.tasks.tasks import math

solution = r"We have $6 \cdot 7 = \boxed{42}$."
doc = math.math_prompt({"problem": "What is 6 times 7?", "solution": solution})
tasks = [t.metrics[0] for name, t in vars(math).items() if name.startswith("math_") and hasattr(t, "metrics")]
assert len(tasks) == 7, tasks
named = Metrics.maj_at_n(sample_params={"n": 4, "normalize": math_normalizer})


def maj(metric, texts):
    return metric.sample_level_fn.compute(doc=doc, model_response=ModelResponse(text=texts))


def says(way, answer):
    return rf"Let us see: {way}. So it is $\boxed{{{answer}}}$."


wrong = says("6 + 7", 13)
for name, texts in [
    ("four samples, all right", [says(way, 42) for way in ("7 + 7 + 28", "7 times 6", "40 + 2", "50 - 8")]),
    ("three right, the first one wrong", [wrong] + [says(way, 42) for way in ("7 times 6", "40 + 2", "50 - 8")]),
    ("three copies of the solution, one wrong", [wrong] + [solution] * 3),
]:
    got = {maj(task, texts) for task in tasks}
    print(f"{name:40} math:* {'/'.join(map(str, got))}   with normalize {maj(named, texts)}")
PYTHON
got=$(HF_HOME="$dir/hf" HF_HUB_OFFLINE=1 "$dir/venv/bin/python" "$dir/vote.py" 2>"$dir/log") || { cat "$dir/log" >&2; exit 2; }
echo "$got"
diff <(echo "$got") <(sed -n 's/^#   //p' "$0")
