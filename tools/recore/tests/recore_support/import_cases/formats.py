"""Cases of formats: spectra from instruments, libraries, R, pandas and spreadsheets; marks, names and damage."""

import gzip
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from recore_support.import_cases.building import (
    FORMATS,
    GERMAN,
    GERMAN_TAB,
    GROUPINGS,
    GZIPPED,
    ID_VALUES,
    MIR,
    MIR_UM,
    MIR_WHOLE,
    NIR,
    OMNIC,
    OPUS,
    QUOTED,
    R_CSV2,
    SEMICOLON,
    SPACES,
    US,
    US_TAB,
    VISNIR_NM,
    WINDOWS,
    Axis,
    TextFormat,
    absorbance,
    axis,
    lines,
    split_entries,
    split_list,
    table,
    two_columns,
)
from recore_support.import_cases.case import ERROR, NO_ID, Case, Values, ask, may_ask

Y = absorbance(MIR_WHOLE.wavenumbers)[0]
PAIRS = "".join(f"{x:.0f},{y * 1e4:.0f}\n" for x, y in zip(MIR_WHOLE.positions, Y, strict=True))
ORDINATES = PAIRS.replace(",", " ")
JCAMP = (
    "##TITLE=rock\n##JCAMP-DX=4.24\n##DATA TYPE=INFRARED SPECTRUM\n##XUNITS=1/CM\n##YUNITS=ABSORBANCE\n"
    f"##FIRSTX=4000\n##LASTX=400\n##NPOINTS={len(Y)}\n##XFACTOR=1\n##YFACTOR=0.0001\n##XYPOINTS=(XY..XY)\n{PAIRS}"
)
JASCO = (
    "TITLE\trock\nDATA TYPE\tINFRARED SPECTRUM\nORIGIN\tJASCO\nSPECTROMETER/DATA SYSTEM\tFT/IR\nDELTAX\t-100\n"
    "XUNITS\t1/CM\nYUNITS\t{}\nFIRSTX\t4000\nLASTX\t600\nNPOINTS\t35\nXYDATA\n"
)
PERKIN_ELMER = (
    "PE IR       SUBTECH     SPECTRUM    ASCII       PEDS        4.00        -1\n-1\nrock.sp\n24/03/01\n12:00:00.00\n"
    "24/03/01\n12:00:00.00\nAnn\nrock 7\n#HDR\n-1\n5\nABEX\n#GR\nCM-1\nA\n1.000000\n0.000000\n4000.000000\n"
    "-100.000000\n35\n8\n0.000000\n1.000000\n#DATA\n"
)
ECOSTRESS = (
    "Name: Quartz\nType: Mineral\nClass: Silicate\nParticle Size: 125-500um\nSample No.: S-2A\nOwner: JPL\n"
    "Wavelength Range: TIR\nOrigin: unknown\nDescription: a rock, 25 % mica\nMeasurement: {0}\n"
    "First Column: X\nSecond Column: Y\nX Units: Wavelength (micrometers)\nY Units: {0} {1}\nFirst X Value: 2.5\n"
    "Last X Value: 15.9\nNumber of X Values: 37\nAdditional Information: none\n\n"
)
USGS = "splib07a Record=10001: Quartz GDS74 ASDFRa AREF\n" + "".join(f" {y:.7e}\n" for y in 10**-Y)
SPLIB06 = (
    "USGS Digital Spectral Library splib06a\nActinolite HS116.1B ASDFRb AREF\n(standard deviation of 0 means not "
    "measured)\n----------------------------------------\nActinolite\n"
)
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
SETTINGS = "Operator,Ann\nDate,2024-03-01\nResolution,4 cm-1\n\n"

THREE_DECIMAL_AXIS = axis(4000, 600, -100, decimals=3)
THREE_DECIMALS = {"decimals": 3, "offset": 1}  # numbers such as 1.234, which could be thousands
POINT_THOUSANDS = TextFormat("\t", ",", ".")
BAD_CELLS = split_list("nan|#N/A|#DIV/0!|1.#INF|*****||0.1.2|1e400|0x1F|n.d.|0.5?|1/2")
FULL_WIDTH = str.maketrans("0123456789.", "".join(map(chr, (*range(0xFF10, 0xFF1A), 0xFF0E))))
MINUS_SIGNS = ("\u2212", "\u2013", "\u2011", "\ufe63", "\uff0d")
UNICODE_SPACES = ("\u00a0", "\u202f", "\u2009", "\u200b", "\ufeff", "\u3000")
LABORATORY = {"SampleID": "R1|R2|R3", "HoleID": "H1|H1|H2", "From": "0|1|5", "To": "1|2|6"}


def write_table(form: TextFormat, channel: str) -> Case:
    case = table(MIR, form, channel=channel)
    header, *rows = (line.split(form.separator) for line in case.files["spectra.csv"].decode().splitlines())
    table_cells = [[f'"{name}"' for name in header[1:]], *([f'"{name}"', *numbers] for name, *numbers in rows)]
    content = "".join(form.separator.join(cells) + "\n" for cells in table_cells)
    return replace(case, files={"spectra.txt": content.encode()})


def scans(names: str, index: str, **options: object) -> Case:
    """Build one file for each name, with the spectrum in the same row of the values."""
    spectra = np.round(absorbance(OPUS.wavenumbers, len(names.split("|"))), 5)
    files = {}
    for file, values in zip(names.split("|"), spectra, strict=True):
        files[file] = "".join(f"{x:.5f},{y:.5f}\n" for x, y in zip(OPUS.positions, values, strict=True)).encode()
    if options.get("replicates") == "mean":
        groups = [[row for row, file in enumerate(files) if file.startswith(sample)] for sample in index.split("|")]
        spectra = np.stack([spectra[rows].mean(axis=0) for rows in groups])
    return Case(files, Values(index.split("|"), OPUS.wavenumbers, spectra), (), options=options)


def replicate_lines() -> Case:
    case = table(columns={"sample": "A|A|B", "replicate": "1|2|1"})
    spectra = case.right.absorbance
    values = Values(["A", "B"], case.right.wavenumbers, np.stack([spectra[:2].mean(axis=0), spectra[2]]))
    return replace(case, values=values).with_options(replicates="mean")


def rewrite_numbers(case: Case, write: Callable[[str], str]) -> Case:
    ((name, source),) = case.files.items()
    content = re.sub(r"-?\d+\.\d+", lambda match: write(match.group()), source.decode())
    return replace(case, files={name: content.encode()})


def pairs_per_line(number: int, mark: str) -> Case:
    pairs = [f"{x:.0f}{mark}{y:.5f}" for x, y in zip(MIR_WHOLE.positions[:36], Y, strict=False)]
    return other("\n".join(map(mark.join, zip(*[iter(pairs)] * number, strict=True))))


def repeat(case: Case, mark: str = "") -> Case:
    ((file, content),) = case.files.items()
    return replace(case, files={file: content + mark.encode() + content.replace(b"R", b"T")})


def two_headers(corner: str) -> Case:
    """Build two tables in micrometres with different channels; the second header could be absorbance."""
    positions = axis(2.5, 9.75, 0.25, "um", 2)
    second_table = table(replace(positions, positions=positions.positions + 0.05), columns={corner: "T1|T2|T3"})
    files = {"spectra.csv": table(positions).files["spectra.csv"] + second_table.files["spectra.csv"]}
    return Case(files).with_options(unit="um")


def own_schema(value: Axis = MIR, form: TextFormat = WINDOWS, channel: str = "{}", index: str = "") -> Case:
    ids = {index: "1|2|3", "SiteID": "H1|H1|H2", "DepthFrom": "0|1|5", "DepthTo": "1|2|6", "CuPPM": "10||30"}
    case = table(value, form, ids, "1|2|3", channel)
    return replace(case, values=replace(case.right, assays={**ID_VALUES, "CuPPM": [10, None, 30]}))


def one_table(columns: dict[str, str], form: TextFormat = WINDOWS, channel: str = "{}") -> Case:
    """Build spectra and a laboratory's columns in one table: 0.1, 0.2 and 0.5% of Cu, 1, 2 and 3 g/t of Au."""
    case = table(MIR, form, columns, channel=channel)
    values = {**ID_VALUES, "CuPPM": [1000, 2000, 5000], "AuPPM": [1, 2, 3]}
    return replace(case, values=replace(case.right, assays=values))


def other(content: bytes | str, file: str = "R1.txt") -> Case:
    return Case({file: content.encode() if isinstance(content, str) else content})


PROGRAMS = [
    *(table(MIR if form.thousands else OPUS, form) for form in FORMATS),
    *(two_columns(form=form) for form in FORMATS),
    # instruments
    two_columns(None, axis=OPUS, file="R1.0.dpt"),
    two_columns(None, axis=OPUS, form=US_TAB, file="R1.dpt"),
    two_columns(None, axis=OMNIC, form=GERMAN),
    lines("{x:.6e},{y:.6e}\r\n", "", OMNIC, decimals=7).edited("e+0", "e+00").edited("e-0", "e-00"),
    two_columns("cm-1", "A", MIR_WHOLE, WINDOWS, head="rock 7 Created as New Dataset\n"),
    two_columns("Wavenumber(cm-1)", head="MicroLab PC\n"),
    two_columns("wavenumber", "absorbance", head=AGILENT),
    two_columns("cm-1", "Abs", head=SHIMADZU),
    two_columns("Wavelength nm.", "Abs.", VISNIR_NM, US_TAB, '"rock - RawData"\n', file="R1.txt"),
    two_columns(None, axis=MIR.reversed, form=SPACES, head=FOSS, file="R1.asc"),
    *ask("quantity", two_columns("Wavelength nm.", "R%", VISNIR_NM, US_TAB, '"rock - RawData"\n', "percent")),
    *ask("unit", two_columns("Wavelength", "a.asd", VISNIR_NM, US_TAB, ASD, "fraction")),
    *ask(("unit", "quantity"), two_columns("Wvl", "Reflect. %", VISNIR_NM, US_TAB, SED, "percent", "R1.txt")),
    *ask(
        ("unit", "quantity"),
        table(VISNIR_NM, columns={"uuid": "R1|R2|R3"}, quantity="fraction", channel="scan_visnir.{}_ref"),
    ),
    *(table(columns={word: "R1|R2|R3"}) for word in ("smp_id", "SSN", "", "SampleID", "#sample")),
    table(MIR, US_TAB, {"# sample": "R1|R2|R3"}),
    # R, pandas, spreadsheets
    table(columns={"": "0|1|2", "sample": "R1|R2|R3"}),
    table(MIR, QUOTED, {"": "R1|R2|R3"}, channel="X{}"),
    table(MIR, QUOTED, {"": "1|2|3", "sample": "R1|R2|R3"}, channel="X{}"),
    table(MIR_WHOLE, R_CSV2, {"": "R1|R2|R3"}, channel="X{}"),
    # R writes the numbers of a data frame with commas, but its column names stay as they are
    table(MIR, R_CSV2, {"": "R1|R2|R3"}, channel=lambda name: "X" + name.replace(",", ".")),
    *(write_table(SPACES, "X{}"), write_table(US_TAB, "X{}"), write_table(US_TAB, "{}")),
    two_columns(None, head=",0\n"),  # a series of pandas without a name
    *(table(form=form, head=f"sep={form.separator}\n") for form in (GERMAN, US)),
    table(tail=",,,,\n,,,,\n"),
    table(head="\n\n", tail="\n\n\n"),
    *(table(form=form).edited("\n", f"{form.separator * 3}\n") for form in (US, GERMAN)),
    table(head=SETTINGS),
    two_columns(None, form=TextFormat(" "), tail="\n\n"),
    *(two_columns(form=GZIPPED, file=file) for file in ("R1.csv.gz", "R1.0.dpt.gz")),
    two_columns("cm-1", "A", form=TextFormat(" ", ",")),
    two_columns("Wellenl\xe4nge \xb5m", "Extinktion", MIR_UM, TextFormat(encoding="latin-1")),
    *(two_columns(file="R1.CSV"), two_columns(form=US_TAB, file="R1.TXT"), two_columns("cm-1", "A", form=SPACES)),
    two_columns(form=TextFormat("\t", newline="\r\n", encoding="utf-16-be"), head="\ufeff"),
    *may_ask(
        ERROR,
        two_columns(form=TextFormat("\t", encoding="utf-16-le")),
        two_columns(head=SETTINGS),
        two_columns(head="Instrument,NIR 1100-2500 nm\nReference,reflectance standard\n"),
        two_columns(tail=",,,\n,,,\n"),
        two_columns(tail="# end of data\n"),
    ),
    # forms of lines and numbers
    lines("{x}, {y}\n"),
    lines("{x:12.2f}{y:12.5f}\n", "  Wavenumber  Absorbance\n"),
    lines("{x} \t {y}\n", "cm-1\tA\n"),
    lines("{x};{y};\n", "cm-1;A;\n"),
    lines("{x},{y},\n", ""),
    lines("+{x},+{y}\n"),
    lines("{x:.0f}.,{y}\n"),
    lines("{x:.6E},{y:.6E}\n"),
    lines('"{x}";"{y}"\n', "cm-1;A\n"),
    table(MIR_WHOLE, US_TAB, channel=" {} "),
    *may_ask(ERROR, lines("{x:.1f},{y:.5f}D+00\n")),
    *ask(
        ERROR,
        lines("{x},{y},0.001\n", "cm-1,A,sd\n"),
        lines("{x},{y},0.001\n", ""),
        lines("{x},2500.5,{y}\n", "cm-1,nm,A\n"),
        lines("{x},{y}\n{x},{y}\n"),
        lines("{x},0.5,{y}\n", "Wavelength (nm),Reflectance,Standard deviation\n", VISNIR_NM),
        lines("{x} {y} 0.001\n", "C1JB123\n", MIR_UM),
        lines("{x} {y} 0.001\n", SPLIB06, MIR_UM),
        lines("{x},{y},0.9,12,\n", "Wavenumber,Abs. Intensity,Rel. Intensity,Width,Shoulder\n"),
        lines("a,{x},0.5\n", "sample,wavenumber,absorbance\n"),  # one line for each sample and channel
    ),
    *ask("layout", lines("{x},{y},{x},.6\n", "cm-1,R1,cm-1,R2\n")),
]

MARKS = [
    *(table(MIR_WHOLE, form) for form in (*GROUPINGS, POINT_THOUSANDS)),
    *(two_columns(axis=MIR_WHOLE, form=form) for form in GROUPINGS[:3]),
    *(table(NIR, GROUPINGS[0]), table(NIR, GROUPINGS[-1]), two_columns(None, axis=OPUS, form=POINT_THOUSANDS)),
    # three decimals are not thousands
    *(two_columns(axis=THREE_DECIMAL_AXIS, form=form, decimals=3) for form in (US_TAB, GERMAN_TAB)),
    *(two_columns(None, axis=THREE_DECIMAL_AXIS, form=form, decimals=3) for form in (SEMICOLON, GERMAN)),
    two_columns(None, axis=THREE_DECIMAL_AXIS, form=US_TAB, **THREE_DECIMALS),
    table(OPUS, US_TAB, **THREE_DECIMALS),
    table(MIR_WHOLE, US, **THREE_DECIMALS),
    # only the values decide: 1234 is not absorbance, but a question about 1.234 is allowed
    *may_ask("decimal", *(table(MIR_WHOLE, form, **THREE_DECIMALS) for form in (US_TAB, GERMAN))),
    *may_ask("decimal", table(OPUS, GERMAN, **THREE_DECIMALS)),
    *may_ask(
        ERROR,
        table(MIR_WHOLE, GERMAN, **THREE_DECIMALS).with_options(decimal="comma"),
        table(MIR_WHOLE, US_TAB, **THREE_DECIMALS).with_options(decimal="point"),
    ),
    *may_ask("decimal", table(MIR, SEMICOLON, channel=lambda name: name.replace(".", ","))),
    # marks that contradict each other
    *ask(
        ("decimal", NO_ID, "layout"),
        table(MIR, US_TAB).edited("0.", "0,", 1),
        table(MIR, GERMAN).edited("0,", "0.", 1),
        table(MIR, GROUPINGS[1]).edited("3,500.0", "35,00.0", 1),
        table(MIR, US_TAB).edited("4000.0", "4.000,0", 1),
    ),
    # other columns must not decide for the spectrum
    table(MIR, GERMAN, {"sample": "R1|R2|R3", "IP": "10.0.0.1|10.0.0.1|10.0.0.1", "Datum": "1.3.24|1.3.24|1.3.24"}),
    table(MIR, US_TAB, {"sample": "R1|R2|R3", "note": "1,5 g|2,5 g|3", "time": "12:00:01,5|12:00:01,5|12:00:01,5"}),
    table(MIR, US, {"sample": "R1|R2|R3", "operator": "Ann|Ben|Smith, J.", "software": "8.7.10|8.7.10|8.7.10"}),
    # non-ASCII signs: read correctly or rejected, never misread
    *(
        case
        for make in (two_columns, table)
        for case in (
            *(edited for sign in MINUS_SIGNS for edited in may_ask(ERROR, make(offset=-0.3).edited(",-", f",{sign}"))),
            *may_ask(
                ERROR,
                *(rewrite_numbers(make(), lambda cell, space=space: space + cell + space) for space in UNICODE_SPACES),
            ),
            *may_ask(ERROR, rewrite_numbers(make(), lambda cell: cell.translate(FULL_WIDTH))),
        )
    ),
    two_columns(offset=-0.25).edited(",-", ",\u2212"),
    table(offset=-0.25).edited(",-", ",\u2212").with_options(convert="none"),
]

NAMES = [
    # replicates and depths in the names of files
    scans("R1.csv|R2.csv", "R1|R2"),
    scans("R1.0.csv|R2.0.csv", "R1|R2"),
    scans("core.v2.csv|core.v3.csv", "core.v2|core.v3"),
    scans("R1.0.dpt|R1.1.dpt|R2.0.dpt", "R1|R2", replicates="mean"),
    scans("R1.0.csv|R1.1.csv|R1.2.csv", "R1", replicates="mean"),
    scans("|".join(f"R1.{index}.dpt" for index in range(12)), "R1", replicates="mean"),
    scans("R1.0.dpt|R1.1.dpt|R2.0.dpt|R2.1.dpt", "R1:0|R1:1|R2:0|R2:1", replicates="each"),
    scans("R1_rep1.csv|R1_rep2.csv", "R1", replicates="mean", name=r"(?P<sample>.+)_rep(?P<replicate>\d+)\.csv"),
    scans("D_12.5.csv|D_12.8.csv", "D_12.5|D_12.8", name=r"(?P<sample>.+)\.csv"),
    replicate_lines(),
    *may_ask("replicate", scans("soil_7.1.csv|soil_7.2.csv|soil_7.3.csv", "soil_7", replicates="mean")),
    *may_ask(ERROR, scans("2024.03.01.csv", "2024.03.01")),
    *ask(ERROR, scans("R1.0.csv|R1.1.csv", "R1")),
    *ask(
        "replicate",
        scans("BH7_3.5.csv|BH7_3.8.csv", "BH7_3", replicates="mean"),
        scans("core_1.25.dpt|core_1.75.dpt", "core_1", replicates="mean"),
        scans("DD-12.4.csv|DD-12.9.csv", "a|b", replicates="each"),
        scans("K9_101.5.txt|K9_102.5.txt", "a|b"),
        scans("BH1_12.0.csv|BH1_12.5.csv", "BH1_12", replicates="mean"),
        scans("BH1_2.25.csv|BH1_2.50.csv|BH1_2.75.csv", "BH1_2", replicates="mean"),
        scans("DH02_7.5.csv", "DH02_7"),
    ),
    # names of samples in a table
    *(
        table(columns={title: names}, index=names)
        for title, names in split_entries("""
            sample=#1/#2/#3|sample=A1/#2/A3|ID=#7-a/#7-b/# 8|sample=001/002/010|SampleID=5001/5002/5003
            sample=1001/1002/1003|Sample=1.5/2.5/10.25|sample=1.500/2.500/12.250|Sample No=1e5/2e5/NA
            sample=2024-03-01/2024-03-02/2024-03-05|sample=B 7, upper/B 7, lower/B;9|filename=R1.0/R2.0/R3.0
            sample=12 A/12 B/13 A|sample=max 1/SD-7/Mean St
            sample=Gr\u00e4ben 1/\u00c9tang/\u0416\u0438\u043b\u0430 3
        """)
    ),
    table(MIR, GERMAN, {"Probe": "1.500|2.500|3.250"}, "1.500|2.500|3.250"),
    table(MIR, US_TAB, {"sample": "1,5|2,5|3,5"}, "1,5|2,5|3,5"),
    table(MIR, US_TAB, {"sample": "12 A|12 B|13 A"}, "12 A|12 B|13 A"),
    table(columns={"sample": "#1|#2|#3", "note": "3,5 g|4,5 g|5,5 g"}, index="#1|#2|#3"),
    table(columns={"sample": "#1|#2|#3", "note": "3,5 g|3,5 g|3,5 g"}, index="#1|#2|#3"),
    table(form=TextFormat(";", ",", encoding="cp1252"), index="Gr\u00e4ben 1|\u00c9tang|M\u00fc-7"),
    table(columns={"SampleID": "R1|R2|R3", "depth": "1.5|2.5|3.5"}),
    table(form=SEMICOLON, columns={"Depth": "1.5|2.5|3.5", "SampleID": "R1|R2|R3"}),
    table(columns={"HoleID": "H1|H1|H2", "SampleID": "R1|R2|R3"}),
    table(columns={"Hole": "H1|H2|H3", "Sample": "R1|R2|R3"}),
    *may_ask(ERROR, table(columns={"": "4000|3900|3800"}, index="4000|3900|3800")),
    *ask("sample", table(columns={"FieldID": "F1|F2|F3", "LabID": "L7|L8|L9"})),
    # the challenge's schema never needs a question
    *(own_schema(), own_schema(OPUS, GERMAN), own_schema(index="index")),
    *(
        own_schema(axis(*limits, decimals=0))
        for limits in ((2500, 1000, -50), (4000, 10000, 250), (350, 2500, 50), (390, 20, -10))
    ),
    # a laboratory's columns next to the channels
    one_table({**LABORATORY, "Cu (%)": "0.1|0.2|0.5", "Au (g/t)": "1|2|3"}),
    one_table({**LABORATORY, "Cu (%)": "0.1|0.2|0.5", "Au (g/t)": "1|2|3"}, channel="m{}"),
    one_table({**LABORATORY, "Cu (%)": "0,1|0,2|0,5", "Au (g/t)": "1|2|3"}, GERMAN),
    one_table({"": "0|1|2", **LABORATORY, "Cu_ppm": "1000|2000|5000", "Au_ppm": "1|2|3"}),
    one_table(
        {
            **{"sample": "R1|R2|R3", "SiteID": "H1|H1|H2", "DepthFrom": "0|1|5", "DepthTo": "1|2|6"},
            **{"Cu_pct": "0.1|0.2|0.5", "Au_ppb": "1000|2000|3000"},
        }
    ),
    *ask("content-unit", one_table({**LABORATORY, "Cu (%)": "0.1|0.2|0.5", "CaO": "1|2|3"})),
]

REJECTED = [
    # damaged tables
    *ask(
        ERROR,
        *(table().edited("0.20774", cell, 1) for cell in BAD_CELLS),
        *(table(form=US_TAB).edited("0.20774", cell, 1) for cell in ("0,20774.5", "-", "\u22120,2077")),
        table().edited("0.20774,", "", 1),
        table().edited("3900.0", "4000.0", 1),
        table().edited("3900.0", "2905.0", 1),
        table().edited("R2,", ",", 1),
        table().edited("R2,", "R1,", 1),
        table().edited("R2,0", "sample,4000.0,3900.0\nR2,0", 1),
        table().edited("R2,0", "SAMPLE,4000.0,3900.0\nR2,0", 1),
        *(table(form=form).edited(f"{form.separator}600.0", "", 1) for form in (US, US_TAB)),
        *(other(table(form=form).files["spectra.csv"].partition(b"\n")[2]) for form in (WINDOWS, US_TAB)),
        table(columns={"": "R1|R2|R3"}, head="absorbance" + ",absorbance" * 35 + "\n"),  # two levels of pandas
        table(columns={"": "R1|R2|R3"}).edited("\nR1", "\nsample" + "," * 35 + "\nR1", 1),
    ),
    *ask("layout", *(pairs_per_line(number, mark) for number in (2, 4) for mark in " ,")),
    *(table(tail="\x1a"), two_columns(tail="\x1a\n")),
    # two tables in one file, and lines of statistics
    *ask(
        NO_ID,
        *(repeat(table(MIR, form)) for form in (US, GERMAN, US_TAB)),
        repeat(table(MIR_UM).with_options(unit="um"), "\ufeff"),
        repeat(table(channel="X{}")),
        repeat(own_schema()),
        repeat(two_columns()),
        *(table(index=f"R1|R2|R3|{name}") for name in ("mean", "Std Dev", "MAX")),
    ),
    *ask("layout", *(two_headers(corner) for corner in ("sample", "SAMPLE", "Sample ID"))),
    # files that are not text tables, although some look like one
    *ask(
        "format",
        other(JCAMP, "R1.csv"),
        other(JCAMP.lower()),
        other("$$ exported 2024\n" + JCAMP),
        other(JCAMP.replace("##", "## ").replace("=", " = ")),
        other(gzip.compress(JCAMP.encode()), "R1.txt.gz"),
        other(PERKIN_ELMER + ORDINATES, "R1.asc"),
        other(PERKIN_ELMER + ORDINATES.replace(" ", "\t")),
        *(other(bytes([0, kind]) + bytes(510) + Y.astype("<f4").tobytes(), "R1.spc") for kind in (0x4B, 0x4D)),
        other(b"Spectral Data File\r\n" + bytes(500) + Y.astype("<f4").tobytes(), "R1.spa"),
        other(b"PEPE" + b"\x00\x01" * 200 + Y.tobytes(), "R1.sp"),
    ),
    *ask(
        ERROR,
        other(USGS),
        other("sample,CuPPM,ZnPPM\na,1,2\nb,3,4\n"),
        other("2024-03-01 12:00:01 started\n2024-03-01 12:00:05 done\n"),
        other("35\n4000\n600\n" + "0.5\n0.6\n" * 17),  # Agilent's .asp
        other("FIRSTX 4000\nLASTX 600\nNPOINTS 35\n" + "0.5 0.6 0.7 0.8 0.9\n" * 7),
        other("".join(f'"{pair}"\n' for pair in PAIRS.split())),
        other(ORDINATES.replace("00 ", "00.0 ").replace("\n", " ", 1)),
    ),
    *may_ask("format", two_columns(None, form=US_TAB, file="R1.txt", head=JASCO.format("ABSORBANCE"))),
    *may_ask(
        "format",
        two_columns(
            *(None, "", MIR_UM, US_TAB, ECOSTRESS.format("Reflectance", "(percent)"), "percent", "R1.txt"), decimals=6
        ).with_options(convert="percent"),
    ),
    *ask(
        ("format", "quantity"),
        two_columns(None, "", MIR, US_TAB, JASCO.format("%TRANSMITTANCE"), "percent", "R1.txt"),
        two_columns(None, "", MIR, US_TAB, JASCO.format("KUBELKA-MUNK"), file="R1.txt"),
        two_columns(None, "", MIR_UM, US_TAB, ECOSTRESS.format("Reflectance", "(percent)"), "percent", "R1.txt"),
        two_columns(None, "", MIR_UM, SPACES, ECOSTRESS.format("Reflectance", "(percentage)"), "percent", "R1.txt"),
        two_columns(None, "", MIR_UM, US_TAB, ECOSTRESS.format("Transmittance", ""), "fraction", "R1.txt"),
        two_columns(None, "", MIR_UM, US_TAB, ECOSTRESS.format("Emissivity", ""), file="R1.txt"),
    ),
]
