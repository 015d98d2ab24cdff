#!/usr/bin/env bash
# Writes kernels/host/emulator/testdata/tile_instructions.txt, the bytes and the text of instructions on
# tiles by LLVM's assembler: what TestTileInstructions compares the emulator of AMX with.
set -euo pipefail
cd "$(dirname "$0")/.."
out=kernels/host/emulator/testdata/tile_instructions.txt
mkdir -p "${out%/*}"
registers=(rax rcx rdx rbx rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15)
i=0
{
  echo tilerelease
  for base in "${registers[@]}" rsp; do
    echo "ldtilecfg (%$base)"
    echo "ldtilecfg 64(%$base)"
    echo "ldtilecfg -1024(%$base)"
  done
  for tile in {0..7}; do
    echo "tilezero %tmm$tile"
    for base in "${registers[@]}"; do
      index=${registers[(i += 4) % 15]}
      echo "tileloadd (%$base,%$index), %tmm$tile"
      echo "tilestored %tmm$tile, 1024(%$base,%$index)"
      echo "tileloadd -64(%$base,%$index,4), %tmm$tile"
    done
    for a in {0..7}; do
      for b in {0..7}; do
        [ "$a" != "$b" ] && [ "$a" != "$tile" ] && [ "$b" != "$tile" ] || continue
        echo "tdpbf16ps %tmm$b, %tmm$a, %tmm$tile"
        echo "tdpbssd %tmm$b, %tmm$a, %tmm$tile"
      done
    done
  done
} | llvm-mc -triple x86_64 -mattr=+amx-tile,+amx-bf16,+amx-int8 -show-encoding |
  sed -n 's/^\t\([a-z0-9]*\)\t*\(.*[^[:space:]]\)\{0,1\}[[:space:]]*# encoding: \[\(.*\)\]$/\3 \1 \2/p' |
  awk '{ bytes = $1; gsub(/0x|,/, "", bytes); $1 = bytes; print }' > "$out"
wc -l "$out"
