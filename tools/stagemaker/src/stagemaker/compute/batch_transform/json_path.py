"""The JSONPath expressions that SageMaker documents for a transform job's filters.

After `$`, an expression contains names (`.name`, `['a','b']`), indexes or one slice (`[0]`, `[0,-1]`, `[1:3]`), and the
wildcard `*` for all names or indexes.
"""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

NAME = r"'[^'\\]*'"
# possessive quantifiers: if a long string could match in more than one way, matching would take hours
INDEX = r"-?\d+"
STEP = re.compile(
    r"\.(?P<dotted>[^\s.,:$@?*'\"()\[\]\\]+)"
    r"|\.?\[\s*(?P<names>NAME(?:\s*,\s*NAME)*)\s*\]"
    r"|\[\s*+(?P<indexes>(?:INDEX)?\s*+:\s*+(?:INDEX)?|INDEX(?:\s*+,\s*+INDEX)*)\s*+\]"
    r"|(?P<all>\.\*|\.?\[\s*\*\s*\])".replace("NAME", NAME).replace("INDEX", INDEX)
)
SEVERAL_RANGES = re.compile(r"\[[\s\d:-]*+,[\s\d:,-]*+\]")


class NoSelection(Exception):
    """Raised if a value lacks a part that an expression selects; the message names the part."""


class SelectionTooLarge(Exception):
    """Raised if an expression selects more values than allowed; the message gives the limit."""


@dataclass(frozen=True)
class PathStep:
    """One step of an expression. select: a function that yields the selected parts of a value.

    selects_one: whether it always yields one part. applies_to_rows: whether it works for CSV rows, which have no names.
    """

    select: Callable[[Any], Iterator[Any]]
    selects_one: bool
    applies_to_rows: bool


class JsonPath:
    """A JSONPath expression. steps: the steps after `$`."""

    def __init__(self, expression: str):
        """Parse an expression. Raises ValueError if SageMaker does not support it."""
        self.string, self.steps = expression, tuple(_parse_steps(expression))

    @property
    def is_root(self) -> bool:
        return not self.steps

    @property
    def applies_to_rows(self) -> bool:
        return len(self.steps) <= 1 and all(step.applies_to_rows for step in self.steps)

    @property
    def selects_one(self) -> bool:
        return all(step.selects_one for step in self.steps)

    def select(self, value: Any, limit: int = sys.maxsize) -> Any:
        """Return the selected value, or a list if the expression can select several values. limit: see `values`."""
        values = self.values(value, limit)
        return next(values) if self.selects_one else list(values)

    def values(self, value: Any, limit: int, tick: Callable[[], None] = lambda: None) -> Iterator[Any]:
        """Return an iterator over the selected values. Steps such as `[:,:]` may select a value more than once.

        limit: the maximum number per step. tick: called for each value. Raises NoSelection or SelectionTooLarge.
        """
        values = iter([value])
        for step in self.steps:
            values = _apply_step(step, values, limit, tick)
        return values


def _apply_step(step: PathStep, values: Iterator[Any], limit: int, tick: Callable[[], None]) -> Iterator[Any]:
    for count, child in enumerate(chain.from_iterable(map(step.select, values))):
        if count == limit:
            raise SelectionTooLarge(f"selects more than {limit} values")
        tick()
        yield child


def _parse_steps(expression: str) -> Iterator[PathStep]:
    if not expression.startswith("$"):
        raise ValueError(f"the expression '{expression}' does not begin with $")
    position = 1
    while position < len(expression):
        match = STEP.match(expression, position)
        if match is None:
            remainder = expression[position:]
            if (several := SEVERAL_RANGES.match(remainder)) and ":" in several[0]:  # the message is SageMaker's
                supported = f"only single range filters of format (eg: [1:5]) are supported. Format {several[0]}"
                raise ValueError(f"Invalid JsonPath: {expression}: {supported} is not supported")
            raise ValueError(f"the expression '{expression}' is not supported; the error is at '{remainder}'")
        position = match.end()
        if match["all"]:
            yield PathStep(_select_all, False, True)
        elif match["indexes"]:
            ranges = [_parse_range(part) for part in match["indexes"].split(",")]
            yield PathStep(partial(_select_items, match[0], ranges), match["indexes"].lstrip("-").isdecimal(), True)
        else:
            names = [match["dotted"]] if match["dotted"] else [name[1:-1] for name in re.findall(NAME, match["names"])]
            is_object = len(names) > 1 and position == len(expression)
            yield PathStep(
                partial(_select_object if is_object else _select_children, names), is_object or len(names) == 1, False
            )


def _parse_range(part: str) -> slice:
    start, colon, end = (word.strip() for word in part.partition(":"))
    if not colon:
        return slice(int(start), int(start) + 1 or None)  # [-1:0] would be empty
    return slice(int(start) if start else None, int(end) if end else None)


def _select_all(value: Any) -> Iterator[Any]:
    if not isinstance(value, dict | list):
        raise NoSelection("'*' requires an object or an array")
    yield from value.values() if isinstance(value, dict) else value


def _select_items(step: str, ranges: list[slice], value: Any) -> Iterator[Any]:
    if not isinstance(value, list):
        raise NoSelection(f"{step} requires an array")
    for part in ranges:
        positions = range(len(value))[part]
        if not positions or any(abs(bound or 0) > len(value) for bound in (part.start, part.stop)):
            raise NoSelection(f"{step} selects nothing from an array of length {len(value)}")
        yield from map(value.__getitem__, positions)  # without a copy, because the array may be large


def _select_children(names: list[str], value: Any) -> Iterator[Any]:
    for name in names:
        if not isinstance(value, dict) or name not in value:
            raise NoSelection(f"the key '{name}' does not exist")
        yield value[name]


def _select_object(names: list[str], value: Any) -> Iterator[Any]:
    yield dict(zip(names, _select_children(names, value), strict=True))
