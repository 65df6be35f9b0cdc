"""Each hostile submission ends with a clear message, keeps no process running, changes no file and reveals no assay."""

import contextlib
import ctypes
import gzip
import os
import re
import socket
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import psutil
import pytest
from recore_support.hostile_corpus import FILES, SCRIPTS, make_hostile
from recore_support.run_command import file_options
from recore_support.submission_runs import FinishedRun, other_entries
from stagemaker_support.sandbox import needs_sandbox
from support.checkout import ROOT, environment

PR_SET_CHILD_SUBREAPER = 36
END_SECONDS = 20.0  # seconds within which killed processes must end
SECRET = "7654321.25"  # an assay that appears only in the private data
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")
# These limits are short enough for a test.
PROGRAM = """
from recore.evaluation import job_requests
from stagemaker.compute.processes import process
process.MAX_PROCESSES, process.GRACE_SECONDS = 200, 2.0
job_requests.REQUEST_SECONDS, job_requests.JOB_SECONDS = 5, {seconds}
from recore.cli import main
main(prog_name="recore")
"""


@dataclass(frozen=True)
class Outcome:
    """A run's expected outcome. line: a pattern for a stderr line. status: exit status. seconds: a job's time limit."""

    line: str
    status: int = 1
    seconds: int = 3600


COMPLETED_RUN = Outcome("", 0)
INSTALL_FAILURE = "recore: train failed: requirements.txt could not be installed:"
WRONG_SHAPE = Outcome(r"recore: public score failed: .* the shape is \(\d+, \d+\) instead of \(\d+, 49\).*")
OUTCOMES = {
    "train_daemon": COMPLETED_RUN,
    "train_kill_everything": Outcome(r"recore: train failed: .*, killed by SIGKILL"),
    "train_fork_bomb": Outcome(r"recore: train failed: The job started more processes than allowed.*"),
    "train_much_output": COMPLETED_RUN,
    "train_endless_output": Outcome(r"recore: train failed: .* it exceeded its time limit.*", seconds=10),
    "train_escape_sequences": Outcome(r"recore: train failed: .*owned.*"),
    "train_many_files": COMPLETED_RUN,
    "train_sparse_file": Outcome(r"recore: train failed: .*VolumeSizeInGB.*"),
    "train_deep_folders": Outcome(r"recore: train failed: .*/opt/ml/model.*"),
    "train_fifo": COMPLETED_RUN,
    "train_links_out": COMPLETED_RUN,
    "train_devices": COMPLETED_RUN,
    "train_writes_out": Outcome(r"recore: train failed: FileNotFoundError: .*/outside/written.*"),
    "train_folder_replaced": Outcome(
        r"recore: train failed: the job replaced /opt/ml/model, or a folder above it, with a symbolic link"
    ),
    "train_unreadable": COMPLETED_RUN,
    "train_data_in_model": COMPLETED_RUN,
    "preprocess_control_characters": Outcome(
        r"recore: public preprocess failed: .*its name contains control characters.*"
    ),
    "preprocess_markup": COMPLETED_RUN,
    "preprocess_link_loop": Outcome(
        r"recore: public preprocess failed: .* could not be read: it contains a loop of symbolic links"
    ),
    "preprocess_link_out": Outcome(r"recore: public preprocess failed: preprocess.py did not write public.csv"),
    "preprocess_forged_scores": COMPLETED_RUN,  # with its own scores
    "preprocess_repeats_rows": WRONG_SHAPE,
    "serve_hangs": Outcome(r"recore: public predict failed: .*(did not respond|no response) within 5 s.*"),
    "serve_drips": Outcome(r"recore: public predict failed: .*did not respond within 5 s"),
    "serve_exits": Outcome(r"recore: public predict failed: .*did not respond: it closed the connection"),
    "serve_too_few_rows": WRONG_SHAPE,
    "serve_not_finite": Outcome(r"recore: public score failed: .*inf.*"),
    "serve_escape_sequences": Outcome(r"recore: public predict failed: .*owned.*"),
    "serve_environment": COMPLETED_RUN,
    "requirements_address": Outcome(
        rf"{INSTALL_FAILURE} line 1: 'something @ https.*' is neither the name of a package .*"
    ),
    "requirements_code": Outcome(rf"{INSTALL_FAILURE} FileNotFoundError: .*/outside/written.*"),
    "setup_runs_code": COMPLETED_RUN,
    "manifest_leads_out": Outcome(r"recore: .*'../sample/private/actual.csv.gz' is outside the submission", 2),
    "archive_leads_out": Outcome(r"recore: .*: '\.\./written' is not a regular file inside the archive", 2),
    "own_score": COMPLETED_RUN,
}
REPORTED_CASES = {  # runs with a report, and what the report must contain
    "train_escape_sequences": "[bold]<script>alert(1)</script>[/bold]",
    "preprocess_markup": "",
    "serve_escape_sequences": "[bold]<b>",
}


def test_every_submission_in_the_corpus_has_an_expected_outcome() -> None:
    assert SCRIPTS.keys() | FILES.keys() == OUTCOMES.keys()


@pytest.fixture(scope="module")
def secret_sample(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sample data set with one distinctive assay, which makes a leak recognisable."""
    folder = tmp_path_factory.mktemp("secret") / "sample"
    for name in ("public/public.csv.gz", "private/private.csv.gz", "private/actual.csv.gz"):
        lines = gzip.decompress((sample / name).read_bytes()).decode().splitlines(keepends=True)
        if "actual" in name:
            columns = lines[0].rstrip("\n").split(",")
            cells = lines[1].rstrip("\n").split(",")
            cells[columns.index("CuPPM")] = SECRET
            lines[1] = ",".join(cells) + "\n"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(gzip.compress("".join(lines).encode(), 1))
    return folder


def contents(folder: Path) -> dict[str, tuple[int, float]]:
    infos = {path: path.lstat() for path in sorted(folder.rglob("*"))}
    return {str(path): (info.st_size, info.st_mtime) for path, info in infos.items() if not path.is_dir()}


def visible_content(run: FinishedRun) -> bytes:
    """Return everything that a participant could see, including the contents of archives."""
    parts = [run.stdout.encode(), run.stderr.encode()]
    for path in run.folder.rglob("*"):
        if path.is_file() and path.name.endswith(".tar.gz"):
            with tarfile.open(path) as tar:
                parts += [tar.extractfile(member).read() for member in tar if member.isreg()]
                parts += [f"{member.name} {member.linkname}".encode() for member in tar]
        elif path.is_file():
            parts.append(path.read_bytes())
    parts += [gzip.decompress(part) for part in parts if part.startswith(b"\x1f\x8b")]
    return b"\n".join(parts)


@dataclass(frozen=True)
class Effects:
    """Forbidden effects. folder_named: whether stderr mentions the simulator's folder."""

    secrets_visible: bool = False
    folder_named: bool = False
    written_files: tuple[str, ...] = ()
    running_processes: tuple[str, ...] = ()
    temporary_files: tuple[str, ...] = ()


@contextlib.contextmanager
def watch_orphans() -> Iterator[list[str]]:
    """When the block ends, list the commands of processes that it started and that are still running, and kill them.

    In the block, a process whose parent exits becomes a child of this process, even in a separate session. Linux only.
    """
    prctl, this_process, commands = ctypes.CDLL(None, use_errno=True).prctl, psutil.Process(), list[str]()
    assert prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    children = set(this_process.children())
    try:
        yield commands
    finally:
        while (
            orphans := set(this_process.children()) - children
        ):  # children of killed processes become children of this process
            for process in psutil.wait_procs(orphans, END_SECONDS)[1]:
                with contextlib.suppress(psutil.Error):
                    commands.append(" ".join(process.cmdline()) or process.name())
                    process.kill()
        prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def run_hostile(name: str, secret_sample: Path, folder: Path, isolation: str) -> tuple[FinishedRun, Effects]:
    outside = folder / "outside"
    outside.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server, tempfile.TemporaryDirectory() as temporary:
        replacements = {"OUTSIDE": str(outside), "PORT": str(server.getsockname()[1])}
        replacements["ACTUAL"] = str(secret_sample / "private/actual.csv.gz")
        submission = make_hostile(name, folder / "submission", replacements)
        old_files = contents(folder) | contents(secret_sample)
        out = folder / "runs/run"
        options = [submission, "--out", out, *file_options(secret_sample), "--isolation", isolation]
        options += [] if name in REPORTED_CASES else ["--no-report"]
        program = PROGRAM.format(seconds=OUTCOMES[name].seconds)
        with watch_orphans() as running:
            result = subprocess.run(
                [sys.executable, "-c", program, "run", *map(str, options)],
                cwd=ROOT,
                env=environment() | {"TMPDIR": temporary},
                capture_output=True,
                text=True,
                timeout=300,
            )
        run = FinishedRun(result.returncode, result.stdout, result.stderr, out)
        leftovers = os.listdir(temporary)
    new_files = contents(folder) | contents(secret_sample)
    changed = [path for path in new_files.keys() | old_files.keys() if new_files.get(path) != old_files.get(path)]
    names = [Path(path).name for path in changed if not path.startswith(str(out))]
    visible = visible_content(run)
    secrets_visible = SECRET.partition(".")[0].encode() in visible or b"root:x:0:0:root:/root" in visible
    return run, Effects(secrets_visible, temporary in run.stderr, tuple(names), tuple(running), tuple(leftovers))


def check_end(run: FinishedRun, outcome: Outcome) -> None:
    assert run.status == outcome.status, run.stderr
    lines = run.stderr.splitlines()
    explanations = [line for line in lines if line.startswith("recore: ")]
    assert any(re.fullmatch(outcome.line, line) for line in explanations) or run.status == 0, run.stderr
    assert all(len(line) < 1200 for line in explanations)
    assert not [line for line in lines if line.startswith("Traceback")]
    assert "InternalServerError" not in run.stderr
    assert not CONTROL_CHARACTERS.search(run.stdout + run.stderr)
    assert run.folder.is_dir() == (run.status != 2)
    assert run.status != 2 or len(lines) == 1
    assert run.status == 2 or other_entries(run.folder) == []


def check_report(run: FinishedRun, words: str) -> None:
    page = (run.folder / "report.html").read_text()
    assert escape(words, quote=False) in page
    assert not words or words not in page
    assert "<Key>" not in page
    assert not CONTROL_CHARACTERS.search(page)


@needs_sandbox
@pytest.mark.parametrize("name", OUTCOMES)
def test_a_hostile_submission_does_no_harm(name: str, secret_sample: Path, tmp_path: Path) -> None:
    run, effects = run_hostile(name, secret_sample, tmp_path, "required")
    check_end(run, OUTCOMES[name])
    assert effects == Effects()
    if name in REPORTED_CASES:
        check_report(run, REPORTED_CASES[name])


# These are the effects that security.md describes for machines without a sandbox; the other submissions have none.
UNISOLATED_EFFECTS = {
    "train_daemon": (COMPLETED_RUN, Effects()),
    "train_sparse_file": (OUTCOMES["train_sparse_file"], Effects()),
    "preprocess_link_out": (OUTCOMES["preprocess_link_out"], Effects()),
    "serve_hangs": (OUTCOMES["serve_hangs"], Effects()),
    "serve_environment": (COMPLETED_RUN, Effects(secrets_visible=True)),
    "requirements_code": (COMPLETED_RUN, Effects(written_files=("written",))),
    "train_writes_out": (COMPLETED_RUN, Effects(written_files=("written",))),
    "train_escape_sequences": (OUTCOMES["train_escape_sequences"], Effects(folder_named=True)),
    "preprocess_repeats_rows": (WRONG_SHAPE, Effects(folder_named=True)),
    "preprocess_forged_scores": (COMPLETED_RUN, Effects()),
    "serve_too_few_rows": (WRONG_SHAPE, Effects(folder_named=True)),
    "serve_escape_sequences": (OUTCOMES["serve_escape_sequences"], Effects(folder_named=True)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", UNISOLATED_EFFECTS)
def test_a_hostile_submission_has_only_documented_effects_without_a_sandbox(
    name: str, secret_sample: Path, tmp_path: Path
) -> None:
    outcome, expected = UNISOLATED_EFFECTS[name]
    run, effects = run_hostile(name, secret_sample, tmp_path, "off")
    check_end(run, outcome)
    if name in REPORTED_CASES:
        check_report(run, REPORTED_CASES[name])
    if name == "serve_hangs":  # the client's time limit may come first; its message does not name the folder
        effects = replace(effects, folder_named=False)
    assert effects == expected
