"""Which columns of a table name the samples and the drill holes, and which hold depths."""

import re
from collections.abc import Callable, Iterable

from recore.challenge import challenge
from recore.dataset.grammar import Question, separate_words
from recore.dataset.grammar.numbers import DECIMALS
from recore.dataset.grammar.units import DEPTH_PATTERNS
from recore.listing import list_names
from recore.schema import DEPTH_FROM, DEPTH_TO, DEPTHS

ID_WORD = r"(id|no|nr|num|number|nummer|name|code|label|tag|key|bezeichnung)"
SAMPLE = r"(samples?|samp|specimens?|smpl?|spl|proben?|echantillon|muestra)"
# the names of columns that name samples, the most certain first
NAMES = (
    rf"{SAMPLE} ?{ID_WORD}?|{ID_WORD} ?{SAMPLE}|(lab|core|field|client|soil|rock) ?{SAMPLE} ?{ID_WORD}?",
    rf"{ID_WORD}|(spectrum|spectra|scan) ?{ID_WORD}?|(lab|core|file|field|client) ?{ID_WORD}|barcode|filename",
)
INTERVAL = r"(depth|interval|sample|int|tiefe)"
HOLE = rf"((drill|bore|core|diamond|rc)? ?(hole|bore)|bh|d?dh|site|well|collar|bohrung|bohrloch) ?{ID_WORD}?"
DEPTH_NAMES = {
    DEPTH_FROM: rf"(m )?{INTERVAL}? ?(from|start|top|von) ?(depth)?|(depth|tiefe) (upper|min)|(upper|min) depth",
    DEPTH_TO: rf"(m )?{INTERVAL}? ?(to|end|bottom|base|bis) ?(depth)?|(depth|tiefe) (lower|max)|(lower|max) depth",
}
STATISTIC = (
    r"mean|average|avg|median|min(imum)?|max(imum)?|sd|std ?(dev(iation)?)?|stdev|(standard )?(deviation|error)|"
    r"variance|rsd|uncertainty|fwhm"
)
DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([ T].*)?")
MOST = 5  # columns that a question names


Cells = Callable[[int], list[str]]  # of the column at a place


def rank_sample_name(name: str) -> int | None:
    """How certainly a column of this name names the samples: 0 is the most certain; None if it does not."""
    words = _only_words(separate_words(name))
    return next((rank for rank, pattern in enumerate(NAMES) if re.fullmatch(pattern, words)), None)


def is_statistic(name: str) -> bool:
    """Whether a line or column with this name is a mean, a standard deviation or a similar statistic."""
    return re.fullmatch(STATISTIC, _only_words(separate_words(name))) is not None


def find_sample_column(columns: dict[int, str], cells: Cells, option: str = "--sample COLUMN") -> int:
    """The place of the column that names the samples, of the columns that are not numbers of a spectrum.

    columns: names by place. cells: the first cells of a column. A column `sample` comes first, then names such as
    SampleID, then such as ID, then the first column. Row numbers, dates and empty columns come last. Raises Question.
    """
    ranks = {place: rank for place, name in columns.items() if (rank := rank_sample_name(name)) is not None}
    exact = [place for place, name in columns.items() if name.lower() == "sample"]
    first = min(columns)
    if ranks:
        best = min(ranks.values())
        chosen = exact[:1] or [place for place, rank in ranks.items() if rank == best]
        if not exact:
            chosen = [place for place in chosen if not is_filler(cells(place))] or chosen
        others = [place for place in ranks if place not in chosen and not is_filler(cells(place))]
    else:
        chosen = [first]
        others = [place for place in columns if place != first and _can_be_names(cells(place))]
    if len(chosen) > 1 and all(cells(place) == cells(chosen[0]) for place in chosen):
        chosen = chosen[:1]
    if len(chosen) == 1 and (not others or not is_filler(cells(chosen[0]))):
        return chosen[0]
    names = list_names([repr(columns[place][:40]) for place in sorted({*chosen, *others})], MOST)
    example = columns[(others or chosen)[0]]
    example = quote_option(option.replace("COLUMN", example) if example else option)
    raise Question("sample", f"the columns {names} can name the samples: choose one, such as {example}")


def find_id_columns(column: str, columns: dict[int, str]) -> list[int]:
    """The places of the columns that can be an ID of the challenge: that of this name, otherwise those alike."""
    exact = [place for place, name in columns.items() if name == column]
    if exact:
        return exact[:1]
    words = {place: separate_words(name) for place, name in columns.items()}
    if column in DEPTHS:  # depth from (m), from_ft
        words = {place: re.sub("|".join(DEPTH_PATTERNS.values()), " ", name) for place, name in words.items()}
    pattern = _id_pattern(column)
    return [place for place, name in words.items() if re.fullmatch(pattern, _only_words(name))]


def _id_pattern(column: str) -> str:
    """What columns are called that hold an ID: a depth, a drill hole, or what the challenge calls its groups."""
    if column in DEPTHS:
        return DEPTH_NAMES[column]
    known = challenge()
    if column == known.group and known.group_name.endswith("hole"):
        return HOLE
    words = {_only_words(separate_words(column))} | ({known.group_name} if column == known.group else set())
    return rf"({'|'.join(re.escape(word.lower()) for word in words if word)}) ?{ID_WORD}?"


def _only_words(text: str) -> str:
    return re.sub(r"[^\w]+", " ", text).strip()


def quote_option(option: str) -> str:
    """An option and its value, quoted as a shell requires: --column "sample=Sample ID"."""
    name, _, value = option.partition(" ")
    return f'{name} "{value}"' if re.search(r"[^\w=:./%+-]", value) else option


def is_filler(cells: Iterable[str]) -> bool:
    """Whether cells are row numbers, dates or nothing."""
    cells = list(cells)
    numbers = [int(cell) for cell in cells if cell.isascii() and cell.isdigit() and len(cell) < 10]
    if len(cells) > 1 and len(numbers) == len(cells) and numbers[0] in (0, 1):
        return numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return all(not cell or DATE.fullmatch(cell) for cell in cells)


def _can_be_names(cells: list[str]) -> bool:
    is_named = all(cell and not DECIMALS.fullmatch(cell) for cell in cells)
    return bool(cells) and is_named and len(set(cells)) == len(cells) and not is_filler(cells)
