#!/bin/sh
# Trains two steps of MODEL in each number of processes and stage of ZeRO, and prints what each process had in memory at
# most after each step, beside the plan (docs/cluster.md).
#   usage: memory-mpi.sh MODEL [PROCESSES:STAGE ...]
set -eu
cd "$(dirname "$0")/.."
. third_party/env.sh
model=$1
shift
[ $# -gt 0 ] || set -- 1:0 2:0 2:1 2:2
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for c in "$@"; do
  n=${c%:*} stage=${c#*:}
  echo "$n processes, stage $stage"
  GOMAXPROCS=1 "$STELE_MPI_DIR/mpich/bin/mpiexec" -n "$n" bin/stele train -v --backend xla:cpu --dtype float32 \
    --out "$out/run" --set model="$model" --set data.bench=arith --set 'data.levels=[1]' --set 'data.languages=[en]' \
    --set data.template=plain --set rollout.questions=4 --set rollout.group_size=2 --set rollout.max_tokens=16 \
    --set update.micro_tokens=128 --set loss.beta=0 --set steps=2 --set optimizer.zero_stage="$stage" 2>"$out/log" ||
    { cat "$out/log"; exit 1; }
  grep 'at most so far' "$out/log"
  rm -r "$out/run"
done
