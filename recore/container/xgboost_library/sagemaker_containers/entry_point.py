"""How AWS's image waits for other instances, which is not simulated. Scripts for one instance import this, too."""

from typing import NoReturn


def _wait_hostname_resolution() -> NoReturn:
    """Raises NotImplementedError. AWS's examples call it by this name."""
    raise NotImplementedError(
        "sagemaker_containers.entry_point._wait_hostname_resolution is not simulated: a job has one instance"
    )
