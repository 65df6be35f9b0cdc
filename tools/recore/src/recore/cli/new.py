"""`recore new`."""

import json
import shlex
from pathlib import Path

import click

from recore.distribution import INSTALLED, PROGRAM
from recore.template import DEFAULT_MODEL, list_models, write_submission


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--model", type=click.Choice(list_models()), default=DEFAULT_MODEL, help="The model to start with.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def new(folder: Path, model: str, as_json: bool) -> None:
    """Write a complete submission into a new FOLDER.

    The folder holds the template's scripts with the chosen model, score.py, the files that the Unearthed CLI reads,
    tests of the platform's contract, a Makefile, a workflow for GitHub, and a README.md that explains all of these.

    Exit status: 0 the submission was written, 2 wrong use or a folder that is not empty.

    \b
    Example:
      python -m recore new ../mine --model pls
      python -m recore run ../mine
    """
    names = write_submission(folder, model)
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "model": model, "files": names}))
        return
    click.echo(f"new: {folder} holds {len(names)} files; edit {folder / 'train.py'}")
    quoted = shlex.quote(str(folder))
    if INSTALLED or PROGRAM == "recore":  # it can be called in any folder
        click.echo(f"next: cd {quoted}; then `{PROGRAM} run`, `{PROGRAM} validate`, `{PROGRAM} check` or `make test`")
        click.echo(f"data: put the challenge's data into {folder / 'data'}, or run `{PROGRAM} sample --out data` there")
    else:
        click.echo(f"next: {PROGRAM} run {quoted}, {PROGRAM} validate {quoted}, make -C {quoted} test")
