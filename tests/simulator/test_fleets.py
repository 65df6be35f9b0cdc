"""The instances of a variant, where they cannot be started at all."""

import threading
import time
from pathlib import Path

import pytest
from support.simulator_client import Client

from recore.simulator.isolation.unsandboxed import Unsandboxed
from recore.simulator.jobs.platform import Platform
from recore.simulator.jobs.queue import JobQueue
from recore.simulator.serving.fleet import Fleet, Reply
from recore.simulator.state.records import Store


@pytest.fixture
def fleet(client: Client, tmp_path: Path) -> Fleet:
    """Of a simulator that has ended its jobs."""
    queue = JobQueue(tmp_path)
    queue.close()
    platform = Platform(Store(), queue, client.simulator.client, Unsandboxed(), tmp_path, tmp_path)
    return Fleet(platform, "endpoint", {"VariantName": "one"})


def test_an_invocation_does_not_wait_for_instances_that_cannot_start(fleet: Fleet) -> None:
    replies: list[Reply] = []
    waiting = threading.Thread(target=lambda: replies.append(fleet.invoke(b"", {}, time.monotonic() + 30)))
    waiting.start()
    time.sleep(0.2)
    fleet.scale(1)
    waiting.join(5)
    assert [reply.reason for reply in replies] == ["no instance was ready"]
    fleet.end()
