"""`recore simulate`."""

import json
from pathlib import Path

import click


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Loopback port; 0 takes a free one.")
@click.option("--engine", type=click.Choice(["process", "docker"]), default="process", help="What jobs are.")
@click.option("--isolation", type=click.Choice(["auto", "required", "off"]), default="auto", help="Walls around jobs.")
@click.option("--state", type=click.Path(file_okay=False, path_type=Path), help="Folder that outlives the simulator.")
@click.option("--json", "as_json", is_flag=True, help="Print the variables as JSON.")
def simulate(port: int, engine: str, isolation: str, state: Path | None, as_json: bool) -> None:
    """Run SageMaker on this machine, in the foreground: jobs that really run, without Docker and without an account.

    Prints the variables to export, so that boto3, the AWS CLI and the SageMaker SDK come here. Ctrl-C ends it with
    every job. Without --state nothing is left then; with it, S3's objects and the records are there the next time.

    \b
    Example:
      python -m recore simulate --port 5000
      python -m recore simulate --state simulated --isolation required
    """
    import shlex
    import signal
    import threading

    from recore.simulator.server import Simulator

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with Simulator(port, isolation, state, engine) as simulator:
        if as_json:
            click.echo(json.dumps(simulator.variables()))
        else:
            for name, value in simulator.variables().items():
                click.echo(f"export {name}={shlex.quote(value)}")
        walls = "nothing is enforced"
        if simulator.enforced:
            walls = f"{simulator.walls.name}: jobs see only their own files, without network"
        click.echo(f"simulate: {simulator.endpoint}, isolation: {walls}; Ctrl-C ends it", err=True)
        ended.wait()
    click.echo("simulate: ended, with all its jobs", err=True)
