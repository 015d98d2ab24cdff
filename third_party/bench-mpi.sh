#!/usr/bin/env bash
# How much faster two processes of one core each take GRPO's steps than one process of one core, started by MPICH:
# rollout throughput and whole steps, in PAIRS pairs, each process alone with its core. Needs two cores that nothing
# else uses; a pair takes about two and a half minutes with SmolLM2-135M.
#   usage: bench-mpi.sh MODEL [PAIRS [FLAGS of stele train...]]
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/env.sh
MODEL=$(realpath "$1")
PAIRS=${2:-2}
shift $(($# > 1 ? 2 : 1))
third_party/fetch-mpi.sh "$STELE_MPI_DIR"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
STEPS=3
run() { # NAME PROCESSES FLAGS...
  local name=$1 n=$2
  shift 2
  local command=(bin/stele train --backend xla:cpu --dtype float32 --out "$WORK/$name" --set "model=$MODEL"
    --set data.bench=arith --set 'data.levels=[1]' --set data.template=plain --set steps=$STEPS
    --set rollout.questions=8 --set rollout.group_size=8 --set rollout.max_tokens=32 --set rollout.batch=64
    --set update.micro_tokens=512 --set save.every=1000 --set save.keep_last=1 "$@")
  if [ "$n" = 1 ]; then taskset -c 0 "${command[@]}"
  else taskset -c 0,1 "$STELE_MPI_DIR/mpich/bin/mpiexec" -n "$n" "${command[@]}"; fi >"$WORK/$name.log" 2>&1 ||
    { cat "$WORK/$name.log" >&2; exit 1; }
}
for pair in $(seq "$PAIRS"); do
  run "one-$pair" 1 "$@"
  run "two-$pair" 2 "$@"
  cmp -s "$WORK/one-$pair/rollouts/step-1.jsonl" "$WORK/two-$pair/rollouts/step-1.jsonl" ||
    { echo "the rollouts of the first step are not the same" >&2; exit 1; }
done
python3 - "$WORK" "$PAIRS" <<'P'
import json, statistics, sys
work, pairs = sys.argv[1], int(sys.argv[2])
def steps(name): # the first compiles
    return [json.loads(line) for line in open(f"{work}/{name}/metrics.jsonl")][1:]
def seconds(m, key):
    return m.get("timing_s/" + key, 0)
ratios = {"rollouts": [], "update": [], "step": []}
for pair in range(1, pairs + 1):
    for one, two in zip(steps(f"one-{pair}"), steps(f"two-{pair}")):
        times = []
        for m in (one, two):
            whole = seconds(m, "step") - seconds(m, "save_checkpoint")
            times.append((seconds(m, "gen") + seconds(m, "reward"), seconds(m, "update_actor"), whole))
        print(f"pair {pair}, step {one['step']:.0f}: rollouts {times[0][0]:.1f} s and {times[1][0]:.1f} s, "
              f"update {times[0][1]:.1f} and {times[1][1]:.1f}, step {times[0][2]:.1f} and {times[1][2]:.1f}")
        for name, a, b in zip(ratios, *times):
            ratios[name].append(a / b)
for name, all in ratios.items():
    print(f"{name}: {statistics.median(all):.2f} times as fast with two processes (median of {len(all)}; "
          f"{min(all):.2f} to {max(all):.2f})")
P
