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
@click.option("--rows", type=click.IntRange(2), default=2500, help="Use at most so many, evenly from every hole.")
@click.option("--repeats", type=click.IntRange(1, 100), default=3, help="Of the folds, each with another seed.")
@click.option(
    "--minutes", type=click.FloatRange(0), default=1.0, help="After which no fit is begun that can be spared."
)
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the first folds; others count on.")
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
    seed: int,
    as_json: bool,
) -> None:
    """Cross-validate a submission: what will it score on other holes? Writes an HTML report, and its numbers beside it.

    SUBMISSION is a folder with preprocess.py and train.py, by default this one. They are run as `python train.py` runs
    them, without a sandbox: validate what you trust, and send what you do not through `recore run`. Held out are whole
    holes and, beside that, single rows; the gap between the two is the leak.

    Exit status: 0 the report is written, 1 the submission failed, 2 wrong use or wrong input.

    \b
    Example:
      python -m recore validate
      python -m recore validate --public p.csv.gz --out runs/validate.html --minutes 5
    """
    from recore.pipeline.text import plain
    from recore.report.page.page_files import check_place, write_page
    from recore.report.validate.study import Settings
    from recore.report.validate.submission_report import validate as look
    from recore.report.validate.workers import SubmissionError

    check_place(out)
    with bar() as progress:
        task = progress.add_task("validate", total=None)

        def advance(what: str, done: int, of: int) -> None:
            progress.update(task, completed=done, total=of, description=f"validate: {what}")

        try:
            page = look(submission, public, Settings(rows, repeats, minutes, seed), advance)
        except SubmissionError as error:
            click.echo(f"recore: {plain(str(error), 2000)}", err=True)
            if error.hint:
                click.echo(f"  what to do: {plain(error.hint)}", err=True)
            ctx.exit(1)
        write_page(page, out)
    show_findings("validate", page, out, as_json)
