"""What a row of the table of wrong calls is, and how rows are made."""

import dataclasses
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any
from typing import NamedTuple


class Case(NamedTuple):
    """A wrong value.

    Attributes:
        what: String, what it is.
        value: The value, or a `Made`.
        error: The class of the error that it has to get.
    """

    what: str
    value: Any
    error: type[Exception]


class Made(NamedTuple):
    """A value that is made when its row runs, not when rows are collected."""

    make: Callable[[], Any]


class Row(NamedTuple):
    """A wrong call.

    Attributes:
        callee: String, what is called.
        parameter: String, the parameter that is wrong; the message names it.
        what: String, what is wrong with it.
        error: The class of the error that it has to get.
        call: Makes the call. Takes the model that all rows share.
        says: String, what the message names instead, where the argument has
            parts with names of their own.
    """

    callee: str
    parameter: str
    what: str
    error: type[Exception]
    call: Callable[[Any], Any]
    says: str = ""

    def __str__(self) -> str:
        return f"{self.callee}({self.parameter}) {self.what}"


@dataclasses.dataclass(frozen=True)
class Callee:
    """Something public that can be called.

    Attributes:
        name: String, such as `"AMTOModel.fit"`.
        call: Takes the model that all rows share, and keyword arguments in the
            place of valid ones. Without any, the call is valid.
        lacks: String, what a machine may lack for the valid call.
    """

    name: str
    call: Callable[..., Any]
    lacks: str = ""

    def rows(self, **cases: Iterable[Case]) -> list[Row]:
        """Returns a row for every wrong value of every parameter."""
        return [
            self.row(parameter, case.what, case.error, {parameter: case.value})
            for parameter, of_parameter in cases.items()
            for case in of_parameter
        ]

    def row(
        self,
        parameter: str,
        what: str,
        error: type[Exception],
        arguments: dict[str, Any],
        says: str = "",
    ) -> Row:
        """Returns one row, of arguments that are wrong together."""

        def call(model: Any) -> Any:
            made = {
                name: value.make() if isinstance(value, Made) else value
                for name, value in arguments.items()
            }
            return self.call(model, **made)

        return Row(self.name, parameter, what, error, call, says)
