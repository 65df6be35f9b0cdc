"""Wrong units cause a warning; real rocks, ores and detection limits do not."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recore_support.import_cases.building import mass_fraction

from recore.dataset.grammar.target_units import VALUES_PER_UNIT
from recore.dataset.grammar.units import DETECTION_LIMITS, PLAUSIBLE_RANGES
from recore.dataset.plausibility import MIN_ROWS, SuspectedUnit, suspected_content_units, suspected_depth_unit

# Contents in ppm. The rock types are from Turekian and Wedepohl, Geological Society of America Bulletin 72 (1961)
# 175-192. The ores are hematite, bauxite, chromite, barite, phosphate, salts, magnesite and rich deposits of metals.
CONTENTS = {
    "ultramafic": """
        Na=4200 Mg=204000 Al=20000 P=220 S=300 K=40 Ca=25000 Sc=15 Ti=300 V=40 Cr=1600 Mn=1620 Fe=94300 Co=150
        Ni=2000 Cu=10 Zn=50 Ga=1.5 Ge=1.5 As=1 Se=0.05 Rb=0.2 Sr=1 Zr=45 Ag=0.06 Nb=16 Mo=0.3 In=0.01 Sn=0.5
        Sb=0.1 Ba=0.4 Hf=0.6 Ta=1 W=0.77 Au=0.006 Tl=0.06 Pb=1
    """,
    "limestone": """
        Li=5 Na=400 Mg=47000 Al=4200 P=400 S=1200 K=2700 Ca=302300 Sc=1 Ti=400 V=20 Cr=11 Mn=1100 Fe=3800 Co=0.1
        Ni=20 Cu=4 Zn=20 Ga=4 Ge=0.2 As=1 Se=0.08 Rb=3 Sr=610 Y=30 Zr=19 Nb=0.3 Mo=0.4 Cd=0.035 Sb=0.2 Ba=10
        Ce=11.5 Hf=0.3 W=0.6 Pb=9 Th=1.7 U=2.2
    """,
    "sandstone": """
        Li=15 Na=3300 Mg=7000 Al=25000 P=170 S=240 K=10700 Ca=39100 Sc=1 Ti=1500 V=20 Cr=35 Fe=9800 Co=0.3 Ni=2
        Zn=16 Ga=12 Ge=0.8 As=1 Se=0.05 Rb=60 Sr=20 Y=40 Zr=220 Mo=0.2 Pb=7
    """,
    "granite": """
        Li=40 Be=3 Na=25800 Mg=1600 Al=72000 P=600 S=300 K=42000 Ca=5100 Sc=7 Ti=1200 V=44 Cr=4.1 Mn=390
        Fe=14200 Co=1 Ni=4.5 Cu=10 Zn=39 Ga=17 Ge=1.3 Rb=170 Sr=100 Y=40 Zr=175 Nb=21 Cs=4 Ag=0.037 Cd=0.13
        In=0.26 Sn=3 Ba=840 La=55 Ce=92 Hf=3.9 Ta=4.2 W=2.2 Tl=2.3 Bi=0.01 Th=17 U=3
    """,
    "ores": """
        Fe=650000 Al=290000 Cr=330000 Ba=500000 P=150000 Na=380000 K=400000 Mg=280000 Ca=390000 Au=8 Ag=1500
        Cu=60000 Zn=250000 Pb=150000 Ni=30000 Mo=3000 W=15000 Sn=40000 U=150000 Mn=450000 S=480000 Li=15000
        Nb=18000 Ta=500 Sb=100000 As=20000 Co=5000 Ti=350000 V=12000 Ce=30000 La=20000 Y=5000 Sc=400 In=200
        Ge=400 Te=50 Bi=2000 Cd=3000 Re=1 Zr=50000 Be=3000
    """,
}


def make_column(element: str, ppm: float) -> dict[str, list[float]]:
    """Return a column for the element's target, in the target's unit, whose median is `ppm` parts per million."""
    (target,) = (target for target in DETECTION_LIMITS if target[:-3] == element)
    return {target: [ppm * VALUES_PER_UNIT[target[-3:].lower()] * factor for factor in (0.1, 0.5, 0.9, 1, 1.2, 3, 20)]}


def test_the_limits_are_in_order_and_complete() -> None:
    assert len(PLAUSIBLE_RANGES) == 49
    assert all(low < abundance < high <= 1e6 for low, abundance, high in PLAUSIBLE_RANGES.values())


@pytest.mark.parametrize("rock", CONTENTS)
def test_rocks_and_ores_are_plausible(rock: str) -> None:
    for content in CONTENTS[rock].split():
        element, _, ppm = content.partition("=")
        assert not suspected_content_units(make_column(element, float(ppm))), content


@pytest.mark.parametrize("factor", [0.5, 1.0])
@pytest.mark.parametrize("target", DETECTION_LIMITS)
def test_a_column_at_the_detection_limit_is_plausible(target: str, factor: float) -> None:
    limit = DETECTION_LIMITS[target]
    assert not suspected_content_units({target: [factor * limit] * 8 + [3 * limit, np.nan]})
    low_values = [0.5 * limit] * 4 + [0.6 * limit, 0.7 * limit, 0.8 * limit, limit, 2 * limit]
    assert not suspected_content_units({target: low_values})


@given(st.sampled_from(sorted(DETECTION_LIMITS)), st.floats(0.1, 5), st.integers(0, 99))
def test_typical_contents_are_plausible(target: str, enrichment: float, seed: int) -> None:
    scatter = np.exp(np.random.default_rng(seed).normal(0, 0.2, 101))
    median = PLAUSIBLE_RANGES[target][1] * VALUES_PER_UNIT[target[-3:].lower()] * enrichment
    assert not suspected_content_units({target: np.minimum(median * scatter / np.median(scatter), 1e6)})


# Each target, a wrong unit of its values, and the size of the wrong unit in the target's own unit.
WRONG_UNITS = [
    *((f"{element}PPM", "pct", 1e4) for element in "Al Ca K Mg Na Ti Mn Sr Zr S Cu Cr Ni Zn Pb".split()),
    *((f"{element}PPM", "g/kg", 1e3) for element in "Al Ca Mg Na Ti".split()),
    *((f"{element}PPM", "ppb", 1e-3) for element in "Rb Y Sc Ga".split()),
    *((f"{element}PCT", "ppm", 1e-4) for element in "Fe P V".split()),
    *((f"{element}PPB", "ppm", 1e3) for element in "Te Th U".split()),
]


@given(st.sampled_from(WRONG_UNITS), st.floats(0.55, 1.8), st.integers(MIN_ROWS, 60), st.integers(0, 99))
def test_typical_contents_in_a_wrong_unit_are_suspected(
    wrong_unit: tuple[str, str, float], enrichment: float, rows: int, seed: int
) -> None:
    target, unit, factor = wrong_unit
    scatter = np.exp(np.random.default_rng(seed).normal(0, 0.5, rows))
    median = PLAUSIBLE_RANGES[target][1] * VALUES_PER_UNIT[target[-3:].lower()] / factor * enrichment
    values = np.append(median * scatter / np.median(scatter), [np.nan, 0])
    (suspected,) = suspected_content_units({target: values})
    assert (suspected.column, suspected.unit) == (target, unit)
    assert suspected.factor == pytest.approx(factor)
    assert suspected.message.startswith(f"{target}: the median of {rows} values is ")
    assert (
        f"multiply the column by {factor:g}, or import the table with --column {target}=COLUMN:{unit}"
        in suspected.message
    )


# Contents in per cent, as oxides for the rocks. The silica sand and the weak extract of a soil are real, but unusual.
MAJORS = {
    "granite": "Al2O3=14 Fe2O3=2 CaO=1.5 MgO=0.5 Na2O=3.5 K2O=5 TiO2=0.3 P2O5=0.1",
    "limestone": "Al2O3=0.8 Fe2O3=0.5 CaO=53 MgO=1.5 K2O=0.3 P2O5=0.04",
    "basalt": "Al2O3=15 Fe2O3=12 CaO=10 MgO=7 Na2O=2.5 K2O=0.8 TiO2=2",
}


@pytest.mark.parametrize("rock", MAJORS)
@pytest.mark.parametrize(
    ("factor", "stated", "unit"),
    [(1, "pct", None), (0.01, "pct", "fraction"), (1e-6, "ppm", "fraction"), (10, "pct", "g/kg"), (1e-4, "ppm", "pct")],
)
def test_major_elements_are_judged_together(rock: str, factor: float, stated: str, unit: str | None) -> None:
    contents = dict(entry.split("=") for entry in MAJORS[rock].split())
    targets = {
        target: oxide for target in DETECTION_LIMITS for oxide in contents if oxide[: len(target) - 3] == target[:-3]
    }
    columns = {
        target: np.array([0.9, 1, 1.1])
        * factor
        * float(contents[oxide])
        * 1e4
        * VALUES_PER_UNIT[target[-3:].lower()]
        * mass_fraction(target[:-3], oxide)
        for target, oxide in targets.items()
        if re.fullmatch(rf"{target[:-3]}\d?O\d?", oxide)
    }
    suspected = suspected_content_units(columns, dict.fromkeys(columns, stated))
    joint = [one for one in suspected if ", " in one.column]
    assert [(one.unit, one.column.count(",") + 1) for one in joint] == [(unit, len(columns))] * bool(unit)
    assert unit or not suspected


def test_extracts_of_soils_are_plausible() -> None:
    assert not suspected_content_units(
        {f"{name}PPM": np.array([0.8, 1, 1.3]) * ppm for name, ppm in (("Ca", 300), ("Mg", 60), ("K", 40), ("Na", 50))}
    )


def test_a_constant_column_is_judged_too() -> None:
    (suspected,) = suspected_content_units({"AlPPM": [8.0] * 5})
    assert "but 200 to 450,000 ppm are plausible; the values look like per cent or g/kg" in suspected.message


@given(st.lists(st.integers(1, 40), min_size=20), st.floats(0, 1))
def test_gold_in_ppb_is_recognised_by_whole_numbers(values: list[int], fraction: float) -> None:
    (suspected,) = suspected_content_units({"AuPPM": [*values, 2.5]})
    assert (suspected.unit, suspected.factor) == ("ppb", 1e-3)
    grades = np.minimum(np.array(values) * 0.2 + 0.01 + 0.001 * fraction, 8)  # g/t, with more digits
    assert not suspected_content_units({"AuPPM": grades})


def test_too_few_values_are_not_judged() -> None:
    assert not suspected_content_units({"AlPPM": [8.0, 7.5, np.nan, 0]})
    assert not suspected_content_units({"CuPPM": []})


def test_values_without_a_matching_unit_are_reported() -> None:
    (suspected,) = suspected_content_units({"AlPPM": [1e-9] * 3})
    assert (suspected.unit, suspected.factor) == ("", None)
    assert "check the unit of this column" in suspected.message


def depths(length: float, deepest: float, holes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    end = np.tile(np.linspace(min(length, deepest), deepest, 50), holes)
    return np.maximum(end - length, 0), end


@given(st.floats(0, 25), st.floats(0.2, 3500))
def test_depths_in_metres_are_plausible(length: float, deepest: float) -> None:
    assert suspected_depth_unit(*depths(length, deepest)) is None


@given(st.floats(0.35, 10), st.floats(20, 3000))
def test_depths_in_centimetres_are_suspected(length: float, deepest: float) -> None:
    suspected = suspected_depth_unit(*(100 * depth for depth in depths(length, deepest)))
    assert isinstance(suspected, SuspectedUnit)
    assert (suspected.column, suspected.unit, suspected.factor) == ("DepthFrom, DepthTo", "cm", 0.01)
    assert "multiply both columns by 0.01, or import the table with --depth-unit cm" in suspected.message


@given(st.sampled_from([5, 10, 20]), st.floats(1400, 3500))
def test_deep_holes_in_feet_are_suspected(length: float, deepest: float) -> None:
    suspected = suspected_depth_unit(*depths(length, deepest / 0.3048))
    assert isinstance(suspected, SuspectedUnit)
    assert (suspected.unit, suspected.factor) == ("ft", 0.3048)


def test_empty_constant_and_extreme_depths_are_judged() -> None:
    missing = np.full(3, np.nan)
    assert suspected_depth_unit(missing, missing) is None
    assert suspected_depth_unit([], []) is None
    assert suspected_depth_unit([0] * 5, [20] * 5) is None
    suspected = suspected_depth_unit([0] * 5, [1e9] * 5)
    assert isinstance(suspected, SuspectedUnit)
    assert suspected.unit == ""
    one_typing_error = np.append(np.arange(99.0), 12_345)
    assert suspected_depth_unit(one_typing_error - 1, one_typing_error) is None
