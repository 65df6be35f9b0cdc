"""How an endpoint moves to a new deployment: the DeploymentConfig of CreateEndpoint and UpdateEndpoint."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from recore.simulator.api.errors import ServiceError
from recore.simulator.serving.traffic import SHIFTINGS, Step, Traffic
from recore.simulator.state.records import Record


@dataclass(frozen=True)
class BlueGreen:
    """Times in seconds. interval: after each step of the traffic. termination_wait: until the old fleet ends.

    routing: the type of traffic routing. longest: what all of the deployment may take.
    """

    routing: str = "ALL_AT_ONCE"
    interval: float = 0.0
    termination_wait: float = 0.0
    longest: float = math.inf

    def steps(self, before: Traffic | None, after: Traffic) -> Iterator[Step]:
        """How the traffic moves, with the seconds after each step."""
        return SHIFTINGS[self.routing](before, after, self.interval)


def read_deployment_config(config: Record | None) -> BlueGreen:
    """What a DeploymentConfig asks for. Raises ServiceError where it is invalid, or is not simulated."""
    if config is None:
        return BlueGreen()
    if "RollingUpdatePolicy" in config:
        raise _refusal("RollingUpdatePolicy is not simulated")
    if config.get("AutoRollbackConfiguration", {}).get("Alarms"):
        raise _refusal("AutoRollbackConfiguration is not simulated")
    if "BlueGreenUpdatePolicy" not in config:
        return BlueGreen()
    policy = config["BlueGreenUpdatePolicy"]
    routing = policy["TrafficRoutingConfiguration"]
    if routing["Type"] not in SHIFTINGS:
        raise _refusal(f"traffic routing of Type {routing['Type']} is not simulated")
    for member in ("CanarySize", "LinearStepSize"):
        if member in routing:
            raise _refusal(f"{member} cannot be used with traffic routing of Type {routing['Type']}")
    interval, wait = routing["WaitIntervalInSeconds"], policy.get("TerminationWaitInSeconds", 0)
    longest = policy.get("MaximumExecutionTimeoutInSeconds", math.inf)
    if interval + wait >= longest:
        raise _refusal("MaximumExecutionTimeoutInSeconds must be greater than the sum of the other times")
    return BlueGreen(routing["Type"], interval, wait, longest)


def _refusal(reason: str) -> ServiceError:
    return ServiceError("ValidationException", f"DeploymentConfig: {reason}")
