"""Bruker OPUS files, by the reader brukeropus, of which nothing is asked that a damaged file could abuse."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recore.dataset.instruments.spectrum import Measured, Numbers

if TYPE_CHECKING:
    from brukeropus.file import Data

MAGIC = b"\n\n\xfe\xfe"
LARGEST_FILE = 64 << 20  # bytes; a spectrum with its interferograms has less than one MB
MOST_BLOCKS = 10_000
LARGEST_STATUS = 1 << 16  # bytes of the parameters that go with a spectrum
UNITS = {"WN": "cm-1", "MI": "um"}
# A block's name here, with the reader's key and what its values are. A log reflectance is log10(1/R) already.
BLOCKS = {
    "absorbance": ("a", "absorbance"),
    "atr": ("atr", "absorbance"),
    "log-reflectance": ("logr", "absorbance"),
    "reflectance": ("r", "reflectance"),
    "transmittance": ("t", "transmittance"),
    "sample": ("sm", "single-channel"),
    "reference": ("rf", "single-channel"),
}
RATIO = "single-channel"  # absorbance from the last two: log10(reference / sample)


class NotUsable(ValueError):
    """What is wrong with a file, in words of ours."""


def recognises(path: Path) -> bool:
    """Whether the file begins as every OPUS file does."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def check_block(block: str) -> str:
    """A block's name, with :2 for the second of its kind. Raises ValueError where it is none that can be imported."""
    names = [name for name, (_, quantity) in BLOCKS.items() if quantity != RATIO] + [RATIO]
    if block.partition(":")[0] not in names or not re.fullmatch(r"[a-z-]+(:[1-9])?", block):
        raise ValueError(f"block {block!r}: one of {', '.join(names)} is needed, with :2 for the second of that kind")
    return block


def read(path: Path, sample: str, replicate: str, block: str = "absorbance") -> Iterator[Measured]:
    """Yield the file's spectrum: the chosen block, the first of its kind as the reader lists them.

    Raises NotUsable where the file is damaged or holds no such block.
    """
    try:
        with np.errstate(all="ignore"):
            measured = _measured(path, sample, replicate, block)
    except (NotUsable, OSError):
        raise
    except Exception as error:  # any, of a reader that trusts what a file says of itself
        raise NotUsable(f"damaged: its reader says {type(error).__name__}: {error}") from error
    yield measured


def _measured(path: Path, sample: str, replicate: str, block: str) -> Measured:
    found = _blocks(path)
    name, _, number = block.partition(":")
    chosen, remarks = _choose(found, name, int(number or 1))
    x, y = np.asarray(chosen.x, float), np.asarray(chosen.y, float)
    if name == RATIO:
        reference, more = _choose(found, "reference", int(number or 1))
        y = _ratio(x, y, reference)
        remarks += (*more, "log10(reference / sample) was taken")
    if (unit := str(chosen.params["dxu"])) not in UNITS:
        raise NotUsable(f"its axis is in OPUS's unit {unit!r}: wavenumbers (WN) or micrometres (MI) are needed")
    quantity = "absorbance" if name == RATIO else BLOCKS[name][1]
    return Measured(str(path), sample, replicate, x, y, UNITS[unit], quantity, remarks)


def _blocks(path: Path) -> dict[str, list["Data"]]:
    """The file's spectra by the reader's key, those of a kind in the reader's order: the one stored last is first.

    Only the spectra and their parameters are handed to the reader, each inside the file and none too large: a series or
    a report with false counts would keep it busy, parameters with a negative length without end.
    """
    from brukeropus.file import Data, FileBlock, pair_data_and_status_blocks, parse_directory, parse_header

    if path.stat().st_size > LARGEST_FILE:
        raise NotUsable(f"{path.stat().st_size >> 20} MB: a file of one spectrum has less than {LARGEST_FILE >> 20}")
    content = path.read_bytes()
    if len(content) < 24:
        raise NotUsable(f"cut short: {len(content)} bytes")
    _, start, room, _ = parse_header(content)
    if not (start >= 24 and 0 < room <= MOST_BLOCKS and start + 12 * room <= len(content)):
        raise NotUsable("cut short or damaged: its directory lies outside the file")
    kept, total = [], 0
    for kind, size, begin in parse_directory(content[start : start + 12 * room]):
        if size < 0 or begin + size > len(content):
            raise NotUsable(f"cut short or damaged: a block ends at byte {begin + size} of {len(content)}")
        head = FileBlock(b"", kind, size, begin)
        if not (head.is_data() or (head.is_data_status() and size <= LARGEST_STATUS)):
            continue
        total += size
        if total > len(content):
            raise NotUsable("damaged: its blocks overlap")
        block = FileBlock(content, kind, size, begin)
        if block.is_data_status():
            _walk(block.bytes)
        block.parse()
        if block.parse_error is None:
            kept.append(block)
    found: dict[str, list[Data]] = {}
    for data, status in pair_data_and_status_blocks(kept):
        # neither a derivative, nor a compound, nor a compact block, whose layout the reader guesses
        if data.type[4] == data.type[5] == 0:
            key = data.get_data_key()
            found.setdefault(key, []).append(Data(data, status, key=key, vel=0))
    return found


def _walk(parameters: bytes) -> None:
    """Raises NotUsable where a parameter has a negative length, which the reader would follow backwards."""
    at = 0
    while at + 8 <= len(parameters) and parameters[at : at + 3] != b"END":
        words = int.from_bytes(parameters[at + 6 : at + 8], "little", signed=True)
        if words < 0:
            raise NotUsable("damaged: a parameter has a negative length")
        at += 8 + 2 * words


def _choose(found: dict[str, list["Data"]], name: str, number: int) -> tuple["Data", tuple[str, ...]]:
    """The block of that name and number, and what to remark on it."""
    asked, name = (RATIO, "sample") if name == RATIO else (name, name)
    of_kind = found.get(BLOCKS[name][0], [])
    if len(of_kind) < number:
        held = [other for other, (key, _) in BLOCKS.items() if key in found]
        convertible = [other for other in ("reflectance", "transmittance") if other in held]
        mend = f"; --block {convertible[0]} with --convert makes absorbance of it" if convertible else ""
        if not convertible and {"sample", "reference"} <= set(held):
            mend = f"; --block {RATIO} makes absorbance of the two"
        kind = f"{name} spectrum" if number == 1 else f"{name} spectrum number {number}"
        raise NotUsable(f"no {kind} in it, it holds {' and '.join(held) or 'no spectrum that can be read'}{mend}")
    chosen = of_kind[number - 1]
    if chosen.params["dpf"] != 1:
        raise NotUsable(f"its values are stored in OPUS's format {chosen.params['dpf']}: 32-bit floats (1) are needed")
    if len(of_kind) == 1:
        return chosen, ()
    which = "the one stored last" if number == 1 else f"number {number}, counted from the one stored last,"
    return chosen, (f"{len(of_kind)} {name} blocks, of which {which} was taken (--block {asked}:2 takes the next)",)


def _ratio(x: Numbers, y: Numbers, reference: "Data") -> Numbers:
    """log10(reference / sample) where the sample was measured; the reference may reach further on the same steps."""
    step = x[1] - x[0] if len(x) > 1 else np.nan
    first = round((x[0] - reference.x[0]) / step) if np.isfinite(step) and step else -1
    within = slice(first, first + len(x))
    other = np.asarray(reference.y, float)[within]
    if first < 0 or len(other) < len(x) or np.abs(reference.x[within] - x).max() > 0.01 * abs(step):
        raise NotUsable("its sample and reference spectra have different steps")
    if not ((other > 0).all() and (y > 0).all()):
        raise NotUsable("its sample or reference spectrum is not above 0 everywhere: there is no logarithm")
    return np.log10(other / y)
