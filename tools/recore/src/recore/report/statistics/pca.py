"""Principal components of spectra, and how far a row is from the rows that they were fitted on: T2 and Q."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recore.spectral_data import Floats

if TYPE_CHECKING:
    from chemotools.outliers import HotellingT2, QResiduals
    from sklearn.decomposition import PCA

MOST_COMPONENTS = 10
EXPLAINED_VARIANCE = 0.99  # components are kept until they explain this share
CONFIDENCE = 0.99  # of the limits: among good rows, one in a hundred exceeds each limit
FEWEST_ROWS = 5


@dataclass(frozen=True)
class Components:
    """Principal components of rows (rows, bins), with the limits of T2 and Q.

    kept: how many components. loadings: (components, bins). shares: of the variance, that each component explains.

    Hotelling's T2 is the distance from the mean within the components, in units of their standard deviations; its
    limit follows the F distribution. Q is the sum of squares of a row that the components do not explain; its limit is
    Box's chi-square approximation (Annals of Mathematical Statistics 25, 1954), NaN if the components explain all.
    """

    kept: int
    loadings: Floats
    shares: Floats
    t2_limit: float
    q_limit: float
    pca: "PCA"
    hotelling: "HotellingT2"
    residuals: "QResiduals"

    def scores(self, values: Floats) -> Floats:
        """(rows, components)"""
        return np.asarray(self.pca.transform(values))

    def t2(self, values: Floats) -> Floats:
        """Hotelling's T2 of each row."""
        return np.asarray(self.hotelling.predict_residuals(values))

    def q(self, values: Floats) -> Floats:
        """Q of each row."""
        return np.asarray(self.residuals.predict_residuals(values))


def fit_components(values: Floats) -> Components:
    """Fit the fewest components that explain EXPLAINED_VARIANCE, but at least 2 and at most MOST_COMPONENTS.

    Raises ValueError if there are fewer than FEWEST_ROWS rows, or if all rows are equal.
    """
    from chemotools.outliers import HotellingT2, QResiduals

    if len(values) < FEWEST_ROWS:
        raise ValueError(f"at least {FEWEST_ROWS} rows with a spectrum are needed, and the file has {len(values)}")
    if not np.ptp(values, axis=0).any():
        raise ValueError("all spectra are equal")
    variances = principal_components(values, min(values.shape)).explained_variance_
    meaningful = int((variances > 1e-12 * variances[0]).sum())
    needed = int(np.searchsorted(np.cumsum(variances) / variances.sum(), EXPLAINED_VARIANCE)) + 1
    most = max(1, min(MOST_COMPONENTS, (len(values) - 1) // 2, meaningful))
    pca = principal_components(values, min(max(needed, 2), most))
    with np.errstate(invalid="ignore"):  # if nothing is left unexplained, the limit of Q is NaN
        residuals = QResiduals(pca, CONFIDENCE, method="chi-square").fit(values)
    hotelling = HotellingT2(pca, CONFIDENCE).fit(values)
    limits = float(hotelling.critical_value_), float(residuals.critical_value_)
    shares = pca.explained_variance_ratio_
    return Components(int(pca.n_components_), pca.components_, shares, *limits, pca, hotelling, residuals)


def principal_components(values: Floats, count: int) -> "PCA":
    """scikit-learn's PCA of the covariance matrix, because there are far fewer bins than rows."""
    from sklearn.decomposition import PCA

    with np.errstate(invalid="ignore"):  # equal rows have no variance to explain
        return PCA(min(count, *values.shape), svd_solver="covariance_eigh").fit(values)
