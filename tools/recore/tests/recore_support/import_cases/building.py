"""Build files of spectra and assay tables as in various programs and countries, with their expected values."""

import csv
import gzip
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recore_support.import_cases.case import Assays, Case, Values

Numbers = NDArray[np.float64]


def split_list(entries: str) -> list[str]:
    """Split a string into its entries, at bars and line ends."""
    return [entry for line in entries.strip().splitlines() for entry in line.strip().split("|")]


def split_entries(entries: str) -> list[list[str]]:
    """Split entries such as "Flag=1/5/12" into parts, with bars instead of slashes."""
    return [[part.replace("/", "|") for part in entry.split("=")] for entry in split_list(entries)]


@dataclass(frozen=True)
class TextFormat:
    """A format of text tables. thousands: the thousands mark, "" for none. quoted: put all cells in quotation marks."""

    separator: str = ","
    decimal: str = "."
    thousands: str = ""
    newline: str = "\n"
    encoding: str = "utf-8"
    quoted: bool = False
    gzipped: bool = False

    def format(self, value: float, decimals: int) -> str:
        marks = {",": self.thousands, ".": self.decimal}
        return "".join(marks.get(character, character) for character in f"{value:,.{decimals}f}")

    def content(self, rows: Iterable[Sequence[str]], head: str = "", tail: str = "") -> bytes:
        file = io.StringIO()
        quoting = csv.QUOTE_ALL if self.quoted else csv.QUOTE_MINIMAL
        csv.writer(file, delimiter=self.separator, quoting=quoting, lineterminator="\n").writerows(rows)
        content = f"{head}{file.getvalue()}{tail}".replace("\n", self.newline).encode(self.encoding)
        return gzip.compress(content, mtime=0) if self.gzipped else content


US = TextFormat()
US_TAB = TextFormat("\t")
SEMICOLON = TextFormat(";")
SPACES = TextFormat(" ")
QUOTED = TextFormat(quoted=True)
WINDOWS = TextFormat(newline="\r\n", encoding="utf-8-sig")
GZIPPED = TextFormat(gzipped=True)
GERMAN = TextFormat(";", ",")
GERMAN_TAB = TextFormat("\t", ",", newline="\r\n")
R_CSV2 = TextFormat(";", ",", quoted=True)
GROUPINGS = [
    TextFormat(thousands=","),
    TextFormat("\t", thousands=",", newline="\r\n"),
    TextFormat(";", ",", ".", newline="\r\n", encoding="cp1252"),  # Excel in Germany
    TextFormat(";", ",", "\u00a0", newline="\r\n", encoding="cp1252"),  # and in France
    TextFormat(";", ",", "\u202f", newline="\r\n", encoding="utf-8-sig"),
    TextFormat(";", ",", " ", newline="\r\n", encoding="utf-8-sig"),
    TextFormat(";", ".", "'", newline="\r\n", encoding="utf-8-sig"),  # in Switzerland
    TextFormat(";", ".", "\u2019", newline="\r\n", encoding="utf-8-sig"),
]
FORMATS = [
    *(US, US_TAB, SEMICOLON, QUOTED, WINDOWS, GZIPPED, GERMAN, GERMAN_TAB, *GROUPINGS),
    TextFormat(newline="\r"),
    TextFormat("\t", newline="\r\n", encoding="utf-16"),  # Unicode text in Excel
    TextFormat("\t", ",", newline="\r\n", encoding="utf-16"),
]


@dataclass(frozen=True)
class Axis:
    """An axis in a file: positions in `unit` ("cm-1", "nm" or "um") with this number of decimals."""

    positions: Numbers
    unit: str = "cm-1"
    decimals: int = 1

    @property
    def wavenumbers(self) -> Numbers:
        return self.positions if self.unit == "cm-1" else {"nm": 1e7, "um": 1e4}[self.unit] / self.positions

    @property
    def reversed(self) -> "Axis":
        return replace(self, positions=self.positions[::-1])


def axis(first: float, last: float, step: float, unit: str = "cm-1", decimals: int = 1) -> Axis:
    count = int(np.floor((last - first) / step + 1e-9)) + 1
    return Axis(np.round(first + step * np.arange(count), decimals), unit, decimals)


MIR = axis(4000, 600, -100)
MIR_WHOLE = axis(4000, 400, -100, decimals=0)
OPUS = axis(3997.41234, 597.123, -98.13571, decimals=5)
OMNIC = axis(399.1927, 4000.2, 96.4358, decimals=4)  # in ascending order, as OMNIC exports
NIR = axis(10000, 4000, -200, decimals=0)
NIR_OPUS = axis(11995.36, 3999.6, -246.8531, decimals=3)
NIR_NM = axis(1100, 2500, 40, "nm", 0)
VISNIR_NM = axis(350, 2500, 50, "nm", 0)
MIR_NM = axis(6000, 14500, 250, "nm", 0)
MIR_UM = axis(2.5, 16.0, 0.375, "um", 4)

BANDS = (  # cm-1: position, width, height in absorbance
    *((7100, 200, 0.1), (5200, 150, 0.15), (4530, 90, 0.12)),  # hydroxyl and water, near infrared
    *((3620, 80, 0.5), (3400, 200, 0.4), (1630, 80, 0.2)),  # clay, water
    *((1440, 120, 0.5), (1030, 130, 1.0), (800, 60, 0.4), (530, 80, 0.7)),  # carbonate, silicate, quartz, silicate
)


def absorbance(wavenumbers: Numbers, rows: int = 1) -> Numbers:
    result = 0.2 + 0.3 * (wavenumbers / 25_000) ** 2 + 0.01 * np.arange(rows)[:, None]
    for index, (position, width, height) in enumerate(BANDS):
        heights = height * (1 + 0.15 * np.sin(1 + np.arange(rows) * (index + 1)))
        result = result + heights[:, None] * np.exp(-(((wavenumbers - position) / width) ** 2))
    return result


def _round_spectra(axis: Axis, rows: int, quantity: str, decimals: int, offset: float) -> tuple[Numbers, Numbers]:
    """Return spectra as in a file, (rows, channels), and the absorbance that these rounded numbers represent."""
    values = absorbance(axis.wavenumbers, rows) + offset
    if quantity == "absorbance":
        rounded = np.round(values, decimals)
        return rounded, rounded
    scale = {"fraction": 1.0, "percent": 100.0}[quantity]
    rounded = np.round(scale * 10**-values, decimals)
    return rounded, -np.log10(rounded / scale)


def _make_case(file: str, content: bytes, axis: Axis, spectra: Numbers, index: Sequence[str]) -> Case:
    order = np.argsort(-axis.wavenumbers)
    return Case({file: content}, Values(list(index), axis.wavenumbers[order], spectra[:, order]), ())


def two_columns(
    x: str | None = "Wavenumber (cm-1)",
    y: str = "Absorbance",
    axis: Axis = MIR,
    form: TextFormat = US,
    head: str = "",
    quantity: str = "absorbance",
    file: str = "R1.csv",
    tail: str = "",
    decimals: int = 5,
    offset: float = 0.0,
) -> Case:
    """Build a file of one spectrum with two columns `x` and `y`, without a header if `x` is None.

    offset: added to the absorbance before it is converted to `quantity`.
    """
    rounded, spectra = _round_spectra(axis, 1, quantity, decimals, offset)
    rows = [] if x is None else [[x, y]]
    for position, value in zip(axis.positions, rounded[0], strict=True):
        rows.append([form.format(position, axis.decimals), form.format(value, decimals)])
    return _make_case(file, form.content(rows, head, tail), axis, spectra, ["R1"])


def lines(style: str, header: str = "Wavenumber (cm-1),Absorbance\n", axis: Axis = MIR, decimals: int = 5) -> Case:
    rounded, spectra = _round_spectra(axis, 1, "absorbance", decimals, 0)
    pairs = zip(map(float, axis.positions), map(float, rounded[0]), strict=True)
    content = header + "".join(style.format(x=x, y=y) for x, y in pairs)
    return _make_case("R1.txt", content.encode(), axis, spectra, ["R1"])


def table(
    axis: Axis = MIR,
    form: TextFormat = US,
    columns: dict[str, str] | None = None,
    index: str = "R1|R2|R3",
    channel: str | Callable[[str], str] = "{}",
    head: str = "",
    quantity: str = "absorbance",
    file: str = "spectra.csv",
    tail: str = "",
    decimals: int = 5,
    offset: float = 0.0,
) -> Case:
    """Build a file with one spectrum per line: first the columns, then the channels, named by `channel`.

    index, columns: names between bars; by default, the only column is `sample`.
    """
    cells = [column.split("|") for column in (columns or {"sample": index}).values()]
    rounded, spectra = _round_spectra(axis, len(cells[0]), quantity, decimals, offset)
    style = channel.format if isinstance(channel, str) else channel
    rows = [[*(columns or ["sample"]), *(style(form.format(position, axis.decimals)) for position in axis.positions)]]
    for names, spectrum in zip(zip(*cells, strict=True), rounded, strict=True):
        rows.append([*names, *(form.format(value, decimals) for value in spectrum)])
    return _make_case(file, form.content(rows, head, tail), axis, spectra, index.split("|"))


def transpose(names: str, corner: str = "Wavenumber (cm-1)", axis: Axis = MIR, form: TextFormat = US) -> Case:
    """Build a table with one spectrum per column, without expected values."""
    lines = table(axis, form, {corner: names}).files["spectra.csv"].decode().splitlines()
    return Case({"spectra.csv": form.content(zip(*(line.split(form.separator) for line in lines), strict=True))})


# standard atomic weights (IUPAC, abridged)
WEIGHTS = {
    element: float(weight)
    for element, weight in (
        entry.split()
        for entry in split_list("""
            H 1.008|Li 6.94|Be 9.0122|C 12.011|O 15.999|F 18.998|Na 22.99|Mg 24.305|Al 26.9815|Si 28.085|P 30.9738
            S 32.06|Cl 35.45|K 39.0983|Ca 40.078|Sc 44.956|Ti 47.867|V 50.9415|Cr 51.9961|Mn 54.938|Fe 55.845
            Co 58.933|Ni 58.6934|Cu 63.546|Zn 65.38|Ga 69.723|Ge 72.63|As 74.922|Se 78.971|Rb 85.4678|Sr 87.62
            Y 88.906|Zr 91.224|Nb 92.9064|Mo 95.95|Ag 107.87|Cd 112.41|In 114.82|Sn 118.71|Sb 121.76|Te 127.6
            Cs 132.91|Ba 137.327|La 138.91|Ce 140.12|Hf 178.49|Ta 180.948|W 183.84|Re 186.21|Au 196.967|Tl 204.38
            Pb 207.2|Bi 208.98|Th 232.04|U 238.029
        """)
    )
}
IDS = {"sample": "R1|R2|R3", "SiteID": "H1|H1|H2", "DepthFrom": "0|1|5", "DepthTo": "1|2|6"}
ID_VALUES: Assays = {"SiteID": ["H1", "H1", "H2"], "DepthFrom": [0, 1, 5], "DepthTo": [1, 2, 6]}


def mass_fraction(element: str, compound: str) -> float:
    atoms = {name: int(count or 1) for name, count in re.findall(r"([A-Z][a-z]?)(\d*)", compound)}
    return WEIGHTS[element] * atoms[element] / sum(WEIGHTS[name] * count for name, count in atoms.items())


def multiply(factor: float, *numbers: float) -> list[float | str | None]:
    return [factor * number for number in numbers]


def assays(
    columns: dict[str, str],
    form: TextFormat = US,
    ids: dict[str, str] = IDS,
    id_values: Assays = ID_VALUES,
    head: str = "",
    units: str = "",
    spectra: Case | None = None,
    **values: list[float | str | None],
) -> Case:
    """Build a small table of spectra and an assay table: the columns of IDs, then `columns`, in the order of samples.

    columns, units (a line between the header and the first sample): cells between bars.
    """
    case = spectra or table()
    cells = {**ids, **columns}
    samples = zip(*(column.split("|") for column in cells.values()), strict=True)
    content = form.content([[*cells], *([units.split("|")] if units else []), *map(list, samples)], head)
    right = replace(case.right, assays={**id_values, **values})
    return replace(case, files={**case.files, "assays.csv": content}, assays="assays.csv", values=right)
