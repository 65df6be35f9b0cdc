"""Grids of wavenumbers: find the grid that spectra share, name its channels, and interpolate spectra onto it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recore.challenge import challenge
from recore.data_file import read_header
from recore.dataset.instruments.spectrum import Numbers, Problem, Spectrum
from recore.schema import channels_of

GRID_TOLERANCE = 0.01  # share of the distance to the next channel; grids that differ by less are treated as equal
MIN_CHANNELS = 7  # one bin of the template's preprocess.py
COARSENESS = 1.5  # times the step of the grid; spectra with wider steps gain no detail
GAP = 3  # times the neighbouring steps; a wider step is a gap


@dataclass(frozen=True)
class Grid:
    """Descending wavenumbers in cm-1, their column names, and the tolerance in cm-1 for matching channels."""

    wavenumbers: Numbers
    names: tuple[str, ...]
    tolerance: float

    def __str__(self) -> str:
        return f"{len(self.names)} channels, {self.names[0]} to {self.names[-1]} cm-1"

    def find_positions(self, wavenumbers: Numbers) -> NDArray[np.int64] | None:
        """Return the positions of this grid's channels in an array of wavenumbers, or None if a channel is missing."""
        after = np.clip(np.searchsorted(-wavenumbers, -self.wavenumbers), 1, len(wavenumbers) - 1)
        nearer = np.abs(wavenumbers[after - 1] - self.wavenumbers) < np.abs(wavenumbers[after] - self.wavenumbers)
        positions = after - nearer
        return positions if (np.abs(wavenumbers[positions] - self.wavenumbers) <= self.tolerance).all() else None


def grid_of(wavenumbers: Numbers) -> Grid:
    """Create a grid whose names have one decimal, or as many as needed to make them unique."""
    for decimals in range(1, 9):
        names = tuple(f"{wavenumber:.{decimals}f}" for wavenumber in wavenumbers)
        if len(set(names)) == len(names):
            return Grid(wavenumbers, names, GRID_TOLERANCE * _step(wavenumbers))
    raise ValueError(
        f"channels from {wavenumbers[0]:g} to {wavenumbers[-1]:g} cm-1 are too close together for unique names"
    )


def grid_of_file(path: Path) -> Grid:
    """Read the grid of a data file in the challenge's schema. Raises ValueError or OSError if it has no valid grid."""
    names = read_header(path)
    try:
        return grid_of_names(names[1:])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def grid_of_names(names: Sequence[str]) -> Grid:
    """Create a grid from column names in the challenge's schema. Raises ValueError if names are unknown or too few."""
    unknown, names = challenge().unknown_columns(names), channels_of(names)
    wavenumbers = np.array([float(name) for name in names])
    different = len(set(wavenumbers))
    if unknown or different < max(MIN_CHANNELS, len(names)):
        reason = f"{unknown[0][:40]!r} is not a wavenumber" if unknown else f"there are {different}"
        raise ValueError(f"{MIN_CHANNELS} or more columns named by wavenumbers are required, but {reason}")
    # names are rounded, so channels differ from them by up to half of the last decimal
    rounding = 0.5001 * 10.0 ** -min(len(name.partition(".")[2]) for name in names)
    step = _step(wavenumbers)
    return Grid(wavenumbers, tuple(names), max(GRID_TOLERANCE * step, min(rounding, step / 4)))


def _step(wavenumbers: Numbers) -> float:
    """Return the smallest distance between neighbouring channels."""
    return float(-np.diff(wavenumbers).max())


def most_common_grid(spectra: list[Spectrum], interpolate: bool) -> Grid:
    """Return the most common grid. With `interpolate`, cut it to the range that all spectra cover.

    Spectra that would reduce it to fewer than MIN_CHANNELS channels are ignored; they cannot be put on the grid. Raises
    ValueError if the grid itself has fewer channels.
    """
    groups = sorted(_group_by_grid(spectra), key=len, reverse=True)
    base = groups[0][0].wavenumbers
    if len(base) < MIN_CHANNELS:
        raise ValueError(f"{groups[0][0].source}: {len(base)} channels; {MIN_CHANNELS} or more are required")
    margin = GRID_TOLERANCE * _step(base)
    for group in groups[1:] if interpolate else []:
        wavenumbers = group[0].wavenumbers
        common = base[(base >= wavenumbers[-1] - margin) & (base <= wavenumbers[0] + margin)]
        base = common if len(common) >= MIN_CHANNELS else base
    return grid_of(base)


def put_on_grid(
    spectra: list[Spectrum], grid: Grid, interpolate: bool, is_fixed: bool = False
) -> tuple[list[Spectrum], list[Problem], list[str]]:
    """Put spectra on a grid. Return the spectra, the problems with spectra that do not fit, and remarks on changes.

    is_fixed: whether the user chose the grid; if so, interpolation is not suggested for spectra that cover less.
    """
    on_grid, problems, n_cut, n_interpolated, n_coarse = [], [], 0, 0, 0
    step = float(np.median(-np.diff(grid.wavenumbers)))
    for spectrum in spectra:
        wavenumbers = spectrum.wavenumbers
        positions = grid.find_positions(wavenumbers)
        if positions is not None:
            values = spectrum.absorbance[positions]
            n_cut += len(values) < len(wavenumbers)
        elif interpolate:
            try:
                values = interpolate_spectrum(wavenumbers, spectrum.absorbance, grid)
            except ValueError as error:
                problems.append(Problem(spectrum.source, str(error), sample=spectrum.sample, ids=spectrum.ids))
                continue
            n_interpolated += 1
            n_coarse += bool(np.median(-np.diff(wavenumbers)) > COARSENESS * step)
        else:
            channels = f"its {len(wavenumbers)} channels, {wavenumbers[0]:.1f} to {wavenumbers[-1]:.1f} cm-1,"
            differ = f"{channels} differ from the grid ({grid}); --interpolate interpolates them"
            reason = (is_fixed and explain_shortfall(wavenumbers, grid)) or differ
            problems.append(Problem(spectrum.source, reason, sample=spectrum.sample, ids=spectrum.ids))
            continue
        on_grid.append(replace(spectrum, wavenumbers=grid.wavenumbers, absorbance=values))
    counts = {
        f"cut to {grid}": n_cut,
        f"interpolated to {grid} with a cubic spline": n_interpolated,
        f"their channel spacing is more than {COARSENESS:g} times the grid's, and the spline adds no detail": n_coarse,
    }
    remarks = [f"{count} of {len(spectra)} spectra: {change}" for change, count in counts.items() if count]
    return on_grid, problems, remarks


def _group_by_grid(spectra: list[Spectrum]) -> list[list[Spectrum]]:
    groups: list[list[Spectrum]] = []
    for spectrum in spectra:
        for group in groups:
            first = group[0].wavenumbers
            same_length = len(spectrum.wavenumbers) == len(first)
            if same_length and np.abs(spectrum.wavenumbers - first).max() <= GRID_TOLERANCE * _step(first):
                group.append(spectrum)
                break
        else:
            groups.append([spectrum])
    return groups


def explain_shortfall(wavenumbers: Numbers, grid: Grid) -> str:
    """Explain how a grid extends beyond a spectrum with these wavenumbers, or return "" if it does not."""
    low, high = wavenumbers[-1], wavenumbers[0]
    if grid.wavenumbers[-1] >= low - grid.tolerance and grid.wavenumbers[0] <= high + grid.tolerance:
        return ""
    return f"it covers {high:.1f} to {low:.1f} cm-1, less than the grid ({grid}); spectra are not extrapolated"


def interpolate_spectrum(wavenumbers: Numbers, absorbance: Numbers, grid: Grid) -> Numbers:
    """Interpolate absorbance at the channels of the grid with a cubic spline.

    Raises ValueError if the grid extends beyond the spectrum by more than its tolerance, or into a gap in it.
    """
    from scipy.interpolate import CubicSpline

    if shortfall := explain_shortfall(wavenumbers, grid):
        raise ValueError(shortfall)
    if len(wavenumbers) < MIN_CHANNELS:
        raise ValueError(
            f"its {len(wavenumbers)} channels are too few for interpolation; {MIN_CHANNELS} or more are required"
        )
    clipped = np.clip(grid.wavenumbers, wavenumbers[-1], wavenumbers[0])
    steps = -np.diff(wavenumbers)
    neighbours = np.minimum(np.append(steps[1:], np.inf), np.insert(steps[:-1], 0, np.inf))
    for gap in np.flatnonzero(steps > GAP * neighbours):
        upper, lower = wavenumbers[gap], wavenumbers[gap + 1]
        if ((clipped < upper) & (clipped > lower)).any():
            raise ValueError(f"it has no channel between {upper:.1f} and {lower:.1f} cm-1, but the grid does")
    values: Numbers = CubicSpline(wavenumbers[::-1], absorbance[::-1])(clipped)
    return values
