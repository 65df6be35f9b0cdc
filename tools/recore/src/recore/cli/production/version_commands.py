"""Commands for versions: register, approve, list, describe."""

from pathlib import Path

import click

from recore.cli.common import FILE, FOLDER, use_challenge_of
from recore.cli.production.group import as_json, open_here, production, show_outcome


@production.command()
@click.argument("model", type=FOLDER)
@click.option("--public", type=FILE, help="Public data file of a run, if it has moved.")
@as_json
def register(model: Path, public: Path | None, as_json: bool) -> None:
    """Register the model of a run or handover as a version.

    MODEL is a run's folder, written by `recore run`, or a handover folder. A handover needs no data file. The model is
    registered unchanged; to train one through the pipeline, use `train`.

    \b
    Example:
      python -m recore production register runs/first
      python -m recore production register handover
    """
    from recore.production.registration import register as register_model

    use_challenge_of(model)
    with open_here() as project:
        show_outcome(register_model(project, model, public), as_json)


@production.command()
@click.argument("version", type=click.IntRange(1))
@click.option("--reject", is_flag=True, help="Reject the version instead.")
@as_json
def approve(version: int, reject: bool, as_json: bool) -> None:
    """Approve a version, so that it can be served.

    \b
    Example:
      python -m recore production approve 1
    """
    from recore.production.project_state import approve as approve_version

    with open_here() as project:
        show_outcome(approve_version(project, version, reject), as_json)


@production.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the versions, the latest first, and the endpoint.

    \b
    Example:
      python -m recore production list
    """
    from recore.production.project_state import list_all

    with open_here() as project:
        show_outcome(list_all(project), as_json)


@production.command()
@click.argument("version", type=click.IntRange(1), required=False)
@as_json
def describe(version: int | None, as_json: bool) -> None:
    """Describe a version or, by default, the endpoint.

    \b
    Example:
      python -m recore production describe 1
      python -m recore production describe
    """
    from recore.production.project_state import describe as describe_version

    with open_here() as project:
        show_outcome(describe_version(project, version), as_json)
