"""Run each case against servers for its module's submission: our process and our container, or the server at a URL.

Each folder in submissions/ becomes a server's /opt/ml/model/code, and its environment.txt sets the server's variables.
No submission has been run on AWS's image. To run a submission's cases against a server that already serves it:

    CONFORMANCE_URL=http://127.0.0.1:8080 CONFORMANCE_SUBMISSION=echo python -m pytest tests/conformance
"""

from collections.abc import Iterator

import pytest
from conformance.servers import STARTERS, SUBMISSION, URL, Server

DOCKER = [pytest.mark.machine, pytest.mark.xdist_group("docker")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" not in metafunc.fixturenames:
        return
    kinds = ["url"] if URL else ["process", "docker"]
    parameters = [
        pytest.param((name, kind), id=f"{name}-{kind}", marks=DOCKER if kind == "docker" else [])
        for name in metafunc.module.SUBMISSIONS
        for kind in kinds
    ]
    metafunc.parametrize("server", parameters, indirect=True, scope="module")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """If CONFORMANCE_URL is set, deselect the conformance cases for submissions other than CONFORMANCE_SUBMISSION."""

    def needs_other_submission(item: pytest.Item) -> bool:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        return "/conformance/" in item.path.as_posix() and parameters["server"][0] != SUBMISSION

    if URL:
        config.hook.pytest_deselected(items=[item for item in items if needs_other_submission(item)])
        items[:] = [item for item in items if not needs_other_submission(item)]


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    submission, kind = request.param
    with STARTERS[kind](submission, tmp_path_factory.mktemp(submission)) as running_server:
        yield running_server
