#!/usr/bin/env bash
# transformers: a model of type qwen2 is split into words as Qwen2 does, whatever its tokenizer.json says.
#
# One would guess that AutoTokenizer follows tokenizer.json, all the more where tokenizer_config.json names a general
# class (PreTrainedTokenizerFast, or TokenizersBackend, which transformers itself recommends for such files). With
# "model_type": "qwen2" in config.json it takes Qwen2Tokenizer in any case. That reads the vocabulary and the merges of
# the file, and has a pre-tokenizer (digits one by one) and a normaliser (NFC) of its own. The same files with another
# model_type are read as they are. Nothing is said, and save_pretrained then writes Qwen2's split into tokenizer.json,
# so that the split the model was trained with is lost for every other program, too.
#
# Seen with Python 3.11, transformers 5.24.0, tokenizers 0.23.3, of a tokenizer.json that splits digits by threes:
#   PreTrainedTokenizerFast  llama  202 4    saved: 202 4
#   PreTrainedTokenizerFast  qwen3  202 4    saved: 202 4
#   PreTrainedTokenizerFast  qwen2  2 0 2 4  saved: 2 0 2 4
#   TokenizersBackend        llama  202 4    saved: 202 4
#   TokenizersBackend        qwen3  202 4    saved: 202 4
#   TokenizersBackend        qwen2  2 0 2 4  saved: 2 0 2 4
#
# Why it matters: a model of Qwen2's architecture with a vocabulary of its own (trained from nothing, or with a larger
# vocabulary for another language) gets other tokens than in training. Its numbers are split otherwise, so arithmetic
# suffers first, with no error. Programs that follow tokenizer.json (Stele, the tokenizers library) give other ids than
# transformers for such a model; theirs are those of the file. What to do: load it by PreTrainedTokenizerFast itself,
# not by AutoTokenizer. Exits with 1 if this changes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.24.0 tokenizers==0.23.3
cat > "$dir/split.py" <<'PYTHON'
import json
import os
import tempfile

import transformers
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

transformers.logging.set_verbosity_error()

merges = [("2", "0"), ("20", "2")]
tokens = sorted(pre_tokenizers.ByteLevel.alphabet()) + ["20", "202"]
own = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
own.pre_tokenizer = pre_tokenizers.Sequence([
    pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"),
    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
])
own.decoder = decoders.ByteLevel()
assert own.encode("2024").tokens == ["202", "4"]

for name in ("PreTrainedTokenizerFast", "TokenizersBackend"):
    for kind in ("llama", "qwen3", "qwen2"):
        with tempfile.TemporaryDirectory() as d:
            own.save(os.path.join(d, "tokenizer.json"))
            for file, value in {"config": {"model_type": kind}, "tokenizer_config": {"tokenizer_class": name}}.items():
                with open(os.path.join(d, file + ".json"), "w") as f:
                    json.dump(value, f)
            loaded = transformers.AutoTokenizer.from_pretrained(d)
            loaded.save_pretrained(os.path.join(d, "saved"))
            saved = Tokenizer.from_file(os.path.join(d, "saved", "tokenizer.json"))
            now, then = loaded.tokenize("2024"), saved.encode("2024").tokens
            print(f"{name:25}{kind:7}{' '.join(now):9}saved: {' '.join(then)}")
            itself = transformers.PreTrainedTokenizerFast.from_pretrained(d)
            assert itself.tokenize("2024") == ["202", "4"]
PYTHON
got=$(HF_HUB_OFFLINE=1 "$dir/venv/bin/python" "$dir/split.py" 2>"$dir/log") || { cat "$dir/log" >&2; exit 2; }
echo "$got"
diff <(echo "$got") <(sed -n 's/^#   //p' "$0")
