"""vLLM as a peer: prefill, decoding of one batch and whole calls.

The contexts of decoding are computed before the clock starts and then found in the prefix cache, as Stele's
are; whole calls have other prompts in each. Writes one JSON line a test: {"test", "tokens", "seconds": [...],
"others": [...]}.
"""
import argparse
import json
import os
import sys

# vLLM's processes log to the standard output, which is for results.
results = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "4")

from vllm import LLM, SamplingParams

from workload import Stopwatch, Test, longest_of, most_sequences, parse_tests, requests_of, result, tokens_made


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--model", required=True, help="Hugging Face folder")
    p.add_argument("--dtype", choices=["float32", "bfloat16"], required=True)
    p.add_argument("--tests", required=True)
    p.add_argument("-r", type=int, default=1)
    a = p.parse_args()
    tests = parse_tests(a.tests)
    with open(f"{a.model}/config.json") as f:
        vocab = json.load(f)["vocab_size"]
    llm = LLM(model=a.model, dtype=a.dtype, skip_tokenizer_init=True, enable_prefix_caching=True,
              max_model_len=longest_of(tests, vocab) + 16, max_num_seqs=most_sequences(tests, vocab))
    for t in tests:
        watches = []
        for run in range(1 + a.r):
            requests = requests_of(t, vocab, run + 1)
            if not isinstance(t, Test):
                llm.reset_prefix_cache()
            prompts = [{"prompt_token_ids": r.ids} for r in requests]
            params = [SamplingParams(n=r.samples, max_tokens=r.generate, ignore_eos=True, temperature=r.temperature,
                                     detokenize=False) for r in requests]
            with Stopwatch() as watch:
                out = llm.generate(prompts, params, use_tqdm=False)
            made, want = sum(len(x.token_ids) for o in out for x in o.outputs), tokens_made(requests)
            if made != want:
                raise SystemExit(f"{t.name}: vLLM generated {made} tokens, expected {want}")
            watches.append(watch)
        print(result(t, watches[1:], t.tokens if isinstance(t, Test) else want), file=results, flush=True)


if __name__ == "__main__":
    sys.exit(main())
