#!/usr/bin/env bash
# Vets the whole module, and builds what is no program, for arm64 Linux: the Go parts and those
# in C, which Zig's compiler, a wheel, translates. Programs are not linked: that would take
# libtokenizers.a for arm64.
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/env.sh
if ! python3 -m pip --version >/dev/null 2>&1 && [ ! -x "$STELE_CACHE/$ZIG_WHEEL/ziglang/zig" ]; then
  echo "arm64: not built: its C compiler comes by python3 with pip, which is missing (Debian: apt-get install python3-pip)" >&2
  exit 0
fi
zig=$(third_party/fetch-zig.sh)
export GOOS=linux GOARCH=arm64 CGO_ENABLED=1 GOEXPERIMENT=none
export CC="$zig cc -target aarch64-linux-gnu" CXX="$zig c++ -target aarch64-linux-gnu"
go vet ./...
go build $(go list -f '{{if and (ne .Name "main") (or .GoFiles .CgoFiles)}}{{.ImportPath}}{{end}}' ./...)
echo "arm64: the module vetted, its packages built"
