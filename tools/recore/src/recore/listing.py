"""Format lists of names and counts for messages."""

from collections.abc import Sequence


def list_names(names: Sequence[str], limit: int) -> str:
    """Join names with commas. If there are more than `limit`, list only the first `limit` and the number of others."""
    listed = ", ".join(names[:limit])
    return listed if len(names) <= limit else f"{listed} and {len(names) - limit} more"


def count(number: int, noun: str, plural: str = "") -> str:
    """Format a number with its noun, in the plural unless the number is 1: 1 run, 2 runs, 1,000 runs."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
