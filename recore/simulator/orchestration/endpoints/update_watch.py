"""What ends an endpoint's update early: a CloudWatch alarm, or the end of the time that it may take."""

import math
import time
from collections.abc import Sequence

from recore.simulator.cloudwatch import alarms
from recore.simulator.compute.failure import JobFailed
from recore.simulator.orchestration.runner import Work
from recore.simulator.protocol.errors import ServiceError
from recore.simulator.state.records import Record

PERIOD = 0.25  # seconds between two evaluations of the alarms


class UpdateWatch:
    """Watches one update. names: of alarms. longest: seconds from now that the update may take."""

    def __init__(self, names: Sequence[str] = (), longest: float = math.inf):
        self._names, self._longest = names, longest
        self.latest = time.monotonic() + longest

    def check(self) -> None:
        """Raise JobFailed where the update must be rolled back."""
        if time.monotonic() > self.latest:
            raise JobFailed(f"The update took longer than MaximumExecutionTimeoutInSeconds, {self._longest:g}")
        for name in self._names:
            state = alarms.state_of(name)
            if state is None:  # nothing watches over the update any longer
                raise JobFailed(f"The CloudWatch alarm {name} was deleted during the update")
            if state.value == "ALARM":
                raise JobFailed(f"The CloudWatch alarm {name} is in ALARM: {state.reason}")

    def wait(self, work: Work, seconds: float) -> None:
        """Wait, and check all the time, also at the end. Raises JobFailed, and JobStopped when the simulator ends."""
        end = time.monotonic() + seconds
        self.check()
        while (left := end - time.monotonic()) > 0:
            work.wait(min(left, PERIOD))
            self.check()


def alarm_definitions(names: Sequence[str]) -> list[Record]:
    """What is kept of an update's alarms: moto forgets them when the simulator ends.

    Raises ServiceError where an alarm does not exist, or is one that is never evaluated.
    """
    definitions = []
    for name in names:
        alarm = alarms.find(name)
        if alarm is None:
            raise ServiceError(
                "ValidationException", f"AutoRollbackConfiguration: there is no CloudWatch alarm '{name}'"
            )
        if reason := alarm.not_simulated():
            message = f"AutoRollbackConfiguration: the alarm '{name}' cannot be used, {reason} is not simulated"
            raise ServiceError("ValidationException", message)
        definitions.append(alarm.definition())
    return definitions
