#!/usr/bin/env bash
# The tests of what is computed, on every tier of instructions (package isa) that this
# machine has beside the one in force, which `go test ./...` is for. Says which ran and
# which could not. Where all is there but AMX, its kernels run in an emulator.
# They run with -short, which leaves out the tiers below that package host tries itself, as these get their own turn
# here, and cases that are then tried on this machine's own tier alone: of attention two shapes in three in package
# host, six passes of nine in package op, and of paged attention there all but four of sixteen that are drawn.
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/env.sh

# What is run of each package: values against goldens and float64, tiers against each
# other. What they need to be fast stays in the machine's own run.
declare -A tests=(
  [kernels/backend]='.'
  [kernels/op]='.'
  [kernels/blockwise]='.'
  [kernels/host]='.'
  [kernels/isa]='.'
  [sampler]='Goldens|TiersAgree|Filters|Weights|Shift|Program'
  [engine/model]='Host|Dense|Step|Packed'
  [engine]='Greedy'
  [trainer]='Objective'
  [trainer/learner]='Goldens|TokensInFloat64|SmallDivergence'
)
# What among those says nothing of values: programs for GPUs are the same whichever processor compiles them, and
# what XLA plans of memory is no matter of instructions.
skipped='CUDNN|KernelsCompile|GathersByRule|TryKernel|KernelErrors|Ordered|Memory'
# And of AMX where it is emulated.
declare -A emulated=(
  [kernels/host]='AMX|Product|Blockwise|Plain'
  [kernels/isa]='.'
  [engine/model]='Host'
  [engine]='ScoreAgrees|AdapterGenerates|KernelsChosen'
)
packages=(kernels/backend kernels/op kernels/blockwise kernels/host kernels/isa sampler engine/model engine trainer trainer/learner)

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo "Building the tests that run on other tiers" >&2
tiers=$(go run ./kernels/isa/tiers)
link=-ldflags=-s\ -w # nobody debugs them
go test -c "$link" -o "$folder/" "${packages[@]/#/./}"

own= ran=() missing=() failed=()
# Runs the tests of a table that are built in a folder, on a tier, for some packages.
run() {
  local tier=$1 name=$2 from=$3 began package
  local -n table=$4
  ran+=("$name")
  for package in "${@:5}"; do
    began=$SECONDS
    if (cd "$package" && STELE_CPU=$tier "$from/$(basename "$package").test" -test.short -test.timeout 15m \
        -test.run "${table[$package]}" -test.skip "$skipped") > "$folder/log" 2>&1 && ! grep "no tests to run" "$folder/log"; then
      printf 'ok  \t%s\t%s\t%ds\n' "$name" "$package" $((SECONDS - began))
    else
      cat "$folder/log"
      printf 'FAIL\t%s\t%s\n' "$name" "$package"
      failed+=("$name/$package")
    fi
  done
}
while read -r tier state; do
  case "$state" in
    "in force") own=$tier ;;
    missing) missing+=("$tier") ;;
    *) run "$tier" "$tier" "$folder" tests "${packages[@]}" ;;
  esac
done <<< "$tiers"
if [ "${missing[*]}" = amx ]; then
  names=("${!emulated[@]}") missing=()
  mkdir "$folder/emulated"
  go test -c "$link" -tags amxemulator -o "$folder/emulated/" "${names[@]/#/./}"
  run amx "amx (emulated)" "$folder/emulated" emulated "${names[@]}"
fi
echo "tiers: ${ran[*]:-none} run here beside $own, this machine's own${missing:+; not on this machine: ${missing[*]}}"
if ((${#failed[@]})); then
  echo "tiers: failed: ${failed[*]}" >&2
  exit 1
fi
