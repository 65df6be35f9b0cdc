"""The command that trains on new data and puts the result to use: retrain."""

from pathlib import Path
from typing import Any

import click

from recore.cli.common import FILE, FiniteNumber, ascii_option
from recore.cli.production.endpoint_commands import make_strategy, strategy_options
from recore.cli.production.group import (
    as_json,
    choose_public,
    open_here,
    production,
    show_costs,
    show_outcome,
    submission_argument,
)
from recore.cli.production.pipeline_commands import set_option
from recore.cli.progress import show_steps, show_work


@production.command()
@submission_argument
@click.option("--public", type=FILE, required=True, help="The new data, with assays.")
@set_option
@click.option("--approve", "approving", is_flag=True, help="Approve the new version if its score is not lower.")
@click.option("--tolerance", type=FiniteNumber(0), default=0.0, help="By how much the score may be lower.")
@click.option("--update", "updating", is_flag=True, help="Let the endpoint serve it; needs --approve.")
@strategy_options
@ascii_option
@as_json
def retrain(
    submission: Path,
    public: Path,
    hyperparameters: tuple[str, ...],
    approving: bool,
    tolerance: float,
    updating: bool,
    ascii_only: bool,
    as_json: bool,
    **values: Any,
) -> None:
    """Train a submission on new data, in place of the version in use.

    The version in use is the one that the endpoint serves, or else the latest approved one. Its hyperparameters are
    used again, and its held-out score is shown beside the new one. With --approve a new version whose score is not
    lower is approved; otherwise the exit status is 1. With --update the endpoint then serves it. After an interruption
    the same command goes on.

    \b
    Example:
      python -m recore production retrain --public new.csv.gz
      python -m recore production retrain --public new.csv.gz --approve \\
        --tolerance 0.02 --update --strategy canary
    """
    from recore.evaluation import read_submission
    from recore.production.pipeline import describe_pipeline_costs, make_steps
    from recore.production.retraining import check_replaceable, choose_hyperparameters, put_to_use
    from recore.production.retraining import retrain as train_again

    if updating and not approving:
        raise click.UsageError("--update needs --approve: an endpoint serves only approved versions")
    files, steps = read_submission(submission), make_steps()
    with open_here() as project:
        if updating:
            check_replaceable(project)
        choose_public(project, submission, public)
        chosen = choose_hyperparameters(project, files, hyperparameters)
        costs = describe_pipeline_costs(project)
        with show_steps("retrain", list(steps.values()), ascii_only) as watch:
            outcome = train_again(project, files, public, chosen, steps, watch, lambda: show_costs("retrain", costs))
        if approving:
            strategy = make_strategy(values) if updating else None
            with show_work("retrain") as advance:
                outcome = put_to_use(project, outcome, tolerance, strategy, lambda status: advance(status, 0, 0))
    show_outcome(outcome, as_json, costs)
