"""The embedded simulator. It takes long to import, and is imported when one is made."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from recore import interrupts
from recore.distribution import TEMPLATE
from recore.places.place import IMAGE, SERVICES, OpenPlace, PlaceSettings, Services
from recore.simulator.protocol.account import BUCKET, REGION, ROLE_ARN

if TYPE_CHECKING:
    from recore.simulator.server import Simulator


def make_simulator(
    *, engine: str, isolation: str, port: int = 0, state: Path | None = None, jobs_can_call: bool = False
) -> "Simulator":
    """A simulator, which runs while its context is open. The parameters are those of `Simulator`."""
    from recore.simulator.server import Simulator

    return Simulator(port, isolation, state, engine, jobs_can_call)


@contextmanager
def open_embedded(settings: PlaceSettings, show: Callable[[str], None]) -> Iterator[OpenPlace]:
    """Run a simulator within the context. Docker's default image is built from the template's files.

    show: called with each line about the build.
    """
    image = settings.image
    if settings.engine == "docker" and image is None:
        from recore.simulator.isolation.containers import build, docker_client

        image = json.loads((TEMPLATE / ".unearthed_challenge.json").read_text("utf-8"))["dockerImage"]
        with docker_client() as client:
            build(client, TEMPLATE, image, "equivalent", lambda line: show(f"docker: {line}"))
    simulator = make_simulator(engine=settings.engine, isolation=settings.isolation)  # its import can be interrupted
    with interrupts.deferred_at_both_ends(lambda: simulator):
        isolation = simulator.isolation.name
        if not simulator.isolation_enforced:
            isolation += " (jobs can read this user's files and use the network)"
        services = Services(*(simulator.client(name) for name in SERVICES))
        where = ("the embedded simulator", REGION, isolation)
        yield OpenPlace(services, BUCKET, ROLE_ARN, image or IMAGE, *where, has_ml=simulator.isolation_enforced)
