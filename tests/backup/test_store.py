"""A backup is whole or absent."""

import errno
import os
import random
import subprocess
import sys
import warnings

import hypothesis
import ml_dtypes
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from keras_amto.backup import BackupError
from keras_amto.backup import BackupStore
from keras_amto.backup import decode
from keras_amto.backup import encode

dtypes = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(endianness="?"),
    npst.unsigned_integer_dtypes(endianness="?"),
    npst.floating_dtypes(endianness="?"),
    npst.complex_number_dtypes(endianness="?"),
    npst.datetime64_dtypes(endianness="?"),
    npst.timedelta64_dtypes(endianness="?"),
    npst.byte_string_dtypes(),
    npst.unicode_string_dtypes(endianness="?"),
    npst.array_dtypes(max_size=3),
)
arrays = npst.arrays(
    dtypes,
    npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
scalars = dtypes.flatmap(
    lambda dtype: npst.arrays(dtype, ()).map(lambda array: array[()])
)
text = st.text(st.characters(exclude_categories=()))  # lone surrogates too
values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), text, arrays
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(text, inner, max_size=4),
    ),
    max_leaves=12,
)


def there_and_back(value):
    return decode(b"".join(encode(value)))


def same(one, other):
    """Whether two values are equal in type, order of memory and bits."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(
            same(one[key], other[key]) for key in one
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray | np.generic):
        kind = [(a.dtype, a.dtype.str, a.shape) for a in (one, other)]
        order = [
            (a.flags.c_contiguous, a.flags.f_contiguous) for a in (one, other)
        ]
        return (
            kind[0] == kind[1]
            and order[0] == order[1]
            and one.tobytes() == other.tobytes()
        )
    return repr(one) == repr(other)  # which tells zeros and NaN


@hypothesis.given(values)
def test_what_was_encoded_is_decoded_bit_for_bit(value):
    assert same(there_and_back(value), value)


@hypothesis.given(scalars)
def test_scalars_of_numpy_stay_scalars_of_their_type(value):
    hypothesis.assume(isinstance(value, np.generic))  # a field may be an array
    again = there_and_back({"it": value})["it"]
    assert type(again) is type(value)
    assert again.dtype == value.dtype
    assert again.tobytes() == value.tobytes()


@hypothesis.given(arrays)
def test_fortran_order_and_views_are_kept(array):
    turned = np.asfortranarray(array)
    assert same(there_and_back(turned), turned)
    view = array[..., ::-1] if array.ndim else array
    assert same(there_and_back(view), view.copy())


@pytest.mark.parametrize(
    "name", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "int4"]
)
def test_types_that_numpy_does_not_know_are_kept(name):
    array = np.arange(4).astype(getattr(ml_dtypes, name)).reshape(2, 2)
    assert same(there_and_back(array), array)
    assert same(there_and_back(array[0, 1]), array[0, 1])
    assert same(there_and_back(array.T), array.T)


def test_integers_of_any_size_are_kept():
    assert there_and_back([2**200, -(2**64)]) == [2**200, -(2**64)]


def test_an_array_that_is_one_object_is_written_once():
    array = np.zeros(10_000)
    once = len(b"".join(encode([array])))
    assert len(b"".join(encode([array] * 5))) < once + 200


class Number(int):
    """An integer with something of its own."""


REFUSED = {
    "an object": object(),
    "a key that is a number": {1: 2},
    "a key of NumPy": {np.str_("a"): 2},
    "a set": {"a": {3, 4}},
    "bytes": b"bytes",
    "a complex number": 1j,
    "a subclass": Number(3),
    "objects": np.array([object()]),
    "texts as objects": np.array([None, "text"]),
    "objects in a field": np.zeros(2, [("a", "i4"), ("b", object)]),
    "bfloat16 in a field": np.zeros(2, [("a", ml_dtypes.bfloat16)]),
    "texts of any length": np.array(["text"], np.dtypes.StringDType()),
    "bfloat16 from the big end": np.zeros(
        2, np.dtype(ml_dtypes.bfloat16).newbyteorder(">")
    ),
    "a mask": np.ma.masked_array([1, 2], [True, False]),
    "a zero that NumPy drops": np.str_("text\0"),
}


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_back_exactly_is_refused(value):
    with pytest.raises(TypeError, match=r"Received[\s\S]*Expected"):
        encode(value)


VALUE = {"weights": [np.arange(50.0), np.ones((3, 4))], "step": 7}


def store(directory, **options):
    directory.mkdir(exist_ok=True)
    return BackupStore(directory, **options)


def test_the_newest_is_read_and_only_some_are_kept(tmp_path):
    backups = store(tmp_path, keep=2)
    assert backups.read_newest() is None
    for step in (5, 10, 100):
        backups.write(step, {"step": step})
    assert [path.name for path in backups.paths()] == [
        "000000000010.backup",
        "000000000100.backup",
    ]
    assert backups.read_newest() == {"step": 100}
    backups.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_never_read_as_another_value(tmp_path):
    """Truncated or with a byte flipped at 200 random places."""
    backups = store(tmp_path)
    backups.write(1, {"older": True})
    backups.write(2, VALUE)
    newest = backups.paths()[-1]
    content = newest.read_bytes()
    generator = random.Random(0)
    for number in range(200):
        place = generator.randrange(len(content))
        damaged = bytearray(content)
        if number % 2:
            damaged[place] ^= 1 << generator.randrange(8)
        else:
            del damaged[place:]
        newest.write_bytes(damaged)
        with pytest.warns(UserWarning, match="is passed over"):
            assert backups.read_newest() == {"older": True}
    newest.write_bytes(content)
    assert same(backups.read_newest(), VALUE)


def test_where_no_backup_is_whole_an_error_says_so(tmp_path):
    backups = store(tmp_path)
    backups.write(1, VALUE)
    backups.paths()[0].write_bytes(b"torn")
    with (
        pytest.warns(UserWarning),
        pytest.raises(BackupError, match="No backup is whole"),
    ):
        backups.read_newest()


class Crash(BaseException):
    """The machine stops here."""


class Files:
    """The functions of `os`, of which the n-th call is the last.

    What was written but not synced is lost half of the way, as a power cut may
    leave it.
    """

    def __init__(self, last):
        self.left = last

    def __getattr__(self, name):
        function = getattr(os, name)

        def call(*args):
            self.left -= 1
            if self.left < 0:
                raise Crash
            if self.left == 0 and name == "write":
                descriptor, content = args
                return os.write(descriptor, content[: len(content) // 2])
            return function(*args)

        return call


def test_after_a_crash_at_any_call_a_whole_backup_is_found(tmp_path):
    crashes = 0
    for last in range(1000):
        directory = tmp_path / str(last)
        backups = store(directory, keep=2)
        for step in (1, 2):
            backups.write(step, {"step": step})
        try:
            store(directory, keep=2, files=Files(last)).write(3, VALUE)
        except Crash:
            crashes += 1
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # nothing torn has a final name
            found = store(directory).read_newest()
        assert same(found, VALUE) or same(found, {"step": 2})
        # And the next backup is written as if nothing had been.
        backups.write(4, {"step": 4})
        assert backups.read_newest() == {"step": 4}
        assert len(backups.paths()) == 2
        if crashes == last:
            break
    assert crashes > 8
    assert same(found, VALUE)


class Full:
    """A disk without room."""

    def __getattr__(self, name):
        return getattr(os, name)

    def write(self, descriptor, content):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_a_clear_error_and_older_backups_stay(tmp_path):
    store(tmp_path).write(1, VALUE)
    with pytest.raises(OSError, match="Cannot write a backup: No space left"):
        store(tmp_path, files=Full()).write(2, VALUE)
    assert same(store(tmp_path).read_newest(), VALUE)


def test_a_directory_that_is_gone_or_is_a_file_is_a_clear_error(tmp_path):
    backups = BackupStore(tmp_path / "gone")
    with pytest.raises(OSError, match="Cannot write a backup"):
        backups.write(1, VALUE)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Cannot use the directory"):
        BackupStore(tmp_path / "file").acquire()


def test_a_directory_serves_one_living_run(tmp_path):
    code = (
        "import sys; from keras_amto.backup import BackupStore; "
        f"s = BackupStore({str(tmp_path)!r}); s.acquire(); "
        "print('ready', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert other.stdout.readline() == b"ready\n"
    with pytest.raises(ValueError, match="Another run that is alive"):
        BackupStore(tmp_path).acquire()
    other.kill()
    other.communicate()
    mine = BackupStore(tmp_path)
    mine.acquire()  # the dead hold nothing
    mine.release()
    mine.acquire()
    mine.release()
