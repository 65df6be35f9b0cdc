"""`recore validate`."""

from pathlib import Path

import click

from recore.cli.bar import bar
from recore.cli.findings import show_findings

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("submission", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option("--public", type=FILE, default=Path("data/public/public.csv.gz"), help="Data with assays.")
@click.option("--out", type=FILE, default=Path("validate.html"), help="The report.")
@click.option("--rows", type=click.IntRange(2), default=2500, help="Use at most this many, evenly from every hole.")
@click.option(
    "--repeats", type=click.IntRange(1, 100), default=3, help="Repeat the folds, each time with another seed."
)
@click.option(
    "--minutes",
    type=click.FloatRange(0),
    default=2.0,
    help="Processor time, of all processes together, after which optional fits are skipped; the report lists them.",
)
@click.option(
    "--fit-minutes",
    type=click.FloatRange(0, min_open=True),
    default=60.0,
    help="Time on the clock after which a fit that does not end is stopped, and the validation fails.",
)
@click.option("--seed", type=click.IntRange(0), default=0, help="Seed of the first folds; each repeat adds one.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def validate(
    ctx: click.Context,
    submission: Path,
    public: Path,
    out: Path,
    rows: int,
    repeats: int,
    minutes: float,
    fit_minutes: float,
    seed: int,
    as_json: bool,
) -> None:
    """Cross-validate a submission on held-out drill holes.

    Writes an HTML report, and its numbers into a folder beside it. SUBMISSION is a folder with preprocess.py and
    train.py, by default the current one. They run without a sandbox, as `python train.py` does: validate only code
    that you trust, and use `recore run` for any other. Besides whole holes, single rows are held out; the gap between
    the two scores is the leakage.

    --minutes is processor time, so that a busy machine skips no more fits than an idle one. If the submission waits
    instead of computing, optional fits are also skipped after ten times as long on the clock.

    Exit status: 0 the report was written, 1 the submission failed, 2 wrong use or invalid input.

    \b
    Example:
      python -m recore validate
      python -m recore validate --public p.csv.gz --out v.html --minutes 10
    """
    from recore.pipeline.text import plain
    from recore.report.page.page_files import check_place, write_page
    from recore.report.validate.submission_report import validate as validate_submission
    from recore.report.validate.validation import ValidationSettings
    from recore.report.validate.workers import SubmissionError

    check_place(out)
    settings = ValidationSettings(rows, repeats, minutes, fit_minutes, seed)
    with bar() as progress:
        task = progress.add_task("validate", total=None)

        def advance(stage: str, completed: int, total: int) -> None:
            progress.update(task, completed=completed, total=total, description=f"validate: {stage}")

        try:
            page = validate_submission(submission, public, settings, advance)
        except SubmissionError as error:
            click.echo(f"recore: {plain(str(error), 2000)}", err=True)
            if error.hint:
                click.echo(f"  what to do: {plain(error.hint)}", err=True)
            ctx.exit(1)
        write_page(page, out)
    show_findings("validate", page, out, as_json)
