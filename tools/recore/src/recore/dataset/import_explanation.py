"""Explain why a file that other commands reject needs `recore import`."""

from collections.abc import Iterable
from pathlib import Path

from recore.dataset.grammar.axis import parse_channel
from recore.dataset.grammar.numbers import PATTERNS, Marks
from recore.dataset.instruments.files import read_file
from recore.dataset.instruments.reading_options import ReadingOptions
from recore.dataset.instruments.spectrum import Problem
from recore.dataset.text_table import open_table
from recore.file_kinds import IMPORT
from recore.schema import is_wavenumber

DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars", None: "spaces"}
UTF_16 = "this is UTF-16 text"


def may_need_import(names: Iterable[str]) -> bool:
    """Return whether a header may need `recore import`, because of channels such as 3998 cm-1 or unnamed columns."""
    others = [name for name in names if not is_wavenumber(name)]
    return others.count("") > 1 or any(parse_channel(name, Marks(mark)) for name in others for mark in PATTERNS)


def explain_import(path: Path, only_header: bool = False) -> str:
    """Explain why only `recore import` reads a file, or return "" if other commands also read it.

    only_header: whether to explain only files whose encoding, delimiter, marks, title or header is unusual.
    """
    features = _list_features(path)
    if only_header and not features:
        return ""
    item = next(read_file(path, ReadingOptions(only_spectra=False)), None)
    reason = "; ".join(features) or "this is not a data file in the challenge's schema"
    if not isinstance(item, Problem):
        return f"{reason}; {IMPORT} reads it" if item else ""
    if item.question and "--" not in item.reason:  # no option of the import resolves it
        return item.reason
    if item.question:
        return f"{reason}; {IMPORT} needs an option: {item.reason}"
    return "; ".join([*features, item.reason]) if features and not only_header else ""


def _list_features(path: Path) -> list[str]:
    try:
        table = open_table(path)
        _, names = next(table.lines())
    except (ValueError, OSError):
        return []
    channels = {name: channel for name in names if (channel := table.channel(name))}
    encoding = [UTF_16] if table.encoding == "utf-16" else []
    delimiter = [f"its columns are separated by {DELIMITERS[table.delimiter]}"] if table.delimiter in DELIMITERS else []
    marks = ["its numbers have decimal commas"] if table.marks.decimal == "," else []
    unusual = [f"state a unit: {name[:40]!r}" for name, channel in channels.items() if channel.unit]
    unusual += [f"are not plain numbers: {name[:40]!r}" for name in channels if not is_wavenumber(name)]
    names = [f"the names of channels {example}" for example in unusual[:1]]
    return [*encoding, *delimiter, *marks, *table.remarks, *names]
