"""Wrong calls of what connects machines."""

import keras_amto
from tests.wrong_calls.kinds import NAN
from tests.wrong_calls.kinds import boolean
from tests.wrong_calls.kinds import text
from tests.wrong_calls.kinds import types
from tests.wrong_calls.kinds import values
from tests.wrong_calls.table import Callee

CONNECT = Callee(
    "distribution.connect",
    lambda _, **given: keras_amto.distribution.connect(
        **({"workers": ["localhost:1"]} | given)
    ),
    lacks="servers on other machines",
)
SERVE = Callee(
    "distribution.serve",
    lambda _, **given: keras_amto.distribution.serve(**given),
    lacks="a process of its own, in which it stays",
)

CALLEES = [CONNECT, SERVE]
_ADDRESSES = {
    "no_port": "machine",
    "no_host": ":2222",
    "a_port_in_words": "machine:http",
    "port_0": "machine:0",
    "a_port_too_large": "machine:65536",
}
ROWS = [
    *CONNECT.rows(
        workers=(
            *types(
                text="machine-2:2222",
                a_number=5,
                NaN=NAN,
                a_list_of_numbers=[3],
            ),
            *values(empty=[], one_twice=["m:1", "m:1"]),
            *values(**{name: [each] for name, each in _ADDRESSES.items()}),
        ),
        use_controller=boolean(),
        keep_copies=boolean(),
    ),
    *SERVE.rows(address=(*text(), *values(**_ADDRESSES))),
]
