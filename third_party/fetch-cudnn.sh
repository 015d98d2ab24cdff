#!/usr/bin/env bash
# Fetch what plans calls of cuDNN on a machine without a GPU, once, into DIR: cuDNN and NVIDIA's run-time
# compiler, out of Python wheels (609 MB) whose sha256 are checked, and libraries that take the place of the driver and
# of cuBLAS, which are compiled. 980 MB are kept.
#   usage: fetch-cudnn.sh DIR
# Needs python3 with pip, for the download only, and a C compiler.
set -euo pipefail
cd "$(dirname "$0")"
DIR=$(realpath -m "$1")
declare -A SHA256=(
  [nvidia-cudnn-cu13]=0c38408c043d67ea8a3cbe61fe272c3cf5c7f5ec466adfe8ac63e91d4f11cdc7
  [nvidia-cuda-nvrtc]=ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575
)
STAMP=$DIR/stamp # the wheels asked for, and what the libraries are compiled from: others are fetched anew
ASKED="$CUDNN_WHEELS $(cat standins/*.c | sha256sum)"
[[ -f $STAMP && $(<"$STAMP") == "$ASKED" ]] && exit 0
command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1 ||
  { echo "stele: python3 with pip is missing, which fetches cuDNN" >&2; exit 1; }
echo "Fetching cuDNN: $CUDNN_WHEELS (609 MB, once)" >&2
mkdir -p "$(dirname "$DIR")"
WORK=$(mktemp -d "$DIR.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
mkdir "$WORK/all"
for requirement in $CUDNN_WHEELS; do
  python3 -m pip download --quiet --no-deps --dest "$WORK" --python-version 3.12 --only-binary :all: "$requirement" >&2
  wheel=$(ls "$WORK"/*.whl)
  echo "${SHA256[${requirement%%==*}]}  $wheel" | sha256sum --check --quiet - >&2
  python3 - "$wheel" "$WORK/all" <<'P'
import re, sys, zipfile
wheel, to = sys.argv[1:]
with zipfile.ZipFile(wheel) as w:
    for name in w.namelist():
        if re.search(r"/lib/[^/]*\.so[.\d]*$", name) and ".alt." not in name or "license" in name.lower():
            w.extract(name, to)
P
  rm "$wheel"
done
for name in libcuda.so.1 libcublasLt.so.13; do
  cc -O1 -shared -fPIC -Wl,-soname,$name -o "$WORK/all/$name" "standins/${name%%.so*}.c"
done
for file in nvidia/cudnn/lib/libcudnn.so.9 nvidia/cu13/lib/libnvrtc.so.13; do
  [[ -s $WORK/all/$file ]] || { echo "stele: $file is in none of $CUDNN_WHEELS" >&2; exit 1; }
done
printf '%s' "$ASKED" >"$WORK/all/stamp"
rm -rf "$DIR"
mv -T "$WORK/all" "$DIR"
