#!/usr/bin/env bash
# The main job from end to end on the built-in model and task: a supervised warm
# start, GRPO, an evaluation before and after in eleven languages, a report.
#   usage: demo.sh DIR
# If it is stopped half-way, running it again continues where it was.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$1
say() { printf '\n%s\n' "$*" >&2; }
mkdir -p "$out"

say "1/3  Warm start: supervised training on worked solutions ($out/warm-start)"
bin/stele train --config examples/demo-sft.yaml --out "$out/warm-start" --resume

say "2/3  GRPO on questions in English and Russian, evaluated before and after in 11 languages ($out/grpo)"
bin/stele train --config examples/demo-grpo.yaml --set model="$out/warm-start/checkpoints/step-300" --out "$out/grpo" --resume

say "3/3  Report"
bin/stele report "$out/grpo" --out "$out/report"
say "Done in ${SECONDS} s: open $out/report/report.html"
