#!/usr/bin/env bash
# The same folder is another model in transformers 4 and 5: tie_word_embeddings true, and an lm_head of its own.
#
# Trainers that update head and embedding apart (sharded or wrapped so that the tie is lost) leave such folders:
# config.json still says "tie_word_embeddings": true, as Qwen2.5-0.5B's does, and model.safetensors holds both
# model.embed_tokens.weight and an lm_head.weight that differs. One would guess that the configuration decides, and
# that a version of the library does not change what a checkpoint computes. transformers 4.57.3 ties them, drops
# lm_head.weight and says nothing; 5.24.0 keeps both, with a warning. Scores of one version are not those of the
# other, and an evaluation under 4.57 measured a head that was never trained.
#
# Seen with Python 3.11, torch 2.15.0, safetensors from PyPI:
#   4.57.3   tied True    lm_head.weight of the file is used: False   says something: False
#   5.24.0   tied False   lm_head.weight of the file is used: True    says something: True
#
# What to do: write what the weights are, "tie_word_embeddings": false, when saving. Exits with 1 if this changes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 transformers==5.24.0
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --target "$dir/older" transformers==4.57.3
cat > "$dir/make.py" <<'PYTHON'
import sys, torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                             tie_word_embeddings=True)).save_pretrained(sys.argv[1])
path = sys.argv[1] + "/model.safetensors"
save_file(load_file(path) | {"lm_head.weight": torch.randn(64, 32)}, path, metadata={"format": "pt"})
PYTHON
cat > "$dir/load.py" <<'PYTHON'
import contextlib, io, sys, torch, transformers
from safetensors.torch import load_file

said = io.StringIO()
transformers.logging.disable_progress_bar()
with contextlib.redirect_stderr(said):
    transformers.logging.get_logger("transformers").handlers[:] = []
    transformers.logging.get_logger("transformers").addHandler(__import__("logging").StreamHandler(said))
    model = transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1])
head = load_file(sys.argv[1] + "/model.safetensors")["lm_head.weight"]
print(f"{transformers.__version__}   tied {model.lm_head.weight is model.model.embed_tokens.weight!s:5}   lm_head.weight of the file "
      f"is used: {torch.equal(model.lm_head.weight.float(), head)!s:5}   says something: {'tie' in said.getvalue() or 'lm_head' in said.getvalue()}")
PYTHON
"$dir/venv/bin/python" "$dir/make.py" "$dir/model" 2> /dev/null
got=$(PYTHONPATH="$dir/older" "$dir/venv/bin/python" "$dir/load.py" "$dir/model"; "$dir/venv/bin/python" "$dir/load.py" "$dir/model")
echo "$got"
[ "$got" = "4.57.3   tied True    lm_head.weight of the file is used: False   says something: False
5.24.0   tied False   lm_head.weight of the file is used: True    says something: True" ]
