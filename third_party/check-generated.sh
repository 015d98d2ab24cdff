#!/usr/bin/env bash
# Runs go generate and fails if a file that git keeps is another after it.
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/env.sh
sums() { git ls-files -z --cached --others --exclude-standard | xargs -0 sha256sum 2>/dev/null || true; }
before=$(mktemp)
trap 'rm -f "$before"' EXIT
sums >"$before"
go generate ./...
if ! changed=$(sums | diff "$before" - | sed -n 's/^> [0-9a-f]*  //p') || [ -n "$changed" ]; then
  echo "generated: not what go generate writes, which is there now: $(echo $changed)" >&2
  exit 1
fi
echo "generated: files are what go generate writes"
