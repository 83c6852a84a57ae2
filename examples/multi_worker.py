"""
Title: Training on several machines with AMTO
Author: The keras_amto developers
Date created: 2026/11/21
Last modified: 2026/11/21
Description: One script on every machine, each training its share of the tasks.
"""

r"""
## Introduction

`tf.distribute.MultiWorkerMirroredStrategy` finds the other machines by the
variable `TF_CONFIG`. Give it to `AMTOModel`, and start this same script on
every machine: each trains some of the tasks, a chosen donor's state goes to the
machine that wants it, and all end with the same winner. The first one, the
chief, writes files.

### Two processes on this machine

```
for i in 0 1; do
    export TF_CONFIG='{
        "cluster": {"worker": ["localhost:12345", "localhost:23456"]},
        "task": {"type": "worker", "index": '$i'}}'
    python examples/multi_worker.py &
done
wait
```

### SLURM

One process a node; each adds its own number to what all have in common.

```
#!/bin/bash
#SBATCH --nodes=2 --ntasks-per-node=1 --gpus-per-node=2 --requeue
hosts=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
export WORKERS=$(sed 's/.*/"&:12345"/' <<< "$hosts" | paste -sd,)
srun bash -c 'export TF_CONFIG="{
    \"cluster\": {\"worker\": [$WORKERS]},
    \"task\": {\"type\": \"worker\", \"index\": $SLURM_PROCID}}"
    exec python examples/multi_worker.py --backup /shared/backups/run_1'
```

### Kubernetes

A `StatefulSet` gives pods names with numbers, and its headless service gives
them addresses. Pods have to reach each other at any port.

```
apiVersion: v1
kind: Service
metadata: {name: amto}
spec: {clusterIP: None, selector: {app: amto}, publishNotReadyAddresses: true}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: amto}
spec:
  serviceName: amto
  replicas: 2
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: amto}}
  template:
    metadata: {labels: {app: amto}}
    spec:
      containers:
      - name: train
        image: registry.example.org/amto
        command: [bash, -c]
        args:
        - >-
          export TF_CONFIG='{
          "cluster": {"worker": ["amto-0.amto:12345", "amto-1.amto:12345"]},
          "task": {"type": "worker", "index": '${HOSTNAME##*-}'}}';
          exec python examples/multi_worker.py --backup /backups/run_1
        resources: {limits: {nvidia.com/gpu: 2}}
        volumeMounts: [{name: backups, mountPath: /backups}]
      volumes:
      - name: backups
        persistentVolumeClaim: {claimName: amto-backups}
```

If a machine is lost, all others stop with an error that names it. Start all of
them again: with a `PopulationBackup` they continue where they were, and end
with the result that they would have had.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from sklearn.datasets import load_digits

import keras_amto

"""
## A network and its data

The same on every machine: the samples are split at random, but from one seed.
"""


def load_data():
    """Returns digits to train on, and others to test with."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    return (x[:1000], y[:1000]), (x[1000:], y[1000:])


def make_network():
    """A small classifier."""
    return keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


"""
## The same script everywhere

The strategy has to be made first of all. Without `TF_CONFIG` it is that of one
machine, so that the script runs alone as well.
"""


def main(arguments=None):
    """Trains, and lets the chief write the winner."""
    parser = argparse.ArgumentParser(description="AMTO on several machines.")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--num-tasks", type=int, default=4)
    parser.add_argument("--backup", help="a directory that survives")
    parser.add_argument("--export", help="where the chief writes the winner")
    options = parser.parse_args(arguments)

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    model = keras_amto.AMTOModel(
        make_network(),
        num_tasks=options.num_tasks,
        transfer_interval=20,
        seed=0,
        strategy=strategy,
    )
    model.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    print(model.placement)

    callbacks = [keras_amto.AMTOCallback(patience=10)]
    if options.backup:
        callbacks.append(keras_amto.PopulationBackup(options.backup))
    train, test = load_data()
    model.fit(*train, epochs=options.epochs, verbose=2, callbacks=callbacks)

    # Every process has the winner. One of them reports and writes.
    if model.placement.is_chief:
        loss, accuracy = model.evaluate(*test, verbose=0)
        print(f"winner: task {model.best_task}, test accuracy {accuracy:.4f}")
        if options.export:
            model.export(options.export)
    return model


if __name__ == "__main__":
    main()
