"""Reference values for LoRA adapters, by PEFT.

Writes testdata/adapters/NAME/ (adapters with random factors of tiny models in testdata/models) and
testdata/adapters/golden.json: for each the model, prompts with completions, and the log-probabilities
of these under model and adapter, not merged; of some the gradient of the sum of -log p with
respect to every factor, in NAME/gradient.safetensors. Needs peft 0.21, transformers 5 and torch, on a
CPU; neither the build nor the tests do.
usage:  python3 third_party/adapter-goldens.py testdata
"""

import json
import os
import sys

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

root = sys.argv[1]
out = os.path.join(root, "adapters")

ADAPTERS = {
    "plain": ("tiny-qwen2", dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"])),
    "rslora-patterns": ("tiny-qwen2", dict(
        r=4, lora_alpha=6, use_rslora=True, target_modules="all-linear",
        rank_pattern={"down_proj": 2, "model.layers.1.self_attn.q_proj": 8, r"layers\.0\.mlp\.(gate|up)_proj": 3},
        alpha_pattern={"o_proj": 16, "^model.layers.2.self_attn.k_proj": 3, "k_proj": 12})),
    "regex": ("tiny-llama31", dict(r=8, lora_alpha=16, target_modules=r".*\.[01]\.(self_attn\.[ko]|mlp\.down)_proj")),
    "some-layers": ("tiny-qwen2", dict(
        r=3, lora_alpha=5, target_modules=["gate_proj", "up_proj"], layers_to_transform=[0, 2],
        layers_pattern="layers", exclude_modules=["model.layers.2.mlp.up_proj"])),
    "qwen3": ("../architectures/qwen3-yarn", dict(r=3, lora_alpha=7, target_modules="all-linear")),
}
GRADIENTS = ["plain", "rslora-patterns", "qwen3"]
NARROW = {"regex": torch.bfloat16}  # what is saved, and read back

golden = {}
for name, (base, options) in ADAPTERS.items():
    torch.manual_seed(sum(name.encode()))
    model = AutoModelForCausalLM.from_pretrained(os.path.join(root, "models", base), dtype=torch.float32)
    vocab = model.config.vocab_size
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, **options))
    with torch.no_grad():
        for key, p in model.named_parameters():
            if "lora_" in key:
                p.normal_(0.0, 0.06)
                p.copy_(p.to(NARROW.get(name, torch.float32)))
    folder = os.path.join(out, name)
    model.base_model.peft_config["default"].base_model_name_or_path = base
    model.save_pretrained(folder)
    os.remove(os.path.join(folder, "README.md"))
    if name in NARROW:
        state = {k: v.to(NARROW[name]).contiguous() for k, v in get_peft_model_state_dict(model).items()}
        save_file(state, os.path.join(folder, "adapter_model.safetensors"), metadata={"format": "pt"})
    model.eval()
    cases, total = [], 0
    for n, m in [(1, 5), (7, 9), (33, 20)]:
        ids = torch.randint(0, vocab, (1, n + m))
        logits = model(input_ids=ids).logits[0, n - 1:-1].float()
        logp = torch.log_softmax(logits, -1).gather(1, ids[0, n:, None])[:, 0]
        total = total - logp.sum()
        cases.append({"prompt_ids": ids[0, :n].tolist(), "completion_ids": ids[0, n:].tolist(),
                      "logprobs": [round(v, 7) for v in logp.tolist()]})
    golden[name] = {"model": base, "cases": cases}
    if name in GRADIENTS:
        total.backward()
        grads = {k.replace(".default", ""): p.grad.contiguous() for k, p in model.named_parameters() if "lora_" in k}
        save_file(grads, os.path.join(folder, "gradient.safetensors"), metadata={"format": "pt"})

with open(os.path.join(out, "golden.json"), "w") as f:
    json.dump(golden, f, indent=1)
    f.write("\n")
