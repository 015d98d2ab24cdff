"""OpenVINO GenAI as a peer: prefill, batched decoding and whole calls of its continuous batching.

The call alone is timed; loading, compiling and a first call are not. What a column computes in:

    float32   float32 weights, INFERENCE_PRECISION_HINT f32, keys and values in float16
    bfloat16  the same weights, hint bf16, which is OpenVINO's own choice where the machine has
              AVX512_BF16 or AMX; it computes so in no other place
    int8      weights of optimum-cli's --weight-format int8 (8 bits, a scale a row), activations rounded
              to 8 bits in groups of 32, the rest as OpenVINO chooses: bfloat16 where the machine has
              it, keys and values in 8 bits

Keys and values are left as OpenVINO chooses, and a step takes up to 2048 tokens instead of its 256:
that is faster. Contexts are found in its prefix cache. With STELE_CPU=avx2 its products of oneDNN are
capped at AVX2 (ONEDNN_MAX_CPU_ISA), which also rules out bf16 and rounded activations; its float32
products are MLAS's and its attention its own, and nothing caps these: the column is at least what
AVX2 would reach. Writes one JSON line a test: {"test", "tokens", "seconds": [...], "others": [...]}.
"""
import argparse
import json
import os
import sys

if os.environ.get("STELE_CPU") == "avx2":
    os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"
os.environ["OPENVINO_TELEMETRY"] = "0"

import numpy as np
import openvino
import openvino_genai

from workload import Stopwatch, Test, longest_of, most_sequences, parse_tests, requests_of, result, tokens_made


def properties(dtype):
    capped = os.environ.get("STELE_CPU", "")
    if capped not in ("", "avx2"):
        raise SystemExit(f"STELE_CPU={capped}: OpenVINO is capped at avx2 or not at all")
    if dtype == "int8":
        return {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"} if capped else {}
    if dtype == "float32":
        return {"INFERENCE_PRECISION_HINT": "f32"}
    if capped or "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise SystemExit("OpenVINO computes in bfloat16 only with AVX512_BF16 or AMX: leave the column out")
    return {"INFERENCE_PRECISION_HINT": "bf16"}


def config(request):
    c = openvino_genai.GenerationConfig()
    c.do_sample, c.temperature, c.top_p, c.ignore_eos = True, request.temperature, 1.0, True
    c.max_new_tokens, c.num_return_sequences = request.generate, request.samples
    return c


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", required=True, help="folder that optimum-cli wrote")
    p.add_argument("--dtype", choices=["float32", "bfloat16", "int8"], required=True)
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--tests", required=True)
    p.add_argument("--warmup", type=int, default=1)
    p.add_argument("-r", type=int, default=1)
    a = p.parse_args()
    tests = parse_tests(a.tests)
    with open(f"{a.model}/config.json") as f:
        c = json.load(f)
    vocab, layers = c["vocab_size"], c["num_hidden_layers"]
    wide = c["num_key_value_heads"] * (c.get("head_dim") or c["hidden_size"] // c["num_attention_heads"])
    scheduler = openvino_genai.SchedulerConfig()
    scheduler.max_num_batched_tokens = 2048
    scheduler.max_num_seqs = max(256, most_sequences(tests, vocab))
    scheduler.enable_prefix_caching = any(isinstance(t, Test) and t.depth for t in tests)
    # Room for all sequences at once, in whole GiB, with as much to spare.
    tokens = most_sequences(tests, vocab) * (longest_of(tests, vocab) + 64)
    scheduler.cache_size = 1 + 2 * tokens * layers * wide * 2 * 2 // 2**30
    pipe = openvino_genai.ContinuousBatchingPipeline(
        a.model, scheduler, "CPU", properties(a.dtype) | {"INFERENCE_NUM_THREADS": a.threads})
    for t in tests:
        watches = []
        for run in range(a.warmup + a.r):
            requests = requests_of(t, vocab, run + 1)
            ids = [openvino.Tensor(np.array([r.ids], np.int64)) for r in requests]
            configs = [config(r) for r in requests]
            with Stopwatch() as watch:
                out = pipe.generate(ids, configs)
            made, want = sum(len(x) for o in out for x in o.m_generation_ids), tokens_made(requests)
            if made != want:
                raise SystemExit(f"{t.name}: OpenVINO generated {made} tokens, expected {want}")
            watches.append(watch)
        print(result(t, watches[a.warmup:], t.tokens if isinstance(t, Test) else want), flush=True)


if __name__ == "__main__":
    sys.exit(main())
