"""Find columns that contain the signs or the units of another column's values."""

import re
from collections.abc import Mapping
from dataclasses import replace

from recore.dataset.grammar.contents import parse_assay_header
from recore.dataset.grammar.ids import Cells
from recore.dataset.grammar.numbers import Marks
from recore.dataset.grammar.signs import is_plain_sign, mentions_sign, read_sign, remove_sign, remove_sign_words
from recore.dataset.grammar.units import is_depth_unit, split_units, to_ascii, unit_of_cell
from recore.dataset.target_columns import Source, tried_option

# Words next to "unit", "qualifier", "BDL" and the like in names of columns about the assays of a table.
NEUTRAL_WORDS = frozenset(
    "lab laboratory result results value assay analyte analysis reported final interpreted validation data is was "
    "limit limits detection dl lod mdl flag code measure reporting".split()
)
UNIT_WORD = re.compile(r"(?<![a-z])(units?|uom)(?![a-z])", re.IGNORECASE)

Sources = Mapping[str, Source]


def add_companions(targets: Sources, unused: Mapping[int, str], cells: Cells, marks: Marks) -> dict[str, Source]:
    """Return the sources of the targets, with the columns of signs and units that belong to them.

    unused: the names of the other columns by position. Raises ValueError if it is unclear where a column belongs.
    """
    if not targets:
        return {}
    result = dict(targets)
    for position, name in unused.items():
        values = [*dict.fromkeys(filter(None, cells(position)))]
        if _contains_units(name, values):
            kind, name_rest = "units", UNIT_WORD.sub(" ", name)
        elif _contains_signs(name, values, _mentions_any(name, targets), marks):
            kind, name_rest = "signs", remove_sign_words(name)
        else:
            continue
        owners, is_clear = _owners(name_rest, targets), True
        others = [other for other in unused.values() if other and other != name]
        if not owners:  # TOC_flag belongs to TOC_pct, too
            others += [split_units(to_ascii(other))[1] for other in others]
        if (words := _split_words(name_rest)) and words in map(_split_words, others):
            continue  # belongs to a column that is not imported
        if not owners and (kind == "units" or any(read_sign(cell, name) for cell in values)):
            owners, is_clear = _find_possible_targets(name_rest, targets, kind)
            words_left = words if kind == "signs" else [word.lower() for word in parse_assay_header(name_rest).unknown]
            if owners and name_rest != name and not NEUTRAL_WORDS.issuperset(words_left):
                is_sign = any(map(is_plain_sign, values)) or "qual" in name.lower()
                if not (is_sign or _mentions_any(name, targets)):
                    continue  # is about something else, such as `Moisture_unit` or `Sulphides detected`
                is_clear = False
        if not is_clear or any(getattr(result[target], kind) for target in owners):
            raise ValueError(
                f"column {name[:40]!r} contains {kind} such as {next(filter(None, values), '')[:10]!r}, but it is "
                f"unclear for which column; rename it, for example to {f'{targets[owners[0]].column}_{kind[:-1]}'!r}"
            )
        for target in owners:
            source = result[target]
            column = (position, name)
            result[target] = replace(source, signs=column) if kind == "signs" else replace(source, units=column)
    _reject_unsigned_copies(result, unused, cells, marks)
    return result


def _reject_unsigned_copies(targets: Sources, unused: Mapping[int, str], cells: Cells, marks: Marks) -> None:
    """Raise ValueError if an unused column repeats an imported column's numbers with signs (`>10000` for `10000`)."""

    def are_equal(number: str, other: str) -> bool:
        value = marks.parse(number)
        return number == other or (value is not None and value == marks.parse(other))

    for position, name in unused.items():
        signed = {row: number for row, cell in enumerate(cells(position)) if (number := remove_sign(cell))}
        for target, source in targets.items() if signed else ():
            if source.signs:
                continue
            numbers = cells(source.position)
            rows = [row for row, number in signed.items() if are_equal(number, numbers[row])]
            if rows and (len(rows) == len(signed) or _mentions_any(name, {target: source})):
                is_above = any(cells(position)[row].startswith(">") for row in signed)
                option = "" if is_above else tried_option(target, name, source.unit)
                fix = f"import {name[:40]!r} with {option}, or remove it" if option else "keep one of the columns"
                raise ValueError(
                    f"column {name[:40]!r} has {cells(position)[rows[0]][:20]!r} where {source.column[:40]!r} has "
                    f"{numbers[rows[0]][:20]!r}; {fix}"
                )


def depth_unit_column(unused: Mapping[int, str], cells: Cells) -> tuple[int, str] | None:
    """Return the position and the name of a column that contains only units of depth, or None if no column does."""
    for position, name in unused.items():
        values = [cell for cell in cells(position) if cell]
        other_words = {*_split_words(UNIT_WORD.sub(" ", name))}
        is_named = UNIT_WORD.search(name) and other_words <= {"depth", "depths", "length", "interval", "distance"}
        if is_named and values and all(map(is_depth_unit, values)):
            return position, name
    return None


def _contains_units(name: str, values: list[str]) -> bool:
    """Return whether a column contains only units of concentration or, if its name mentions units, at least one."""
    units = map(unit_of_cell, values)
    return any(units) if UNIT_WORD.search(name) else bool(values) and all(units)


def _contains_signs(name: str, values: list[str], is_named: bool, marks: Marks) -> bool:
    """Return whether a column contains only signs, or its name mentions signs and it has no numbers but 0 and 1.

    is_named: whether the column is named after an imported column; one sign among other words then suffices.
    """
    sign_flags = [is_plain_sign(cell) for cell in values]
    if any(sign_flags) and (all(sign_flags) or is_named):
        return True
    numbers = {number for cell in values if (number := marks.parse(cell)) is not None}
    return mentions_sign(name) and numbers <= {0, 1}


def _owners(rest: str, targets: Sources) -> list[str]:
    """Return the targets whose column matches this name. rest: a companion's name without words for signs or units."""
    contents = parse_assay_header(rest)
    owners = []
    for target, source in targets.items():
        is_formula = contents.formulas == (_formula(source),) and not contents.unknown
        is_unit = contents.unit in ("", source.unit or parse_assay_header(source.column).unit)
        if _split_words(rest) == _split_words(source.column) or (is_formula and is_unit):
            owners.append(target)
    return owners


def _mentions_any(name: str, targets: Sources) -> bool:
    return not {_formula(source) for source in targets.values()}.isdisjoint(parse_assay_header(name).formulas)


def _find_possible_targets(rest: str, targets: Sources, kind: str) -> tuple[list[str], bool]:
    """Return the targets to which a companion that names none of them may belong, and whether it certainly does.

    Units may belong to all targets without a unit or, if all have one, to all. Signs certainly belong to a target if it
    is the only one.
    """
    formulas = parse_assay_header(rest).formulas
    if formulas and {_formula(source) for source in targets.values()}.isdisjoint(formulas):
        return [], True  # belongs to an element that is not imported
    if kind == "signs":
        return [*targets], len(targets) == 1 and not formulas
    without_unit = [target for target, source in targets.items() if not source.unit]
    return without_unit or [*targets], not formulas


def _formula(source: Source) -> str:
    return source.formula or parse_assay_header(source.column).formula


def _split_words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+|%", name.lower())
