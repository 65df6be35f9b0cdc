"""Hyperparameter ranges, read from a request and validated. In requests, all values are strings."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_DIGITS = 15  # limit for integers: a float can represent every integer with at most this many digits
LOGARITHMIC_RATIO = 100  # with Auto scaling, ranges whose ends differ by at least this factor are logarithmic
INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class NumberRange:
    """An integer or continuous range. scaling: Linear, Logarithmic or ReverseLogarithmic."""

    name: str
    low: float
    high: float
    scaling: str
    is_integer: bool

    def format(self, value: float) -> str:
        """Return a value as a hyperparameter's string, clamped to the range and, for integers, rounded."""
        value = min(max(value, self.low), self.high)
        return str(round(value)) if self.is_integer else repr(float(value))

    def parse(self, value: str) -> float | None:
        unquoted = value.strip().strip('"')
        if not (INTEGER if self.is_integer else DECIMAL).fullmatch(unquoted) or len(unquoted) > 300:
            return None
        number = float(unquoted)
        return number if self.low <= number <= self.high else None


@dataclass(frozen=True)
class CategoricalRange:
    """A list of values, which are passed to jobs unchanged."""

    name: str
    values: tuple[str, ...]

    def format(self, value: str) -> str:
        return value

    def parse(self, value: str) -> str | None:
        return value if value in self.values else None


Range = NumberRange | CategoricalRange


def read_ranges(ranges: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Range]:
    """Read the ranges of a request's ParameterRanges.

    Raises ValueError if a range is invalid. The message names the range and the fix.
    """
    result: list[Range] = []
    for is_integer, member in ((True, "IntegerParameterRanges"), (False, "ContinuousParameterRanges")):
        result += [_number_range(member, item, is_integer) for item in ranges.get(member, [])]
    result += [_categorical_range(item) for item in ranges.get("CategoricalParameterRanges", [])]
    names = [item.name for item in result]
    if "" in names:
        raise ValueError("ParameterRanges: the Name of a range is empty; set it to the hyperparameter's name")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"ParameterRanges: more than one range is named '{name}'; keep only one")
    return result


def _categorical_range(item: Mapping[str, Any]) -> CategoricalRange:
    values = tuple(item["Values"])
    location = f"CategoricalParameterRanges: '{item['Name']}'"
    if len(set(values)) < len(values):
        raise ValueError(f"{location} lists a value twice; list each of its Values only once")
    return CategoricalRange(item["Name"], values)


def _number_range(member: str, item: Mapping[str, Any], is_integer: bool) -> NumberRange:
    location = f"{member}: '{item['Name']}'"
    low, high = (_parse_number(f"{location}: {end}", item[end], is_integer) for end in ("MinValue", "MaxValue"))
    if low > high:
        raise ValueError(f"{location}: MinValue {item['MinValue']} exceeds MaxValue {item['MaxValue']}; swap them")
    if not math.isfinite(high - low):
        raise ValueError(f"{location}: MinValue and MaxValue are too far apart; choose a narrower range")
    scaling = item.get("ScalingType", "Auto")
    if scaling == "Auto":
        scaling = "Logarithmic" if low > 0 and high / low >= LOGARITHMIC_RATIO else "Linear"
    if scaling == "Logarithmic" and low <= 0:
        raise ValueError(f"{location}: Logarithmic scaling requires a MinValue above 0, not {item['MinValue']}")
    if scaling == "ReverseLogarithmic":
        if is_integer:
            raise ValueError(f"{location}: {scaling} scaling is only for continuous ranges; choose another ScalingType")
        if low < 0 or high >= 1:
            raise ValueError(f"{location}: {scaling} scaling requires a MinValue of at least 0 and a MaxValue below 1")
    return NumberRange(item["Name"], low, high, scaling, is_integer)


def _parse_number(location: str, value: str, is_integer: bool) -> float:
    if not (INTEGER if is_integer else DECIMAL).fullmatch(value):
        raise ValueError(f"{location} '{value[:40]}' is not {'an integer' if is_integer else 'a number'}")
    if is_integer and len(value.lstrip("+-").lstrip("0")) > MAX_DIGITS:
        raise ValueError(f"{location} '{value[:40]}' has more than {MAX_DIGITS} digits; use a smaller number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{location} '{value[:40]}' is too large; use a smaller number")
    return number
