"""Cases of assay headers that a laboratory writes and that are plain: element or compound, unit, method."""

from dataclasses import replace

from recore_support.import_cases.assay_words import (
    CELLS,
    CERTIFICATE,
    HEADERS,
    IDS_OF_LABORATORIES,
    IDS_OF_OTHER_LANGUAGES,
    NOT_A_TARGET,
    ONE,
    PERCENT_CELLS,
    PERCENT_HEADERS,
    THREE,
    TWO,
    UNCERTAIN,
    UNUSUAL,
)
from recore_support.import_cases.assays import IDS, assay_case, share, times
from recore_support.import_cases.case import ANY, Case
from recore_support.import_cases.text import GERMAN, QUOTED, UNICODE_TEXT, US_TAB, WINDOWS


def header_case(header: str, target: str, factor: float, cells: tuple[str, ...], kind: str = "header") -> Case:
    """A column of assays beside a plain one."""
    numbers = times(factor, *map(float, cells))
    columns = {"BaPPM": ("100", "200", "300"), header: cells}
    case = assay_case(f"assay {kind} {header!r}", columns, {"BaPPM": [100, 200, 300], target: numbers})
    return replace(case, header=header)


def beside_copper(header: str, cells: tuple[str, ...] = ("1.5", "2.5", "3")) -> Case:
    """A column that is not an assay, beside one of copper."""
    return assay_case(f"not an assay: {header!r}", {"Cu (ppm)": CELLS, header: cells}, {"CuPPM": [ONE, TWO, THREE]})


def ids_case(names: tuple[str, str, str, str]) -> Case:
    """A laboratory's names of the sample, the hole and the depths."""
    ids = dict(zip(names, IDS.values(), strict=True))
    return assay_case(f"ids {', '.join(names)}", {"Zn_ppm": CELLS}, {"ZnPPM": [ONE, TWO, THREE]}, ids=ids)


UPPER_CASE = {
    "CU_PPM": CELLS,
    "CO_PPM": ("5", "6", "7"),
    "FE2O3_PCT": ("10", "11", "12"),
    "NA2O_PCT": ("1", "2", "3"),
    "SIO2_PCT": ("50", "51", "52"),
    "CO2_PCT": ("0.5", "0.6", "0.7"),
}
UPPER_VALUES = {
    "CuPPM": [ONE, TWO, THREE],
    "CoPPM": [5, 6, 7],
    "FePCT": times(share("Fe", Fe=2, O=3), 10, 11, 12),
    "NaPPM": times(1e4 * share("Na", Na=2, O=1), 1, 2, 3),
}
WHOLE_TABLE = {
    "Sample type": ("core", "core", "chip"),
    "Au (g/t)": ("0.02", "<0.01", "1.5"),
    "Cu (%)": ("0.35", "1.2", "0.08"),
    "Fe2O3 (%)": ("12", "5.5", "7"),
    "SiO2 (%)": ("50", "60", "55"),
    "Te_ppb": ("30", "60", ""),
    "Mo_ppm": ("3", "NA", "12"),
    "S_%": ("1", "0.5", "2.25"),
    "LOI (%)": ("2", "3", "4"),
}
WHOLE_VALUES = {
    "AuPPM": [0.02, 0.005, 1.5],
    "CuPPM": [3500, 12000, 800],
    "FePCT": times(share("Fe", Fe=2, O=3), 12, 5.5, 7),
    "TePPB": [30, 60, None],
    "MoPPM": [3, None, 12],
    "SPPM": [10000, 5000, 22500],
}

CASES: list[Case] = [
    *(header_case(*header, CELLS) for header in HEADERS),
    *(header_case(*header, PERCENT_CELLS) for header in PERCENT_HEADERS),
    *(header_case(*header, PERCENT_CELLS, "unusual header").or_asks(ANY) for header in UNUSUAL),
    *(beside_copper(header) for header in NOT_A_TARGET),
    *(beside_copper(header).or_asks(ANY) for header in UNCERTAIN),
    *(ids_case(names) for names in IDS_OF_LABORATORIES),
    *(ids_case(names).or_asks(ANY) for names in IDS_OF_OTHER_LANGUAGES),
    *(
        assay_case(f"a laboratory's table, {name}", WHOLE_TABLE, WHOLE_VALUES, form)
        for name, form in (("csv", WINDOWS), ("tab", US_TAB), ("quoted", QUOTED), ("Unicode text", UNICODE_TEXT))
    ),
    assay_case(
        "a laboratory's table, German",
        {title: tuple(cell.replace(".", ",") for cell in cells) for title, cells in WHOLE_TABLE.items()},
        WHOLE_VALUES,
        GERMAN,
    ),
    assay_case(
        "depths in feet",
        {"Zn_ppm": CELLS},
        {"ZnPPM": [ONE, TWO, THREE]},
        ids={
            "SampleID": IDS["sample"],
            "HoleID": IDS["SiteID"],
            "from_ft": ["0", "10", "50"],
            "to_ft": ["10", "20", "60"],
        },
        id_values={
            "SiteID": ["H1", "H1", "H2"],
            "DepthFrom": times(0.3048, 0, 10, 50),
            "DepthTo": times(0.3048, 10, 20, 60),
        },
    ),
    # units in a row of their own
    assay_case(
        "a row of units",
        {"Cu": CELLS, "Au": ("20", "30", "40"), "Al2O3": ("10", "11", "12")},
        {
            "CuPPM": [ONE, TWO, THREE],
            "AuPPM": [0.02, 0.03, 0.04],
            "AlPPM": times(1e4 * share("Al", Al=2, O=3), 10, 11, 12),
        },
        below=("", "", "", "", "ppm", "ppb", "%"),
    ),
    assay_case(
        "a row of units with metres",
        {"Zn": CELLS, "Fe": ("2", "3", "4")},
        {"ZnPPM": [ONE, TWO, THREE], "FePCT": [2, 3, 4]},
        below=("", "", "m", "m", "mg/kg", "pct"),
    ),
    assay_case(
        "a row of units in brackets",
        {"Zn": ("12,5", "230", "3,25"), "Fe": ("2", "3", "4")},
        {"ZnPPM": [ONE, TWO, THREE], "FePCT": [2, 3, 4]},
        GERMAN,
        below=("", "", "", "", "(ppm)", "(%)"),
    ),
    assay_case(
        "a row of units, tab",
        {"Zn": CELLS, "S": ("2", "3", "4")},
        {"ZnPPM": [ONE, TWO, THREE], "SPPM": [2e4, 3e4, 4e4]},
        US_TAB,
        below=("Unit", "", "", "", "PPM", "%"),
    ),
    # ALS: methods, elements and units in three lines
    assay_case(
        "three lines of header",
        {"Cu": CELLS, "Au": ("1", "2", "3")},
        {"CuPPM": [ONE, TWO, THREE], "AuPPM": [0.001, 0.002, 0.003]},
        before=",,,,ME-MS61,Au-AA25\n",
        below=("", "", "", "", "ppm", "ppb"),
    ).or_asks(ANY),
    assay_case(
        "a row of units against the header",
        {"Cu_ppm": CELLS, "Au": ("1", "2", "3")},
        {"AuPPM": [1, 2, 3]},
        below=("", "", "", "", "%", "ppm"),
    ).or_asks(ANY),
    assay_case("a database's capitals", UPPER_CASE, UPPER_VALUES),
    assay_case("a database's small letters", {name.lower(): cells for name, cells in UPPER_CASE.items()}, UPPER_VALUES),
    assay_case(
        "depths in centimetres",
        {"Zn_ppm": CELLS},
        {"ZnPPM": [ONE, TWO, THREE]},
        ids={
            "sample": IDS["sample"],
            "hole": IDS["SiteID"],
            "From (cm)": ["0", "10", "20"],
            "To (cm)": ["10", "20", "35"],
        },
        id_values={"SiteID": ["H1", "H1", "H2"], "DepthFrom": [0, 0.1, 0.2], "DepthTo": [0.1, 0.2, 0.35]},
    ),
    assay_case("a title above the assays", {"Cu_ppm": CELLS}, {"CuPPM": [ONE, TWO, THREE]}, before="Report 2024-17\n"),
    assay_case("a comment above the assays", {"Cu_ppm": CELLS}, {"CuPPM": [ONE, TWO, THREE]}, before="# four acids\n"),
    *(
        assay_case(
            f"a certificate of ALS{name}",
            {"Cu": CELLS, "Al": ("8", "7", "6")},
            {"CuPPM": [ONE, TWO, THREE], "AlPPM": [8e4, 7e4, 6e4]},
            ids=dict(zip(("SAMPLE", "HoleID", "From", "To"), IDS.values(), strict=True)),
            before=CERTIFICATE + methods,
            below=("DESCRIPTION", "", "", "", "ppm", "%"),
        )
        for name, methods in (("", ""), (" with methods", ",,,,ME-MS61,ME-MS61\n"))
    ),
    assay_case(
        "a header of two lines in one cell", {"Cu\n(ppm)": CELLS}, {"CuPPM": [ONE, TWO, THREE]}, WINDOWS
    ).or_asks(ANY),
    # coordinates are not yttrium
    assay_case(
        "coordinates X, Y, Z",
        {
            "X": ("400100", "400200", "400300"),
            "Y": ("7412100", "7412200", "7412300"),
            "Z": ("310", "320", "330"),
            "Cu_ppm": CELLS,
        },
        {"CuPPM": [ONE, TWO, THREE]},
    ).or_asks("content-unit", "target"),
    # --column
    *(
        assay_case(f"--column {option}", {header: ("1.5", "2", "4")}, {target: times(factor, 1.5, 2, 4)}).with_options(
            columns=(f"{target}={option}",)
        )
        for option, header, target, factor in (
            ("Cu_pct", "Cu_pct", "CuPPM", 1e4),
            ("Kupfer:pct", "Kupfer", "CuPPM", 1e4),
            ("Cu_tot", "Cu_tot", "CuPPM", 1),
            ("Al_x:g/kg", "Al_x", "AlPPM", 1e3),
        )
    ),
]
