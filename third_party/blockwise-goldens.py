"""What bitsandbytes makes of weights on a CPU: testdata/blockwise.json.

Of tensors whose numbers follow from their index: codes and largest magnitudes of NF4, without and
with double quantisation, and of 8 bits with create_linear_map's values, and the numbers that they
are decoded to; of large tensors the SHA-256 of the bytes. One thread, because torch adds up parts
of a large tensor by thread. Needs numpy, torch and bitsandbytes, on an x86 processor; neither the
build nor the tests do.  usage, from the project's folder:
    python3 third_party/blockwise-goldens.py
"""

import base64
import hashlib
import json

import bitsandbytes
import bitsandbytes.functional as F
import numpy as np
import torch

torch.set_num_threads(1)


def mix(x):
    """SplitMix64 as internal/splitmix has it."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def numbers(seed, n, half):
    """n numbers, most of them small, some zero, block 7 all zero; later blocks are larger."""
    i = np.arange(n, dtype=np.uint64)
    u = (mix(i + np.uint64(seed << 32)) >> np.uint64(40)).astype(np.float64) / (1 << 24) - 0.5
    block = (i // np.uint64(64)).astype(np.float64)
    x = (u * u * u * (1 + block % 61 / 16)).astype(np.float32)
    x[i % np.uint64(97) == 5] = 0
    x[block == 7] = 0
    x = torch.from_numpy(x)
    return x.to(torch.bfloat16) if half else x


def stored(tensor, whole):
    data = tensor.contiguous().numpy().tobytes()
    out = {"sha256": hashlib.sha256(data).hexdigest()}
    if whole:
        out["base64"] = base64.b64encode(data).decode()
    return out


cases = []
for seed, n, half in [
    (1, 64, False), (2, 128, True), (3, 999, False), (4, 20002, True), (5, 576 * 192, True),
    (6, 576 * 1536, False), (7, 896 * 4864 + 10, True),
]:
    x, whole = numbers(seed, n, half), n <= 1000
    case = {"seed": seed, "numbers": n, "bfloat16": half}
    codes, state = F.quantize_4bit(x, blocksize=64, quant_type="nf4", compress_statistics=False)
    case["nf4"] = {
        "codes": stored(codes.view(-1), whole), "absmax": stored(state.absmax, whole),
    }
    # In float32 whatever the numbers were, as decoding does on a GPU before it rounds.
    state.dtype = torch.float32
    case["nf4"]["decoded"] = stored(F.dequantize_4bit(codes, state).view(-1), whole)
    codes, state = F.quantize_4bit(x, blocksize=64, quant_type="nf4", compress_statistics=True)
    state.dtype = torch.float32
    case["nf4_double"] = {
        "codes": stored(codes.view(-1), whole), "absmax_codes": stored(state.absmax, whole),
        "absmax": stored(state.state2.absmax, whole), "mean": stored(state.offset.reshape(1), True),
        "decoded": stored(F.dequantize_4bit(codes, state).view(-1), whole),
    }
    linear = F.create_linear_map(signed=True, total_bits=8)
    index, state = F.quantize_blockwise(x.float(), code=linear.clone(), blocksize=64)
    k = torch.where(index >= 128, index.int() - 128, index.int() - 127)
    case["int8"] = {"codes": stored((k + 128).to(torch.uint8), whole), "absmax": stored(state.absmax, whole)}
    cases.append(case)

golden = {
    "bitsandbytes": bitsandbytes.__version__, "torch": torch.__version__,
    "nf4_values": stored(F.get_4bit_type("nf4", device="cpu").float(), True),
    "dynamic_values": stored(F.create_dynamic_map().float(), True),
    "cases": cases,
}
with open("testdata/blockwise.json", "w") as f:
    json.dump(golden, f, indent=1)
    f.write("\n")
