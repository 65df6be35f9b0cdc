"""Training on several instances, which is not simulated. Scripts for one instance also import this module."""

from typing import Any, NoReturn

REASON = "is not simulated: a job has one instance"


def wait_hostname_resolution(sm_hosts: list[str]) -> NoReturn:
    """Raise NotImplementedError."""
    raise NotImplementedError(f"sagemaker_xgboost_container.distributed.wait_hostname_resolution {REASON}")


def rabit_run(*args: Any, **kwargs: Any) -> NoReturn:
    """Raise NotImplementedError."""
    raise NotImplementedError(f"sagemaker_xgboost_container.distributed.rabit_run {REASON}")
