"""Reading a source again: in one pass what several tasks need, in time."""

import concurrent.futures
import threading

import numpy as np
import numpy.typing as npt

from keras_amto.tasks.collection import Collection
from keras_amto.tasks.digests import digests_of
from keras_amto.tasks.layout import Layout
from keras_amto.tasks.layout import flatten
from keras_amto.tasks.source import Source

IntArray = npt.NDArray[np.int64]

# Of the memory limit: what is evaluated on, what is trained on now, what is
# trained on next, and a run of batches from a file.
_KEPT, _CURRENT, _NEXT, _RUN = 0.25, 0.325, 0.325, 0.1


class Reader:
    """Collects samples of a source.

    Which samples a round needs is known before it begins. So one pass over the
    source collects, for all tasks, what they train on until the round ends;
    meanwhile the next round's samples are read in the background. What is
    evaluated on is collected once, in the first of these passes. Every sample
    is compared with the very first pass.

    Args:
        source: Where samples are read.
        layout: What they look like.
        digests: Integer array, the checksum of each.
        memory_limit: Integer, bytes that they may take in memory.
    """

    def __init__(
        self,
        source: Source,
        layout: Layout,
        digests: npt.NDArray[np.uint32],
        memory_limit: int,
    ) -> None:
        self.layout = layout
        self._source = source
        self._digests = digests
        self._limit = memory_limit
        self._kept = self._collection(np.zeros(0, np.int64), _KEPT)
        self._current = self._kept
        self._next: Collection | None = None
        self._executor: concurrent.futures.Executor | None = None
        self._reading: concurrent.futures.Future[None] | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()

    def keep(self, positions: IntArray) -> None:
        """Says that samples are needed again and again."""
        self._kept = self._collection(positions, _KEPT)

    def expect(self, positions: IntArray, then: IntArray | None) -> None:
        """Collects what comes next, and begins to collect what comes then."""
        missing = [] if self._kept.is_complete else [self._kept]
        self._finish_reading()
        # Let go before more is read: both would be in memory.
        self._current = self._kept
        ahead, self._next = self._next, None
        if ahead is not None and ahead.holds(positions):
            self._current = ahead
        else:
            self._current = self._collection(positions, _CURRENT)
            missing.append(self._current)
        self._collect(missing)
        if then is not None:
            self._next = self._collection(then, _NEXT)
            self._begin_reading(self._next)

    def collection_of(self, positions: IntArray) -> Collection:
        """Returns a complete collection that holds some samples."""
        with self._lock:  # units on several devices ask at the same time
            for collection in (self._current, self._kept):
                if collection.holds(positions):
                    if not collection.is_complete:
                        self._collect([collection])
                    return collection
            self._current = self._collection(positions, _CURRENT)
            self._collect([self._current])
            return self._current

    def close(self) -> None:
        """Stops reading in the background."""
        self._stop.set()
        # What it would have raised concerns nobody any more.
        self._reading = self._next = None
        if self._executor is not None:
            self._executor.shutdown()
            self._executor = None
        self._stop.clear()

    def _collection(self, positions: IntArray, share: float) -> Collection:
        return Collection(
            positions,
            self.layout,
            memory=int(self._limit * share),
            part=int(self._limit * _RUN),
        )

    def _begin_reading(self, collection: Collection) -> None:
        if self._executor is None:
            self._executor = concurrent.futures.ThreadPoolExecutor(
                1, thread_name_prefix="keras_amto_reader"
            )
        self._reading = self._executor.submit(self._collect, [collection])

    def _finish_reading(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.result()

    def _collect(self, collections: list[Collection]) -> None:
        """Makes one pass for all of some collections."""
        if not collections:
            return
        wanted = np.unique(np.concatenate([c.positions for c in collections]))
        if not len(wanted):
            return
        for positions, element in self._source.read(wanted):
            if self._stop.is_set():
                return
            leaves, _ = flatten(element)
            self.layout.check(leaves)
            self._verify(positions, digests_of(leaves))
            for collection in collections:
                collection.add(positions, leaves)
        if not all(collection.is_complete for collection in collections):
            raise ValueError(
                f"The {self._source.kind} has become shorter. "
                f"Received: fewer than {len(self._digests)} samples. "
                "Expected: as many as in its first pass."
            )

    def _verify(
        self, positions: IntArray, digests: npt.NDArray[np.uint32]
    ) -> None:
        inside = positions < len(self._digests)
        same = inside.copy()
        same[inside] = self._digests[positions[inside]] == digests[inside]
        if same.all():
            return
        place = int(positions[np.argmin(same)])
        known = np.isin(digests[~same], self._digests).all()
        received = (
            "the samples of the first pass in another order"
            if known
            else "other samples than in the first pass"
        )
        raise ValueError(
            f"The {self._source.kind} is not the same in every pass, so that "
            "validation samples would leak into training. "
            f"Received: {received}, from position {place} on. "
            f"Expected: {self._source.remedy}. A source within memory_limit "
            "is read once, and may do as it likes."
        )
