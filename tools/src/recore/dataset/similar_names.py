"""Names of samples that two files write differently: 001 and 1, S0 and s0, 5001.0 and 5001."""

import re
from collections.abc import Iterable


def similar_names(names: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """For each name the one of the others that differs from it only by zeros, case, spaces and signs, or a final .0.

    A name that is among the others, or that several of them resemble, is left out.
    """
    known = set(others)
    by_core: dict[str, list[str]] = {}
    for other in known:
        by_core.setdefault(_core(other), []).append(other)
    similar = {name: by_core.get(_core(name), []) for name in names if name not in known}
    return {name: matches[0] for name, matches in similar.items() if len(matches) == 1}


def _core(name: str) -> str:
    """A name without what is often written differently."""
    name = re.sub(r"(?<=\d)\.0+$", "", name.casefold())
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[\s_.-]+", "", name))
