"""Fixtures for users' tests: a simulator, its clients, and the environment that directs boto3 to it.

pytest imports this module at every start, because the module is an entry point. It therefore imports little.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from stagemaker import Simulator


@pytest.fixture(scope="session")
def stagemaker_simulator() -> "Iterator[Simulator]":
    """Return the session's simulator, whose jobs, objects and records are kept between tests."""
    from stagemaker import Simulator

    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def stagemaker(stagemaker_simulator: "Simulator", monkeypatch: pytest.MonkeyPatch) -> "Iterator[Simulator]":
    """Return an empty simulator that boto3 and the SageMaker SDK use, in this test and in processes that it starts."""
    import boto3
    from botocore.session import Session

    from stagemaker import BUCKET
    from stagemaker.clients.sitecustomize import redirect

    stagemaker_simulator.reset()
    stagemaker_simulator.client("s3").create_bucket(Bucket=BUCKET)
    with pytest.MonkeyPatch.context() as patch:  # which the test cannot undo
        for name in stagemaker_simulator.conflicting_variables():
            patch.delenv(name)
        for name, value in stagemaker_simulator.variables().items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # it would keep other credentials
        patch.setattr(Session, "create_client", redirect(Session.create_client))
        yield stagemaker_simulator
        monkeypatch.undo()  # what the test changed meanwhile
    stagemaker_simulator.reset()  # otherwise its jobs would continue


@pytest.fixture
def sagemaker_client(stagemaker: "Simulator") -> Any:
    return stagemaker.client("sagemaker")


@pytest.fixture
def s3_client(stagemaker: "Simulator") -> Any:
    return stagemaker.client("s3")
