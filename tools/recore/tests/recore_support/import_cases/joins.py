"""Cases of names: which column names the samples, and how spectra and assays are joined."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from recore_support.import_cases.assays import ID_VALUES, IDS, assay_case
from recore_support.import_cases.case import ANY, Case, Values
from recore_support.import_cases.rocks import MIR
from recore_support.import_cases.spectra import SAMPLES, table
from recore_support.import_cases.text import GERMAN, QUOTED, US, US_TAB, TextFormat

COUNTER = ("1", "2", "3")
DATES = ("2024-03-01", "2024-03-02", "2024-03-05")


def join(
    name: str,
    columns: dict[str, Sequence[str]],
    samples: Sequence[str] = SAMPLES,
    listed: Sequence[str] | None = None,
    title: str = "sample",
    before: dict[str, list[str]] | None = None,
    form: TextFormat = US,
    file: str = "spectra.csv",
) -> Case:
    """A table of spectra with `columns` and an assay table whose column `title` lists samples.

    `samples` are the right names of the spectra; `before` are columns of the assay table in front of `title`.
    """
    spectra = table(name, MIR, form, columns, samples, file=file)
    ids = {**(before or {}), title: list(listed or samples), **{key: IDS[key] for key in list(IDS)[1:]}}
    return assay_case(name, {"CuPPM": ("100", "200", "300")}, {"CuPPM": [100, 200, 300]}, ids=ids, spectra=spectra)


CASES: list[Case] = [
    join("a counter before SampleID", {"": COUNTER, "SampleID": SAMPLES}),
    join("R's row names before SampleID", {"": COUNTER, "SampleID": SAMPLES}, title="SampleID", form=QUOTED),
    join("a counter named No before Sample ID", {"No": COUNTER, "Sample ID": SAMPLES}),
    join("Nr before Probe", {"Nr": COUNTER, "Probe": SAMPLES}, form=GERMAN),
    join("a row column before sample_id", {"row": COUNTER, "sample_id": SAMPLES}, title="sample_id", form=US_TAB),
    join("a date before SampleID", {"Date": DATES, "SampleID": SAMPLES}),
    join("an empty first column", {"": ("", "", ""), "SampleID": SAMPLES}),
    join("an empty named first column", {"batch": ("", "", ""), "Sample": SAMPLES}),
    join("a constant first column", {"project": ("Alpha",) * 3, "Sample No": SAMPLES}),
    join("an operator before SampleName", {"operator": ("Ann", "Ben", "Cem"), "SampleName": SAMPLES}),
    join("sample after other columns", {"scans": ("64",) * 3, "user": ("me",) * 3, "sample": SAMPLES}),
    join("a counter in the assay table", {"sample": SAMPLES}, title="SampleID", before={"": list(COUNTER)}),
    join(
        "a counter in the assay table that overlaps ids",
        {"sample": ("3", "1", "2")},
        ("3", "1", "2"),
        title="SampleID",
        before={"No": list(COUNTER)},
    ).or_asks("sample"),
    join("an id of numbers and a name", {"ID": ("11", "12", "13"), "Name": SAMPLES}).or_asks("sample"),
    join("sample and SampleID", {"sample": SAMPLES, "SampleID": ("L1", "L2", "L3")}).or_asks("sample"),
    join("a sample date before Sample", {"Sample date": DATES, "Sample": SAMPLES}),
    join("a sample type before ID", {"Sample type": ("core", "chip", "core"), "ID": SAMPLES}),
    join("a sample mass before SampleID", {"Sample mass (g)": ("1.5", "2.5", "3.5"), "SampleID": SAMPLES}),
    join("sampled by before Sample No", {"Sampled by": ("Ann", "Ben", "Cem"), "Sample No": SAMPLES}, title="Sample No"),
    join("a depth before SampleID", {"Depth": ("1.5", "2.5", "3.5"), "SampleID": SAMPLES}),
    join("a hole before SampleID", {"HoleID": ("H1", "H1", "H2"), "SampleID": SAMPLES}),
    join("a file name beside SampleID", {"File": ("a.0", "b.0", "c.0"), "SampleID": SAMPLES}),
    join("a counter in both", {"": COUNTER, "SampleID": SAMPLES}, title="SampleID", before={"": ["7", "8", "9"]}),
    # the counter and the ids are numbers that overlap
    join("a counter that overlaps ids", {"": COUNTER, "SampleID": ("3", "1", "2")}, ("3", "1", "2")).or_asks("sample"),
    join(
        "a named counter that overlaps ids",
        {"row": COUNTER, "Sample ID": ("2", "3", "1")},
        ("2", "3", "1"),
        title="Sample ID",
    ).or_asks("sample"),
    join(
        "a counter of 0, 1, 2 that overlaps ids", {"": ("0", "1", "2"), "id": ("2", "0", "1")}, ("2", "0", "1")
    ).or_asks("sample"),
    join("a counter before ids that are not listed", {"": COUNTER, "SampleID": ("7", "8", "9")}, listed=COUNTER).asks(
        ANY
    ),
    # two columns that could name samples
    table("a field and a laboratory number", columns={"FieldID": ("F1", "F2", "F3"), "LabID": ("L7", "L8", "L9")}).asks(
        "sample"
    ),
    join(
        "two ids, the second is listed",
        {"FieldID": ("F1", "F2", "F3"), "LabID": ("L7", "L8", "L9")},
        ("L7", "L8", "L9"),
    ).or_asks("sample"),
    join(
        "two ids, --sample", {"FieldID": ("F1", "F2", "F3"), "LabID": ("L7", "L8", "L9")}, ("L7", "L8", "L9")
    ).with_options(sample="LabID"),
    join(
        "an accent in --sample", {"ID": ("F1", "F2", "F3"), "\u00c9ID": ("L7", "L8", "L9")}, ("L7", "L8", "L9")
    ).with_options(sample="E\u0301ID"),
    join(
        "two sample columns in the assay table",
        {"sample": SAMPLES},
        title="SampleID",
        before={"Sample No": ["R3", "R1", "R2"]},
    ).asks("sample", "target"),
    # names
    join("names with #", {"sample": ("A1", "#2", "A3")}, ("A1", "#2", "A3")),
    join("all names with #", {"Sample": ("#1", "#2", "#3")}, ("#1", "#2", "#3"), title="Sample"),
    join("numbers as names", {"sample": ("5001", "5002", "5003")}, ("5001", "5002", "5003")),
    join("names with a point", {"sample": ("1.5", "2.5", "3.5")}, ("1.5", "2.5", "3.5")),
    join("names with zeros in front", {"SampleID": ("001", "002", "003")}, ("001", "002", "003"), title="SampleID"),
    join("spaces around names", {"sample": ("R1 ", " R2", "R3")}),
    join("names that differ by zeros", {"sample": ("001", "002", "003")}, ("001", "002", "003"), COUNTER).asks(ANY),
    join("names that differ by case", {"sample": SAMPLES}, listed=("r1", "r2", "r3")).asks(ANY),
    join("another order", {"sample": ("R3", "R1", "R2")}, ("R3", "R1", "R2")),
    join("dates as names", {"sample": DATES}, DATES),
    join("a sample that is not listed", {"sample": SAMPLES}, listed=("R1", "R2", "R4")).asks(ANY),
]

ONE_FILE = table("", MIR, columns={"sample": ("DH1_12.5",)}, index=("DH1_12.5",))


def file_of_depth(name: str, listed: str) -> Case:
    """A two-column file whose name ends in .5, and an assay table that lists `listed`."""
    assert ONE_FILE.values
    pairs = zip(ONE_FILE.values.wavenumbers, ONE_FILE.values.absorbance[0], strict=True)
    text = "".join(f"{x:.1f},{y:.5f}\n" for x, y in pairs)
    spectra = Case(name, {"DH1_12.5.csv": text.encode()}, ONE_FILE.values)
    ids = {"sample": [listed], **{key: values[:1] for key, values in IDS.items() if key != "sample"}}
    id_values = {key: values[:1] for key, values in ID_VALUES.items()}
    return assay_case(name, {"CuPPM": ("7",)}, {"CuPPM": [7]}, ids=ids, id_values=id_values, spectra=spectra)


def holes(*names: str) -> Case:
    """Drill holes of these names."""
    case = join(f"drill holes {names!r}", {"sample": SAMPLES})
    content = case.files[case.assays].decode()
    for name, line in zip(names, (",H1,0", ",H1,1", ",H2,5"), strict=True):
        content = content.replace(line, f",{name},{line.rpartition(',')[2]}")
    assert case.values
    values = replace(case.values, assays={**case.values.assays, "SiteID": [*names]})
    return replace(case, files={**case.files, case.assays: content.encode()}, values=values)


def accents(name: str, of_file: str, of_table: str) -> Case:
    """A file named after a sample, and a table that writes the name in another form of Unicode."""
    case = file_of_depth(name, of_table)
    assert case.values
    files = {f"{of_file}.csv": case.files["DH1_12.5.csv"], case.assays: case.files[case.assays]}
    return replace(case, files=files, values=replace(case.values, index=[unicodedata.normalize("NFC", of_table)]))


def replicates(*names: str, listed: Sequence[str] = ("S-000", "S-001"), option: str = "mean") -> Case:
    """Spectra of these names beside a table of two samples; the first two are replicates of the first sample."""
    case = join(f"replicates {names!r} of {listed!r}, {option}", {"sample": names}, names)
    content = case.files[case.assays].decode().splitlines()[:3]
    content = [
        line.replace(name, sample) for line, name, sample in zip(content, ("", *names), ("", *listed), strict=False)
    ]
    assert case.values
    first, second, third = case.values.absorbance
    values = Values([*listed], case.values.wavenumbers, np.array([(first + second) / 2, third]))
    values = replace(values, assays={"SiteID": ["H1", "H1"], "CuPPM": [100, 200]})
    files = {**case.files, case.assays: "\n".join(content).encode()}
    return replace(case, files=files, values=values).with_options(replicates=option)


CASES += [
    replicates("S-000_1", "S-000_2", "S-001_1").notes("S-000_1 of S-000"),
    replicates("S-000 rep1", "S-000 rep2", "S-001"),
    replicates("S-000(1)", "S-000(2)", "S-001(1)"),
    replicates("S-000_1", "S-000_2", "S-001_1", option="one").asks(ANY),
    replicates("S-000.1", "S-000.2", "S-001.1").asks(ANY),
    replicates("S-000_1", "S-000_2", "S-001_1", listed=("S-0", "S-1")).asks(ANY),
    holes("DH01", "dh01", "H2").notes("'DH01' and 'dh01' count as different drill holes"),
    holes("DH-01", "H2", "DH1").notes("'DH-01' and 'DH1' count as different drill holes"),
    holes("DH/1", "H2", "DH\u20111").notes("count as different drill holes"),
    *(holes("H1", "H2", name).asks(ANY) for name in ("NA", "nan", "-")),
    holes("12-3", "123", "1-23"),
    accents("a composed accent in the table", "E\u0301chantillon A", "\u00c9chantillon A"),
    accents("a composed accent in the file name", "\u00c9chantillon A", "E\u0301chantillon A"),
    accents("an accent in --name", "\u00c9ch A", "\u00c9ch A").with_options(name="(?P<sample>E\u0301ch A).csv"),
    accents("a no-break space in the file name", "sol n\u00b0\u00a0A", "sol n\u00b0 A"),
    file_of_depth("a depth in the name that the assay table lists", "DH1_12.5").or_asks("replicate"),
    file_of_depth("a depth in the name that the assay table does not list", "DH1_12").asks("replicate"),
]
