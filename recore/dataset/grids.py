"""Grids: which spectra share one, what its channels are called, and interpolation onto it."""

import csv
import gzip
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recore.dataset.cells import number_of
from recore.dataset.instruments.spectrum import Numbers, Problem, Spectrum
from recore.dataset.targets import DETECTION_LIMITS, IDS

SAME = 0.01  # of the distance to the next channel: grids that differ by less are one
FEWEST = 7  # channels: one bin of the template's preprocess.py
COARSE = 1.5
GAP = 3  # times the distance of the neighbours beside
LONGEST_HEADER = 1 << 22  # bytes


@dataclass(frozen=True)
class Grid:
    """Wavenumbers in cm-1, falling, the names of their columns, and how far another's channel may be from them."""

    wavenumbers: Numbers
    names: tuple[str, ...]
    tolerance: float

    def __str__(self) -> str:
        return f"{len(self.names)} channels, {self.names[0]} to {self.names[-1]} cm-1"

    def found_in(self, wavenumbers: Numbers) -> NDArray[np.int64] | None:
        """Where this grid's channels are among others, None unless all of them are."""
        after = np.clip(np.searchsorted(-wavenumbers, -self.wavenumbers), 1, len(wavenumbers) - 1)
        nearer = np.abs(wavenumbers[after - 1] - self.wavenumbers) < np.abs(wavenumbers[after] - self.wavenumbers)
        places = after - nearer
        return places if (np.abs(wavenumbers[places] - self.wavenumbers) <= self.tolerance).all() else None


def grid_of(wavenumbers: Numbers) -> Grid:
    """A grid whose names have one decimal, or as many more as tell its channels apart."""
    for decimals in range(1, 9):
        names = tuple(f"{wavenumber:.{decimals}f}" for wavenumber in wavenumbers)
        if len(set(names)) == len(names):
            return Grid(wavenumbers, names, SAME * _step(wavenumbers))
    raise ValueError(f"channels from {wavenumbers[0]:g} to {wavenumbers[-1]:g} cm-1 lie too close to be told apart")


def grid_of_file(path: Path) -> Grid:
    """The channels of a data file in the schema, with its names. Raises ValueError or OSError where it is none."""
    if path.exists() and not path.is_file():
        raise ValueError(f"{path}: it is no regular file")
    try:
        with gzip.open(path) as file:
            line = file.readline(LONGEST_HEADER).decode("utf-8", "replace")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such file") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: a gzipped CSV is needed: {error}") from None
    names = next(csv.reader([line]), [])[1:]
    channels = {name: number_of(name) for name in names if name not in DETECTION_LIMITS and name not in IDS}
    wrong = next((name for name, number in channels.items() if number is None or number <= 0), None)
    if wrong is not None or len(set(channels.values())) < max(FEWEST, len(channels)):
        reason = f"{wrong[:40]!r} is none" if wrong is not None else f"there are {len(set(channels.values()))}"
        raise ValueError(f"{path}: channels, columns named by their wavenumbers, are needed: {reason}")
    names = sorted(channels, key=float, reverse=True)
    wavenumbers = np.array([float(name) for name in names])
    # names are rounded: a channel lies within half of their last decimal
    rounding = 0.5001 * 10.0 ** -min(len(name.partition(".")[2]) for name in names)
    step = _step(wavenumbers)
    return Grid(wavenumbers, tuple(names), max(SAME * step, min(rounding, step / 4)))


def _step(wavenumbers: Numbers) -> float:
    """The smallest distance of neighbours."""
    return float(-np.diff(wavenumbers).max())


def choose(spectra: list[Spectrum], interpolate: bool) -> Grid:
    """The grid that most spectra have; with `interpolate`, as far as all spectra reach.

    Spectra that would leave fewer than FEWEST channels of it do not cut it: they are what cannot be put on it. Raises
    ValueError where it has fewer itself.
    """
    kinds = sorted(_kinds(spectra), key=len, reverse=True)
    base = kinds[0][0].wavenumbers
    if len(base) < FEWEST:
        raise ValueError(f"{kinds[0][0].source}: {len(base)} channels; {FEWEST} or more are needed")
    margin = SAME * _step(base)
    for kind in kinds[1:] if interpolate else []:
        own = kind[0].wavenumbers
        common = base[(base >= own[-1] - margin) & (base <= own[0] + margin)]
        base = common if len(common) >= FEWEST else base
    return grid_of(base)


def put(spectra: list[Spectrum], grid: Grid, interpolate: bool) -> tuple[list[Spectrum], list[Problem], list[str]]:
    """The spectra on a grid, those that cannot be, and remarks on what was done to how many.

    A spectrum that has the grid's channels keeps its values. Others are interpolated, if that is wanted.
    """
    kept, problems, cut, moved, coarse = [], [], 0, 0, 0
    step = float(np.median(-np.diff(grid.wavenumbers)))
    for spectrum in spectra:
        own = spectrum.wavenumbers
        places = grid.found_in(own)
        if places is not None:
            values = spectrum.absorbance[places]
            cut += len(values) < len(own)
        elif interpolate:
            try:
                values = interpolated(own, spectrum.absorbance, grid)
            except ValueError as error:
                problems.append(Problem(spectrum.source, str(error)))
                continue
            moved += 1
            coarse += bool(np.median(-np.diff(own)) > COARSE * step)
        else:
            span = f"its {len(own)} channels, {own[0]:.1f} to {own[-1]:.1f} cm-1, are not those of the grid ({grid})"
            problems.append(Problem(spectrum.source, f"{span}: --interpolate puts them there"))
            continue
        kept.append(replace(spectrum, wavenumbers=grid.wavenumbers, absorbance=values))
    done = {
        f"cut to {grid}": cut,
        f"interpolated by a cubic spline to {grid}": moved,
        f"their channels lie more than {COARSE:g} times as far apart as the grid's; the spline adds no detail": coarse,
    }
    remarks = [f"{count} of {len(spectra)} spectra: {what}" for what, count in done.items() if count]
    return kept, problems, remarks


def _kinds(spectra: list[Spectrum]) -> list[list[Spectrum]]:
    """The spectra by their grids."""
    kinds: list[list[Spectrum]] = []
    for spectrum in spectra:
        own = spectrum.wavenumbers
        for kind in kinds:
            other = kind[0].wavenumbers
            if len(own) == len(other) and np.abs(own - other).max() <= SAME * _step(other):
                kind.append(spectrum)
                break
        else:
            kinds.append([spectrum])
    return kinds


def interpolated(wavenumbers: Numbers, absorbance: Numbers, grid: Grid) -> Numbers:
    """Absorbance at the grid's channels, by a cubic spline through the spectrum's own.

    Raises ValueError where the grid reaches further than the spectrum, but for its tolerance, or into a gap in it:
    nothing is extrapolated, and no band is invented.
    """
    from scipy.interpolate import CubicSpline

    low, high = wavenumbers[-1], wavenumbers[0]
    if grid.wavenumbers[-1] < low - grid.tolerance or grid.wavenumbers[0] > high + grid.tolerance:
        span = f"it reaches from {high:.1f} to {low:.1f} cm-1"
        raise ValueError(f"{span}, the grid further ({grid}): nothing is extrapolated")
    within = np.clip(grid.wavenumbers, low, high)
    steps = -np.diff(wavenumbers)
    beside = np.minimum(np.append(steps[1:], np.inf), np.insert(steps[:-1], 0, np.inf))
    for gap in np.flatnonzero(steps > GAP * beside):
        upper, lower = wavenumbers[gap], wavenumbers[gap + 1]
        if ((within < upper) & (within > lower)).any():
            raise ValueError(f"it has no channel between {upper:.1f} and {lower:.1f} cm-1, where the grid has some")
    values: Numbers = CubicSpline(wavenumbers[::-1], absorbance[::-1])(within)
    return values
