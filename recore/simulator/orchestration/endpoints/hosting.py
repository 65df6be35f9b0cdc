"""What the endpoints of a simulator serve at this moment: fleets of instances, and the traffic among them."""

import math
import time

from recore.simulator.compute.endpoints.fleet import Fleet
from recore.simulator.compute.endpoints.traffic import Share, Traffic
from recore.simulator.compute.failure import JobFailed
from recore.simulator.compute.platform import Platform
from recore.simulator.orchestration.endpoints.deployment import Stage
from recore.simulator.orchestration.runner import Work
from recore.simulator.state.records import Record

PERIOD = 0.05  # seconds between looks at whether fleets are ready


class Hosting:
    """The traffic of the endpoints that serve, and the stages of their deployments in progress, by endpoint name.

    to_restore: endpoints of an earlier simulator whose fleets have not been started yet. Their invocations wait.
    """

    def __init__(self, platform: Platform):
        self._platform = platform
        self.traffic: dict[str, Traffic] = {}
        self.stages: dict[str, Stage] = {}
        self.to_restore: set[str] = set()

    def make_traffic(self, name: str, deployment: Record) -> Traffic:
        """The traffic of a deployment, among fleets without instances."""
        capture = deployment["DataCaptureConfig"]
        return Traffic(
            [
                Share(Fleet(self._platform, name, variant, capture), variant["Weight"])
                for variant in deployment["Variants"]
            ]
        )


def start_fleets(work: Work, traffic: Traffic, deployment: Record, latest: float = math.inf) -> None:
    """Start all fleets of a deployment and wait until they are ready. Raises JobFailed and JobStopped."""
    scale_fleets(traffic.fleets, deployment["Variants"])
    put_in_service(work, list(traffic.fleets.values()), latest)


def put_in_service(work: Work, fleets: list[Fleet], latest: float = math.inf) -> None:
    """Wait until the new instances of all fleets are ready at the same moment, and let them have traffic.

    An instance whose servers have ended by then has failed, even if they were ready before. latest: by the monotonic
    clock. Raises JobFailed and JobStopped.
    """
    while waiting := [fleet.variant for fleet in fleets if not fleet.is_ready()]:
        if time.monotonic() > latest:
            raise JobFailed(f"Production variant {waiting[0]} was not ready within MaximumExecutionTimeoutInSeconds")
        work.wait(PERIOD)
    for fleet in fleets:
        fleet.put_in_service()


def scale_fleets(fleets: dict[str, Fleet], variants: list[Record]) -> None:
    """Give fleets, by the names of their variants, the numbers of instances that a deployment's variants have."""
    for variant in variants:
        fleets[variant["VariantName"]].scale(variant["Count"])


def end_fleets(traffic: Traffic) -> None:
    """End all fleets when they have answered the invocations in progress."""
    for share in traffic.shares:
        share.fleet.end()
