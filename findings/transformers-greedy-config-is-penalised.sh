#!/usr/bin/env bash
# transformers: generate with a GenerationConfig of one's own, do_sample=False, is not greedy where the model's file has
# a repetition penalty, and temperature 1.0 is not the model's distribution.
#
# One would guess that model.generate(generation_config=GenerationConfig(do_sample=False)) takes the likeliest token each
# time, and that GenerationConfig(do_sample=True, temperature=1.0) samples from the model: the object stands in place of
# the model's own, "if generation_config is not provided, the default will be used", as generate's documentation says.
# So it was up to 4.49, but for top_k, whose default was 50. Since then each field that is not given is filled in from
# generation_config.json. Qwen2.5-Instruct's has repetition_penalty 1.05 (1.1 in the smallest), top_p 0.8 and top_k 20.
# Of greedy decoding a warning says that temperature, top_p and top_k may be ignored, and nothing of the penalty, which
# is not; of sampling nothing is said.
#
# Seen with Python 3.11 and torch 2.15.0 from PyPI; a random model of two layers, saved with Qwen2.5-Instruct's values:
#   4.49.0  do_sample=False   applied: nothing                       each token the likeliest: True  the penalty is spoken of: False
#   4.49.0  temperature=1.0   applied: TopK                          says something: False
#   4.49.0  every field       applied: nothing
#   5.24.0  do_sample=False   applied: RepetitionPenalty             each token the likeliest: False the penalty is spoken of: False
#   5.24.0  temperature=1.0   applied: RepetitionPenalty TopK TopP   says something: False
#   5.24.0  every field       applied: nothing
#
# Why it matters: a score "by greedy decoding" or "at temperature 1.0" is of another distribution than it says, and the
# same script gives other numbers after an update. Digits and variables repeat in mathematics, and are what a penalty
# moves. Log-probabilities of such samples under the model, as reinforcement learning takes them, are not those that
# they were drawn with. huggingface/trl#5783 is of sampling in TRL; a search of public issues found none of greedy decoding.
# What to do: give every field, repetition_penalty=1.0, top_p=1.0 and top_k=0 too, or set model.generation_config.
# Exits with 1 if this changes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.15.0 transformers==5.24.0 accelerate==1.15.0 requests
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$dir/old" transformers==4.49.0 \
  tokenizers==0.21.4 huggingface-hub==0.36.2
cat > "$dir/try.py" <<'PYTHON'
import io, logging, sys

import torch, transformers
from transformers import AutoModelForCausalLM, GenerationConfig, LlamaConfig, LlamaForCausalLM

said = io.StringIO()
transformers.logging.disable_progress_bar()
transformers.logging.get_logger("transformers").handlers[:] = [logging.StreamHandler(said)]
torch.manual_seed(0)
model = LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4))
model.generation_config = GenerationConfig(
    do_sample=True, temperature=0.7, top_p=0.8, top_k=20, repetition_penalty=1.05, pad_token_id=0, eos_token_id=1)
model.save_pretrained(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(sys.argv[1]).eval()
prompt = torch.arange(3, 20)[None]


def applied(**given):
    """Generates, and returns the tokens and what was done to logits."""
    names, real = [], type(model)._get_logits_processor

    def seen(self, *args, **kwargs):
        processors = real(self, *args, **kwargs)
        names.extend(type(p).__name__.replace("LogitsProcessor", "").replace("LogitsWarper", "") for p in processors)
        return processors

    type(model)._get_logits_processor = seen
    out = model.generate(prompt, attention_mask=torch.ones_like(prompt), generation_config=GenerationConfig(
        max_new_tokens=100, pad_token_id=0, eos_token_id=1, **given))
    type(model)._get_logits_processor = real
    return out, " ".join(names) or "nothing"


said.truncate(0)
out, names = applied(do_sample=False)
likeliest = model(out).logits[0, prompt.shape[1] - 1:-1].argmax(-1)
greedy = torch.equal(likeliest, out[0, prompt.shape[1]:])
print(f"{transformers.__version__}  do_sample=False   applied: {names:29} each token the likeliest: {greedy!s:5}",
      f"the penalty is spoken of: {'repetition_penalty' in said.getvalue()}")
said.seek(0), said.truncate(0)
print(f"{transformers.__version__}  temperature=1.0   applied: {applied(do_sample=True, temperature=1.0)[1]:29}",
      f"says something: {bool(said.getvalue())}")
print(f"{transformers.__version__}  every field       applied:",
      applied(do_sample=True, temperature=1.0, top_p=1.0, top_k=0, repetition_penalty=1.0)[1])
PYTHON
got=$(PYTHONPATH="$dir/old" "$dir/venv/bin/python" "$dir/try.py" "$dir/model4" 2> "$dir/log4"; "$dir/venv/bin/python" "$dir/try.py" "$dir/model5" 2> "$dir/log5") || tail "$dir"/log? >&2
echo "$got"
diff <(echo "$got") <(sed -n 's/^#   //p' "$0")
