"""Grids of wavenumbers: which spectra share one, the names of its channels, and interpolation onto it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recore.challenge import challenge
from recore.data_file import read_header
from recore.dataset.instruments.spectrum import Numbers, Problem, Spectrum
from recore.schema import channels_of

SAME = 0.01  # of the distance to the next channel: grids that differ by less count as equal
FEWEST = 7  # channels: one bin of the template's preprocess.py
COARSE = 1.5  # times the step of the grid: spectra with a wider step gain no detail
GAP = 3  # times the neighbouring steps: a wider step is a gap


@dataclass(frozen=True)
class Grid:
    """Wavenumbers in cm-1, falling; the names of their columns; how far a spectrum's channels may lie from them."""

    wavenumbers: Numbers
    names: tuple[str, ...]
    tolerance: float

    def __str__(self) -> str:
        return f"{len(self.names)} channels, {self.names[0]} to {self.names[-1]} cm-1"

    def places_in(self, wavenumbers: Numbers) -> NDArray[np.int64] | None:
        """Where the channels of this grid are among other wavenumbers, None unless all of them are there."""
        after = np.clip(np.searchsorted(-wavenumbers, -self.wavenumbers), 1, len(wavenumbers) - 1)
        nearer = np.abs(wavenumbers[after - 1] - self.wavenumbers) < np.abs(wavenumbers[after] - self.wavenumbers)
        places = after - nearer
        return places if (np.abs(wavenumbers[places] - self.wavenumbers) <= self.tolerance).all() else None


def grid_of(wavenumbers: Numbers) -> Grid:
    """A grid whose names have one decimal, or as many as its channels need to have different names."""
    for decimals in range(1, 9):
        names = tuple(f"{wavenumber:.{decimals}f}" for wavenumber in wavenumbers)
        if len(set(names)) == len(names):
            return Grid(wavenumbers, names, SAME * _step(wavenumbers))
    raise ValueError(
        f"channels from {wavenumbers[0]:g} to {wavenumbers[-1]:g} cm-1 are too close to have different names"
    )


def grid_of_file(path: Path) -> Grid:
    """The channels of a data file in the schema, with its names. Raises ValueError or OSError."""
    names = read_header(path)
    try:
        return grid_of_names(names[1:])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def grid_of_names(names: Sequence[str]) -> Grid:
    """The channels among the names of columns in the schema. Raises ValueError if they are not such names."""
    unknown, names = challenge().unknown_columns(names), channels_of(names)
    wavenumbers = np.array([float(name) for name in names])
    different = len(set(wavenumbers))
    if unknown or different < max(FEWEST, len(names)):
        reason = f"{unknown[0][:40]!r} is not a wavenumber" if unknown else f"there are {different}"
        raise ValueError(f"{FEWEST} or more columns named by wavenumbers are required, but {reason}")
    # names are rounded: a channel lies within half of their last decimal
    rounding = 0.5001 * 10.0 ** -min(len(name.partition(".")[2]) for name in names)
    step = _step(wavenumbers)
    return Grid(wavenumbers, tuple(names), max(SAME * step, min(rounding, step / 4)))


def _step(wavenumbers: Numbers) -> float:
    """The smallest distance between neighbouring channels."""
    return float(-np.diff(wavenumbers).max())


def most_common_grid(spectra: list[Spectrum], interpolate: bool) -> Grid:
    """The grid of most spectra; with `interpolate`, cut to the range that all spectra cover.

    Spectra that would leave fewer than FEWEST channels do not count; they cannot be put on the grid. Raises ValueError
    if the grid has fewer channels itself.
    """
    groups = sorted(_by_grid(spectra), key=len, reverse=True)
    base = groups[0][0].wavenumbers
    if len(base) < FEWEST:
        raise ValueError(f"{groups[0][0].source}: {len(base)} channels; {FEWEST} or more are required")
    margin = SAME * _step(base)
    for group in groups[1:] if interpolate else []:
        wavenumbers = group[0].wavenumbers
        common = base[(base >= wavenumbers[-1] - margin) & (base <= wavenumbers[0] + margin)]
        base = common if len(common) >= FEWEST else base
    return grid_of(base)


def put_on_grid(
    spectra: list[Spectrum], grid: Grid, interpolate: bool, is_given: bool = False
) -> tuple[list[Spectrum], list[Problem], list[str]]:
    """The spectra on a grid, problems of those that cannot be put on it, and remarks on how many were changed how.

    is_given: whether the grid would be the same with `interpolate`, so that it does not help spectra that cover less.
    """
    kept, problems, cut, moved, coarse = [], [], 0, 0, 0
    step = float(np.median(-np.diff(grid.wavenumbers)))
    for spectrum in spectra:
        wavenumbers = spectrum.wavenumbers
        places = grid.places_in(wavenumbers)
        if places is not None:
            values = spectrum.absorbance[places]
            cut += len(values) < len(wavenumbers)
        elif interpolate:
            try:
                values = interpolate_spectrum(wavenumbers, spectrum.absorbance, grid)
            except ValueError as error:
                problems.append(Problem(spectrum.source, str(error), sample=spectrum.sample, ids=spectrum.ids))
                continue
            moved += 1
            coarse += bool(np.median(-np.diff(wavenumbers)) > COARSE * step)
        else:
            channels = f"its {len(wavenumbers)} channels, {wavenumbers[0]:.1f} to {wavenumbers[-1]:.1f} cm-1,"
            differ = f"{channels} differ from the grid ({grid}): --interpolate interpolates them"
            reason = (is_given and describe_shortfall(wavenumbers, grid)) or differ
            problems.append(Problem(spectrum.source, reason, sample=spectrum.sample, ids=spectrum.ids))
            continue
        kept.append(replace(spectrum, wavenumbers=grid.wavenumbers, absorbance=values))
    counts = {
        f"cut to {grid}": cut,
        f"interpolated by a cubic spline to {grid}": moved,
        f"their channel spacing is more than {COARSE:g} times that of the grid, and the spline adds no detail": coarse,
    }
    remarks = [f"{count} of {len(spectra)} spectra: {what}" for what, count in counts.items() if count]
    return kept, problems, remarks


def _by_grid(spectra: list[Spectrum]) -> list[list[Spectrum]]:
    groups: list[list[Spectrum]] = []
    for spectrum in spectra:
        for group in groups:
            first = group[0].wavenumbers
            same_length = len(spectrum.wavenumbers) == len(first)
            if same_length and np.abs(spectrum.wavenumbers - first).max() <= SAME * _step(first):
                group.append(spectrum)
                break
        else:
            groups.append([spectrum])
    return groups


def describe_shortfall(wavenumbers: Numbers, grid: Grid) -> str:
    """Why a spectrum of these wavenumbers cannot be put on a grid: the grid reaches beyond it. "" if it does not."""
    low, high = wavenumbers[-1], wavenumbers[0]
    if grid.wavenumbers[-1] >= low - grid.tolerance and grid.wavenumbers[0] <= high + grid.tolerance:
        return ""
    return f"it covers {high:.1f} to {low:.1f} cm-1, less than the grid ({grid}), and nothing is extrapolated"


def interpolate_spectrum(wavenumbers: Numbers, absorbance: Numbers, grid: Grid) -> Numbers:
    """Absorbance at the channels of the grid, by a cubic spline through the channels of the spectrum.

    Raises ValueError if the grid reaches beyond the spectrum, apart from its tolerance, or into a gap in it.
    """
    from scipy.interpolate import CubicSpline

    if shortfall := describe_shortfall(wavenumbers, grid):
        raise ValueError(shortfall)
    if len(wavenumbers) < FEWEST:
        raise ValueError(
            f"its {len(wavenumbers)} channels are too few for interpolation: {FEWEST} or more are required"
        )
    within = np.clip(grid.wavenumbers, wavenumbers[-1], wavenumbers[0])
    steps = -np.diff(wavenumbers)
    neighbours = np.minimum(np.append(steps[1:], np.inf), np.insert(steps[:-1], 0, np.inf))
    for gap in np.flatnonzero(steps > GAP * neighbours):
        upper, lower = wavenumbers[gap], wavenumbers[gap + 1]
        if ((within < upper) & (within > lower)).any():
            raise ValueError(f"it has no channel between {upper:.1f} and {lower:.1f} cm-1, but the grid has")
    values: Numbers = CubicSpline(wavenumbers[::-1], absorbance[::-1])(within)
    return values
