"""The DeploymentConfig of CreateEndpoint and UpdateEndpoint: traffic shifts and automatic rollback."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from stagemaker.compute.endpoints.traffic import Parts, shift
from stagemaker.protocol.errors import ServiceError, ValidationException
from stagemaker.services.alarms import unsimulated_feature
from stagemaker.state.records import Record

# the request member that contains the size, by type of traffic routing
SIZE_MEMBERS = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}
# SageMaker's documented limits on these sizes, as shares of a variant's capacity
MIN_SHARES = {"CANARY": Fraction(0), "LINEAR": Fraction(10, 100)}
MAX_SHARE = Fraction(50, 100)


@dataclass(frozen=True)
class BlueGreenPolicy:
    """The settings of an update. Times are in seconds.

    routing: the type of traffic routing. size: the CapacitySize of a canary or a linear step. interval: the wait after
    each shift. termination_wait: the wait before the old fleets are shut down. time_limit: the entire update's limit.
    alarms: the names of the alarms that roll the update back.
    """

    routing: str = "ALL_AT_ONCE"
    size: Record | None = None
    interval: float = 0.0
    termination_wait: float = 0.0
    time_limit: float = math.inf
    alarms: tuple[str, ...] = ()

    def steps(self, deployment: Record) -> Iterator[Parts]:
        variants = {variant["VariantName"]: variant["Count"] for variant in deployment["Variants"]}
        return shift(self.routing, {name: self._step_fraction(count) for name, count in variants.items()})

    def check(self, deployment: Record) -> None:
        """Raise ServiceError if a step is too small or too large for the deployment, or if the waits are too long."""
        for variant in deployment["Variants"]:
            if self.size and not MIN_SHARES[self.routing] <= self._step_fraction(variant["Count"]) <= MAX_SHARE:
                limits = "at most 50%" if self.routing == "CANARY" else "10% to 50%"
                capacity = f"the instance count of variant {variant['VariantName']}, which is {variant['Count']}"
                raise config_error(f"{SIZE_MEMBERS[self.routing]} must be {limits} of {capacity}")
        total_wait = self.interval * sum(1 for _ in self.steps(deployment)) + self.termination_wait
        if total_wait >= self.time_limit:
            raise config_error(
                f"MaximumExecutionTimeoutInSeconds must be greater than the sum of all waits, which is {total_wait:g}"
            )

    def _step_fraction(self, count: int) -> Fraction:
        if self.size is None:
            return Fraction(1)
        total = 100 if self.size["Type"] == "CAPACITY_PERCENT" else count
        return min(Fraction(self.size["Value"], total), Fraction(1))


def read_deployment_config(config: Record | None) -> BlueGreenPolicy:
    """Read a DeploymentConfig. Raises ServiceError if it is invalid or not simulated."""
    if config is None:
        return BlueGreenPolicy()
    if "RollingUpdatePolicy" in config:
        raise config_error("RollingUpdatePolicy is not simulated")
    entries = config.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    if not all("AlarmName" in alarm for alarm in entries):
        raise config_error("AutoRollbackConfiguration: an alarm has no AlarmName")
    names = tuple(alarm["AlarmName"] for alarm in entries)
    if "BlueGreenUpdatePolicy" not in config:
        return BlueGreenPolicy(alarms=names)
    policy = config["BlueGreenUpdatePolicy"]
    routing = policy["TrafficRoutingConfiguration"]
    interval, wait = routing["WaitIntervalInSeconds"], policy.get("TerminationWaitInSeconds", 0)
    time_limit = policy.get("MaximumExecutionTimeoutInSeconds", math.inf)
    if interval + wait >= time_limit:
        wait_members = "WaitIntervalInSeconds and TerminationWaitInSeconds"
        raise config_error(f"MaximumExecutionTimeoutInSeconds must be greater than the sum of {wait_members}")
    return BlueGreenPolicy(routing["Type"], _read_size(routing), interval, wait, time_limit, names)


def alarm_definitions(names: Sequence[str]) -> list[Record]:
    """Return the definitions of an update's alarms. Callers must store them, because moto keeps them only in memory.

    Raises ServiceError if an alarm does not exist or uses a feature that is not simulated.
    """
    if not names:
        return []
    from stagemaker.services.moto_inside.cloudwatch import alarm_definition

    definitions = []
    for name in names:
        definition = alarm_definition(name)
        if definition is None:
            raise ValidationException(f"AutoRollbackConfiguration: the CloudWatch alarm '{name}' does not exist")
        if reason := unsimulated_feature(definition):
            message = f"AutoRollbackConfiguration: the alarm '{name}' cannot be used because {reason} is not simulated"
            raise ValidationException(message)
        definitions.append(definition)
    return definitions


def _read_size(routing: Record) -> Record | None:
    kind = routing["Type"]
    for name in SIZE_MEMBERS.values():
        if name in routing and name != SIZE_MEMBERS.get(kind):
            raise config_error(f"{name} cannot be used with traffic routing of Type {kind}")
    if kind not in SIZE_MEMBERS:
        return None
    if SIZE_MEMBERS[kind] not in routing:
        raise config_error(f"traffic routing of Type {kind} requires {SIZE_MEMBERS[kind]}")
    size: Record = routing[SIZE_MEMBERS[kind]]
    if size["Type"] == "CAPACITY_PERCENT" and not 100 * MIN_SHARES[kind] <= size["Value"] <= 100 * MAX_SHARE:
        minimum = max(1, int(100 * MIN_SHARES[kind]))
        raise config_error(f"{SIZE_MEMBERS[kind]} must be {minimum} to {int(100 * MAX_SHARE)} percent of the capacity")
    return size


def config_error(reason: str) -> ServiceError:
    return ValidationException(f"DeploymentConfig: {reason}")
