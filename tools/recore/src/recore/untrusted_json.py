"""Read untrusted JSON. Error messages are single lines that name the file and the field."""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MAX_BYTES = 16 << 20  # of a file


def read_object(path: Path, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """Read a file that contains a JSON object.

    Raises FileNotFoundError if the file is missing, or ValueError, without the path in its message, if it is invalid.
    """
    if path.exists() and not path.is_file():
        raise ValueError("it is a folder, a pipe or a device, not a regular file")
    if path.stat().st_size > max_bytes:
        raise ValueError(f"it is larger than {max_bytes >> 20} MB")
    return parse_object(path.read_bytes())


@contextmanager
def prefix_errors(source: object, problem: str = "") -> Iterator[None]:
    """Convert a ValueError or OverflowError to a ValueError whose message begins with `source` and `problem`."""
    try:
        yield
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{source}: {problem}{' '.join(str(error).split())}") from None


def parse_object(content: bytes) -> dict[str, Any]:
    """Parse a JSON object. Raises ValueError if the bytes are not a JSON object."""
    try:
        value = json.loads(content.decode("utf-8"))
        json.dumps(value, ensure_ascii=False).encode()  # raises for a lone surrogate, which cannot be written
    except RecursionError:
        raise ValueError("this is not valid JSON: it is nested too deeply") from None
    except (ValueError, OverflowError) as error:
        raise ValueError(f"this is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"an object is required, not {type(value).__name__}")
    return value


def get(content: Any, path: str, *types: type) -> Any:
    """Return the value at a dotted path in a JSON object. Raises ValueError if it is missing or has the wrong type.

    Names may contain dots; the longest matching name is used.
    """
    value, names = content, path.split(".")
    while names:
        ends = range(len(names), 0, -1) if isinstance(value, dict) else ()
        end = next((end for end in ends if ".".join(names[:end]) in value), None)
        if end is None:
            raise ValueError(f"`{path}` is missing")
        value, names = value[".".join(names[:end])], names[end:]
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise ValueError(f"`{path}` has the wrong type, {type(value).__name__}")
    return value


def get_number(content: Any, path: str) -> float:
    """Return the finite number at a dotted path. Raises ValueError if it is missing or not a finite number."""
    try:
        number = float(get(content, path, int, float))
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"`{path}` is {number}, not a finite number")
    return number


def get_optional_number(content: Any, path: str) -> float | None:
    """Return the finite number at a dotted path, or None if it is null. Raises ValueError if it is anything else."""
    return None if get(content, path, int, float, type(None)) is None else get_number(content, path)


def get_numbers(content: Any, path: str, shape: tuple[int | None, ...] = (None,)) -> list[Any]:
    """Return the (nested) list of finite numbers at a dotted path. shape: expected lengths; None allows any but 0."""
    numbers: list[Any] = get(content, path, list)
    if not _has_shape(numbers, shape):
        sizes = " x ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"`{path}` is not a list of finite numbers ({sizes})")
    return numbers


def _has_shape(value: Any, shape: tuple[int | None, ...]) -> bool:
    if not shape:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and abs(value) < 1e300
    size, *inner_shape = shape
    return (
        isinstance(value, list)
        and (len(value) == size if size is not None else bool(value))
        and all(_has_shape(each, tuple(inner_shape)) for each in value)
    )
