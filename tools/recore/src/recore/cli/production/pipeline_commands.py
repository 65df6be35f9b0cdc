"""The commands for the pipeline and for predictions in batch: train, predict."""

from pathlib import Path

import click

from recore.cli.common import FILE, ascii_option
from recore.cli.production.group import (
    as_json,
    choose_public,
    open_here,
    production,
    public_option,
    show_costs,
    show_outcome,
    submission_argument,
)
from recore.cli.progress import show_steps, show_work
from recore.text import plain

set_option = click.option(
    "--set", "hyperparameters", multiple=True, metavar="NAME=VALUE", help="A hyperparameter of the submission's fit()."
)


@production.command()
@submission_argument
@public_option
@set_option
@click.option("--again", is_flag=True, help="Run it even if the latest execution had the same data and settings.")
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

    SUBMISSION is a folder with setup.py, by default the current one, or its src.tar.gz. The SageMaker Pipeline makes
    the archive of the features, trains, scores held-out drill holes, and registers the version unless the score is
    below MINIMUM_SCORE. What an earlier execution computed from the same files is reused. Ctrl-C stops it.

    \b
    Example:
      python -m recore production train
      python -m recore production train ../theirs --public p.csv.gz
      python -m recore production train --set alphas=11 --set n_components=200
    """
    from recore.evaluation import read_submission
    from recore.production.hyperparameters import choose_values, read_hyperparameters
    from recore.production.pipeline import describe_pipeline_costs, make_steps
    from recore.production.pipeline import train as train_submission

    files, steps = read_submission(submission), make_steps()
    values = choose_values(read_hyperparameters(files), hyperparameters) if hyperparameters else {}
    with open_here() as project:
        public = choose_public(project, submission, public)
        costs = describe_pipeline_costs(project)
        with show_steps("train", list(steps.values()), ascii_only) as watch:
            outcome = train_submission(
                project,
                files,
                public,
                steps,
                watch,
                hyperparameters=values,
                announce=lambda: show_costs("train", costs),
                again=again,
            )
    show_outcome(outcome, as_json, costs)


@production.command()
@click.argument("file", type=FILE)
@click.option("--out", type=FILE, default=Path("predictions.csv"), help="The predictions.")
@click.option("--version", type=click.IntRange(1), help="The version.  [default: the latest approved one]")
@click.option("--intervals", is_flag=True, help="Add both ends of the 90 % interval of each assay.")
@click.option("--spectra", is_flag=True, help="Keep the channels in the predictions' file, too.")
@as_json
def predict(file: Path, out: Path, version: int | None, as_json: bool, **columns: bool) -> None:
    """Predict the samples of a data file in batch.

    FILE holds raw spectra in the challenge's schema. For each row, in the file's order, the result has its name, its
    IDs, whether it lies inside or outside the domain of the model, and the 49 assays. A row that cannot be predicted
    has none, and stderr says why. Each call runs a job. Ctrl-C stops it.

    Exit status: 0 success, 1 the job failed or a row could not be predicted, 2 wrong use or invalid input.

    \b
    Example:
      python -m recore production predict data/private/private.csv.gz \\
        --out runs/assays.csv
    """
    from recore.production.predicting import describe_batch_costs, predict_file
    from recore.production.written_files import check_target

    check_target(out, file, "the predictions would replace the input")
    with open_here() as project:
        costs = [describe_batch_costs(project)]
        show_costs("predict", costs)
        with show_work("predict") as advance:
            outcome, samples = predict_file(
                project, file, out, version, lambda status: advance(status, 0, 0), **columns
            )
    for line in samples.describe_problems():
        click.echo(plain(f"recore: {file}: {line}", 2000), err=True)
    show_outcome(outcome, as_json, costs)
    if samples.problems:
        raise SystemExit(1)
