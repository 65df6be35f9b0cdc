"""The state of an alarm, from the data points of its metric, by the rules that CloudWatch documents.

Source: Amazon CloudWatch User Guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data".
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanOrEqualToThreshold": operator.le,
    "LessThanThreshold": operator.lt,
}
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
EXTRA = 2  # periods in the evaluation range beyond EvaluationPeriods, as in the guide's examples

Points = Sequence[float | None]  # a value for each period of the evaluation range, oldest first; None is missing


@dataclass(frozen=True)
class Evaluation:
    """When an alarm is in ALARM: `to_alarm` of `periods` data points are breaching. missing: TreatMissingData."""

    comparison: str
    threshold: float
    periods: int
    to_alarm: int
    missing: str = "missing"

    def state(self, points: Points) -> str | None:
        """The state of an alarm with these data points, `periods` + EXTRA of them; None where it keeps its state."""
        breaching = [None if value is None else self.is_breaching(value) for value in points]
        existing = [one for one in breaching if one is not None][-self.periods :]
        filled = self.periods - len(existing)
        count = existing.count(True) + (filled if self.missing == "breaching" else 0)
        if count >= self.to_alarm:
            return "ALARM"
        if filled == 0 or self.missing in ("breaching", "notBreaching") or False in existing:
            return "OK"
        if self.missing == "ignore":
            return None
        return "ALARM" if self._is_premature(breaching) else "INSUFFICIENT_DATA"

    def is_breaching(self, value: float) -> bool:
        return COMPARISONS[self.comparison](value, self.threshold)

    def _is_premature(self, breaching: Sequence[bool | None]) -> bool:
        """Whether the oldest of a few data points, all of them breaching, is `to_alarm` periods old or older.

        Then missing data points do not delay the alarm any longer: the guide calls it a premature alarm state.
        """
        return True in breaching and len(breaching) - breaching.index(True) >= self.to_alarm
