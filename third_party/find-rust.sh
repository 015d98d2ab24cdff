#!/usr/bin/env bash
# Prints a Rust compiler that has its standard library for TARGET:
#   usage: find-rust.sh TARGET       such as aarch64-unknown-linux-gnu
# It is RUSTC or the one on the path, or, where that has not got it, the one in Debian's packages for web browsers, which are
# then unpacked into the cache folder, once, and not installed. Fails with what to do where there is none.
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/env.sh
target=$1
has() { compgen -G "$("$1" --print target-libdir --target "$target")/libstd-*.rlib" >/dev/null; }
own=${RUSTC:-$(command -v rustc || true)}
[ -z "$own" ] || ! has "$own" || { echo "$own"; exit; }

folder=$STELE_CACHE/dist/rust
[ ! -x "$folder/rustc" ] || ! has "$folder/rustc" || { echo "$folder/rustc"; exit; }
fail() { echo "find-rust: no Rust for $target: $1; rustup target add $target gets it" >&2; exit 1; }
[ "$(uname -m) $target" = "x86_64 aarch64-unknown-linux-gnu" ] || fail "its standard library is missing"
if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then fail "its standard library is missing"; fi
echo "Fetching a Rust compiler for arm64 out of Debian's packages (once)" >&2
mkdir -p "$STELE_CACHE/dist"
work=$(mktemp -d "$STELE_CACHE/dist/rust.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/root"
cat >"$work/apt.conf" <<C
Dir::State::Lists "$work/lists";
Dir::Cache "$work/cache";
APT::Architectures { "amd64"; "arm64"; };
APT::Sandbox::User "root";
C
export APT_CONFIG=$work/apt.conf
apt-get -qq update >&2 || true # of other sources than Debian's some may fail
depends() { apt-cache depends "$1" 2>/dev/null | sed -n "s/.*Depends: \($2\)\$/\1/p" | head -1; }
library=$(depends libstd-rust-web-dev 'libstd-rust-web-[0-9.]*')
[ -n "$library" ] || fail "Debian's packages have no rustc-web"
llvm=$(depends "$library" 'libllvm[0-9.]*')
(cd "$work" && apt-get -qq download rustc-web "$library" libstd-rust-web-dev libstd-rust-web-dev:arm64 "$llvm" >&2) ||
  fail "Debian's packages cannot be fetched"
for package in "$work"/*.deb; do dpkg -x "$package" "$work/root"; done
mkdir "$work/made"
mv "$work/root/usr" "$work/made/usr"
cat >"$work/made/rustc" <<'C'
#!/bin/sh
usr=$(dirname "$0")/usr
LD_LIBRARY_PATH=$usr/lib/x86_64-linux-gnu:$usr/lib exec "$usr/bin/rustc" --sysroot "$usr" "$@"
C
chmod +x "$work/made/rustc"
has "$work/made/rustc" || fail "Debian's packages have another layout than expected"
rm -rf "$folder"
mv "$work/made" "$folder"
echo "$folder/rustc"
