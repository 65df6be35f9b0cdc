"""Read the arrays in files written by joblib 0.10 to 1.6. The formats of these versions differ in padding.

joblib.load replaces each NumpyArrayWrapper with an array as soon as the opcode BUILD sets the wrapper's state. The
array follows that opcode in the file, as bytes or, if it consists of Python objects, as a separate pickle.
"""

import re
from math import prod
from typing import Any

import numpy as np

from recore.check.pickles.values import Dictionary, Dtype, Global, ScanError

MODULE, CLASS = "joblib.numpy_pickle", "NumpyArrayWrapper"
ATTRIBUTES = {"subclass", "shape", "order", "dtype", "allow_mmap"}
ALIGNMENT = "numpy_array_alignment_bytes"  # an attribute since joblib 1.2
MAX_PADDING = 16
MAX_DEPTH = 10  # levels of nested data types


def is_wrapper(module: str, name: str) -> bool:
    """Return whether a name is joblib's NumpyArrayWrapper. Raises ScanError if it is another wrapper of joblib's."""
    if (module, name) == (MODULE, CLASS):
        return True
    if "numpy_pickle" in f"{module}.{name}" or name.endswith("ArrayWrapper"):
        raise ScanError(f"it uses {module}.{name}, which files of joblib 1 do not contain")
    return False


def read_wrapper(state: Any) -> tuple[np.dtype[Any], int, bool]:
    """Return the data type and the size in bytes of a wrapper's array, and whether padding precedes the array.

    Raises ScanError if joblib would not write this state.
    """
    if not isinstance(state, Dictionary) or not state.known or state.items.keys() - {ALIGNMENT} != ATTRIBUTES:
        raise ScanError("the attributes of an array differ from joblib's")
    values = state.items
    shape, subclass, mapped = values["shape"], values["subclass"], values["allow_mmap"]
    alignment = values.get(ALIGNMENT)
    if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
        raise ScanError("the shape of an array is unknown")
    is_numpy = isinstance(subclass, Global) and subclass.module.split(".")[0] == "numpy"
    if not is_numpy or subclass.name not in ("ndarray", "matrix", "memmap"):
        raise ScanError("the class of an array is unknown")
    if values["order"] not in ("C", "F") or not isinstance(mapped, bool) or alignment not in (None, MAX_PADDING):
        raise ScanError("the layout of an array is unknown")
    dtype = read_dtype(values["dtype"])
    size = prod(shape) * dtype.itemsize
    if not dtype.itemsize or size >= 1 << 63 or max(shape, default=0) >= 1 << 63 or (mapped and dtype.hasobject):
        raise ScanError(f"joblib cannot load an array of shape {shape} and type {dtype}")
    return dtype, size, alignment is not None


def read_dtype(value: Any, depth: int = 0) -> np.dtype[Any]:
    """Return the data type that a pickle describes. Raises ScanError if numpy would describe this type differently."""
    if not isinstance(value, Dtype) or not value.known or depth > MAX_DEPTH:
        raise ScanError("the data type of an array is unknown")
    try:
        state = _resolve(value.state, depth)
        dtype = _make_dtype(value.arguments[0], state)
        written: Any = dtype.__reduce__()
    except (TypeError, ValueError, LookupError, OverflowError) as error:
        raise ScanError(f"the data type of an array is unknown: {error}") from None
    if _to_builtin(written[1:]) != _to_builtin((value.arguments, state)):
        raise ScanError(f"the data type of an array is not written as NumPy writes it ({dtype})")
    return dtype


def _resolve(state: Any, depth: int) -> Any:
    """In a data type's state, replace each description of a data type with that data type."""
    if isinstance(state, tuple):
        return tuple(_resolve(each, depth) for each in state)
    if isinstance(state, Dictionary):
        if not state.known:
            raise ValueError("its fields are computed")
        return {key: _resolve(each, depth) for key, each in state.items.items()}
    return read_dtype(state, depth + 1) if isinstance(state, Dtype) else state


def _make_dtype(code: Any, state: tuple[Any, ...]) -> np.dtype[Any]:
    if not re.fullmatch(r"[biufcSUVOMm]\d{1,10}", code):
        raise ValueError("its type code is invalid")
    _, order, base, names, fields, *_ = state
    if names is not None:
        # a field may have a title, which is an alias
        formats, offsets, titles = zip(*((*fields[name], None)[:3] for name in names), strict=True)
        layout: Any = {"names": names, "formats": formats, "offsets": offsets, "titles": titles}
        layout["itemsize"] = int(code[1:])
        dtype: np.dtype[Any] = np.dtype(layout, align=bool(state[7] & 128))
    elif base is not None:
        dtype = np.dtype(base)
    else:
        if len(state) == 9:  # a date or a time difference, with its unit
            unit, number, *_ = state[8][1]
            code += f"[{number}{unit.decode()}]"
        dtype = np.dtype(code).newbyteorder(order)
    return dtype


def _to_builtin(value: Any) -> Any:
    """Normalise a value for comparison: in old pickles, booleans are numbers, and {} stands for None."""
    if isinstance(value, tuple):
        return tuple(map(_to_builtin, value))
    if isinstance(value, dict) and value:
        return {key: _to_builtin(each) for key, each in value.items()}
    return value or None
