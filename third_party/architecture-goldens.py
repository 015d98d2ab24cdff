"""Reference values for families that TestArchitecture describes, by transformers.

Writes testdata/architectures/NAME/ (tiny random models) and testdata/architectures/golden.json:
for each model its number of parameters and, for each prompt, the last logits, every token's
log-probability, the entropy, the tokens that greedy generation goes on with, and the size of
the gradient of the sum of -log p with respect to every parameter, with its values for norms.
Needs transformers 5.24 and torch, on a CPU; neither the build nor the tests do.
usage:  python3 third_party/architecture-goldens.py testdata/architectures
"""

import json
import os
import sys

import torch
from transformers import AutoModelForCausalLM, Exaone4Config, Qwen3Config

out = sys.argv[1]
SIZES = dict(vocab_size=64, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=2)
CONFIGS = {
    "qwen3": Qwen3Config(**SIZES, head_dim=16, tie_word_embeddings=False),
    "qwen3-tied": Qwen3Config(**SIZES, head_dim=16, attention_bias=True, tie_word_embeddings=True),
    "exaone4": Exaone4Config(**SIZES, sliding_window=None, layer_types=["full_attention"] * 2),
}

torch.manual_seed(5)
prompts = [torch.randint(3, 64, (n,)).tolist() for n in (1, 9, 40)]
golden = {}
for name, config in CONFIGS.items():
    torch.manual_seed(sum(name.encode()))
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    with torch.no_grad():
        for key, p in model.named_parameters():
            p.normal_(1.0 if "norm" in key else 0.0, 0.5 if key.endswith("bias") else 0.2)
    folder = os.path.join(out, name)
    model.save_pretrained(folder)
    os.remove(os.path.join(folder, "generation_config.json"))
    cases = []
    for ids in prompts:
        model.zero_grad()
        logits = model(torch.tensor([ids])).logits[0]
        logp = logits.log_softmax(-1)
        more = model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=12, eos_token_id=None)
        case = {"prompt_ids": ids, "last_logits": logits[-1].tolist(),
                "token_logprobs": [logp[i, t].item() for i, t in enumerate(ids[1:])],
                "entropy_last": -(logp[-1].exp() * logp[-1]).sum().item(),
                "greedy": more[0, len(ids):].tolist()}
        if len(ids) > 1:
            (-sum(logp[i, t] for i, t in enumerate(ids[1:]))).backward()
            case["gradient_norms"] = {k: p.grad.norm().item() for k, p in model.named_parameters()}
            case["norm_gradients"] = {k: p.grad.tolist() for k, p in model.named_parameters() if "norm" in k}
        cases.append(case)
    golden[name] = {"parameters": sum(p.numel() for p in model.parameters()), "cases": cases}


def rounded(x):
    if isinstance(x, float):
        return float(f"{x:.8g}")
    if isinstance(x, list):
        return [rounded(v) for v in x]
    return {k: rounded(v) for k, v in x.items()} if isinstance(x, dict) else x


with open(os.path.join(out, "golden.json"), "w") as f:
    json.dump(rounded(golden), f)
