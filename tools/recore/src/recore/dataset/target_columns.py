"""Find the target columns in a laboratory's table, and the factors that convert them to the challenge's units."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from recore.dataset.column_options import column_option
from recore.dataset.grammar import Ambiguity
from recore.dataset.grammar.contents import (
    NO_CONTENT,
    AssayHeader,
    conversion_factor,
    has_factor,
    is_anion,
    is_reagent,
    list_targets,
    parse_assay_header,
    possible_total,
)
from recore.dataset.grammar.ids import Cells, is_filler
from recore.dataset.grammar.numbers import EMPTY
from recore.dataset.grammar.target_units import element_of, find_target, unit_factor, unit_of
from recore.dataset.grammar.units import (
    CHARGE_UNITS,
    CONTENT_UNITS,
    OTHER_UNIT,
    OUNCES,
    SYNONYMS,
    split_units,
    to_ascii,
    unit_of_cell,
)
from recore.listing import count, list_names

# Words in comments that state the unit of all assays: "all values in ppm", "units: wt%".
ALL_ASSAYS = frozenset(
    "all assay assays value values result results concentration concentrations content contents unit units element "
    "elements oxide oxides analyses reported given are is in as of the".split()
)
AMBIGUOUS_TON = "ounces per ton are ambiguous (short ton, long ton or tonne); convert them to g/t"
COORDINATE = re.compile(r"x|east(ing)?|north(ing)?|lon(gitude)?|lat(itude)?", re.IGNORECASE)
NUMBER = re.compile(r"[<>]?=?\s*[+-]?\d[\d.,' ]*(?:[eE][+-]?\d+)?")
SHOWN = 3  # choices that a question lists


@dataclass(frozen=True)
class Source:
    """A table's column that is imported as one of the challenge's. factor: converts its unit to the challenge's.

    signs, units: the position and name of another column that contains each value's sign or unit.
    """

    position: int
    column: str
    unit: str = ""
    factor: float = 1.0
    formula: str = ""
    signs: tuple[int, str] | None = None
    units: tuple[int, str] | None = None


def chosen_source(target: str, column: str, position: int, stated_unit: str) -> Source:
    """Return the source for the column that the user chose for a target, with `stated_unit` unless it is "".

    Without a unit, the target's unit is assumed. Raises ValueError if the name of the column is not understood.
    """
    option = f"--column {target}={column}" + (f":{stated_unit}" if stated_unit else "")
    element, target_unit = element_of(target), unit_of(target)
    if column == target and not stated_unit:
        return Source(position, column, target_unit, 1.0, element)
    contents = parse_assay_header(column)
    if element and (word := NO_CONTENT.search(to_ascii(column).replace("_", " "))):
        fix = "rename it to the formula, such as CaCO3, or to the element"
        raise ValueError(f"{option}: {word[0]!r} means that this is not the concentration of an element; {fix}")
    if has_factor(column):
        raise ValueError(f"{option}: this name contains a factor; convert the values, and remove it from the name")
    formula = _choose_formula(target, contents, option) if element else ""
    unit = _parse_unit(stated_unit, target_unit, option) if stated_unit else contents.unit
    if not stated_unit and (len(contents.units) > 1 or unit == OTHER_UNIT):
        fix = "convert the values to ppm or %, and rename the column"
        if OTHER_UNIT not in contents.units and (likely := tried_option(target, column, contents.units[0])):
            fix = f"convert the values, or specify their unit, as in {likely}"
        raise ValueError(f"{option}: this name has no single unit by mass; {fix}")
    if unit == OUNCES:
        raise ValueError(f"{option}: {AMBIGUOUS_TON}")
    try:
        return Source(position, column, unit, conversion_factor(target, formula, unit or target_unit), formula)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from None


def tried_option(target: str, column: str, unit: str = "") -> str:
    """Return the option that imports a column from this unit, or from the unit in its name; "" if it is rejected."""
    try:
        source = chosen_source(target, column, 0, unit)
    except ValueError:
        return ""
    is_known = bool(source.unit) or not unit_of(target) or column == target
    return column_option(target, f"{column}:{unit}" if unit else column) if is_known else ""


def is_with_unit(cell: str) -> bool:
    """Return whether a cell is a number with a unit, as in 120 ppm."""
    number = NUMBER.match(cell)
    return number is not None and unit_of_cell(cell[number.end() :]) != ""


def _parse_unit(stated_unit: str, target_unit: str, option: str) -> str:
    unit = SYNONYMS.get(stated_unit.lower(), stated_unit.lower())
    if stated_unit.lower() == target_unit.lower():
        return target_unit
    known_units = (*CONTENT_UNITS, *CHARGE_UNITS)
    if unit not in known_units:
        unit = unit_of_cell(stated_unit) or unit
    if unit not in (*known_units, OUNCES):
        known = ", ".join([*known_units, *SYNONYMS])
        raise ValueError(f"{option}: the unit {stated_unit!r} is unknown; use {known}")
    return unit


def _choose_formula(target: str, contents: AssayHeader, option: str) -> str:
    """Return the formula of a chosen column: a compound in the column's name, otherwise the target's element."""
    element = element_of(target)
    formulas = [formula for formula in contents.formulas if target in list_targets(formula)]
    others = [formula for formula in contents.formulas if not is_reagent(formula) and len(formula) > 2]
    compound = rf"(?:{element}|{element.upper()})[A-Z]\w*\d\w*"
    unclear = [word for word in contents.unknown if re.fullmatch(compound, word) or target in list_targets(word)]
    if len(formulas) > 1 or (unclear and not formulas):
        names = " and ".join(formulas) or unclear[0]
        raise ValueError(f"{option}: the meaning of {names} in this name is unclear; rename the column")
    if others and not formulas:
        raise ValueError(f"{option}: {others[0]} contains no {element}")
    return formulas[0] if formulas else element


def find_targets(
    columns: Mapping[int, str],
    headers: Collection[str],
    chosen_sources: Mapping[str, Source],
    default_unit: str,
    cells: Cells,
    asks: bool = True,
) -> dict[str, Source]:
    """Find targets by the names of columns, except the targets in `chosen_sources`.

    columns: names by position. headers: all names in the table. asks: whether to include columns without a unit, about
    which the user must be asked. Raises Ambiguity if several columns contain one target, or a compound contains several
    targets. Raises ValueError if the unit of a target is ounces per ton.
    """
    options: dict[str, list[Source]] = {}
    compounds: dict[str, list[str]] = {}
    totals: dict[str, list[Source]] = {}
    has_coordinates = any(COORDINATE.fullmatch(header) for header in headers)
    for position, name in columns.items():
        contents = _parse_header(name, headers)
        if named := find_target(name):
            if named[0] not in chosen_sources:
                options.setdefault(named[0], []).append(_make_named_source(*named, position, name))
            continue
        symbols = filter(None, map(possible_total, contents.unknown))
        for symbol in contents.formulas if contents.unknown in (("T",), ("t",)) else symbols:
            for target in list_targets(symbol):
                totals.setdefault(target, []).append(Source(position, name, contents.unit, formula=symbol))
        targets = [] if is_anion(contents.formula) else list_targets(contents.formula)
        is_other = contents.unit == OTHER_UNIT or contents.unit in CHARGE_UNITS
        if is_other or not targets:
            continue
        if not contents.unit and (
            (contents.formula == "Y" and has_coordinates) or not _may_be_assays(cells(position), name, contents)
        ):
            continue
        if len(targets) > 1:
            compounds[name] = targets
            # CuS next to CuO: these may be the sulfidic and the oxidic part of copper, as contents of copper
            for target in (target for target in targets if contents.formula == f"{element_of(target)}S"):
                totals.setdefault(target, []).append(Source(position, name, contents.unit, formula=contents.formula))
        elif targets[0] not in chosen_sources:
            source = Source(position, name, contents.unit, formula=contents.formula)
            options.setdefault(targets[0], []).append(source)
    if not (asks or default_unit or any(_is_open(target, source) for target, source in chosen_sources.items())):
        stated = {target: [source for source in sources if source.unit] for target, sources in options.items()}
        options = {target: sources for target, sources in stated.items() if sources}
        compounds = {name: targets for name, targets in compounds.items() if parse_assay_header(name).unit}
    options = {target: _drop_ounces(target, sources) for target, sources in options.items()}
    for target, sources in options.items():
        # the element before its compounds, and a compound next to CUT, which may be the total, is a question
        sources.sort(key=lambda source: source.formula != element_of(target))
        if sources[0].formula != element_of(target):
            sources[:0] = totals.get(target, [])
    known = {*options, *chosen_sources}
    _ask_which(options, {column: targets for column, targets in compounds.items() if known.isdisjoint(targets)}, cells)
    return {target: sources[0] for target, sources in options.items()}


def _make_named_source(target: str, unit: str, position: int, column: str) -> Source:
    """Return the source for a column named after a target that is not an element.

    A column with exactly the target's name is in the target's unit. Raises Ambiguity if its unit cannot be converted.
    """
    unit = unit or (unit_of(target) if column == target else "")
    if unit and unit_factor(target, unit) is None:
        raise Ambiguity(
            "content-unit",
            f"column {column!r} is in {unit}, but {target} is in {unit_of(target) or 'no unit'}; convert it, and "
            "correct the unit in its name",
        )
    return Source(position, column, unit)


def add_factors(targets: Mapping[str, Source], chosen_names: Collection[str], default_unit: str) -> dict[str, Source]:
    """Return the sources with their factors. Raises Ambiguity if columns state no unit and there is no default.

    chosen_names: the targets whose columns the user chose. If an element's chosen column has no unit, use the target's.
    """
    result, without_unit = dict(targets), dict[str, Source]()
    for target, source in targets.items():
        if source.units:
            continue
        unit = source.unit or (default_unit if unit_factor(target, default_unit) else "") or _fixed_unit(target)
        if unit or not unit_of(target):
            result[target] = replace(source, unit=unit, factor=conversion_factor(target, source.formula, unit))
        elif target not in chosen_names or _is_open(target, source):
            without_unit[target] = source
    _ask_unit(without_unit)
    return result


def _fixed_unit(target: str) -> str:
    """Return the unit of a target, such as pH, if no other unit can be converted to it; otherwise ""."""
    unit = unit_of(target)
    return "" if unit in (*CONTENT_UNITS, *CHARGE_UNITS) else unit


def _is_open(target: str, source: Source) -> bool:
    """Return whether a chosen column contains a compound of the target's element in an unknown unit."""
    return not source.unit and source.formula not in ("", element_of(target))


def _may_be_assays(cells: Sequence[str], name: str, contents: AssayHeader) -> bool:
    """Return whether cells contain a number. Row numbers under a single letter or SN (serial number) do not count."""
    is_element = len(contents.formula) > 1 and name != "SN"
    has_numbers = any(NUMBER.fullmatch(cell) or is_with_unit(cell) for cell in cells)
    return has_numbers and (is_element or not is_filler(cells))


def unit_in_comments(comments: Iterable[str]) -> str:
    """Return the unit that comments state for all assays, or "" if there are none or several."""
    units = set()
    for comment in comments:
        stated, other_text = split_units(to_ascii(comment))
        words = re.findall(r"[^\W_]+", other_text.lower())
        if words and ALL_ASSAYS.issuperset(words):
            units.update(stated)
    return units.pop() if len(units) == 1 and units <= CONTENT_UNITS.keys() else ""


def _parse_header(header: str, headers: Collection[str]) -> AssayHeader:
    """Parse a header without the .1 that pandas adds to a duplicate header."""
    first = re.sub(r"\.\d$", "", header)
    return parse_assay_header(first if first in headers else header)


def _drop_ounces(target: str, sources: list[Source]) -> list[Source]:
    usable = [source for source in sources if source.unit != OUNCES]
    if not usable:
        raise ValueError(f"column {sources[0].column!r}, {target}: {AMBIGUOUS_TON}")
    return usable


def _ask_which(options: Mapping[str, list[Source]], compounds: Mapping[str, list[str]], cells: Cells) -> None:
    fitting = {target: [source.column for source in sources] for target, sources in options.items() if len(sources) > 1}
    if repeated := [column for columns in fitting.values() for column in columns if columns.count(column) > 1]:
        raise ValueError(f"column {repeated[0]!r} appears more than once")
    lists = [f"{target} in {' and '.join(map(repr, columns))}" for target, columns in fitting.items()]
    lists += [f"{' and '.join(targets)} in {column!r}" for column, targets in compounds.items()]
    if not lists:
        return
    choices = [(target, column) for target, columns in fitting.items() for column in columns]
    choices += [(target, column) for column, targets in compounds.items() for target in targets]
    tried = (tried_option(*choice, unit) for choice in choices for unit in ("", "pct"))
    example = next(filter(None, tried), "")
    fix = f"choose one, as in {example}" if example else "convert the values, and rename the column that is right"
    fillings = [[_filled_rows(cells(source.position)) for source in sources] for sources in options.values()]
    if lost := max((len(set.union(*rows) - rows[0]) for rows in fillings), default=0):
        rows = count(lost, "row has a value", "rows have values")
        fix += f"; {rows} only in another column: to keep all values, merge the columns into one, in one unit"
    raise Ambiguity("target", f"several columns fit: {list_names(lists, SHOWN)}; {fix}")


def _filled_rows(cells: Sequence[str]) -> set[int]:
    """Return the rows with a value that can be imported, unlike >10000."""
    return {row for row, cell in enumerate(cells) if cell not in EMPTY and not cell.startswith(">")}


def _ask_unit(sources: Mapping[str, Source]) -> None:
    if not sources:
        return
    columns = ", ".join(source.column for source in sources.values())
    target, first = next(iter(sources.items()))
    example = tried_option(target, first.column, "pct" if element_of(target) else unit_of(target))
    for_one = f", or for one column {example}" if example else ""
    raise Ambiguity(
        "content-unit",
        f"these columns state no unit: {columns}; specify --content-unit pct, g/kg, ppm or ppb{for_one}",
    )
