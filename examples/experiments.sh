#!/usr/bin/env bash
# Experiments, each over several seeds, which show that training works; see docs/experiments.md.
#   usage: experiments.sh builtin|arithmetic|languages DIR [SEEDS]
# builtin: the built-in model after its warm start, trained in English until most answers are right.
# arithmetic: SmolLM2-135M-Instruct (MODEL=FOLDER) on one-digit sums in English.
# languages: the built-in model after its warm start, trained either in English or in English
# and Russian, and measured in eleven languages.
# If it is stopped half-way, running it again continues where it was.
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/env.sh
what=$1 out=$2 seeds=${3:-3}
say() { printf '\n%s\n' "$*" >&2; }

runs() { # the folders of an arm, separated by commas
  local list=
  for seed in $(seq "$seeds"); do list+=",$out/$1-$seed"; done
  echo "${list#,}"
}

warm_start() {
  say "Warm start"
  bin/stele train --config examples/demo-sft.yaml --out "$out/warm-start" --resume
}

# The built-in model after its warm start: languages, steps, seed, folder.
train_builtin() {
  bin/stele train --config examples/demo-grpo.yaml --set model="$out/warm-start/checkpoints/step-300" \
    --set data.languages="[$1]" --set steps="$2" --set seed="$3" --out "$4" --resume
}

case $what in
builtin)
  warm_start
  for seed in $(seq "$seeds"); do
    say "seed $seed of $seeds"
    train_builtin en 320 "$seed" "$out/en-$seed"
  done
  go run ./examples/seeds "en=$(runs en)" | tee "$out/summary.md" ;;
arithmetic)
  for seed in $(seq "$seeds"); do
    say "seed $seed of $seeds"
    bin/stele train --config examples/smollm2-arith.yaml --set model="${MODEL:-models/smollm2}" --set seed="$seed" \
      --set eval.samples=8 --out "$out/en-$seed" --resume
  done
  go run ./examples/seeds "SmolLM2-135M-Instruct=$(runs en)" | tee "$out/summary.md" ;;
languages)
  warm_start
  for seed in $(seq "$seeds"); do
    for arm in en en+ru; do
      say "$arm, seed $seed of $seeds"
      train_builtin "${arm/+/, }" 80 "$seed" "$out/$arm-$seed"
    done
  done
  go run ./examples/seeds "en=$(runs en)" "en+ru=$(runs en+ru)" | tee "$out/summary.md" ;;
*) echo "usage: experiments.sh builtin|arithmetic|languages DIR [SEEDS]" >&2; exit 2 ;;
esac
