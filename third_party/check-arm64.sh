#!/usr/bin/env bash
# Checks the types of the whole module and of its tests for arm64 Linux, and vets and builds there what differs: the
# kernels, which have files of their own, and what has parts in C, which Zig's compiler, a wheel, translates. The rest
# is the text that was vetted and built before, and to compile all that it imports for another processor would take
# minutes. Programs are not linked: that would take libtokenizers.a for arm64.
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/env.sh
tool=$(mktemp)
trap 'rm -f "$tool"' EXIT
go build -o "$tool" ./third_party/typecheck
export GOOS=linux GOARCH=arm64 CGO_ENABLED=1 GOEXPERIMENT=none
"$tool" ./...

built=(./kernels/blockwise ./kernels/host ./kernels/isa ./third_party/libtokenizers ./engine/text)
# Those that differ from what a Go without simd takes on this processor, and all with parts in C, are among them.
files() { go list -f '{{if .Module.Main}}{{.ImportPath}} {{.GoFiles}} {{.CgoFiles}} {{.SFiles}}{{end}}' ./...; }
differ=$(diff <(GOARCH=amd64 files) <(files) | sed -n "s|^> $(go list -m)/\([^ ]*\) .*|./\1|p"
  go list -f '{{if .CgoFiles}}{{.ImportPath}}{{end}}' ./... | sed "s|^$(go list -m)/|./|")
for package in $differ; do
  if [[ " ${built[*]} " != *" $package "* ]]; then
    echo "arm64: $package has other files there, or parts in C: name it in third_party/check-arm64.sh" >&2
    exit 1
  fi
done
if ! python3 -m pip --version >/dev/null 2>&1 && [ ! -x "$STELE_CACHE/$ZIG_WHEEL/ziglang/zig" ]; then
  echo "arm64: not built: its C compiler comes by python3 with pip, which is missing (Debian: apt-get install python3-pip)" >&2
  exit 0
fi
zig=$(third_party/fetch-zig.sh)
export CC="$zig cc -target aarch64-linux-gnu" CXX="$zig c++ -target aarch64-linux-gnu"
go vet "${built[@]}"
go build "${built[@]}"
echo "arm64: types of the module checked; vetted and built: ${built[*]}"
