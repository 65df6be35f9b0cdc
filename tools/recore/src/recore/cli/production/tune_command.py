"""The command that tunes hyperparameters: tune."""

from pathlib import Path

import click

from recore.cli.common import ascii_option
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


@production.command()
@submission_argument
@public_option
@click.option("--range", "ranges", multiple=True, metavar="NAME=RANGE", help="The values of a hyperparameter to try.")
@click.option("--jobs", type=click.IntRange(1, 750), help="Training jobs.  [default: 10]")
@click.option("--parallel", type=click.IntRange(1, 100), help="Training jobs at a time.  [default: 2]")
@click.option("--again", is_flag=True, help="Tune even if a tuning job has done the same.")
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

    A SageMaker tuning job searches the hyperparameters of fit().

    Ranges are in the table [tool.recore.tune.ranges] of the submission's pyproject.toml, jobs and parallel in
    [tool.recore.tune]; options replace them. RANGE is FROM..TO, FROM..TO:log, or values with commas between them. The
    best are those with the highest mean R2 on held-out drill holes. Ctrl-C stops the tuning job.

    \b
    Example:
      python -m recore production tune --jobs 12 \\
        --range alpha_max=1e3..1e6:log --range n_components=100..500
    """
    from recore.evaluation import read_submission
    from recore.production.pipeline import describe_pipeline_costs, make_steps
    from recore.production.ranges import read_plan
    from recore.production.tuning import describe_tuning_costs, find_best, train_best

    files, steps = read_submission(submission), make_steps()
    plan = read_plan(files, ranges, jobs, parallel)
    with open_here() as project:
        public = choose_public(project, submission, public)
        costs = describe_tuning_costs(project, plan)
        with show_work("tune") as advance:
            best = find_best(project, files, public, plan, advance, lambda: show_costs("tune", costs), again)
        remaining = [] if best.changed else describe_pipeline_costs(project)  # what was not announced yet
        with show_steps("tune", list(steps.values()), ascii_only) as watch:
            outcome = train_best(project, files, public, best, steps, watch, lambda: show_costs("tune", remaining))
    show_outcome(outcome, as_json, costs if best.changed else remaining)
