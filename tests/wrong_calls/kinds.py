"""Kinds of parameters, and the wrong values that follow from each."""

import numpy as np

from tests.wrong_calls.table import Case

NAN, INFINITY = float("nan"), float("inf")
_NOTHING = Case("None", None, TypeError)


def _unless(optional, *cases):
    return cases if optional else (*cases, _NOTHING)


def types(**values):
    """Values of the wrong type."""
    return tuple(
        Case(name.replace("_", " ").strip(), value, TypeError)
        for name, value in values.items()
    )


def values(**values):
    """Values of the right type."""
    return tuple(
        Case(name.replace("_", " ").strip(), value, ValueError)
        for name, value in values.items()
    )


def integer(minimum, optional=False):
    """An integer of at least `minimum`."""
    return _unless(
        optional,
        *types(
            text="3",
            a_fraction=2.5,
            a_float=3.0,
            NaN=NAN,
            infinity=INFINITY,
            a_list=[3],
            an_array=np.array([3, 3]),
            a_boolean=True,
        ),
        *values(too_small=minimum - 1, far_too_small=-(10**9)),
    )


def _numbers(optional):
    return _unless(
        optional,
        *types(
            text="0.1",
            a_list=[0.1],
            an_array=np.array([0.1, 0.1]),
            a_boolean=True,
            a_complex_number=0.1j,
        ),
        *values(
            NaN=NAN, infinity=INFINITY, minus_infinity=-INFINITY, negative=-0.1
        ),
    )


def share(zero, one=False, optional=False):
    """A float from 0 to 1, with these ends or without."""
    ends = {"zero": 0.0} if not zero else {}
    if not one:
        ends["one"] = 1
    return _numbers(optional) + values(above_one=1.5, **ends)


def at_least_zero():
    """A finite float of at least 0."""
    return _numbers(optional=False)


def above_zero(optional=False):
    """A finite number above 0."""
    return _numbers(optional) + values(zero=0.0)


def boolean():
    """True or False, and nothing else."""
    return _unless(
        False,
        *types(text="yes", one=1, NaN=NAN, a_list=[], an_array=np.ones(2)),
    )


def truth():
    """Whatever is true or false, as Keras takes it."""
    return types(an_array_that_is_neither=np.array([1, 0]))


def choice(optional=False):
    """One of some strings."""
    wrong = values(
        unknown="nonsense",
        empty="",
        a_number=3,
        NaN=NAN,
        a_list=[],
        an_array=np.ones(2),
    )
    return wrong if optional else (*wrong, Case("None", None, ValueError))


def path(optional=False):
    """The path of a file or a folder."""
    return _unless(
        optional,
        *types(a_number=3, NaN=NAN, a_list=[], bytes=b"x", an_array=np.ones(2)),
        *values(empty=""),
    )


def instance(optional=False):
    """An object of some class."""
    return _unless(
        optional,
        *types(
            a_number=3,
            text="text",
            NaN=NAN,
            a_list=[3],
            a_class=dict,
            an_array=np.ones(2),
        ),
    )


def text(optional=False):
    """A string that is not empty."""
    return _unless(
        optional,
        *types(a_number=3, NaN=NAN, a_list=["a"], bytes=b"a"),
        *values(empty=""),
    )


def name():
    """The name of a Keras object, or None."""
    return (
        *types(a_number=3, NaN=NAN, a_list=["a"]),
        *values(with_a_slash="a/b"),
    )


def image_shape(minimum):
    """Height, width and 3 channels."""
    return (
        *types(
            a_number=64,
            text="64",
            NaN=NAN,
            of_text=("64", "64", 3),
            of_fractions=(64.5, 64.5, 3),
            of_NaN=(NAN, 64, 3),
            of_booleans=(True, 64, 3),
        ),
        *values(
            empty=(),
            without_channels=(64, 64),
            of_one_channel=(64, 64, 1),
            with_samples=(8, 64, 64, 3),
            negative=(-64, 64, 3),
            too_small=(minimum - 1, 64, 3),
        ),
    )
