"""Cases of spectra in which a hasty reader takes one thing for another."""

import numpy as np

from recore_support.import_cases.case import ANY, Case
from recore_support.import_cases.rocks import MIR, MIR_NM, MIR_UM, MIR_WHOLE, VISNIR_NM, Axis, absorbance, axis
from recore_support.import_cases.spectra import SAMPLES, as_written, table, two_columns, values_of
from recore_support.import_cases.text import GERMAN, GZIPPED, SPACES, US, US_SEMICOLON, US_TAB, TextFormat

OTHER_UNITS = {  # name of the axis: positions of 4000 to 600 cm-1, decimals
    "Wavenumber (m-1)": (MIR.positions * 100, 0),
    "Wavenumber [1/m]": (MIR.positions * 100, 0),
    "Wavenumber (mm-1)": (MIR.positions / 10, 1),
    "Energy (eV)": (MIR.positions * 1.239842e-4, 6),
    "Energy (meV)": (MIR.positions * 0.1239842, 3),
    "Wavelength (\u00c5)": (1e8 / MIR.positions, 0),
    "Wavelength (angstrom)": (1e8 / MIR.positions, 0),
    "Wavelength (mm)": (10 / MIR.positions, 6),
    "Wavelength (m)": (1e-2 / MIR.positions, 9),
    "Frequency (GHz)": (MIR.positions * 29.9792458, 2),
    "Frequency [THz]": (MIR.positions * 0.0299792458, 5),
}
OTHER_QUANTITIES = (
    "ln(1/R)",
    "-ln(R)",
    "Absorption coefficient (cm-1)",
    "Absorbance (mAU)",
    "mOD",
    "d(A)/d(x)",
    "Absorbance derivative",
    "Extinction coefficient",
    "Refractive index",
    "Single Channel Sample",
)
CORRECTED_QUANTITIES = ("Absorbance (normalised)", "SNV absorbance", "Absorbance, baseline corrected", "ATR units")
HARMLESS_COMMENTS = (
    "64 scans, 50 % humidity",
    "T = 25 C",
    "Operator: K. M. Jones",
    "background: single beam of KBr",
    "reflectance standard: Spectralon",
    "detector cut-off 16 um",
    "beam splitter for 350 to 7800 cm-1",
    "A. Smith, R. Miller, T. Brown",
    "transmittance window: KBr",
    "first derivative not applied",
    "sampling interval 1.4 nm at 1000 nm",
)
# words and settings that are not the unit of the axis, above a header that says nothing
MISLEADING = (
    "gemessen um 12:30 Uhr",
    "Messung um neun",
    "collected near Socorro, NM",
    "particle size (um): 63",
    "laser wavelength (nm): 632.8",
    "pixel size in um: 6.25",
    "thickness (um); 12",
)
WAVELENGTHS = {  # rising axes without a unit that are wavelengths in nm, but could be read as wavenumbers
    "2500 to 15000": axis(2500, 15000, 250, "nm", 0),
    "400 to 14000": axis(400, 14000, 400, "nm", 0),
    "of wavenumbers from 3800": Axis(np.round(1e7 / np.arange(3800.0, 690, -100), 2), "nm", 2),
    "of wavenumbers from 4000": Axis(np.round(1e7 / np.arange(4000.0, 690, -100), 1), "nm", 1),
}
BAD_CELLS = ("nan", "#N/A", "#DIV/0!", "1.#INF", "*****", "", "0.1.2", "1e400", "0x1F", "n.d.", "0.5?", "1/2")


def damaged(name: str, old: str, new: str, form: TextFormat = US) -> Case:
    """A table in which one cell or line is replaced; it must be refused."""
    ((file, content),) = table(name, MIR, form).files.items()
    assert old.encode() in content
    return Case(name, {file: content.replace(old.encode(), new.encode(), 1)}, None, frozenset({ANY}))


def lines(name: str, style: str, header: str = "Wavenumber (cm-1),Absorbance", positions: Axis = MIR) -> Case:
    """Two columns, each line in a style such as "{x}, {y}"."""
    written, spectra = as_written("absorbance", absorbance(positions.wavenumbers, 1), 5)
    text = header + "\n" if header else ""
    for x, y in zip(positions.positions, written[0], strict=True):
        text += style.format(x=float(x), y=float(y)) + "\n"
    return Case(name, {"R1.txt": text.encode()}, values_of(positions, spectra, ["R1"]))


def replicate_lines() -> Case:
    """Two lines of one sample with a column of replicates, and their mean."""
    case = table("", columns={"sample": ("A", "A", "B"), "replicate": ("1", "2", "1")})
    assert case.values
    spectra = case.values.absorbance
    values = values_of(MIR, np.stack([spectra[:2].mean(axis=0), spectra[2]]), ["A", "B"])
    return Case("replicates in lines", case.files, values, options={"replicates": "mean"})


def with_empty_columns(form: TextFormat) -> Case:
    """A table in which each line ends in three empty cells."""
    case = table(f"empty columns at the end, {form.separator}", MIR, form)
    content = case.files["spectra.csv"].decode().replace("\n", form.separator * 3 + "\n")
    return Case(case.name, {"spectra.csv": content.encode()}, case.values)


def without_last_name(form: TextFormat) -> Case:
    """A table whose header lacks the name of the last column, not of the first."""
    lines = table("", MIR, form).files["spectra.csv"].decode().splitlines()
    lines[0] = lines[0].rpartition(form.separator)[0]
    name = f"a last column without a name, {form.separator!r}"
    return Case(name, {"spectra.csv": "\n".join(lines).encode()}, None, frozenset({ANY}))


CASES: list[Case] = [
    *(
        two_columns(f"axis in {word!r}", Axis(np.round(x, decimals), decimals=decimals), header=(word, "A")).asks(
            "unit", ANY
        )
        for word, (x, decimals) in OTHER_UNITS.items()
    ),
    *(two_columns(f"quantity {word!r}", header=("cm-1", word)).asks("quantity") for word in OTHER_QUANTITIES),
    two_columns(
        "an absorption coefficient in cm-1 by nm", MIR_NM, header=("Wavelength (nm)", "Absorption coefficient (cm-1)")
    ).asks("quantity"),
    *(two_columns(f"quantity {word!r}", header=("cm-1", word)).or_asks("quantity") for word in CORRECTED_QUANTITIES),
    *(
        two_columns(f"harmless comment {comment!r}", before=f"# {comment}\n", header=("Wavenumber", "Absorbance"))
        for comment in HARMLESS_COMMENTS
    ),
    *(
        two_columns(f"misleading comment {comment!r}", before=f"# {comment}\n", header=("X", "Absorbance")).or_asks(
            "unit"
        )
        for comment in MISLEADING
    ),
    *(
        table(f"misleading comment {comment!r} above a table", before=f"# {comment}\n").or_asks("unit")
        for comment in MISLEADING
    ),
    two_columns("a setting with its unit", before="Laser wavelength (nm),632.8\n", header=("X", "Y")).or_asks(ANY),
    *(
        two_columns(f"rising wavelengths {name}", value, header=None).asks("unit")
        for name, value in WAVELENGTHS.items()
    ),
    *(table(f"table of rising wavelengths {name}", value).asks("unit") for name, value in WAVELENGTHS.items()),
    table("rising wavenumbers 600 to 4000 by 40", axis(600, 4000, 40, decimals=0), channel="X{}"),
    two_columns("a number as the sample in the header", header=("Wavenumber (cm-1)", "5001")),
    two_columns("the hole D1 in the header", header=("Wavenumber (cm-1)", "D1")).or_asks("quantity"),
    two_columns("a comment of scans decides no unit", VISNIR_NM, before="# 4 cm-1, 64 scans\n", header=("x", "A")).asks(
        "unit"
    ),
    two_columns("a range in a comment", VISNIR_NM, before="# range: 350-2500 nm\n", header=("x", "A")).or_asks("unit"),
    two_columns("a header against a title", before="Wavelength (nm)\n"),
    two_columns("a title with a comma", before="Sample 12, DRIFT 64 scans\n", header=("cm-1", "A")).or_asks(ANY),
    two_columns("a title of a firm", before="KM Mining Ltd\n", header=("cm-1", "Intensity")).or_asks("quantity"),
    # units in a line of their own, as Origin writes them
    two_columns("a line of units", before="Wavenumber,Absorbance\n", header=("cm-1", "a.u.")).or_asks(ANY),
    two_columns("a line of units in nm", MIR_NM, before="Wavelength,Absorbance\n", header=("nm", "a.u.")).or_asks(ANY),
    two_columns("units below silent words", MIR_UM, before="x,y\n", header=("um", "log(1/R)")).or_asks(ANY),
    two_columns(
        "units below words of transmittance",
        quantity="percent",
        before="Wavenumber,Transmittance\n",
        header=("cm-1", "%"),
    ).asks("quantity", ANY),
    # more columns than two
    lines("a standard error as third column", "{x},{y},0.001", "cm-1,A,sd").asks(ANY),
    lines("a standard error without a header", "{x},{y},0.001", "").asks(ANY),
    lines("two axes", "{x},2500.5,{y}", "cm-1,nm,A").asks(ANY),
    # ways to write lines and numbers
    lines("a space after the comma", "{x}, {y}"),
    lines("aligned with spaces", "{x:12.2f}{y:12.5f}", "  Wavenumber  Absorbance"),
    lines("spaces and tabs", "{x} \t {y}", "cm-1\tA"),
    lines("semicolon at the end", "{x};{y};", "cm-1;A;"),
    lines("comma at the end, no header", "{x},{y},", ""),
    lines("plus signs", "+{x},+{y}"),
    lines("a point at the end", "{x:.0f}.,{y}"),
    lines("exponents", "{x:.6E},{y:.6E}"),
    lines("exponents of Fortran", "{x:.1f},{y:.5f}D+00").or_asks(ANY),
    lines("numbers in quotation marks", '"{x}";"{y}"', "cm-1;A"),
    two_columns("small negative absorbance", offset=-0.21),
    table("channels as exponents", MIR_WHOLE, channel=lambda text: f"{float(text):.4E}"),
    table("channels with spaces", MIR_WHOLE, US_TAB, channel=" {} "),
    with_empty_columns(US),
    with_empty_columns(GERMAN),
    two_columns("end of data", after="# end of data\n").or_asks(ANY),
    # damaged files
    without_last_name(US),
    without_last_name(US_TAB),
    *(damaged(f"a cell {cell!r}", "0.20774", cell) for cell in BAD_CELLS),
    *(damaged(f"a cell {cell!r}, tab", "0.20774", cell, US_TAB) for cell in ("0,20774.5", "-", "\u22120,2077")),
    damaged("a cell is missing", "0.20774,", ""),
    damaged("a channel twice", "3900.0", "4000.0"),
    damaged("channels out of order", "3900.0", "2905.0").asks(ANY),
    damaged("a sample without a name", "R2,", ","),
    damaged("a sample twice", "R2,", "R1,"),
    damaged("the header again", "R2,0", "sample,4000.0,3900.0\nR2,0"),
    damaged("the header again, in capitals", "R2,0", "SAMPLE,4000.0,3900.0\nR2,0"),
    lines("the axis starts again", "{x},{y}\n{x},{y}").asks(ANY),
    # the corner of a table speaks of the channels
    table("a corner of nm", MIR_NM, columns={"Wavelength (nm)": SAMPLES}),
    table("a corner of wavenumbers", columns={"Wavenumber": SAMPLES}),
    table("a corner of reflectance", quantity="fraction", columns={"Reflectance": SAMPLES}).asks("quantity"),
    table("a header that begins with #", columns={"#sample": SAMPLES}),
    table("a header that begins with # and a space", MIR, US_TAB, columns={"# sample": SAMPLES}),
    two_columns("gz of a replicate", MIR, GZIPPED, file="R1.0.dpt.gz"),
    two_columns("capital suffix .CSV", file="R1.CSV"),
    two_columns("capital suffix .TXT", MIR, US_TAB, file="R1.TXT"),
    # names
    table("numbers with a letter after a space", index=("12 A", "12 B", "13 A")),
    table("numbers with a letter after a space, tab", MIR, US_TAB, index=("12 A", "12 B", "13 A")),
    table(
        "a name with # before different quoted cells",
        columns={"sample": ("#1", "#2", "#3"), "note": ("3,5 g", "4,5 g", "5,5 g")},
        index=("#1", "#2", "#3"),
    ),
    table(
        "a name with # before a quoted cell",
        columns={"sample": ("#1", "#2", "#3"), "note": ("3,5 g",) * 3},
        index=("#1", "#2", "#3"),
    ),
    table(
        "names in Latin-1",
        MIR,
        TextFormat(";", ",", encoding="cp1252"),
        index=("Gr\u00e4ben 1", "\u00c9tang", "M\u00fc-7"),
    ),
    table("names in UTF-8", MIR, index=("Gr\u00e4ben 1", "\u00c9tang", "\u0416\u0438\u043b\u0430 3")),
    table("names of files", columns={"filename": ("R1.0", "R2.0", "R3.0")}, index=("R1.0", "R2.0", "R3.0")),
    table("a column of depths", columns={"SampleID": SAMPLES, "depth": ("1.5", "2.5", "3.5")}),
    table("a column of depths in front", MIR, US_SEMICOLON, {"Depth": ("1.5", "2.5", "3.5"), "SampleID": SAMPLES}),
    table("a hole before the sample", columns={"HoleID": ("H1", "H1", "H2"), "SampleID": SAMPLES}),
    table("a hole with one sample each", columns={"Hole": ("H1", "H2", "H3"), "Sample": SAMPLES}),
    replicate_lines(),
    two_columns(
        "UTF-16 of big-endian order", MIR, TextFormat("\t", newline="\r\n", encoding="utf-16-be"), before="\ufeff"
    ),
    two_columns("UTF-16 without a mark", MIR, TextFormat("\t", encoding="utf-16-le")).or_asks(ANY),
    two_columns("two columns with one space", MIR, SPACES, header=("cm-1", "A")),
    two_columns(
        "rising from 4000 in steps of an instrument", axis(4000, 9985, 192.87, decimals=2), header=None
    ).or_asks("unit"),
]
