#!/usr/bin/env bash
# Vets the whole module, and builds what is no program, for arm64 Linux: the Go parts and those
# in C, which Zig's compiler, a wheel, translates. Programs are not linked: that would take
# libtokenizers.a for arm64.
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/env.sh
zig=$STELE_CACHE/$ZIG_WHEEL
if [ ! -x "$zig/ziglang/zig" ]; then
  if ! python3 -m pip --version >/dev/null 2>&1; then
    echo "arm64: not built: its C compiler comes by python3 with pip, which is missing (Debian: apt-get install python3-pip)" >&2
    exit 0
  fi
  echo "Fetching a C compiler for arm64 out of the wheel $ZIG_WHEEL (once)" >&2
  work=$(mktemp -d "$STELE_CACHE/zig.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --no-deps --target "$work" "$ZIG_WHEEL" >&2
  rm -rf "$zig"
  mv "$work" "$zig"
fi
export GOOS=linux GOARCH=arm64 CGO_ENABLED=1 GOEXPERIMENT=none
export CC="$zig/ziglang/zig cc -target aarch64-linux-gnu" CXX="$zig/ziglang/zig c++ -target aarch64-linux-gnu"
go vet ./...
go build $(go list -f '{{if and (ne .Name "main") (or .GoFiles .CgoFiles)}}{{.ImportPath}}{{end}}' ./...)
echo "arm64: the module vetted, its packages built"
