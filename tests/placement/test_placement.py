"""Units over devices: arithmetic, on any backend."""

import itertools

import pytest

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
    placement = place(num_tasks, [names(devices)])
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
    placement = place(num_tasks, [names(devices)])
    for turn in range(placement.turns):
        used = [
            device
            for row in placement.tasks
            if row.turn == turn
            for device in {row.master, row.shadow}
        ]
        assert len(used) == len(set(used))


def test_with_two_devices_a_task_all_train_at_once_and_apart():
    placement = place(4, [names(9)])
    assert placement.turns == 1
    devices = [d for row in placement.tasks for d in (row.master, row.shadow)]
    assert devices == names(8)


def test_one_device_takes_all_tasks_in_turn():
    placement = place(4, [names(1)])
    assert placement.turns == 4
    assert {(row.master, row.shadow) for row in placement.tasks} == {
        ("GPU:0", "GPU:0")
    }


def test_one_task_has_no_shadow_and_one_device():
    (row,) = place(1, [names(3)]).tasks
    assert (row.master, row.shadow) == ("GPU:0", None)


@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.parametrize("devices", [1, 2, 4])
def test_worker_processes_share_the_tasks_evenly(workers, devices):
    placement = place(6, [names(devices)] * workers, worker=1)
    shares = [placement.tasks_of(w) for w in range(workers)]
    assert sorted(itertools.chain(*shares)) == list(range(6))
    assert {len(share) for share in shares} == {6 // workers}
    assert not placement.is_chief
    assert place(6, [names(devices)] * workers).is_chief


def test_a_process_without_tasks_has_a_device_all_the_same():
    placement = place(1, [["A", "B"], ["C", "D"]], worker=1)
    assert placement.tasks_of(1) == ()
    assert placement.devices == ("C",)


def test_a_placement_prints_its_rows():
    text = str(place(3, [["A"], ["B", "C"]], worker=1))
    assert text.splitlines() == [
        "3 tasks, 2 turns, worker 1 of 2",
        "worker  task  turn  master  shadow",
        "1       0     0     B       C",
        "0       1     0     A       A",
        "1       2     1     B       C",
    ]
