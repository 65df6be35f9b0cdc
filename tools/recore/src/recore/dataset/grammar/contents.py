"""Parse the header of an assay column: its element or compound, its unit, and other words.

Words for the method of analysis are ignored. A header with any other word, such as "soluble" or "sd", is not
understood, and nothing is guessed from it.
"""

import re
from dataclasses import dataclass
from functools import cache

from recore.challenge import challenge
from recore.dataset.grammar.axis import mentions_axis
from recore.dataset.grammar.elements import element_names, mass_fraction
from recore.dataset.grammar.target_units import element_of, unit_factor
from recore.dataset.grammar.units import GLUED_UNITS, is_depth_unit, split_units, to_ascii

# Words for values that are not contents of an element: compounds, minerals, statistics, logarithms.
NO_CONTENT = re.compile(
    r"\b(\w*oxide|sul(f|ph)(ide|ate)s?|carbonates?|chlorides?|fluorides?|phosphates?|silicates?|alumina|silica|"
    r"magnesia|lime|quartz|(?!composite)\w{3,}ite|log(10)?|ln|rsd|sd|std|stdev|error|x ?10+|kppm)\b",
    re.IGNORECASE,
)
METHOD_WORDS = frozenset(
    "tot total gesamt all assay assays result results value values conc concentration content contents gehalt grade "
    "element method unit units by of dry weight basis dm dw icp icpms icpoes icpaes ms oes aes aas aa fa xrf "
    "pxrf wdxrf edxrf inaa naa leco me ar aqua regia 4a 4ad 4acid oe fus fusion".split()
)
# Laboratory codes for methods: ICP61, MS61r, AA25, XRF26, ICP40Q12.
METHOD_CODE = re.compile(r"(?:icp|icm|ims|ms|aas?|fa|faa|lf|p?xrf|oes|og|aq|ma|ir|gra|ar)\d{1,3}[a-z]?\d{0,2}")
OXIDES = (
    "Li2O BeO B2O3 CO2 Na2O MgO Al2O3 SiO2 P2O5 SO2 SO3 K2O CaO Sc2O3 TiO2 Ti2O3 V2O3 V2O5 CrO3 Cr2O3 MnO MnO2 Mn2O3 "
    "Mn3O4 FeO Fe2O3 Fe3O4 CoO Co2O3 Co3O4 NiO CuO Cu2O ZnO Ga2O3 GeO2 As2O3 As2O5 SeO2 Rb2O SrO Y2O3 ZrO2 Nb2O5 MoO2 "
    "MoO3 Ag2O CdO In2O3 SnO2 Sb2O3 Sb2O5 TeO2 Cs2O BaO La2O3 CeO2 Ce2O3 HfO2 Ta2O5 WO2 WO3 ReO3 Re2O7 Tl2O Tl2O3 PbO "
    "PbO2 Bi2O3 ThO2 UO2 UO3 U3O8".split()
)
ANIONS = "CO3 SO4 PO4 NO3 SiO4 AsO4 VO4 CrO4 MoO4 WO4 SO3 SeO3 BO3".split()
# Other compounds that laboratories report, which headers may write without capital letters.
COMPOUNDS = (
    "CaCO3 MgCO3 FeCO3 MnCO3 BaCO3 SrCO3 Na2CO3 Li2CO3 CaSO4 BaSO4 SrSO4 FeS2 FeS MoS2 ZnS PbS Cu2S CuS CuFeS2 FeAsS "
    "NaCl KCl CaF2 NaF".split()
)
KNOWN_COMPOUNDS = {formula.lower(): formula for formula in (*ANIONS, *COMPOUNDS, *OXIDES)}
# In soils, Feo and Mno are the oxalate-extractable contents.
LOWER_CASE_OXIDES = ("feo", "mno")
MAX_NAME = 200  # characters of a header that are read
# CuT, TCu, Ptot; in any case, if separated: CU_T. Some such words mean something else: total carbon, weight, feet.
OTHER_TOTALS = frozenset("TS TC TN TO WT FT OT IT".split())
# In capitals, CUT may be copper or a cut grade; these are core recovery, total alkali, organic carbon and the like.
OTHER_CAPITALS = frozenset("TCR TAS TRE COT TGA ALT LAT BET CAT NET".split())
# Words for a part of an element's content, in the stated unit.
PARTIAL_CONTENT = frozenset(
    "sol soluble acid exch exchangeable extr extractable avail available ox oxalate dithionite dtpa edta olsen mehlich "
    "cn cyanide leachable".split()
)
FACTOR = re.compile(  # units are replaced by |
    r"[*\u00d7]\s*[\d.]|\d\s*[*\u00d7]|(?<=.)(?<![a-z])x\s*(?:10+|0?\.0*1)(?![\d.])|\b10\s*\^|\b10-\d|/\s*10+\b"
    r"|\b\d+e[+-]?\d+\b|(?<![\w.])(?:10+|0?\.0*1)[\s(\[]*\|",
    re.IGNORECASE,
)
GROUP_FORMULA = r"[A-Z][A-Za-z0-9]*(?:\([A-Za-z0-9]+\)\d+[A-Za-z0-9]*)+"  # CaMg(CO3)2
HYDRATE = r"(?:[.*]\s?\d*H2O)?(?![A-Za-z0-9])"
WORD = re.compile(rf"(?<![A-Za-z0-9])(?:{GROUP_FORMULA}|[A-Z][A-Za-z0-9]*(?=[.*]\s?\d*H2O)){HYDRATE}|[^\W_]+")


@dataclass(frozen=True)
class AssayHeader:
    """A parsed header: the formulas of elements and compounds, the units, and the unknown words."""

    formulas: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """The unit, or "" if the header states none or several."""
        return self.units[0] if len(self.units) == 1 else ""

    @property
    def formula(self) -> str:
        """The element or compound if the header is fully understood, otherwise ""."""
        is_plain = len(self.formulas) == 1 and len(self.units) < 2 and not self.unknown
        return self.formulas[0] if is_plain else ""


@cache
def parse_assay_header(header: str) -> AssayHeader:
    """Parse the header of any column."""
    units, other_words = split_units(to_ascii(header[:MAX_NAME]))
    other_words = re.sub(r"\bin\s*(?=[|([])", " ", other_words)  # "Cu in ppm" does not mention indium
    formulas: list[str] = []
    unknown = []
    other_words = re.sub(r"\bGE[_ -](?=[A-Z]{2,4}\d)", " ", other_words)  # prefix of method codes by SGS
    words = _remove_total_marks(_remove_total_iron_marks(other_words), has_unit=bool(units))
    for word in WORD.findall(words):
        meaning = _meaning(word)
        if meaning is None:
            unknown.append(word)
        else:
            formula, unit = meaning
            formulas += [formula] if formula and formula not in formulas else []
            units += [unit] if unit and unit not in units else []
    unknown += re.findall(r"[^\w\s|()\[\]{}.,;:/*'\"-]", other_words)  # Zn + Pb, Cu > 1 %
    return AssayHeader(tuple(formulas), tuple(units), tuple(unknown))


def continues_header(cells: list[str]) -> bool:
    """Return whether cells below a header state only units and methods, as in `,m,ppm`. The first cell is ignored."""
    others = [cell for cell in cells[1:] if cell and not is_depth_unit(cell)]
    contents = [parse_assay_header(cell) for cell in others if not mentions_axis(cell)]
    is_unit = len(contents) < len(others) or any(content.units for content in contents)
    return is_unit and not any(content.unknown for content in contents)


def conversion_factor(target: str, formula: str, unit: str) -> float:
    """Return the factor that converts a concentration of an element or compound in this unit to the target's unit.

    formula: "" if the target is not an element. Raises ValueError if the unit cannot be converted to the target's.
    """
    size = unit_factor(target, unit)
    if size is None:
        target_unit = challenge().unit(target) or "none"
        raise ValueError(f"{unit} cannot be converted to the unit of {target}, {target_unit}")
    return size * (mass_fraction(element_of(target), formula) if formula else 1.0)


def list_targets(formula: str) -> list[str]:
    """Return the targets whose element is in the formula."""
    return [target for target in challenge().targets if element_of(target) in _elements(formula)]


def is_anion(formula: str) -> bool:
    """Return whether a formula is an anion such as SO4, which may be only a part of the measured compound."""
    return formula in ANIONS and formula not in OXIDES


def is_reagent(formula: str) -> bool:
    """Return whether a formula contains only elements of water, acids and organic matter, such as HNO3."""
    return _elements(formula) <= {"H", "C", "N", "O", "F", "Cl", "B"}


def _remove_total_iron_marks(header: str) -> str:
    """Remove the marks of total iron from iron oxides: FeO(T), Fe2O3T, Fe2O3 T, TFe2O3, FeO*."""
    after = r"[\s_.(]*(?:tot(?:al)?|t)(?![A-Za-z0-9])|\*"
    iron = rf"(?<![A-Za-z0-9])(?:T[\s._]?)?(Fe(?:O|2O3|3O4)?)(?:{after})?(?![A-Za-z0-9])"
    return re.sub(iron, r" \1 ", header, flags=re.IGNORECASE)


def _remove_total_marks(header: str, has_unit: bool) -> str:
    """Remove the marks of totals from elements: CuT, TCu, Cu_T, Ptot. A single letter needs a unit, as in K_T (%)."""

    def replace_total(match: re.Match[str]) -> str:
        name = next(filter(None, match.groups()))
        symbol, is_word = element_names()[name.lower()], match[0].isalpha()
        is_other = is_word and (match[0].lower() in element_names() or match[0] in OTHER_TOTALS)
        is_clear = has_unit or (name == symbol and (len(symbol) > 1 or "tot" in match[0].lower()))
        return f" {symbol} " if is_clear and not is_other else match[0]

    return _total_pattern().sub(replace_total, header)


@cache
def _total_pattern() -> re.Pattern[str]:
    symbols = "|".join(sorted({*element_names().values()}, key=len, reverse=True))
    words = rf"T({symbols})|({symbols})T|((?i:{symbols}))(?i:tot(?:al)?)"
    separate = rf"[Tt][\s._-]+((?i:{symbols}))|((?i:{symbols}))[\s._(-]+(?i:t|tot|total)\)?"
    return re.compile(rf"(?<![A-Za-z0-9])(?:{words}|{separate})(?![A-Za-z0-9])")


def possible_total(word: str) -> str:
    """Return the element whose total a word in capitals or lower case may mean, such as CUT or tcu, otherwise ""."""
    letters = word.upper()
    stems = [letters[1:]] * letters.startswith("T") + [letters[:-1]] * letters.endswith("T")
    symbols = [symbol for stem in stems if len(stem) < 3 and (symbol := element_names().get(stem.lower()))]
    is_other = letters in OTHER_CAPITALS | OTHER_TOTALS - {"TS"} or letters.lower() in element_names()
    return symbols[0] if symbols and not is_other else ""


def has_factor(header: str) -> bool:
    """Return whether a header mentions a factor for its values, as in `ppb*10`, `Zn x10 ppm` or `Sn (10-9)`."""
    return FACTOR.search(split_units(to_ascii(header[:MAX_NAME]))[1]) is not None


def _meaning(word: str) -> tuple[str, str] | None:
    """Return the formula and the unit that a word states ("" if absent), or None if the word is unknown."""
    if _is_method(word):
        return "", ""
    if word.lower() not in element_names():
        for unit_word, unit in GLUED_UNITS.items():  # CuPPM, Al2O3pct, ppmCu; before formulas: ThPPB has no phosphorus
            for stem in (word[: -len(unit_word)], word[len(unit_word) :]):
                is_glued = word.lower() in (f"{stem}{unit_word}".lower(), f"{unit_word}{stem}".lower())
                if is_glued and (formula := _formula(stem)):
                    return formula, unit
    if word != "w" and (formula := _formula(word)):  # w (%) is the content of water
        return formula, ""
    parts = re.split(r"(?<=[a-z0-9])(?=[A-Z])", word)  # TotalS, AuFA
    if len(parts) == 2 and any(map(_is_method, parts)):
        formulas = [_formula(part) for part in parts if not _is_method(part)]
        return (formulas[0], "") if len(formulas) == 1 and formulas[0] else None
    return None


def _is_method(word: str) -> bool:
    return word.lower() in METHOD_WORDS or METHOD_CODE.fullmatch(word.lower()) is not None


def _formula(word: str) -> str:
    """Return the formula or element symbol that a word stands for, otherwise ""."""
    if symbol := element_names().get(word.lower()):
        return symbol
    if not (word.isupper() or word.islower()) and _is_compound(word):
        return word
    is_clear = word.isupper() or any(map(str.isdigit, word)) or (word.islower() and word not in LOWER_CASE_OXIDES)
    return KNOWN_COMPOUNDS.get(word.lower(), "") if is_clear else ""


def _is_compound(formula: str) -> bool:
    elements = _elements(formula)
    if len(elements) == 2 and "O" in elements:
        return formula in OXIDES or formula in ANIONS
    if formula in COMPOUNDS:
        return True
    # only compounds that laboratories report: AsIII is an oxidation state, AuF a method
    has_number = any(map(str.isdigit, formula))
    is_salt = len(elements) == 2 and ("S" in elements or (has_number and not elements.isdisjoint({"Cl", "F"})))
    return is_salt or (len(elements) > 2 and "O" in elements and has_number)


@cache
def _elements(formula: str) -> frozenset[str]:
    """Return the element symbols in a formula, or an empty set if it is not a formula."""
    part = r"([A-Z][a-z]?)(\d*)"
    flat = re.sub(r"[.*]\s?\d*H2O", "H2O", formula)
    if not re.fullmatch(rf"(?:{part}|\((?:{part})+\)\d+)+", flat):
        return frozenset()
    parts = re.findall(part, flat)
    symbols = frozenset(symbol for symbol, _ in parts)
    is_valid = symbols <= {*element_names().values()} and not any(number.startswith("0") for _, number in parts)
    return symbols if is_valid else frozenset()
