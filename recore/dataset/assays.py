"""What the laboratory reports of a sample: 49 assays from its minerals, with error, detection limits and rounding."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from recore.dataset.minerals import MINERALS
from recore.dataset.targets import DETECTION_LIMITS, UNITS

ERROR = 0.03  # relative, of an analysis
NUGGET = {"Au": 0.8, "Ag": 0.4}  # spread of the logarithm where a few grains decide; 0.2 elsewhere

ELEMENTS = [name[:-3] for name in DETECTION_LIMITS]
LIMITS = np.array(list(DETECTION_LIMITS.values()))
# Mass of each element in each mineral (minerals, 49), in the target's unit.
CONTENTS = np.array([[mineral.elements.get(element, 0.0) for element in ELEMENTS] for mineral in MINERALS.values()])
CONTENTS = CONTENTS * [UNITS[name[-3:]] for name in DETECTION_LIMITS]
IN_FORMULA = np.array([[element not in mineral.traces for element in ELEMENTS] for mineral in MINERALS.values()])


class Laboratory:
    """Assays of one hole's samples. How much of a trace metal a mineral holds differs from hole to hole."""

    def __init__(self, random: Generator):
        self._random = random
        of_hole = np.exp(0.3 * random.standard_normal(CONTENTS.shape))
        self._contents = np.where(IN_FORMULA, CONTENTS, CONTENTS * of_hole)
        self._spread = np.array([NUGGET.get(element, 0.2) for element in ELEMENTS])

    def analyse(self, minerals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Assays (rows, 49), each in its target's unit, of samples of mass fractions (rows, minerals).

        Three significant digits; half the limit of detection where there is less than the limit.
        """
        shape = (len(minerals), len(ELEMENTS))
        formula = sum_of_minerals(minerals, np.where(IN_FORMULA, self._contents, 0))
        traces = sum_of_minerals(minerals, np.where(IN_FORMULA, 0, self._contents))
        true = formula + traces * np.exp(self._spread * self._random.standard_normal(shape))
        found = true * (1 + ERROR * self._random.standard_normal(shape)) + 0.3 * LIMITS * self._random.standard_normal(
            shape
        )
        return np.where(found < LIMITS, LIMITS / 2, significant(np.maximum(found, LIMITS), 3))


def sum_of_minerals(minerals: NDArray[np.float64], contents: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum over minerals of (rows, minerals) x (minerals, 49), term by term: the same bits on every machine."""
    return np.sum([share[:, None] * content for share, content in zip(minerals.T, contents, strict=True)], axis=0)


def significant(values: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    """Round positive values to so many significant digits."""
    exponent = digits - 1 - np.floor(np.log10(values))
    # divide by a whole power of ten, which floats hold exactly, so that the result prints in as few digits
    up, down = 10.0 ** np.maximum(exponent, 0), 10.0 ** np.maximum(-exponent, 0)
    rounded: NDArray[np.float64] = np.round(values * up / down) * down / up
    return rounded
