"""How the invocations of an endpoint are divided among fleets, and how they are shifted from old fleets to new ones."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from recore.simulator.serving.fleet import Fleet


@dataclass(frozen=True)
class Share:
    """A fleet and its weight: its part of the invocations is its weight divided by the sum of all."""

    fleet: Fleet
    weight: float


class Traffic:
    """The shares of all fleets. It never changes: an endpoint that is updated gets another one."""

    def __init__(self, shares: Sequence[Share]):
        self.shares = tuple(shares)
        self._weighted = [share for share in shares if share.weight > 0]
        heaviest = max((share.weight for share in self._weighted), default=1.0)  # the sum could be infinite
        self._bounds = list(accumulate(share.weight / heaviest for share in self._weighted))

    @property
    def fleets(self) -> dict[str, Fleet]:
        """The fleets by the names of their variants."""
        return {share.fleet.variant: share.fleet for share in self.shares}

    def of(self, variant: str) -> "Traffic | None":
        """The traffic of invocations that name a variant, which may have no weight; None if it does not exist."""
        shares = [share for share in self.shares if share.fleet.variant == variant]
        if not any(share.weight for share in shares):
            shares = [Share(share.fleet, 1.0) for share in shares]
        return Traffic(shares) if shares else None

    def choose(self, random: Random) -> Fleet:
        """The fleet of one invocation, drawn by the weights. At least one weight is above 0."""
        point = random.random() * self._bounds[-1]
        return self._weighted[min(bisect_right(self._bounds, point), len(self._weighted) - 1)].fleet


Step = tuple[Traffic, float]  # a traffic, and the seconds that it stays before the next one


def all_at_once(before: Traffic | None, after: Traffic, seconds: float) -> Iterator[Step]:
    """Shift all invocations in one step."""
    yield after, seconds


# By the Type of a TrafficRoutingConfiguration: functions of the traffic before an update (None for a new endpoint), the
# traffic after it and WaitIntervalInSeconds. They yield the steps, of which the last one is the traffic after it.
SHIFTINGS: dict[str, Callable[[Traffic | None, Traffic, float], Iterator[Step]]] = {"ALL_AT_ONCE": all_at_once}
