#!/usr/bin/env bash
# How much faster two processes of one core each take GRPO's steps than one process of one core, started by MPICH, in
# PAIRS pairs, each process alone with its core; beside them one process with half of the questions, which is what two
# could reach. Needs two cores that nothing else uses; a pair takes about five minutes with SmolLM2-135M. The first four
# steps are left out: programs are compiled then, and models of languages are loaded when a text first needs them.
# QUESTIONS, an even number, are those of a step, 8 samples each, 64 of which are decoded together: with 16 or more a
# process has several batches.
#   usage: [QUESTIONS=8] bench-mpi.sh MODEL [PAIRS [FLAGS of stele train...]]
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/env.sh
MODEL=$(realpath "$1")
PAIRS=${2:-2}
shift $(($# > 1 ? 2 : 1))
third_party/fetch-mpi.sh "$STELE_MPI_DIR"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
STEPS=7 WARM=4
QUESTIONS=${QUESTIONS:-8}
run() { # NAME PROCESSES QUESTIONS FLAGS...
  local name=$1 n=$2 questions=$3
  shift 3
  local command=(bin/stele train --backend xla:cpu --dtype float32 --out "$WORK/$name" --set "model=$MODEL"
    --set data.bench=arith --set 'data.levels=[1]' --set data.template=plain --set steps=$STEPS
    --set "rollout.questions=$questions" --set rollout.group_size=8 --set rollout.max_tokens=32 --set rollout.batch=64
    --set update.micro_tokens=512 --set save.every=1000 --set save.keep_last=1 "$@")
  if [ "$n" = 1 ]; then taskset -c 0 "${command[@]}"
  else taskset -c 0,1 "$STELE_MPI_DIR/mpich/bin/mpiexec" -n "$n" "${command[@]}"; fi >"$WORK/$name.log" 2>&1 ||
    { cat "$WORK/$name.log" >&2; exit 1; }
}
for pair in $(seq "$PAIRS"); do
  run "one-$pair" 1 "$QUESTIONS" "$@"
  run "two-$pair" 2 "$QUESTIONS" "$@"
  run "half-$pair" 1 $((QUESTIONS / 2)) "$@"
  cmp -s "$WORK/one-$pair/rollouts/step-1.jsonl" "$WORK/two-$pair/rollouts/step-1.jsonl" ||
    { echo "the rollouts of the first step are not the same" >&2; exit 1; }
done
python3 - "$WORK" "$PAIRS" "$WARM" <<'P'
import json, statistics, sys
work, pairs, warm = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
parts = {"rollouts": ("gen", "reward"), "ref": ("ref",), "update": ("update_actor",)}
def steps(name): # seconds of the parts of each step
    for m in [json.loads(line) for line in open(f"{work}/{name}/metrics.jsonl")][warm:]:
        s = {part: sum(m.get("timing_s/" + key, 0) for key in keys) for part, keys in parts.items()}
        s["step"] = m["timing_s/step"] - m.get("timing_s/save_checkpoint", 0)
        s["the rest"] = s["step"] - sum(s[part] for part in parts)
        yield s
all = {name: [s for pair in range(1, pairs + 1) for s in steps(f"{name}-{pair}")] for name in ("one", "two", "half")}
print(f"seconds, medians of {len(all['one'])} steps: one process, two, and one with half of the questions")
for part in (*parts, "the rest", "step"):
    one, two, half = (statistics.median(s[part] for s in all[name]) for name in all)
    line = f"{part:9} {one:6.2f} {two:6.2f} {half:6.2f}"
    if part != "the rest":
        ratios = [a[part] / b[part] for a, b in zip(all["one"], all["two"])]
        line += (f"   {statistics.median(ratios):.2f} times as fast with two processes "
                 f"({min(ratios):.2f} to {max(ratios):.2f})")
    print(line)
P
