#!/usr/bin/env bash
# Fetch what compiles CUDA programs on a machine without a GPU, once, into DIR: XLA's CUDA plugin, and
# NVIDIA's assembler, linker and device library, out of Python wheels (257 MB) whose sha256 are checked.
# 490 MB are kept.
#   usage: fetch-cuda.sh DIR
# Needs python3 with pip, for the download only. Programs that are compiled with it run nowhere here.
set -euo pipefail
DIR=$(realpath -m "$1")
declare -A SHA256=(
  [jax-cuda13-pjrt]=5899bb6177eda86ea532afb9a26794f2bdd04966f6a01f9028266b16c2b6cf90
  [nvidia-cuda-nvcc]=f5c4f7ead5d964fb4af42bbf1e6d3ec3c1e6e9d83b53749f691d387e7fcaa3a7
  [nvidia-nvvm]=c41bfa362e407405163f103c2229f0765f8cc2ed7d148b754dc77f228bf7e070
)
KEPT=(jax_plugins/xla_cuda13/xla_cuda_plugin.so nvidia/cu13/bin/{ptxas,nvlink,fatbinary}
  nvidia/cu13/nvvm/libdevice/libdevice.10.bc)
STAMP=$DIR/stamp # the wheels asked for: other versions are fetched anew
[[ -f $STAMP && $(<"$STAMP") == "$CUDA_WHEELS" ]] && exit 0
command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1 ||
  { echo "stele: python3 with pip is missing, which fetches XLA's CUDA plugin" >&2; exit 1; }
echo "Fetching XLA's CUDA plugin and NVIDIA's assembler: $CUDA_WHEELS (257 MB, once)" >&2
mkdir -p "$(dirname "$DIR")"
WORK=$(mktemp -d "$DIR.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
mkdir "$WORK/all"
for requirement in $CUDA_WHEELS; do
  python3 -m pip download --quiet --no-deps --dest "$WORK" --python-version 3.12 --only-binary :all: "$requirement" >&2
  wheel=$(ls "$WORK"/*.whl)
  echo "${SHA256[${requirement%%==*}]}  $wheel" | sha256sum --check --quiet - >&2
  python3 - "$wheel" "$WORK/all" "${KEPT[@]}" <<'P'
import sys, zipfile
wheel, to, *kept = sys.argv[1:]
with zipfile.ZipFile(wheel) as w:
    for name in w.namelist():
        if name in kept or "license" in name.lower():
            w.extract(name, to)
P
  rm "$wheel"
done
for file in "${KEPT[@]}"; do
  [[ -s $WORK/all/$file ]] || { echo "stele: $file is in none of $CUDA_WHEELS" >&2; exit 1; }
done
chmod 755 "$WORK/all/nvidia/cu13/bin/"*
printf '%s' "$CUDA_WHEELS" >"$WORK/all/stamp"
rm -rf "$DIR"
mv -T "$WORK/all" "$DIR"
