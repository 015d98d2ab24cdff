"""vLLM as a peer: decoding of one batch.

The contexts are computed before the clock starts and then found in the prefix cache, as Stele's are. Writes one
JSON line a test: {"test", "tokens", "seconds": [...], "others": [...]}.
"""
import argparse
import json
import sys

from vllm import LLM, SamplingParams

from workload import Stopwatch, parse_tests, result, tokens_of


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
    longest = max(t.depth + 1 + t.generate for t in tests)
    llm = LLM(model=a.model, dtype=a.dtype, skip_tokenizer_init=True, enable_prefix_caching=True,
              max_model_len=longest + 16, max_num_seqs=max(t.batch for t in tests))
    for t in tests:
        prompts = [{"prompt_token_ids": tokens_of(vocab, t.batch + s, t.depth + 1)} for s in range(t.batch)]
        params = SamplingParams(max_tokens=t.generate, ignore_eos=True, temperature=1.0, detokenize=False)
        watches = []
        for _ in range(1 + a.r):
            with Stopwatch() as watch:
                out = llm.generate(prompts, params, use_tqdm=False)
            made = sum(len(o.outputs[0].token_ids) for o in out)
            if made != t.tokens:
                raise SystemExit(f"vLLM generated {made} tokens, expected {t.tokens}")
            watches.append(watch)
        print(result(t, watches[1:]), flush=True)


if __name__ == "__main__":
    sys.exit(main())
