"""Making the next of some things while one is used."""

import concurrent.futures
from collections.abc import Iterator
from typing import Any
from typing import TypeVar

Item = TypeVar("Item")

_NO_MORE: Any = object()


def one_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yields the items of an iterator, the next of which a thread makes.

    What an item raises is raised where it would be yielded.

    >>> list(one_ahead(iter("abc")))
    ['a', 'b', 'c']
    """
    with concurrent.futures.ThreadPoolExecutor(
        1, thread_name_prefix="keras_amto_read_ahead"
    ) as executor:
        item = executor.submit(next, items, _NO_MORE).result()
        while item is not _NO_MORE:
            following = executor.submit(next, items, _NO_MORE)
            yield item
            item = following.result()
