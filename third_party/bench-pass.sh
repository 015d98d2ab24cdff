#!/usr/bin/env bash
# An update on one long sequence, Stele's against torch's on this machine's CPU, SmolLM2-135M.
# Flags are those of third_party/peers/run_pass.py: --dtype, --tokens, --rounds and more.
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/peers/setup.sh
exec "$PYTHON" third_party/peers/run_pass.py --stele bin/stele --model "$SMOLLM2" "$@"
