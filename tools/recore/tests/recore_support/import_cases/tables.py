"""Cases of layouts: spectra in columns, samples with numbers for names, and the challenge's own schema."""

from dataclasses import replace

from recore_support.import_cases.assays import ID_VALUES
from recore_support.import_cases.case import ANY, Case
from recore_support.import_cases.rocks import MIR, MIR_NM, MIR_UM, NIR, OPUS, axis
from recore_support.import_cases.spectra import SAMPLES, table, transposed, two_columns
from recore_support.import_cases.text import GERMAN, GERMAN_TAB, US, US_TAB, WINDOWS, TextFormat

ROWS, HOLES, FROMS, TOS = ("1", "2", "3"), ("H1", "H1", "H2"), ("0", "1", "5"), ("1", "2", "6")
NUMBERS = tuple(str(number) for number in range(5001, 5009))


def own_schema(
    name: str, value: object = MIR, form: TextFormat = WINDOWS, channel: str = "{}", index: str = ""
) -> Case:
    """A data file of the challenge, as a spreadsheet saves it."""
    ids = {index: ROWS, "SiteID": HOLES, "DepthFrom": FROMS, "DepthTo": TOS}
    case = table(name, value, form, {**ids, "CuPPM": ("10", "", "30")}, ROWS, channel)  # type: ignore[arg-type]
    assert case.values
    assays = {**ID_VALUES, "DepthTo": [1, 2, 6], "CuPPM": [10, None, 30]}
    return replace(case, values=replace(case.values, assays=assays))


def in_one_table(
    name: str, columns: dict[str, tuple[str, ...]], form: TextFormat = WINDOWS, channel: str = "{}"
) -> Case:
    """Spectra and a laboratory's columns in one table: Cu in per cent, Au in g/t."""
    case = table(name, MIR, form, columns, channel=channel)
    assert case.values
    assays = {**ID_VALUES, "DepthTo": [1, 2, 6], "CuPPM": [1000, 2000, 5000], "AuPPM": [1, 2, 3]}
    return replace(case, values=replace(case.values, assays=assays))


def long_layout() -> Case:
    """One line for each sample and channel."""
    lines = ["sample,wavenumber,absorbance"]
    lines += [f"{sample},{x:.1f},0.5" for sample in ("a", "b") for x in MIR.positions]
    return Case("one line a channel", {"spectra.csv": "\n".join(lines).encode()}, None, frozenset({ANY}))


def without_header(form: TextFormat) -> Case:
    """A table whose first line is a spectrum."""
    content = table("", MIR, form).files["spectra.csv"].partition(b"\n")[2]
    return Case(f"a table without a header, {form.separator!r}", {"spectra.csv": content}, None, frozenset({ANY}))


def joined(case: Case, mark: bytes = b"") -> Case:
    """The table of a case and a second one of other samples with the same header."""
    [(file, content)] = case.files.items()
    return replace(case, files={file: content + mark + content.replace(b"R", b"T")}).asks("")


def with_another_header(corner: str) -> Case:
    """Two tables in micrometres, whose channels differ; no number of the second header is too high for absorbance."""
    positions = axis(2.5, 9.75, 0.25, "um", 2)
    other = replace(positions, positions=positions.positions + 0.05)
    [(file, content)], [(_, more)] = (
        table("", grid, columns={title: SAMPLES}).files.items()
        for grid, title in ((positions, "sample"), (other, corner))
    )
    case = Case(f"two tables with other channels, {corner}", {file: content + more.replace(b"R", b"T")}, None)
    return case.asks("layout").with_options(unit="um")


def with_long_minus(case: Case) -> Case:
    """The case with the sign that typesetters use."""
    [(file, content)] = case.files.items()
    assert b",-" in content
    return replace(case, files={file: content.replace(b",-", b",\xe2\x88\x92")})


CASES: list[Case] = [
    with_long_minus(table("a long minus in a table", MIR, offset=-0.25).with_options(convert="none")),
    with_long_minus(two_columns("a long minus in two columns", MIR, offset=-0.25)),
    # a header in the middle
    *(joined(table(f"two tables, {form.separator!r}", MIR, form)) for form in (US, GERMAN, US_TAB)),
    joined(table("two tables in micrometres", MIR_UM).with_options(unit="um"), b"\xef\xbb\xbf"),
    *(with_another_header(corner) for corner in ("sample", "SAMPLE", "Sample ID")),
    joined(table("two tables, R's header", MIR, channel="X{}")),
    joined(own_schema("two tables in the challenge's schema")),
    joined(two_columns("two files of a spectrum")),
    transposed("samples 5001 to 5008 in columns", NUMBERS, "X [1/cm]").asks("layout"),
    transposed("samples in columns", ("B12", "B13", "B14")).asks("layout"),
    transposed("samples in columns, German", ("P1", "P2", "P3"), "Wellenzahl", OPUS, GERMAN).asks("layout"),
    transposed("samples with numbers, German tab", ("101", "102", "103"), "cm-1", MIR, GERMAN_TAB).asks("layout"),
    transposed("samples with numbers by nm", NUMBERS, "wavelength_nm", MIR_NM).asks("layout"),
    transposed("samples in columns, ASD", ("a.asd", "b.asd"), "Wavelength", MIR_NM, US_TAB).asks("layout"),
    transposed("samples 1 to 8 in columns", tuple("12345678"), "wavenumber").asks("layout"),
    transposed("falling samples in columns", NUMBERS[::-1], "Wavenumber (cm-1)").asks("layout"),
    transposed("samples in columns under an empty cell", NUMBERS, "").asks("layout", "unit", "channels"),
    transposed("samples in columns, rising", NUMBERS, "wn", MIR.reversed).asks("layout"),
    transposed(
        "samples in columns, near infrared",
        ("4100", "4101", "4102", "4103", "4104", "4105", "4106", "4107"),
        "cm-1",
        NIR,
    ).asks("layout"),
    long_layout(),
    without_header(WINDOWS),
    without_header(US_TAB),
    # real tables whose samples are numbers
    table("numbers as samples", index=("4000", "3900", "3800"), columns={"": ("4000", "3900", "3800")}).or_asks(ANY),
    table("sample numbers in the range of wavenumbers", index=("1001", "1002", "1003")),
    # the challenge's own schema is never asked about
    own_schema("own schema"),
    own_schema("own schema in German", OPUS, GERMAN),
    own_schema("own schema, 2500 to 1000", axis(2500, 1000, -50, decimals=0)),
    own_schema("own schema, rising from 4000", axis(4000, 10000, 250, decimals=0)),
    own_schema("own schema, a named index", index="index"),
    own_schema("own schema, rising 350 to 2500", axis(350, 2500, 50, decimals=0)),
    # a laboratory's columns beside the channels
    in_one_table(
        "one table of a laboratory",
        {
            "SampleID": ("R1", "R2", "R3"),
            "HoleID": HOLES,
            "From": FROMS,
            "To": TOS,
            "Cu (%)": ("0.1", "0.2", "0.5"),
            "Au (g/t)": ("1", "2", "3"),
        },
    ),
    in_one_table(
        "one table with the schema's IDs",
        {
            "sample": ("R1", "R2", "R3"),
            "SiteID": HOLES,
            "DepthFrom": FROMS,
            "DepthTo": TOS,
            "Cu_pct": ("0.1", "0.2", "0.5"),
            "Au_ppb": ("1000", "2000", "3000"),
        },
    ),
    in_one_table(
        "one table of a laboratory, German",
        {
            "Probe": ("R1", "R2", "R3"),
            "HoleID": HOLES,
            "From": FROMS,
            "To": TOS,
            "Cu (%)": ("0,1", "0,2", "0,5"),
            "Au (g/t)": ("1", "2", "3"),
        },
        GERMAN,
    ),
    in_one_table(
        "one table of a laboratory with a counter",
        {
            "": ("0", "1", "2"),
            "Sample No": ("R1", "R2", "R3"),
            "BHID": HOLES,
            "From (m)": FROMS,
            "To (m)": TOS,
            "Cu_ppm": ("1000", "2000", "5000"),
            "Au_ppm": ("1", "2", "3"),
        },
    ),
    in_one_table(
        "one table with an oxide without a unit",
        {
            "SampleID": ("R1", "R2", "R3"),
            "HoleID": HOLES,
            "From": FROMS,
            "To": TOS,
            "Cu (%)": ("0.1", "0.2", "0.5"),
            "CaO": ("1", "2", "3"),
        },
    ).asks("content-unit"),
]
