"""Estimates for as many rows as the real data have, from measurements with fewer."""

from collections.abc import Sequence

REAL_ROWS = 1_344  # of the challenge's public data

Measurement = tuple[int, float]  # rows, and a quantity that was measured with so many


def extrapolate(whole: Measurement, parts: Sequence[Measurement], noise: float = 0.0) -> float | None:
    """Return a quantity for REAL_ROWS rows if it grows linearly with them; as measured, if there are no fewer rows.

    whole: measured with all rows. parts: measured with a part of the rows, the same number each time. noise: no growth;
    nor is what the parts differ by, if that is more. None if there is no part that is smaller than the whole.
    """
    rows, value = whole
    if rows >= REAL_ROWS:
        return value
    if not parts or parts[0][0] >= rows:
        return None
    values = [measured for _, measured in parts]
    growth = max(0.0, value - max(values) - max(noise, max(values) - min(values)))
    return value + growth * (REAL_ROWS - rows) / (rows - parts[0][0])
