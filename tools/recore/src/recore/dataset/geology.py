"""Simulate the minerals of drill holes by depth: layers of rock overprinted by alteration, weathering and ore."""

import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray


@dataclass(frozen=True)
class Mineral:
    """A mineral; the comments in minerals.toml explain its fields."""

    formula: str
    source: str = ""
    bands: list[tuple[float, float, float]] = field(default_factory=list)
    traces: dict[str, float] = field(default_factory=dict)
    opacity: float = 0.0
    electronic: float = 0.0

    @cached_property
    def elements(self) -> dict[str, float]:
        """The concentration of each element in ppm by mass, from the formula and the traces."""
        import periodictable

        fractions = periodictable.formula(self.formula).mass_fraction
        return {str(element): 1e6 * share for element, share in fractions.items()} | self.traces


TABLE = tomllib.loads(files(__package__).joinpath("minerals.toml").read_text("utf-8"))
MINERALS = {name: Mineral(**entry) for name, entry in TABLE.items()}


ROCKS = tomllib.loads(files(__package__).joinpath("rocks.toml").read_text("utf-8"))
SPREAD = 0.3  # standard deviation of the logarithm of a mineral's content, among samples and portions of a sample

# The share of each rock among the layers, and the mean intensity (logit) of each type of alteration.
ROCK_SHARES = {"andesite": 0.4, "granodiorite": 0.3, "siltstone": 0.2, "limestone": 0.1}
INTENSITY = {"potassic": -2.2, "phyllic": -1.6, "propylitic": -1.0, "argillic": -2.6}


@dataclass(frozen=True)
class DrillHole:
    """The samples of a drill hole from top to bottom.

    depth_from, depth_to: (rows,) in m. minerals: (rows, minerals) mass fractions.
    """

    depth_from: NDArray[np.float64]
    depth_to: NDArray[np.float64]
    minerals: NDArray[np.float64]


def simulate_hole(rows: int, random: Generator, skip: str | None = None) -> DrillHole:
    """Simulate a drill hole whose samples are all 1 m, all 1.5 m or all 2 m long. skip: a rock to omit."""
    length = float(random.choice([1.0, 1.5, 2.0]))
    depth = float(random.integers(0, 60)) + length * np.arange(rows, dtype=np.float64)
    minerals = simulate_layers(rows, length, random, skip)
    for alteration, level in INTENSITY.items():
        intensity = level + random.normal(0, 1.1) + 1.3 * simulate_curve(rows, 25 / length, random)
        minerals = alter(minerals, ROCKS["altered"][alteration], logistic(intensity))
    bottom = random.uniform(5, 70)
    weathering = logistic((bottom - depth) / 6 + 0.6 * simulate_curve(rows, 8 / length, random))
    minerals = alter(minerals, ROCKS["weathered"], weathering)
    # holes differ, so that a new hole is harder to predict than a new row of a known one
    hole_factors = np.exp(0.5 * SPREAD * random.standard_normal(len(MINERALS)))
    minerals = add_noise(minerals * hole_factors, random)
    return DrillHole(depth, depth + length, minerals)


def simulate_layers(rows: int, length: float, random: Generator, skip: str | None = None) -> NDArray[np.float64]:
    """Simulate fresh rock (rows, minerals) in layers 40 m thick on average. skip: a rock to omit."""
    shares = {rock: share for rock, share in ROCK_SHARES.items() if rock != skip}
    table = np.array([fractions(ROCKS["fresh"][rock]) for rock in shares])
    layer = np.cumsum(random.random(rows) < length / 40)
    kinds = random.choice(len(table), size=layer[-1] + 1, p=np.array(list(shares.values())) / sum(shares.values()))
    minerals: NDArray[np.float64] = table[kinds[layer]]
    return minerals


def fractions(assemblage: dict[str, float]) -> NDArray[np.float64]:
    """Convert an assemblage of minerals to mass fractions (minerals,) whose sum is 1."""
    return np.array([assemblage.get(mineral, 0.0) for mineral in MINERALS]) / sum(assemblage.values())


def alter(
    minerals: NDArray[np.float64], assemblage: dict[str, float], intensity: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Replace the fraction `intensity` (rows,) of the minerals with the assemblage."""
    return minerals + intensity[:, None] * (fractions(assemblage) - minerals)


def add_noise(minerals: NDArray[np.float64], random: Generator) -> NDArray[np.float64]:
    """Multiply each mineral of each row by independent lognormal noise, and rescale each row to a sum of 1."""
    minerals = minerals * np.exp(SPREAD * random.standard_normal(minerals.shape))
    return minerals / minerals.sum(axis=1, keepdims=True)


def simulate_curve(rows: int, correlation: float, random: Generator) -> NDArray[np.float64]:
    """Simulate an autoregressive series (rows,) of mean 0 and SD 1. correlation: the correlation length in samples."""
    coefficient = np.exp(-1 / correlation)
    curve = random.standard_normal(rows)
    curve[1:] *= np.sqrt(1 - coefficient**2)
    for row in range(1, rows):
        curve[row] += coefficient * curve[row - 1]
    return curve


def logistic(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logistic function of the values, as fractions."""
    with np.errstate(over="ignore"):  # some km below the weathered rock, exp() is infinite and the share is 0
        share: NDArray[np.float64] = 1 / (1 + np.exp(-values))
    return share
