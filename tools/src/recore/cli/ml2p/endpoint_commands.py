"""`recore ml2p endpoint`."""

import click

from recore.cli.common import show_line
from recore.cli.ml2p.group import named, open_project, show
from recore.ml2p import endpoints, list_resources, wait


@click.group()
def endpoint() -> None:
    """Serve models from endpoints.

    An endpoint has the name of its model, followed by -live, -analysis, -test or nothing.

    \b
    Example:
      python -m recore ml2p endpoint create houses-1-0-0-live
      python -m recore ml2p endpoint wait houses-1-0-0-live
      python -m recore ml2p endpoint invoke houses-1-0-0-live '{"area": 75}'
    """


@endpoint.command("list")
def list_command() -> None:
    """List the project's endpoints."""
    show(list_resources(open_project(), endpoints.ENDPOINT))


@named(endpoint)
@click.option("-m", "--model-name", help="The model.  [default: NAME without -live, -analysis or -test]")
def create(name: str, model_name: str | None) -> None:
    """Create an endpoint for a model.

    On AWS an endpoint costs money until it is deleted.

    \b
    Example:
      python -m recore ml2p endpoint create houses-1-0-0-live
    """
    show(endpoints.create(open_project(), name, model_name))


@named(endpoint)
def describe(name: str) -> None:
    """Describe an endpoint."""
    show(endpoints.describe(open_project(), name))


@named(endpoint, "wait")
def wait_command(name: str) -> None:
    """Wait until an endpoint is in service."""
    wait(open_project(), endpoints.ENDPOINT, name, show_line)


@named(endpoint)
def delete(name: str) -> None:
    """Delete an endpoint and its configuration."""
    endpoints.delete(open_project(), name)


@named(endpoint)
@click.argument("data")
def invoke(name: str, data: str) -> None:
    """Send data to an endpoint.

    DATA is JSON: one datum, or {"instances": [...]} for several.

    \b
    Example:
      python -m recore ml2p endpoint invoke houses-1-0-0-live '{"area": 75}'
    """
    show(endpoints.invoke(open_project(), name, data))
