"""What float32 leaves of testdata/grpo.json: the same forward passes in float64.

Writes testdata/grpo-float64.json: the policy's log-probability of every token of
testdata/grpo.json's completions and the entropy there, by transformers with the weights
of testdata/models/tiny-qwen2 as float64, and from them the three estimates of the
divergence to its reference. Needs transformers and torch, on a CPU; neither the build
nor the tests do.  usage, from the project's folder:
    python3 third_party/float64-goldens.py
"""

import json
import math

import torch
from transformers import AutoModelForCausalLM

with open("testdata/grpo.json") as f:
    golden = json.load(f)
model = AutoModelForCausalLM.from_pretrained(
    "testdata/models/tiny-qwen2", dtype=torch.float32, attn_implementation="eager"
).to(torch.float64)

out = {"policy_logprobs": [], "policy_entropy": [], "k1": [], "k2": [], "k3": []}
for sample, ref in zip(golden["samples"], golden["ref_logprobs"]):
    prompt, completion = sample["prompt_ids"], sample["completion_ids"]
    with torch.no_grad():
        logits = model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1]
    assert logits.dtype == torch.float64
    logp = torch.log_softmax(logits, -1)
    policy = [logp[i, token].item() for i, token in enumerate(completion)]
    out["policy_logprobs"].append(policy)
    out["policy_entropy"].append((-(logp.exp() * logp).sum(-1)).tolist())
    d = [p - r for p, r in zip(policy, ref)]
    assert max(map(abs, d)) < 20  # where verl's clamps begin to matter
    out["k1"].append(d)
    out["k2"].append([x * x / 2 for x in d])
    out["k3"].append([math.expm1(-x) + x for x in d])
with open("testdata/grpo-float64.json", "w") as f:
    json.dump(out, f, indent=1)
    f.write("\n")
