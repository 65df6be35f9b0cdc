"""Assays that a laboratory would report for a mixture of minerals, with errors, detection limits and rounding."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from recore.dataset.minerals import MINERALS
from recore.dataset.targets import DETECTION_LIMITS, UNITS

ERROR = 0.03  # relative error of an analysis
NUGGET = {"Au": 0.8, "Ag": 0.4}  # standard deviation of the logarithm of metals in few grains; 0.2 of others

ELEMENTS = [name[:-3] for name in DETECTION_LIMITS]
LIMITS = np.array(list(DETECTION_LIMITS.values()))
# Content of each element in each mineral (minerals, 49), in the unit of the target.
CONTENTS = np.array([[mineral.elements.get(element, 0.0) for element in ELEMENTS] for mineral in MINERALS.values()])
CONTENTS = CONTENTS * [UNITS[name[-3:]] for name in DETECTION_LIMITS]
IN_FORMULA = np.array([[element not in mineral.traces for element in ELEMENTS] for mineral in MINERALS.values()])


class Laboratory:
    """Assays of the samples of one hole. Trace metals of a mineral differ from hole to hole."""

    def __init__(self, random: Generator):
        self._random = random
        hole_factors = np.exp(0.3 * random.standard_normal(CONTENTS.shape))
        self._contents = np.where(IN_FORMULA, CONTENTS, CONTENTS * hole_factors)
        self._spread = np.array([NUGGET.get(element, 0.2) for element in ELEMENTS])

    def analyse(self, minerals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Assays (rows, 49) in the units of the targets, of mass fractions of minerals (rows, minerals).

        They have three significant digits; below the limit of detection they are half of it.
        """
        shape = (len(minerals), len(ELEMENTS))
        formula = sum_of_minerals(minerals, np.where(IN_FORMULA, self._contents, 0))
        traces = sum_of_minerals(minerals, np.where(IN_FORMULA, 0, self._contents))
        contents = formula + traces * np.exp(self._spread * self._random.standard_normal(shape))
        measured = contents * (1 + ERROR * self._random.standard_normal(shape))
        measured += 0.3 * LIMITS * self._random.standard_normal(shape)
        return np.where(measured < LIMITS, LIMITS / 2, significant(np.maximum(measured, LIMITS), 3))


def sum_of_minerals(minerals: NDArray[np.float64], contents: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum over minerals of (rows, minerals) x (minerals, 49), term by term: all machines give the same bits."""
    return np.sum([share[:, None] * content for share, content in zip(minerals.T, contents, strict=True)], axis=0)


def significant(values: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    """Positive values, rounded to this number of significant digits."""
    exponent = digits - 1 - np.floor(np.log10(values))
    # dividing by a whole power of ten, which is exact, gives the number that prints with these digits
    up, down = 10.0 ** np.maximum(exponent, 0), 10.0 ** np.maximum(-exponent, 0)
    rounded: NDArray[np.float64] = np.round(values * up / down) * down / up
    return rounded
