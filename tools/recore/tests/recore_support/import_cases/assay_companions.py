"""Cases of assay tables in which a column holds the sign, or the unit, of the numbers of another one."""

from collections.abc import Sequence

from recore_support.import_cases.assays import IDS, assay_case, share, times
from recore_support.import_cases.case import ANY, Case
from recore_support.import_cases.text import GERMAN

NUMBERS = ("5", "10000", "7")
DECIMALS = ("5,5", "10,50", "7")


def signed(title: str, cells: Sequence[str], header: str = "Cu_ppm", factor: float = 1) -> Case:
    """A column of signs before one of numbers, of which the first is below its limit."""
    values = {"CuPPM": times(factor, 2.5, 10000, 7)}
    return assay_case(f"signs {cells!r} in {title!r} of {header!r}", {title: cells, header: NUMBERS}, values)


MIXED = ("ppm", "%", "g/t")


def with_units(title: str, cells: Sequence[str], *headers: str) -> Case:
    """A column of units beside columns of the numbers 5, 7 and 8, of which each target has the right values."""
    factors = {"ppm": 1, "g/t": 1, "%": 1e4, "wt%": 1e4, "PPB": 1e-3}
    shares = {"Cu": ("CuPPM", 1), "Al2O3": ("AlPPM", share("Al", Al=2, O=3)), "Zn": ("ZnPPM", 1)}
    rows = [factors.get(cell, 0) for cell in cells]
    values = {
        target: [size * factor * number for factor, number in zip(rows, (5, 7, 8), strict=True)]
        for target, size in (shares[header] for header in headers if header in shares)
    }
    columns = {**dict.fromkeys(headers, ("5", "7", "8")), title: cells}
    return assay_case(f"units {cells!r} in {title!r} of {headers!r}", columns, values)


def depths_in(title: str, cells: Sequence[str], factor: float, ids: Sequence[str]) -> Case:
    """A column of units of depths."""
    names = dict(zip(ids, IDS.values(), strict=True))
    depths = {"DepthFrom": times(factor, 0, 1, 5), "DepthTo": times(factor, 1, 2, 6.5)}
    values = {"SiteID": ["H1", "H1", "H2"], **depths}
    columns = {title: cells, "Cu_ppm": ("5", "7", "8")}
    return assay_case(f"{title!r} {cells!r} of {ids!r}", columns, {"CuPPM": [5, 7, 8]}, ids=names, id_values=values)


DEPTHS = ("sample", "hole", "from", "to")

CASES: list[Case] = [
    # units
    *(with_units(title, MIXED, "Cu") for title in ("Units", "Unit", "UOM", "Cu_unit", "unit Cu", "result unit", "x")),
    *(with_units(title, ("wt%", "ppm", "PPB"), "Cu", "Al2O3") for title in ("Units", "unit")),
    with_units("Units", ("ppm", "ppm", "ppm"), "Cu", "Zn"),
    with_units("Cu_unit", MIXED, "Cu").with_options(content_unit="ppm"),
    with_units("Cu_unit", MIXED, "Cu").with_options(columns=("CuPPM=Cu",)).notes("units in separate columns"),
    with_units("Units", MIXED, "Cu").with_options(columns=("CuPPM=Cu",), content_unit="ppm"),
    with_units("Cu_unit", MIXED, "Cu", "Zn").asks("content-unit"),
    with_units("Unit", ("Basalt", "Shale", "Shale"), "Cu").asks("content-unit"),
    with_units("Hg_unit", MIXED, "Hg", "Cu").asks("content-unit"),
    *(with_units("Units", ("ppm", cell, "ppm"), "Cu").asks(ANY) for cell in ("", "opt", "cps", "m", "mol%")),
    *(with_units("Units", MIXED, header).asks(ANY) for header in ("Cu_ppm", "CuPPM", "Cu (%)")),
    with_units("Units", MIXED, "Cu").with_options(columns=("CuPPM=Cu:ppm",)).asks(ANY),
    assay_case("two columns of units", {"Cu": NUMBERS, "Unit": MIXED, "Zn": NUMBERS, "Unit.1": MIXED}, {}).asks(ANY),
    # units and signs of something else
    *(
        assay_case(
            f"{cells[0]!r} in {title!r} beside {other!r}",
            {"Cu_ppm": NUMBERS, other: ("1", "2", "3"), title: cells},
            {"CuPPM": [5, 10000, 7]},
        )
        for title, other, cells in (
            ("TOC_unit", "TOC_pct", ("%", "%", "%")),
            ("TOC_qual", "TOC_pct", ("BDL", "", "")),
            ("Moisture_flag", "Moisture_pct", ("<", "", "")),
            ("Hg_qual", "Hg_ppm", ("U", "", "")),
        )
    ),
    with_units("TOC_unit", MIXED, "Cu", "TOC_pct").asks("content-unit"),
    *(with_units(title, MIXED, "Cu").asks("content-unit") for title in ("Moisture_unit", "Core_recovery_unit")),
    *(with_units(title, MIXED, "Cu") for title in ("Grade unit", "Lab_Unit", "Unit of measure", "Reporting unit")),
    signed("Moisture_flag", ("<", "", "")).asks(ANY),
    assay_case(
        "signs beside a column without a name",
        {"Cu_ppm": NUMBERS, "Sign": ("<", "", "")},
        {"CuPPM": [2.5, 10000, 7]},
        ids={"": ["1", "2", "3"], **IDS},
    ),
    assay_case(
        "a unit and a sign for each number",
        {"Cu": NUMBERS, "Cu_sign": ("<", "", ""), "Cu_unit": ("%", "ppm", "ppb")},
        {"CuPPM": [25000, 10000, 0.007]},
    ),
    depths_in("Depth Unit", ("ft", "ft", "ft"), 0.3048, DEPTHS),
    depths_in("Units", ("cm", "cm", "cm"), 0.01, DEPTHS),
    depths_in("Unit", ("m", "m", "m"), 1, DEPTHS),
    depths_in("Depth Unit", ("ft", "m", "m"), 1, DEPTHS).asks(ANY),
    depths_in("Depth Unit", ("ft", "ft", "ft"), 1, ("sample", "hole", "from_m", "to_m")).asks(ANY),
    depths_in("Depth Unit", ("ft", "ft", "ft"), 1, ("sample", "SiteID", "DepthFrom", "DepthTo")).asks(ANY),
    # signs
    *(signed(title, ("<", "", "")) for title in ("Cu_sign", "Cu_ppm_qual", "CuQual", "Cu LTGT", "Symbol Cu", "< Cu")),
    *(signed(title, ("L", "", "=")) for title in ("Cu_Q", "Cu_flag", "RESULT_LETTER", "Result Qualifier")),
    *(signed(title, ("TRUE", "FALSE", "FALSE")) for title in ("Cu_LT", "Cu_censored", "Censored", "Cu_BDL")),
    *(signed(title, ("1", "0", "0")) for title in ("Cu_LT", "censored", "Cu_below_LOD", "Cu below DL?", "Cu_ND")),
    *(signed(title, ("N", "Y", "Y")) for title in ("Cu_detected", "Cu_ppm_det", "Detected")),
    *(signed(title, ("TRUE", "FALSE", "FALSE")) for title in ("CuCen", "Cu.cen", "Cen", "Cu_nd", "nd")),
    *(signed(title, ("U", "", "=")) for title in ("Lab Qual", "Final Qualifier", "Cu_ppm validation qualifier")),
    *(signed("Qualifier", (cell, "", "")) for cell in ("ND", "not detected", "<MDL", "BQL")),
    signed("x", ("<", "", "")),
    signed("Cu_sign", ("<", "", ""), "CuPPM"),
    signed("Cu-ICP61_Q", ("<", "", ""), "Cu-ICP61 (g/t)"),
    signed("Cu_sign", ("<", "", ""), "Cu_tot").with_options(columns=("CuPPM=Cu_tot",)),
    # over the range, or not understood
    *(signed(title, ("", ">", "")).asks(ANY) for title in ("Cu_sign", "Cu_ppm_qual", "x", "Cu_x", "sign")),
    *(signed("Cu_qual", ("", cell, "")).asks(ANY) for cell in ("G", "J", "-", "ADL", "+", "~", "N", "1")),
    *(signed(title, ("", "yes", "")).asks(ANY) for title in ("Cu_GT", "Cu_overlimit")),
    signed("Cu_remark", ("below detection", "", "")).asks(ANY),
    *(signed("Cu_status", (cell, "OK", "dup")).asks(ANY) for cell in ("<LOD", "over range", "<")),
    signed("Dup qualifier", ("U", "", "")).asks(ANY),
    # the numbers of an imported column once more, with signs
    *(signed(title, ("<5", "10000", "7")).asks(ANY) for title in ("Cu_ppm_orig", "Cu reported", "Result", "Raw")),
    *(signed(title, ("<2", ">10000", "7")).asks(ANY) for title in ("Cu_ppm_text", "Copper as reported")),
    signed("Cu_text", ("<5", "10000", "7")).with_options(columns=("CuPPM=Cu_text:ppm",)),
    assay_case("a copy with signs, German", {"Cu_ppm": DECIMALS, "Cu_raw": ("5,5", ">10,5", "7")}, {}, GERMAN).asks(
        ANY
    ),
    assay_case("German flags", {"Cu_ppm": DECIMALS, "Cu_flag": ("3,5", "", "")}, {"CuPPM": [5.5, 10.5, 7]}, GERMAN),
    assay_case("halves of limits", {"Cu_ppm": NUMBERS, "Cu_raw": ("<10", "10000", "7")}, {"CuPPM": [5, 10000, 7]}),
    assay_case("signs of ages", {"Cu_ppm": NUMBERS, "Age (Ma)": (">5", "<3", "7")}, {"CuPPM": [5, 10000, 7]}),
    assay_case(
        "a sign in two columns",
        {"Cu_ppm": NUMBERS, "Cu_sign": ("<", "", ""), "Cu_text": ("<5", "10000", "7")},
        {"CuPPM": [2.5, 10000, 7]},
    ),
    signed("Remark", ("below detection", "", "")),
    signed("Cu_sol_x", ("", ">", "")).asks(ANY),
    # of which column?
    *(
        assay_case(
            f"signs in {title!r} beside two assays", {title: ("", ">", ""), "Cu_ppm": NUMBERS, "Zn_ppm": NUMBERS}, {}
        ).asks(ANY)
        for title in ("sign", "RESULT_LETTER", "Flag", "x")
    ),
    assay_case(
        "a column of signs beside each assay",
        {"Cu_qual": ("<", "", ""), "Cu_ppm": NUMBERS, "Fe2O3_qual": ("", "", "BDL"), "Fe2O3 (%)": ("5", "6", "7")},
        {"CuPPM": [2.5, 10000, 7], "FePCT": times(share("Fe", Fe=2, O=3), 5, 6, 3.5)},
    ),
    assay_case(
        "signs of a column that is not imported",
        {
            "Hg_sign": (">", "", ""),
            "Hg_ppm": NUMBERS,
            "Cu_pct_sign": ("", ">", ""),
            "Cu_pct": NUMBERS,
            "Cu_ppm": NUMBERS,
        },
        {"CuPPM": [5, 10000, 7]},
    ).with_options(columns=("CuPPM=Cu_ppm",)),
    # one line for each result
    *(
        assay_case(
            f"one line a result by {title!r}",
            {title: cells, value: NUMBERS, "Sign": ("<", "", ""), "Unit": ("ppm", "ppm", "%")},
            {},
        ).asks(ANY)
        for title, cells, value in (
            ("Element", ("Cu", "Zn", "Fe"), "Value"),
            ("Analyte", ("Cu", "Cu_ppm", "Fe2O3"), "RESULT"),
            ("ANALYTE_CODE", ("Copper", "Zinc", "Zinc"), "Result (numeric)"),
            ("Parameter", ("Cu", "", "Cu"), "Assay value"),
            ("Element symbol", ("Hg", "C", "Zn"), "Concentration"),
        )
    ),
    # what is no sign
    assay_case("flags of the quality", {"Flag": ("QC", "", "dup"), "Cu_ppm": NUMBERS}, {"CuPPM": [5, 10000, 7]}),
    *(
        assay_case(f"numbers below {title!r}", {title: ("1", "5", "12"), "Cu_ppm": NUMBERS}, {"CuPPM": [5, 10000, 7]})
        for title in ("Depth below surface", "ND", "Cu_LT", "Flag", "Q")
    ),
    *(
        assay_case(f"{cells!r} below {title!r}", {title: cells, "Cu_ppm": NUMBERS}, {"CuPPM": [5, 10000, 7]})
        for title, cells in (
            ("Sulphides detected", ("Y", "N", "N")),
            ("Less than 2 mm", ("Y", "Y", "N")),
            ("Below base of oxidation", ("1", "0", "0")),
            ("Above water table", ("yes", "no", "no")),
            ("Operator", ("L", "G", "AB")),
            ("Bag letter", ("L", "G", "U")),
            ("Map symbol", ("U", "L", "L")),
            ("Nd_ppm", ("1", "0", "0")),
        )
    ),
    assay_case("silt beside an assay", {"SILT": ("1", "0", "1"), "Cu_ppm": NUMBERS}, {"CuPPM": [5, 10000, 7]}),
]
