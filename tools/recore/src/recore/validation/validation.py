"""Carries out a validation."""

from pathlib import Path

import numpy as np

from recore.spectral_data import read_data
from recore.validation.baselines import cross_validate_baselines
from recore.validation.curve import choose_curve
from recore.validation.fit_queue import Advance, FitQueue, TimeBudget
from recore.validation.plan import make_plan, thin_rows
from recore.validation.result import ValidationResult, ValidationSettings
from recore.validation.workers import Workers


def run_validation(
    submission: Path,
    public: Path,
    settings: ValidationSettings | None = None,
    advance: Advance = lambda text, done, total: None,
) -> ValidationResult:
    """Cross-validate the submission in a folder on a data file, and simple baselines on the same folds.

    Its preprocess.py and train.py run in processes of their own, with this user's rights. advance(text, done, total) is
    called as work progresses. Raises ValueError or OSError if the file or the folder cannot be used, SubmissionError if
    the submission fails.
    """
    from threadpoolctl import threadpool_limits

    settings = settings or ValidationSettings()
    workers = Workers(submission, settings.fit_minutes)
    with threadpool_limits(1, "blas"), workers.running():  # the other processors are for the workers
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
        used = data.take(kept)
        weights: dict[str, float] = description["weights"]
        measured = used.assays.reindex(columns=list(weights)).to_numpy(float)
        if np.isnan(measured).all():
            raise ValueError(f"{public}: no row has an assay; validation compares predictions with assays")
        plan = make_plan(used.hole, curve, settings.repeats, settings.seed)
        fits = FitQueue(workers, plan, kept, budget, advance)
        baselines = cross_validate_baselines(used, measured)
        predictions, skipped, failed = fits.results(measured.shape)
        sensitivity, probes = fits.sensitivity.result()
        return ValidationResult(
            data=used,
            rows_of_file=data.rows,
            settings=settings,
            targets=tuple(weights),
            weights=np.array(list(weights.values())),
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
