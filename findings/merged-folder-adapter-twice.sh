#!/usr/bin/env bash
# A merged model saved into its adapter's folder is another model where PEFT is installed: the adapter is added twice.
#
# Training writes adapter_config.json and adapter_model.safetensors into a folder; afterwards merge_and_unload() and
# save_pretrained() write config.json and model.safetensors, often into the same one. One would guess that
# AutoModelForCausalLM.from_pretrained reads model.safetensors and that an adapter needs PeftModel, or at least that
# what a folder computes does not depend on which packages are installed. Without PEFT it is the merged model. With
# PEFT the same call adds the adapter to the weights that hold it already, and says nothing.
#
# Seen with Python 3.11, torch 2.15.0, transformers 5.24.0, peft 0.21.2 from PyPI; logits of the folder against those
# of the model that was trained:
#   without peft: the trained model  True    says something: False
#   with peft:    the trained model  False   says something: False
#
# Why it matters: an evaluation of the merged model measures W + 2BA on one machine and W + BA on another. What to do:
# merge into a folder of its own. Exits with 1 if this changes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 transformers==5.24.0 accelerate==1.15.0
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$dir/extra" peft==0.21.2
cat > "$dir/make.py" <<'PYTHON'
import sys, torch, transformers
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
base = LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4))
base.save_pretrained(sys.argv[1] + "/base")
base = LlamaForCausalLM.from_pretrained(sys.argv[1] + "/base")
model = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)).eval()
torch.save(model(torch.arange(3, 20)[None]).logits.detach(), sys.argv[1] + "/logits.pt")
model.save_pretrained(sys.argv[1] + "/out")
model.merge_and_unload().save_pretrained(sys.argv[1] + "/out")
PYTHON
cat > "$dir/load.py" <<'PYTHON'
import io, logging, sys, torch, transformers

said = io.StringIO()
transformers.logging.disable_progress_bar()
transformers.logging.get_logger("transformers").handlers[:] = [logging.StreamHandler(said)]
model = transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1] + "/out").eval()
same = torch.allclose(model(torch.arange(3, 20)[None]).logits, torch.load(sys.argv[1] + "/logits.pt"), atol=1e-4)
print(f"{sys.argv[2]:13} the trained model  {same!s:5}   says something: {bool(said.getvalue())}")
PYTHON
PYTHONPATH="$dir/extra" "$dir/venv/bin/python" "$dir/make.py" "$dir" 2> /dev/null
got=$("$dir/venv/bin/python" "$dir/load.py" "$dir" "without peft:"; PYTHONPATH="$dir/extra" "$dir/venv/bin/python" "$dir/load.py" "$dir" "with peft:")
echo "$got"
[ "$got" = "without peft: the trained model  True    says something: False
with peft:    the trained model  False   says something: False" ]
