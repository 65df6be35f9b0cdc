"""Cases in the forms of instruments' exports and of public spectral libraries, with made-up values."""

from collections.abc import Sequence

import numpy as np

from recore_support.import_cases.case import ANY, Case
from recore_support.import_cases.rocks import MIR, MIR_UM, MIR_WHOLE, NIR_NM, OMNIC, VISNIR_NM, Axis, absorbance, axis
from recore_support.import_cases.spectra import SAMPLES, as_written, table, two_columns, values_of
from recore_support.import_cases.text import GERMAN, SPACES, US, US_TAB, TextFormat

NEOSPECTRA = axis(7408, 3920, -64, decimals=0)
SHIMADZU = "##### Sample Name : rock 7\nNumber of scans : 64\n"
AGILENT = "Sample ID:,rock 7\nUser:,ann\nMethod:,DRIFT\nScans:,64\nResolution:,4\nApodization:,HappGenzel\n\n"
FOSS = (
    "## Instrument Name = XDS\n## Nr of data points = 35\n## First X Point = 600\n## Wave number - Absorbance value\n"
)
ASD = (
    "Text conversion of header file C:\\soil.asd\nThe instrument number was 18820/1\nVNIR integration time : 17\n"
    "xmin = 350 xmax= 2500\n"
)
SED = "Comment: \nVersion: 2.3\nInstrument: PSR-3500\nMeasurement: REFLECTANCE\nUnits: %\nColumns [2]:\nData:\n"
SPLIB06 = (
    "USGS Digital Spectral Library splib06a\nActinolite HS116.1B ASDFRb AREF\n(standard deviation of 0 means not "
    "measured)\n----------------------------------------\nActinolite\n"
)


def columns(name: str, header: Sequence[str], positions: Axis, form: TextFormat = US, before: str = "") -> Case:
    """A file of an axis, a spectrum, and columns of small numbers such as standard deviations; it is not read."""
    rows = [list(header)] if header else []
    for x, y in zip(positions.positions, absorbance(positions.wavenumbers, 1)[0], strict=True):
        rest = [form.number(0.001 * y, 6)] * (max(len(header), 3) - 2)
        rows.append([form.number(x, 3), form.number(y, 5), *rest])
    return Case(name, {"R1.txt": form.content(rows, before)}, None, frozenset({ANY}))


def above_channels(name: str, lines: Sequence[str], after: str = "") -> Case:
    """A table with further lines above and below its header, as pandas writes columns of two levels."""
    case = table("", columns={"": SAMPLES})
    header, _, rest = case.files["spectra.csv"].decode().partition("\n")
    commas = len(MIR.positions)
    text = "".join(f"{line}{f',{line or 0}' * commas}\n" for line in lines)
    below = f"{after}{',' * commas}\n" if after else ""
    return Case(name, {"spectra.csv": f"{text}{header}\n{below}{rest}".encode()}, None, frozenset({ANY}))


def with_line(name: str, sample: str) -> Case:
    """A table whose last line is a statistic of the others."""
    return table(name, index=(*SAMPLES, sample), columns={"sample": (*SAMPLES, sample)}).asks("")


def series() -> Case:
    """A series of pandas without a name."""
    written, spectra = as_written("absorbance", absorbance(MIR.wavenumbers, 1), 5)
    text = ",0\n" + "".join(f"{x:.1f},{y:.5f}\n" for x, y in zip(MIR.positions, written[0], strict=True))
    return Case("a series of pandas", {"R1.csv": text.encode()}, values_of(MIR, spectra, ["R1"]))


CASES: list[Case] = [
    # instruments
    two_columns(
        "PerkinElmer with three title cells", MIR_WHOLE, US, ("cm-1", "%T"), "percent", before="r7,,\nNew,,\n"
    ).asks("quantity"),
    two_columns("OMNIC, German", OMNIC, GERMAN, header=None),
    two_columns("Agilent with a block of settings", before=AGILENT, header=("wavenumber", "absorbance")),
    Case("Agilent asp", {"R1.txt": ("35\n4000\n600\n" + "0.5\n0.6\n" * 17).encode()}, None, frozenset({ANY})),
    two_columns("Shimadzu LabSolutions", before=SHIMADZU, header=("cm-1", "Abs")),
    two_columns(
        "Shimadzu UVProbe", VISNIR_NM, US_TAB, ("Wavelength nm.", "Abs."), file="R1.txt", before='"rock - RawData"\n'
    ),
    two_columns(
        "Shimadzu UVProbe, R%", VISNIR_NM, US_TAB, ("Wavelength nm.", "R%"), "percent", before='"rock - RawData"\n'
    ).asks("quantity"),
    two_columns("FOSS and ABB asc", MIR.reversed, SPACES, None, file="R1.asc", before=FOSS),
    two_columns("Spectragryph", MIR, US_TAB, header=("Wavenumber [cm-1]", "Absorbance"), file="R1.txt"),
    two_columns("ASD with its settings", VISNIR_NM, US_TAB, ("Wavelength", "a.asd"), "fraction", before=ASD).asks(
        "unit"
    ),
    two_columns("PSR sed", VISNIR_NM, US_TAB, ("Wvl", "Reflect. %"), "percent", "R1.txt", before=SED).asks(
        "unit", "quantity"
    ),
    columns("SVC without its header", (), VISNIR_NM, SPACES),
    table("NeoSpectra", NEOSPECTRA, columns={"sample_id": SAMPLES}),
    table("MicroNIR", NIR_NM, columns={"AcquisitionDate": ("2024-03-01",) * 3, "SampleName": SAMPLES}).asks("unit"),
    columns("a table of peaks by OPUS", ("Wavenumber", "Abs. Intensity", "Rel. Intensity", "Width", "Shoulder"), MIR),
    # libraries of minerals
    columns("RELAB tab", (), MIR_UM, SPACES),
    columns("RELAB asc", ("Wavelength(microns)", "Reflectance", "STD_DEV"), MIR_UM, SPACES, "C1JB123\n"),
    columns("RELAB csv", ("Wavelength (nm)", "Reflectance", "Standard deviation"), VISNIR_NM),
    columns("splib06 of the USGS", (), MIR_UM, SPACES, SPLIB06),
    # libraries of soils
    table("AfSIS", columns={"PIDN": SAMPLES, "BSAN": ("-0.6",) * 3, "Depth": ("Topsoil",) * 3}, channel="m{}"),
    table("ICRAF", columns={"SSN": SAMPLES}, channel="m{}"),
    table("KSSL", columns={"smp_id": SAMPLES}),
    table("OSSL", MIR_WHOLE.reversed, columns={"id.layer_uuid_txt": SAMPLES}, channel="scan_mir.{}_abs"),
    table(
        "OSSL, visible",
        VISNIR_NM,
        columns={"id.layer_uuid_txt": SAMPLES},
        quantity="fraction",
        channel="scan_visnir.{}_ref",
    ).asks("unit", "quantity"),
    table("LUCAS", VISNIR_NM, columns={"PointID": ("101", "102", "205")}, channel="spc.{}").asks("unit"),
    table("a matrix of R without names", axis(1, 60, 1, decimals=0), columns={"": SAMPLES}, channel="V{}").asks(
        "channels"
    ),
    table(
        "bands of a satellite",
        Axis(np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12]), decimals=0),
        columns={"": SAMPLES, "SOC_target": ("1.1", "2.2", "0.7")},
        channel=lambda number: f"B{int(number):02}",
    )
    .with_options(unit="cm-1")
    .asks("channels"),
    table("per cent below 10", VISNIR_NM, quantity="percent", channel="wl_{}", offset=1.05).asks("quantity"),
    # pandas
    above_channels("columns of two levels", ["absorbance"]),
    above_channels("columns of two named levels", ["kind"], "sample"),
    series(),
    with_line("a line of means", "mean"),
    with_line("a line of standard deviations", "Std Dev"),
    with_line("a line of maxima", "MAX"),
    table("samples that contain such words", index=("max 1", "SD-7", "Mean St")),
    Case(
        "each spectrum with its axis",
        {"R.csv": US.content([["cm-1", "R1", "cm-1", "R2"], *([str(x), ".5", str(x), ".6"] for x in MIR.positions)])},
        None,
        frozenset({"layout"}),
    ),
]
