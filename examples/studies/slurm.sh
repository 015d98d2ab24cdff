#!/bin/bash
# A study on a Slurm cluster whose nodes share the folder: one task for each evaluation, which
# first trains what it needs, and then a report of what is done. On the login node:
#   export STUDY=examples/studies/parallel.yaml OUT=runs/parallel
#   tasks=$(stele study "$STUDY" --out "$OUT" --jobs | awk '$2 ~ "^eval/" {print $1}' | paste -sd,)
#   array=$(sbatch --parsable --array="$tasks" examples/studies/slurm.sh)
#   sbatch --dependency="afterany:$array" --export=ALL,JOB=report --gres=none examples/studies/slurm.sh
# A task that was killed, or ran into its time limit, continues when it is submitted again.
#SBATCH --job-name=stele-study
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=8
#SBATCH --mem=96G
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --signal=TERM@120
#SBATCH --output=%x-%A-%a.log
set -euo pipefail
srun stele study "$STUDY" --out "$OUT" --dtype bfloat16 --job "${JOB:-$SLURM_ARRAY_TASK_ID}"
