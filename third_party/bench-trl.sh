#!/usr/bin/env bash
# Stele's GRPO step against TRL's GRPOTrainer on this machine's CPU, SmolLM2-135M. Flags
# are those of third_party/peers/run_trl.py: --dtype, --rounds and more.
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/peers/setup.sh
exec "$PYTHON" third_party/peers/run_trl.py --stele bin/stele --model "$SMOLLM2" "$@"
