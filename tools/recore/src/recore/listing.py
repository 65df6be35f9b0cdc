"""Lists of names, and numbers of things, in sentences."""

from collections.abc import Sequence


def list_names(names: Sequence[str], most: int) -> str:
    """The names, separated by commas; of more than `most`, the first of them and how many more there are."""
    listed = ", ".join(names[:most])
    return listed if len(names) <= most else f"{listed} and {len(names) - most} more"


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun, in the plural unless the number is 1: 1 run, 2 runs, 1,000 runs."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
