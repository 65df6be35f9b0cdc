"""`recore simulate`."""

import json
from pathlib import Path

import click

from recore import interrupts
from recore.cli.common import FOLDER, ISOLATION


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Loopback port; 0 chooses a free one.")
@click.option(
    "--engine", type=click.Choice(["process", "docker"]), default="process", help="Run jobs as processes or in Docker."
)
@click.option("--isolation", type=ISOLATION, default="auto", help="Sandbox around processes.")
@click.option(
    "--network",
    type=click.Choice(["none", "simulator"]),
    default="none",
    help="What jobs without EnableNetworkIsolation can reach.",
)
@click.option("--state", type=FOLDER, help="Keep objects and records in this folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the environment variables as JSON.")
def simulate(port: int, engine: str, isolation: str, network: str, state: Path | None, as_json: bool) -> None:
    """Simulate SageMaker on this machine, until Ctrl-C.

    Jobs really run, without an AWS account and without Docker. The command prints the environment variables that
    direct boto3, the AWS CLI and the SageMaker SDK to the simulator. Ctrl-C stops the simulator and all its jobs. With
    --state, objects on S3 and job records are available at the next start; without it, nothing is kept.

    On AWS, jobs can call AWS with their role. Here they can with --network simulator: boto3 in a job then finds this
    simulator's S3, and everything in it. Leave it out if jobs run code that you do not trust.

    \b
    Example:
      python -m recore simulate --port 5000
      python -m recore simulate --state simulated --isolation required
    """
    import shlex
    import signal
    import threading

    from recore.places import ROLE_ARN, make_simulator

    can_call = network == "simulator"
    stopped = threading.Event()
    # a shell without job control, as in a script, starts what is in the background with SIGINT ignored
    handled = interrupts.handled_by(lambda *_: stopped.set(), ignored=(signal.SIGINT,))
    with (
        handled,
        make_simulator(engine=engine, isolation=isolation, port=port, state=state, jobs_can_call=can_call) as simulator,
    ):
        if stopped.is_set():  # before it was ready
            raise KeyboardInterrupt
        if as_json:
            click.echo(json.dumps(simulator.variables()))
        else:
            for name, value in simulator.variables().items():
                click.echo(f"export {name}={shlex.quote(value)}")
        isolation = "nothing is enforced"
        if simulator.isolation_enforced:
            reached = "and can call this simulator" if can_call else "without network"
            isolation = f"{simulator.isolation.name}: jobs see only their own files, {reached}"
        click.echo(f"simulate: {simulator.endpoint}, isolation: {isolation}; Ctrl-C ends it", err=True)
        click.echo(
            "simulate: get_execution_role() and account_id() of the SageMaker SDK ask STS at AWS's own address; the "
            f"folder on PYTHONPATH sends them here. Programs without that variable can pass role='{ROLE_ARN}' instead",
            err=True,
        )
        while not stopped.wait(1):  # this thread learns of a signal that another one received when it wakes up
            pass
    click.echo("simulate: stopped, with all its jobs", err=True)
