"""The embedded simulator. Import this module where it is used: the simulator takes long to import."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from recore import interrupts
from recore.distribution import TEMPLATE
from recore.places.place import IMAGE, SERVICES, OpenPlace, PlaceSettings, Services
from recore.simulator.protocol.account import REGION
from recore.simulator.server import BUCKET, ROLE_ARN, Simulator

__all__ = ["ROLE_ARN", "Simulator", "open_embedded"]


@contextmanager
def open_embedded(settings: PlaceSettings, show: Callable[[str], None]) -> Iterator[OpenPlace]:
    """Run a simulator within the context. Docker's default image is built from the template's files.

    show: called with each line about the build.
    """
    engine, image = settings.engine, settings.image
    if engine == "docker" and image is None:
        from recore.simulator.isolation.containers import build, docker_client

        image = json.loads((TEMPLATE / ".unearthed_challenge.json").read_text("utf-8"))["dockerImage"]
        with docker_client() as client:
            build(client, TEMPLATE, image, "equivalent", lambda line: show(f"docker: {line}"))
    make = partial(Simulator, isolation=settings.isolation, engine=engine)
    with interrupts.deferred_at_both_ends(make) as simulator:
        isolation = simulator.isolation.name
        if not simulator.isolation_enforced:
            isolation += " (jobs can read this user's files and use the network)"
        services = Services(*(simulator.client(name) for name in SERVICES))
        where = ("the embedded simulator", REGION, isolation)
        yield OpenPlace(services, BUCKET, ROLE_ARN, image or IMAGE, *where, has_ml=simulator.isolation_enforced)
