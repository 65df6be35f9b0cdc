"""Apply the rules that run a submission, in order of their dependencies, and return their findings."""

import tempfile
from collections.abc import Collection
from pathlib import Path

from recore.backends.backend import Services
from recore.check.experiments import Experiments
from recore.check.public_data import PublicData
from recore.check.rule import Finding, Rule
from recore.check.runner import load_catalogue, run_rules
from recore.check.source import SubmissionSource
from recore.evaluation.job_requests import RunSettings, unique_name
from recore.evaluation.submission import read_submission
from recore_support.schema import CHALLENGE
from stagemaker.server import BUCKET, ROLE_ARN, Simulator


def running_rules() -> dict[str, Rule]:
    """Return the rules that run the submission, by rule code."""
    return {rule.code: rule for rule in load_catalogue() if rule.runs}


def open_experiments(
    simulator: Simulator, submission: Path, public: Path, folder: Path, seconds: int | None = None
) -> Experiments:
    """Return experiments on a submission. seconds: the time limit for each training job, by default the platform's."""
    services, weights = Services(simulator.client), dict(CHALLENGE.weights)
    settings = RunSettings(
        unique_name(), BUCKET, ROLE_ARN, pass_paths=not simulator.isolation_enforced, training_seconds=seconds
    )
    data = PublicData(public, tuple(weights))
    return Experiments(services, settings, read_submission(submission), data, weights, folder)


def check(
    simulator: Simulator, submission: Path, public: Path, codes: Collection[str] = (), seconds: int | None = None
) -> dict[str, list[Finding]]:
    """Return all findings by rule code. codes: the rules to apply, by default all except those that begin with RC8."""
    rules = [rule for code, rule in running_rules().items() if code in codes or not (codes or code.startswith("RC8"))]
    with tempfile.TemporaryDirectory() as folder:
        results = run_rules(
            rules,
            {rule.code for rule in rules},
            SubmissionSource(submission, ()),
            lambda: open_experiments(simulator, submission, public, Path(folder), seconds),
        )
    return {result.rule.code: list(result.findings) for result in results if result.findings}
