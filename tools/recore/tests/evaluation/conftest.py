import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from recore_support.aws_requests import new_settings
from recore_support.tiny_submission import stub
from support.checkout import ROOT

from recore.backends.backend import Services
from recore.evaluation.data import DataFiles
from recore.evaluation.four_steps import EvaluationRun
from recore.evaluation.submission import read_submission
from stagemaker.server import BUCKET, Simulator


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        logs = simulator.client("logs")
        with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):  # simulators share log groups
            logs.create_log_group(logGroupName="/aws/sagemaker/TrainingJobs")
        yield simulator


@pytest.fixture
def services(simulator: Simulator) -> Services:
    """Return new clients, so that event handlers registered on them affect no other test."""
    return Services(simulator.client)


@pytest.fixture(scope="session")
def data(sample: Path) -> DataFiles:
    return DataFiles(*(sample / f"{name}.csv.gz" for name in ("public/public", "private/private", "private/actual")))


@pytest.fixture
def make_run(services: Services, data: DataFiles, tmp_path: Path) -> Callable[..., EvaluationRun]:
    """Return a function that prepares a run of the tiny submission on a copy of the data."""

    def make(
        bucket: str = BUCKET,
        keep: bool = False,
        names: tuple[str, ...] = tuple(data.files),
        score: Path = ROOT / "score.py",
        **scripts: str,
    ) -> EvaluationRun:
        copies = DataFiles(**{name: Path(shutil.copy(data.files[name], tmp_path)) for name in names})
        (tmp_path / "run").mkdir()
        submission = read_submission(stub(tmp_path / "mine", {f"{name}.py": code for name, code in scripts.items()}))
        return EvaluationRun(services, new_settings(bucket), submission, copies, score, tmp_path / "run", keep)

    return make
