"""Lists of names in sentences."""

from collections.abc import Sequence


def list_names(names: Sequence[str], most: int) -> str:
    """The names, separated by commas; of more than `most`, the first of them and how many more there are."""
    listed = ", ".join(names[:most])
    return listed if len(names) <= most else f"{listed} and {len(names) - most} more"
