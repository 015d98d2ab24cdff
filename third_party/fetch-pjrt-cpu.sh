#!/usr/bin/env bash
# Fetch XLA's PJRT plugin for CPUs out of a Python wheel, once, into DIR:
#   usage: fetch-pjrt-cpu.sh DIR        gives DIR/pjrt_c_api_cpu_plugin.so and DIR/licenses
# The wheel's sha256 is checked; a second wheel of another publisher is the
# fallback, unless PJRT_CPU_ONLY is set. Needs python3 with pip, for the download only.
set -euo pipefail
DIR=$(realpath -m "$1")
PLUGIN=$DIR/pjrt_c_api_cpu_plugin.so
WHEEL=${PJRT_CPU_WHEEL:-lammps-jax-pjrt-cpu==0.11.2}
STAMP=$DIR/stamp # the wheel asked for: another version is fetched anew
[[ -s $PLUGIN && -f $STAMP && $(<"$STAMP") == "$WHEEL" ]] && { echo "$PLUGIN"; exit 0; }
mkdir -p "$DIR"
WORK=$(mktemp -d "$DIR/fetch.XXXXXX")
trap 'rm -rf "$WORK"' EXIT

take() { # wheel requirement, sha256
  python3 -m pip download --quiet --no-deps --dest "$WORK" "$1" >&2 || return 1
  local wheel
  wheel=$(ls "$WORK"/*.whl)
  echo "$2  $wheel" | sha256sum --check --quiet - >&2 || { rm -f "$wheel"; return 1; }
  rm -rf "$WORK/licenses"
  mkdir "$WORK/licenses"
  python3 - "$wheel" "$WORK/plugin.so" "$WORK/licenses" <<'P'
import os, shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    name = next(n for n in wheel.namelist() if n.endswith("pjrt_c_api_cpu_plugin.so"))
    with wheel.open(name) as source, open(sys.argv[2], "wb") as target:
        shutil.copyfileobj(source, target)
    for name in wheel.namelist():
        if ".dist-info/licenses/" in name:
            with wheel.open(name) as source, open(os.path.join(sys.argv[3], os.path.basename(name)), "wb") as target:
                shutil.copyfileobj(source, target)
P
  chmod 755 "$WORK/plugin.so"
  mv "$WORK/plugin.so" "$PLUGIN"
  rm -rf "$DIR/licenses"
  mv "$WORK/licenses" "$DIR/licenses"
}

take "$WHEEL" 1319390d948b39f69f7dade496b7c385149d9ca6097a6b62114da113216d9ad1 ||
  { [ -z "${PJRT_CPU_ONLY:-}" ] && take fastatomstruct-xla-cpu 88b1c430b341b4bea40a37420311c9c75db6e22b46d2ff95b6986577bee6afe9; }
printf '%s' "$WHEEL" >"$WORK/stamp"
mv "$WORK/stamp" "$STAMP"
echo "$PLUGIN"
