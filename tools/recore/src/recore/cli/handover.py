"""`recore handover`: write the winner's deliverables for the partner to a folder."""

from functools import partial
from pathlib import Path

import click

from recore.backends import BackendSettings, choose_isolation, open_backend
from recore.cli.common import FILE, FOLDER, ISOLATION, show_json, show_line, use_challenge_of
from recore.cli.progress import show_running
from recore.text import plain


@click.command()
@click.argument("run", type=FOLDER)
@click.option("--public", type=FILE, help="Public data file, if it has moved.")
@click.option("--out", type=FOLDER, help="Folder to write.  [default: RUN/handover]")
@click.option(
    "--cut-off",
    "cut_offs",
    metavar="TARGET=VALUE",
    multiple=True,
    help="Evaluate decisions at this cut-off, such as CuPPM=2000; repeatable.  [default: the upper quartile]",
)
@click.option("--engine", type=click.Choice(["process", "docker"]), default="process", help="Where jobs run.")
@click.option("--isolation", type=ISOLATION, default="auto", help="Sandbox for jobs.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures and the files as JSON.")
def handover(
    run: Path,
    public: Path | None,
    out: Path | None,
    cut_offs: tuple[str, ...],
    engine: str,
    isolation: str,
    as_json: bool,
) -> None:
    """Write the winner's deliverables for the partner.

    RUN is the folder of a completed run. The handover contains a model card, the commands that repeat the run, the code
    and the model, exact package versions, hashes, an example request with its response, and open licence questions. As
    in the run, two jobs compute the response, which must match the run's predictions. An earlier handover in the folder
    is replaced.

    Exit status: 0 written, 1 the model failed or its predictions differ from the run's, 2 usage error or invalid input.

    \b
    Example:
      python -m recore handover runs/first
      python -m recore handover runs/first --cut-off CuPPM=2000 --out ../theirs
    """
    from recore.evaluation import StepFailed, predict_with_run
    from recore.handover import NotReproducedError, check_output_folder, parse_cut_offs, read_run, write_handover

    use_challenge_of(run)
    folder = out or run / "handover"
    values = parse_cut_offs(cut_offs)
    check_output_folder(folder)
    completed_run = read_run(run, public)
    settings = BackendSettings(engine, choose_isolation(isolation, run))
    try:
        with open_backend(settings, show_line) as backend, show_running("handover") as watch:
            result = write_handover(completed_run, values, partial(predict_with_run, backend), folder, watch)
    except (StepFailed, NotReproducedError) as error:
        click.echo(f"recore: {run}: {plain(str(error), 2000)}", err=True)
        raise SystemExit(1) from None
    if as_json:
        show_json(result.to_dict() | {"notes": completed_run.trained.notes})
        return
    for note in completed_run.trained.notes:
        show_line(f"handover: {note}")
    click.echo(f"handover: wrote {len(result.files)} files to {folder}; begin with README.md and MODEL_CARD.md")
