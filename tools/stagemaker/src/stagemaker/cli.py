"""The command line: `stagemaker start`, `exec`, `doctor`, `setup` and `clean`, and commands for a running simulator."""

import contextlib
import functools
import ipaddress
import json
import os
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stagemaker import interrupts
from stagemaker.client_commands import logs, ls, stop
from stagemaker.machine import require_working_directory
from stagemaker.text import printable
from stagemaker.variables_file import VariablesFile

if TYPE_CHECKING:
    from stagemaker import Simulator

LOOPBACK = ("127.0.0.1", "::1", "localhost")
OTHER_SIGNALS = (signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)  # would end this process, but not exec's command
CONTEXT = {"show_default": True, "help_option_names": ["-h", "--help"]}


def _host_names(_: click.Context, __: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        with contextlib.suppress(ValueError):
            ipaddress.IPv6Address(name)
            continue
        if not re.fullmatch(r"[a-zA-Z0-9_.-]+", name):
            raise click.BadParameter(f"{name!r} must be a host name or an IP address, without a port")
    return names


@click.group(context_settings=CONTEXT)
def main() -> None:
    """Simulate SageMaker locally: jobs, endpoints, pipelines, tuning and a model registry, behind AWS's own API.

    Jobs run with the packages of AWS's images, in environments that are created once per machine.

    \b
    Example:
      stagemaker doctor
      stagemaker start --port 5000
    """


OPTIONS = (
    click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to listen on; 0 chooses a free one."),
    click.option("--host", default=LOOPBACK[0], help="Address to listen on; a non-local one lets others run code."),
    click.option(
        "--allow-host",
        multiple=True,
        metavar="NAME",
        callback=_host_names,
        help="Additional host name to accept in requests; repeatable.",
    ),
    click.option(
        "--engine",
        type=click.Choice(["process", "docker"]),
        default="process",
        help="Run jobs as processes or in Docker.",
    ),
    click.option(
        "--isolation", type=click.Choice(["auto", "required", "off"]), default="auto", help="Whether to sandbox jobs."
    ),
    click.option(
        "--network",
        type=click.Choice(["none", "simulator"]),
        default="none",
        help="Network access of jobs without EnableNetworkIsolation.",
    ),
    click.option(
        "--state", type=click.Path(file_okay=False, path_type=Path), help="Keep objects and records in this folder."
    ),
    click.option("--console/--no-console", default=True, help="Serve the console, a web page that shows jobs."),
    click.option("--console-actions", is_flag=True, help="Enable the console's buttons, such as Stop and Approve."),
    click.option("--allow-reset", is_flag=True, help="Let POST /moto-api/reset delete everything, for test suites."),
)


def simulator_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the simulator options to a command, which receives them as keyword arguments for `Simulator`."""

    @functools.wraps(command)
    def with_settings(network: str, **options: Any) -> None:
        command(jobs_can_call=network == "simulator", **options)

    for option in reversed(OPTIONS):
        with_settings = option(with_settings)
    return with_settings


@main.command()
@simulator_options
@click.option(
    "--variables",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the environment variables to this file, not stdout, once the simulator is ready.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the environment variables as JSON; null means unset.")
def start(variables: Path | None, as_json: bool, **settings: Any) -> None:
    """Simulate SageMaker locally until Ctrl-C.

    Jobs really run, without an AWS account and without Docker. The command prints the environment variables that
    direct boto3, the AWS CLI and the SageMaker SDK to the simulator. Ctrl-C stops the simulator and all its jobs. With
    --state, S3 objects and job records are kept for the next start; without it, nothing is kept.

    On AWS, jobs can call AWS with their role. With --network simulator, they can call this simulator: boto3 in a job
    then accesses all objects in its S3. Omit the option if jobs run code that you do not trust.

    \b
    Example:
      stagemaker start --port 5000
      stagemaker start --state simulated --isolation required
      stagemaker start --variables variables.sh &
    """
    from stagemaker.protocol.account import ROLE_ARN

    # before the slow import of the simulator, so that nobody reads a killed simulator's variables
    with VariablesFile(variables) if variables else nullcontext() as file, _simulator(settings) as simulator:
        unset, values = simulator.conflicting_variables(), simulator.variables()
        lines = [f"unset {name}" for name in unset]
        lines += [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
        output = json.dumps(dict.fromkeys(unset) | values) if as_json else "\n".join(lines)
        if file:
            file.write(f"{output}\n")
        else:
            click.echo(output)
        _print_status(simulator, settings)
        click.echo(
            "stagemaker: press Ctrl-C to stop the simulator. The SageMaker SDK's get_execution_role() and account_id() "
            "call AWS's own STS; the folder on PYTHONPATH redirects these calls to the simulator. Programs without "
            f"PYTHONPATH can pass role='{ROLE_ARN}' instead",
            err=True,
        )
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                interrupts.sleep(3600)
    click.echo("stagemaker: the simulator and its jobs have stopped", err=True)


@main.command(name="exec", context_settings={"allow_interspersed_args": False})
@simulator_options
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(command: tuple[str, ...], **settings: Any) -> None:
    """Run COMMAND with a dedicated simulator, which stops when the command ends.

    In the command, boto3, the AWS CLI and the SageMaker SDK call the simulator. The exit status is the command's.

    \b
    Example:
      stagemaker exec -- python houses.py
      stagemaker exec --state simulated -- bash
    """
    with _simulator(settings) as simulator:
        _print_status(simulator, settings)
        environment = {name: os.environ[name] for name in os.environ.keys() - simulator.conflicting_variables()}
        interrupts.check()
        try:
            process = subprocess.Popen(command, env=environment | simulator.variables(), close_fds=False)
        except (FileNotFoundError, PermissionError) as error:
            click.echo(f"stagemaker: {command[0]}: {error.strerror}", err=True)
            raise SystemExit(127 if isinstance(error, FileNotFoundError) else 126) from None  # as a shell does
        while (status := process.poll()) is None:
            number = interrupts.take(0.05)
            if number and not (number in (signal.SIGINT, signal.SIGQUIT) and _has_terminal()):
                process.send_signal(number)
    raise SystemExit(status if status >= 0 else 128 - status)


def _has_terminal() -> bool:
    """Return whether a terminal's Ctrl-C and Ctrl-\\ reach both this process and the command that it runs."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)  # stdin may be a file
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)


@contextlib.contextmanager
def _simulator(settings: dict[str, Any]) -> Iterator["Simulator"]:
    """Run a simulator. Raises KeyboardInterrupt if a signal arrives before it is ready."""
    from stagemaker import Simulator

    tmpdir, used = os.environ.get("TMPDIR"), tempfile.gettempdir()
    if tmpdir and Path(tmpdir).resolve() != Path(used).resolve():
        click.echo(f"stagemaker: TMPDIR ({tmpdir}) is not writable; using {used} instead", err=True)
    # a shell without job control, as in a script, starts background commands with SIGINT ignored
    signums = (signal.SIGINT, *(each for each in OTHER_SIGNALS if signal.getsignal(each) != signal.SIG_IGN))
    with interrupts.record(*signums), Simulator(**settings) as simulator:
        interrupts.check()
        yield simulator


def _print_status(simulator: "Simulator", settings: dict[str, Any]) -> None:
    isolation = "none (jobs and the installation of their packages run as this user; files are not at /opt/ml)"
    if simulator.isolation_enforced:
        access = "can call this simulator" if settings["jobs_can_call"] else "have no network"
        isolation = f"{simulator.isolation.name} (jobs see only their own files and {access})"
    click.echo(f"stagemaker: {simulator.endpoint}, isolation: {isolation}", err=True)
    if _accelerates_s3():
        click.echo(
            "stagemaker: the AWS configuration file sets use_accelerate_endpoint, with which clients of S3 accept no "
            "other address; remove this line, or set AWS_CONFIG_FILE to another file",
            err=True,
        )
    if settings["host"] not in LOOPBACK:
        limits = "in jobs' sandboxes" if simulator.isolation_enforced else "as this user, without a sandbox"
        click.echo(
            f"stagemaker: anyone who can reach port {simulator.port} at {settings['host']} can read and write all "
            f"objects of the simulator and run code {limits}",
            err=True,
        )
    if simulator.console_address:
        click.echo(f"stagemaker: console: {simulator.console_address}", err=True)


def _accelerates_s3() -> bool:
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    with contextlib.suppress(BotoCoreError):  # an invalid file, which clients report
        s3 = Session().full_config["profiles"].get("default", {}).get("s3")
        return isinstance(s3, dict) and s3.get("use_accelerate_endpoint", "").lower() == "true"
    return False


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
def doctor(as_json: bool) -> None:
    """Check whether this machine meets the requirements of jobs.

    The checks do not use the network. Each reports the effect of a missing component and how to install it here.
    `ok`: present; `note`: missing, but jobs run without it; `fail`: jobs cannot run.

    Exit status: 0 if jobs can run, 1 if they cannot.

    \b
    Example:
      stagemaker doctor
      stagemaker doctor --json
    """
    from stagemaker.doctor import check_up, show_checks

    raise SystemExit(show_checks(check_up(), "stagemaker start", as_json))


@main.command()
@click.argument("images", nargs=-1)
def setup(images: tuple[str, ...]) -> None:
    """Create the environments of IMAGES, so that the first job with each image does not have to wait.

    IMAGES are names as `stagemaker doctor` lists them, images with a tag (scikit-learn:1.2-1), families (scikit-learn,
    xgboost, linear-learner, pytorch), or `all`; by default the newest scikit-learn image. An environment is created
    once for all simulators of this user. None is created if stagemaker's own environment already has the packages.

    Exit status: 0 if all exist, 1 if one could not be created.

    \b
    Example:
      stagemaker setup
      stagemaker setup scikit-learn:1.2-1 xgboost
    """
    from stagemaker.images.catalogue import FAMILIES, find_family, package_sets

    by_name = {packages.name: packages for packages in package_sets()}
    newest_sets = {family.name.lower(): next(iter(family.package_sets.values())) for family in FAMILIES}
    tagged_images = {name.lower(): find_family(name) for name in images if ":" in name}
    known_sets = newest_sets | by_name
    known_sets |= {name: family.package_set(name) for name, family in tagged_images.items() if family}
    if unknown_names := [name for name in images if name.lower() not in (*known_sets, "all")]:
        raise click.UsageError(f"unknown image {unknown_names[0]!r}; choose from {', '.join(sorted(known_sets))}, all")
    selected_sets = [known_sets[name.lower()] for name in images if name != "all"] or [next(iter(newest_sets.values()))]
    if "all" in images:
        selected_sets = list(by_name.values())
    failed = False
    for packages in dict.fromkeys(selected_sets):
        try:
            packages.make(lambda line: click.echo(f"stagemaker: {line}", err=True), interrupts.check)
        except OSError as error:
            failed = True
            click.echo(f"stagemaker: {printable(str(error))}", err=True)
        else:
            click.echo(f"{packages.name}: {'the current environment' if packages.is_installed else packages.folder}")
    raise SystemExit(int(failed))


@main.command()
@click.option("--all", "include_needed", is_flag=True, help="Also remove environments that the next job needs.")
def clean(include_needed: bool) -> None:
    """Remove image environments that are no longer needed.

    These are environments that only other versions of stagemaker need, or whose creation was interrupted. Environments
    that a running simulator uses are kept.

    \b
    Example:
      stagemaker clean
      stagemaker clean --all
    """
    from stagemaker.images.kept_environments import remove_environments

    has_removed = False
    for folder, is_removed in remove_environments(include_needed):
        interrupts.check()
        has_removed = True
        click.echo(f"{folder}: {'removed' if is_removed else 'kept, because it is in use or being created'}")
    if not has_removed:
        click.echo("nothing to remove")


for each in (ls, logs, stop):
    main.add_command(each)


def run() -> int:
    """Run the command line and return its exit status; report an expected error in one line."""
    from stagemaker.installation import pip_command

    try:
        require_working_directory()
        with interrupts.listen("stagemaker"):
            return int(main(standalone_mode=False) or 0)
    except (KeyboardInterrupt, click.Abort):  # click converts the first to the second
        message, status = interrupts.line("stagemaker"), interrupts.STATUS
    except click.exceptions.NoArgsIsHelpError as error:
        message, status = error.format_message(), 2
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "stagemaker"
        message, status = f"stagemaker: {error.format_message().rstrip('.')}; see `{command} --help`", 2
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "stagemaker":
            raise
        command = pip_command(extra="docker") if package == "docker" else pip_command(package)
        message, status = f"stagemaker: the Python package `{package}` is not installed; install it with `{command}`", 2
    except (ValueError, OSError) as error:
        from stagemaker import NoSandboxError

        fix = ", or choose --isolation auto for code that you trust" if isinstance(error, NoSandboxError) else ""
        message, status = f"stagemaker: {error}{fix}", 2
    click.echo(printable(message), err=True)
    return status
