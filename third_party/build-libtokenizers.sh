#!/usr/bin/env bash
# Build libtokenizers.a for github.com/daulet/tokenizers from the Rust sources
# inside the Go module itself; needs only the Go module proxy, crates.io and a
# C/C++ compiler, never GitHub.
#   usage: build-libtokenizers.sh OUTDIR
#          build-libtokenizers.sh OUTDIR TARGET ZIG ZIGTARGET    for Rust's TARGET, its C parts by Zig for ZIGTARGET
#          build-libtokenizers.sh --crates     prints cargo's metadata of what it is made of
# Safe when two run at once: the library is put in place by one rename.
# Integrity: go.sum checks the module zip, Cargo.lock (out of that zip) checks
# every crate.
set -euo pipefail

MODULE=github.com/daulet/tokenizers
VERSION=${TOKENIZERS_VERSION:-v1.24.0}
CRATES=
if [ "$1" = --crates ]; then CRATES=1; set -- "$(mktemp -d)"; fi
OUT=$(realpath -m "$1")
TARGET=${2:-} ZIG=${3:-} ZIGTARGET=${4:-}
LIB=$OUT/lib/libtokenizers.a
STAMP=$OUT/lib/stamp

# Everything that decides the bytes of the library; same stamp => nothing to do.
WANT="$MODULE@$VERSION lto=${TOKENIZERS_LTO:-fat} ${TARGET:+$TARGET $ZIGTARGET $("$ZIG" version) }$("${RUSTC:-rustc}" -V) $(sha256sum <"$0")"
if [[ -f $LIB && -f $STAMP && $(<"$STAMP") == "$WANT" ]]; then
  echo "$LIB"; exit 0
fi

# Inside a Go module that requires it, 'go mod download' checks go.sum.
SRC=$(go mod download -json "$MODULE@$VERSION" | sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p')
[[ -f $SRC/Cargo.toml ]] || { echo "no Rust sources in $SRC" >&2; exit 1; }

mkdir -p "$OUT/lib"
BUILD=$(mktemp -d "$OUT/build.XXXXXX")
trap 'rm -rf "$BUILD"' EXIT
W=$BUILD/src
mkdir -p "$W/src" "$W/tiktoken-stub/src"
cp "$SRC/src/lib.rs" "$W/src/lib.rs"
cp "$SRC/Cargo.lock" "$W/Cargo.lock"; chmod -R u+w "$W"

# tiktoken-rs comes from a GitHub fork upstream and only FromTiktoken() uses
# it: a stub with the same three items keeps lib.rs unpatched and makes
# FromTiktoken return an error. No other C entry point touches it.
cat >"$W/tiktoken-stub/Cargo.toml" <<'T'
[package]
name = "tiktoken-rs"
version = "0.8.0"
edition = "2021"
[dependencies]
rustc-hash = "1.1.0"
T
cat >"$W/tiktoken-stub/src/lib.rs" <<'T'
//! Stub: FromTiktoken always fails, so no CoreBPE value can ever exist.
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;
type Map<K> = HashMap<K, Rank, BuildHasherDefault<rustc_hash::FxHasher>>;
pub type Rank = u32;
pub enum CoreBPE {}
impl CoreBPE {
    pub fn new(_: Map<Vec<u8>>, _: Map<String>, _: &str) -> Result<Self, String> {
        Err("tiktoken support is not built in; use a tokenizer.json".into())
    }
    pub fn encode(&self, _: &str, _: &HashSet<&str>) -> (Vec<Rank>, usize) { match *self {} }
    pub fn decode(&self, _: Vec<Rank>) -> Result<String, String> { match *self {} }
}
T

# Upstream's manifest less the bench's dev-dependencies, the git dependency and
# the training-only features (progress bar, C++ suffix array).
VER=$(sed -n 's/^version = "\(.*\)"/\1/p' "$SRC/Cargo.toml" | head -1)
cat >"$W/Cargo.toml" <<T
[package]
name = "tokenizers"
version = "$VER"
edition = "2021"
[lib]
crate-type = ["staticlib"]
[dependencies]
libc = "0.2.162"
tokenizers = { version = "0.22.0", default-features = false, features = ["onig"] }
tiktoken-rs = { path = "tiktoken-stub" }
serde = { version = "1.0", features = ["derive"] }
serde_json = "1.0.140"
base64 = "0.22"
rustc-hash = "1.1.0"
[profile.release]
opt-level = 3
lto = "${TOKENIZERS_LTO:-fat}"
codegen-units = 1
strip = "debuginfo"
T
# The lock keeps upstream's pin and checksum for every crate that is left; the
# one entry without a registry source is dropped, and cargo removes orphans.
awk 'BEGIN{RS="";ORS="\n\n"} !/source = "git\+/' "$SRC/Cargo.lock" >"$W/Cargo.lock"

if [ -n "$CRATES" ]; then
  cargo metadata --format-version 1 --filter-platform x86_64-unknown-linux-gnu --manifest-path "$W/Cargo.toml"
  rm -rf "$OUT"
  exit
fi

export CARGO_TARGET_DIR=$BUILD/target
export RUSTFLAGS="--remap-path-prefix=$W=/tokenizers --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
if [ -n "$TARGET" ]; then
  # Cargo's build of C code names Rust's target, which Zig does not know.
  cat >"$BUILD/cc" <<T
#!/bin/sh
for argument; do shift; case \$argument in --target=*) ;; *) set -- "\$@" "\$argument" ;; esac; done
exec "$ZIG" cc -target $ZIGTARGET -ffile-prefix-map=$BUILD=/build "\$@"
T
  printf '#!/bin/sh\nexec "%s" ar "$@"\n' "$ZIG" >"$BUILD/ar"
  chmod +x "$BUILD/cc" "$BUILD/ar"
  export "CC_${TARGET//-/_}=$BUILD/cc" "AR_${TARGET//-/_}=$BUILD/ar"
fi
cargo build --quiet --release ${TARGET:+--target "$TARGET"} --manifest-path "$W/Cargo.toml"
# Every package left in the lock has upstream's version.
diff <(awk '/^name/{n=$3}/^version/{print n,$3}' "$W/Cargo.lock" | sort) \
     <(awk '/^name/{n=$3}/^version/{print n,$3}' "$SRC/Cargo.lock" | sort) | grep '^<' && {
  echo "the lock drifted from upstream's" >&2; exit 1; }
built=$BUILD/target/${TARGET:+$TARGET/}release/libtokenizers.a
[ -n "$TARGET" ] || strip --strip-debug "$built" # of another target it cannot
mv "$built" "$LIB"
printf '%s' "$WANT" >"$STAMP"
echo "$LIB"
