#!/usr/bin/env bash
# Puts all that `make gpu-check` needs on a machine with a GPU into one folder: the program, without the models of
# languages that are the greater part of it, goldens, the scripts of peers, a tokenizer. XLA's CUDA plugin is not
# in it: it is that of the machine's Python (docs/gpu.md).
#   usage: gpu-bundle.sh DIR
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/env.sh
LIMIT=60000000 # bytes, of the folder and the files that git tracks, which may have to travel beside it
DIR=$1
rm -rf "$DIR.partial"
mkdir -p "$DIR.partial/testdata/models" "$DIR.partial/peers"
go build -tags nolingua -ldflags "-s -w $STELE_LDFLAGS $(third_party/commit.sh)" -o "$DIR.partial/stele" ./cmd/stele
gzip -9 "$DIR.partial/stele"
cat >"$DIR.partial/gpu-check" <<'S'
#!/bin/sh
# Unpacks the program beside this folder, where that is not done yet, and checks.
set -eu
dir=$(cd "$(dirname "$0")" && pwd)
program=$dir.unpacked/stele
if ! [ "$program" -nt "$dir/stele.gz" ]; then
  mkdir -p "$dir.unpacked"
  gzip -dc "$dir/stele.gz" >"$program.partial"
  chmod +x "$program.partial"
  mv "$program.partial" "$program"
fi
exec "$program" gpu-check --data "$dir" "$@"
S
chmod +x "$DIR.partial/gpu-check"
cp -r testdata/models/tiny-qwen2 testdata/models/tiny-llama31 "$DIR.partial/testdata/models/"
cp testdata/tiny-qwen2.forward.json testdata/tiny-llama31.forward.json testdata/grpo.json "$DIR.partial/testdata/"
cp third_party/peers/{transformers_peer,vllm_peer,workload}.py "$DIR.partial/peers/"
tokenizer=${TOKENIZER:-../shared/goldens/tokenizers/qwen2_5/tokenizer.json.gz}
if [ -e "$tokenizer" ]; then
  gzip -c <(gzip -cdf "$tokenizer") >"$DIR.partial/tokenizer.json.gz"
else
  echo "gpu-check: no $tokenizer: models with random weights get a small tokenizer; TOKENIZER names another" >&2
fi
own=$(du -sb "$DIR.partial" | cut -f1)
tracked=$(git ls-files -z 2>/dev/null | xargs -0 -r du -cb 2>/dev/null | tail -1 | cut -f1)
echo "gpu-check: $DIR is $((own / 1000000)) MB, the tree beside it $((${tracked:-0} / 1000000)) MB" >&2
if [ $((own + ${tracked:-0})) -gt $LIMIT ]; then
  echo "gpu-check: together more than $((LIMIT / 1000000)) MB" >&2
  exit 1
fi
rm -rf "$DIR"
mv -T "$DIR.partial" "$DIR"
