"""Divide an endpoint's invocations among fleets, and shift them from old fleets to new ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, count
from random import Random

from stagemaker.compute.endpoints.fleet import Fleet

Parts = Mapping[str, Fraction]  # for each variant, the fraction of its invocations that the new fleet gets


@dataclass(frozen=True)
class WeightedFleet:
    """A fleet and its weight. The number of invocations that the fleet receives is proportional to its weight."""

    fleet: Fleet
    weight: float


class Traffic:
    """An endpoint's fleets and their weights. Immutable: an updated endpoint gets a new Traffic."""

    def __init__(self, weighted_fleets: Sequence[WeightedFleet]):
        self.weighted_fleets = tuple(weighted_fleets)
        drawn_fleets = [item for item in weighted_fleets if item.weight > 0]
        max_weight = max((item.weight for item in drawn_fleets), default=1.0)  # the sum could be infinite
        self._fleets = [item.fleet for item in drawn_fleets]
        self._bounds = list(accumulate(item.weight / max_weight for item in drawn_fleets))

    @property
    def fleets(self) -> dict[str, Fleet]:
        """The fleets by variant name. Invalid for a DividedTraffic, where a name may occur twice."""
        return {item.fleet.variant: item.fleet for item in self.weighted_fleets}

    def for_variant(self, variant: str) -> "Traffic | None":
        """Return the traffic of a single variant, even if its weight is 0, or None if the variant does not exist."""
        weighted_fleets = [item for item in self.weighted_fleets if item.fleet.variant == variant]
        if not any(item.weight for item in weighted_fleets):
            weighted_fleets = [WeightedFleet(item.fleet, 1.0) for item in weighted_fleets]
        return Traffic(weighted_fleets) if weighted_fleets else None

    def choose(self, random: Random) -> Fleet:
        """Return the fleet for one invocation, drawn at random by weight. At least one weight must be positive."""
        return random.choices(self._fleets, cum_weights=self._bounds)[0]


class DividedTraffic(Traffic):
    """Traffic during an update. parts: the fraction of each variant's invocations that the new fleet receives."""

    def __init__(self, old_traffic: Traffic, new_traffic: Traffic, parts: Parts):
        super().__init__([*old_traffic.weighted_fleets, *new_traffic.weighted_fleets])
        self._old_traffic, self._new_traffic, self._parts = old_traffic, new_traffic, parts

    def for_variant(self, variant: str) -> Traffic | None:
        old, new = self._old_traffic.for_variant(variant), self._new_traffic.for_variant(variant)
        return DividedTraffic(old, new, self._parts) if old and new else old or new

    def choose(self, random: Random) -> Fleet:
        fleet = self._new_traffic.choose(random)
        return fleet if random.random() < self._parts[fleet.variant] else self._old_traffic.choose(random)


def divide(old_traffic: Traffic, new_traffic: Traffic, parts: Parts) -> Traffic:
    """Return the traffic for one step of an update."""
    return new_traffic if min(parts.values()) == 1 else DividedTraffic(old_traffic, new_traffic, parts)


def shift(routing: str, sizes: Parts) -> Iterator[Parts]:
    """For each step of an update, yield the fractions of invocations that the new fleets receive.

    routing: the Type of a TrafficRoutingConfiguration. sizes: each variant's step fraction, above 0; 1 for ALL_AT_ONCE.
    """
    if routing == "CANARY":
        yield sizes
        sizes = dict.fromkeys(sizes, Fraction(1))
    for step in count(1):
        parts = {variant: min(step * size, Fraction(1)) for variant, size in sizes.items()}
        yield parts
        if min(parts.values()) == 1:
            return
