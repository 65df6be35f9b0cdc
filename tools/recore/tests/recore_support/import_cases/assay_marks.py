"""Cases of decimal and thousands marks, missing values and codes in assay tables."""

from collections.abc import Sequence

from recore_support.import_cases.assays import IDS, assay_case
from recore_support.import_cases.case import ANY, Assays, Case
from recore_support.import_cases.spectra import table
from recore_support.import_cases.text import (
    FRENCH_EXCEL,
    FRENCH_EXCEL_UTF8,
    FRENCH_SPACES,
    GERMAN,
    GERMAN_EXCEL,
    GERMAN_TAB,
    SWISS_EXCEL,
    SWISS_TYPOGRAPHIC,
    US,
    US_GROUPED,
    US_SEMICOLON,
    US_TAB,
    US_TAB_GROUPED,
    TextFormat,
)

WHOLE_DEPTHS = {**IDS, "DepthTo": ["1", "2", "6"]}
NUMBERS = [1234.0, 10200.0, 23456.0]
GROUPED = {
    "US csv": US_GROUPED,
    "US tab": US_TAB_GROUPED,
    "German": GERMAN_EXCEL,
    "French": FRENCH_EXCEL,
    "French, UTF-8": FRENCH_EXCEL_UTF8,
    "French with spaces": FRENCH_SPACES,
    "Swiss": SWISS_EXCEL,
    "Swiss, typographic": SWISS_TYPOGRAPHIC,
}


def whole(name: str, columns: dict[str, Sequence[str]], assays: Assays, form: TextFormat = US) -> Case:
    """Assays beside depths that are whole numbers, so that only the assays decide about marks."""
    id_values: Assays = {"SiteID": ["H1", "H1", "H2"], "DepthFrom": [0, 1, 5], "DepthTo": [1, 2, 6]}
    return assay_case(name, columns, assays, form, WHOLE_DEPTHS, id_values)


def grouped(name: str, form: TextFormat) -> Case:
    """Thousands beside decimals, which the same column has."""
    cells = [form.number(number, 1) for number in NUMBERS]
    return assay_case(
        f"grouped with decimals, {name}",
        {"ZnPPM": cells, "CuPPM": [form.number(0.5, 1)] * 3},
        {"ZnPPM": list(NUMBERS), "CuPPM": [0.5] * 3},
        form,
    )


def grouped_whole(name: str, form: TextFormat) -> Case:
    """Whole thousands beside a column of decimals."""
    cells = [form.number(number, 0) for number in NUMBERS]
    return whole(
        f"grouped whole numbers, {name}",
        {"Zn_ppm": cells, "Ag_ppm": [form.number(0.5, 1)] * 3},
        {"ZnPPM": list(NUMBERS), "AgPPM": [0.5] * 3},
        form,
    )


CASES: list[Case] = [
    *(grouped(name, form) for name, form in GROUPED.items()),
    *(grouped_whole(name, form) for name, form in GROUPED.items()),
    # every cell could be grouped
    whole("points only, semicolon", {"CuPPM": ("1.234", "2.345", "3.456")}, {}, US_SEMICOLON).asks("decimal"),
    whole("points only, tab", {"Zn_ppm": ("1.200", "10.250", "3.456"), "PbPPM": ("7", "8", "9")}, {}, US_TAB).asks(
        "decimal"
    ),
    whole("commas only, tab", {"CuPPM": ("1,200", "2,201", "3,202"), "ZnPPM": ("300", "310", "320")}, {}, US_TAB).asks(
        "decimal"
    ),
    whole("commas only, semicolon", {"Au_ppm": ("1,234", "2,345", "3,456")}, {}, GERMAN).asks("decimal"),
    whole(
        "quoted commas only in a csv", {"Zn_ppm": ("1,234", "2,345", "3,456")}, {"ZnPPM": [1234, 2345, 3456]}
    ).or_asks("decimal"),
    whole(
        "quoted thousands in a csv of points",
        {"Zn_ppm": ("1,234", "2,345", "3,456"), "Ag_ppm": ("0.5", "1.5", "2")},
        {"ZnPPM": [1234, 2345, 3456], "AgPPM": [0.5, 1.5, 2]},
    ),
    *(
        whole(
            f"points only, semicolon, --decimal {mark}",
            {"CuPPM": ("1.234", "2.345", "3.456")},
            {"CuPPM": [factor * value for value in (1.234, 2.345, 3.456)]},
            US_SEMICOLON,
        ).with_options(decimal=mark)
        for mark, factor in (("point", 1), ("comma", 1000))
    ),
    # another cell decides
    whole(
        "points that the delimiter decides", {"CuPPM": ("1.234", "2.345", "3.456")}, {"CuPPM": [1.234, 2.345, 3.456]}
    ),
    whole("points that zeros decide", {"CuPPM": ("1.234", "0.345", "3.456")}, {"CuPPM": [1.234, 0.345, 3.456]}, US_TAB),
    whole(
        "points that four digits decide",
        {"CuPPM": ("1996.000", "1.345", "3.456")},
        {"CuPPM": [1996, 1.345, 3.456]},
        US_SEMICOLON,
    ),
    whole(
        "points that another column decides",
        {"CuPPM": ("1.234", "2.345", "3.456"), "FePCT": ("1.5", "2.25", "3")},
        {"CuPPM": [1.234, 2.345, 3.456], "FePCT": [1.5, 2.25, 3]},
        US_TAB,
    ),
    whole(
        "points that depths decide",
        {"CuPPM": ("1.234", "2.345", "3.456"), "FePCT": ("0.452", "0.111", "0.987")},
        {"CuPPM": [1.234, 2.345, 3.456], "FePCT": [0.452, 0.111, 0.987]},
        US_SEMICOLON,
    ),
    whole(
        "commas that another column decides",
        {"CuPPM": ("1,234", "2,345", "3,456"), "FePCT": ("1,5", "2,25", "3")},
        {"CuPPM": [1.234, 2.345, 3.456], "FePCT": [1.5, 2.25, 3]},
        GERMAN,
    ),
    whole("commas with a zero", {"CuPPM": ("0,234", "2,345", "3,456")}, {"CuPPM": [0.234, 2.345, 3.456]}, GERMAN_TAB),
    whole(
        "points beside commas",
        {"CuPPM": ("1.234", "10.200", "3.456"), "AgPPM": ("0,5", "0,6", "0,7")},
        {"CuPPM": [1234, 10200, 3456], "AgPPM": [0.5, 0.6, 0.7]},
        GERMAN,
    ).or_asks("decimal"),
    whole(
        "points beside a limit with a comma",
        {"CuPPM": ("1.234", "10.200", "3.456"), "AgPPM": ("<0,5", "6", "7")},
        {"CuPPM": [1234, 10200, 3456], "AgPPM": [0.25, 6, 7]},
        GERMAN,
    ).or_asks("decimal"),
    whole(
        "commas beside points, tab",
        {"ZnPPM": ("1,200", "23,000", "3,202"), "Ag_ppm": ("0.5", "1.25", "7")},
        {"ZnPPM": [1200, 23000, 3202], "AgPPM": [0.5, 1.25, 7]},
        US_TAB,
    ).or_asks("decimal"),
    whole(
        "some grouped, some below a thousand, tab",
        {"ZnPPM": ("1,200", "950", "12"), "AgPPM": ("0.5", "1.5", "2")},
        {"ZnPPM": [1200, 950, 12], "AgPPM": [0.5, 1.5, 2]},
        US_TAB,
    ).or_asks("decimal"),
    whole(
        "millions",
        {"AlPPM": ("81,500.5", "75,000", "102,345"), "CaPPM": ("1,500", "12,000", "7")},
        {"AlPPM": [81500.5, 75000, 102345], "CaPPM": [1500, 12000, 7]},
    ),
    # marks that contradict each other
    whole(
        "commas as decimals beside points", {"ZnPPM": ("12,5", "7,25", "8"), "AgPPM": ("0.5", "1.5", "2")}, {}, US_TAB
    ).asks("decimal", ""),
    whole(
        "two ways of grouping", {"ZnPPM": ("1,200.5", "7", "8"), "AgPPM": ("0,5", "1,5", "2")}, {}, US_SEMICOLON
    ).asks("decimal", ""),
    whole("groups of two", {"ZnPPM": ("1,23,456", "2,34,567", "8"), "AgPPM": ("0.5", "1.5", "2")}, {}).asks(
        "decimal", ""
    ),
    whole(
        "a group that begins with zero", {"ZnPPM": ("0,200", "7", "8"), "AgPPM": ("0.5", "1.5", "2")}, {}, US_TAB
    ).asks("decimal", ""),
    # text in other columns decides nothing
    whole(
        "a date beside points",
        {"Date": ("01.03.2024",) * 3, "CuPPM": ("12,5", "7,25", "8")},
        {"CuPPM": [12.5, 7.25, 8]},
        GERMAN,
    ),
    whole(
        "a comment with a comma",
        {"note": ("1,5 m lost", "", "2,25")[:3], "Cu_ppm": ("12.5", "7.25", "8")},
        {"CuPPM": [12.5, 7.25, 8]},
        US_TAB,
    ).or_asks("decimal"),
    assay_case(
        "sample numbers with points",
        {"CuPPM": ("12,5", "7,25", "8")},
        {"CuPPM": [12.5, 7.25, 8]},
        GERMAN,
        {**IDS, "DepthTo": ["1", "2", "6,5"], "certificate": ["24.001", "24.002", "24.003"]},
    ),
    assay_case(
        "sample numbers do not decide for assays",
        {"CuPPM": ("1,234", "2,345", "3,456")},
        {"CuPPM": [1.234, 2.345, 3.456]},
        GERMAN,
        {
            "sample": ["12.1", "12.2", "13.1"],
            "SiteID": IDS["SiteID"],
            "DepthFrom": ["0", "1", "5"],
            "DepthTo": ["1", "2", "6"],
        },
        {"SiteID": ["H1", "H1", "H2"], "DepthFrom": [0, 1, 5], "DepthTo": [1, 2, 6]},
        spectra=table("", index=("12.1", "12.2", "13.1")),
    ).or_asks("decimal"),
    assay_case(
        "versions do not decide for assays",
        {"CuPPM": ("1,234", "2,345", "3,456"), "software": ("8.7", "8.7", "8.7")},
        {"CuPPM": [1.234, 2.345, 3.456]},
        GERMAN_TAB,
        WHOLE_DEPTHS,
        {"SiteID": ["H1", "H1", "H2"], "DepthFrom": [0, 1, 5], "DepthTo": [1, 2, 6]},
    ).or_asks("decimal"),
    assay_case(
        "numbers with a letter as samples",
        {"CuPPM": ("12.5", "7", "8")},
        {"CuPPM": [12.5, 7, 8]},
        ids={**IDS, "sample": ["12 A", "12 B", "13 A"]},
        spectra=table("", index=("12 A", "12 B", "13 A")),
    ),
    # signs and digits that are not ASCII, and line breaks in cells
    *(
        whole(f"a number {cell!r}", {"Cu_ppm": (cell, "7.5", "8")}, {"CuPPM": [value, 7.5, 8]})
        for cell, value in (
            ("\uff11\uff12\uff0e\uff15", 12.5),
            ("1\u00a0234.5", 1234.5),
            ("\u00a012.5\u200b", 12.5),
            ("\uff1c\uff15", 2.5),
            ("\u22645", 2.5),
            ("<= 5", 2.5),
            ("12.5e\u22121", 1.25),
            ("\u2013", None),
            ("\u2014", None),
            ("\u2212", None),
        )
    ),
    *(
        whole(f"a number {cell!r}", {"Cu_ppm": (cell, "7.5", "8")}, {}).asks(ANY)
        for cell in ("\u22655", ">=5", "\u22125", "\u20135", "10\u00b2", "1\u20132", "\u00bd", "\u0665")
    ),
    whole(
        "a depth after a long minus",
        {"Cu_ppm": ("5", "7.5", "8"), "Level": ("\u22121", "2", "3")},
        {"CuPPM": [5, 7.5, 8]},
    ),
    whole(
        "line breaks in the header and in a cell",
        {"Cu\n(ppm)": ("5", "7", "8"), "Note\n\nof day": ("a\nb", '1" core', ""), "Zn\npct": ("0.5", "1", "2")},
        {"CuPPM": [5, 7, 8], "ZnPPM": [5000, 10000, 20000]},
    ),
    whole(
        "line breaks in the header, German",
        {"Cu\n(%)": ("0,5", "7", "8")},
        {"CuPPM": [5000, 70000, 80000]},
        GERMAN_EXCEL,
    ),
    # missing values, limits, exponents
    whole(
        "missing values",
        {"CuPPM": ("", "NA", "3"), "ZnPPM": ("NaN", "7.5", "8")},
        {"CuPPM": [None, None, 3], "ZnPPM": [None, 7.5, 8]},
    ),
    whole(
        "limits of detection",
        {"Au_ppb": ("<5", "< 10", "12"), "Ag_ppm": ("<0.01", "0.5", "0.7")},
        {"AuPPM": [0.0025, 0.005, 0.012], "AgPPM": [0.005, 0.5, 0.7]},
    ),
    whole("limits of detection, German", {"AuPPM": ("<0,01", "<=0,5", "12")}, {"AuPPM": [0.005, 0.25, 12]}, GERMAN),
    whole("exponents in assays", {"CuPPM": ("1.2E+3", "7.5e-1", "8")}, {"CuPPM": [1200, 0.75, 8]}),
    whole("exponents, German", {"CuPPM": ("1,2E+3", "7,5E-1", "8")}, {"CuPPM": [1200, 0.75, 8]}, GERMAN),
    whole("above the range", {"CuPPM": (">10000", "7", "8")}, {}).asks(ANY),
    whole("a negative code", {"CuPPM": ("-999", "7", "8")}, {}).asks(ANY),
    whole("negative limits", {"Au_ppm": ("-0.005", "0.7", "0.8")}, {}).asks(ANY),
    *(
        whole(f"an assay {cell!r}", {"Cu_ppm": (cell, "7.5", "8")}, {"CuPPM": [None, 7.5, 8]}).or_asks(ANY)
        for cell in (
            "-",
            "n.d.",
            "ND",
            "BDL",
            "IS",
            "NSS",
            "#N/A",
            "#NV",
            "#DIV/0!",
            "<LOD",
            "null",
            "nan",
            "None",
            "*",
        )
    ),
    *(
        whole(f"an assay {cell!r}", {"Cu_ppm": (cell, "7.5", "8")}, {}).asks(ANY)
        for cell in (
            "05. Mai",
            "5-May",
            "~5",
            "5*",
            "0.5-1",
            "5000+",
            "5 ppm?",
            "1e400",
            "inf",
            "0x10",
            "1_000",
            "\u2160",
        )
    ),
    whole("a per cent sign in cells", {"Cu (%)": ("3.1%", "0.5%", "1%")}, {"CuPPM": [31000, 5000, 10000]}).or_asks(ANY),
    whole("a unit in cells", {"Cu_ppm": ("3 ppm", "5 ppm", "1 ppm")}, {"CuPPM": [3, 5, 1]}).or_asks(ANY),
    whole("another unit in cells", {"Cu_ppm": ("3 %", "5 %", "1 %")}, {}).asks(ANY),
    whole("text in a cell", {"CuPPM": ("see note", "7", "8")}, {}).asks(ANY),
    whole("a code of 9999", {"CuPPM": ("9999", "9999", "8")}, {"CuPPM": [9999, 9999, 8]}).notes("CuPPM"),
    whole(
        "a code of 99999 in a laboratory's column", {"Zn_ppm": ("99999", "70", "99999")}, {"ZnPPM": [99999, 70, 99999]}
    ).notes("99999"),
    whole("zeros", {"CuPPM": ("0", "0", "8")}, {"CuPPM": [0, 0, 8]}).notes("CuPPM"),
]
