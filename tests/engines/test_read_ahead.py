"""Items are made one ahead, in their order."""

import threading

import pytest

from keras_amto.engines.read_ahead import one_ahead

SECONDS = 10  # at most, until a thread has done what it has to


def test_items_come_in_their_order_and_end():
    assert list(one_ahead(iter(range(5)))) == [0, 1, 2, 3, 4]
    assert list(one_ahead(iter([]))) == []


def test_the_next_item_is_made_while_one_is_used():
    made = threading.Event()

    def items():
        yield "first"
        made.set()
        yield "second"

    ahead = one_ahead(items())
    assert next(ahead) == "first"
    assert made.wait(SECONDS)
    assert list(ahead) == ["second"]


def test_no_more_than_one_is_made_ahead():
    made = []

    def items():
        for number in range(5):
            made.append(number)
            yield number

    ahead = one_ahead(items())
    next(ahead)
    ahead.close()  # waits for what is under way
    assert made == [0, 1]


def test_an_error_is_raised_after_the_items_before_it():
    def items():
        yield "first"
        raise OSError("the disk is gone")

    ahead = one_ahead(items())
    assert next(ahead) == "first"
    with pytest.raises(OSError, match="the disk is gone"):
        next(ahead)
