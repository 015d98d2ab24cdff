#!/usr/bin/env bash
# lm-evaluation-harness through stele serve, against stele eval and stele score: the same greedy outputs, the same
# accuracy, the same log-probabilities of choices. Installs lm-eval into the cache folder, once.
#
#   third_party/check-lm-eval.sh [MODEL]
set -euo pipefail
cd "$(dirname "$0")/.."
model=${1:-builtin:tiny}
venv="${XDG_CACHE_HOME:-$HOME/.cache}/stele/peers/lm-eval"
if ! "$venv/bin/python" -c 'import lm_eval' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q 'lm_eval[api]==0.4.13' 'datasets==5.2.0'
fi
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT

bin/stele eval -m "$model" --bench arith --lang en,es --limit 20 -n 1 --temperature 0 --max-tokens 48 --seed 1 \
    --out "$work/run" >"$work/eval" 2>"$work/eval.err"
bin/stele serve -m "$model" --port 0 2>"$work/serve.err" &
server=$!
for _ in $(seq 600); do
    url=$(grep -o 'http://[0-9.:]*/v1' "$work/serve.err" || true)
    [ -n "$url" ] && break
    kill -0 $server
    sleep 0.1
done
export OPENAI_API_KEY=none HF_HOME="$work/hf" HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1
"$venv/bin/python" third_party/check_lm_eval.py --run "$work/run" --url "$url" --work "$work" --model "$model" \
    --stele bin/stele
