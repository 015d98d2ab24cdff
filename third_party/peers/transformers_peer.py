"""transformers with torch as a peer: prefill and decoding of one batch.

Prefill asks for the logits of the last position only; a decode step takes the
most likely token of each sequence. The cache is static where that is faster
(--cache best tries both on a few steps). Writes one JSON line a test:
{"test", "tokens", "seconds": [...], "others": [...], "cache"}.
"""
import argparse
import json
import os
import sys

import torch
from transformers import AutoModelForCausalLM, DynamicCache, StaticCache

from workload import Stopwatch, Test, parse_tests, result, tokens_of


class Decoder:
    """A batch of sequences that hold the same context, each in its own memory."""

    def __init__(self, model, t: Test, kind):
        self.model, self.t, self.kind = model, t, kind
        self.next = torch.tensor([[(s * 1000003 + 13) % model.config.vocab_size] for s in range(t.batch)])
        self.context = None
        if t.depth:
            ids = torch.tensor([tokens_of(model.config.vocab_size, 0, t.depth)])
            cache = DynamicCache(config=model.config)
            model(input_ids=ids, past_key_values=cache, logits_to_keep=1)
            self.context = [(layer.keys, layer.values) for layer in cache.layers]

    def fresh(self):
        """A cache that holds the context for every sequence."""
        t = self.t
        if self.kind == "static":
            cache = StaticCache(config=self.model.config, max_cache_len=t.depth + t.generate)
        else:
            cache = DynamicCache(config=self.model.config)
        for i, (k, v) in enumerate(self.context or []):
            cache.update(k.expand(t.batch, -1, -1, -1).contiguous(), v.expand(t.batch, -1, -1, -1).contiguous(), i)
        return cache

    def steps(self, n):
        """A stopwatch over n decode steps."""
        cache, token = self.fresh(), self.next
        with Stopwatch() as watch:
            for i in range(n):
                position = torch.full((self.t.batch, 1), self.t.depth + i)
                out = self.model(input_ids=token, position_ids=position, past_key_values=cache, logits_to_keep=1)
                token = out.logits[:, -1].argmax(-1, keepdim=True)
            finish()
        return watch


def finish():
    """Waits for what a GPU still computes."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def prefill(model, t: Test, r):
    ids = torch.tensor([tokens_of(model.config.vocab_size, r, t.prompt)])
    with Stopwatch() as watch:
        model(input_ids=ids, past_key_values=DynamicCache(config=model.config), logits_to_keep=1)
        finish()
    return watch


def run(model, t: Test, repetitions, warmup, kind):
    if t.prompt:
        return [prefill(model, t, r) for r in range(warmup + repetitions)][warmup:], "dynamic"
    kinds = ["dynamic", "static"] if kind == "best" else [kind]
    tried = {}
    for k in kinds:
        d = Decoder(model, t, k)
        d.steps(2)
        tried[k] = (d.steps(6).seconds if len(kinds) > 1 else 0, d)
    kind, (_, d) = min(tried.items(), key=lambda e: e[1][0])
    del tried
    return [d.steps(t.generate) for _ in range(repetitions)], kind


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--model", required=True, help="Hugging Face folder")
    p.add_argument("--dtype", choices=["float32", "bfloat16"], required=True)
    p.add_argument("--tests", required=True)
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--device", default="cpu", help="cpu or cuda")
    p.add_argument("--cache", choices=["best", "static", "dynamic"], default="best")
    p.add_argument("-r", type=int, default=1)
    p.add_argument("--warmup", type=int, default=1)
    p.add_argument("--logits", help="print the largest logits after these ids (comma separated) and stop")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.set_default_device(a.device)
    model = AutoModelForCausalLM.from_pretrained(a.model, dtype=getattr(torch, a.dtype), attn_implementation="sdpa")
    model.to(a.device).eval()
    with torch.inference_mode():
        if a.logits:
            ids = torch.tensor([[int(x) for x in a.logits.split(",")]])
            best = model(input_ids=ids, logits_to_keep=1).logits[0, -1].float().topk(5)
            print(json.dumps([[i, v] for i, v in zip(best.indices.tolist(), best.values.tolist())]))
            return
        for t in parse_tests(a.tests):
            watches, kind = run(model, t, a.r, a.warmup, a.cache)
            print(result(t, watches, cache=kind), flush=True)


if __name__ == "__main__":
    sys.exit(main())
