"""Columns that contain the signs or the units of another column's values."""

import re
from collections.abc import Mapping
from dataclasses import replace

from recore.dataset.grammar.contents import read_contents
from recore.dataset.grammar.ids import Cells
from recore.dataset.grammar.signs import is_plain_sign, names_sign, read_sign, without_sign_words
from recore.dataset.grammar.units import is_depth_unit, unit_of_cell
from recore.dataset.target_columns import Source
from stagemaker import parse_number

UNIT_WORD = re.compile(r"(?<![a-z])(units?|uom)(?![a-z])", re.IGNORECASE)

Sources = Mapping[str, Source]


def with_companions(targets: Sources, unused: Mapping[int, str], cells: Cells) -> dict[str, Source]:
    """The sources of targets, each with the columns of its signs and of its units, if there are any.

    unused: the names of the other columns by position. Raises ValueError if it is unclear to which column one belongs.
    """
    result = dict(targets)
    for place, name in unused.items() if targets else ():
        filled = [cell for cell in cells(place) if cell]
        if _holds_units(name, filled):
            kind, rest = "units", UNIT_WORD.sub(" ", name)
        elif _holds_signs(name, filled):
            kind, rest = "signs", without_sign_words(name)
        else:
            continue
        if _words(rest) in [_words(other) for other in unused.values() if other != name]:
            continue  # of a column that is not imported
        owners, is_clear = _owners(rest, targets), True
        if not owners and (kind == "units" or any(read_sign(cell, name) for cell in filled)):
            owners, is_clear = _possible_owners(rest, targets, kind)
        if not is_clear or any(getattr(result[target], kind) for target in owners):
            raise ValueError(
                f"column {name[:40]!r} contains {kind} such as {next(filter(None, filled), '')[:10]!r}, but it is "
                f"unclear of which column: name it after it, such as {targets[owners[0]].column + '_' + kind[:-1]!r}"
            )
        for target in owners:
            source = result[target]
            is_sign = kind == "signs"
            result[target] = replace(source, signs=(place, name)) if is_sign else replace(source, units=(place, name))
    return result


def depth_unit_column(unused: Mapping[int, str], cells: Cells) -> tuple[int, str] | None:
    """The position and the name of the column that contains only units of depths, if there is one."""
    for place, name in unused.items():
        filled = [cell for cell in cells(place) if cell]
        rest = {*_words(UNIT_WORD.sub(" ", name))}
        is_named = UNIT_WORD.search(name) and rest <= {"depth", "depths", "length", "interval", "distance"}
        if is_named and filled and all(map(is_depth_unit, filled)):
            return place, name
    return None


def _holds_units(name: str, filled: list[str]) -> bool:
    """Whether a column holds units of contents: all of its cells, or some in one whose name says so."""
    units = [bool(unit_of_cell(cell)) for cell in filled]
    return any(units) and (all(units) or UNIT_WORD.search(name) is not None)


def _holds_signs(name: str, filled: list[str]) -> bool:
    """Whether a column contains signs: in all cells, or its name says so and its only numbers are 0 and 1."""
    if filled and all(map(is_plain_sign, filled)):
        return True
    numbers = {number for cell in filled if (number := parse_number(cell)) is not None}
    return names_sign(name) and numbers <= {0, 1}


def _owners(rest: str, targets: Sources) -> list[str]:
    """The targets whose column a companion is named after. rest: its name without words for signs or units."""
    contents = read_contents(rest)
    owners = []
    for target, source in targets.items():
        is_formula = contents.formulas == (_formula(source),) and not contents.unknown
        is_unit = contents.unit in ("", source.unit or read_contents(source.column).unit)
        if _words(rest) == _words(source.column) or (is_formula and is_unit):
            owners.append(target)
    return owners


def _possible_owners(rest: str, targets: Sources, kind: str) -> tuple[list[str], bool]:
    """The targets to which a companion with another name can belong, and whether it is clear that it does.

    Units belong to all columns without one. Signs are clear if there is only one column.
    """
    formulas = read_contents(rest).formulas
    if formulas and {_formula(source) for source in targets.values()}.isdisjoint(formulas):
        return [], True  # of an element that is not imported
    if kind == "signs":
        return [*targets], len(targets) == 1 and not formulas
    without_unit = [target for target, source in targets.items() if not source.unit]
    return without_unit or [*targets], not formulas


def _formula(source: Source) -> str:
    return source.formula or read_contents(source.column).formula


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+|%", name.lower())
