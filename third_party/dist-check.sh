#!/usr/bin/env bash
# Tries what dist.sh has made for this machine where nothing else is:
#   usage: dist-check.sh FOLDER
# The archive in a root of its own with glibc, libstdc++ and libgcc_s alone: read-only but for /tmp, without a network, a
# shell, /dev, HOME or any other variable. Then without libstdc++ and libgcc_s, and the wheel in a new virtual environment.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(realpath "$1")
say() { echo "dist-check: $*" >&2; }
fail() { say "FAILED: $*"; exit 1; }
case $(uname -m) in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; *) fail "no archive is for this machine" ;; esac
archive=$(ls "$out"/stele-*-linux-$arch.tar.gz)
wheel=$(ls "$out"/stele-*_"$(uname -m)".whl)
(cd "$out" && sha256sum --check --quiet SHA256SUMS) || fail "SHA256SUMS"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

root=$work/root
mkdir -p "$root/opt" "$root/proc" "$root/tmp"
tar -xzf "$archive" -C "$root/opt"
prefix=/opt/$(ls "$root/opt")
# The libraries are this machine's own, in the folders in which its loader looks.
libraries=$(ldconfig -p)
library() { # name
  local path
  path=$(awk -v name="$1" -v cpu="$(uname -m | tr _ -)" '$1 == name && index($0, cpu == "aarch64" ? "AArch64" : cpu) \
    { print $NF; exit }' <<<"$libraries")
  [ -n "$path" ] || fail "$1 is not on this machine"
  mkdir -p "$root$(dirname "$path")"
  cp -L "$path" "$root$path"
}
loader=$(readelf -l "$root$prefix/bin/stele" | sed -n 's/.*interpreter: \(.*\)\]/\1/p')
mkdir -p "$root$(dirname "$loader")"
cp -L "$loader" "$root$loader"
for name in libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libresolv.so.2; do library $name; done
cxx=(libstdc++.so.6 libgcc_s.so.1)
for name in "${cxx[@]}"; do library "$name"; done
say "in the root beside the archive: $(cd "$root" && find . -type f -not -path './opt/*' | sort | tr '\n' ' ')"

inside() { # runs stele there; /tmp stays between calls
  mkdir -p "$work/tmp"
  unshare --user --map-root-user --mount --net --pid --fork bash -euc '
    root=$1 tmp=$2 prefix=$3; shift 3
    mount --bind "$root" "$root"
    mount --bind "$tmp" "$root/tmp"
    mount -t proc proc "$root/proc"
    mount -o remount,bind,ro "$root"
    exec env -i "$(command -v chroot)" "$root" "$prefix/bin/stele" "$@"' - "$root" "$work/tmp" "$prefix" "$@"
}
question="seven plus five is"

say "version: $(inside version)"
[ "$(inside version)" = "$(inside --version)" ] || fail "version and --version differ"
inside notices >"$work/notices"
cmp -s "$work/notices" "$root$prefix/share/doc/stele/licences/NOTICES" || fail "notices are not those of the archive"
inside doctor >"$work/doctor" || fail "doctor"
sed 's/^/  /' "$work/doctor" >&2
if [ "$arch" = amd64 ]; then
  backend=xla:cpu
  inside doctor --json | grep -q "\"$prefix/lib/stele\"" || fail "doctor does not look into $prefix/lib/stele"
else
  backend=go
fi
grep "^$backend " "$work/doctor" | grep -qv "not there" || fail "no backend $backend"
inside generate -m builtin:tiny -p "$question" --temperature 1 --seed 3 --max-tokens 16 --json >"$work/generated"
grep -q token_ids "$work/generated" || fail "generate: $(cat "$work/generated")"
inside generate -m builtin:tiny -p "$question" --temperature 1 --seed 3 --max-tokens 16 --json --kernels graph --backend $backend \
  >"$work/graph"
ids() { grep -o '"token_ids":\[[^]]*\]' "$1"; }
[ "$(ids "$work/generated")" = "$(ids "$work/graph")" ] || fail "other tokens as a graph on $backend"
say "generate: $(ids "$work/generated"), on host kernels and as a graph on $backend"
inside train --config "$prefix/share/doc/stele/examples/demo-grpo.yaml" --set model=builtin:tiny --set steps=2 --set rollout.questions=8 \
  --set eval.limit=1 --set eval.samples=1 --backend $backend --out /tmp/run || fail "train"
[ "$(wc -l <"$work/tmp/run/metrics.jsonl")" = 2 ] || fail "train wrote $(wc -l <"$work/tmp/run/metrics.jsonl") steps"
ls "$work"/tmp/run/checkpoints/step-2/model.safetensors >/dev/null || fail "train left no checkpoint"
say "train: two steps of the demo on $backend"

for name in "${cxx[@]}"; do find "$root" -name "$name" -delete; done
inside doctor >"$work/doctor"
grep -q '^go ' "$work/doctor" || fail "doctor without libstdc++"
[ $backend = go ] || grep '^xla:cpu .*not there.*libstdc++.so.6' "$work/doctor" >&2 ||
  fail "doctor does not say that libstdc++ is missing"
inside generate -m builtin:tiny -p "$question" --temperature 1 --seed 3 --max-tokens 16 --json >"$work/without"
[ "$(ids "$work/generated")" = "$(ids "$work/without")" ] || fail "other tokens without libstdc++"
say "without libstdc++ and libgcc_s: the same tokens on host kernels"

say "the wheel"
python3 -m venv "$work/venv"
state() { (cd "$work/venv" && find . -type f -not -name '*.pyc' | sort); } # pip leaves folders that others may share
state >"$work/before"
"$work/venv/bin/python" -m pip install --quiet --no-index --no-cache-dir "$wheel"
outside() { env -i HOME="$work/tmp" "$work/venv/bin/stele" "$@"; }
[ "$(outside version)" = "$(inside version)" ] || fail "the wheel's version is $(outside version)"
outside doctor --json | grep -q "\"$work/venv/lib/stele\"" || fail "the wheel's doctor does not look into lib/stele"
outside generate -m builtin:tiny -p "$question" --temperature 1 --seed 3 --max-tokens 16 --json --kernels graph \
  --backend $backend >"$work/graph"
[ "$(ids "$work/generated")" = "$(ids "$work/graph")" ] || fail "other tokens out of the wheel"
"$work/venv/bin/python" -m pip uninstall --quiet --yes stele
state | diff "$work/before" - || fail "pip uninstall leaves something"
say "the wheel: installed, run, and nothing is left of it"
