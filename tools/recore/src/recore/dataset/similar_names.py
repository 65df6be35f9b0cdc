"""Find names that are written differently but probably mean the same: 001 and 1, S0 and s0, DH-01 and DH01.

Names with different groups of digits are different samples: S-000_1 is not S-001, and 12-3 is not 123.
"""

import re
import unicodedata
from collections.abc import Iterable

from recore.challenge import challenge
from recore.dataset.grammar import DASHES, normalise_text
from recore.listing import list_names
from recore.text import plain

SHOWN = 5  # groups of names in a sentence


def similar_names(names: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """Map names to the names in `others` that differ only in leading zeros, case, spaces, punctuation or a final .0.

    Names that are in `others`, or that resemble none or several of them, are omitted.
    """
    known = set(others)
    by_core = _group_by_core(known)
    similar = {name: by_core.get(_core(name), []) for name in names if name not in known}
    return {name: matches[0] for name, matches in similar.items() if len(matches) == 1}


def note_similar_holes(holes: Iterable[str]) -> str:
    """Return a note on groups, such as drill holes, whose names have several spellings, or "" if there are none."""
    groups = [sorted(group) for group in _group_by_core(set(holes)).values() if len(group) > 1]
    if not groups:
        return ""
    listed = list_names([" and ".join(repr(plain(name, 40)) for name in group) for group in sorted(groups)], SHOWN)
    in_use = challenge()
    return (
        f"{in_use.group}: {listed} count as different {in_use.group_name}s, so one can be held out while the model is "
        "trained on another; if they are the same, use one spelling"
    )


def _group_by_core(names: Iterable[str]) -> dict[tuple[str, ...], list[str]]:
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        groups.setdefault(_core(name), []).append(name)
    return groups


def _core(name: str) -> tuple[str, ...]:
    name = unicodedata.normalize("NFKC", normalise_text(name)).translate(DASHES).casefold()
    name = re.sub(r"(?<=\d)\.0+$", "", name).strip(" _.-/")
    parts = re.findall(r"\d+|\D+", name)
    return tuple(part.lstrip("0") or "0" if part[0].isdigit() else re.sub(r"[\s_./-]+", "", part) for part in parts)
