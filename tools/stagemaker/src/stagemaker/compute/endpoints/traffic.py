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
    """A fleet and its weight, relative to the sum of all weights."""

    fleet: Fleet
    weight: float


class Traffic:
    """The shares of all fleets. Immutable: an updated endpoint gets a new Traffic."""

    def __init__(self, shares: Sequence[WeightedFleet]):
        self.shares = tuple(shares)
        weighted_shares = [share for share in shares if share.weight > 0]
        max_weight = max((share.weight for share in weighted_shares), default=1.0)  # the sum could be infinite
        self._fleets = [share.fleet for share in weighted_shares]
        self._bounds = list(accumulate(share.weight / max_weight for share in weighted_shares))

    @property
    def fleets(self) -> dict[str, Fleet]:
        """The fleets by variant name. Not for a DividedTraffic, where a name may occur twice."""
        return {share.fleet.variant: share.fleet for share in self.shares}

    def for_variant(self, variant: str) -> "Traffic | None":
        """Return a single variant's traffic, even if its weight is 0, or None if there is no such variant."""
        shares = [share for share in self.shares if share.fleet.variant == variant]
        if not any(share.weight for share in shares):
            shares = [WeightedFleet(share.fleet, 1.0) for share in shares]
        return Traffic(shares) if shares else None

    def choose(self, random: Random) -> Fleet:
        """Return the fleet for one invocation, drawn at random by weight. At least one weight must be positive."""
        return random.choices(self._fleets, cum_weights=self._bounds)[0]


class DividedTraffic(Traffic):
    """Traffic during an update: some of the new variants' invocations go to the new fleets."""

    def __init__(self, before: Traffic, after: Traffic, parts: Parts):
        super().__init__([*before.shares, *after.shares])
        self._before, self._after, self._parts = before, after, parts

    def for_variant(self, variant: str) -> Traffic | None:
        before, after = self._before.for_variant(variant), self._after.for_variant(variant)
        return DividedTraffic(before, after, self._parts) if before and after else before or after

    def choose(self, random: Random) -> Fleet:
        fleet = self._after.choose(random)
        return fleet if random.random() < self._parts[fleet.variant] else self._before.choose(random)


def divide(before: Traffic, after: Traffic, parts: Parts) -> Traffic:
    """Return the traffic for one step of an update."""
    return after if min(parts.values()) == 1 else DividedTraffic(before, after, parts)


def shift(routing: str, sizes: Parts) -> Iterator[Parts]:
    """Yield the parts for each step of an update.

    routing: the Type of a TrafficRoutingConfiguration. sizes: each variant's step size, above 0; 1 for ALL_AT_ONCE.
    """
    if routing == "CANARY":
        yield sizes
        sizes = dict.fromkeys(sizes, Fraction(1))
    for number in count(1):
        parts = {variant: min(number * size, Fraction(1)) for variant, size in sizes.items()}
        yield parts
        if min(parts.values()) == 1:
            return
