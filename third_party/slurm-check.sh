#!/usr/bin/env bash
# Runs stele under Slurm's srun, on this machine alone: Slurm's daemons out of Debian's packages (4 MB, fetched by
# apt-get, installed nowhere), and with them evaluations, trainings and studies in several processes by srun --mpi=pmi2
# with MPICH and by srun --mpi=pmix with Open MPI, ROUNDS of which are disturbed (see TestRounds).
#   usage: slurm-check.sh [ROUNDS]
# Needs Debian or Ubuntu, and root: the daemons run in namespaces of their own, in which the packages lie over /usr.
set -euo pipefail
cd "$(dirname "$0")/.."
ROUNDS=${1:-8}
if [[ -z "${SLURM_CHECK:-}" ]]; then
  [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || { echo "slurm-check: needs root and apt-get" >&2; exit 1; }
  SLURM_CHECK=$(mktemp -d)
  trap 'rm -rf "$SLURM_CHECK"' EXIT
  (cd "$SLURM_CHECK" && apt-get -o APT::Sandbox::User=root download slurmd slurmctld slurm-client \
    slurm-wlm-basic-plugins munge libmunge2 libhwloc15 liblua5.1-0 libpmix2 libevent-core-2.1-7 \
    libevent-pthreads-2.1-7 >/dev/null && for package in *.deb; do dpkg -x "$package" packages; done)
  for name in slurmd slurmctld slurmstepd; do ln -sf $name-wlm "$SLURM_CHECK/packages/usr/sbin/$name"; done
  for folder in "$SLURM_CHECK"/packages/usr/lib/*/pmix2/lib; do ln -sf libpmix.so.2 "$folder/libpmix.so"; done
  . third_party/env.sh
  go test -c -ldflags "$STELE_LDFLAGS" -o "$SLURM_CHECK/stele.test" ./cmd/stele
  export SLURM_CHECK
  unshare --mount --pid --fork --mount-proc "$0" "$ROUNDS"
  exit
fi

mount -t overlay overlay -o "lowerdir=$SLURM_CHECK/packages/usr:/usr" /usr
HOST=$(hostname)
RUN=$SLURM_CHECK/run
mkdir -m 755 "$RUN" "$RUN/state" "$RUN/spool"
head -c 1024 /dev/urandom >"$RUN/key"
chmod 400 "$RUN/key"
chmod 755 "$SLURM_CHECK"
munged --force --socket="$RUN/munge" --key-file="$RUN/key" --pid-file="$RUN/munged.pid" --log-file="$RUN/munged.log" \
  --seed-file="$RUN/seed"
export SLURM_CONF=$RUN/slurm.conf
cat >"$SLURM_CONF" <<C
ClusterName=check
SlurmctldHost=$HOST(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$RUN/munge
StateSaveLocation=$RUN/state
SlurmdSpoolDir=$RUN/spool
SlurmctldPidFile=$RUN/slurmctld.pid
SlurmdPidFile=$RUN/slurmd.pid
SlurmctldLogFile=$RUN/slurmctld.log
SlurmdLogFile=$RUN/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
NodeName=$HOST NodeAddr=127.0.0.1 CPUs=$(nproc)
PartitionName=all Nodes=$HOST OverSubscribe=FORCE:8 Default=YES
C
slurmctld
slurmd
for _ in $(seq 100); do
  sinfo --noheader --format %T 2>/dev/null | grep -q idle && break
  sleep 0.2
done
srun --version
. third_party/env.sh
export STELE_TEST_SLURM=1
cd cmd/stele
"$SLURM_CHECK/stele.test" -test.v -test.timeout 0 -rounds "$ROUNDS" \
  -test.run 'TestProcesses$|TestProcessesStop|TestStudyTogether|TestTrainTogether$|TestTrainTogetherKilled|TestRounds' ||
  { tail -n 20 "$RUN"/*.log >&2; exit 1; }
