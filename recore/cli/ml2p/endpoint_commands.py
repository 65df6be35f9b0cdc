"""`recore ml2p endpoint`."""

import click

from recore.cli.ml2p.group import open_project, show, tell_status


@click.group()
def endpoint() -> None:
    """Serve models by endpoints.

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
    from recore.ml2p import endpoints

    show(endpoints.list_endpoints(open_project()))


@endpoint.command()
@click.argument("name")
@click.option("-m", "--model-name", help="The model.  [default: NAME without -live, -analysis or -test]")
def create(name: str, model_name: str | None) -> None:
    """Create an endpoint for a model.

    On AWS an endpoint costs money until it is deleted.

    \b
    Example:
      python -m recore ml2p endpoint create houses-1-0-0-live
    """
    from recore.ml2p import endpoints

    show(endpoints.create(open_project(), name, model_name))


@endpoint.command()
@click.argument("name")
def describe(name: str) -> None:
    """Describe an endpoint."""
    from recore.ml2p import endpoints

    show(endpoints.describe(open_project(), name))


@endpoint.command()
@click.argument("name")
def wait(name: str) -> None:
    """Wait until an endpoint is in service."""
    from recore.ml2p import endpoints

    endpoints.wait_until_in_service(open_project(), name, tell_status)


@endpoint.command()
@click.argument("name")
def delete(name: str) -> None:
    """Delete an endpoint and its configuration."""
    from recore.ml2p import endpoints

    endpoints.delete(open_project(), name)


@endpoint.command()
@click.argument("name")
@click.argument("data")
def invoke(name: str, data: str) -> None:
    """Send data to an endpoint.

    DATA is JSON: one datum, or {"instances": [...]} for several.

    \b
    Example:
      python -m recore ml2p endpoint invoke houses-1-0-0-live '{"area": 75}'
    """
    from recore.ml2p import endpoints

    show(endpoints.invoke(open_project(), name, data))
