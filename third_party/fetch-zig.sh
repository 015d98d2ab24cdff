#!/usr/bin/env bash
# Prints where Zig is, whose C compiler builds for other processors and for older versions of glibc than this
# machine's; gets it out of a wheel, once.
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/env.sh
zig=$STELE_CACHE/$ZIG_WHEEL
if [ ! -x "$zig/ziglang/zig" ]; then
  echo "Fetching a C compiler for other machines out of the wheel $ZIG_WHEEL (once)" >&2
  mkdir -p "$STELE_CACHE"
  work=$(mktemp -d "$STELE_CACHE/zig.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --no-deps --target "$work" "$ZIG_WHEEL" >&2
  rm -rf "$zig"
  mv "$work" "$zig"
fi
echo "$zig/ziglang/zig"
