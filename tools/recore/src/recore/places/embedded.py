"""The embedded simulator. It takes long to import, and is imported when one is made."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from recore.distribution import TEMPLATE
from recore.places.place import IMAGE, OpenPlace, PlaceSettings, Services, describe_isolation
from stagemaker import BUCKET, REGION, ROLE_ARN, interrupts


@contextmanager
def open_embedded(settings: PlaceSettings, show: Callable[[str], None]) -> Iterator[OpenPlace]:
    """Run a simulator within the context. Docker's default image is built from the template's files.

    show: called with each line about the build. Raises OSError if isolation is required but not possible here.
    """
    image = settings.image
    if settings.engine == "docker" and image is None:
        from stagemaker import build, docker_client

        image = json.loads((TEMPLATE / ".unearthed_challenge.json").read_text("utf-8"))["dockerImage"]
        with docker_client() as client:
            build(client, TEMPLATE, image, "equivalent", lambda line: show(f"docker: {line}"))
    from stagemaker import NoSandboxError, Simulator  # this import can be interrupted

    simulator = Simulator(engine=settings.engine, isolation=settings.isolation)
    try:
        with interrupts.deferred_at_both_ends(lambda: simulator):
            isolation = describe_isolation(simulator.isolation.name, simulator.isolation_enforced)
            services = Services(simulator.client)
            where = ("the embedded simulator", REGION, isolation)
            yield OpenPlace(services, BUCKET, ROLE_ARN, image or IMAGE, *where, has_ml=simulator.isolation_enforced)
    except NoSandboxError as error:
        raise OSError(f"{error}, or choose {settings.without_sandbox}") from error
