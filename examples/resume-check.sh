#!/usr/bin/env bash
# Checks that an evaluation can be killed at any moment. It runs one from end to end,
# runs it again with kills at random moments and other batch sizes, and once more in two
# parts that are merged, and compares the files byte for byte.
#   usage: resume-check.sh MODEL DATA DIR [flags of stele eval]
# MODEL is a model's folder, DATA holds mgsm/*.jsonl, DIR is for the runs.
set -euo pipefail
model=$1 data=$2 out=$3
shift 3
stele=$(dirname "$0")/../bin/stele
mkdir -p "$out"
say() { printf '%s\n' "$*" >&2; }
run=("$stele" eval -m "$model" --data "$data" --bench mgsm --lang en,de --limit 4 -n 4 --max-tokens 128 "$@")
same() { # DIR
  local file
  for file in samples.jsonl results.json manifest.json; do
    cmp "$out/whole/$file" "$1/$file"
  done
  say "$1 is the same as $out/whole, byte for byte"
}

say "1/4  Left alone"
began=$SECONDS
"${run[@]}" --batch 32 --out "$out/whole"
took=$((SECONDS - began + 1))

say "2/4  Killed at random moments"
kills=0
until
  "${run[@]}" --batch $((1 + RANDOM % 12)) --out "$out/killed" >>"$out/killed.log" 2>&1 &
  pid=$!
  (sleep $((2 + RANDOM % took)).$((RANDOM % 1000)); kill -KILL "$pid" 2>/dev/null) &
  timer=$!
  wait "$pid" 2>/dev/null
do
  kills=$((kills + 1))
  say "     killed for the $kills. time, with $(wc -l 2>/dev/null <"$out/killed/samples.jsonl" || echo 0) samples written"
done
kill "$timer" 2>/dev/null || true
same "$out/killed"

say "3/4  In two parts"
"${run[@]}" --batch 3 --shard 1/2 --out "$out/part-1"
"${run[@]}" --batch 8 --shard 2/2 --out "$out/part-2"
"$stele" eval merge "$out/part-2" "$out/part-1" --out "$out/merged" >/dev/null
same "$out/merged"

say "4/4  Graded anew"
"$stele" grade --run "$out/whole" --out "$out/graded" >/dev/null
same "$out/graded"
say "All runs are the same; killed $kills times."
