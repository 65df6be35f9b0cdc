"""The values on a pickle's stack, as far as they are known without loading the pickle.

Constants and tuples represent themselves; all other values are instances of these classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

MAX_ITEMS = 1000  # maximum size of dictionaries and tuples whose contents are kept
VALUE_BYTES = "bytes of a value"  # size of an opcode's argument, which is read at once
LIMITS = {  # except for the first, limits for all files in a model together
    VALUE_BYTES: 2 << 30,
    "opcodes": 20_000_000,
    "function arguments": 20_000_000,
    "decompressed bytes": 8 << 30,  # each file is decompressed up to twice
    "files and arrays": 10_000,
}


class ScanError(ValueError):
    """A pickle that cannot be interpreted without loading it."""


class Budget:
    """Limits on reading a model; without them, a small file could take hours. limits: values that override LIMITS."""

    def __init__(self, limits: Mapping[str, int] | None = None) -> None:
        self.limits = LIMITS | dict(limits or {})
        self._remaining = dict(self.limits)

    @property
    def is_exhausted(self) -> bool:
        return min(self._remaining.values()) < 0

    def consume(self, what: str, count: int = 1) -> None:
        """Subtract `count` from the limit `what`. Raises ScanError if too little remains."""
        self._remaining[what] -= count
        if self._remaining[what] < 0:
            raise ScanError(f"the model contains more than {self.limits[what]:,} {what}")


class Value(Enum):
    OTHER = "a value that is not a string, such as a list, an array or an object of a named class"
    NAMED = "the result of an imported function, or a long string"
    UNNAMED = "the result of a computed function"


@dataclass(frozen=True, slots=True)
class Global:
    """A class or function that is imported by name."""

    module: str
    name: str


@dataclass(slots=True, eq=False)
class Dictionary:
    """A dictionary. known: whether it will contain exactly these items when it is used."""

    items: dict[Any, Any] = field(default_factory=dict)
    known: bool = True

    def add(self, pairs: list[Any]) -> None:
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if len(self.items) == MAX_ITEMS or not (key is None or isinstance(key, str | int)):
                self.known = False
            else:
                self.items[key] = value


@dataclass(slots=True, eq=False)
class Dtype:
    """A numpy data type: the arguments of its constructor, and its state. known: see Dictionary."""

    arguments: tuple[Any, ...]
    state: Any = None
    known: bool = True


class Special:
    """A part of a joblib array, or a function that reads attributes. A pickle that misuses it cannot be interpreted."""


@dataclass(frozen=True, slots=True)
class AttributeReader(Special):
    """A function that returns attributes of any object: getattr, attrgetter or methodcaller. It may only be called."""

    name: str


class WrapperClass(Special):
    """joblib's class NumpyArrayWrapper."""


class WrapperArguments(Special):
    """The arguments with which protocols 0 and 1 create a NumpyArrayWrapper."""


class Wrapper(Special):
    """A NumpyArrayWrapper whose state is not set yet. Once it is set, joblib replaces the wrapper with an array."""
