"""The drill holes of a file, those that differ most from the others first."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recore.report.statistics.binning import Binned
from recore.spectral_data import Floats, SpectralData, rows_by_group


@dataclass(frozen=True)
class HoleSpectra:
    """rows: its row numbers in the file. shape: the median of its SNV spectra (bins,), None if it has no valid one."""

    name: str
    rows: NDArray[np.intp]
    shape: Floats | None


def order_holes(data: SpectralData, shapes: Binned) -> list[HoleSpectra]:
    """All holes, ordered by the distance of their median shape from the median of all holes, the largest first."""
    rows_with_shape = rows_by_group(data.hole[shapes.rows])
    medians = {name: np.median(shapes.values[rows], axis=0) for name, rows in rows_with_shape.items()}
    centre = np.median(list(medians.values()), axis=0) if medians else np.zeros(0)

    def distance(hole: HoleSpectra) -> float:
        return -1.0 if hole.shape is None else float(((hole.shape - centre) ** 2).mean())

    holes = [HoleSpectra(name, rows, medians.get(name)) for name, rows in rows_by_group(data.hole).items()]
    return sorted(holes, key=distance, reverse=True)
