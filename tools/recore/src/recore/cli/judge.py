"""`recore judge`: rank submissions on the same data."""

import csv
import datetime
import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recore.atomic import replace_paths
from recore.backends import BackendSettings, open_backend
from recore.cli.aws_round import AwsRound, aws_options, show_policies
from recore.cli.common import FILE, FOLDER, FiniteNumber, show_json, show_line, table_console
from recore.cli.progress import show_running
from recore.listing import count
from recore.spreadsheet_csv import safe_cell
from recore.text import plain
from stagemaker import interrupts

if TYPE_CHECKING:
    from rich.table import Table

    from recore.evaluation import Entry, Pace, Round

TABLE_NAME = "judged.csv"  # in the folder with the runs


class ShareType(click.ParamType["tuple[int, int]"]):
    """A parameter type for a part of a list, such as 1/4 for the first of four parts."""

    name = "part"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        match = re.fullmatch(r"([1-9]\d{0,3})/([1-9]\d{0,3})", str(value), re.ASCII)
        if not match or int(match[1]) > int(match[2]):
            self.fail(f"{value!r} is not a part such as 1/4", param, ctx)
        return int(match[1]), int(match[2])


def select_share(submissions: Sequence[Path], share: tuple[int, int]) -> list[Path]:
    """Return the submissions in a part, which may be empty: every n-th one in sorted order. share: (part, parts)."""
    part, parts = share
    return sorted(dict.fromkeys(submissions))[part - 1 :: parts]


@click.command()
@click.argument("submissions", type=click.Path(path_type=Path), nargs=-1)
@click.option("--public", type=FILE, help="Data with assays.  [required]")
@click.option("--private", type=FILE, help="Data without assays.  [required]")
@click.option("--actual", type=FILE, help="Assays of the private data.  [required]")
@click.option("--out", type=FOLDER, default=Path("judged"), help="Folder for the runs and judged.csv.")
@click.option("--jobs", type=click.IntRange(1, 64), default=1, help="Number of submissions to run at a time.")
@click.option(
    "--time-limit",
    type=FiniteNumber(0.02, 1440),
    default=60.0,
    help="Minutes that each job of train.py or preprocess.py may take.",
)
@click.option(
    "--share",
    type=ShareType(),
    metavar="PART/PARTS",
    help="Judge only this part of the submissions, such as 1/4; other machines can judge the other parts.",
)
@click.option("--engine", type=click.Choice(["process", "docker", "aws"]), default="process", help="Where jobs run.")
@aws_options
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def judge(
    submissions: tuple[Path, ...],
    public: Path | None,
    private: Path | None,
    actual: Path | None,
    out: Path,
    jobs: int,
    time_limit: float,
    share: tuple[int, int] | None,
    engine: str,
    as_json: bool,
    **aws: Any,
) -> None:
    """Run submissions, and rank them by the private score.

    SUBMISSIONS are folders with setup.py or src.tar.gz files. Their jobs run in the sandbox. Failed submissions are
    listed with the reason, unless it could reveal private data; the run's folder contains the logs. When the command is
    repeated, a submission is skipped if its files, the data and score.py have not changed since an earlier run, unless
    that run failed for a reason outside the submission. To judge a submission again, remove its run's folder. Ctrl-C
    stops the jobs and keeps completed runs.

    With --share 1/4, 2/4 and so on, four machines each judge a part of the same list of submissions, with separate
    --out folders; `recore leaderboard` with all these folders ranks the submissions together.

    With --engine aws, submissions run as jobs on AWS, with one role for their jobs and another for scoring;
    --print-policies prints the policies of both roles. Before any job starts, the command prints the maximum cost of
    the round and asks for confirmation. First, it stops the jobs and removes the files that an earlier call with the
    same --out left on AWS, even if there is nothing to run.

    Ties in the private score are broken by the held-out score, then by the time of the run. Held-out scores are
    recomputed for tied submissions, and where they are far above the private score, by training without the predicted
    drill holes, because unverified scores cannot be trusted. RC703 marks a submission whose unverified score is clearly
    higher than the recomputed one; with fewer than five drill holes, this proves nothing and is not reported.

    Exit status: 0 all submissions were judged, 1 one could not be read or the command must be repeated, 2 usage error,
    130 interrupted.

    \b
    Example:
      python -m recore judge ../host/submissions/* --public p.csv.gz \\
        --private q.csv.gz --actual a.csv.gz
      python -m recore judge --print-policies --bucket my-bucket
    """
    from recore.evaluation import DataFiles, Round, explain_unverified_score

    if aws.pop("print_policies"):
        show_policies(aws["bucket"])
        return
    if not (submissions and public and private and actual):
        raise click.UsageError("SUBMISSIONS, --public, --private and --actual are required")
    aws_round = AwsRound(**aws) if engine == "aws" else None
    if any(aws.values()) and not aws_round:
        raise click.UsageError("--role, --bucket and the other options for AWS need --engine aws")
    this_round = Round(DataFiles(public, private, actual), out, round(60 * time_limit))
    if share:
        submissions = tuple(select_share(submissions, share))
        if not submissions:  # a task in a job array must not fail because it has no submissions
            show_line(f"judge: part {share[0]} of {share[1]} contains no submissions")
            return
    entries = this_round.read(submissions)
    judging = _RoundJudge(this_round, entries)
    judging.announce()
    if aws_round or judging.needs_jobs:
        try:
            options = {"jobs": jobs, "minutes": time_limit, "engine": engine, "share": share}
            judging.run(jobs, engine, aws_round, options)
        except KeyboardInterrupt:
            line = f"{interrupts.line('recore')}; jobs stopped, {judging.done} of {len(judging.to_run)} judged"
            click.echo(f"{line}; run the same command to judge the rest", err=True)
            raise SystemExit(interrupts.STATUS) from None
    ranked_entries = sorted(entries, key=lambda entry: entry.rank, reverse=True)
    table = write_table(ranked_entries, out)
    if as_json:
        show_json([_summarise(entry) for entry in ranked_entries])
    else:
        table_console().print(_make_table(ranked_entries, public), "")
        if any(entry.record and entry.record.held_out_is_unverified for entry in ranked_entries):
            click.echo(explain_unverified_score(None))
        click.echo(f"judge: wrote {table}; the runs are in {out}")
    raise SystemExit(int(any(entry.problem for entry in entries)))


@dataclass
class _RoundJudge:
    """A round being judged, with progress on stderr. done: the number of submissions in `to_run` that have been run."""

    round: "Round"
    entries: "list[Entry]"
    to_run: "list[Entry]" = field(init=False)
    done: int = 0
    pace: "Pace" = field(init=False)

    def __post_init__(self) -> None:
        self.to_run = [entry for entry in self.entries if entry.record is None and entry.problem is None]

    @property
    def needs_jobs(self) -> bool:
        from recore.evaluation import entries_to_recompute

        return bool(self.to_run or entries_to_recompute(self.entries))

    def announce(self) -> None:
        """Print the unreadable submissions, how many submissions were judged before, and how many remain to be run."""
        for line in self.round.invalid:
            show_line(f"judge: {line}; the submission will be rerun")
        for entry in self.entries:
            if entry.problem:
                show_line(f"judge: {entry.result}")
        done = sum(entry.record is not None for entry in self.entries)
        show_line(f"judge: {count(len(self.entries), 'submission')}, {done} judged before, {len(self.to_run)} to run")

    def run(self, jobs: int, engine: str, aws: AwsRound | None, arguments: dict[str, Any]) -> None:
        """Run the submissions that have not been run, and recompute held-out scores that are doubtful or break ties."""
        from recore.evaluation import Pace, make_context

        folder = Path.cwd()  # the current folder may no longer exist once the backend is open
        arguments |= {"round": datetime.datetime.now(datetime.UTC)} | self.round.data.files
        settings = BackendSettings(engine, "required", without_sandbox="--engine docker")
        if aws:
            settings = replace(settings, **aws.backend_settings)
        with open_backend(settings, show_line) as backend, show_running("judge", every_step=False) as watch:
            show_line(f"judge: on {backend.endpoint}, isolation: {backend.isolation}")
            if aws:
                aws.stop_leftovers(self.round, backend)
            if not self.needs_jobs:
                return
            context = make_context(backend, "", arguments, folder)
            self.pace = Pace(jobs, limited=aws is None)
            with aws.prepare(self.round, backend, self.to_run, jobs) if aws else nullcontext() as packages:
                self.round.judge(backend, self.entries, self.pace, context, watch, self._show_result, packages)
                if doubtful := self._find_doubtful(aws):
                    from recore.check import recompute_held_out

                    recompute_held_out(backend, doubtful, self.round, watch, show_line, packages)

    def _find_doubtful(self, aws: AwsRound | None) -> "list[Entry]":
        """Return the submissions whose held-out scores will be recomputed, and print a line about them."""
        from recore.evaluation import entries_to_recompute

        doubtful = entries_to_recompute(self.entries)
        if not doubtful:
            return []
        line = f"judge: {count(len(doubtful), 'submission')} with tied private or doubtful held-out scores"
        if aws and not aws.allows_recomputing(self.round.seconds, self.to_run, doubtful):
            show_line(f"{line}: held-out scores not recomputed, as this could exceed --at-most")
            return []
        show_line(f"{line}: recomputing their held-out scores")
        return doubtful

    def _show_result(self, entry: "Entry") -> None:
        self.done += 1
        private = f", private {entry.record.show('private')}" if entry.record and not entry.record.failed_step else ""
        show_line(f"judge: {self.done} of {len(self.to_run)}, {entry.path}: {entry.result}{private}")
        if self.done == 1 < len(self.to_run) and self.pace.seconds:
            show_line(f"judge: {self.pace.format_remaining(len(self.to_run) - 1)}")


def _summarise(entry: "Entry") -> dict[str, Any]:
    from recore.evaluation import HOST_RANKING_SCORES

    record = entry.record
    return {
        "submission": str(entry.path),
        **{name: record.values.get(name) if record else None for name in HOST_RANKING_SCORES},
        "held-out by": record.held_out_source if record else None,
        "seconds": record.seconds if record else None,
        "result": entry.result,
        "for the host": "; ".join(record.host_findings or ()) if record else None,
        "sha256": entry.files.sha256 if entry.files else None,
        "run": str(record.folder) if record else None,
    }


def write_table(entries: "Sequence[Entry]", folder: Path) -> Path:
    """Write the results to a CSV file in a folder, atomically, and return its path."""
    path = folder / TABLE_NAME
    rows = [_summarise(entry) for entry in entries]
    with replace_paths(path) as [part], open(part, "w", newline="", encoding="utf-8", errors="replace") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: safe_cell(cell) for name, cell in row.items()} for row in rows)
    return path


def _make_table(entries: "Sequence[Entry]", public: Path) -> "Table":
    from rich.table import Table
    from rich.text import Text

    from recore.evaluation import HOST_RANKING_SCORES

    title = Text(plain(f"Judged on {public}"))
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("submission", overflow="fold")
    for column in (*HOST_RANKING_SCORES, "seconds"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("result", overflow="fold")
    table.add_column("for the host", overflow="fold")
    for entry in entries:
        scores = [entry.record.show(name) if entry.record else "-" for name in HOST_RANKING_SCORES]
        seconds = f"{entry.record.seconds:.1f}" if entry.record else "-"
        table.add_row(Text(plain(str(entry.path))), *scores, seconds, Text(entry.result), Text(_codes(entry)))
    return table


def _codes(entry: "Entry") -> str:
    """Return the codes of the findings for the host; judged.csv contains their messages."""
    if entry.record is None or entry.record.host_findings is None:
        return "-"
    return " ".join(dict.fromkeys(finding.split()[0] for finding in entry.record.host_findings))
