"""The minerals of the simulated rocks, read from minerals.toml."""

import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files


@dataclass(frozen=True)
class Mineral:
    """One mineral; the head of minerals.toml explains its fields."""

    formula: str
    source: str = ""
    bands: list[tuple[float, float, float]] = field(default_factory=list)
    traces: dict[str, float] = field(default_factory=dict)
    opacity: float = 0.0
    electronic: float = 0.0

    @cached_property
    def elements(self) -> dict[str, float]:
        """Content of each element in ppm by mass: those of the formula, and the traces."""
        import periodictable

        fractions = periodictable.formula(self.formula).mass_fraction
        return {str(element): 1e6 * share for element, share in fractions.items()} | self.traces


TABLE = tomllib.loads(files(__package__).joinpath("minerals.toml").read_text("utf-8"))
MINERALS = {name: Mineral(**entry) for name, entry in TABLE.items()}
