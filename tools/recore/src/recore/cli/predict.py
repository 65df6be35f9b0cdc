"""`recore predict`: predict assays from spectra files."""

from pathlib import Path
from typing import Any

import click

from recore.backends import BackendSettings, choose_isolation, open_embedded
from recore.cli.common import FILE, FOLDER, ISOLATION, show_json, show_line, use_challenge_of
from recore.cli.production.group import reported_errors
from recore.cli.progress import show_work
from recore.cli.spectra_files import reading_options, show_nothing_written, show_remarks, take_reading
from recore.listing import count
from recore.text import plain
from stagemaker import locked


@click.command()
@click.argument("model", type=FOLDER)
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--out", type=FILE, required=True, help="CSV file to write.")
@click.option("--intervals", is_flag=True, help="Add the bounds of each assay's 90% interval.")
@reading_options
@click.option(
    "--column",
    "columns",
    metavar="NAME=COLUMN",
    multiple=True,
    help="Column of a table of spectra to use for an ID, such as SiteID=well; repeatable.",
)
@click.option("--public", type=FILE, help="Public data file of a run, if it has moved.")
@click.option("--isolation", type=ISOLATION, default="auto", help="Sandbox for the model.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def predict(
    model: Path,
    files: tuple[Path, ...],
    out: Path,
    intervals: bool,
    public: Path | None,
    isolation: str,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Predict the assays of your own spectra.

    MODEL is the folder of a handover, or of a run that `recore run` wrote. FILES are as for `recore import`: Bruker
    OPUS files, text files with two columns, tables with one spectrum per line, folders of such files, and patterns.
    Assays are not needed; assays in a table are ignored.

    The output has a row for each sample: name, IDs, domain and assays. The value "outside" in the column domain means
    that the spectrum is unlike the training spectra, so its assays are unreliable. With --intervals, measured assays
    lie between "TARGET low" and "TARGET high" with 90% probability. A sample that cannot be predicted has no assays,
    and stderr shows the reason.

    The model runs locally, in a sandbox if one is available.

    Exit status: 0 success, 1 a sample could not be predicted or the model failed, 2 usage error or invalid input.

    \b
    Example:
      python -m recore predict handover spectra/ --out assays.csv
      python -m recore predict runs/first table.csv --interpolate \\
        --intervals --out assays.csv
    """
    from recore.dataset import SampleOptions, write_samples
    from recore.production.archives import read_model
    from recore.production.batch_predictions import check_new_table
    from recore.production.batch_transform import predict_samples

    use_challenge_of(model)
    samples_options = SampleOptions(files, take_reading(options), **options)
    check_new_table(out, files, force)
    with locked.temporary_folder("recore-predict-") as folder, show_work("predict") as advance:
        advance("reading the model", 0, 0)
        trained_model = read_model(model, public)
        spectra = Path(folder, "spectra.csv.gz")
        result = write_samples(samples_options, trained_model.columns, spectra, advance)
        if not result.rows:
            show_remarks(result)
            show_nothing_written(result)
            raise SystemExit(2)
        settings = BackendSettings("process", choose_isolation(isolation, model))
        advance("starting the model", 0, 0)
        with reported_errors(), open_embedded(settings, show_line) as backend:
            show_line(f"predict: on {backend.endpoint}, isolation: {backend.isolation}")
            predicted = predict_samples(
                backend, trained_model, spectra, out, lambda *status: advance("predicting", 0, 0), intervals=intervals
            )
    bad_samples = {problem.sample for problem in result.problems}
    predicted.problems = [problem for problem in predicted.problems if problem.name not in bad_samples]
    show_remarks(result)
    for note in trained_model.notes:
        show_line(f"note: {note}")
    for line in predicted.format_problems():
        click.echo(plain(f"recore: {line}", 2000), err=True)
    table = predicted.describe()
    problems = [vars(problem) for problem in result.problems]
    problems += [
        {"source": f"row {each.row}", "reason": each.reason, "question": "", "sample": each.name}
        for each in predicted.problems
    ]
    if as_json:
        show_json({"file": str(out), **table, "problems": problems, "remarks": result.remarks})
    else:
        click.echo(f"predict: wrote {count(predicted.rows, 'sample')} to {out}; {predicted.format_domain()}")
    raise SystemExit(int(bool(problems)))
