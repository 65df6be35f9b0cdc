"""Recompute the held-out scores of judged submissions, as in RC703, but with all rows."""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

import numpy as np

from recore.backends import Backend
from recore.challenge import challenge
from recore.check.experiments import Experiments
from recore.check.failures import ExperimentError
from recore.check.held_out_file import HeldOut, score
from recore.check.public_data import PublicData
from recore.evaluation import Entry, Round, Step, SubmissionFiles, WheelHouse, read_record, write_recomputed_held_out
from recore.text import plain
from stagemaker import locked


def recompute_held_out(
    backend: Backend,
    entries: Sequence[Entry],
    this_round: Round,
    watch: Callable[[Step], None],
    show: Callable[[str], None],
    packages: WheelHouse | None = None,
) -> None:
    """Recompute the held-out scores of a round's entries, and write them to the records of their runs.

    An entry whose submission is not the cause of a failure gets a problem.

    show: called with a line about each entry. packages: see `Round.judge`.
    """
    weights = dict(challenge().weights)
    data = PublicData(this_round.data.public, tuple(weights))
    lines, problems = dict[Path, str](), dict[Path, str]()

    def score_again(files: SubmissionFiles) -> float:
        try:
            wheels = packages.get_wheels(files.files, Event()) if packages else None
        except OSError as error:
            raise ExperimentError(str(error), "", outside=True) from error
        settings = this_round.make_settings(backend, wheels)
        with locked.temporary_folder("recore-judge-") as folder:
            arguments = (backend.services, settings, files, data, weights, Path(folder), watch)
            with Experiments(*arguments, thorough=True) as experiments:
                held_out = experiments.recompute_held_out()
        if held_out is None:
            raise ExperimentError("the data contain fewer than two drill holes", "")
        return score_all(held_out, data, weights)

    for entry in entries:
        assert entry.files is not None and entry.record is not None  # noqa: S101, PT018 - they were judged
        if (folder := entry.record.folder) not in lines:  # copies share a run
            try:
                recomputed = score_again(entry.files)
                write_recomputed_held_out(folder, recomputed, "judge", data.holes)
                lines[folder] = f"recomputed held-out score: {recomputed:.4f}"
            except ExperimentError as failed:
                lines[folder] = f"the held-out score could not be recomputed: {failed}"
                if failed.outside:
                    problems[folder] = "held-out score not recomputed; repeat the command"
        show(f"judge: {entry.path}: {plain(lines[folder])}")
        entry.record = read_record(folder)
        entry.problem = entry.problem or problems.get(folder)


def score_all(held_out: HeldOut, data: PublicData, weights: dict[str, float]) -> float:
    """Return the score for all rows. Raises ExperimentError if a prediction is missing, as fewer rows can raise R2."""
    if held_out.failed:
        raise ExperimentError(held_out.failed[0].reason, "")
    if not np.isfinite(held_out.recomputed[:, data.was_measured]).all():
        raise ExperimentError("some recomputed predictions are not finite numbers", "")
    return score(held_out.recomputed, data.measured, weights, data.targets)
