#!/usr/bin/env bash
# Guesses of tokens that stood together before: generation with them and without, in turn, one sequence at a time: on
# questions that are reasoned about case by case, on a mixture, and on this at a temperature at which no text repeats
# itself. The tokens must be the same.
#
#   third_party/bench-drafts.sh MODEL [ROUNDS [FLAGS OF stele generate...]]
set -euo pipefail
cd "$(dirname "$0")/.."
model=${1:?a model: bench-drafts.sh MODEL [ROUNDS [FLAGS]]} rounds=${2:-3}
shift $(($# < 2 ? $# : 2))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/cases.jsonl" <<'LINES'
{"id": 1, "prompt": "Find all integers x from 1 to 30 for which x*x + x is divisible by 6. Check every x, one after another, and show for each x the value of x*x + x and whether it is divisible by 6."}
{"id": 2, "prompt": "A shop sells pens at 3 dollars and books at 7 dollars. For each number of pens from 0 to 20 compute how many books can be bought with what is left of 100 dollars. Show each case on a line of its own."}
LINES
cat >"$work/mixed.jsonl" <<'LINES'
{"id": 1, "prompt": "A baker makes 12 trays of 18 rolls, sells 150 rolls and packs the rest in boxes of 6. How many boxes? Think step by step."}
{"id": 2, "prompt": "List the multiplication table of 7 from 7 x 1 to 7 x 20, one line each."}
{"id": 3, "prompt": "Tom has 5 red, 7 blue and 9 green marbles. He gives away 2 of each colour every day for 2 days. How many has he left of each colour, and in all?"}
LINES
cp "$work/mixed.jsonl" "$work/random.jsonl"
run() { # NAME FLAGS: seconds of one process
    local name=$1 from to
    shift
    from=$(date +%s.%N)
    bin/stele generate -m "$model" --in "$work/$text.jsonl" --out "$work/$name.jsonl" --batch 1 --max-tokens 512 \
        --ignore-eos "$@" 2>"$work/said"
    to=$(date +%s.%N)
    echo "$from $to" | awk '{printf "%.2f", $2 - $1}'
}
echo "| text | round | with guesses, s | without, s | speed |"
echo "|---|---:|---:|---:|---:|"
for text in cases mixed random; do
    sampled="--temperature 0.6 --top-p 0.95"
    [ $text = random ] && sampled="--temperature 3 --top-p 1"
    for round in $(seq "$rounds"); do
        with=$(run with $sampled "$@")
        without=$(run without $sampled --no-drafts "$@")
        cmp "$work/with.jsonl" "$work/without.jsonl" || { echo "guesses change what is generated" >&2; exit 1; }
        echo "$text $round $with $without" | awk '{printf "| %s | %s | %s | %s | %.2f |\n", $1, $2, $3, $4, $4 / $3}'
    done
done
