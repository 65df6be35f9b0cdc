"""Notes on names of drill holes that may stand for several holes, and on rows that are not samples of a hole."""

import re
from collections.abc import Iterator, Mapping, Sequence

from recore.challenge import challenge
from recore.dataset.grammar import separate_words
from recore.dataset.grammar.ids import ID_WORD
from recore.listing import list_names

SHOWN = 5  # names in a sentence
PROJECT = re.compile(
    rf"(project|prospect|property|tenement|lease|deposit|mine|campaign|programme?|projekt|proyecto|projet) ?{ID_WORD}?"
)
CONTROL_SAMPLE = re.compile(
    r"(?:\b|(?<=\d))(std|standard|crm|srm|oreas|amis|blk|blank|dup|duplicate|rpt|repeat|check|qc)(s|[ -]?\d\w*)?\b"
)


def is_control_sample(name: str) -> bool:
    """Return whether a sample is named like a laboratory's standard, blank or duplicate."""
    return CONTROL_SAMPLE.search(separate_words(name)) is not None


def note_shared_names(
    holes: Sequence[str], depths: Sequence[tuple[float, float]], columns: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Yield notes on names of drill holes that occur in several projects, and on intervals that overlap.

    depths: the interval of each row, if the challenge has depths. columns: the cells of the table's other columns.
    """
    group, noun = challenge().group, challenge().group_name
    shared = set[str]()
    for title, cells in columns.items():
        projects: dict[str, set[str]] = {}
        if PROJECT.fullmatch(separate_words(title)):
            for hole, cell in zip(holes, cells, strict=True):
                projects.setdefault(hole, set()).update(filter(None, [cell]))
        if several := sorted(hole for hole, names in projects.items() if len(names) > 1):
            shared.update(several)
            values = list_names(sorted(projects[several[0]]), SHOWN)
            yield (
                f"{group}: {list_names([repr(hole[:40]) for hole in several], SHOWN)} occurs with several values of "
                f"{title[:40]!r} ({values}), but counts as one {noun}; if these are different {noun}s, add the value "
                "to their names"
            )
    overlapping: dict[str, None] = {}
    last_hole, end = "", 0.0
    for hole, (depth_from, depth_to) in sorted(zip(holes, depths, strict=False)):
        if hole == last_hole and depth_from < end and hole not in shared:
            overlapping[hole] = None
        end = max(depth_to, end) if hole == last_hole else depth_to
        last_hole = hole
    if overlapping:
        yield (
            f"{group}: samples of {list_names([repr(hole[:40]) for hole in overlapping], SHOWN)} overlap in depth; if "
            f"the name stands for several {noun}s, give each a different name"
        )
