import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from recore_support.run_command import file_options
from recore_support.tiny_submission import stub
from support.checkout import ROOT, environment

from recore.cli import main

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LINE = "recore: interrupted"
STOPPING_LINE = "recore: stopping"  # printed if the command does not end immediately
LONG_COMMANDS = ("run", "judge")
SLEEP = "import time\ntime.sleep(600)\n"


def arguments(command: str, folder: Path, sample: Path) -> list[object]:
    """Return arguments with which a command runs long enough to be interrupted."""
    public = sample / "public/public.csv.gz"
    submission = stub(folder / "given/mine", {"train.py": SLEEP} if command in LONG_COMMANDS else {})
    (folder / "given/spectrum.0.csv").write_text("".join(f"{4000 - 4 * n},0.{n}\n" for n in range(400)))
    (folder / "given/targets.csv").write_text("name,weight,unit\nSOC,1,g/kg\n")
    return {
        "sample": ["--out", folder / "data", "--rows", 4000],
        "import": [folder / "given/spectrum.0.csv", "--out", folder / "data.csv.gz"],
        "new": [folder / "new"],
        "new-challenge": [folder / "new", "--targets", folder / "given/targets.csv"],
        "explore": [public, "--out", folder / "explore.html"],
        "validate": [submission, "--public", public, "--out", folder / "validate.html"],
        "run": [submission, "--public", public, "--out", folder / "run"],
        "judge": [submission, *file_options(sample, allow_unsandboxed=False), "--out", folder / "judged"],
        "split": [public, "--holes", 0.5, "--out", folder / "data"],
        "predict": [folder / "given", folder / "given/spectrum.0.csv", "--out", folder / "predicted.csv"],
        "check": [submission, "--public", public],
        "report": [folder / "given"],
        "scores": [folder / "given"],
        "board": [folder / "given"],
        "pack": [submission, "--out", folder / "src.tar.gz"],
        "handover": [folder / "given"],
        "production": ["list"],
        "web": [],
        "doctor": [],
    }[command]


def start(command: str, folder: Path, sample: Path) -> subprocess.Popen[str]:
    (folder / "tmp").mkdir(parents=True)
    command_line = [command, *arguments(command, folder, sample)]
    return subprocess.Popen(
        [sys.executable, "-m", "recore", *map(str, command_line)],
        cwd=ROOT,
        env=environment() | {"TMPDIR": str(folder / "tmp")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process: subprocess.Popen[str], folder: Path) -> tuple[int, list[str], list[str]]:
    """Return the exit status, the lines on stderr, and the remaining files in the folder, including temporary files."""
    try:
        lines = process.communicate(timeout=60)[1].splitlines()
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    paths = [path for path in folder.rglob("*") if path.is_file() or path.name.startswith(".")]
    paths += (folder / "tmp").rglob("*")
    leftovers = {path.relative_to(folder).as_posix() for path in paths if folder / "given" not in path.parents}
    return process.returncode, [line for line in lines if not line.startswith(STOPPING_LINE)], sorted(leftovers)


def wait_for_handlers(process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        handled_signals = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
        if int(handled_signals, 16) & 1 << signal.SIGTERM - 1:
            return
        time.sleep(0.001)


@pytest.mark.slow
@pytest.mark.parametrize("command", sorted(main.commands))
def test_a_signal_at_any_time_ends_a_command(command: str, tmp_path: Path, sample: Path) -> None:
    uninterrupted_run = start(command, tmp_path / "whole", sample)
    wait_for_handlers(uninterrupted_run)
    start_time = time.monotonic()
    with contextlib.suppress(subprocess.TimeoutExpired):
        uninterrupted_run.wait(2)
    seconds = time.monotonic() - start_time
    if command in LONG_COMMANDS:  # its job would sleep for too long
        uninterrupted_run.kill()
    whole_status, whole_lines, _ = outcome(uninterrupted_run, tmp_path / "whole")
    interrupted = 0
    for count in range(20):
        folder = tmp_path / str(count)
        process = start(command, folder, sample)
        wait_for_handlers(process)
        time.sleep(seconds * count / 20)
        if process.poll() is not None:
            break
        process.send_signal(SIGNALS[count % 3])
        status, lines, leftovers = outcome(process, folder)
        if lines and lines[-1].startswith(LINE):
            assert status == 130, lines
            interrupted += 1
        else:  # the command's work had already ended
            assert (status, len(lines)) == (whole_status, len(whole_lines)), lines
        assert not any("Traceback" in line or "Aborted" in line for line in lines), lines
        assert not [name for name in leftovers if name.startswith(("tmp/", ".run-")) or name.endswith(".part")]
    assert interrupted >= 1


def test_an_ignored_signal_stays_ignored(tmp_path: Path, sample: Path) -> None:
    handler = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # like nohup; child processes inherit ignored signals
    try:
        process = start("board", tmp_path, sample)
        wait_for_handlers(process)
        process.send_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, handler)
    assert outcome(process, tmp_path)[0] == 0


def test_an_interrupt_during_an_import_or_a_destructor_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import signal\nsignal.raise_signal(2)\nfor _ in range(10 ** 6): pass\ndone = 1\n"
    )
    program = """
import signal, sys, time
from stagemaker import interrupts

class Loud:
    def __del__(self):
        signal.raise_signal(2)

for what in ("import", "destructor"):
    try:
        with interrupts.raise_on_signal():
            if what == "import":
                import slow
            else:
                Loud()
            time.sleep(60)
    except KeyboardInterrupt:
        print(what, sys.modules["slow"].done)
try:
    with interrupts.raise_on_signal(), interrupts.defer():
        signal.raise_signal(2)
        print("complete")
except KeyboardInterrupt:
    print("deferred")
try:
    with interrupts.raise_on_signal(), interrupts.defer():
        signal.raise_signal(2)
        raise ValueError
except KeyboardInterrupt:
    print("deferred with an error")

class Ends:
    def __enter__(self):
        signal.raise_signal(2)
        print("entered")
    def __exit__(self, *_):
        signal.raise_signal(2)
        print("left")

try:
    with interrupts.raise_on_signal(), interrupts.defer_at_both_ends(Ends):
        print("never")
except KeyboardInterrupt:
    print("interrupted")
"""
    variables = environment() | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    lines = ["import 1", "destructor 1", "complete", "deferred", "deferred with an error"]
    assert (result.stdout.splitlines(), result.stderr) == ([*lines, "entered", "left", "interrupted"], "")


def test_a_command_that_takes_long_to_stop_says_so() -> None:
    program = """
import signal, time
from stagemaker import interrupts

for seconds in (0, 30):
    try:
        with interrupts.raise_on_signal(f"waiting {seconds}"), interrupts.defer():
            signal.raise_signal(2)
            signal.raise_signal(2)
            time.sleep(seconds)
    except KeyboardInterrupt:
        pass
"""
    with subprocess.Popen([sys.executable, "-c", program], env=environment(), stderr=subprocess.PIPE) as process:
        assert process.stderr.readline() == b"waiting 30\n"
        process.kill()


def test_an_interrupt_leaves_no_temporary_file(tmp_path: Path, sample: Path) -> None:
    """The signal arrives after Python has created a file to test whether the temporary folder is writable."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    program = f"""
import os, signal
from recore.cli import main

original = os.open

def make_and_interrupt(path, *arguments, **settings):
    made = original(path, *arguments, **settings)
    if os.path.dirname(path) == {str(folder)!r}:
        os.open = original
        signal.raise_signal(signal.SIGINT)
    return made

os.open = make_and_interrupt
main({list(map(str, ["check", *arguments("check", tmp_path, sample)]))!r})
"""
    variables = environment() | {"TMPDIR": str(folder)}
    result = subprocess.run([sys.executable, "-c", program], env=variables, capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stderr.splitlines()[-1]) == (130, LINE)
    assert not list(folder.iterdir())
