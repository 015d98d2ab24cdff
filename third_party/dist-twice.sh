#!/usr/bin/env bash
# Makes again what dist.sh has made, from a clone elsewhere and with neither Go's nor Stele's caches, and compares:
#   usage: dist-twice.sh FOLDER [amd64] [arm64]
set -euo pipefail
cd "$(dirname "$0")/.."
. third_party/env.sh
out=$(realpath -m "$1"); shift
[ -f "$out/SHA256SUMS" ] || third_party/dist.sh "$out" "$@"
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
git clone --quiet --no-hardlinks . "$work/another/place/clone"
git -C "$work/another/place/clone" checkout --quiet "$(git rev-parse HEAD)"
(
  umask 077
  export GOCACHE=$work/go-cache STELE_DIST_LIBRARIES=$work/libraries TMPDIR=$work/another TZ=Asia/Tokyo LC_ALL=C
  "$work/another/place/clone/third_party/dist.sh" "$work/out" "$@"
)
while read -r _ name; do
  cmp "$out/$name" "$work/out/$name" || { echo "dist-twice: FAILED: $name is another" >&2; exit 1; }
  echo "dist-twice: $name is the same, byte for byte" >&2
done <"$work/out/SHA256SUMS"
