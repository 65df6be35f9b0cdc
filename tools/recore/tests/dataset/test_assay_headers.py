"""Assay column headers: elements, compounds, units and unknown words. The expected factors are computed manually."""

import re

import periodictable
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from recore_support.import_cases.building import mass_fraction
from recore_support.schema import CHALLENGE, TARGETS
from stagemaker_support.fuzzing import examples

from recore.dataset.columns import find_columns
from recore.dataset.grammar.contents import conversion_factor, list_targets, parse_assay_header
from recore.dataset.grammar.numbers import Marks
from recore.dataset.target_columns import chosen_source, unit_in_comments

OXIDES = (
    "Li2O BeO Na2O MgO Al2O3 P2O5 SO3 K2O CaO Sc2O3 TiO2 V2O5 Cr2O3 MnO MnO2 FeO Fe2O3 Fe3O4 CoO NiO CuO Cu2O ZnO "
    "Ga2O3 GeO2 As2O3 SeO2 Rb2O SrO Y2O3 ZrO2 Nb2O5 MoO3 Ag2O CdO In2O3 SnO2 Sb2O3 TeO2 Cs2O BaO La2O3 CeO2 Ce2O3 HfO2 "
    "Ta2O5 WO3 Re2O7 Tl2O PbO Bi2O3 ThO2 U3O8".split()
)
OTHER_COMPOUNDS = "CaCO3 MgCO3 FeCO3 NaCl KCl CaF2 BaSO4 MoS2 FeS2 ZnS PbS CuFeS2 FeAsS".split()
SIZES = {"PPM": 1.0, "PCT": 1e-4, "PPB": 1e3}  # one ppm in the unit of a target
SPELLINGS = {
    1e4: ["%", "pct", "PCT", "percent", "Percent", "wt%", "wt.%", "wt. %", "wt_pct", "per cent", "mass %", "% w/w"],
    1e3: ["\u2030", "g/kg", "g kg-1", "g.kg-1", "g_kg", "kg/t", "mg/g", "g kg\u207b\u00b9"],
    1.0: ["ppm", "PPM", "mg/kg", "MG/KG", "mg kg-1", "mg_kg", "mg.kg.1", "g/t", "gpt", "g_t", "ug/g", "\u03bcg g-1"],
    1e-3: ["ppb", "PPB", "ug/kg", "\u00b5g/kg", "ug kg-1", "mg/t", "ng/g"],
}  # fmt: skip
FORMS = "{}_{}|{} {}|{} ({})|{} [{}]|{}.{}|{}..{}.|{}-{}|{}, {}|{} in {}|{}_ICP_{}|{}_tot_{}".split("|")
spellings = st.sampled_from([(size, unit) for size, units in SPELLINGS.items() for unit in units])


@examples(400)
@given(st.sampled_from(TARGETS), spellings, st.sampled_from(FORMS), st.sampled_from([str, str.upper, str.lower]))
def test_a_header_with_an_element_and_a_unit_is_understood(target: str, unit: tuple, form: str, case) -> None:
    element = target[:-3]
    assume(case(element) not in ("in", "w"))  # a word, and the content of water
    contents = parse_assay_header(form.format(case(element), unit[1]))
    assert contents.formula == element
    expected = unit[0] * SIZES[target[-3:]]
    assert conversion_factor(target, contents.formula, contents.unit) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("target", TARGETS)
def test_the_names_of_the_schema_state_their_unit(target: str) -> None:
    for name in (target, target.upper(), target.lower()):
        contents = parse_assay_header(name)
        assert (contents.formula, contents.unit) == (target[:-3], target[-3:].lower())


@pytest.mark.parametrize("compound", [*OXIDES, *OTHER_COMPOUNDS])
def test_compounds_are_converted_by_their_masses(compound: str) -> None:
    elements = re.findall("[A-Z][a-z]?", compound)
    targets = [target for target in TARGETS if target[:-3] in elements]
    lower_case = compound if compound in ("FeO", "MnO") else compound.lower()
    for name in (compound, compound.upper(), lower_case):
        for header in (f"{name} (%)", f"{name}_pct", f"{name}PCT", f"XRF_{name}_%", f"% {name}"):
            contents = parse_assay_header(header)
            assert (contents.formula, contents.unit) == (compound, "pct"), header
    assert set(list_targets(compound)) == set(targets)
    for target in targets:
        expected = 1e4 * SIZES[target[-3:]] * mass_fraction(target[:-3], compound)
        assert conversion_factor(target, compound, "pct") == pytest.approx(expected, rel=2e-4)
        assert chosen_source(target, f"{compound} (%)", 0, "").factor == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize(
    ("header", "formula"),
    [
        *((f"Fe2O3{total} (%)", "Fe2O3") for total in ("T", "t", "_T", "(T)", "(t)", "tot", " total", "_tot", "*")),
        *((f"FeO{total} (%)", "FeO") for total in ("T", "_tot", "(T)", "*")),
        *(("TFe2O3 (%)", "Fe2O3"), ("T.Fe (%)", "Fe"), ("Fe_T_pct", "Fe"), ("Total S (%)", "S"), ("TotalS_pct", "S")),
        *(("Au-AA23 (ppm)", "Au"), ("Cu_ME-ICP61_ppm", "Cu"), ("AuFA_ppb", "Au"), ("Copper (ppm)", "Cu")),
        *(("sulphur %", "S"), ("Al\u2082O\u2083 (wt%)", "Al2O3"), ("Mg_g_kg", "Mg"), ("mg_mg_kg", "Mg"), ("V%", "V")),
        *(("W_%", "W"), ("CO_PPM", "Co")),
    ],
)
def test_words_of_methods_and_signs_of_total_change_nothing(header: str, formula: str) -> None:
    assert parse_assay_header(header).formula == formula


SYMBOLS = [str(element) for element in periodictable.elements if element.number]


@pytest.mark.parametrize("symbol", [symbol for symbol in SYMBOLS if symbol not in ("Ar", "At")])  # aqua regia, atomic %
def test_an_element_and_t_are_its_total_unless_they_are_another_word(symbol: str) -> None:
    elements = {str(element).lower(): str(element) for element in periodictable.elements if 0 < element.number <= 92}
    words = {"ts": "", "tn": "", "to": "", "ot": "", "it": "", "wt": "", "ft": "", "tin": "Sn"} | elements
    for word in (f"{symbol}T", f"T{symbol}"):
        expected = words.get(word.lower(), elements.get(symbol.lower(), ""))
        for header in (f"{word} (%)", f"{word}_pct", f"XRF_{word}_%"):
            assert parse_assay_header(header).formula == expected, header
    for header in (f"{symbol}_T (%)", f"T_{symbol}_pct", f"{symbol} (T) %", f"{symbol}tot (%)"):
        assert parse_assay_header(header).formula == elements.get(symbol.lower(), ""), header


@pytest.mark.parametrize(
    "header",
    "Cu_sol_ppm|Cu exch. (mg/kg)|P_Olsen_ppm|Cu_sd_ppm|Cu_2s|log Cu ppm|Zn+Pb (%)|Na2O+K2O %|S as SO3 %|K/Al|"
    "Feo g/kg|feo %|Alo g/kg|AlO %|AuCN ppm|Fe_o %|P_w ppm|Cu (\u00a7)|Al_2O_3 %|CuOx %|Cut %|CO3-C %|"
    "Cu_ppm_pct|Pb206_ppm|Fe2_pct|\u0394Cu ppm|CaCO3eq (%)|LOI (%)|Kupfer l\u00f6slich ppm|Cu x 100|Cu>1%|Base|"
    "Site|S. No|SNo|pH||Iron oxide (%)|AsIII_ppm|CrVI_ppm|FeII_pct|CuII ppm|AuF_ppm|FCu ppm|ZnF %|w (%)".split("|"),
)
def test_other_words_are_not_understood(header: str) -> None:
    assert parse_assay_header(header).formula == ""


def test_a_chosen_column_may_have_other_words() -> None:
    for column, expected in {"Cu_sol_pct": 1e4, "CuO_sol_pct": 7988.7, "Cu_HNO3_pct": 1e4, "assay_pct": 1e4}.items():
        assert chosen_source("CuPPM", column, 0, "").factor == pytest.approx(expected, rel=1e-4)


@examples(300)
@given(st.text(alphabet="CuFeSOo2345_ -./()%+pmgkt\u00b5\u0394", max_size=14))
def test_any_header_is_read(header: str) -> None:
    contents = parse_assay_header(header)
    if contents.formula:
        assert set(list_targets(contents.formula)) <= {"sample", "index", *CHALLENGE.columns}


@pytest.mark.parametrize(
    ("comment", "unit"),
    [
        ("all values in ppm", "ppm"),
        ("Units: wt%", "pct"),
        ("oxides in %, elements in ppm", ""),
        ("results; recovery of the standard 98 %", ""),
        ("Laboratory X, ppm", ""),
        ("assays in oz/t", ""),
        ("Au values in ppb", ""),
        ("gold assays in ppb", ""),
        ("Analysis by XRF; detection limits in ppm", ""),
        ("reporting limit in ppb", ""),
        ("assays by laboratory 4; LOD ppm", ""),
        ("all values except gold in ppm", ""),
    ],
)
def test_a_comment_can_state_the_unit_of_all_assays(comment: str, unit: str) -> None:
    assert unit_in_comments([comment]) == unit


UNITS_NOT_BY_MASS = "at% at.% mol% vol% mg/L mg/100g g/m3 ppt cps lb/t".split()
OUNCES = ["opt", "OPT", "oz/t", "oz_t", "oz/ton", "oz per ton", "oz", "ounces", "ozpt", "dwt"]


@pytest.mark.parametrize(
    ("target", "column", "reason"),
    [
        *(("CaPPM", f"Ca ({unit})", "no single unit by mass") for unit in UNITS_NOT_BY_MASS),
        *(("CaPPM", f"Ca ({unit})", f"{unit} cannot be converted") for unit in ("cmol/kg", "mmol/kg")),
        *(("AuPPM", f"Au_{unit}", "ounces per ton are ambiguous") for unit in OUNCES),
        ("CuPPM", "Cu_ppm_pct", "no single unit by mass"),
        ("CaPPM", "MgCO3 (%)", "MgCO3 contains no Ca"),
        ("CaPPM", "CaCO3eq (%)", "the meaning of CaCO3eq in this name is unclear"),
        ("AlPPM", "AlO (%)", "the meaning of AlO in this name is unclear"),
        ("FePCT", "Fe as Fe2O3 (%)", "the meaning of Fe and Fe2O3 in this name is unclear"),
        ("CaPPM", "calcite %", "'calcite' means that this is not the concentration of an element"),
        ("AlPPM", "Alumina:pct", "'Alumina'"),
        ("CuPPM", "log Cu (ppm)", "'log'"),
        ("CuPPM", "Cu %RSD", "'RSD'"),
        ("PPCT", "Phosphate mg/kg", "'Phosphate'"),
    ],
)
def test_a_chosen_column_that_is_not_understood_is_rejected(target: str, column: str, reason: str) -> None:
    names = dict(enumerate(["sample", "SiteID", "DepthFrom", "DepthTo", column.partition(":")[0]]))
    with pytest.raises(ValueError, match=re.escape(reason)):
        find_columns(names, {target: column}, lambda position: ["1", "2"], Marks())
