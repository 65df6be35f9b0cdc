"""`recore run`: run the four steps of a submission."""

import datetime
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recore.backends import Backend, BackendSettings, choose_isolation, open_backend
from recore.challenge import score_script
from recore.cli.common import FILE, ISOLATION, ascii_option, set_option, show_json, show_line, submission_argument
from recore.distribution import shell_program
from recore.text import plain
from stagemaker import interrupts

if TYPE_CHECKING:
    from rich.console import Console

    from recore.evaluation import DataFiles, EvaluationRun, Instances, RunSettings


@click.command()
@submission_argument
@click.option("--public", type=FILE, help="Data with assays.  [default: from data/ in SUBMISSION or here]")
@click.option("--private", type=FILE, help="Data without assays.")
@click.option("--actual", type=FILE, help="Assays of the private data; only the scoring job can read them.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run.  [default: runs/TIME]")
@click.option("--note", default="", show_default=False, help="A one-line note that `recore leaderboard` shows.")
@set_option
@click.option("--engine", type=click.Choice(["process", "docker", "aws"]), default="process", help="Where jobs run.")
@click.option(
    "--isolation",
    type=ISOLATION,
    help="Sandbox for jobs. Default: used if available (auto); with --actual, required for other people's submissions.",
)
@click.option(
    "--max-payload", type=click.IntRange(1, 100), default=100, help="Largest request in MB; larger inputs are split."
)
@click.option("--role", help="AWS: ARN of the role for jobs.")
@click.option("--bucket", help="AWS: bucket for the files of the run.")
@click.option("--image", help="Container image.  [default: AWS's scikit-learn 1.9-0; for docker, built locally]")
@click.option("--training-instances", metavar="TYPE[:COUNT]", default="ml.m5.xlarge", help="For the training job.")
@click.option("--processing-instances", metavar="TYPE", default="ml.m5.xlarge", help="For preprocessing and scoring.")
@click.option("--transform-instances", metavar="TYPE[:COUNT]", default="ml.m5.xlarge", help="For the transform jobs.")
@click.option("--keep", is_flag=True, help="Keep the run's files on S3, except the private assays.")
@click.option("--report/--no-report", default=True, help="Write report.html to the run's folder.")
@ascii_option
@click.option("--json", "as_json", is_flag=True, help="Print the run's record as JSON.")
def run(
    submission: Path,
    public: Path | None,
    private: Path | None,
    actual: Path | None,
    out: Path | None,
    note: str,
    hyperparameters: tuple[str, ...],
    engine: str,
    isolation: str | None,
    max_payload: int,
    role: str | None,
    bucket: str | None,
    image: str | None,
    keep: bool,
    report: bool,
    ascii_only: bool,
    as_json: bool,
    **instance_types: str,
) -> None:
    """Train, preprocess, predict and score a submission as jobs.

    SUBMISSION is a folder with setup.py, by default the current one, or the src.tar.gz that `unearthed build` writes.
    Public and private data are processed in parallel. Jobs run on the simulator at AWS_ENDPOINT_URL or, if this is not
    set, on the embedded one; with --engine aws, on AWS. The run's folder keeps all results, even if the run fails.
    Ctrl-C stops the jobs and waits for them to end; a second Ctrl-C exits without waiting.

    Exit status: 0 all jobs completed, 1 a job failed, 2 usage error, 130 interrupted.

    \b
    Example:
      python -m recore run --note "PLS, 12 components"
      python -m recore run --set alphas=11 --set n_components=200
      python -m recore run ../theirs --public p.csv.gz --out runs/theirs
      python -m recore run --engine aws --bucket my-bucket \\
        --role arn:aws:iam::111122223333:role/Jobs
    """
    from rich.console import Console

    from recore import evaluation
    from recore.cli.progress import show_steps
    from recore.production.fit_hyperparameters import parse_options

    if (private or actual) and not public:
        raise click.UsageError("--private and --actual require --public")
    files = evaluation.read_submission(submission)
    values = parse_options(files, hyperparameters)
    data = evaluation.choose_data_files(submission, public, private, actual)
    jobs = {name.removesuffix("_instances"): value for name, value in instance_types.items()}
    instances = {job: _parse_instances(job, value) for job, value in jobs.items()}
    backend_settings = BackendSettings(engine, choose_isolation(isolation, submission, actual), role, bucket, image)
    now, folder = datetime.datetime.now(datetime.UTC), Path.cwd()  # the folder may no longer exist when the run ends
    run_folder = evaluation.RunFolder(out or Path("runs", f"{now:%Y-%m-%dT%H-%M-%S}"))
    console = Console(stderr=True, highlight=False)
    with open_backend(backend_settings, show_line) as backend, run_folder:
        settings = evaluation.RunSettings.make(backend, max_payload=max_payload, hyperparameters=values, **instances)
        evaluation_run = evaluation.EvaluationRun(
            backend.services, settings, files, data, score_script(), run_folder.path, keep
        )
        _announce(backend, settings, engine, data, console)
        arguments = click.get_current_context().params | data.files
        for name in ("note", "as_json", "ascii_only", "hyperparameters"):  # a handover repeats the run without them
            del arguments[name]
        context = evaluation.make_context(backend, note, arguments, folder)
        progress = show_steps("run", list(evaluation_run.steps.values()), ascii_only)
        record, interrupted = evaluation.run_and_keep(evaluation_run, run_folder, context, progress)
        if report:
            _write_report(evaluation_run.folder)
    if as_json:
        show_json(record)
    else:
        _show_results(evaluation_run)
    for line in evaluation.explain_failures(evaluation_run, installs=engine != "aws"):
        show_line(line)
    if not as_json and (command := evaluation.next_command(evaluation_run)):
        click.echo(f"next: {command}")
    if interrupted:
        _show_interrupt(evaluation_run)
        raise SystemExit(interrupts.STATUS)
    raise SystemExit(int(evaluation_run.state != "Completed"))


def _parse_instances(job: str, value: str) -> "Instances":
    from recore.evaluation import Instances

    match = re.fullmatch(r"(ml\.\w+\.\w+)(?::([1-9]\d?))?", value, re.ASCII)
    if not match or (job == "processing" and match[2]):
        example = "ml.m5.xlarge" if job == "processing" else "ml.m5.xlarge or ml.m5.xlarge:2"
        raise click.UsageError(f"--{job}-instances {value}: specify an instance type, such as {example}")
    return Instances(match[1], int(match[2] or 1))


def _announce(backend: Backend, settings: "RunSettings", engine: str, data: "DataFiles", console: "Console") -> None:
    from recore.evaluation import format_limits
    from recore.production.fit_hyperparameters import format_values

    lines = [
        f"run: on {backend.endpoint}, isolation: {backend.isolation}",
        "run: " + ", ".join(f"{name} {path}" for name, path in data.files.items()),
    ]
    if settings.hyperparameters:
        lines.append(f"run: hyperparameters {format_values(settings.hyperparameters)}")
    if engine == "aws":
        lines.append(f"aws: region {backend.region}, bucket {backend.bucket}, role {backend.role}")
        lines += [f"aws: {line}" for line in format_limits(settings)]
    for line in lines:
        console.print(line, soft_wrap=True)


def _write_report(folder: Path) -> None:
    """Write the report of a run. If this fails, print a message; the run and the exit status are not affected."""
    try:
        from recore.report import write_report

        write_report(folder)
    except (Exception, KeyboardInterrupt) as error:
        reason = "interrupted" if isinstance(error, KeyboardInterrupt) else plain(str(error) or repr(error))
        click.echo(f"recore: report failed: {reason}; run `{shell_program()} report {folder}`", err=True)


def _show_results(evaluation_run: "EvaluationRun") -> None:
    from recore.cli.results import show_scores

    if scores := evaluation_run.read_scores():
        show_scores(scores, evaluation_run.is_third_party)
    contents = sorted(path.name for path in evaluation_run.folder.iterdir())
    click.echo(f"run: {evaluation_run.folder} contains {', '.join(contents)}")
    if "report.html" in contents:
        click.echo(f"report: {evaluation_run.folder / 'report.html'}")


def _show_interrupt(evaluation_run: "EvaluationRun") -> None:
    running = [step.name for step in evaluation_run.steps.values() if step.start_time and step.seconds is None]
    jobs = f"possibly still running: {', '.join(running)}" if running else "jobs stopped"
    click.echo(f"{interrupts.line('recore')}; {jobs}; the results so far are in {evaluation_run.folder}", err=True)
