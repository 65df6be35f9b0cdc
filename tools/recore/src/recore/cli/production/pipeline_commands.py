"""Commands for the pipeline and batch predictions: train, predict, tune, retrain."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from recore.cli.common import FILE, FiniteNumber, ascii_option, set_option, submission_argument
from recore.cli.production.endpoint_commands import strategy_options
from recore.cli.production.group import (
    as_json,
    choose_public,
    open_here,
    production,
    public_option,
    show_costs,
    show_outcome,
)
from recore.cli.progress import show_steps, show_work
from recore.text import plain


@production.command()
@submission_argument
@public_option
@set_option
@click.option("--again", is_flag=True, help="Run even if the latest execution had the same data and settings.")
@ascii_option
@as_json
def train(
    submission: Path,
    public: Path | None,
    hyperparameters: tuple[str, ...],
    again: bool,
    ascii_only: bool,
    as_json: bool,
) -> None:
    """Train a submission through a pipeline, and register a version.

    SUBMISSION is a folder with setup.py, by default the current one, or its src.tar.gz. The SageMaker Pipeline extracts
    features, trains, scores held-out drill holes, and registers the version unless its score is below MINIMUM_SCORE.
    Results of an earlier execution with the same files are reused. Ctrl-C stops the pipeline.

    \b
    Example:
      python -m recore production train
      python -m recore production train ../theirs --public p.csv.gz
      python -m recore production train --set alphas=11 --set n_components=200
    """
    from recore.evaluation import read_submission
    from recore.production.fit_hyperparameters import parse_options
    from recore.production.pipeline import format_pipeline_costs, make_steps
    from recore.production.pipeline import train as train_submission

    files, steps = read_submission(submission), make_steps()
    values = parse_options(files, hyperparameters)
    with open_here() as project:
        public = choose_public(project, submission, public)
        costs = format_pipeline_costs(project)
        announce = partial(show_costs, "train", costs)
        with show_steps("train", list(steps.values()), ascii_only) as watch:
            outcome = train_submission(project, files, public, steps, watch, announce, values, again)
    show_outcome(outcome, as_json, costs)


@production.command()
@click.argument("file", type=FILE)
@click.option("--out", type=FILE, default=Path("predictions.csv"), help="CSV file to write.")
@click.option("--version", type=click.IntRange(1), help="Version to use.  [default: the latest approved one]")
@click.option("--intervals", is_flag=True, help="Add the bounds of each assay's 90% interval.")
@click.option("--spectra", is_flag=True, help="Include the channels in the output.")
@as_json
def predict(file: Path, out: Path, version: int | None, intervals: bool, spectra: bool, as_json: bool) -> None:
    """Predict the samples of a data file in a batch job.

    FILE contains raw spectra in the challenge's schema. The output has a row for each row of FILE, in the same order,
    with its name and IDs, whether it lies inside the model's applicability domain, and its assays. A row that cannot be
    predicted has no assays, and stderr shows the reason. Each call starts a new job; Ctrl-C stops it.

    Exit status: 0 success, 1 the job failed or a row could not be predicted, 2 usage error or invalid input.

    \b
    Example:
      python -m recore production predict data/private/private.csv.gz \\
        --out runs/assays.csv
    """
    from recore.production.batch_predictions import check_destination
    from recore.production.batch_transform import format_batch_costs, predict_file

    check_destination(out, file, "the predictions would replace the input")
    with open_here() as project:
        costs = [format_batch_costs(project)]
        show_costs("predict", costs)
        with show_work("predict") as advance:
            outcome, samples = predict_file(project, file, out, version, advance, intervals=intervals, spectra=spectra)
    for line in samples.format_problems():
        click.echo(plain(f"recore: {file}: {line}", 2000), err=True)
    show_outcome(outcome, as_json, costs)
    if samples.problems:
        raise SystemExit(1)


@production.command()
@submission_argument
@public_option
@click.option("--range", "ranges", multiple=True, metavar="NAME=RANGE", help="Values to try for a hyperparameter.")
@click.option("--jobs", type=click.IntRange(1, 750), help="Number of training jobs.  [default: 10]")
@click.option("--parallel", type=click.IntRange(1, 100), help="Number of training jobs to run at a time.  [default: 2]")
@click.option("--again", is_flag=True, help="Tune even if an identical tuning job exists.")
@ascii_option
@as_json
def tune(
    submission: Path,
    public: Path | None,
    ranges: tuple[str, ...],
    jobs: int | None,
    parallel: int | None,
    again: bool,
    ascii_only: bool,
    as_json: bool,
) -> None:
    """Find the best hyperparameters, and train a version with them.

    A SageMaker tuning job searches the hyperparameters of fit() for the highest mean R2 on held-out drill holes.

    Ranges are read from [tool.recore.tune.ranges] in the submission's pyproject.toml, and jobs and parallel from
    [tool.recore.tune]; options override them. RANGE is FROM..TO, FROM..TO:log, or comma-separated values. Ctrl-C stops
    the tuning job.

    \b
    Example:
      python -m recore production tune --jobs 12 \\
        --range alpha_max=1e3..1e6:log --range n_components=100..500
    """
    from recore.evaluation import read_submission
    from recore.production.pipeline import format_pipeline_costs, make_steps
    from recore.production.ranges import read_plan
    from recore.production.tuning import find_best, format_tuning_costs, train_best

    files, steps = read_submission(submission), make_steps()
    plan = read_plan(files, ranges, jobs, parallel)
    with open_here() as project:
        public = choose_public(project, submission, public)
        costs = format_tuning_costs(project, plan)
        with show_work("tune") as advance:
            best = find_best(project, files, public, plan, advance, lambda: show_costs("tune", costs), again)
        remaining = [] if best.changed else format_pipeline_costs(project)  # the costs have not been printed yet
        with show_steps("tune", list(steps.values()), ascii_only) as watch:
            outcome = train_best(project, files, public, best, steps, watch, lambda: show_costs("tune", remaining))
    show_outcome(outcome, as_json, costs if best.changed else remaining)


@production.command()
@submission_argument
@click.option("--public", type=FILE, required=True, help="New data with assays.")
@set_option
@click.option("--approve", is_flag=True, help="Approve the new version if its score is not lower.")
@click.option("--tolerance", type=FiniteNumber(0), default=0.0, help="Permitted decrease in the score.")
@click.option("--update", is_flag=True, help="Update the endpoint to the new version; requires --approve.")
@strategy_options
@ascii_option
@as_json
def retrain(
    submission: Path,
    public: Path,
    hyperparameters: tuple[str, ...],
    approve: bool,
    tolerance: float,
    update: bool,
    ascii_only: bool,
    as_json: bool,
    **strategy: Any,
) -> None:
    """Train a submission on new data, to replace the version in use.

    The version in use is the version that the endpoint serves, otherwise the latest approved version. Its
    hyperparameters are reused, and its held-out score is shown next to the new one. With --approve, the new version is
    approved unless its score is lower by more than --tolerance; if so, the exit status is 1. With --update, the
    endpoint then serves the new version. If the command is interrupted, repeat it to continue.

    \b
    Example:
      python -m recore production retrain --public new.csv.gz
      python -m recore production retrain --public new.csv.gz --approve \\
        --tolerance 0.02 --update --strategy canary
    """
    from recore.evaluation import read_submission
    from recore.production.endpoints import Strategy
    from recore.production.pipeline import format_pipeline_costs, make_steps
    from recore.production.retraining import check_replaceable, choose_hyperparameters, promote
    from recore.production.retraining import retrain as train_again

    if update and not approve:
        raise click.UsageError("--update requires --approve: an endpoint serves only approved versions")
    files, steps = read_submission(submission), make_steps()
    with open_here() as project:
        if update:
            check_replaceable(project)
        choose_public(project, submission, public)
        values = choose_hyperparameters(project, files, hyperparameters)
        costs = format_pipeline_costs(project)
        with show_steps("retrain", list(steps.values()), ascii_only) as watch:
            outcome = train_again(project, files, public, values, steps, watch, lambda: show_costs("retrain", costs))
        if approve:
            with show_work("retrain") as advance:
                outcome = promote(project, outcome, tolerance, Strategy(**strategy) if update else None, advance)
    show_outcome(outcome, as_json, costs)
