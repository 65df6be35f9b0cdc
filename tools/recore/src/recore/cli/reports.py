"""`recore explore`, `recore validate` and `recore report`, which write HTML reports."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recore.challenge import reword
from recore.cli.common import FILE, FOLDER, FiniteNumber, submission_argument, use_challenge_of
from recore.cli.progress import show_work
from recore.text import plain

if TYPE_CHECKING:
    from recore.report import Page


@click.command()
@click.argument("file", type=FILE)
@click.option("--private", type=FILE, help="Private data to compare with.")
@click.option("--out", type=FILE, default=Path("runs/explore.html"), show_default=True, help="HTML report to write.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def explore(file: Path, private: Path | None, out: Path, as_json: bool) -> None:
    """Check a data file and write an HTML report about it.

    The report covers spectra by hole, components and outliers, near-duplicates, assays and depths with their units,
    correlations, and the distance between private and public spectra. The worst findings are listed first.

    \b
    Example:
      python -m recore explore data/public/public.csv.gz
      python -m recore explore data/public/public.csv.gz \\
        --private data/private/private.csv.gz --out runs/shift.html
    """
    from recore.report import STEPS, check_report_path, explore_file, write_page

    check_report_path(out)
    done = itertools.count()
    with show_work("explore") as advance:
        page = explore_file(file, private, lambda step: advance(step, next(done), STEPS))
        advance("writing", STEPS, STEPS)
        write_page(page, out)
    _show_findings("explore", page, out, as_json)


@click.command()
@submission_argument
@click.option("--public", type=FILE, help="Data with assays.  [default: from data/ in SUBMISSION or here]")
@click.option("--out", type=FILE, default=Path("runs/validate.html"), show_default=True, help="HTML report to write.")
@click.option("--rows", type=click.IntRange(2), default=2500, help="Maximum number of rows, spread over all holes.")
@click.option(
    "--repeats",
    type=click.IntRange(1, 100),
    default=3,
    help="Number of sets of folds: the first as in train.py, the others random, to show how the score varies.",
)
@click.option(
    "--time-limit",
    type=FiniteNumber(0),
    default=3.0,
    help="Minutes for the entire command. The score on the first folds is always computed; "
    "anything else that would exceed this time is skipped and listed in the report.",
)
@click.option(
    "--fit-time-limit",
    type=FiniteNumber(0, min_open=True),
    default=60.0,
    help="Minutes after which an unfinished fit is stopped and the validation fails.",
)
@click.option(
    "--curve",
    metavar="NAME[=VALUES]",
    help="Plot the score against a numeric hyperparameter of fit(), such as n_components or n_components=5,10,20. By "
    "default alpha if fit() has alpha_min and alpha_max, otherwise fit()'s only numeric hyperparameter.",
)
@click.option("--seed", type=click.IntRange(0), default=0, help="Random seed of the folds.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def validate(submission: Path, public: Path | None, out: Path, as_json: bool, **settings: Any) -> None:
    """Cross-validate a submission on held-out drill holes.

    Writes an HTML report, and its numbers to a folder next to the report. SUBMISSION is a folder with preprocess.py and
    train.py, by default the current one. These scripts run without a sandbox, as `python train.py` does: validate only
    code that you trust, and use `recore run` for other code. The first cross-validation uses the folds of the
    template's train.py. Its score is compared with the scores of the submission's runs in `runs`, and replaces them on
    the leaderboard. Other folds hold out individual rows.

    Exit status: 0 the report was written, 1 the submission failed, 2 usage error or invalid input.

    \b
    Example:
      python -m recore validate
      python -m recore validate --curve n_components=5,10,20 --time-limit 10
    """
    from recore.report import check_report_path, validate_submission, write_page
    from recore.validation import SubmissionError, ValidationSettings

    check_report_path(out)
    from recore.evaluation import find_data_files

    public = public or find_data_files(submission).public
    with show_work("validate") as advance:
        try:
            page = validate_submission(submission, public, ValidationSettings(**settings), advance)
        except SubmissionError as error:
            click.echo(f"recore: {plain(str(error), 2000)}", err=True)
            if error.fix:
                click.echo(f"  fix: {plain(error.fix)}", err=True)
            raise SystemExit(1) from None
        write_page(page, out)
    _show_findings("validate", page, out, as_json)


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--public", type=FILE, help="Public data file, if it has moved.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def report(folder: Path, public: Path | None, as_json: bool) -> None:
    """Write the report of a run to report.html in its folder.

    FOLDER is the folder of a run, which may have failed. The report shows scores per target, a comparison with earlier
    runs, predictions and jobs. `recore run` also writes this report; write it again to include later runs.

    \b
    Example:
      python -m recore report runs/first
      python -m recore report runs/first --public moved/public.csv.gz --json
    """
    from recore.report import REPORT_NAME, write_report

    use_challenge_of(folder)
    page = write_report(folder, public)
    _show_findings("report", page, folder / REPORT_NAME, as_json)


def _show_findings(command: str, page: "Page", path: Path, as_json: bool) -> None:
    from recore.report import findings_json

    if as_json:
        click.echo(findings_json(page.findings))
        return
    for finding in page.findings:
        click.echo(f"{finding.level:4}  {plain(reword(finding.text), 2000)}")
    click.echo(f"{command}: {path}; its data are in {path.with_suffix('')}")
