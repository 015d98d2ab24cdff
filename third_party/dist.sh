#!/usr/bin/env bash
# Makes archives and Python wheels of this clone's commit for Linux on x86-64 and arm64, in FOLDER:
#   usage: dist.sh FOLDER [amd64] [arm64]
# What is built is the commit, exported: changes that are not committed are not in it. With the same versions of Go,
# Rust and Zig the same commit gives the same bytes, wherever it is built. The program needs glibc 2.27 or newer
# and nothing else; XLA's plugin for CPUs, in those for x86-64, libstdc++ and libgcc_s of GCC 6.1 or newer, too.
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/env.sh
GLIBC=2.27 # what XLA's plugin needs
out=$(realpath -m "$1"); shift
asked=("$@")
[ $# -gt 0 ] || asked=(amd64 arm64)
say() { echo "dist: $*" >&2; }

commit=$(git rev-parse HEAD)
epoch=$(git log -1 --format=%ct)
tag=$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null || true)
version=${tag#v}
[ -n "$version" ] || version=0.0.0.dev$(date -u -d "@$epoch" +%Y%m%d%H%M%S)+g${commit:0:12}
[ -z "$(git status --porcelain --untracked-files=no)" ] || say "changes that are not committed are not in it"
export SOURCE_DATE_EPOCH=$epoch

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
mkdir "$work/source"
git archive "$commit" | tar -x -C "$work/source"
zig=$(third_party/fetch-zig.sh)
PJRT_CPU_ONLY=1 third_party/fetch-pjrt-cpu.sh "$STELE_CACHE/dist/pjrt" >/dev/null

# The environment of whoever builds decides nothing.
unset GOEXPERIMENT CGO_CFLAGS CGO_CPPFLAGS CGO_CXXFLAGS CGO_LDFLAGS GOAMD64 GOARM64 GOWORK
export GOFLAGS="${STELE_DIST_GOFLAGS:-} -trimpath -buildvcs=false" GOOS=linux CGO_ENABLED=1 GOAMD64=v1 GOARM64=v8.0

processor() { [ "$1" = amd64 ] && echo x86_64 || echo aarch64; } # Rust's, Zig's and pip's name of a GOARCH

build() { # GOARCH, Rust's compiler
  local cpu library simd=
  cpu=$(processor "$1")
  [ "$1" = arm64 ] || simd=simd
  say "libtokenizers.a for $1"
  library=$(RUSTC=$2 third_party/build-libtokenizers.sh "${STELE_DIST_LIBRARIES:-$STELE_CACHE/dist}/tokenizers-$1" \
    "$cpu-unknown-linux-gnu" "$zig" "$cpu-linux-gnu.$GLIBC" </dev/null)
  say "stele for $1"
  (
    cd "$work/source"
    # See env.sh on where the program begins; for Zig's linker that is --image-base.
    GOARCH=$1 GOEXPERIMENT=$simd CC="$zig cc -target $cpu-linux-gnu.$GLIBC" CXX="$zig c++ -target $cpu-linux-gnu.$GLIBC" \
      CGO_CFLAGS="-O2 -DSTELE_LIBTOKENIZERS" CGO_LDFLAGS="-L$(dirname "$library")" \
      go build -ldflags "-s -w -buildid= -extldflags=-Wl,--image-base=0x210000 -X 'main.commit=${tag:+$tag }$commit'" \
      -o "$work/stele-$1" ./cmd/stele
  )
}

needs() { # a file: says which glibc it needs, and fails where that is newer than promised
  local most
  most=$(readelf -V "$1" | grep -oE 'GLIBC_[0-9.]+' | sort -uV | tail -1 || true)
  say "$(basename "$1") needs ${most:-no glibc}"
  [ "$(printf '%s\n' "GLIBC_$GLIBC" "$most" | sort -V | tail -1)" = "GLIBC_$GLIBC" ]
}

pack() { (cd "$work/source" && GOOS='' CGO_ENABLED=0 go run ./third_party/pack -epoch "$epoch" "$@"); }

# What a program for this machine says of itself goes with those for others.
case $(uname -m) in x86_64) own=amd64 ;; aarch64) own=arm64 ;; *) say "built on x86-64 or arm64 alone"; exit 1 ;; esac
pages() {
  local share=$work/share
  "$1" man "$share/man/man1"
  mkdir -p "$share"/{bash-completion/completions,zsh/site-functions,fish/vendor_completions.d}
  "$1" completion bash >"$share/bash-completion/completions/stele"
  "$1" completion zsh >"$share/zsh/site-functions/_stele"
  "$1" completion fish >"$share/fish/vendor_completions.d/stele.fish"
  mkdir -p "$share/doc/stele/licences"
  (
    cd "$work/source"
    cp -r README.md CHANGELOG.md examples "$share/doc/stele/"
    mkdir "$share/doc/stele/docs"
    cp -r docs/*.md docs/figures "$share/doc/stele/docs/"
    rm -rf "$share/doc/stele/examples/seeds"
    cp third_party/notices/NOTICES "$share/doc/stele/licences/"
    for licence in LICENSE LICENCE COPYING; do
      if [ -e "$licence" ]; then cp "$licence" "$share/doc/stele/licences/"; fi
    done
  )
}

rm -f "$out"/stele-* "$out/SHA256SUMS"
made=()
built=()
for arch in "$own" amd64 arm64; do # this machine's first
  [[ " ${asked[*]} $own " == *" $arch "* && " ${built[*]} " != *" $arch "* ]] || continue
  rust=$(third_party/find-rust.sh "$(processor "$arch")-unknown-linux-gnu") || { say "NOTHING FOR $arch"; continue; }
  build "$arch" "$rust"
  built+=("$arch")
  needs "$work/stele-$arch"
  [ "$arch" != "$own" ] || pages "$work/stele-$own"
  [[ " ${asked[*]} " == *" $arch "* ]] || continue
  prefix=$work/prefix-$arch
  mkdir -p "$prefix/bin"
  mv "$work/stele-$arch" "$prefix/bin/stele"
  cp -r "$work/share" "$prefix/share"
  if [ "$arch" = amd64 ]; then
    mkdir -p "$prefix/lib/stele"
    cp "$STELE_CACHE/dist/pjrt/pjrt_c_api_cpu_plugin.so" "$prefix/lib/stele/"
    needs "$prefix/lib/stele/pjrt_c_api_cpu_plugin.so"
    for licence in "$STELE_CACHE"/dist/pjrt/licenses/*; do
      cp "$licence" "$prefix/share/doc/stele/licences/XLA-$(basename "$licence")"
    done
  fi
  name=stele-$version-linux-$arch
  platform=manylinux_${GLIBC/./_}_$(processor "$arch")
  say "packing $name"
  pack archive "$prefix" "$out/$name.tar.gz" "$name"
  pack wheel "$prefix" "$out" "$version" "$platform"
  made+=("$name.tar.gz" "stele-$version-py3-none-$platform.whl")
done
[ ${#made[@]} -gt 0 ] || { say "nothing was made"; exit 1; }
cd "$out"
sha256sum "${made[@]}" >SHA256SUMS
du -b "${made[@]}" | while read -r bytes name; do say "$name: $((bytes / 1000000)) MB"; done
