"""torch as a peer: an update, gradient and AdamW, on one long sequence.

Attention is torch's scaled_dot_product_attention, layers are computed again in the backward
pass (gradient checkpointing), as in Stele's test. Writes one JSON line: {"update": seconds of
each repetition after the first, "peak": bytes of memory at most}.
"""
import argparse
import json
import os
import resource
import sys
import time

import torch
from transformers import AutoModelForCausalLM


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--model", required=True)
    p.add_argument("--dtype", choices=["float32", "bfloat16"], required=True)
    p.add_argument("--tokens", type=int, default=4096)
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("-r", type=int, default=1)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    model = AutoModelForCausalLM.from_pretrained(a.model, dtype=a.dtype, attn_implementation="sdpa")
    model.train()
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
    ids = torch.randint(model.config.vocab_size, (1, a.tokens + 1), generator=torch.Generator().manual_seed(0))
    took = []
    for _ in range(a.r + 1):
        began = time.perf_counter()
        model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        took.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"update": took[1:], "peak": peak}))


if __name__ == "__main__":
    sys.exit(main())
