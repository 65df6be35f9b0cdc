"""Principal components of spectra, and by how much a row is unlike those that they were fitted on: T2 and Q."""

from dataclasses import dataclass

import numpy as np

from recore.report.reading import Floats

MOST = 10  # components
EXPLAINED = 0.99  # of the variance: no more components than are needed for it
LEVEL = 0.99  # of the limits: of good rows, one in a hundred lies beyond each
FEWEST_ROWS = 5


@dataclass(frozen=True)
class Components:
    """Principal components of rows (n, bins), and the limits of what is usual among them.

    mean: (bins,). loadings: (components, bins). variances: of all components there are, the kept ones first.
    """

    rows: int
    mean: Floats
    loadings: Floats
    variances: Floats
    t2_limit: float
    q_limit: float

    @property
    def kept(self) -> int:
        return len(self.loadings)

    def scores(self, values: Floats) -> Floats:
        scores: Floats = (values - self.mean) @ self.loadings.T
        return scores

    def t2(self, values: Floats) -> Floats:
        """Hotelling's T2: how far from the mean within the components, in units of their own spread."""
        distances: Floats = (self.scores(values) ** 2 / self.variances[: self.kept]).sum(axis=1)
        return distances

    def q(self, values: Floats) -> Floats:
        """Q: the squares summed of what the components leave of each row."""
        left = values - self.mean - self.scores(values) @ self.loadings
        residuals: Floats = (left**2).sum(axis=1)
        return residuals


def fit(values: Floats, level: float = LEVEL) -> Components:
    """The fewest components that explain EXPLAINED of the variance: 2 or more, MOST at most, half of the rows at most.

    Raises ValueError where there are fewer than FEWEST_ROWS rows, or all are the same.
    """
    if len(values) < FEWEST_ROWS or not np.ptp(values, axis=0).any():
        raise ValueError(f"{len(values)} rows to compare, or all the same: {FEWEST_ROWS} are needed, and a difference")
    mean, directions, variances = principal(values)
    most = max(1, min(MOST, (len(values) - 1) // 2, int((variances > 1e-12 * variances[0]).sum())))
    enough = int(np.searchsorted(np.cumsum(variances) / variances.sum(), EXPLAINED)) + 1
    kept = min(max(enough, 2), most)
    limits = t2_limit(len(values), kept, level), q_limit(variances[kept:], level)
    return Components(len(values), mean, directions[:kept], variances, *limits)


def principal(values: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean (bins,), directions (components, bins) and variances along them, falling, of rows (rows, bins).

    From the covariance: there are far fewer bins than rows.
    """
    mean = values.mean(axis=0)
    variances, directions = np.linalg.eigh((values - mean).T @ (values - mean) / max(len(values) - 1, 1))
    most = min(len(values), values.shape[1])
    return mean, directions.T[::-1][:most], np.maximum(variances[::-1][:most], 0)


def t2_limit(rows: int, components: int, level: float) -> float:
    """The limit of T2 by the F distribution (Jackson, A User's Guide to Principal Components, 1991, section 1.7)."""
    from scipy.stats import f

    factor = components * (rows**2 - 1) / (rows * (rows - components))
    return float(factor * f.ppf(level, components, rows - components))


def q_limit(left: Floats, level: float) -> float:
    """The limit of Q from the variances of the components left out (Jackson and Mudholkar, Technometrics 21, 1979).

    NaN where their formula has no value: nothing is left out, or hardly anything.
    """
    from scipy.stats import norm

    first, second, third = (float((left**power).sum()) for power in (1, 2, 3))
    if first <= 0 or second <= 0:
        return float("nan")
    h = 1 - 2 * first * third / (3 * second**2)
    normal = np.copysign(norm.ppf(level), h)
    base = normal * np.sqrt(2 * second * h**2) / first + 1 + second * h * (h - 1) / first**2
    return float(first * base ** (1 / h)) if h and base > 0 else float("nan")
