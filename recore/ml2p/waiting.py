"""Waiting until a job or an endpoint is done."""

import time
from collections.abc import Callable
from typing import Any

FIRST, LONGEST = 0.5, 10.0  # seconds between looks
UNDER_WAY = {"InProgress", "Stopping", "Creating", "Updating", "SystemUpdating", "RollingBack"}


class FailedError(Exception):
    """What was waited for has failed, or was stopped."""


def wait(describe: Callable[[], dict[str, Any]], key: str, good: str, tell: Callable[[str], None]) -> dict[str, Any]:
    """Return the description of what is done. key: its status, of which `good` is a good end.

    tell: called with each status. Raises FailedError at any other end, with the reason.
    """
    pause, told = FIRST, ""
    while True:
        found = describe()
        status = found[key]
        if status != told:
            tell(status)
            told = status
        if status == good:
            return found
        if status not in UNDER_WAY:
            reason = found.get("FailureReason") or found.get("ExitMessage") or "SageMaker gives no reason"
            raise FailedError(f"{status}: {reason}")
        time.sleep(pause)
        pause = min(1.3 * pause, LONGEST)
