"""Generate sample data in the challenge's schema from simulated drill holes, each of which is public or private."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from recore.challenge import challenge
from recore.dataset.geology import MINERALS, ROCK_SHARES, add_noise, simulate_hole
from recore.dataset.grammar.target_units import VALUES_PER_UNIT, unit_of
from recore.dataset.grammar.units import DETECTION_LIMITS
from recore.dataset.sample_spectra import Spectrometer, channel_names, grid
from recore.dataset.writing import Columns, check_not_existing, write_data_file
from recore.listing import count
from recore.outputs import check_writable
from recore.schema import DEPTH_FROM, DEPTH_TO

RANGES = {  # ranges of mixtures, by unit
    **{"pct": (0.0, 60.0), "g/kg": (0.0, 100.0), "ppm": (0.0, 500.0), "ppb": (0.0, 500.0)},
    **{"cmol/kg": (0.0, 40.0), "mmol/kg": (0.0, 400.0), "pH": (4.0, 8.5)},
}
ERROR = 0.03  # relative error of an analysis
NUGGET_SPREAD = {"Au": 0.8, "Ag": 0.4}  # standard deviation of the logarithm of metals in few grains; 0.2 for others

ELEMENTS = [name[:-3] for name in DETECTION_LIMITS]
LIMITS = np.array(list(DETECTION_LIMITS.values()))
PPM_CONTENTS = np.array([[mineral.elements.get(element, 0.0) for element in ELEMENTS] for mineral in MINERALS.values()])
# The content of each element in each mineral (minerals, elements), in the unit of its name.
CONTENTS = PPM_CONTENTS * [VALUES_PER_UNIT[name[-3:].lower()] for name in DETECTION_LIMITS]
FORMULA_MASK = np.array([[element not in mineral.traces for element in ELEMENTS] for mineral in MINERALS.values()])


class Laboratory:
    """A simulated laboratory for the samples of one hole. The trace metals in a mineral differ between holes."""

    def __init__(self, random: Generator):
        self._random = random
        hole_factors = np.exp(0.3 * random.standard_normal(CONTENTS.shape))
        self._contents = np.where(FORMULA_MASK, CONTENTS, CONTENTS * hole_factors)
        self._spread = np.array([NUGGET_SPREAD.get(element, 0.2) for element in ELEMENTS])

    def analyse(self, minerals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return assays (rows, elements) in the units of DETECTION_LIMITS for mass fractions (rows, minerals).

        Assays have three significant digits. Below the limit of detection, they are half of the limit.
        """
        shape = (len(minerals), len(ELEMENTS))
        formula = sum_of_minerals(minerals, np.where(FORMULA_MASK, self._contents, 0))
        traces = sum_of_minerals(minerals, np.where(FORMULA_MASK, 0, self._contents))
        contents = formula + traces * np.exp(self._spread * self._random.standard_normal(shape))
        measured = contents * (1 + ERROR * self._random.standard_normal(shape))
        measured += 0.3 * LIMITS * self._random.standard_normal(shape)
        return np.where(measured < LIMITS, LIMITS / 2, round_digits(np.maximum(measured, LIMITS), 3))


def sum_of_minerals(minerals: NDArray[np.float64], contents: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multiply matrices (rows, minerals) and (minerals, elements), with results that are identical on all computers."""
    return np.sum([share[:, None] * content for share, content in zip(minerals.T, contents, strict=True)], axis=0)


def mixed_targets() -> list[str]:
    """Return the targets that are not element concentrations in minerals; their values come from `mix_minerals`."""
    return [name for name in challenge().targets if name not in DETECTION_LIMITS or unit_of(name) != name[-3:].lower()]


def mix_minerals(target: str, minerals: NDArray[np.float64], random: Generator) -> NDArray[np.float64]:
    """Return values (rows,) of a target from `mixed_targets`: a smooth function of mass fractions.

    The range of values depends on the target's unit, and the minerals' weights depend on its name. A model can learn
    the values from spectra, but they have no meaning.
    """
    weights = np.random.default_rng(list(target.encode())).uniform(size=(minerals.shape[1], 1))
    low, high = RANGES.get(unit_of(target), (0.0, 10.0))
    values = low + (high - low) * sum_of_minerals(minerals, weights)[:, 0]
    return round_digits(values * np.exp(ERROR * random.standard_normal(len(values))), 3)


def round_digits(values: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    """Round positive values to this number of significant digits."""
    exponent = digits - 1 - np.floor(np.log10(values))
    # dividing by an exact power of ten gives the number that prints with these digits
    scale_up, scale_down = 10.0 ** np.maximum(exponent, 0), 10.0 ** np.maximum(-exponent, 0)
    result: NDArray[np.float64] = np.round(values * scale_up / scale_down) * scale_down / scale_up
    return result


SAMPLE_FILES = ("public/public.csv.gz", "private/private.csv.gz", "private/actual.csv.gz")
PRIVATE_SHARE = 0.3  # share of the rows, and roughly of the holes
CHUNK = 500  # rows in memory at a time


@dataclass(frozen=True)
class Plan:
    """A plan for sample data. rows, holes: totals for public and private data. missing: the fraction of missing assays.

    without: a rock to omit; by default all rocks occur.
    """

    rows: int = 1920
    holes: int = 24
    channels: int = 3651
    seed: int = 0
    missing: float = 0.0
    without: str | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.holes <= self.rows:
            raise ValueError(
                f"{count(self.holes, 'hole')} with {count(self.rows, 'row')}: "
                "at least 2 holes, with at least one row each, are required"
            )
        if not 7 <= self.channels <= 30_000:
            raise ValueError(f"{count(self.channels, 'channel')}: the number must be from 7 to 30,000")
        if not 0 <= self.missing < 1:
            raise ValueError(f"the fraction of missing assays is {self.missing}: it must be at least 0 and less than 1")
        if self.seed < 0:
            raise ValueError(f"the seed is {self.seed}: it must be at least 0")
        if self.without is not None and self.without not in ROCK_SHARES:
            raise ValueError(f"unknown rock {self.without!r}: the rocks are {', '.join(ROCK_SHARES)}")


def make_sample(
    folder: Path, plan: Plan, overwrite: bool = False, advance: Callable[[int], None] = lambda rows: None
) -> dict[Path, int]:
    """Write the public, private and actual files below `folder`, all or none. Return the number of rows in each file.

    Equal plans produce equal files. advance: called with the number of rows in each written portion. Raises
    FileExistsError if one of the files exists, unless `overwrite`.
    """
    paths = [folder / name for name in SAMPLE_FILES]
    check_not_existing(paths, overwrite)
    check_writable(paths[0])
    counts = dict.fromkeys(paths, 0)
    with contextlib.ExitStack() as stack:
        public, private, actual = (stack.enter_context(write_data_file(path)) for path in paths)
        for is_private, inputs, assays in simulate_rows(plan):
            if is_private:
                private(inputs)
                actual({"": inputs[""]} | assays)
            else:
                public(inputs | assays)
            rows = len(inputs[""])
            for path in paths[1:] if is_private else paths[:1]:
                counts[path] += rows
            advance(rows)
    return counts


def simulate_rows(plan: Plan) -> Iterator[tuple[bool, Columns, Columns]]:
    """Yield (is_private, inputs, assays) hole by hole, at most CHUNK rows at a time."""
    random = np.random.default_rng(plan.seed)
    private_holes = min(max(round(PRIVATE_SHARE * plan.holes), 1), plan.holes - 1)
    private = random.permutation(plan.holes) < private_holes
    private_rows = min(max(round(PRIVATE_SHARE * plan.rows), private_holes), plan.rows - plan.holes + private_holes)
    sizes = np.empty(plan.holes, dtype=int)
    sizes[private] = hole_sizes(private_rows, private_holes, random)
    sizes[~private] = hole_sizes(plan.rows - private_rows, plan.holes - private_holes, random)
    wavenumbers = grid(plan.channels)
    names = channel_names(wavenumbers)
    first = 0
    for number, size in enumerate(sizes):
        hole_random = np.random.default_rng([plan.seed, number])
        hole = simulate_hole(size, hole_random, plan.without)
        spectrometer, laboratory = Spectrometer(wavenumbers, hole_random), Laboratory(hole_random)
        for start in range(0, size, CHUNK):
            rows = slice(start, min(start + CHUNK, size))
            # the laboratory and the spectrometer get different portions of a sample
            assays = laboratory.analyse(add_noise(hole.minerals[rows], hole_random))
            assays[hole_random.random(assays.shape) < plan.missing] = np.nan
            index = np.arange(first + rows.start, first + rows.stop)
            depths = {DEPTH_TO: hole.depth_to[rows], DEPTH_FROM: hole.depth_from[rows]}
            known = depths | {challenge().group: np.full(len(assays), number + 1)}
            inputs: Columns = {"": index} | {name: known.get(name, index) for name in challenge().ids}
            spectra = spectrometer.measure(hole.minerals[rows])
            # columns are written faster if their numbers are contiguous
            inputs |= zip(names, np.ascontiguousarray(spectra.T), strict=True)
            values = dict(zip(DETECTION_LIMITS, assays.T, strict=True))
            for name in mixed_targets():
                values[name] = mix_minerals(name, hole.minerals[rows], hole_random)
                values[name][hole_random.random(len(assays)) < plan.missing] = np.nan
            yield bool(private[number]), inputs, {name: values[name] for name in challenge().targets}
        first += size


def hole_sizes(rows: int, holes: int, random: Generator) -> NDArray[np.int_]:
    """Divide rows among holes at random. Return the number of rows in each hole (holes,), at least 1."""
    shares = random.uniform(0.5, 1.5, holes).cumsum()
    ends = np.round(shares / shares[-1] * (rows - holes)).astype(int)
    sizes: NDArray[np.int_] = np.diff(ends, prepend=0) + 1
    return sizes
