"""A validation carried out: the fits in other processes, the baselines in this one, and what came of them."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from recore.report.reading import Floats, SpectralData, read_data
from recore.report.validate import baselines
from recore.report.validate.plan import Group, Rows, Task, Way, folds_of, plan_of, thinned
from recore.report.validate.scoring import Challenge, r2_by_target
from recore.report.validate.workers import MOST, Workers, cpus

PROBES = 100  # rows at which the slope of the predictions is taken
SHARE = 0.5  # of the time, that the slopes may take
OURS = "this submission"

Advance = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Settings:
    """rows: at most so many are used. repeats: of the folds, with other seeds. minutes: after which no fit is begun."""

    rows: int = 2500
    repeats: int = 3
    minutes: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Study:
    """What came of it.

    data: the rows used, of rows_of_file. actual: (rows, targets). predicted: (rows, targets) of each group that was
    finished, NaN where nothing was predicted. peers: the same of each baseline by way and name, on the first folds.
    sensitivity: (bins, targets), None where there was no time. inputs: (rows, bins). columns: the bins' names. strengths: those that the
    submission tries between, None where it has none. left_out: groups for which there was no time.
    """

    data: SpectralData
    rows_of_file: int
    settings: Settings
    challenge: Challenge
    actual: Floats
    predicted: dict[Group, Floats]
    peers: dict[tuple[Way, str], Floats]
    sensitivity: Floats | None
    inputs: Floats
    columns: tuple[str, ...]
    strengths: tuple[float, ...] | None
    left_out: tuple[Group, ...]

    def groups(self, way: Way, what: str) -> list[Group]:
        """Those that were finished, in order."""
        own = [group for group in self.predicted if (group.way, group.what) == (way, what)]
        return sorted(own, key=lambda group: group.detail)

    @property
    def deviations(self) -> Floats:
        """The standard deviation of each target's assays (targets,); NaN where they are none, or all the same."""
        measured = ~np.isnan(self.actual)
        counts = np.maximum(measured.sum(axis=0), 1)
        centred = np.where(measured, self.actual - np.nansum(self.actual, axis=0) / counts, 0.0)
        varied = [len(np.unique(own[here])) > 1 for own, here in zip(self.actual.T, measured.T, strict=True)]
        return np.where(varied, np.sqrt((centred**2).sum(axis=0) / counts), np.nan)

    @property
    def weightiest(self) -> list[int]:
        """Targets that can be looked at, by weight: those that vary and were predicted."""
        usable = ~np.isnan(self.deviations) & ~np.isnan(self.r2(self.groups(self.ways[0], "nested")[0]))
        return [int(place) for place in np.argsort(-self.challenge.weights, kind="stable") if usable[place]]

    @property
    def ways(self) -> list[Way]:
        """Those that the data allow: holes, where there are two or more, first."""
        ways: tuple[Way, ...] = ("holes", "rows")
        return [way for way in ways if self.groups(way, "nested")]

    def r2(self, group: Group) -> Floats:
        return r2_by_target(self.actual, self.predicted[group])

    def score(self, predicted: Floats) -> float:
        """Of predictions (rows, targets)."""
        return self.challenge.score(r2_by_target(self.actual, predicted))

    def r2_repeats(self, way: Way) -> Floats:
        """(repeats, targets)."""
        return np.array([self.r2(group) for group in self.groups(way, "nested")])


def carry_out(submission: Path, public: Path, settings: Settings, advance: Advance) -> Study:
    """Validate the submission in a folder on a data file. advance(what, done, of): told of work done.

    Raises ValueError or OSError where file and folder cannot be read, SubmissionError where the submission fails.
    """
    began, workers = time.monotonic(), Workers(submission, min(MOST, cpus()))
    with workers.running():
        advance("reading", 0, 1)
        preprocessed = workers.threads.submit(workers.read, public)
        data = read_data(public)
        told = preprocessed.result()
        if told["rows"] != data.rows:
            raise ValueError(f"preprocess.py makes {told['rows']} rows of the {data.rows} of {public}")
        if not (data.hole != "").all():
            raise ValueError(f"{public}: rows without a drill hole, SiteID: none of them could be held out")
        workers.load(told, data.hole)
        kept = thinned(data.hole, settings.rows)
        if len(kept) < 2:
            raise ValueError(f"{public}: one row: there is none to hold out")
        few = _some(data, kept)
        challenge = Challenge(tuple(told["weights"]), np.array(list(told["weights"].values())))
        actual = few.assays.reindex(columns=list(challenge.targets)).to_numpy(float)
        if np.isnan(actual).all():
            raise ValueError(f"{public}: not one assay to validate with")
        plan = plan_of(few.hole, told["strengths"], settings.repeats, settings.seed)
        fits = _Fits(workers, plan, kept, actual.shape, began + 60 * settings.minutes, advance)
        fits.begin(60 * settings.minutes * SHARE)
        inputs = workers.inputs(kept)
        peers = _baselines(few, actual, settings.seed)
        predicted, left_out, sensitivity = fits.results()
    return Study(
        data=few,
        rows_of_file=data.rows,
        settings=settings,
        challenge=challenge,
        actual=actual,
        predicted=predicted,
        peers=peers,
        sensitivity=sensitivity,
        inputs=inputs,
        columns=tuple(told["columns"]),
        strengths=None if told["strengths"] is None else tuple(told["strengths"]),
        left_out=tuple(left_out),
    )


class _Fits:
    """The fits of a plan, in the workers. A fit is begun when a worker is free, and after the deadline none."""

    def __init__(
        self,
        workers: Workers,
        plan: list[list[Task]],
        kept: Rows,
        shape: tuple[int, ...],
        deadline: float,
        advance: Advance,
    ) -> None:
        self.workers, self.kept, self.shape, self.deadline, self.advance = workers, kept, shape, deadline, advance
        self.first, self.later = plan[0], [task for stage in plan[1:] for task in stage]
        self.futures: list[tuple[Task, Future[Floats | None]]] = []
        self.slopes: Future[Floats | None] | None = None
        self.done = 0

    def begin(self, seconds: float) -> None:
        submit = self.workers.threads.submit
        self.futures = [(task, submit(self._fit, number, task, False)) for number, task in enumerate(self.first)]
        probes = self.kept[np.linspace(0, len(self.kept) - 1, min(PROBES, len(self.kept))).astype(int)]
        self.slopes = submit(self.workers.sensitivity, self.kept, probes, seconds)
        self.futures += [
            (task, submit(self._fit, number, task, True)) for number, task in enumerate(self.later, len(self.first))
        ]

    def _fit(self, number: int, task: Task, optional: bool) -> Floats | None:
        if optional and time.monotonic() > self.deadline:
            return None
        made = self.workers.fit(f"fit-{number}", self.kept[task.training], self.kept[task.held], task.alpha)
        self.done += 1
        self.advance("fitting", self.done, len(self.first) + len(self.later))
        return made

    def results(self) -> tuple[dict[Group, Floats], list[Group], Floats | None]:
        """Predictions (rows, targets) of finished groups, those that were not, and the slopes."""
        found: dict[Group, Floats] = defaultdict(lambda: np.full(self.shape, np.nan))
        left_out: dict[Group, None] = {}
        for task, future in self.futures:
            made = future.result()
            if made is None:
                left_out[task.group] = None
            else:
                found[task.group][task.held] = made
        assert self.slopes  # noqa: S101 - begun before
        return (
            {group: made for group, made in found.items() if group not in left_out},
            list(left_out),
            self.slopes.result(),
        )


def _baselines(data: SpectralData, actual: Floats, seed: int) -> dict[tuple[Way, str], Floats]:
    """Each baseline's predictions (rows, targets) on the first folds of each way; but for the mean none with gaps in spectra."""
    both = baselines.treated(data.spectra)
    names: Sequence[str] = list(baselines.BASELINES) if np.isfinite(data.spectra).all() else ["mean"]
    ways: tuple[Way, ...] = ("holes", "rows")
    found = {}
    for way in ways:
        for name in names:
            made = np.full(actual.shape, np.nan)
            folds = folds_of(data.hole, way, seed)
            for training, held in folds:
                made[held] = baselines.predict(name, both, actual, data.hole, (way, training, held))
            if folds:
                found[way, name] = made
    return found


def _some(data: SpectralData, rows: Rows) -> SpectralData:
    """Some of the rows."""
    parts: dict[str, Any] = {
        name: getattr(data, name)[rows] for name in ("index", "hole", "depth_from", "depth_to", "spectra")
    }
    return replace(data, **parts, assays=data.assays.iloc[rows].reset_index(drop=True))
