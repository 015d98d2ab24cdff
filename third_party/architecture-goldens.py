"""Reference values for model families, by transformers.

Writes testdata/architectures/NAME/ (tiny random models) and testdata/architectures/golden.json:
for each model its number of parameters and, for each prompt, the last logits, every token's
log-probability, the entropy, the tokens that greedy generation goes on with, and the size of
the gradient of the sum of -log p with respect to every parameter, with its values for norms.
Needs transformers 5.24 and torch, on a CPU; neither the build nor the tests do.
usage:  python3 third_party/architecture-goldens.py testdata/architectures [NAME ...]
With names only these models are made, and what there is of the others stays.
"""

import json
import os
import sys

import torch
from transformers import (AutoModelForCausalLM, Exaone4Config, GraniteConfig, LlamaConfig, MistralConfig, Olmo2Config,
                          Qwen2Config, Qwen3Config, SmolLM3Config)

out = sys.argv[1]
SIZES = dict(vocab_size=64, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=2)
CONFIGS = {
    "qwen3": Qwen3Config(**SIZES, head_dim=16, tie_word_embeddings=False),
    "qwen3-tied": Qwen3Config(**SIZES, head_dim=16, attention_bias=True, tie_word_embeddings=True),
    "exaone4": Exaone4Config(**SIZES, sliding_window=None, layer_types=["full_attention"] * 2),
    # Widths that are no multiples of anything, and positions beyond those that the model was trained for.
    "qwen3-yarn": Qwen3Config(**SIZES | dict(hidden_size=20, num_attention_heads=6, num_key_value_heads=3), head_dim=12,
                              rope_parameters=dict(rope_type="yarn", rope_theta=1e6, factor=4.0,
                                                   original_max_position_embeddings=32)),
    "qwen2-yarn": Qwen2Config(**SIZES, head_dim=24, tie_word_embeddings=True,
                              rope_parameters=dict(rope_type="yarn", rope_theta=1e4, factor=8.0, beta_fast=4,
                                                   beta_slow=0.25, mscale=0.7, mscale_all_dim=1.3, truncate=False,
                                                   original_max_position_embeddings=16)),
    "llama3.2": LlamaConfig(**SIZES, head_dim=16, tie_word_embeddings=True,
                            rope_parameters=dict(rope_type="llama3", rope_theta=5e5, factor=32.0, low_freq_factor=1.0,
                                                 high_freq_factor=4.0, original_max_position_embeddings=16)),
    "mistral": MistralConfig(**SIZES, head_dim=20, sliding_window=None,
                             rope_parameters=dict(rope_type="linear", rope_theta=1e6, factor=2.5)),
    "olmo2": Olmo2Config(**SIZES, attention_bias=True, rope_parameters=dict(rope_type="default", rope_theta=5e5)),
    "smollm3": SmolLM3Config(**SIZES | dict(num_hidden_layers=3), pad_token_id=None, no_rope_layer_interval=2,
                             attention_bias=True),
    "smollm3-list": SmolLM3Config(**SIZES, pad_token_id=None, no_rope_layers=[0, 1], mlp_bias=True,
                                  tie_word_embeddings=False),
    "granite": GraniteConfig(**SIZES, attention_bias=True, mlp_bias=True, tie_word_embeddings=True,
                             embedding_multiplier=12.0, attention_multiplier=0.2, residual_multiplier=0.22,
                             logits_scaling=2.5),
}
if sys.argv[2:]:
    CONFIGS = {name: CONFIGS[name] for name in sys.argv[2:]}

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


path = os.path.join(out, "golden.json")
before = json.load(open(path)) if sys.argv[2:] and os.path.exists(path) else {}
with open(path, "w") as f:
    json.dump(before | rounded(golden), f)
