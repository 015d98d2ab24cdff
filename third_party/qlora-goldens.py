"""Reference values for adapters over a base in 4 bits, as QLoRA has them: by transformers, bitsandbytes and PEFT.

Writes testdata/adapters/qlora.json: log-probabilities of the completions in testdata/adapters/golden.json under
adapters of that folder over their models, which transformers loads in NF4, with and without double quantisation,
computed with in float32; and testdata/adapters/plain/qlora-gradient.safetensors, the gradient of the sum of -log p
of one. Needs bitsandbytes 0.50, peft, accelerate, transformers and torch, on a CPU; neither the build nor
the tests do.
usage:  python3 third_party/qlora-goldens.py testdata
"""

import copy
import json
import os
import sys

import bitsandbytes
import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

root = sys.argv[1]
out = os.path.join(root, "adapters")
with open(os.path.join(out, "golden.json")) as f:
    golden = json.load(f)



def forward(layer, x):
    """A product with the decoded weight, which is decoded as one row.

    On a processor with AVX-512 bitsandbytes 0.50.2 decodes rows wrongly that are no multiple of a block long, and in eval()
    multiplies in bfloat16 (findings/bitsandbytes-rows-across-blocks.sh).
    """
    state = copy.copy(layer.weight.quant_state)
    shape = state.shape
    state.shape = torch.Size([shape.numel()])
    weight = bitsandbytes.functional.dequantize_4bit(layer.weight.data, state).view(shape)
    return torch.nn.functional.linear(x, weight, layer.bias)


bitsandbytes.nn.Linear4bit.forward = forward

results = []
for name, double in [("plain", True), ("plain", False), ("rslora-patterns", True), ("regex", True)]:
    base = golden[name]["model"]
    model = AutoModelForCausalLM.from_pretrained(
        os.path.join(root, "models", base), dtype=torch.float32, device_map="cpu",
        quantization_config=BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=double,
            bnb_4bit_compute_dtype=torch.float32))
    kinds = {type(m).__name__ for n, m in model.named_modules() if n.endswith("_proj")}
    assert kinds == {"Linear4bit"}, kinds
    model = PeftModel.from_pretrained(model, os.path.join(out, name), is_trainable=True)
    model.eval()
    cases, total = [], 0
    for case in golden[name]["cases"]:
        prompt, completion = case["prompt_ids"], case["completion_ids"]
        logits = model(input_ids=torch.tensor([prompt + completion])).logits[0, len(prompt) - 1:-1].float()
        logp = torch.log_softmax(logits, -1).gather(1, torch.tensor(completion)[:, None])[:, 0]
        total = total - logp.sum()
        cases.append([round(v, 7) for v in logp.tolist()])
    results.append({"adapter": name, "double_quant": double, "logprobs": cases})
    if name == "plain" and double:
        total.backward()
        grads = {k.replace(".default", ""): p.grad.contiguous() for k, p in model.named_parameters() if "lora_" in k}
        save_file(grads, os.path.join(out, name, "qlora-gradient.safetensors"), metadata={"format": "pt"})

with open(os.path.join(out, "qlora.json"), "w") as f:
    json.dump(results, f, indent=1)
    f.write("\n")
