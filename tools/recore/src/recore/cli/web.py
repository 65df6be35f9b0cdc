"""`recore web`: serve a web page for an endpoint."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recore.cli.common import FOLDER, show_json, show_line
from recore.cli.production.group import as_json, config_option, engine_option, reported_errors

if TYPE_CHECKING:
    from recore.production.project import ProductionProject

PACKAGES = "starlette", "uvicorn", "mangum"


@click.command()
@click.argument("endpoint", required=False)
@engine_option
@config_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 for a free one.")
@click.option(
    "--name",
    "names",
    multiple=True,
    help="Host name that a proxy forwards; repeatable. Local names and addresses are always accepted.",
)
@click.option(
    "--largest-file", type=click.IntRange(1, 100), default=10, show_default=True, help="Maximum file size in MB."
)
@click.option("--lambda", "folder", type=FOLDER, help="Write an AWS Lambda deployment to this folder and exit.")
@as_json
def web(
    endpoint: str | None,
    engine: str | None,
    config: Path | None,
    host: str,
    port: int,
    names: tuple[str, ...],
    largest_file: int,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Serve a web page that predicts assays from spectra.

    ENDPOINT, by default the setting ENDPOINT_NAME, predicts the assays for OPUS and CSV files dropped on the page. The
    page is served locally until Ctrl-C, without a password: with another --host, anyone who can reach that address can
    use it.

    --lambda writes the same application for AWS Lambda, with a SAM template and a role that can only call ENDPOINT.

    \b
    Example:
      python -m recore web
      python -m recore web core-assays --port 8080
      python -m recore web --lambda deployment
    """
    _require_packages()
    from recore.production.batch_transform import read_served_columns
    from recore.production.project import open_project
    from recore.web import Limits, Predictor, make_runtime, write_deployment

    with reported_errors(), open_project(engine, config) as project:
        if endpoint:
            project = replace(project, settings=replace(project.settings, endpoint_name=endpoint))
        columns = read_served_columns(project)
        if folder:
            write_deployment(folder, project.settings.endpoint_name, columns)
            _show_deployment(folder, as_json)
            return
        from recore.web.server import serve

        runtime = make_runtime(project.services.runtime.meta.config)
        predictor = Predictor(
            runtime, project.settings.endpoint_name, columns, Limits(max_file_size=largest_file << 20)
        )
        serve(predictor, host, port, names, lambda addresses: _announce(project, addresses, as_json))
        show_line("web: stopped")


def _require_packages() -> None:
    from importlib import import_module

    from stagemaker.installation import pip_command

    try:
        for name in PACKAGES:
            import_module(name)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"the page needs {error.name}, which `make run` does not install: run `make setup-web` or "
            f"`{pip_command(extra='web', distributions=['recore'])}`"
        ) from None


def _announce(project: "ProductionProject", addresses: Sequence[str], as_json: bool) -> None:
    name = project.settings.endpoint_name
    if as_json:
        show_json({"endpoint": name, "address": addresses[0], "addresses": addresses})
    else:
        click.echo(f"page of the endpoint {name}: {' or '.join(addresses)}")
        show_line("web: press Ctrl-C to stop")


def _show_deployment(folder: Path, as_json: bool) -> None:
    next_command = f"cd {folder} && sam build && sam deploy --guided"
    if as_json:
        show_json({"folder": str(folder), "next": next_command})
    else:
        click.echo(f"AWS Lambda deployment: {folder}")
        click.echo(f"next: {next_command}")
