"""Compares Stele's GGUF files, and what it makes of others', with llama.cpp and the gguf package.

For a folder of a Llama, Qwen2 or Qwen3 it has `stele convert` write F32, BF16 and Q8_0, checks each tensor of them
bit for bit against the gguf package's quantiser, and that llama.cpp runs each and, in float32, goes on greedily with
the same tokens from the same prompts, which both tokenise for themselves. With --quantise llama.cpp makes Q4_0, Q4_K_M
and Q6_K of the first, and what Stele decodes of them is compared bit for bit with the gguf package.
Needs gguf 0.19, numpy and libllama of third_party/peers.
usage:  python3 third_party/check-gguf.py --stele bin/stele --lib LIBLLAMA_FOLDER --model FOLDER [--quantise]
"""
import argparse
import ctypes as C
import json
import os
import subprocess
import sys
import tempfile

import gguf
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "peers"))
from llamacpp_peer import Llama  # noqa: E402

T = gguf.GGMLQuantizationType
PROMPTS = ["The capital of France is", "def fibonacci(n):\n", "Question: What is 12 + 30?\nAnswer:",
           "Первый закон Ньютона гласит", "水の化学式は", "I'LL be there at 10:30, "]


class Quantise(C.Structure):
    """llama_model_quantize_params of libllama v0.4.0, as far as it is set here; the rest are its defaults."""
    _fields_ = [("nthread", C.c_int32), ("ftype", C.c_int32), ("output_tensor_type", C.c_int32),
                ("token_embedding_type", C.c_int32), ("rest", C.c_uint8 * 256)]


def tokenise(llama, text):
    f = llama.lib.llama_tokenize
    f.argtypes = [C.c_void_p, C.c_char_p, C.c_int32, C.POINTER(C.c_int32), C.c_int32, C.c_bool, C.c_bool]
    ids, data = (C.c_int32 * 4096)(), text.encode()
    return list(ids[:f(llama.lib.llama_model_get_vocab(llama.model), data, len(data), ids, 4096, True, True)])


def greedy(llama, ids, n):
    """Goes on with keys and values in float32: llama.cpp's default is float16, which is not the model's arithmetic."""
    if llama.context:
        llama.lib.llama_free(llama.context)
    c = llama.lib.llama_context_default_params()
    c.n_ctx, c.type_k, c.type_v, c.flash_attn_type = 512, 0, 0, 0
    c.n_threads = c.n_threads_batch = llama.threads
    llama.context = llama.lib.llama_init_from_model(llama.model, c)
    llama.memory = llama.lib.llama_get_memory(llama.context)
    llama.prefill(ids, 0)
    more, gap = [], np.inf
    while True:
        values = np.ctypeslib.as_array(llama.lib.llama_get_logits_ith(llama.context, -1), (llama.vocab,))
        best = np.partition(values, -2)[-2:]
        gap = min(gap, float(best[1] - best[0]))
        more.append(int(values.argmax()))
        if len(more) == n:
            return more, gap
        llama.decode([(more[-1], len(ids) + len(more) - 1, 0)], [True])


def stele_greedy(stele, model, n):
    lines = "\n".join(json.dumps({"id": str(i), "prompt": p}) for i, p in enumerate(PROMPTS))
    out = subprocess.run([stele, "generate", "-m", model, "--in", "-", "--raw", "--temperature", "0", "--ignore-eos",
                          "--max-tokens", str(n)], input=lines, stdout=subprocess.PIPE, check=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def compare(stele, lib, path, n):
    llama = Llama(lib, path, 2)
    bad = 0
    for prompt, own in zip(PROMPTS, stele_greedy(stele, path, n)):
        ids = tokenise(llama, prompt)
        more, gap = greedy(llama, ids, n)
        same = sum(a == b for a, b in zip(more, own["token_ids"]))
        bad += ids != own["prompt_ids"] or same < n
        print(f"  {prompt!r}: prompt ids {'the same' if ids == own['prompt_ids'] else 'DIFFER'}, {same} of {n} tokens the "
              f"same, smallest gap between two logits {gap:.2g}")
    return bad


def tensors(path):
    return {t.name: t for t in gguf.GGUFReader(path).tensors}


def decoded(t):
    return np.ascontiguousarray(gguf.quants.dequantize(t.data, t.tensor_type), np.float32)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--stele", required=True)
    p.add_argument("--lib", required=True)
    p.add_argument("--model", required=True)
    p.add_argument("--quantise", action="store_true")
    p.add_argument("-n", type=int, default=48)
    a = p.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for dtype, t in ("f32", T.F32), ("bf16", T.BF16), ("q8_0", T.Q8_0):
            path = files[dtype] = f"{folder}/{dtype}.gguf"
            subprocess.run([a.stele, "convert", "-m", a.model, "--out", path, "--dtype", dtype], check=True)
            base, own = tensors(files["f32"]), tensors(path)
            wrong = [name for name, x in base.items() if (len(x.shape) == 2 and own[name].tensor_type == t) and
                     own[name].data.tobytes() != gguf.quants.quantize(decoded(x), t).tobytes()]
            bad += len(wrong)
            print(f"{dtype}: {len(own)} tensors, {len(wrong)} not as the gguf package writes them {wrong[:3]}")
        print("f32, greedily, beside llama.cpp:")
        bad += compare(a.stele, a.lib, files["f32"], a.n)
        for dtype in ("bf16", "q8_0"):
            more, _ = greedy(Llama(a.lib, files[dtype], 2), tokenise(Llama(a.lib, files[dtype], 2), PROMPTS[0]), 16)
            print(f"{dtype}: llama.cpp goes on with {more}")
        if a.quantise:
            llama = Llama(a.lib, files["f32"], 2)
            llama.lib.llama_model_quantize_default_params.restype = Quantise
            llama.lib.llama_model_quantize.argtypes = [C.c_char_p, C.c_char_p, C.POINTER(Quantise)]
            for name, ftype in ("Q4_0", 2), ("Q4_K_M", 15), ("Q6_K", 18):
                q = llama.lib.llama_model_quantize_default_params()
                q.ftype = ftype
                path = f"{folder}/{name}.gguf"
                if llama.lib.llama_model_quantize(files["f32"].encode(), path.encode(), C.byref(q)) != 0:
                    raise SystemExit(f"llama.cpp does not quantise to {name}")
                back = f"{folder}/{name}-f32.gguf"
                subprocess.run([a.stele, "convert", "-m", path, "--out", back], check=True)
                theirs, own = tensors(path), tensors(back)
                wrong = [n for n, x in theirs.items() if decoded(x).tobytes() != decoded(own[n]).tobytes()]
                bad += len(wrong)
                kinds = sorted({x.tensor_type.name for x in theirs.values()})
                print(f"{name} by llama.cpp ({', '.join(kinds)}): {len(wrong)} of {len(theirs)} tensors decoded otherwise "
                      f"than by the gguf package")
    print("as it should be" if bad == 0 else f"{bad} DIFFERENCES")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
