"""The simulator of this process: the only file that starts it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from recore import interrupts
from recore.distribution import TEMPLATE
from recore.places.place import IMAGE, SERVICES, Place, Services
from recore.simulator.isolation.bubblewrap import bubblewrap_works
from recore.simulator.protocol.account import REGION
from recore.simulator.server import BUCKET, ROLE_ARN, Simulator

__all__ = ["ROLE_ARN", "Simulator", "bubblewrap_works", "image_exists", "open_embedded"]


@contextmanager
def open_embedded(
    engine: str, isolation: str, image: str | None, report: Callable[[str], None] = lambda line: None
) -> Iterator[Place]:
    """A simulator for as long as the context lasts. Docker's default image is built from the template's files.

    report: called with each line that the build prints.
    """
    if engine == "docker" and image is None:
        from recore.simulator.isolation.containers import build, connected

        image = json.loads((TEMPLATE / ".unearthed_challenge.json").read_text("utf-8"))["dockerImage"]
        with connected() as client:
            build(client, TEMPLATE, image, "equivalent", report)
    with interrupts.deferred_at_both_ends(partial(Simulator, isolation=isolation, engine=engine)) as simulator:
        description = simulator.isolation.name
        if not simulator.enforced:
            description += " (jobs can read this user's files and use the network)"
        services = Services(*(simulator.client(name) for name in SERVICES))
        names = (BUCKET, ROLE_ARN, image or IMAGE, "the embedded simulator", REGION, description)
        yield Place(services, *names, has_ml=simulator.enforced)


def image_exists(name: str) -> bool:
    """Whether a Docker engine answers that has an image of this name."""
    try:
        from recore.simulator.isolation.containers import connected, exists

        with connected() as engine:
            return exists(engine, name)
    except (ModuleNotFoundError, OSError):
        return False
