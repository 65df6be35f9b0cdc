"""Which column of a laboratory's table is which column of the schema, and in which unit it is."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from recore.dataset.targets import UNITS
from recore.dataset.units import (
    CONTENT_PATTERNS,
    CONTENT_UNITS,
    DEPTH_PATTERNS,
    DEPTH_UNITS,
    OUNCES,
    SYNONYMS,
    unit_in_name,
)
from recore.listing import list_names
from recore.schema import DEPTHS, IDS, TARGETS

SCHEMA = ("sample", "index", *IDS, *TARGETS)
OXYGEN = r"\d+O\d*|O\d+|O(?=pct|pp[mb]|[^a-z]|$)"  # after an element: Al2O3, TiO2_pct, MgO %
NAMES_IN_SCHEMA = "sample, index, SiteID, DepthFrom, DepthTo and the 49 targets"
BRITISH_NAMES = {"aluminium": "Al", "caesium": "Cs", "sulphur": "S"}
SHOWN = 5  # names in a sentence


@dataclass(frozen=True)
class Source:
    """A column of the table that holds a column of the schema: its values times `factor`."""

    place: int
    column: str
    unit: str = ""
    factor: float = 1.0


def parse_columns(options: Iterable[str]) -> dict[str, str]:
    """Columns of the schema with the columns of the table that hold them, of options such as `CuPPM=Cu_pct`.

    Raises ValueError.
    """
    columns: dict[str, str] = {}
    for option in options:
        name, _, column = (part.strip() for part in option.partition("="))
        if not name or not column:
            raise ValueError(f"--column {option}: write NAME=COLUMN, for example CuPPM=Cu_tot or CuPPM=Cu_tot:pct")
        if name not in SCHEMA:
            likely = likely_name(name)
            question = f"did you mean {likely}?" if likely else f"valid columns are {NAMES_IN_SCHEMA}"
            raise ValueError(f"--column {option}: {name!r} is not a column in the schema; {question}")
        if name in columns:
            raise ValueError(f"--column {option}: {name} is already set to {columns[name]!r}")
        columns[name] = column
    return columns


def likely_name(column: str) -> str | None:
    """The column of the schema that a column of this name probably is."""
    import periodictable

    letters = "".join(filter(str.isalpha, column)).lower()
    element = re.sub("(pct|percent|ppm|ppb|mgkg|gt|gpt|kgt|ugkg|gkg)$", "", letters)
    symbols = {known.name: str(known) for known in periodictable.elements} | BRITISH_NAMES
    symbol = symbols.get(element, element.capitalize())
    target = next((target for target in TARGETS if target[:-3] == symbol), None)
    if target or symbol in symbols.values():
        return target  # None for another element: HgPPM is not a mistyped AgPPM
    mistyped_unit = [target for target in TARGETS if _is_mistyped(letters, target.lower())]
    return most_similar(column, ("sample", "index", *IDS, *mistyped_unit))


def _is_mistyped(letters: str, target: str) -> bool:
    """Whether letters can be a mistyped target: the same element, and a unit of one letter more or less."""
    element = target[:-3]
    return letters.startswith(element) and abs(len(letters) - len(target)) <= 1


def column_option(name: str, column: str) -> str:
    """The option that imports a column of the table, quoted as a shell requires."""
    text = f"{name}={column}"
    return f'--column "{text}"' if re.search(r"[^\w=:./%+-]", text) else f"--column {text}"


def most_similar(name: str, names: Iterable[str]) -> str | None:
    """The most similar of the names, None if none is similar."""
    by_lower_case = {other.lower(): other for other in names}
    similar = difflib.get_close_matches(name.lower(), by_lower_case, 1, 0.6)
    return by_lower_case[similar[0]] if similar else None


def find_columns(
    header: list[str], columns: Mapping[str, str], depth_unit: str | None
) -> tuple[dict[str, Source], list[str]]:
    """Where each column of the schema is in a table with this header, and remarks.

    Without `columns`, every column must be one of the schema; with them, other columns are ignored. Raises ValueError.
    """
    if "" in header:
        raise ValueError(f"column {header.index('') + 1} has no name")
    sources = {name: _source(name, column, header, depth_unit) for name, column in columns.items()}
    used = {source.column for source in sources.values()}
    for name in header:
        if name in SCHEMA and name not in sources and name not in used:
            sources[name] = _source(name, name, header, depth_unit)
    used |= {source.column for source in sources.values()}
    if repeated := sorted(name for name in (used if columns else set(header)) if header.count(name) > 1):
        raise ValueError(f"there is more than one column {repeated[0]!r}")
    ignored = [name for name in header if name not in used]
    if ignored and not columns:
        name = ignored[0][:40]
        likely = likely_name(name)
        remedy = f"did you mean {likely}? {column_option(likely or '', name)} imports it as {likely}"
        if not likely:
            remedy = f"valid columns are {NAMES_IN_SCHEMA}; remove it, or choose the columns to import with --column"
        raise ValueError(f"column {name!r} is not in the schema; {remedy}")
    if missing := [name for name in ("sample", *IDS) if name not in sources]:
        raise ValueError(
            f"there is no column {missing[0]!r}; sample, SiteID, DepthFrom and DepthTo are required: "
            f"--column {missing[0]}=COLUMN names the column that contains it"
        )
    return sources, _remarks(sources, columns, ignored)


def _source(name: str, column: str, header: list[str], depth_unit: str | None) -> Source:
    """The column of the table, with the unit that its name or the user states."""
    option = f"--column {name}={column}"
    stated = None
    if column not in header and ":" in column:
        column, _, stated = column.rpartition(":")
    if column not in header:
        similar = most_similar(column, header)
        question = f"; did you mean {similar}?" if similar else ""
        raise ValueError(f"{option}: the table has no column {column!r}{question}")
    place = header.index(column)
    if name in TARGETS:
        return _content(name, column, place, stated, option)
    if stated:
        instead = "--depth-unit states the unit of depths" if name in DEPTHS else f"{name} has no unit"
        raise ValueError(f"{option}: {instead}")
    if name not in DEPTHS:
        return Source(place, column)
    unit = depth_unit or unit_in_name(column, DEPTH_PATTERNS) or ""
    return Source(place, column, unit, DEPTH_UNITS[unit or "m"])


def _content(target: str, column: str, place: int, stated: str | None, option: str) -> Source:
    """The column of a target: its values are converted if a unit or an oxide is known."""
    target_unit = target[-3:].lower()
    if column == target and not stated:
        return Source(place, column, target_unit)
    unit = SYNONYMS.get(stated.lower(), stated.lower()) if stated else unit_in_name(column, CONTENT_PATTERNS)
    if re.search(OUNCES, stated or column, re.IGNORECASE) and not unit:
        unit = "oz/t"
    if unit and re.search(OUNCES, unit):
        raise ValueError(f"{option}: ounces per ton are ambiguous (short ton, long ton or tonne): convert them to g/t")
    if unit and unit not in CONTENT_UNITS:
        raise ValueError(
            f"{option}: the unit {stated!r} is unknown; use {', '.join(CONTENT_UNITS)} or {', '.join(SYNONYMS)}"
        )
    element = target[:-3]
    factor = UNITS[target[-3:]] * CONTENT_UNITS[unit or target_unit]
    oxide = re.search(rf"(?<![a-z]){element}({OXYGEN})(?!\d)", column, re.IGNORECASE)
    if not oxide:
        return Source(place, column, unit or "", factor)
    import periodictable

    formula = element + oxide[1].upper()
    share = {str(known): share for known, share in periodictable.formula(formula).mass_fraction.items()}[element]
    return Source(place, column, f"{unit or target_unit} {formula}", factor * share)


def _remarks(sources: Mapping[str, Source], columns: Mapping[str, str], ignored: list[str]) -> list[str]:
    """What was converted, what was taken as it is, and which columns were ignored."""
    converted = [
        f"{name} = {source.factor:.6g} x {source.column} ({source.unit})"
        for name, source in sources.items()
        if source.factor != 1
    ]
    unknown = [f"{name}={sources[name].column}" for name in columns if name in TARGETS and not sources[name].unit]
    remarks = [f"converted: {'; '.join(converted)}"] if converted else []
    if unknown:
        remarks.append(
            f"these column names state no unit, so their values were assumed to be in the target's unit: "
            f"{', '.join(unknown)}; for example, --column {unknown[0]}:pct states another unit"
        )
    if ignored:
        remarks.append(f"ignored columns: {list_names(ignored, SHOWN)}")
    likely = {column: name for column in ignored if (name := likely_name(column)) in TARGETS and name not in sources}
    for column, name in likely.items():
        remarks.append(f"column {column!r} looks like {name}; if so, {column_option(name, column)} imports it")
    return remarks
