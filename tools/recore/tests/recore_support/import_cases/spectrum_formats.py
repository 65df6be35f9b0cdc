"""Cases of formats: how instruments, R, pandas and spreadsheets write plain spectra."""

import numpy as np

from recore_support.import_cases.case import ANY, Case
from recore_support.import_cases.rocks import MIR, MIR_WHOLE, OMNIC, OPUS, VISNIR_NM, absorbance
from recore_support.import_cases.spectra import SAMPLES, as_written, table, two_columns, values_of
from recore_support.import_cases.text import (
    FORMATS,
    GERMAN,
    GZIPPED,
    QUOTED,
    R_CSV2,
    SPACES,
    US,
    US_TAB,
    WINDOWS,
    TextFormat,
)


def omnic() -> Case:
    """OMNIC's CSV: rising, without a header, numbers such as 3.991927e+002."""
    written, spectra = as_written("absorbance", absorbance(OMNIC.wavenumbers, 1), 7)
    text = "".join(
        f"{x:.6e},{y:.6e}\r\n".replace("e+0", "e+00").replace("e-0", "e-00")
        for x, y in zip(OMNIC.positions, written[0], strict=True)
    )
    return Case("OMNIC", {"R1.csv": text.encode()}, values_of(OMNIC, spectra, ["R1"]))


def write_table(form: TextFormat, channel: str) -> Case:
    """The file of R's write.table: names in quotation marks, and a header without a cell for the row names."""
    case = table("", MIR, form, channel=channel)
    lines = case.files["spectra.csv"].decode().splitlines()
    header = lines[0].split(form.separator)[1:]
    text = form.separator.join(f'"{name}"' for name in header) + "\n"
    for line in lines[1:]:
        name, separator, numbers = line.partition(form.separator)
        text += f'"{name}"{separator}{numbers}\n'
    return Case(f"R's write.table {form.separator!r} {channel}", {"spectra.txt": text.encode()}, case.values)


def several_files(name: str, names: tuple[str, ...], index: tuple[str, ...], **options: object) -> Case:
    """One file for each name, each with the spectrum of the same row of the values."""
    written, spectra = as_written("absorbance", absorbance(OPUS.wavenumbers, len(names)), 5)
    files = {}
    for file, values in zip(names, written, strict=True):
        files[file] = "".join(f"{x:.5f},{y:.5f}\n" for x, y in zip(OPUS.positions, values, strict=True)).encode()
    if options.get("replicates") == "mean":
        groups = [[row for row, file in enumerate(names) if file.startswith(sample)] for sample in index]
        spectra = np.stack([spectra[rows].mean(axis=0) for rows in groups])
    return Case(name, files, values_of(OPUS, spectra, index), options=options)


REPLICATE = r"(?P<sample>.+)_rep(?P<replicate>\d+)\.csv"

CASES: list[Case] = [
    *(table(f"table in {name}", OPUS if not form.thousands else MIR, form) for name, form in FORMATS.items()),
    *(two_columns(f"two columns in {name}", MIR, form) for name, form in FORMATS.items()),
    two_columns("Bruker dpt", OPUS, header=None, file="R1.0.dpt"),
    two_columns("Bruker dpt with tabs", OPUS, US_TAB, header=None, file="R1.dpt"),
    omnic(),
    two_columns("PerkinElmer csv", MIR_WHOLE, WINDOWS, header=("cm-1", "A"), before="rock 7 Created as New Dataset\n"),
    two_columns("Agilent csv", MIR, header=("Wavenumber(cm-1)", "Absorbance"), before="MicroLab PC\n"),
    two_columns("spaces in front", MIR, TextFormat(" "), header=None, after="\n\n"),
    two_columns("empty columns from a spreadsheet", MIR, after=",,,\n,,,\n").or_asks(ANY),
    two_columns("gz of one spectrum", MIR, GZIPPED, file="R1.csv.gz"),
    two_columns("gz of a dpt", OPUS, GZIPPED, header=None, file="R1.dpt.gz"),
    table("gz of a table", MIR, GZIPPED, file="spectra.csv.gz"),
    table("pandas with sample names as index", columns={"": SAMPLES}),
    table("pandas with a counter and sample", columns={"": ("0", "1", "2"), "sample": SAMPLES}),
    table("pandas with named index", columns={"SampleID": SAMPLES}),
    table("R's write.csv", MIR, QUOTED, columns={"": SAMPLES}, channel="X{}"),
    table("R's write.csv, row numbers", MIR, QUOTED, columns={"": ("1", "2", "3"), "sample": SAMPLES}, channel="X{}"),
    table("R's write.csv2, whole channels", MIR_WHOLE, R_CSV2, columns={"": SAMPLES}, channel="X{}"),
    # R writes the numbers of a data frame with commas, but its column names stay as they are
    table(
        "R's write.csv2, channels with points",
        MIR,
        R_CSV2,
        columns={"": SAMPLES},
        channel=lambda text: "X" + text.replace(",", "."),
    ),
    write_table(SPACES, "X{}"),
    write_table(US_TAB, "X{}"),
    write_table(US_TAB, "{}"),
    table("trailing empty columns", after=",,,,\n,,,,\n"),
    table("sep=; of Excel", form=GERMAN, before="sep=;\n"),
    table("sep=, of Excel", form=US, before="sep=,\n"),
    table("empty lines", before="\n\n", after="\n\n\n"),
    table("other columns", columns={"sample": SAMPLES, "operator": ("Ann", "Ben", "Smith, J."), "scans": ("64",) * 3}),
    table("dates in another column", form=GERMAN, columns={"sample": SAMPLES, "Datum": ("01.03.2024",) * 3}),
    table("a version in another column", columns={"sample": SAMPLES, "software": ("8.7.10",) * 3}),
    table(
        "key and value lines above a table",
        before="Operator,Ann\nDate,2024-03-01\nResolution,4 cm-1\n\n",
    ),
    two_columns(
        "key and value lines above two columns",
        before="Operator,Ann\nDate,2024-03-01\nResolution,4 cm-1\nScans,64\n\n",
    ).or_asks(ANY),
    two_columns(
        "key and value lines that name another unit",
        before="Instrument,NIR 1100-2500 nm\nReference,reflectance standard\n",
    ).or_asks(ANY),
    # replicates
    several_files("replicates 0 and 1", ("R1.0.dpt", "R1.1.dpt", "R2.0.dpt"), ("R1", "R2"), replicates="mean"),
    several_files("replicates 0, 1, 2 of csv", ("R1.0.csv", "R1.1.csv", "R1.2.csv"), ("R1",), replicates="mean"),
    several_files(
        "each replicate",
        ("R1.0.dpt", "R1.1.dpt", "R2.0.dpt", "R2.1.dpt"),
        ("R1:0", "R1:1", "R2:0", "R2:1"),
        replicates="each",
    ),
    several_files("replicates by --name", ("R1_rep1.csv", "R1_rep2.csv"), ("R1",), replicates="mean").with_options(
        name=REPLICATE
    ),
    several_files("one spectrum a file", ("R1.csv", "R2.csv"), ("R1", "R2")),
    several_files("one spectrum a file, 0", ("R1.0.csv", "R2.0.csv"), ("R1", "R2")),
    several_files("replicates are not averaged unasked", ("R1.0.csv", "R1.1.csv"), ("R1",)).asks(ANY),
    several_files("depths", ("BH7_3.5.csv", "BH7_3.8.csv"), ("BH7_3",), replicates="mean").asks("replicate"),
    several_files("depths of dpt", ("core_1.25.dpt", "core_1.75.dpt"), ("core_1",), replicates="mean").asks(
        "replicate"
    ),
    several_files("depths, each", ("DD-12.4.csv", "DD-12.9.csv"), ("a", "b"), replicates="each").asks("replicate"),
    several_files("depths, default", ("K9_101.5.txt", "K9_102.5.txt"), ("a", "b")).asks("replicate"),
    several_files("depths 12.0 and 12.5", ("BH1_12.0.csv", "BH1_12.5.csv"), ("BH1_12",), replicates="mean").asks(
        "replicate"
    ),
    several_files(
        "depths by quarters", ("BH1_2.25.csv", "BH1_2.50.csv", "BH1_2.75.csv"), ("BH1_2",), replicates="mean"
    ).asks("replicate"),
    several_files("one depth", ("DH02_7.5.csv",), ("DH02_7",)).asks("replicate"),
    several_files("depths by --name", ("D_12.5.csv", "D_12.8.csv"), ("D_12.5", "D_12.8")).with_options(
        name=r"(?P<sample>.+)\.csv"
    ),
    several_files("replicates 0 to 11", tuple(f"R1.{number}.dpt" for number in range(12)), ("R1",), replicates="mean"),
    several_files(
        "replicates from 1", ("soil_7.1.csv", "soil_7.2.csv", "soil_7.3.csv"), ("soil_7",), replicates="mean"
    ).or_asks("replicate"),
    several_files("a date as name", ("2024.03.01.csv",), ("2024.03.01",)).or_asks(ANY),
    several_files("a version as name", ("core.v2.csv", "core.v3.csv"), ("core.v2", "core.v3")),
    # names of samples in a table
    *(
        table(f"samples {', '.join(names)}", columns={title: names}, index=names)
        for title, names in (
            ("sample", ("#1", "#2", "#3")),
            ("sample", ("A1", "#2", "A3")),
            ("ID", ("#7-a", "#7-b", "# 8")),
            ("sample", ("001", "002", "010")),
            ("SampleID", ("5001", "5002", "5003")),
            ("Sample", ("1.5", "2.5", "10.25")),
            ("sample", ("1.500", "2.500", "12.250")),
            ("sample", ("2024-03-01", "2024-03-02", "2024-03-05")),
            ("Sample No", ("1e5", "2e5", "NA")),
            ("sample", ("B 7, upper", "B 7, lower", "B;9")),
        )
    ),
    table(
        "samples 1.500 in German",
        form=GERMAN,
        columns={"Probe": ("1.500", "2.500", "3.250")},
        index=("1.500", "2.500", "3.250"),
    ),
    table("samples 1,5 in US tab", form=US_TAB, columns={"sample": ("1,5", "2,5", "3,5")}, index=("1,5", "2,5", "3,5")),
    table("ASD with --unit", VISNIR_NM, US_TAB, columns={"Wavelength": SAMPLES}).with_options(unit="nm").or_asks(ANY),
]
