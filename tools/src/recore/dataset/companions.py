"""Columns that belong to a column of assays, because they hold a part of each of its values: its sign."""

import re
from collections.abc import Mapping
from dataclasses import replace

from recore.dataset.grammar.contents import read_contents
from recore.dataset.grammar.ids import Cells
from recore.dataset.grammar.signs import is_plain_sign, names_sign, read_sign, without_sign_words
from recore.dataset.target_columns import Source
from recore.schema import TARGETS


def with_signs(sources: Mapping[str, Source], unused: Mapping[int, str], cells: Cells) -> dict[str, Source]:
    """The sources of columns, each of a target with the column of its signs, if there is one.

    unused: the names of the other columns by place. Raises ValueError if it is open whose signs a column holds.
    """
    result = dict(sources)
    targets = {target: source for target, source in sources.items() if target in TARGETS}
    for place, name in unused.items() if targets else ():
        filled = [cell for cell in cells(place) if cell]
        is_plain = bool(filled) and all(map(is_plain_sign, filled))
        if not (is_plain or names_sign(name)):
            continue
        rest = without_sign_words(name)
        if _words(rest) in [_words(other) for other in unused.values() if other != name]:
            continue  # of a column that is not imported
        owners = _owners(rest, targets)
        if not owners and _can_be_of_any(rest, targets) and any(read_sign(cell, name) for cell in filled):
            owners = [*targets]
            is_clear = len(owners) == 1 and not read_contents(rest).formulas
        else:
            is_clear = len(owners) < 2
        if not is_clear or any(result[target].signs for target in owners):
            example = f"{targets[owners[0]].column}_sign"
            raise ValueError(
                f"column {name[:40]!r} holds signs such as {next(filter(None, filled), '')[:10]!r}, but of which "
                f"column? Name it after that column, such as {example!r}, or write the signs into the assays' cells: <5"
            )
        for target in owners:
            result[target] = replace(result[target], signs=(place, name))
    return result


def _owners(rest: str, targets: Mapping[str, Source]) -> list[str]:
    """The targets whose column a companion belongs to. rest: its name without the words for what it holds."""
    contents = read_contents(rest)
    owners = []
    for target, source in targets.items():
        own = read_contents(source.column)
        is_formula = contents.formulas == (source.formula or own.formula,) and not contents.unknown
        is_unit = contents.unit in ("", source.unit or own.unit)
        if _words(rest) == _words(source.column) or (is_formula and is_unit):
            owners.append(target)
    return owners


def _can_be_of_any(rest: str, targets: Mapping[str, Source]) -> bool:
    """Whether the rest of a companion's name leaves open to which column it belongs: it does not name another one."""
    formulas = read_contents(rest).formulas
    known = {source.formula or read_contents(source.column).formula for source in targets.values()}
    return not formulas or not known.isdisjoint(formulas)


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+|%", name.lower())
