"""What this machine offers to jobs. Finding out needs only the standard library."""

from recore import interrupts


def sandbox_works() -> bool:
    """Return whether this machine can run a job in a sandbox."""
    from recore.simulator.isolation.bubblewrap import bubblewrap_works

    try:
        with interrupts.deferred():  # the folder of the attempt can be removed only when the sandbox has ended
            return bubblewrap_works()
    except OSError:  # there is no temporary folder, which another check reports
        return False


def has_docker_image(image: str) -> bool:
    """Return whether a Docker engine answers that has an image."""
    try:
        from recore.simulator.isolation.containers import docker_client, image_exists

        with docker_client() as engine:
            return image_exists(engine, image)
    except (ModuleNotFoundError, OSError):
        return False
