"""Retry policies: whether and when a failed step runs again."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stagemaker.orchestration.pipelines.document import DefinitionError, Types, read_members

SERVICE_FAULT, THROTTLING = "Step.SERVICE_FAULT", "Step.THROTTLING"
INTERNAL_ERROR, CAPACITY = "SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR"
RESOURCE_LIMIT = "SageMaker.RESOURCE_LIMIT"
EXCEPTIONS = (SERVICE_FAULT, THROTTLING, INTERNAL_ERROR, CAPACITY, RESOURCE_LIMIT)
# exception types of rejected requests, by error code
EXCEPTION_TYPES_BY_CODE = {
    "ThrottlingException": THROTTLING,
    "Throttling": THROTTLING,
    "ResourceLimitExceeded": RESOURCE_LIMIT,
    "InternalFailure": SERVICE_FAULT,
    "ServiceUnavailable": SERVICE_FAULT,
}
# exception types of failed jobs, by the beginning of the FailureReason
EXCEPTION_TYPES_BY_REASON = {
    "InternalServerError": INTERNAL_ERROR,
    "CapacityError": CAPACITY,
    "ResourceLimitExceeded": RESOURCE_LIMIT,
}
MAX_ATTEMPTS, MAX_MINUTES = 20, 14_400
LIMITS = {"MaxAttempts": (1, MAX_ATTEMPTS), "ExpireAfterMin": (1, MAX_MINUTES)}
LIMITS |= {"IntervalSeconds": (0, 43_200), "BackoffRate": (0, 1000)}
MEMBERS: Types = dict.fromkeys(LIMITS, int) | {"BackoffRate": (int, float)}


@dataclass(frozen=True)
class RetryPolicy:
    """A retry policy.

    exceptions: the exception types after which the policy applies. interval: seconds before the first retry. rate: the
    factor by which the wait grows with each retry. attempts: the maximum number of retries, or None. minutes: the time
    limit after the first failure, or None.
    """

    exceptions: frozenset[str]
    interval: int
    rate: float
    attempts: int | None
    minutes: int | None

    def delay(self, retries: int, elapsed: datetime.timedelta) -> float | None:
        """Return the number of seconds until the next retry, or None if the policy allows no more.

        retries: the number of times this policy has been applied. elapsed: the time since the first failure.
        """
        if self.attempts is not None and retries >= self.attempts:
            return None
        delay = max(1.0, min(self.interval * self.rate ** min(retries, MAX_ATTEMPTS), MAX_MINUTES * 60.0))
        if self.minutes is not None and elapsed.total_seconds() + delay > 60 * self.minutes:
            return None
        return delay


def read_policies(documents: Sequence[Any]) -> tuple[RetryPolicy, ...]:
    """Return the retry policies of a step. Raises DefinitionError if one is invalid."""
    policies: list[RetryPolicy] = []
    for document in documents:
        members = read_members(document, "RetryPolicies", {"ExceptionType": list}, MEMBERS)
        exceptions = members["ExceptionType"]
        if not exceptions or any(not isinstance(name, str) or name not in EXCEPTIONS for name in exceptions):
            raise DefinitionError(f"RetryPolicies: ExceptionType must list one or more of {', '.join(EXCEPTIONS)}")
        if any(policy.exceptions.intersection(exceptions) for policy in policies):
            raise DefinitionError("RetryPolicies: two policies name the same ExceptionType")
        if "MaxAttempts" in members and "ExpireAfterMin" in members:
            raise DefinitionError("RetryPolicies: a policy can have either MaxAttempts or ExpireAfterMin, not both")
        for name, (minimum, maximum) in LIMITS.items():
            if not minimum <= members.get(name, minimum) <= maximum:
                raise DefinitionError(f"RetryPolicies: {name} must be between {minimum} and {maximum}")
        minutes = members.get("ExpireAfterMin")
        attempts = None if minutes else members.get("MaxAttempts", 5)
        rate, interval = members.get("BackoffRate", 2.0), members.get("IntervalSeconds", 1)
        policies.append(RetryPolicy(frozenset(exceptions), interval, rate, attempts, minutes))
    return tuple(policies)
