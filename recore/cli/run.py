"""`recore run`: a submission through the four steps."""

import datetime
import json
import re
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from recore.cli.platform import Platform
    from recore.pipeline.data import Data
    from recore.pipeline.requests import Instances, Settings
    from recore.pipeline.run import Run

ROOT = Path(__file__).parents[2]
DATA = {"public": Path("data/public/public.csv.gz"), "private": Path("data/private/private.csv.gz")}
DATA |= {"actual": Path("data/private/actual.csv.gz")}
FILE = click.Path(dir_okay=False, path_type=Path)
INTERRUPTED = 130  # exit status, as a shell has it of a command that SIGINT ended


@click.command()
@click.argument("submission", type=click.Path(path_type=Path), default=Path())
@click.option("--public", type=FILE, help="Data with assays.  [default, without any data: the files in data/]")
@click.option("--private", type=FILE, help="Data without assays.")
@click.option("--actual", type=FILE, help="The assays of the private data; the scoring job alone sees them.")
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder.  [default: runs/ and the time]")
@click.option("--note", default="", show_default=False, help="A line about this run that `recore board` shows.")
@click.option("--engine", type=click.Choice(["process", "docker", "aws"]), default="process", help="Where jobs run.")
@click.option(
    "--isolation",
    type=click.Choice(["auto", "required", "off"]),
    help="Walls around jobs.  [default: required for someone else's submission with --actual, or else auto]",
)
@click.option("--max-payload", type=click.IntRange(1, 100), default=100, help="MB; larger inputs are sent by lines.")
@click.option("--role", help="AWS: the ARN of the jobs' role.")
@click.option("--bucket", help="AWS: the bucket for this run's files.")
@click.option("--image", help="The container's image.  [default: AWS's scikit-learn 1.9-0; for docker, built here]")
@click.option("--training-instances", metavar="TYPE[:COUNT]", default="ml.m5.xlarge", help="Of the training job.")
@click.option("--processing-instances", metavar="TYPE", default="ml.m5.xlarge", help="Of preprocessing and scoring.")
@click.option("--transform-instances", metavar="TYPE[:COUNT]", default="ml.m5.xlarge", help="Of the transform jobs.")
@click.option("--keep", is_flag=True, help="Leave on S3 what the run put there; never the private assays.")
@click.option("--report/--no-report", default=True, help="Leave report.html in the run's folder.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Progress in ASCII.")
@click.option("--json", "as_json", is_flag=True, help="Print the run's record as JSON.")
def run(submission: Path, note: str, as_json: bool, ascii_only: bool, **options: Any) -> None:
    """Send a submission through the four steps: train, then preprocess, predict and score, public and private.

    SUBMISSION is a folder with setup.py, or the src.tar.gz that `unearthed build` leaves; by default this folder. Jobs
    run on the embedded simulator, or where AWS_ENDPOINT_URL leads, or with --engine aws on AWS. The run's folder keeps
    what they leave, also where one failed. Ctrl-C stops them; once more, and they are not waited for.

    Exit status: 0 all steps worked, 1 one failed, 2 wrong use, 130 interrupted.

    \b
    Example:
      python -m recore run
      python -m recore run ../theirs --public p.csv.gz --private q.csv.gz --actual a.csv.gz --out runs/theirs
      python -m recore run --engine aws --role arn:aws:iam::111122223333:role/Jobs --bucket my-bucket
    """
    from rich.console import Console

    from recore.cli.platform import platform_of
    from recore.pipeline.progress import shown
    from recore.pipeline.record import clean_note, make_record, write_record
    from recore.pipeline.requests import Settings
    from recore.pipeline.run import Run
    from recore.pipeline.run_folder import RunFolder
    from recore.pipeline.submission import read_submission

    data, submitted, chosen = _data(options), read_submission(submission), _chosen(options)
    now = datetime.datetime.now(datetime.UTC)
    out = options["out"] or Path("runs", f"{now:%Y-%m-%dT%H-%M-%S}")
    console, interrupted = Console(stderr=True, highlight=False), False
    platform, target = platform_of(options, own=submission.resolve() == ROOT), RunFolder(out)
    with _interruptible(), platform as there, target as folder:
        name = f"recore-{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"
        settings = Settings(name, there.bucket, there.role, there.image, **chosen)
        made = Run(there.services, settings, submitted, data, ROOT / "score.py", folder.path, options["keep"])
        _announce(there, settings, options["engine"], console)
        with shown(list(made.steps.values()), console, ascii_only) as watch:
            try:
                made.execute(watch)
            except KeyboardInterrupt:
                interrupted = True
        arguments = {"submission": submission} | options
        paths = {name: str(value) for name, value in arguments.items() if isinstance(value, Path)}
        about: dict[str, Any] = {"note": clean_note(note), "arguments": arguments | paths, "folder": str(Path.cwd())}
        about |= {"endpoint": there.endpoint, "region": there.region, "isolation": there.isolation}
        kept = make_record(made, about)
        write_record(kept, folder.path)
        made.folder = folder.keep()
        if options["report"]:
            _report(made.folder)
    if as_json:
        click.echo(json.dumps(kept))
    else:
        _show(made)
    _explain(made, installs=options["engine"] != "aws")
    if interrupted:
        running = [step.name for step in made.steps.values() if step.began and step.seconds is None]
        jobs = f"not waited for: {', '.join(running)}" if running else "its jobs are stopped"
        click.echo(f"recore: interrupted, {jobs}; what was done is in {made.folder}", err=True)
    raise SystemExit(INTERRUPTED if interrupted else int(made.state != "Completed"))


def _data(options: dict[str, Any]) -> "Data":
    """The data files that options name, or where they name none, those in data/; looked at."""
    from recore.pipeline.data import Data

    if not any(options[name] for name in DATA):
        options |= {name: path for name, path in DATA.items() if path.exists() or name == "public"}
    if options["public"] is None:
        raise click.UsageError("--public is needed beside --private and --actual")
    data = Data(options["public"], options["private"], options["actual"])
    data.check()
    return data


def _chosen(options: dict[str, Any]) -> dict[str, Any]:
    """What options say of the jobs."""
    jobs = {job: _instances(job, options[f"{job}_instances"]) for job in ("training", "processing", "transform")}
    return jobs | {"max_payload": options["max_payload"]}


def _instances(job: str, said: str) -> "Instances":
    """What an option such as --training-instances ml.m5.xlarge:2 names."""
    from recore.pipeline.requests import Instances

    found = re.fullmatch(r"(ml\.\w+\.\w+)(?::([1-9]\d?))?", said, re.ASCII)
    if not found or (job == "processing" and found[2]):
        example = "ml.m5.xlarge" if job == "processing" else "ml.m5.xlarge or ml.m5.xlarge:2"
        raise click.UsageError(f"--{job}-instances {said}: an instance type is needed, such as {example}")
    return Instances(found[1], int(found[2] or 1))


def _announce(there: "Platform", settings: "Settings", engine: str, console: "Console") -> None:
    """Before anything starts: the walls, and on AWS what it will cost."""
    from recore.pipeline.requests import costs

    console.print(f"run: on {there.endpoint}, isolation: {there.isolation}", soft_wrap=True)
    if engine == "aws":
        console.print(f"aws: region {there.region}, bucket {there.bucket}, role {there.role}", soft_wrap=True)
        for line in costs(settings):
            console.print(f"aws: {line}", soft_wrap=True)


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP interrupt what happens within; where that is not caught there, the program ends.

    But what is ignored, as SIGHUP is after nohup, stays so.
    """
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    heeded = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, signal.default_int_handler) for number in heeded}
    try:
        yield
    except KeyboardInterrupt:
        click.echo("recore: interrupted", err=True)
        raise SystemExit(INTERRUPTED) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _report(folder: Path) -> None:
    """Make the run's report. The run is kept, and its exit status its own, whatever happens here."""
    try:
        from recore.report.run import write_report

        write_report(folder)
    except (Exception, KeyboardInterrupt) as error:
        from recore.pipeline.text import plain

        reason = "interrupted" if isinstance(error, KeyboardInterrupt) else plain(str(error) or repr(error))
        click.echo(f"recore: no report: {reason}; `python -m recore report {folder}` makes it", err=True)


def _show(made: "Run") -> None:
    """The tables of scores, and where the rest is."""
    from recore.cli.results import show_scores

    if scores := made.scores():
        show_scores(scores)
    click.echo(f"run: {made.folder} holds {', '.join(sorted(path.name for path in made.folder.iterdir()))}")


def _explain(made: "Run", installs: bool) -> None:
    """For each step that failed: its reason, what to do, its last lines, its log. installs: the jobs, packages."""
    from recore.pipeline.failure import explanation

    told = set()
    for step in made.steps.values():
        if step.state == "Failed" and step.reason in told:
            log = made.folder / "logs" / step.log
            click.echo(f"recore: {step.name} failed likewise" + f"; its log: {log}" * log.exists(), err=True)
        elif step.state == "Failed":
            lines = explanation(step, made.folder, made.submission.path, installs)
            click.echo("\n".join(lines), err=True)
            told.add(step.reason)
