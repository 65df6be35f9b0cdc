"""`recore run`: a submission through the four steps."""

import datetime
import json
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recore import interrupts
from recore.cli.common import FILE
from recore.cli.default_data import find_default_data
from recore.distribution import PROGRAM, TEMPLATE
from recore.evaluation.data import DataFiles
from recore.evaluation.requests import Instances, RunSettings, describe_limits
from recore.evaluation.run_folder import RunFolder
from recore.evaluation.submission import read_submission
from recore.failures.text import plain

if TYPE_CHECKING:
    from rich.console import Console

    from recore.cli.destination import Destination
    from recore.evaluation.four_steps import PipelineRun


@click.command()
@click.argument("submission", type=click.Path(path_type=Path), default=Path())
@click.option("--public", type=FILE, help="Data with assays.  [default: data/ of SUBMISSION or here]")
@click.option("--private", type=FILE, help="Data without assays.")
@click.option("--actual", type=FILE, help="The assays of the private data; only the scoring job sees them.")
@click.option("--out", type=click.Path(path_type=Path), help="The run's folder.  [default: runs/ and the time]")
@click.option("--note", default="", show_default=False, help="A line about this run, which `recore board` shows.")
@click.option("--engine", type=click.Choice(["process", "docker", "aws"]), default="process", help="Where jobs run.")
@click.option(
    "--isolation",
    type=click.Choice(["auto", "required", "off"]),
    help="Sandbox around jobs.  [default: required with --actual unless SUBMISSION is here, otherwise auto]",
)
@click.option("--max-payload", type=click.IntRange(1, 100), default=100, help="MB; larger inputs are sent by lines.")
@click.option("--role", help="AWS: the ARN of the jobs' role.")
@click.option("--bucket", help="AWS: the bucket for this run's files.")
@click.option("--image", help="The container image.  [default: AWS's scikit-learn 1.9-0; for docker, built here]")
@click.option("--training-instances", metavar="TYPE[:COUNT]", default="ml.m5.xlarge", help="For the training job.")
@click.option("--processing-instances", metavar="TYPE", default="ml.m5.xlarge", help="For preprocessing and scoring.")
@click.option("--transform-instances", metavar="TYPE[:COUNT]", default="ml.m5.xlarge", help="For the transform jobs.")
@click.option("--keep", is_flag=True, help="Leave the run's files on S3, except the private assays.")
@click.option("--report/--no-report", default=True, help="Write report.html into the run's folder.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Show progress in ASCII.")
@click.option("--json", "as_json", is_flag=True, help="Print the run's record as JSON.")
def run(submission: Path, note: str, as_json: bool, ascii_only: bool, **options: Any) -> None:
    """Train, preprocess, predict and score a submission as jobs.

    SUBMISSION is a folder with setup.py, by default the current one, or the src.tar.gz that `unearthed build` leaves.
    Public and private data are processed side by side. Jobs run on the embedded simulator, at AWS_ENDPOINT_URL where
    that is set, or with --engine aws on AWS. The run's folder keeps all results, also of a run that failed. Ctrl-C
    stops the jobs and waits for them; a second Ctrl-C does not wait.

    Exit status: 0 all steps completed, 1 a step failed, 2 wrong use, 130 interrupted.

    \b
    Example:
      python -m recore run --note "PLS, 12 components"
      python -m recore run ../theirs --public p.csv.gz --out runs/theirs
      python -m recore run --engine aws --bucket my-bucket \\
        --role arn:aws:iam::111122223333:role/Jobs
    """
    from rich.console import Console

    from recore.cli.destination import open_destination
    from recore.evaluation.four_steps import PipelineRun
    from recore.evaluation.record import clean_note

    strict = options["actual"] is not None and submission.resolve() != TEMPLATE  # private assays meet another's work
    data, files = _find_data(submission, options), read_submission(submission)
    job_options: dict[str, Any] = {"max_payload": options["max_payload"]}
    for job in ("training", "processing", "transform"):
        job_options[job] = _parse_instances(job, options[f"{job}_instances"])
    now, folder = datetime.datetime.now(datetime.UTC), Path.cwd()  # it can be gone in the end
    run_folder = RunFolder(options["out"] or Path("runs", f"{now:%Y-%m-%dT%H-%M-%S}"))
    console = Console(stderr=True, highlight=False)
    with open_destination(options, strict) as destination, run_folder:
        name = f"recore-{now:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"
        job_options["pass_paths"] = not destination.has_ml
        settings = RunSettings(name, destination.bucket, destination.role, destination.image, **job_options)
        pipeline_run = PipelineRun(
            destination.services, settings, files, data, TEMPLATE / "score.py", run_folder.path, options["keep"]
        )
        _announce(destination, settings, options["engine"], data, console)
        context = {
            "note": clean_note(note),
            "arguments": {"submission": submission} | options,
            "folder": str(folder),
            "endpoint": destination.endpoint,
            "region": destination.region,
            "isolation": destination.isolation,
        }
        record, interrupted = _run_and_keep(pipeline_run, run_folder, context, ascii_only)
        if options["report"]:
            _write_report(pipeline_run.folder)
    if as_json:
        click.echo(json.dumps(record, default=str))
    else:
        _show_results(pipeline_run)
    _explain_failures(pipeline_run, installs=options["engine"] != "aws")
    if interrupted:
        running = [step.name for step in pipeline_run.steps.values() if step.began and step.seconds is None]
        jobs = f"not waited for: {', '.join(running)}" if running else "its jobs are stopped"
        click.echo(f"{interrupts.LINE}, {jobs}; its results so far are in {pipeline_run.folder}", err=True)
        raise SystemExit(interrupts.STATUS)
    raise SystemExit(int(pipeline_run.state != "Completed"))


def _find_data(submission: Path, options: dict[str, Any]) -> DataFiles:
    """The data files that the options name, checked. Without any, the default files are added to the options."""
    if not any(options[name] for name in ("public", "private", "actual")):
        options |= find_default_data(submission)
    if options["public"] is None:
        raise click.UsageError("--private and --actual need --public")
    data = DataFiles(options["public"], options["private"], options["actual"])
    data.check()
    return data


def _parse_instances(job: str, value: str) -> Instances:
    """The value of an option such as --training-instances ml.m5.xlarge:2."""
    match = re.fullmatch(r"(ml\.\w+\.\w+)(?::([1-9]\d?))?", value, re.ASCII)
    if not match or (job == "processing" and match[2]):
        example = "ml.m5.xlarge" if job == "processing" else "ml.m5.xlarge or ml.m5.xlarge:2"
        raise click.UsageError(f"--{job}-instances {value}: an instance type is needed, such as {example}")
    return Instances(match[1], int(match[2] or 1))


def _announce(
    destination: "Destination", settings: RunSettings, engine: str, data: DataFiles, console: "Console"
) -> None:
    """Print where jobs will run, with which data, and on AWS what they may cost, before anything starts."""
    lines = [
        f"run: on {destination.endpoint}, isolation: {destination.isolation}",
        "run: " + ", ".join(f"{name} {path}" for name, path in data.files.items()),
    ]
    if engine == "aws":
        lines.append(f"aws: region {destination.region}, bucket {destination.bucket}, role {destination.role}")
        lines += [f"aws: {line}" for line in describe_limits(settings)]
    for line in lines:
        console.print(line, soft_wrap=True)


def _run_and_keep(
    pipeline_run: "PipelineRun", run_folder: RunFolder, context: dict[str, Any], ascii_only: bool
) -> tuple[dict[str, Any], bool]:
    """Run the steps, write run.json and keep the folder. Returns the record and whether the run was interrupted.

    context: what run.json has besides the run's own record. When the steps have ended, an interrupt waits until the
    folder is kept. Raises OSError if run.json cannot be written; the folder is kept then, too.
    """
    from recore.cli.progress import show_steps
    from recore.evaluation.record import make_record, write_record

    interrupted = kept = False
    try:
        with interrupts.deferred():
            steps = list(pipeline_run.steps.values())
            try:
                with interrupts.allowed(), show_steps(steps, ascii_only) as watch:
                    pipeline_run.execute(watch)
            except KeyboardInterrupt:
                interrupted = True
            record = make_record(pipeline_run, context)
            try:
                write_record(record, run_folder.path)
            except OSError as error:  # the disk is full
                reason = f"run.json could not be written ({error.strerror}); the run's other files are kept"
                raise OSError(f"{run_folder.keep()}: {reason}") from error
            pipeline_run.folder = run_folder.keep()
            kept = True
    except KeyboardInterrupt:
        if not kept:
            raise
        interrupted = True
    return record, interrupted


def _write_report(folder: Path) -> None:
    """Write the run's report. Whatever happens here, the run is kept and the exit status is that of the run."""
    try:
        from recore.report.run.run_report import write_report

        write_report(folder)
    except (Exception, KeyboardInterrupt) as error:
        reason = "interrupted" if isinstance(error, KeyboardInterrupt) else plain(str(error) or repr(error))
        click.echo(f"recore: no report: {reason}; `{PROGRAM} report {folder}` makes it", err=True)


def _show_results(pipeline_run: "PipelineRun") -> None:
    """Print the tables of scores and the contents of the run's folder."""
    from recore.cli.results import show_scores

    if scores := pipeline_run.read_scores():
        show_scores(scores)
    contents = sorted(path.name for path in pipeline_run.folder.iterdir())
    click.echo(f"run: {pipeline_run.folder} holds {', '.join(contents)}")


def _explain_failures(pipeline_run: "PipelineRun", installs: bool) -> None:
    """Explain each step that failed or has no result; each reason once. installs: whether jobs install requirements."""
    from recore.failures.explanation import explain_failure

    reasons = set()
    for step in pipeline_run.steps.values():
        if step.completed and step.reason:
            click.echo(f"run: no {step.name}: {plain(step.reason)}", err=True)
        if step.state != "Failed":
            continue
        lines = explain_failure(step, pipeline_run.folder, pipeline_run.submission.path, installs)
        if step.reason in reasons:
            log = pipeline_run.folder / "logs" / step.log
            lines = [f"recore: {step.name} failed likewise" + (f"; its log: {log}" if log.exists() else "")]
        reasons.add(step.reason)
        click.echo("\n".join(lines), err=True)
