"""A validation: its settings, how it is carried out, and its result."""

import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from recore.report.reading import Floats, SpectralData, read_data
from recore.report.validate.baselines import cross_validate_baselines
from recore.report.validate.curve import Curve, choose_curve
from recore.report.validate.plan import SPLITS, CrossValidation, FoldFit, Rows, Split, make_plan, thin_rows
from recore.report.validate.scoring import Challenge, errors_by_target, r2_by_target
from recore.report.validate.time_budget import TimeBudget
from recore.report.validate.workers import MAX_WORKERS, SubmissionError, Workers, available_processors

PROBES = 100  # rows at which the slope of the predictions is calculated
SENSITIVITY_SHARE = 0.25  # of the time budget, after which the slope is calculated at fewer rows

Advance = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ValidationSettings:
    """How much is calculated.

    rows: use at most this many. repeats: of the folds, each with another seed. minutes: on the clock; optional
    fits that would end later are skipped. fit_minutes: after which a single fit is stopped and the validation fails.
    seed: of the first folds. curve: the hyperparameter to vary, NAME or NAME=1,2,4; None to choose it.
    """

    rows: int = 2500
    repeats: int = 3
    minutes: float = 3.0
    fit_minutes: float = 60.0
    seed: int = 0
    curve: str | None = None


@dataclass(frozen=True)
class ValidationResult:
    """What a validation calculated, for the sections of its report.

    data: the rows used, of all rows_of_file. measured: (rows, targets). predictions: (rows, targets) of each completed
    cross-validation, NaN where nothing was predicted. baselines: the same for each split and baseline, on the first
    folds. inputs: (rows, bins) with the names `columns`. sensitivity: (bins, targets), over so many probe rows. curve:
    the hyperparameter that was varied, if one was, and hyperparameters: the names of all numeric ones. skipped:
    cross-validations that the time budget left out. failed: those in which a fit failed, with its message. seconds: on
    the clock.
    """

    data: SpectralData
    rows_of_file: int
    settings: ValidationSettings
    challenge: Challenge
    measured: Floats
    predictions: dict[CrossValidation, Floats]
    baselines: dict[tuple[Split, str], Floats]
    inputs: Floats
    columns: tuple[str, ...]
    sensitivity: Floats
    probes: int
    curve: Curve | None
    hyperparameters: tuple[str, ...]
    skipped: tuple[CrossValidation, ...]
    failed: dict[CrossValidation, str]
    seconds: float

    def completed(self, split: Split, purpose: str) -> list[CrossValidation]:
        """The completed cross-validations of a kind, by their setting."""
        chosen = [each for each in self.predictions if (each.split, each.purpose) == (split, purpose)]
        return sorted(chosen, key=lambda each: each.setting)

    @cached_property
    def splits(self) -> list[Split]:
        """The splits that the data allow. The first is the one to judge by: drill holes, if there are two or more."""
        return [split for split in SPLITS if self.completed(split, "default")]

    @cached_property
    def deviations(self) -> Floats:
        """The standard deviation of each target's assays (targets,); NaN if there are none, or all are the same."""
        deviations = np.full(self.measured.shape[1], np.nan)
        for column, values in enumerate(self.measured.T):
            values = values[~np.isnan(values)]
            if len(np.unique(values)) > 1:
                deviations[column] = values.std()
        return deviations

    @cached_property
    def ranked_targets(self) -> list[int]:
        """The columns of the targets that vary and were predicted, by descending weight."""
        usable = ~np.isnan(self.deviations) & ~np.isnan(self.r2(self.first(self.splits[0])))
        return [int(column) for column in np.argsort(-self.challenge.weights, kind="stable") if usable[column]]

    def first(self, split: Split) -> Floats:
        """The predictions (rows, targets) with fit()'s defaults on the first folds."""
        return self.predictions[self.completed(split, "default")[0]]

    def r2(self, predicted: Floats) -> Floats:
        """R2 of each target (targets,) for predictions (rows, targets)."""
        return r2_by_target(self.measured, predicted)

    def errors(self, predicted: Floats) -> dict[str, Floats]:
        """RMSE, bias and RPIQ, each (targets,), for predictions (rows, targets)."""
        return errors_by_target(self.measured, predicted)

    def score(self, predicted: Floats) -> float:
        """The challenge's score of predictions (rows, targets)."""
        return self.challenge.score(self.r2(predicted))

    def r2_of_repeats(self, split: Split) -> Floats:
        """R2 with fit()'s defaults on the folds of each seed: (repeats, targets)."""
        return np.array([self.r2(self.predictions[each]) for each in self.completed(split, "default")])

    def scores_of_repeats(self, split: Split) -> list[float]:
        return [self.challenge.score(r2) for r2 in self.r2_of_repeats(split)]


def run_validation(submission: Path, public: Path, settings: ValidationSettings, advance: Advance) -> ValidationResult:
    """Validate the submission in a folder on a data file. advance(text, done, total) is called as work progresses.

    Raises ValueError or OSError if the file or the folder cannot be read, SubmissionError if the submission fails.
    """
    workers = Workers(submission, min(MAX_WORKERS, available_processors()), settings.fit_minutes)
    with workers.running():
        budget = TimeBudget(settings.minutes)
        advance("reading", 0, 1)
        preprocessed = workers.threads.submit(workers.preprocess, public)
        data = read_data(public)
        description = preprocessed.result()
        curve = choose_curve(description["hyperparameters"], settings.curve)
        if description["rows"] != data.rows:
            raise ValueError(f"preprocess.py returned {description['rows']} rows for the {data.rows} rows of {public}")
        if not (data.hole != "").all():
            raise ValueError(f"{public}: rows without a drill hole (SiteID) cannot be held out with their hole")
        workers.load(description, data.hole)
        kept = thin_rows(data.hole, settings.rows)
        if len(kept) < 2:
            raise ValueError(f"{public}: there is only one row, and at least two are needed")
        used = _take_rows(data, kept)
        challenge = Challenge(tuple(description["weights"]), np.array(list(description["weights"].values())))
        measured = used.assays.reindex(columns=list(challenge.targets)).to_numpy(float)
        if np.isnan(measured).all():
            raise ValueError(f"{public}: no row has an assay; validation compares predictions with assays")
        plan = make_plan(used.hole, curve, settings.repeats, settings.seed)
        fits = FitQueue(workers, plan, kept, budget, advance)
        baselines = cross_validate_baselines(used, measured, settings.seed)
        predictions, skipped, failed = fits.results(measured.shape)
        sensitivity, probes = fits.sensitivity.result()
        return ValidationResult(
            data=used,
            rows_of_file=data.rows,
            settings=settings,
            challenge=challenge,
            measured=measured,
            predictions=predictions,
            baselines=baselines,
            inputs=workers.inputs(kept),
            columns=tuple(description["columns"]),
            sensitivity=sensitivity,
            probes=probes,
            curve=curve,
            hyperparameters=tuple(description["hyperparameters"]),
            skipped=tuple(skipped),
            failed=failed,
            seconds=budget.elapsed(),
        )


class FitQueue:
    """The fits of a plan, carried out by the workers. An optional fit does not begin if one that takes as long as
    the slowest of its kind so far would end after the budget.

    rows: the rows of the file that the plan's rows are places in.
    """

    def __init__(
        self, workers: Workers, plan: list[list[FoldFit]], rows: Rows, budget: TimeBudget, advance: Advance
    ) -> None:
        self.workers, self.rows, self.budget, self.advance = workers, rows, budget, advance
        self.total, self.done, self.longest = (
            sum(map(len, plan)),
            0,
            dict.fromkeys(("default", "curve", "learning"), 0.0),
        )
        required, optional = plan[0], [fit for stage in plan[1:] for fit in stage]
        self.futures = [self._submit(number, fit, False) for number, fit in enumerate(required)]
        probes = rows[np.linspace(0, len(rows) - 1, min(PROBES, len(rows))).astype(int)]
        seconds = budget.seconds * SENSITIVITY_SHARE
        self.sensitivity = workers.threads.submit(workers.sensitivity, rows, probes, seconds)
        self.futures += [self._submit(number, fit, True) for number, fit in enumerate(optional, len(required))]

    def _submit(self, number: int, fit: FoldFit, optional: bool) -> tuple[FoldFit, Future[Floats | str | None]]:
        return fit, self.workers.threads.submit(self._predict, number, fit, optional)

    def _predict(self, number: int, fit: FoldFit, optional: bool) -> Floats | str | None:
        """The predictions for the held-out rows, None if the fit was skipped, or why it failed at a value."""
        purpose = fit.cross_validation.purpose
        if optional and not self.budget.allows(self.longest[purpose] or self.longest["default"]):
            return None
        rows, started = (self.rows[fit.training], self.rows[fit.held_out]), time.monotonic()
        predicted: Floats | str
        try:
            predicted = self.workers.fit(f"fit-{number}", *rows, fit.arguments)
        except SubmissionError as error:
            if purpose != "curve":
                raise
            predicted = str(error)
        self.longest[purpose] = max(self.longest[purpose], time.monotonic() - started)
        self.done += 1
        self.advance("fitting", self.done, self.total)
        return predicted

    def results(
        self, shape: tuple[int, ...]
    ) -> tuple[dict[CrossValidation, Floats], list[CrossValidation], dict[CrossValidation, str]]:
        """The predictions of completed cross-validations, of this shape (rows, targets), the skipped, the failed."""
        predictions: dict[CrossValidation, Floats] = defaultdict(lambda: np.full(shape, np.nan))
        skipped: dict[CrossValidation, None] = {}
        failed: dict[CrossValidation, str] = {}
        for fit, future in self.futures:
            predicted = future.result()
            if predicted is None:
                skipped[fit.cross_validation] = None
            elif isinstance(predicted, str):
                failed[fit.cross_validation] = predicted
            else:
                predictions[fit.cross_validation][fit.held_out] = predicted
        unusable = {*skipped, *failed}
        return {each: values for each, values in predictions.items() if each not in unusable}, list(skipped), failed


def _take_rows(data: SpectralData, rows: Rows) -> SpectralData:
    names = ("index", "hole", "depth_from", "depth_to", "spectra")
    arrays: dict[str, Any] = {name: getattr(data, name)[rows] for name in names}
    return replace(data, **arrays, assays=data.assays.iloc[rows].reset_index(drop=True))
