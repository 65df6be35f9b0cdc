"""Cases of assay tables in which a column holds the sign, or the unit, of the numbers of another one."""

from collections.abc import Sequence

from recore_support.import_cases.assays import assay_case, share, times
from recore_support.import_cases.case import ANY, Case

NUMBERS = ("5", "10000", "7")


def signed(title: str, cells: Sequence[str], header: str = "Cu_ppm", factor: float = 1) -> Case:
    """A column of signs before one of numbers, of which the first is below its limit."""
    values = {"CuPPM": times(factor, 2.5, 10000, 7)}
    return assay_case(f"signs {cells!r} in {title!r} of {header!r}", {title: cells, header: NUMBERS}, values)


CASES: list[Case] = [
    *(signed(title, ("<", "", "")) for title in ("Cu_sign", "Cu_ppm_qual", "CuQual", "Cu LTGT", "Symbol Cu", "< Cu")),
    *(signed(title, ("L", "", "=")) for title in ("Cu_Q", "Cu_flag", "RESULT_LETTER", "Result Qualifier")),
    *(signed(title, ("TRUE", "FALSE", "FALSE")) for title in ("Cu_LT", "Cu_censored", "Censored", "Cu_BDL")),
    *(signed(title, ("1", "0", "0")) for title in ("Cu_LT", "censored")),
    signed("x", ("<", "", "")),
    signed("Cu_sign", ("<", "", ""), "CuPPM"),
    signed("Cu-ICP61_Q", ("<", "", ""), "Cu-ICP61 (g/t)"),
    signed("Cu_sign", ("<", "", ""), "Cu_tot").with_options(columns=("CuPPM=Cu_tot",)),
    # over the range, or not understood
    *(signed(title, ("", ">", "")).asks(ANY) for title in ("Cu_sign", "Cu_ppm_qual", "x", "Cu_x", "sign")),
    *(signed("Cu_qual", ("", cell, "")).asks(ANY) for cell in ("G", "J", "-", "ADL", "+", "~", "N", "1")),
    signed("Cu_GT", ("", "yes", "")).asks(ANY),
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
    assay_case("silt beside an assay", {"SILT": ("1", "0", "1"), "Cu_ppm": NUMBERS}, {"CuPPM": [5, 10000, 7]}),
]
