#!/usr/bin/env python3
"""Do folders that Stele writes load in transformers with the same logits? Optional.

    STELE_WRITE_DIR=/some/dir go test -run 'TestWriteRoundTrip|TestTies' ./engine/checkpoint
    python3 third_party/check-transformers.py /some/dir testdata/models
    python3 third_party/check-transformers.py /some/dir testdata/variants
    STELE_WRITE_DIR=/some/dir go test -run 'TestArchitecture' ./trainer
    python3 third_party/check-transformers.py /some/dir/anew-false testdata/architectures
    python3 third_party/check-transformers.py /some/dir/anew-true testdata/architectures

Needs the Python packages transformers and torch.
"""
import os, sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

def logits(folder, ids):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        return model(torch.tensor([ids])).logits

def main(written, originals):
    bad = 0
    for name in sorted(os.listdir(originals)):
        for dtype in ("F32", "BF16"):
            folder = os.path.join(written, f"{name}-{dtype}")
            if not os.path.isdir(folder):
                continue
            ids = list(range(5, 45))
            d = (logits(os.path.join(originals, name), ids) - logits(folder, ids)).abs().max().item()
            if os.path.exists(os.path.join(folder, "tokenizer.json")):
                AutoTokenizer.from_pretrained(folder)
            exact = dtype == "F32" or "llama" in name  # bfloat16 holds what was float32 only roughly
            print(f"{folder}: largest difference of a logit {d:g}")
            bad += exact and d != 0
    sys.exit(1 if bad else 0)

if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
