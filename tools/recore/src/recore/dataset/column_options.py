"""Parse and suggest the option `--column NAME=COLUMN`, and guess the meaning of mistyped names."""

import difflib
import re
from collections.abc import Iterable

from recore.challenge import challenge
from recore.dataset.grammar import normalise_text
from recore.dataset.grammar.elements import element_names
from recore.dataset.grammar.ids import quote_option
from recore.dataset.grammar.target_units import element_of, find_target


def required_columns() -> list[str]:
    """Return the names of the columns that every assay table needs."""
    return ["sample", *challenge().sample_ids]


def parse_columns(options: Iterable[str]) -> dict[str, str]:
    """Parse options such as `CuPPM=Cu_pct` to a dict from names in the challenge's schema to columns of the table.

    Raises ValueError if an option is invalid.
    """
    columns: dict[str, str] = {}
    for option in options:
        name, _, column = (part.strip() for part in normalise_text(option).partition("="))
        if not name or not column:
            raise ValueError(f"--column {option} is invalid; write CuPPM=Cu_tot or CuPPM=Cu_tot:pct, for example")
        if name not in ("sample", "index", *challenge().columns):
            likely = likely_name(name)
            question = f"did you mean {likely}?" if likely else _format_schema()
            raise ValueError(f"--column {option}: {name!r} is not a column in the schema; {question}")
        if name in columns:
            raise ValueError(f"--column {option}: {name} is already set to {columns[name]!r}")
        columns[name] = column
    return columns


def _format_schema() -> str:
    others = ", ".join(("sample", "index", *challenge().sample_ids))
    return f"valid columns are {others} and the {len(challenge().targets)} targets"


def column_option(name: str, column: str) -> str:
    """Format the option that imports a column of the table, quoted for a shell."""
    return quote_option(f"--column {name}={column}")


def likely_name(column: str) -> str | None:
    """Guess which column of the challenge's schema a column name means, or return None if none is likely."""
    letters = "".join(filter(str.isalpha, column)).lower()
    element = re.sub("(pct|percent|ppm|ppb|mgkg|gt|gpt|kgt|ugkg|gkg)$", "", letters)
    is_isotope = any(map(str.isdigit, column))
    if (symbol := element_names().get(element)) and not is_isotope:
        # None for other elements: HgPPM is not a mistyped AgPPM
        return next((target for target in challenge().targets if element_of(target) == symbol), None)
    if mistyped := mistyped_target(column):
        return mistyped[0]
    others = [target for target in challenge().targets if not element_of(target)]
    if named := find_target(column):
        return named[0]
    return most_similar(column, ("sample", "index", *challenge().ids, *others))


def mistyped_target(column: str) -> tuple[str, str] | None:
    """Return the target and unit meant by a mistyped name such as CuPMM, CuPTC or Cu_pp, or None if none is likely.

    Names with digits or signs, such as U235_ppm, 206Pb and Cr6+, are isotopes or valences.
    """
    if not re.fullmatch(r"[A-Za-z\s_.()\[\]-]+", column):
        return None
    letters = "".join(filter(str.isalpha, column)).lower()
    for target in filter(element_of, challenge().targets):
        unit = letters.removeprefix(element_of(target).lower())
        similar_units = difflib.get_close_matches(unit, ["ppm", "pct", "ppb"], 1)
        if unit != letters and re.fullmatch("p[a-z]{1,3}", unit) and similar_units:
            return target, similar_units[0]
    return None


def most_similar(name: str, names: Iterable[str]) -> str | None:
    """Return the most similar of the names, or None if none is similar."""
    by_lower_case = {other.lower(): other for other in names}
    similar = difflib.get_close_matches(name.lower(), by_lower_case, 1, 0.6)
    return by_lower_case[similar[0]] if similar else None
