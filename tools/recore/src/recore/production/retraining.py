"""Train a submission on new data, compare the new version with the current one, and replace the current one.

After an interruption, the same command continues from the state on SageMaker.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recore.distribution import PROGRAM
from recore.evaluation import Step, SubmissionFiles
from recore.production.endpoints import Strategy, Variant, describe_endpoint, require_endpoint, update
from recore.production.fit_hyperparameters import (
    Value,
    choose_values,
    format_values,
    read_hyperparameters,
    restore_values,
)
from recore.production.next_command import APPROVED, REJECTED
from recore.production.pipeline import WatchStep, train
from recore.production.project import Outcome, ProductionError, ProductionProject, Watch, WorkFailedError
from recore.production.project_state import approve, suggest_next
from recore.production.versions import Version, find_version, list_versions

TOOLKIT_PREFIXES = ("sagemaker_", "_tuning_")  # prefixes of a job's hyperparameters that are not passed to fit()


@dataclass(frozen=True)
class ChosenValues:
    """The hyperparameters to train with, and lines that state their origin."""

    values: dict[str, Value]
    lines: list[str]


def choose_hyperparameters(project: ProductionProject, files: SubmissionFiles, options: Sequence[str]) -> ChosenValues:
    """Return the current version's hyperparameters that fit() still accepts, updated with options such as alphas=11.

    Raises ProductionError.
    """
    old_version = _find_current(project, None)
    old_values = read_job_values(project, old_version.archives[-1]) if old_version else {}
    if not old_values and not options:
        return ChosenValues({}, [])
    known = read_hyperparameters(files)
    valid_values, chosen_values = restore_values(known, old_values), choose_values(known, options)
    lines = []
    if old_version and (used := {name: value for name, value in valid_values.items() if name not in chosen_values}):
        lines.append(f"hyperparameters of version {old_version.number}: {format_values(used)}")
    if old_version and (lost := [name for name in old_values if name not in valid_values]):
        lines.append(f"hyperparameters of version {old_version.number} that fit() no longer accepts: {', '.join(lost)}")
    return ChosenValues(valid_values | chosen_values, lines)


def check_replaceable(project: ProductionProject) -> None:
    name, variants = project.settings.endpoint_name, require_endpoint(project)["variants"]
    if len(variants) > 1:
        served = ", ".join(f"{variant['name']}={variant['version']}" for variant in variants)
        raise ProductionError(
            f"the endpoint {name} serves {served}, but retrain replaces only a single variant: use `update --variant`"
        )


def retrain(
    project: ProductionProject,
    files: SubmissionFiles,
    public: Path,
    hyperparameters: ChosenValues,
    steps: dict[str, Step],
    watch: WatchStep,
    announce: Callable[[], None],
) -> Outcome:
    """Train a submission as `train` does, and compare its held-out score with the current version's."""
    outcome = train(project, files, public, steps, watch, announce, hyperparameters.values)
    new_version = find_version(project, outcome.details["version"]["number"])
    old_version = _find_current(project, new_version.number)
    old_score = {"number": old_version.number, "score": old_version.score} if old_version else None
    lines = [*hyperparameters.lines, *outcome.lines, *([_compare(new_version, old_version)] if old_version else [])]
    details = {"hyperparameters": hyperparameters.values, "compared_with": old_score, **outcome.details}
    return Outcome(lines, details, suggest_next(project, new_version.number), outcome.changed)


def promote(
    project: ProductionProject, trained: Outcome, tolerance: float, strategy: Strategy | None, watch: Watch
) -> Outcome:
    """Approve the version that `retrain` registered and, if there is a strategy, update the endpoint to this version.

    tolerance: the largest accepted decrease in the score. Raises WorkFailedError if the score is unknown or decreased
    by more, or if the update is rolled back; ProductionError if the version was rejected or no update is possible.
    """
    new = find_version(project, trained.details["version"]["number"])
    if new.approval == REJECTED:
        command = f"{PROGRAM} production approve {new.number}"
        raise ProductionError(f"version {new.number} was rejected: approve it with `{command}`")
    served, old = _list_served(project), _find_current(project, new.number)
    is_alone = [variant["version"] for variant in served] == [new.number]
    if old and not is_alone and (problem := _find_problem(new, old, tolerance)):
        raise WorkFailedError(
            f"version {new.number} is registered but not used, because {problem}; {_compare(new, old)}; to use it "
            f"anyway, run `{PROGRAM} production {_command_to_use(new, bool(served))}`"
        )
    outcomes = [trained, approve(project, new.number)]
    if strategy:
        variant = Variant(served[0]["name"], new.number, served[0]["weight"])
        outcomes.append(update(project, [variant], strategy, watch))
    new = find_version(project, new.number)
    return Outcome(
        [line for outcome in outcomes for line in outcome.lines],
        {**trained.details, "version": new.describe(), "endpoint": describe_endpoint(project)},
        outcomes[-1].next_command if strategy else suggest_next(project, new.number),
        any(outcome.changed for outcome in outcomes),
        outcomes[-1].costs,
    )


def _find_current(project: ProductionProject, excluded: int | None) -> Version | None:
    """Return the served version with the largest weight, else the latest approved one, or None; never `excluded`."""
    versions = {version.number: version for version in list_versions(project) if version.number != excluded}
    variants = [variant for variant in _list_served(project) if variant["version"] in versions]
    if variants:
        return versions[max(variants, key=lambda variant: variant["weight"])["version"]]
    return next((version for version in versions.values() if version.approval == APPROVED), None)


def read_job_values(project: ProductionProject, archive: str) -> dict[str, str]:
    """Return the hyperparameters, as strings, of the training job that wrote an archive, or {} if unknown."""
    match = re.fullmatch(f"{re.escape(project.uri('training'))}/([^/]+)/output/model\\.tar\\.gz", archive)
    job = project.find("DescribeTrainingJob", TrainingJobName=match[1]) if match else None
    values: dict[str, str] = job.get("HyperParameters", {}) if job else {}
    return {name: value for name, value in values.items() if not name.startswith(TOOLKIT_PREFIXES)}


def _list_served(project: ProductionProject) -> list[dict[str, Any]]:
    endpoint = describe_endpoint(project)
    return endpoint["variants"] if endpoint else []


def _command_to_use(version: Version, has_endpoint: bool) -> str:
    if version.approval != APPROVED:
        return f"approve {version.number}"
    return f"update {version.number}" if has_endpoint else f"deploy --variant A={version.number}"


def _find_problem(new_version: Version, old_version: Version, tolerance: float) -> str:
    if new_version.score is None or old_version.score is None:
        return "a score is unknown"
    if new_version.score >= old_version.score - tolerance:
        return ""
    return "its score is lower" + (f" by more than {tolerance:g}" if tolerance else "")


def _compare(new_version: Version, old_version: Version) -> str:
    scores = [
        f"{'unknown' if version.score is None else format(version.score, '.4f')} for version {version.number}"
        for version in (new_version, old_version)
    ]
    is_same = new_version.metadata.get("input_data") == old_version.metadata.get("input_data")
    return f"held-out scores: {', '.join(scores)}" + ("" if is_same else " (other data, so only roughly comparable)")
