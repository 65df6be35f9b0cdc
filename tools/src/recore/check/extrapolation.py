"""From the data at hand to the real data."""

from collections.abc import Sequence

REAL_ROWS = 1_344  # of the challenge's public data

Measurement = tuple[int, float]  # rows, and a quantity that was measured with so many


def extrapolate(whole: Measurement, parts: Sequence[Measurement]) -> float | None:
    """What a quantity would be for REAL_ROWS rows if it grows linearly; with more rows than these, what it is.

    parts: measurements with a part of the rows, the same for all. None if the part is not smaller than the whole. What
    the parts differ by is noise, and does not count.
    """
    (rows, value), part = whole, parts[0][0]
    if part >= rows:
        return None
    values = [measured for _, measured in parts]
    growth = max(0.0, value - max(values) - (max(values) - min(values)))
    return value + growth * max(0, REAL_ROWS - rows) / (rows - part)
