"""The applicability domain of a model: whether a spectrum is similar to the training spectra.

Spectra are transformed with the standard normal variate (SNV), averaged in bins of neighbouring channels, and projected
onto principal components. Hotelling's T2 measures the distance from the mean within the components, and Q is the sum of
squared residuals. A spectrum is inside the domain if neither exceeds its limit, the 99% quantile of the training rows.
The components and the limits form the reference.
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

Reference = dict[str, Any]  # the parameters of a Domain, as JSON
Description = dict[str, Any]  # members: inside, distance, t2, q and bands of a spectrum

MAX_BINS = 250  # neighbouring channels of a spectrum contain almost the same information
MAX_GAPS = 0.1  # a channel is used if at most this share of rows lacks a value
EDGE = 100  # channels to ignore at either end, where a detector may be noisy; at most 5% of them
FLATNESS = 1e-9  # if a spectrum's range is a smaller share of its largest value, its shape consists of rounding errors
MAX_COMPONENTS = 10
EXPLAINED_VARIANCE = 0.99  # components are added until they explain this share
CONFIDENCE = 0.99  # share of good rows within each limit
MIN_Q_LIMIT = 1e-9  # larger than rounding errors if the components explain everything
MIN_ROWS = 10
MIN_HOLES = 10  # with fewer holes, the folds consist of single rows
FOLDS = 5
PARTS = 8  # number of equally wide parts of the spectrum, whose mean residuals are statistics
ROWS_PER_HOLE = 20  # statistics are stored only for the first rows of a hole
MAX_ROWS = 4000  # maximum number of rows whose statistics are stored
DIGITS = 6  # significant digits of the stored statistics
LISTED_BANDS = 5


class DomainError(ValueError):
    """A reference cannot be fitted, or spectra cannot be compared with it. The message is one line."""


class PrincipalComponents:
    """Principal components. mean: (bins,). loadings: (components, bins). variances: (components,), of the scores."""

    def __init__(self, mean: np.ndarray, loadings: np.ndarray, variances: np.ndarray) -> None:
        self.mean, self.loadings, self.variances = mean, loadings, variances

    @classmethod
    def fit(cls, snv: np.ndarray, n_components: int | None = None) -> "PrincipalComponents":
        """Fit `n_components` components, by default the fewest that explain EXPLAINED_VARIANCE, but at least 2.

        There are at most MAX_COMPONENTS, and fewer (even 1) if the number of rows or the rank is low.
        """
        variances, vectors = np.linalg.eigh(np.cov(snv.T))
        variances, vectors = np.maximum(variances[::-1], 0), vectors[:, ::-1]
        meaningful = int(np.sum(variances > 1e-12 * variances[0]))
        needed = n_components or int(np.searchsorted(np.cumsum(variances) / variances.sum(), EXPLAINED_VARIANCE)) + 1
        count = min(max(needed, 2), max(1, min(MAX_COMPONENTS, (len(snv) - 1) // 2, meaningful)))
        return cls(snv.mean(axis=0), vectors[:, :count].T, variances[:count])

    def scores(self, snv: np.ndarray) -> np.ndarray:
        """Return the scores of each row, (rows, components)."""
        return np.asarray((snv - self.mean) @ self.loadings.T)

    def t2(self, snv: np.ndarray) -> np.ndarray:
        """Return Hotelling's T2 of each row."""
        return np.asarray(np.sum(self.scores(snv) ** 2 / self.variances, axis=1))

    def residuals(self, snv: np.ndarray) -> np.ndarray:
        """Return the residuals, (rows, bins)."""
        return np.asarray(snv - self.mean - self.scores(snv) @ self.loadings)


class Domain:
    """Compares spectra with a reference.

    wavenumbers: (channels,), in cm-1 and in any order. Raises DomainError if a channel of the reference is missing.
    """

    def __init__(self, reference: Reference, wavenumbers: Sequence[object]) -> None:
        positions = {wavenumber: position for position, wavenumber in enumerate(wavenumbers)}
        if missing := [each for each in reference["channels"] if each not in positions]:
            raise DomainError(f"channels of the reference are missing: {len(missing)}, such as {missing[0]}")
        self._positions = [positions[each] for each in reference["channels"]]
        self.bins, mean, loadings, variances, self._shape_limits, self._residual_limits = (
            np.array(reference[name])
            for name in ("bins", "mean", "loadings", "variances", "shape_limits", "residual_limits")
        )
        self.components = PrincipalComponents(mean, loadings, variances)
        first, last = reference["channels"][0], reference["channels"][-1]
        self._edges = np.array([first, *(self.bins[:-1] + self.bins[1:]) / 2, last])  # of the bins
        self._limits = reference["t2_limit"], reference["q_limit"]

    def snv(self, spectra: np.ndarray) -> np.ndarray:
        """Return the binned SNV (rows, bins) of spectra (rows, channels), NaN for flat or incomplete spectra."""
        return bin_snv(spectra[:, self._positions])

    def statistics(self, spectra: np.ndarray, snv: np.ndarray) -> np.ndarray:
        """Return `row_statistics` for spectra (rows, channels) without missing values. snv: their binned SNV."""
        return row_statistics(self.components, spectra[:, self._positions], snv)

    def describe(self, spectra: np.ndarray) -> list[Description | None]:
        """Return a description of each spectrum, or None if the spectrum is flat or has missing values.

        t2, q: in units of their limits. distance: the larger of the two. bands: the ranges of wavenumbers whose
        deviations exceed their limits, in descending order of deviation.
        """
        snv = self.snv(spectra)
        known = np.isfinite(snv).all(axis=1)
        snv = np.where(known[:, None], snv, self.components.mean)
        t2, q, deviations = self.compare(snv)
        return [
            {
                "inside": bool(max(t2[row], q[row]) <= 1),
                "distance": float(max(t2[row], q[row])),
                "t2": float(t2[row]),
                "q": float(q[row]),
                "bands": self.find_bands(deviations[row]),
            }
            if known[row]
            else None
            for row in range(len(snv))
        ]

    def compare(self, snv: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return T2 (rows,), Q (rows,) and the deviations (rows, bins) of spectra given as binned SNV (rows, bins).

        All are in units of their limits. A bin's deviation is its difference from the mean or its residual, whichever
        has the larger magnitude in these units.
        """
        residuals = self.components.residuals(snv)
        t2, q = self.components.t2(snv) / self._limits[0], np.sum(residuals**2, axis=1) / self._limits[1]
        shape_distances = (snv - self.components.mean) / self._shape_limits
        unexplained = residuals / self._residual_limits
        return t2, q, np.where(abs(shape_distances) > abs(unexplained), shape_distances, unexplained)

    def find_bands(self, deviations: np.ndarray) -> list[dict[str, float]]:
        """Return the bands (limits in cm-1, largest deviation) of adjacent bins whose deviations (bins,) exceed ±1."""
        odd = np.flatnonzero(abs(deviations) > 1)
        runs = np.split(odd, np.flatnonzero(np.diff(odd) > 1) + 1) if len(odd) else []
        bands = [
            {
                "from": float(self._edges[run[0]]),
                "to": float(self._edges[run[-1] + 1]),
                "deviation": float(max(deviations[run], key=abs)),
            }
            for run in runs
        ]
        return sorted(bands, key=lambda band: -abs(band["deviation"]))[:LISTED_BANDS]


def bin_snv(spectra: np.ndarray) -> np.ndarray:
    """Return the SNV of spectra (rows, channels), averaged in at most MAX_BINS bins of equal width: (rows, bins).

    Leftover channels at the end are ignored. A spectrum that is flat or has missing values becomes NaN.
    """
    rows, channels = spectra.shape
    width = max(1, math.ceil(channels / MAX_BINS))
    bins = channels // width
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        contrast = spectra.std(axis=1, keepdims=True)
        snv = (spectra - spectra.mean(axis=1, keepdims=True)) / contrast
        snv[~np.isfinite(contrast[:, 0])] = np.nan  # it overflows
        snv[~(np.ptp(spectra, axis=1) > FLATNESS * abs(spectra).max(axis=1))] = np.nan
        means = snv[:, : bins * width].reshape(rows, bins, width).mean(axis=2)
    means[~np.isfinite(means).all(axis=1)] = np.nan
    return np.asarray(means)


def row_statistics(components: PrincipalComponents, spectra: np.ndarray, snv: np.ndarray) -> np.ndarray:
    """Return the statistics by which spectra are compared, (rows, 4 + PARTS).

    They are log T2, log Q, the mean absorbance, the logarithm of the absorbance's standard deviation, and the mean
    residual of each part of the spectrum.
    """
    residuals = components.residuals(snv)
    parts = [part.mean(axis=1) for part in split_parts(residuals)]
    smallest = np.finfo(float).tiny
    t2, q = components.t2(snv), np.sum(residuals**2, axis=1)
    logarithms = (np.log(np.maximum(values, smallest)) for values in (t2, q, spectra.std(axis=1)))
    log_t2, log_q, log_deviation = logarithms
    return np.column_stack([log_t2, log_q, spectra.mean(axis=1), log_deviation, *parts])


def split_parts(values: np.ndarray) -> list[np.ndarray]:
    """Split values (..., bins) along the bins into at most PARTS parts of about equal width."""
    return np.array_split(values, min(PARTS, values.shape[-1]), axis=-1)


# ---- The reference ---------------------------------------------------------------------------------------
def fit_file(data_file: Path, group: str) -> Reference:
    """Fit a reference to a training file. group: the column of the drill holes. Raises DomainError."""
    return fit_reference(*read_spectra(data_file, group))


def fit_reference(wavenumbers: np.ndarray, spectra: np.ndarray, holes: np.ndarray) -> Reference:
    """Fit a reference to spectra (rows, channels). wavenumbers: (channels,), cm-1. holes: (rows,), names or numbers.

    Limits are quantiles of the rows' statistics, each from components fitted without the row's hole; theoretical Q
    limits would exclude one in five good rows from a new hole. Raises DomainError if rows are too few or all equal.
    """
    order = np.argsort(-wavenumbers)
    usable = order[np.isnan(spectra[:, order]).mean(axis=0) <= MAX_GAPS]
    edge = min(EDGE, len(usable) // 20)
    usable = usable[edge : len(usable) - edge]
    spectra = spectra[:, usable]
    snv = bin_snv(spectra) if spectra.size else np.empty((0, 0))
    known = np.isfinite(snv).all(axis=1)
    if known.sum() < MIN_ROWS:
        raise DomainError(f"at least {MIN_ROWS} rows with a spectrum are needed, but there are {known.sum()}")
    spectra, snv, holes = spectra[known], snv[known], holes[known]
    if not np.ptp(snv, axis=0).any():
        raise DomainError("all spectra are identical")
    components = PrincipalComponents.fit(snv)
    names, codes = np.unique(holes, return_inverse=True)
    statistics, residuals = cross_fit(spectra, snv, codes, len(components.variances))
    t2_limit, q_limit = np.exp(np.quantile(statistics[:, :2], CONFIDENCE, axis=0)).tolist()
    stored_rows = choose_rows(codes)
    bins = bin_means(wavenumbers[usable], snv.shape[1])
    parts = [f"{part[0]:.0f} to {part[-1]:.0f} cm-1" for part in split_parts(bins)]
    return {
        "channels": wavenumbers[usable].tolist(),
        "bins": bins.tolist(),
        "mean": components.mean.tolist(),
        "loadings": components.loadings.tolist(),
        "variances": components.variances.tolist(),
        "t2_limit": t2_limit,
        "q_limit": max(q_limit, MIN_Q_LIMIT),
        "shape_limits": band_limits(snv - components.mean),
        "residual_limits": band_limits(residuals),
        "rows": len(snv),
        "hole_names": names.tolist() if holes.dtype.kind not in "iu" else [],
        "holes": codes[stored_rows].tolist(),
        "scores": round_digits(components.scores(snv[stored_rows])),
        "statistics": ["T2", "Q", "mean absorbance", "contrast", *parts],
        "values": round_digits(statistics[stored_rows]),
    }


def choose_rows(codes: np.ndarray) -> np.ndarray:
    """Choose the rows whose statistics are stored: the first of each hole, or of random holes if there are many."""
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], codes[order])
    first = np.sort(order[np.arange(len(order)) - starts < ROWS_PER_HOLE])
    priorities = np.random.default_rng(0).permutation(codes.max() + 1)[codes[first]]
    return np.sort(first[np.argsort(priorities, kind="stable")[:MAX_ROWS]])


def cross_fit(
    spectra: np.ndarray, snv: np.ndarray, codes: np.ndarray, n_components: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the statistics and residuals of each row, computed with components fitted without its hole.

    If there are few holes, the folds divide rows instead of holes. codes: (rows,), the number of each row's hole.
    """
    units = codes if codes.max() + 1 >= MIN_HOLES else np.arange(len(codes))
    folds = np.random.default_rng(0).permutation(units.max() + 1)[units] % FOLDS
    statistics, residuals = [], np.empty_like(snv)
    for fold in range(FOLDS):
        components, rows = PrincipalComponents.fit(snv[folds != fold], n_components), folds == fold
        residuals[rows] = components.residuals(snv[rows])
        statistics.append(row_statistics(components, spectra[rows], snv[rows]))
    order = np.argsort(np.concatenate([np.flatnonzero(folds == fold) for fold in range(FOLDS)]))
    return np.concatenate(statistics)[order], residuals


def band_limits(deviations: np.ndarray) -> list[float]:
    """Return a limit for each bin of deviations (rows, bins), such that 99% of the rows are within all limits."""
    scales = np.sqrt(np.mean(deviations**2, axis=0))
    scales = np.maximum(scales, 1e-9 + 1e-3 * scales.max())
    largest = np.quantile(np.max(abs(deviations) / scales, axis=1), CONFIDENCE)
    return list((scales * max(largest, 1)).tolist())


def bin_means(wavenumbers: np.ndarray, bins: int) -> np.ndarray:
    """Return the mean wavenumber of each bin."""
    width = len(wavenumbers) // bins
    return np.asarray(wavenumbers[: bins * width].reshape(bins, width).mean(axis=1))


def round_digits(values: np.ndarray) -> list[list[float]]:
    """Round values (rows, columns) to DIGITS significant digits."""
    return [[float(f"{value:.{DIGITS}g}") for value in row] for row in values.tolist()]


def read_spectra(path: Path, group: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read wavenumbers, spectra (rows, channels) and holes from a data file; empty cells are NaN. Raises DomainError.

    group: the column of the holes. Without this column, each row counts as a separate hole.
    """
    try:
        names = pa.csv.open_csv(path).schema.names
        channels = [name for name in names[1:] if re.fullmatch(r"\d+(\.\d+)?([eE][-+]?\d+)?", name, re.ASCII)]
        if not channels:
            raise DomainError("no column is a wavenumber")
        types = dict.fromkeys(channels, pa.float64()) | {group: pa.string()}
        columns = [name for name in types if name in names]
        convert = pa.csv.ConvertOptions(column_types=types, include_columns=columns)
        table = pa.csv.read_csv(path, pa.csv.ReadOptions(block_size=1 << 24), convert_options=convert)
    except (pa.ArrowException, UnicodeDecodeError, OSError, KeyError) as error:
        raise DomainError(f"{path.name}: {' '.join(str(error).split())[:300]}") from None
    spectra = np.column_stack([table[name].to_numpy() for name in channels])
    holes = table[group].fill_null("").to_numpy() if group in table.column_names else np.arange(len(table))
    return np.array(channels, dtype=float), np.where(np.isfinite(spectra), spectra, np.nan), holes
