"""Builds files of spectra from parts: axis, quantity, words of the header, format."""

from collections.abc import Callable, Sequence

import numpy as np

from recore_support.import_cases.case import Assays, Case, Values
from recore_support.import_cases.rocks import MIR, Axis, Numbers, absorbance
from recore_support.import_cases.text import US, TextFormat

SAMPLES = ("R1", "R2", "R3")
STATED = ("Wavenumber (cm-1)", "Absorbance")


def as_written(quantity: str, values: Numbers, decimals: int) -> tuple[Numbers, Numbers]:
    """A quantity as a file holds it, and the absorbance that these rounded numbers are."""
    scale = {"absorbance": None, "fraction": 1.0, "percent": 100.0}[quantity]
    if scale is None:
        written = np.round(values, decimals)
        return written, written
    written = np.round(scale * 10**-values, decimals)
    return written, -np.log10(written / scale)


def values_of(axis: Axis, spectra: Numbers, index: Sequence[str], assays: Assays | None = None) -> Values:
    """The right content of the data file: spectra (rows, channels) by falling wavenumber."""
    order = np.argsort(-axis.wavenumbers)
    return Values(list(index), axis.wavenumbers[order], spectra[:, order], assays or {})


def two_columns(
    name: str,
    axis: Axis = MIR,
    form: TextFormat = US,
    header: Sequence[str] | None = STATED,
    quantity: str = "absorbance",
    file: str = "R1.csv",
    sample: str = "R1",
    before: str = "",
    after: str = "",
    decimals: int = 5,
    offset: float = 0.0,
) -> Case:
    """A file of one spectrum as two columns; `offset` is added to the absorbance."""
    written, spectra = as_written(quantity, absorbance(axis.wavenumbers, 1) + offset, decimals)
    rows = [] if header is None else [list(header)]
    for position, value in zip(axis.positions, written[0], strict=True):
        rows.append([form.number(position, axis.decimals), form.number(value, decimals)])
    return Case(name, {file: form.content(rows, before, after)}, values_of(axis, spectra, [sample]))


def table_rows(
    axis: Axis,
    written: Numbers,
    form: TextFormat,
    columns: dict[str, Sequence[str]],
    channel: str | Callable[[str], str] = "{}",
    decimals: int = 5,
) -> list[list[str]]:
    """The cells of a table with one spectrum a line: first the columns, then the channels, named as `channel` says."""
    style = channel.format if isinstance(channel, str) else channel
    header = [*columns, *(style(form.number(position, axis.decimals)) for position in axis.positions)]
    rows = [header]
    for number, spectrum in enumerate(written):
        cells = [values[number] for values in columns.values()]
        rows.append(cells + [form.number(value, decimals) for value in spectrum])
    return rows


def table(
    name: str,
    axis: Axis = MIR,
    form: TextFormat = US,
    columns: dict[str, Sequence[str]] | None = None,
    index: Sequence[str] = SAMPLES,
    channel: str | Callable[[str], str] = "{}",
    quantity: str = "absorbance",
    file: str = "spectra.csv",
    before: str = "",
    after: str = "",
    decimals: int = 5,
    offset: float = 0.0,
) -> Case:
    """A file with one spectrum a line; by default, the only other column is `sample`."""
    written, spectra = as_written(quantity, absorbance(axis.wavenumbers, len(index)) + offset, decimals)
    rows = table_rows(axis, written, form, columns or {"sample": index}, channel, decimals)
    return Case(name, {file: form.content(rows, before, after)}, values_of(axis, spectra, index))


def transposed(
    name: str, names: Sequence[str], corner: str = "Wavenumber (cm-1)", axis: Axis = MIR, form: TextFormat = US
) -> Case:
    """A file with one spectrum a column."""
    spectra = np.round(absorbance(axis.wavenumbers, len(names)), 5)
    rows = [[corner, *names]]
    for position, values in zip(axis.positions, spectra.T, strict=True):
        rows.append([form.number(position, axis.decimals), *(form.number(value, 5) for value in values)])
    return Case(name, {"spectra.csv": form.content(rows)}, values_of(axis, spectra, names))
