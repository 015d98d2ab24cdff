#!/usr/bin/env bash
# On a CPU bitsandbytes decodes NF4 weights wrongly whose rows are no multiple of a block long.
#
# quantize_4bit divides a tensor, row after row, into blocks of 64, so that where the rows are not a multiple of 64
# long a block goes on in the next row: 176 inputs, as of a small MLP's down_proj, or 96. dequantize_4bit's default
# implementation, and the one for GPUs, take each number's block by its index in the whole tensor. The kernel for
# processors with AVX-512 does not: of [64, 176] every row but the first is decoded with magnitudes of other
# blocks, and a model loaded with load_in_4bit computes something else, silently. Flattened the same codes are right.
#
# Seen with Python 3.11, torch 2.15.0 and bitsandbytes 0.50.2 from PyPI, AMD EPYC (Zen 4):
#   [64, 176]   off by 2.04
#   [64, 128]   off by 0.00
#   [10, 96]    off by 0.67
#
# What to do: decode state.shape = (numbers,) and reshape. Exits with 1 if this changes; a CPU without AVX-512 has
# no such kernel.
set -euo pipefail
grep -q avx512f /proc/cpuinfo || { echo "this processor has no AVX-512: nothing to see"; exit 0; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 bitsandbytes==0.50.2
cat > "$dir/decode.py" <<'PYTHON'
import copy, torch
import bitsandbytes.functional as F

torch.manual_seed(0)
for shape in [(64, 176), (64, 128), (10, 96)]:
    codes, state = F.quantize_4bit(torch.randn(shape), blocksize=64, quant_type="nf4")
    flat = copy.copy(state)
    flat.shape = torch.Size([state.shape.numel()])
    off = (F.dequantize_4bit(codes, state) - F.dequantize_4bit(codes, flat).view(shape)).abs().max()
    print(f"{str(list(shape)):10}  off by {off:.2f}")
PYTHON
got=$("$dir/venv/bin/python" "$dir/decode.py" 2> /dev/null)
echo "$got"
[ "$got" = "[64, 176]   off by 2.04
[64, 128]   off by 0.00
[10, 96]    off by 0.67" ]
