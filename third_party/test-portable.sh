#!/usr/bin/env bash
# Kernels in plain Go, which processors without a tier of their own run: built by a Go without simd, as they are
# there, and tested here. No other package has other files without simd, which is checked, nor has the build tag
# purego, which leaves assembly and vector code out. That the rest goes with them a check of the whole module's types
# shows; to build it without simd would compile the same text, and all that it imports, again.
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/env.sh

packages=(kernels/blockwise kernels/host kernels/isa sampler)
only_built=third_party/libtokenizers # its C says at compile time that simd is missing

# Lines of a package and the files that a build takes of it.
files() {
  go list -f '{{.ImportPath}} {{.GoFiles}} {{.CgoFiles}} {{.SFiles}} {{.TestGoFiles}} {{.XTestGoFiles}}' "$@" ./...
}
with=$(files) without=$(GOEXPERIMENT=none files) tagged=$(files -tags purego)
changed() { diff <(echo "$1") <(echo "$2") | sed -n 's/^> \([^ ]*\) .*/\1/p' | sed "s|^$(go list -m)/||" | xargs; }
if [ "$(changed "$with" "$without")" != "${packages[*]} $only_built" ]; then
  echo "portable: packages with other files without simd: $(changed "$with" "$without"); tested are ${packages[*]}:" \
    "make it so in third_party/test-portable.sh" >&2
  exit 1
fi
if [ "$(changed "$tagged" "$without")" != "$only_built" ]; then
  echo "portable: the tag purego takes other files than a Go without simd does, of $(changed "$tagged" "$without")" >&2
  exit 1
fi
tool=$(mktemp)
trap 'rm -f "$tool"' EXIT
go build -o "$tool" ./third_party/typecheck
GOEXPERIMENT=none "$tool" ./...
GOEXPERIMENT=none go build "./$only_built"
GOEXPERIMENT=none go test -vet=off "${packages[@]/#/./}"
echo "portable: types of the module checked without simd; kernels in plain Go built so and tested; the tag purego is" \
  "the same files"
