"""Units over devices: arithmetic, on any backend."""

import itertools

import pytest

from keras_amto.distribution.placement import divide
from keras_amto.distribution.placement import is_accelerator
from keras_amto.distribution.placement import machine
from keras_amto.distribution.placement import place


def names(count):
    return [f"GPU:{i}" for i in range(count)]


def work(placement):
    """How many replicas each device trains in an execution."""
    count = {}
    for row in placement.tasks:
        for device in (row.master, row.shadow):
            if device is not None:
                count[device] = count.get(device, 0) + 1
    return count


@pytest.mark.parametrize(
    ("num_tasks", "devices"),
    [*itertools.product([1, 2, 3, 4, 7], range(1, 17))],
)
def test_every_task_has_its_place_and_no_device_has_much_more(
    num_tasks, devices
):
    placement = place(num_tasks, names(devices))
    assert [row.task for row in placement.tasks] == list(range(num_tasks))
    replicas = num_tasks * (2 if num_tasks > 1 else 1)
    count = work(placement)
    assert sum(count.values()) == replicas
    # No assignment ends earlier, but that a pair is not split.
    least = -(-replicas // devices)
    assert max(count.values()) <= least + devices % 2
    assert set(placement.devices) == set(count)


@pytest.mark.parametrize(
    ("num_tasks", "devices"), [*itertools.product([2, 3, 5], range(1, 12))]
)
def test_tasks_of_one_turn_share_no_device(num_tasks, devices):
    placement = place(num_tasks, names(devices))
    for turn in range(placement.turns):
        used = [
            device
            for row in placement.tasks
            if row.turn == turn
            for device in {row.master, row.shadow}
        ]
        assert len(used) == len(set(used))


def test_with_two_devices_a_task_all_train_at_once_and_apart():
    placement = place(4, names(9))
    assert placement.turns == 1
    devices = [d for row in placement.tasks for d in (row.master, row.shadow)]
    assert devices == names(8)


def test_one_device_takes_all_tasks_in_turn():
    placement = place(4, names(1))
    assert placement.turns == 4
    assert {(row.master, row.shadow) for row in placement.tasks} == {
        ("GPU:0", "GPU:0")
    }


def test_one_task_has_no_shadow_and_one_device():
    (row,) = place(1, names(3)).tasks
    assert (row.master, row.shadow) == ("GPU:0", None)


def on(machine, names):
    return [f"/job:worker/replica:0/task:{machine}/device:{n}" for n in names]


@pytest.mark.parametrize("machines", [2, 3])
@pytest.mark.parametrize("devices", [1, 2, 3, 4])
def test_machines_share_the_tasks_evenly_and_no_unit(machines, devices):
    all_of_them = [on(i, names(devices)) for i in range(machines)]
    placement = place(6, list(itertools.chain(*all_of_them)))
    shares = [0] * machines
    for row in placement.tasks:
        assert machine(row.master) == machine(row.shadow)
        shares[int(machine(row.master)[-1])] += 1
    assert shares == [6 // machines] * machines


def test_a_placement_prints_its_rows():
    assert str(place(3, ["A", *on(1, ["B:0", "C:0"])])).splitlines() == [
        "3 tasks, 2 turns",
        "task  turn  master" + 35 * " " + "shadow",
        "0     0     /job:worker/replica:0/task:1/device:B:0  "
        "/job:worker/replica:0/task:1/device:C:0",
        "1     0     A" + 40 * " " + "A",
        "2     1     /job:worker/replica:0/task:1/device:B:0  "
        "/job:worker/replica:0/task:1/device:C:0",
    ]


@pytest.mark.parametrize(
    ("num_tasks", "devices"),
    [*itertools.product([1, 2, 3, 4, 7], range(1, 17))],
)
def test_devices_that_are_stacked_on_take_as_many_replicas_each(
    num_tasks, devices
):
    placement = divide(num_tasks, names(devices))
    assert [row.task for row in placement.tasks] == list(range(num_tasks))
    replicas = num_tasks * (2 if num_tasks > 1 else 1)
    count = work(placement)
    assert sum(count.values()) == replicas
    assert len(set(count.values())) == 1
    # No larger number of devices would do.
    more = range(len(count) + 1, min(devices, replicas) + 1)
    assert all(replicas % number for number in more)
    # Replicas lie in their order: a master before its shadow.
    pairs = [(row.master, row.shadow) for row in placement.tasks]
    order = [names(16).index(d) for pair in pairs for d in pair if d]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("device", "has_memory"),
    [
        ("CPU:0", False),
        ("/device:CPU:1", False),
        ("/job:worker/replica:0/task:1/device:CPU:0", False),
        ("GPU:0", True),
        ("/device:GPU:1", True),
        ("/job:worker/replica:0/task:1/device:GPU:0", True),
    ],
)
def test_accelerators_have_a_memory_of_their_own(device, has_memory):
    assert is_accelerator(device) == has_memory
