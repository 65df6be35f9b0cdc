"""Find the columns of a table that contain sample names, drill holes and depths."""

import re
import shlex
from collections.abc import Callable, Iterable

from recore.challenge import challenge
from recore.dataset.grammar import Ambiguity, separate_words
from recore.dataset.grammar.numbers import DECIMALS
from recore.dataset.grammar.units import DEPTH_PATTERNS
from recore.listing import list_names
from recore.schema import DEPTH_FROM, DEPTH_TO, DEPTHS

ID_WORD = r"(id|no|nr|num|number|nummer|name|code|label|tag|key|bezeichnung)"
SAMPLE = r"(samples?|samp|specimens?|smpl?|spl|proben?|echantillon|muestra)"
# headers of columns with sample names, the most certain first
NAMES = (
    rf"{SAMPLE} ?{ID_WORD}?|{ID_WORD} ?{SAMPLE}|(lab|core|field|client|soil|rock) ?{SAMPLE} ?{ID_WORD}?",
    rf"{ID_WORD}|(spectrum|spectra|scan) ?{ID_WORD}?|(lab|core|file|field|client) ?{ID_WORD}|barcode|filename",
)
INTERVAL = r"(depth|interval|sample|int|tiefe|profundidad)"
HOLE = (
    r"((drill|bore|core|diamond|rc)? ?(hole|bore)|bh|d?dh|site|well|collar|bohrung|bohrloch|sondage|forage|sondaje"
    rf"|sondeo) ?{ID_WORD}?"
)
DEPTH_NAMES = {
    DEPTH_FROM: (
        rf"(m )?{INTERVAL}? ?(from|start|top|von|desde) ?(depth)?|(depth|tiefe) (upper|min)|(upper|min) depth"
        "|profondeur de"
    ),
    DEPTH_TO: (
        rf"(m )?{INTERVAL}? ?(to|end|bottom|base|bis|hasta) ?(depth)?|(depth|tiefe) (lower|max)|(lower|max) depth"
        "|profondeur a"
    ),
}
STATISTIC = (
    r"mean|average|avg|median|min(imum)?|max(imum)?|sd|std ?(dev(iation)?)?|stdev|(standard )?(deviation|error)|"
    r"variance|rsd|uncertainty|fwhm"
)
DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([ T].*)?")
MAX_LISTED = 5  # columns that a question lists


Cells = Callable[[int], list[str]]  # returns the cells of the column at a position


def rank_sample_name(name: str) -> int | None:
    """Return how certainly a column with this name contains sample names (0: most certain), or None if it does not."""
    words = _extract_words(separate_words(name))
    return next((rank for rank, pattern in enumerate(NAMES) if re.fullmatch(pattern, words)), None)


def is_statistic(name: str) -> bool:
    """Return whether a line or column with this name is a mean, a standard deviation or a similar statistic."""
    return re.fullmatch(STATISTIC, _extract_words(separate_words(name))) is not None


def find_sample_column(columns: dict[int, str], cells: Cells, option: str = "--sample COLUMN") -> int:
    """Return the position of the column with the sample names, among columns that are not channels.

    columns: names by position. cells: returns the first cells of a column. A column `sample` comes first, then names
    such as SampleID, then names such as ID, then the first column; row numbers, dates and empty columns come last.
    Raises Ambiguity if several columns fit equally well.
    """
    ranks = {position: rank for position, name in columns.items() if (rank := rank_sample_name(name)) is not None}
    exact_matches = [position for position, name in columns.items() if name.lower() == "sample"]
    first = min(columns)
    if ranks:
        best_rank = min(ranks.values())
        candidates = exact_matches[:1] or [position for position, rank in ranks.items() if rank == best_rank]
        if not exact_matches:
            candidates = [position for position in candidates if not is_filler(cells(position))] or candidates
        others = [position for position in ranks if position not in candidates and not is_filler(cells(position))]
    else:
        candidates = [first]
        others = [position for position in columns if position != first and _can_be_names(cells(position))]
    if len(candidates) > 1 and all(cells(position) == cells(candidates[0]) for position in candidates):
        candidates = candidates[:1]
    if len(candidates) == 1 and (not others or not is_filler(cells(candidates[0]))):
        return candidates[0]
    names = list_names([repr(columns[position][:40]) for position in sorted({*candidates, *others})], MAX_LISTED)
    example = columns[(others or candidates)[0]]
    example = quote_option(option.replace("COLUMN", example) if example else option)
    raise Ambiguity("sample", f"the columns {names} could contain the sample names; choose one, such as {example}")


def find_id_columns(column: str, columns: dict[int, str]) -> list[int]:
    """Return the positions of columns that can contain this ID: the column of this name, otherwise similar ones."""
    exact = [position for position, name in columns.items() if name == column]
    if exact:
        return exact[:1]
    words = {position: separate_words(name) for position, name in columns.items()}
    if column in DEPTHS:  # depth from (m), from_ft
        words = {position: re.sub("|".join(DEPTH_PATTERNS.values()), " ", name) for position, name in words.items()}
    pattern = _id_pattern(column)
    return [position for position, name in words.items() if re.fullmatch(pattern, _extract_words(name))]


def _id_pattern(column: str) -> str:
    """Return a regular expression that matches the names of columns that can contain this ID."""
    if column in DEPTHS:
        return DEPTH_NAMES[column]
    known = challenge()
    if column == known.group and known.group_name.endswith("hole"):
        return HOLE
    words = {_extract_words(separate_words(column))} | ({known.group_name} if column == known.group else set())
    return rf"({'|'.join(re.escape(word.lower()) for word in words if word)}) ?{ID_WORD}?"


def _extract_words(name: str) -> str:
    return re.sub(r"[^\w]+", " ", name).strip()


def quote_option(option: str) -> str:
    """Quote an option's value for a shell if needed, as in --column "sample=Sample ID"."""
    name, _, value = option.partition(" ")
    if re.search(r'["$`\\!]', value):  # these have a meaning between double quotes, too
        return f"{name} {shlex.quote(value)}"
    return f'{name} "{value}"' if re.search(r"[^\w=:./%+-]", value) else option


def is_filler(cells: Iterable[str]) -> bool:
    """Return whether the cells are row numbers, or whether each of them is a date or empty."""
    cells = list(cells)
    numbers = [int(cell) for cell in cells if cell.isascii() and cell.isdigit() and len(cell) < 10]
    if len(cells) > 1 and len(numbers) == len(cells) and numbers[0] in (0, 1):
        return numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return all(not cell or DATE.fullmatch(cell) for cell in cells)


def _can_be_names(cells: list[str]) -> bool:
    is_named = all(cell and not DECIMALS.fullmatch(cell) for cell in cells)
    return bool(cells) and is_named and len(set(cells)) == len(cells) and not is_filler(cells)
