"""Reference values for checkpoints that are not the usual ones, by transformers.

Writes testdata/variants/NAME/ (tiny random models) and testdata/variants/forward.json: for
each model and prompt the last logits, every token's log-probability and the entropy, and for
some the gradient of the sum of -log p with respect to every bias, and its norm for every
other parameter. Needs transformers 5.24 and torch, on a CPU; neither the build nor the
tests do.  usage:  python3 third_party/variant-goldens.py testdata/variants
"""

import json
import os
import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForCausalLM, LlamaConfig, Qwen2Config

out = sys.argv[1]
SIZES = dict(vocab_size=64, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=2)
LINEAR = {"rope_type": "linear", "rope_theta": 500000.0, "factor": 4.0}


def make(name, config, dtype=torch.float32, base=False, change=None):
    """A folder with random weights, biases that matter and norms that are not one."""
    torch.manual_seed(sum(name.encode()))
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for key, p in model.named_parameters():
            p.normal_(1.0 if "norm" in key else 0.0, 0.5 if key.endswith("bias") else 0.2)
    folder = os.path.join(out, name)
    (model.model if base else model).to(dtype).save_pretrained(folder)
    os.remove(os.path.join(folder, "generation_config.json")) if not base else None
    if change:
        path = os.path.join(folder, "model.safetensors")
        save_file(change(load_file(path)), path, metadata={"format": "pt"})


def other_head(tensors):
    torch.manual_seed(3)
    return tensors | {"lm_head.weight": torch.randn(64, 32) * 0.2}


def same_head(tensors):
    return tensors | {"lm_head.weight": tensors["model.embed_tokens.weight"].clone()}


def only_head(tensors):
    tensors["lm_head.weight"] = tensors.pop("model.embed_tokens.weight")
    return tensors


make("llama-biases", LlamaConfig(**SIZES, attention_bias=True, mlp_bias=True))
make("llama-attention-bias", LlamaConfig(**SIZES, attention_bias=True, rope_parameters=LINEAR), dtype=torch.float16)
make("llama-mlp-bias", LlamaConfig(**SIZES, mlp_bias=True, tie_word_embeddings=True), dtype=torch.bfloat16)
make("qwen2-head-dim", Qwen2Config(**SIZES, head_dim=16))
make("tied-other-head", LlamaConfig(**SIZES, tie_word_embeddings=True), change=other_head)
make("tied-same-head", LlamaConfig(**SIZES, tie_word_embeddings=True), change=same_head)
make("tied-only-head", Qwen2Config(**SIZES, tie_word_embeddings=True), change=only_head)
make("base", Qwen2Config(**SIZES, tie_word_embeddings=True), base=True)

torch.manual_seed(5)
prompts = [torch.randint(3, 64, (n,)).tolist() for n in (1, 9, 40)]
golden = {}
for name in sorted(os.listdir(out)):
    folder = os.path.join(out, name)
    if not os.path.isdir(folder):
        continue
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    cases = []
    for ids in prompts:
        logits = model(torch.tensor([ids])).logits[0]
        logp = logits.log_softmax(-1)
        case = {"prompt_ids": ids, "last_logits": logits[-1].tolist(),
                "token_logprobs": [logp[i, t].item() for i, t in enumerate(ids[1:])],
                "entropy_last": -(logp[-1].exp() * logp[-1]).sum().item()}
        if len(ids) > 1 and "llama" in name:
            model.zero_grad()
            (-sum(logp[i, t] for i, t in enumerate(ids[1:]))).backward()
            case["gradient_norms"] = {k: p.grad.norm().item() for k, p in model.named_parameters()}
            case["bias_gradients"] = {k: p.grad.tolist() for k, p in model.named_parameters() if k.endswith("bias")}
        cases.append(case)
    golden[name] = {"tied": model.lm_head.weight is model.model.embed_tokens.weight, "cases": cases}


def rounded(x):
    if isinstance(x, float):
        return float(f"{x:.8g}")
    if isinstance(x, list):
        return [rounded(v) for v in x]
    return {k: rounded(v) for k, v in x.items()} if isinstance(x, dict) else x


with open(os.path.join(out, "forward.json"), "w") as f:
    json.dump(rounded(golden), f)
