#!/usr/bin/env bash
# Get what Stele is built with: libtokenizers.a and XLA's CPU plugin. Done once a
# version; later calls and other clones find it in the cache folder.
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/env.sh

missing() { echo "stele: $1 is missing: $2" >&2; exit 1; }
command -v go >/dev/null || missing "Go" "install Go 1.26 or newer"
command -v cc >/dev/null || missing "a C compiler" "install gcc or clang (Debian: apt-get install build-essential)"
command -v c++ >/dev/null || missing "a C++ compiler" "install g++ or clang (Debian: apt-get install build-essential)"
version=$(go env GOVERSION); version=${version#go1.}
[ "${version%%[.-]*}" -ge 26 ] || missing "Go 1.26" "this is $(go env GOVERSION)"

say_done() { echo "  done in ${SECONDS}s" >&2; }

if [ ! -s "$STELE_TOKENIZERS/lib/libtokenizers.a" ]; then
  command -v cargo >/dev/null || missing "cargo" "install Rust (Debian: apt-get install cargo)"
  echo "Building libtokenizers.a $TOKENIZERS_VERSION from the Rust sources in its Go module (about 75 s, once)" >&2
  SECONDS=0; third_party/build-libtokenizers.sh "$STELE_TOKENIZERS" >/dev/null; say_done
fi

if [ ! -s "$STELE_PJRT/pjrt_c_api_cpu_plugin.so" ] || [ "$(cat "$STELE_PJRT/stamp" 2>/dev/null)" != "$PJRT_CPU_WHEEL" ]; then
  if ! command -v python3 >/dev/null || ! python3 -m pip --version >/dev/null 2>&1; then
    echo "Backend xla:cpu will not be there: python3 with pip is missing (Debian: apt-get install python3-pip). Backend go is." >&2
  else
    echo "Fetching XLA's CPU plugin out of the wheel $PJRT_CPU_WHEEL (once)" >&2
    SECONDS=0
    if third_party/fetch-pjrt-cpu.sh "$STELE_PJRT" >/dev/null; then say_done
    else echo "Backend xla:cpu will not be there: the plugin could not be fetched. Backend go is." >&2; fi
  fi
fi
