"""Read Bruker OPUS files with brukeropus, but check them first, because damaged files can make brukeropus hang."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recore.dataset.instruments.spectrum import MeasuredSpectrum, Numbers

if TYPE_CHECKING:
    from brukeropus.file import Data

MAGIC = b"\n\n\xfe\xfe"
MAX_FILE = 64 << 20  # bytes; a spectrum with its interferograms has less than 1 MB
MAX_BLOCKS = 10_000
MAX_STATUS = 1 << 16  # bytes of the parameters of a spectrum
UNITS = {"WN": "cm-1", "MI": "um"}
# The name of a block in --block, its key in the reader, and its quantity. Log reflectance is log10(1/R).
BLOCKS = {
    "absorbance": ("a", "absorbance"),
    "atr": ("atr", "absorbance"),
    "log-reflectance": ("logr", "absorbance"),
    "reflectance": ("r", "reflectance"),
    "transmittance": ("t", "transmittance"),
    "sample": ("sm", "single-channel"),
    "reference": ("rf", "single-channel"),
}
RATIO = "single-channel"  # absorbance from the last two blocks: log10(reference / sample)


class UnusableFile(ValueError):
    """An OPUS file cannot be imported."""


def is_opus(path: Path) -> bool:
    """Return whether a file begins with the magic number of OPUS."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def check_block(block: str) -> None:
    """Raise ValueError if a block's name is invalid. The name may end in :2 for the second block of its kind."""
    names = [name for name, (_, quantity) in BLOCKS.items() if quantity != RATIO] + [RATIO]
    if block.partition(":")[0] not in names or not re.fullmatch(r"[a-z-]+(:[1-9])?", block):
        raise ValueError(f"--block {block!r} is invalid; choose {', '.join(names)}, with :2 for the second of a kind")


def read(path: Path, sample: str, replicate: str, block: str = "absorbance") -> Iterator[MeasuredSpectrum]:
    """Yield the spectrum in the chosen block. Raises UnusableFile if the file is damaged or the block is unusable."""
    try:
        with np.errstate(all="ignore"):
            measured = _read_spectrum(path, sample, replicate, block)
    except (UnusableFile, OSError):
        raise
    except Exception as error:  # the reader trusts the file, so any error is possible
        raise UnusableFile(f"the file is damaged; reading it failed with {type(error).__name__}: {error}") from error
    yield measured


def _read_spectrum(path: Path, sample: str, replicate: str, block: str) -> MeasuredSpectrum:
    blocks = _read_blocks(path)
    name, _, number = block.partition(":")
    chosen, remarks = _choose(blocks, name, int(number or 1))
    x, y = np.asarray(chosen.x, float), np.asarray(chosen.y, float)
    if name == RATIO:
        reference, more = _choose(blocks, "reference", int(number or 1))
        y = _ratio(x, y, reference)
        remarks += (*more, "absorbance was computed as log10(reference / sample)")
    if (unit := str(chosen.params["dxu"])) not in UNITS:
        raise UnusableFile(f"its axis is in OPUS's unit {unit!r}; wavenumbers (WN) or micrometres (MI) are required")
    quantity = "absorbance" if name == RATIO else BLOCKS[name][1]
    return MeasuredSpectrum(str(path), sample, replicate, x, y, UNITS[unit], quantity, remarks)


def _read_blocks(path: Path) -> dict[str, list["Data"]]:
    """Return lists of spectra by brukeropus's key, each in reverse order of storage.

    Only spectra and parameters inside the file are passed to brukeropus; invalid sizes would keep it busy for hours.
    """
    from brukeropus.file import Data, FileBlock, pair_data_and_status_blocks, parse_directory, parse_header

    if path.stat().st_size > MAX_FILE:
        raise UnusableFile(
            f"the file has {path.stat().st_size >> 20} MB; files with one spectrum must be below {MAX_FILE >> 20} MB"
        )
    content = path.read_bytes()
    if len(content) < 24:
        raise UnusableFile(f"the file is truncated: it has only {len(content)} bytes")
    _, start, entries, _ = parse_header(content)
    if not (start >= 24 and 0 < entries <= MAX_BLOCKS and start + 12 * entries <= len(content)):
        raise UnusableFile("the file is truncated or damaged: its directory lies outside the file")
    blocks, total = [], 0
    for kind, size, begin in parse_directory(content[start : start + 12 * entries]):
        if size < 0 or begin + size > len(content):
            raise UnusableFile(
                f"the file is truncated or damaged: a block ends at byte {begin + size} of {len(content)}"
            )
        head = FileBlock(b"", kind, size, begin)
        if not (head.is_data() or (head.is_data_status() and size <= MAX_STATUS)):
            continue
        total += size
        if total > len(content):
            raise UnusableFile("the file is damaged: its blocks overlap")
        block = FileBlock(content, kind, size, begin)
        if block.is_data_status():
            _check_lengths(block.bytes)
        block.parse()
        if block.parse_error is None:
            blocks.append(block)
    spectra: dict[str, list[Data]] = {}
    for data, status in pair_data_and_status_blocks(blocks):
        # without derivatives, and without compound or compact blocks, whose layout the reader guesses
        if data.type[4] == data.type[5] == 0:
            key = data.get_data_key()
            spectra.setdefault(key, []).append(Data(data, status, key=key, vel=0))
    return spectra


def _check_lengths(parameters: bytes) -> None:
    """Raise UnusableFile if a parameter has a negative length, which would make brukeropus read backwards."""
    offset = 0
    while offset + 8 <= len(parameters) and parameters[offset : offset + 3] != b"END":
        words = int.from_bytes(parameters[offset + 6 : offset + 8], "little", signed=True)
        if words < 0:
            raise UnusableFile("the file is damaged: a parameter has a negative length")
        offset += 8 + 2 * words


def _choose(blocks: dict[str, list["Data"]], name: str, number: int) -> tuple["Data", tuple[str, ...]]:
    option = name
    if name == RATIO:
        name = "sample"
    candidates = blocks.get(BLOCKS[name][0], [])
    if len(candidates) < number:
        available = [other for other, (key, _) in BLOCKS.items() if key in blocks]
        convertible = [other for other in ("reflectance", "transmittance") if other in available]
        fix = ""
        if convertible:
            fix = f"; --block {convertible[0]} with --convert converts it to absorbance"
        elif {"sample", "reference"} <= set(available):
            fix = f"; --block {RATIO} computes absorbance from these two"
        kind = f"{name} spectrum" if number == 1 else f"{name} spectrum number {number}"
        contents = " and ".join(available) or "no readable spectrum"
        raise UnusableFile(f"the file has no {kind}; it contains {contents}{fix}")
    block = candidates[number - 1]
    if block.params["dpf"] != 1:
        raise UnusableFile(f"its values are in OPUS's format {block.params['dpf']}; 32-bit floats (1) are required")
    if len(candidates) == 1:
        return block, ()
    which = "the last one stored" if number == 1 else f"number {number}, counting from the last one stored,"
    return block, (f"{len(candidates)} {name} blocks; {which} was read (--block {option}:2 reads the next)",)


def _ratio(x: Numbers, y: Numbers, reference: "Data") -> Numbers:
    """Return log10(reference / sample) at the channels of the sample; the reference may have more channels."""
    step = x[1] - x[0] if len(x) > 1 else np.nan
    first = round((x[0] - reference.x[0]) / step) if np.isfinite(step) and step else -1
    overlap = slice(first, first + len(x))
    intensity = np.asarray(reference.y, float)[overlap]
    if first < 0 or len(intensity) < len(x) or np.abs(reference.x[overlap] - x).max() > 0.01 * abs(step):
        raise UnusableFile("its sample and reference spectra have different channels")
    if not ((intensity > 0).all() and (y > 0).all()):
        raise UnusableFile("its sample or reference spectrum has values that are not positive and have no logarithm")
    return np.log10(intensity / y)
