"""What all operations on endpoints use: the traffic in service, the start and end of fleets, changes of the record."""

import math
from functools import partial
from typing import Any

from stagemaker.compute.endpoints.fleet import Fleet
from stagemaker.compute.endpoints.traffic import Share, Traffic
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.platform import Platform
from stagemaker.orchestration.endpoints.deployment import Stage
from stagemaker.orchestration.runner import Work
from stagemaker.state.records import Record, now

KIND = "Endpoint"
POLL_INTERVAL = 0.05  # seconds between two checks whether fleets are ready


class Hosting:
    """The traffic of the endpoints in service, and the stages of their deployments in progress, by endpoint name.

    to_restore: endpoints of an earlier simulator whose fleets have not been started yet. Their invocations wait.
    """

    def __init__(self, platform: Platform):
        self._platform = platform
        self.traffic: dict[str, Traffic] = {}
        self.stages: dict[str, Stage] = {}
        self.to_restore: set[str] = set()

    def make_traffic(self, name: str, deployment: Record) -> Traffic:
        """Return the traffic of a deployment. Its fleets have no instances yet."""
        capture, variants = deployment["DataCaptureConfig"], deployment["Variants"]
        return Traffic([Share(Fleet(self._platform, name, each, capture), each["Weight"]) for each in variants])


def start_fleets(work: Work, fleets: dict[str, Fleet], variants: list[Record], deadline: float = math.inf) -> None:
    """Scale fleets, wait until the new instances of all are ready at the same time, and let them receive traffic.

    An instance whose servers have ended by then has failed, even if they were ready before. deadline: a time on the
    clock of `work`, which waits. Raises JobFailed or JobStopped.
    """
    scale_fleets(fleets, variants)
    while waiting := [fleet.variant for fleet in fleets.values() if not fleet.is_ready()]:
        if work.clock() > deadline:
            message = f"Production variant {waiting[0]} was not ready within MaximumExecutionTimeoutInSeconds"
            raise JobFailed(message)
        work.wait(POLL_INTERVAL)
    for fleet in fleets.values():
        fleet.put_in_service()


def scale_fleets(fleets: dict[str, Fleet], variants: list[Record]) -> None:
    for variant in variants:
        fleets[variant["VariantName"]].scale(variant["Count"])


def end_fleets(traffic: Traffic) -> None:
    for share in traffic.shares:
        share.fleet.end()


def change_record(work: Work, internal: Record | None = None, /, **members: Any) -> None:
    work.persist(partial(work.store.update, KIND, work.key, internal, LastModifiedTime=now(), **members))
