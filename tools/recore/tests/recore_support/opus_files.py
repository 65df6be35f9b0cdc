"""Build OPUS files in Bruker's layout: header, directory, spectra and their parameters."""

import struct
from dataclasses import dataclass

import numpy as np

# The six numbers that identify each kind of block.
KINDS = {
    "absorbance": (3, 3, 0, 4, 0, 0),
    "transmittance": (3, 3, 0, 5, 0, 0),
    "reflectance": (3, 3, 0, 12, 0, 0),
    "log-reflectance": (3, 3, 0, 15, 0, 0),
    "atr": (3, 3, 0, 16, 0, 0),
    "sample": (3, 1, 0, 1, 0, 0),
    "reference": (3, 2, 0, 1, 0, 0),
    "derivative": (3, 3, 0, 4, 1, 0),
    "interferogram": (3, 1, 0, 2, 0, 0),
}
SHIFTS = (0, 2, 4, 10, 17, 19)
HISTORY = (0, 0, 0, 0, 0, 5)
DIRECTORY = (0, 0, 0, 13, 0, 0)
SERIES = (3, 3, 0, 4, 0, 2)


@dataclass
class Block:
    """A spectrum: its kind, first and last x values, y values, and parameters that override the correct ones."""

    kind: str
    first: float
    last: float
    values: np.ndarray
    parameters: dict[str, int | float | str]

    def status(self) -> bytes:
        floats = self.values.astype("<f4")
        defaults = {"DPF": 1, "NPT": len(floats), "FXV": float(self.first), "LXV": float(self.last), "CSF": 1.0}
        defaults |= {"MXY": float(floats.max()), "MNY": float(floats.min()), "DXU": "WN"}
        return parameters(defaults | self.parameters)


def block(kind: str, values: np.ndarray, first: float = 4000.0, last: float = 600.0, **parameters: object) -> Block:
    return Block(kind, first, last, np.asarray(values), parameters)


def parameters(values: dict[str, int | float | str]) -> bytes:
    """Return a parameter block. Each entry has a name, a type, a length in two-byte words, and a value."""
    parts = []
    for name, value in values.items():
        if isinstance(value, int):
            kind, raw = 0, struct.pack("<i", value)
        elif isinstance(value, float):
            kind, raw = 1, struct.pack("<d", value)
        else:
            kind, raw = 3, value.encode() + b"\0" * (2 - len(value) % 2)
        parts.append(name.encode() + b"\0" + struct.pack("<2h", kind, len(raw) // 2) + raw)
    content = b"".join([*parts, b"END\0", bytes(4)])
    return content + bytes(-len(content) % 4)


def opus_bytes(*blocks: Block, additional: tuple[tuple[tuple[int, ...], bytes], ...] = ()) -> bytes:
    """Return an OPUS file with these spectra and a history. additional: other blocks, as (kind, content) pairs."""
    contents: list[tuple[tuple[int, ...], bytes]] = []
    for spectrum in blocks:
        kind = KINDS[spectrum.kind]
        contents.append((kind, spectrum.values.astype("<f4").tobytes()))
        contents.append(((*kind[:2], 1, *kind[3:]), spectrum.status()))
    contents += [*additional, (HISTORY, b"measured for a test\0")]
    capacity = len(contents) + 5
    start = 24 + 12 * capacity
    directory = [(DIRECTORY, 12 * capacity, 24)]
    for kind, content in contents:
        directory.append((kind, len(content), start))
        start += len(content)
    entries = b"".join(struct.pack("<3i", number(kind), size // 4, offset) for kind, size, offset in directory)
    header = b"\n\n\xfe\xfe" + struct.pack("<d3i", 920622.0, 24, capacity, len(directory))
    return header + entries.ljust(12 * capacity, b"\0") + b"".join(content for _, content in contents)


def number(kind: tuple[int, ...]) -> int:
    """Return the number by which the directory identifies a kind of block."""
    return sum(part << shift for part, shift in zip(kind, SHIFTS, strict=True))
