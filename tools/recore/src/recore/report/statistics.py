"""Statistics of spectra for the reports: binned SNV spectra, principal components with T2 and Q, and correlations."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recore.production.containers.domain import CONFIDENCE, EDGE, MAX_GAPS, PrincipalComponents, bin_means, bin_snv
from recore.spectral_data import Floats, SpectralData

if TYPE_CHECKING:
    from sklearn.decomposition import PCA


MIN_ROWS = 5


class Components(PrincipalComponents):
    """Principal components of rows (rows, bins), with the limits of T2 and Q.

    shares: the fraction of the variance that each component explains. The limit of T2 is from the F distribution. Q is
    the sum of squared residuals; its limit is Box's chi-square approximation (Annals of Mathematical Statistics 25,
    1954), or NaN if there are no residuals.
    """

    def __init__(self, values: Floats) -> None:
        """Fit the components. Raises ValueError if there are fewer than MIN_ROWS rows, or if all rows are equal."""
        from scipy.stats import chi2, f

        rows = len(values)
        if rows < MIN_ROWS:
            raise ValueError(f"at least {MIN_ROWS} rows with a spectrum are needed, and the file has {rows}")
        if not np.ptp(values, axis=0).any():
            raise ValueError("all spectra are identical")
        fitted = PrincipalComponents.fit(values)
        peaks = abs(fitted.loadings).argmax(axis=1, keepdims=True)
        signs = np.sign(np.take_along_axis(fitted.loadings, peaks, axis=1))  # makes the largest loading positive
        super().__init__(fitted.mean, signs * fitted.loadings, fitted.variances)
        self.kept = len(self.variances)
        self.shares = self.variances / values.var(axis=0, ddof=1).sum()
        scale = self.kept * (rows - 1) / (rows - self.kept)
        self.t2_limit = float(scale * f.ppf(CONFIDENCE, self.kept, rows - self.kept))
        unexplained = np.linalg.eigvalsh(np.cov(self.residuals(values).T))
        unexplained = unexplained[unexplained > 1e-12]
        total, squares = unexplained.sum(), (unexplained**2).sum()
        with np.errstate(invalid="ignore"):
            self.q_limit = float(squares / total * chi2.ppf(CONFIDENCE, total**2 / squares))

    def q(self, values: Floats) -> Floats:
        """Return the Q residual of each row."""
        return np.asarray(np.sum(self.residuals(values) ** 2, axis=1))


def principal_components(values: Floats, count: int) -> "PCA":
    """Fit scikit-learn's PCA using the covariance matrix, because there are far fewer bins than rows."""
    from sklearn.decomposition import PCA

    with np.errstate(invalid="ignore"):  # equal rows have no variance to explain
        return PCA(min(count, *values.shape), svd_solver="covariance_eigh").fit(values)


CONSTANT = 1e-12  # columns with a smaller standard deviation count as constant


def correlations(values: Floats, columns: Floats) -> Floats:
    """Return Pearson's correlation of values (rows,) with each column (rows, columns); NaN for a constant column."""
    centred = values - values.mean()
    means = columns.mean(axis=0)
    deviations = np.sqrt(np.maximum((columns**2).mean(axis=0) - means**2, 0))
    deviations = np.where(deviations > CONSTANT, deviations, np.nan)
    covariances = centred @ columns / len(values)
    return np.asarray(covariances / (np.sqrt((centred**2).mean()) * deviations))


BLOCK = 2000  # rows processed at once, to limit memory


@dataclass(frozen=True)
class BinnedData:
    """Binned SNV spectra of a file. Flat spectra and spectra with missing values are excluded.

    rows: row numbers in the file, ascending. values: (rows, bins). wavenumbers: (bins,). width: channels per bin.
    """

    data: SpectralData
    rows: np.ndarray
    values: Floats
    wavenumbers: Floats
    width: int

    @property
    def holes(self) -> np.ndarray:
        """Return the drill hole of each row."""
        return np.asarray(self.data.hole[self.rows])


def bin_spectra(data: SpectralData, like: SpectralData | None = None) -> BinnedData:
    """Bin a file's SNV spectra over the usable channels of the file, or of `like` if given."""
    usable = usable_channels(like or data)
    if not len(usable):
        return BinnedData(data, np.array([], int), np.empty((0, 0)), np.array([]), 1)
    blocks = [bin_snv(data.spectra[start : start + BLOCK, usable]) for start in range(0, data.rows, BLOCK)]
    values = np.concatenate(blocks)
    rows = np.flatnonzero(np.isfinite(values).all(axis=1))
    bins = values.shape[1]
    return BinnedData(data, rows, values[rows], bin_means(data.wavenumbers[usable], bins), len(usable) // bins)


def usable_channels(data: SpectralData) -> np.ndarray:
    """Return the positions of channels that have values in most rows, except up to EDGE channels at each end.

    An empty channel would exclude every row; noise at an end would dominate a spectrum's shape.
    """
    filled = np.flatnonzero(np.isnan(data.spectra).mean(axis=0) <= MAX_GAPS)
    edge = min(EDGE, len(filled) // 20)
    return filled[edge : len(filled) - edge]
