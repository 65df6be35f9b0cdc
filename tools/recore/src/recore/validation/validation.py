"""Run a validation within its time budget."""

import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import numpy as np

from recore.challenge import challenge
from recore.spectral_data import Floats, Rows, read_data
from recore.thread_pool import result_of
from recore.validation.baselines import cross_validate_baselines
from recore.validation.plan import CrossValidation, FoldFit, Purpose, choose_curve, make_plan, thin_rows
from recore.validation.result import ValidationResult, ValidationSettings
from recore.validation.workers import SubmissionError, Workers

PROBES = 100  # rows at which the slope of the predictions is calculated
SENSITIVITY_SHARE = 0.25  # share of the time budget for the slope; fewer rows are used if it would take longer

WRITING_SECONDS = 4.0  # seconds reserved for the page, at most a tenth of the budget

Advance = Callable[[str, int, int], None]


class TimeBudget:
    """The wall-clock time that a validation may take, counted from the creation of this object."""

    def __init__(self, minutes: float) -> None:
        self.seconds = 60 * minutes - min(WRITING_SECONDS, 6 * minutes)
        self._started = time.monotonic()

    def allows(self, seconds: float) -> bool:
        """Return whether work that takes this many seconds would end within the budget if it began now."""
        return self.elapsed() + seconds <= self.seconds

    def elapsed(self) -> float:
        """Return the seconds used so far."""
        return time.monotonic() - self._started


class FitQueue:
    """The fits of a plan, which workers run. rows: for each row of the plan, its row number in the file.

    An optional fit is skipped if it would exceed the budget at the speed of the slowest fit of its kind so far.
    """

    def __init__(
        self, workers: Workers, plan: list[list[FoldFit]], rows: Rows, budget: TimeBudget, advance: Advance
    ) -> None:
        self.workers, self.rows, self.budget, self.advance = workers, rows, budget, advance
        self.total, self.done = sum(map(len, plan)), 0
        self.max_seconds: dict[Purpose, float] = {"default": 0.0, "curve": 0.0, "learning": 0.0}  # of a fit
        required, optional = plan[0], [fit for stage in plan[1:] for fit in stage]
        self.futures = [self._submit(number, fit, False) for number, fit in enumerate(required)]
        probes = rows[np.linspace(0, len(rows) - 1, min(PROBES, len(rows))).astype(int)]
        seconds = budget.seconds * SENSITIVITY_SHARE
        self.sensitivity = workers.threads.submit(workers.sensitivity, rows, probes, seconds)
        self.futures += [self._submit(number, fit, True) for number, fit in enumerate(optional, len(required))]

    def _submit(self, number: int, fit: FoldFit, optional: bool) -> tuple[FoldFit, Future[Floats | str | None]]:
        return fit, self.workers.threads.submit(self._predict, number, fit, optional)

    def _predict(self, number: int, fit: FoldFit, optional: bool) -> Floats | str | None:
        """Return the predictions for the held-out rows, None if skipped, or the reason why a curve's fit failed."""
        purpose = fit.cross_validation.purpose
        if optional and not self.budget.allows(self.max_seconds[purpose] or self.max_seconds["default"]):
            return None
        training, held_out, started = self.rows[fit.training], self.rows[fit.held_out], time.monotonic()
        predicted: Floats | str
        try:
            predicted = self.workers.fit(f"fit-{number}", training, held_out, fit.arguments)
        except SubmissionError as error:
            if purpose != "curve":
                raise
            predicted = str(error)
        self.max_seconds[purpose] = max(self.max_seconds[purpose], time.monotonic() - started)
        self.done += 1
        self.advance("fitting", self.done, self.total)
        return predicted

    def outcomes(self) -> list[tuple[FoldFit, Floats | str | None]]:
        """Wait for and return all outcomes. Raises SubmissionError if a fit failed, unless it was for a curve."""
        return [(fit, result_of(future)) for fit, future in self.futures]


def combine_folds(
    outcomes: list[tuple[FoldFit, Floats | str | None]], shape: tuple[int, ...]
) -> tuple[dict[CrossValidation, Floats], list[CrossValidation], dict[CrossValidation, str]]:
    """Return the predictions of completed cross-validations, the skipped ones, and the reasons why others failed.

    shape: (rows, targets) of the predictions.
    """
    skipped = {fit.cross_validation: None for fit, outcome in outcomes if outcome is None}
    failed = {fit.cross_validation: outcome for fit, outcome in outcomes if isinstance(outcome, str)}
    predictions: dict[CrossValidation, Floats] = defaultdict(lambda: np.full(shape, np.nan))
    for fit, outcome in outcomes:
        if isinstance(outcome, np.ndarray) and fit.cross_validation not in {*skipped, *failed}:
            predictions[fit.cross_validation][fit.held_out] = outcome
    return dict(predictions), list(skipped), failed


def run_validation(
    submission: Path,
    public: Path,
    settings: ValidationSettings | None = None,
    advance: Advance = lambda text, done, total: None,
) -> ValidationResult:
    """Cross-validate the submission in a folder, and simple baselines on the same folds of the data file.

    The submission's scripts run in separate processes, with this user's permissions. advance(step, done, total) is
    called as work progresses. Raises ValueError or OSError if the file or the folder cannot be used, or SubmissionError
    if the submission fails.
    """
    from threadpoolctl import threadpool_limits

    settings = settings or ValidationSettings()
    workers = Workers(submission, settings.fit_time_limit)
    with threadpool_limits(1, "blas"), workers.running():  # the other cores are for the workers
        budget = TimeBudget(settings.time_limit)
        advance("reading", 0, 1)
        preprocessed = workers.threads.submit(workers.preprocess, public)
        data = read_data(public)
        description = result_of(preprocessed)
        curve = choose_curve(description["hyperparameters"], settings.curve)
        if description["rows"] != data.rows:
            raise ValueError(f"preprocess.py returned {description['rows']} rows for the {data.rows} rows of {public}")
        if not (data.hole != "").all():
            group_label = f"{challenge().group_name} ({challenge().group})"
            raise ValueError(f"{public}: some rows have no {group_label}, so they cannot be held out by group")
        workers.load(description, data.hole)
        selected_rows = thin_rows(data.hole, settings.rows)
        if len(selected_rows) < 2:
            raise ValueError(f"{public}: there is only one row; at least two are needed")
        selected = data.take(selected_rows)
        weights = challenge().weights
        measured = selected.assays.reindex(columns=list(weights)).to_numpy(float)
        if np.isnan(measured).all():
            raise ValueError(f"{public}: no row has an assay; validation compares predictions with assays")
        plan = make_plan(selected.hole, curve, settings.repeats, settings.seed)
        fits = FitQueue(workers, plan, selected_rows, budget, advance)
        baselines = cross_validate_baselines(selected, measured)
        predictions, skipped, failed = combine_folds(fits.outcomes(), measured.shape)
        sensitivity, probes = result_of(fits.sensitivity)
        return ValidationResult(
            data=selected,
            rows_of_file=data.rows,
            settings=settings,
            targets=tuple(weights),
            weights=np.array(list(weights.values())),
            measured=measured,
            predictions=predictions,
            baselines=baselines,
            inputs=workers.inputs(selected_rows),
            columns=tuple(description["columns"]),
            sensitivity=sensitivity,
            probes=probes,
            curve=curve,
            hyperparameters=tuple(description["hyperparameters"]),
            skipped=tuple(skipped),
            failed=failed,
            seconds=budget.elapsed(),
        )
