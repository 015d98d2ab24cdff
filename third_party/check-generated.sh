#!/usr/bin/env bash
# Runs go generate and fails if a file is another after it.
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/env.sh
sums() {
  find . -type f -not -path './.git/*' -not -path './bin/*' -not -path './runs/*' -print0 | sort -z | xargs -0 sha256sum
}
before=$(mktemp)
trap 'rm -f "$before"' EXIT
sums >"$before"
go generate ./...
if ! changed=$(sums | diff "$before" - | sed -n 's/^> [0-9a-f]*  //p') || [ -n "$changed" ]; then
  echo "generated: not what go generate writes, which is there now: $(echo $changed)" >&2
  exit 1
fi
echo "generated: files are what go generate writes"
