"""Measures a mutant: the pipeline's results, and the findings of `recore check`."""

import contextlib
import itertools
import os
import runpy
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.mutants.editing import Mutant
from recore.check.catalogue import choose_codes, load_catalogue
from recore.check.experiments import Experiments
from recore.check.predictions import NotPredictions, largest_difference, read_predictions
from recore.check.public_data import PublicData
from recore.check.runner import run_rules
from recore.check.source import SubmissionSource
from recore.evaluation.data import DataFiles
from recore.evaluation.four_steps import EvaluationRun
from recore.evaluation.job_requests import RunSettings
from recore.evaluation.submission import read_submission
from recore.places.place import Services
from stagemaker.server import BUCKET, ROLE_ARN, Simulator

ROOT = Path(__file__).parents[4]
SOUND = ROOT / "tools/recore/tests/submissions/sound"
HOST = runpy.run_path(str(ROOT / "score.py"))
WEIGHTS = dict(zip(HOST["TARGETS"], map(float, HOST["WEIGHTS"]), strict=True))
AT_ONCE = 2 * (os.cpu_count() or 1)  # mutants; most of the time they wait for jobs
numbers = itertools.count()


@dataclass(frozen=True)
class Outcome:
    """The results of the four steps for a submission. failed: the first step that failed, with the reason, or empty.

    scores and predictions: by side, public and private.
    """

    failed: str
    scores: dict[str, float]
    predictions: dict[str, np.ndarray]

    def effect(self, original: "Outcome") -> str:
        """Return how it differs from the original submission's results; "none" if it does not, beyond 1e-9."""
        if self.failed:
            return f"fails: {self.failed}"
        changed = [side for side, score in self.scores.items() if not _close(score, original.scores[side])]
        if changed:
            return ", ".join(f"{side} score {original.scores[side]:.3f} -> {self.scores[side]:.3g}" for side in changed)
        for side, predicted in self.predictions.items():
            expected = original.predictions[side]
            if predicted.shape != expected.shape or largest_difference(expected, predicted):
                return f"{side} predictions change, the score does not"
        return "none"


@dataclass(frozen=True)
class Measured:
    """A mutant, its effect on the pipeline, and the codes of the rules that found something."""

    mutant: Mutant
    effect: str
    codes: tuple[str, ...]


def make_original(folder: Path) -> Path:
    """Write the sound submission to a new folder, without requirements: installing them takes most of a job's time."""
    shutil.copytree(SOUND, folder, ignore=shutil.ignore_patterns("__pycache__", "requirements.txt", "MANIFEST.in"))
    return folder


def make_mutant(mutant: Mutant, folder: Path) -> Path:
    """Write a mutant of the sound submission to a new folder. Raises ValueError if the operator cannot be applied."""
    mutant.change(make_original(folder))
    return folder


def measure_all(mutants: list[Mutant], data: DataFiles, simulator: Simulator) -> Iterator[Measured]:
    """Measure mutants on one simulator, several at once. Yields results as they become ready."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as temporary:
        original = run_pipeline(make_original(Path(temporary, "submission")), data, simulator)
    if original.failed:
        raise RuntimeError(f"the sound submission fails: {original.failed}")

    def measure(mutant: Mutant) -> Measured:
        with tempfile.TemporaryDirectory(prefix="mutant-") as temporary:
            folder = make_mutant(mutant, Path(temporary, "submission"))
            effect = run_pipeline(folder, data, simulator).effect(original)
            return Measured(mutant, effect, find_codes(folder, data.public, simulator))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for future in as_completed([pool.submit(measure, mutant) for mutant in mutants]):
            yield future.result()


def run_pipeline(submission: Path, data: DataFiles, simulator: Simulator) -> Outcome:
    """Run the four steps with public and private data."""
    with tempfile.TemporaryDirectory(prefix="mutant-run-") as temporary:
        folder = Path(temporary)
        for name in ("predictions", "scores", "logs"):
            (folder / name).mkdir()
        try:
            files = read_submission(submission)
        except (ValueError, OSError) as error:
            message = str(error).splitlines()[0].replace(f"{submission}/", "").removeprefix(f"{submission}: ")
            return Outcome(f"upload, {message}", {}, {})
        run = EvaluationRun(_services(simulator), _settings("run"), files, data, ROOT / "score.py", folder)
        run.execute()
        failed = next((step for step in run.steps.values() if step.state == "Failed"), None)
        reason = f"{failed.name}, {(failed.reason or '').splitlines()[0]}" if failed else ""
        scores = {side: score.value for side, score in run.read_scores().items()}
        predictions = {}
        for path in (folder / "predictions").glob("*.csv.out"):
            with contextlib.suppress(NotPredictions):  # the scoring step reports it
                predictions[path.name.partition(".")[0]] = read_predictions(path)
        return Outcome(reason, scores, predictions)


def find_codes(submission: Path, public: Path, simulator: Simulator) -> tuple[str, ...]:
    """Return the codes of the rules of `recore check` that have findings, including warnings."""

    @contextlib.contextmanager
    def open_experiments() -> Iterator[Experiments]:
        with tempfile.TemporaryDirectory(prefix="mutant-check-") as folder:
            data = PublicData(public, tuple(WEIGHTS))
            files = read_submission(submission)
            where = _services(simulator), _settings("check")
            with Experiments(*where, files, data, WEIGHTS, Path(folder)) as experiments:
                yield experiments

    rules = load_catalogue()
    chosen = choose_codes(rules, [], [], False)
    results = run_rules(rules, chosen, SubmissionSource(submission, tuple(WEIGHTS)), open_experiments)
    return tuple(result.rule.code for result in results if result.findings)


def _services(simulator: Simulator) -> Services:
    return Services(simulator.client)


def _settings(kind: str) -> RunSettings:
    return RunSettings(f"{kind}-{next(numbers)}", BUCKET, ROLE_ARN)


def _close(first: float, second: float) -> bool:
    return abs(first - second) <= 1e-9 * max(abs(first), abs(second))
