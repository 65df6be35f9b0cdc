"""From the data at hand to the real data."""

import math
from collections.abc import Sequence

REAL_ROWS = 18_000  # of the challenge's public data, about
LARGEST_POWER = 3.0  # of the rows, by which time and memory grow

Measurement = tuple[int, float]  # rows, and a quantity that was measured with so many


def growth(whole: Measurement, parts: Sequence[Measurement]) -> float:
    """How much more a quantity is for all rows than for a part of them, both parts having the same rows.

    What the parts differ by is noise, and does not count.
    """
    values = [value for _, value in parts]
    return max(0.0, whole[1] - max(values) - (max(values) - min(values)))


def extrapolate(
    whole: Measurement,
    parts: Sequence[Measurement],
    small: Measurement | None = None,
    noise: float = 0.0,
    rows: int = REAL_ROWS,
) -> float | None:
    """What a quantity would at least be for some rows, if it is a constant and a power of the rows.

    None for a single size. small: a measurement with still fewer rows, which shows the power; without it, the quantity
    is taken to grow linearly. The rows of all, of a part and of `small` must have the same ratio. noise: what two
    measurements of the same quantity differ by. The least growth and the least power are taken that agree with it:
    from some hundred rows to some thousand, a little noise in either would multiply.
    """
    size, part = whole[0], parts[0][0]
    if part >= size:
        return None
    grown, power = max(0.0, growth(whole, parts) - noise), 1.0
    if small and grown > 0:
        before = max(value for _, value in parts) - small[1] + noise
        power = min(max(math.log(grown / before) / math.log(size / part), 1.0), LARGEST_POWER) if before > 0 else 1.0
    factor: float = (max(rows, size) ** power - size**power) / (size**power - part**power)
    return whole[1] + grown * factor
