"""The instances of one of an endpoint's variants, which are invoked in turn. If a server dies, the next is tried."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from stagemaker.compute.deadline import Deadline
from stagemaker.compute.endpoints.endpoint_instance import EndpointInstance
from stagemaker.compute.failure import JobFailed
from stagemaker.compute.platform import Platform
from stagemaker.compute.servers.chain import Chain
from stagemaker.compute.servers.response import Disconnected, NoResponse, Response
from stagemaker.state.records import Record

MAX_ATTEMPTS = 2  # if connections break; not more, because the invocation itself may be what ends the servers


class FleetEnded(Exception):
    """The fleet accepts no more invocations."""


@dataclass(frozen=True)
class Reply:
    """The outcome of an invocation. response: whatever its status, or None for the reason. seconds: the model took.

    container: that replied or failed; empty if unknown. instance: invoked last; None if none was.
    """

    response: Response | None = None
    reason: str = ""
    container: str = ""
    instance: EndpointInstance | None = None
    seconds: float = 0.0


class Fleet:
    """The instances of one variant. Thread-safe, but only one thread may call `scale` and `end` at a time."""

    def __init__(self, platform: Platform, endpoint: str, variant: Record, data_capture: Record | None = None):
        self.variant: str = variant["VariantName"]
        self.data_capture = data_capture
        self._platform, self._endpoint, self._variant = platform, endpoint, variant
        self._state_changed = threading.Condition()
        self._instances: list[EndpointInstance] = []
        self._turn = 0
        self._has_ended = False

    def scale(self, count: int) -> None:
        """Start instances, or end surplus ones, failed ones first, once their invocations have ended."""
        with self._state_changed:
            new_instances = [
                EndpointInstance(self._platform, self._endpoint, self._variant, self._state_changed)
                for _ in range(count - len(self._instances))
            ]
            sorted_instances = sorted(self._instances, key=lambda instance: instance.failure is not None)
            self._instances, surplus = [*sorted_instances[:count], *new_instances], sorted_instances[count:]
        for instance in new_instances:
            instance.start()
        self._end(surplus)

    def is_ready(self) -> bool:
        """Return whether the servers of all instances not in service are running. Raises JobFailed if one failed."""
        with self._state_changed:
            self._raise_if_failed()
            new_servers = [instance.server for instance in self._instances if not instance.in_service]
        return all(server is not None and server.failure() is None for server in new_servers)

    def put_in_service(self) -> None:
        """Put all instances in service, so that servers are restarted. Raises JobFailed if one failed."""
        with self._state_changed:
            self._raise_if_failed()
            for instance in self._instances:
                instance.in_service = True

    def invoke(self, body: bytes, headers: Mapping[str, str], deadline: Deadline) -> Reply:
        """Invoke the next ready instance, again once if the connection breaks. Raises FleetEnded."""
        reply = Reply(reason="no instance was ready")
        for _ in range(MAX_ATTEMPTS):
            turn = self._take_turn(deadline)
            if turn is None:
                break
            instance, server = turn
            start_time = time.monotonic()
            try:
                response = server.invoke(body, headers, deadline)
                return Reply(response, "", response.container, instance, time.monotonic() - start_time)
            except NoResponse as error:
                reply = Reply(None, str(error), error.container, instance, time.monotonic() - start_time)
                if not isinstance(error, Disconnected):
                    break
                instance.suspend(server)
            finally:
                with self._state_changed:
                    instance.invocations_in_progress -= 1
                    self._state_changed.notify_all()
        return reply

    def end(self) -> None:
        """Accept no more invocations, and end the instances once those in progress have ended."""
        with self._state_changed:
            self._has_ended = True
            instances, self._instances = self._instances, []
            self._state_changed.notify_all()
        self._end(instances)

    def _take_turn(self, deadline: Deadline) -> tuple[EndpointInstance, Chain] | None:
        with self._state_changed:
            while True:
                if self._has_ended:
                    raise FleetEnded
                for _ in self._instances:
                    self._turn = (self._turn + 1) % len(self._instances)
                    instance = self._instances[self._turn]
                    if instance.server:
                        instance.in_service = True
                        instance.invocations_in_progress += 1
                        return instance, instance.server
                seconds_left = deadline.seconds_left
                have_ended = [instance.has_ended for instance in self._instances]  # empty before `scale`
                if seconds_left <= 0 or (have_ended and all(have_ended)):
                    return None
                self._state_changed.wait(seconds_left)

    def _raise_if_failed(self) -> None:
        for instance in self._instances:
            if instance.failure:
                kind, _, reason = instance.failure.partition(": ")
                problem = "did not pass the ping health check" if kind == "AlgorithmError" else "could not be started"
                prefix = "InternalServerError: " if kind == "InternalServerError" else ""
                raise JobFailed(f"{prefix}Production variant {self.variant} {problem}: {reason}")

    def _end(self, instances: list[EndpointInstance]) -> None:
        for instance in instances:
            with self._state_changed:
                while instance.invocations_in_progress:
                    self._state_changed.wait()
            instance.stop()
        for instance in instances:
            instance.join()
