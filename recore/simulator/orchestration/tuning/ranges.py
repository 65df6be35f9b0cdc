"""The ranges of hyperparameters: read from a request, checked, and with values as SageMaker writes them, as text."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_DIGITS = 15  # limit for integers: a float represents all integers of up to this many digits
LOGARITHMIC_FROM = 100  # with Auto scaling, a range is logarithmic if its ends differ by this factor or more
INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class NumberRange:
    """An integer or a continuous range. scaling: Linear, Logarithmic or ReverseLogarithmic."""

    name: str
    low: float
    high: float
    scaling: str
    is_integer: bool

    def text(self, value: float) -> str:
        """Format a value as a hyperparameter. If rounding moves it out of the range, the nearest end is used."""
        inside = min(max(value, self.low), self.high)
        return str(round(inside)) if self.is_integer else repr(float(inside))

    def value(self, text: str) -> float | None:
        """Parse the text of a hyperparameter. Returns None if it is not a number in this range."""
        bare = text.strip().strip('"')
        if not (INTEGER if self.is_integer else DECIMAL).fullmatch(bare) or len(bare) > 300:
            return None
        number = float(bare)
        return number if self.low <= number <= self.high else None


@dataclass(frozen=True)
class CategoricalRange:
    """A list of values, which are passed on as they are written in the request."""

    name: str
    values: tuple[str, ...]

    def text(self, value: str) -> str:
        """Return the value unchanged: it is already text."""
        return value

    def value(self, text: str) -> str | None:
        """Parse the text of a hyperparameter. Returns None if it is not a value of this range."""
        return text if text in self.values else None


Range = NumberRange | CategoricalRange


def read_ranges(ranges: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Range]:
    """Read the ranges of a request's ParameterRanges.

    Raises ValueError, with a message that names the range and the fix, if one of them is invalid.
    """
    found: list[Range] = []
    for is_integer, member in ((True, "IntegerParameterRanges"), (False, "ContinuousParameterRanges")):
        found += [_number_range(member, item, is_integer) for item in ranges.get(member, [])]
    found += [_categorical_range(item) for item in ranges.get("CategoricalParameterRanges", [])]
    names = [item.name for item in found]
    if "" in names:
        raise ValueError("ParameterRanges: a range has an empty Name; give it the hyperparameter's name")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"ParameterRanges: there are two ranges named '{name}'; delete one of them")
    return found


def _categorical_range(item: Mapping[str, Any]) -> CategoricalRange:
    values = tuple(item["Values"])
    place = f"CategoricalParameterRanges: '{item['Name']}'"
    if len(set(values)) < len(values):
        raise ValueError(f"{place} has a value twice; list each of its Values once")
    return CategoricalRange(item["Name"], values)


def _number_range(member: str, item: Mapping[str, Any], is_integer: bool) -> NumberRange:
    place = f"{member}: '{item['Name']}'"
    low, high = (_number(f"{place}: {end}", item[end], is_integer) for end in ("MinValue", "MaxValue"))
    if low > high:
        raise ValueError(f"{place}: MinValue {item['MinValue']} is greater than MaxValue {item['MaxValue']}; swap them")
    if not math.isfinite(high - low):
        raise ValueError(f"{place}: MinValue and MaxValue are too far apart; bring them closer together")
    scaling = item.get("ScalingType", "Auto")
    if scaling == "Auto":
        scaling = "Logarithmic" if low > 0 and high / low >= LOGARITHMIC_FROM else "Linear"
    if scaling == "Logarithmic" and low <= 0:
        raise ValueError(f"{place}: Logarithmic scaling needs a MinValue above 0, not {item['MinValue']}")
    if scaling == "ReverseLogarithmic":
        if is_integer:
            raise ValueError(f"{place}: ReverseLogarithmic scaling is for continuous ranges; choose another one")
        if low < 0 or high >= 1:
            raise ValueError(f"{place}: ReverseLogarithmic scaling needs a range from at least 0 to less than 1")
    return NumberRange(item["Name"], low, high, scaling, is_integer)


def _number(place: str, text: str, is_integer: bool) -> float:
    """Parse a number. Raises ValueError."""
    if not (INTEGER if is_integer else DECIMAL).fullmatch(text):
        raise ValueError(f"{place} '{text[:40]}' is not {'an integer' if is_integer else 'a number'}")
    if is_integer and len(text.lstrip("+-").lstrip("0")) > MOST_DIGITS:
        raise ValueError(f"{place} '{text[:40]}' has more than {MOST_DIGITS} digits; use a smaller number")
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{place} '{text[:40]}' is too large; use a smaller number")
    return number
