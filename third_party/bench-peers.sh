#!/usr/bin/env bash
# Stele against transformers, llama.cpp and OpenVINO: same weights, same tokens, same machine,
# taking turns. Flags are those of third_party/peers/run.py: --model, --dtype, --batch,
# --context, --call, --rounds, --only and more. The whole takes hours; see docs/benchmarks.md.
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/peers/setup.sh
. third_party/peers/serving.sh

qwen="$PEERS/models/qwen05b"
if [ ! -s "$qwen/model.safetensors" ]; then
  echo "Making random weights of the Qwen2.5-0.5B shape (once)" >&2
  tokenizer=../shared/goldens/tokenizers/qwen2_5/tokenizer.json.gz
  [ -e "$tokenizer" ] || tokenizer="$SMOLLM2/tokenizer.json" # only ids are fed: any will do
  "$PYTHON" third_party/peers/models.py qwen05b "$qwen" --tokenizer "$tokenizer"
fi
exec "$PYTHON" third_party/peers/run.py --stele bin/stele --lib "$LLAMA" --openvino "$OPENVINO" --vllm "$VLLM" --gguf "$PEERS/models" \
  --models "smollm2=$SMOLLM2,qwen05b=$qwen" "$@"
