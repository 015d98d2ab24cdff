#!/usr/bin/env bash
# transformers 5: adding "rope_scaling" to a config.json that transformers 5 wrote sets rope_theta to 10000.
#
# One would guess that following a model card (Qwen2.5's: "add rope_scaling with type yarn, factor 4.0 to
# config.json for long texts") keeps the model's rope_theta of 1,000,000. With the config.json that transformers 4
# wrote it does: rope_theta is a key of its own there. transformers 5 writes it inside "rope_parameters", still
# reads "rope_scaling", and takes it in place of all of rope_parameters: its rope_theta is lost, the default of
# 10000 stands in for it, and nothing is said of that. Every position is then rotated at other frequencies.
# The same happens to any tool that adds linear, dynamic or llama3 scaling under the old name to a new file.
#
# Seen with transformers 5.24.0 (Python 3.11, no torch needed):
#   as saved by 5.24.0        rope_theta 1000000.0
#   with rope_scaling added   rope_theta 10000.0
#   the older layout, same    rope_theta 1000000.0
#
# What to do: put the fields into rope_parameters, beside its rope_theta, or add "rope_theta" as well.
# Exits with 1 if this changes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.24.0
cd "$dir"
"$dir/venv/bin/python" - <<'PYTHON'
import json, os, sys
os.environ["TRANSFORMERS_VERBOSITY"] = "warning"
from transformers import AutoConfig, Qwen2Config

Qwen2Config(hidden_size=64, num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=2, intermediate_size=128,
            vocab_size=512, max_position_embeddings=32768,
            rope_parameters={"rope_type": "default", "rope_theta": 1000000.0}).save_pretrained("saved")
saved = json.load(open("saved/config.json"))
assert "rope_theta" not in saved, "the layout of saved files changed"

def theta(name, **keys):
    config = {k: v for k, v in {**saved, **keys}.items() if v is not None}
    os.makedirs(name, exist_ok=True)
    json.dump(config, open(f"{name}/config.json", "w"))
    return AutoConfig.from_pretrained(name).rope_parameters["rope_theta"]

card = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}
got = [theta("saved"), theta("edited", rope_scaling=card),
       theta("older", rope_scaling=card, rope_parameters=None, rope_theta=1000000.0)]
for name, value in zip(("as saved by 5.24.0     ", "with rope_scaling added", "the older layout, same "), got):
    print(f"{name}   rope_theta {value}")
sys.exit(got != [1000000.0, 10000.0, 1000000.0])
PYTHON
