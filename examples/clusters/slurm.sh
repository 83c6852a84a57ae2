#!/bin/bash
#SBATCH --nodes=3 --ntasks-per-node=1 --gpus-per-node=2 --requeue
#
# The script runs on the first node, and a TensorFlow server on every other.
# The job ends with the script. Requeued, it continues from its backup.
set -euo pipefail

port=12345
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
for node in "${nodes[@]:1}"; do
    srun --nodes=1 --ntasks=1 --nodelist="$node" \
        python -m keras_amto serve --address "$node:$port" &
done
workers=("${nodes[@]:1}")
workers=("${workers[@]/%/:$port}")
python examples/multi_worker.py \
    --workers "${workers[@]}" --backup /shared/backups/run_1
