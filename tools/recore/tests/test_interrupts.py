import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from recore_support.run_command import file_options
from recore_support.tiny_submission import stub, write
from stagemaker_support.job_traces import wait_until
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
        "validate": [ROOT, "--public", public, "--out", folder / "validate.html"],
        "run": [submission, "--public", public, "--out", folder / "run"],
        "judge": [submission, *file_options(sample, allow_unsandboxed=False), "--out", folder / "judged"],
        "split": [public, "--holes", 0.5, "--out", folder / "data"],
        "predict": [folder / "given", folder / "given/spectrum.0.csv", "--out", folder / "predicted.csv"],
        "check": [submission, "--public", public],
        "report": [folder / "given"],
        "scores": [folder / "given"],
        "leaderboard": [folder / "given"],
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
        process = start("leaderboard", tmp_path, sample)
        wait_for_handlers(process)
        process.send_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, handler)
    assert outcome(process, tmp_path)[0] == 0


def run_program(program: str, folder: Path) -> tuple[list[str], str]:
    """Run a program, and return the lines on stdout, and stderr."""
    variables, command = environment() | {"PYTHONPATH": str(folder)}, [sys.executable, "-c", program]
    result = subprocess.run(command, env=variables, cwd=folder, capture_output=True, text=True, timeout=120)
    return result.stdout.splitlines(), result.stderr


def test_a_signal_in_a_library_is_not_lost_and_interrupts_the_next_wait(tmp_path: Path) -> None:
    """NumPy ignores exceptions of __len__, a destructor's are not raised, and a Condition's lock could be lost."""
    (tmp_path / "slow.py").write_text("import signal\nsignal.raise_signal(15)\ndone = 1\n")
    program = """
import concurrent.futures, signal, sys, threading, numpy
from stagemaker import interrupts

class Loud:
    def __len__(self):
        signal.raise_signal(2)
        return 2
    def __getitem__(self, number):
        return [1, 2][number]
    def __del__(self):
        signal.raise_signal(2)

def call(frame, event, argument):
    if event == "call" and frame.f_code.co_name == "_release_save":  # of a Condition that begins to wait
        sys.setprofile(None)
        signal.raise_signal(2)

def wait_for_thread():
    sys.setprofile(call)
    concurrent.futures.wait([concurrent.futures.Future()], 0.01)

def import_slow():
    import slow
    print(slow.done)

for work in (lambda: numpy.array([Loud()]), Loud, wait_for_thread, import_slow):
    try:
        with interrupts.listen("test"):
            work()
            print("complete")
            interrupts.sleep(60)
    except KeyboardInterrupt:
        print("interrupted")
try:
    with interrupts.listen("test"):
        signal.raise_signal(2)
except KeyboardInterrupt:
    print("interrupted at the end")
"""
    complete = ["complete", "interrupted"]
    assert run_program(program, tmp_path) == ([*complete * 3, "1", *complete, "interrupted at the end"], "")


def test_another_signal_ends_a_command_that_does_not_respond(tmp_path: Path) -> None:
    program = """
import hashlib
from stagemaker import interrupts
with interrupts.listen("test"):
    print("begins", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # in compiled code
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout.readline() == b"begins\n"
            process.send_signal(signal.SIGTERM)
            assert process.stderr.readline() == b"test: stopping, please wait, or press Ctrl-C again\n"
            process.send_signal(signal.SIGINT)
            assert (process.wait(60), process.stderr.read()) == (130, b"test: interrupted\n")
        finally:
            process.kill()


@pytest.mark.parametrize("step", ["preprocess", pytest.param("fit", marks=pytest.mark.slow)])
def test_a_signal_to_all_processes_of_validate_ends_them(step: str, tmp_path: Path, sample: Path) -> None:
    """As Ctrl-C in a terminal, or `timeout`: a worker's interrupt must not be reported as the submission's failure."""
    begun = tmp_path / "begun"
    parameters = {"preprocess": "file", "fit": "inputs, targets, groups"}[step]
    wait = f"def {step}({parameters}):\n    open({str(begun)!r}, 'w')\n    while True:\n        time.sleep(600)\n"
    scripts = {"preprocess": (ROOT / "preprocess.py").read_text(), "fit": "def fit(inputs, targets, groups): pass\n"}
    scripts[step] = f"import time\n{wait}"
    submission = write(tmp_path / "given/mine", {"preprocess.py": scripts["preprocess"], "train.py": scripts["fit"]})
    (tmp_path / "tmp").mkdir()
    command = ["validate", submission, "--public", sample / "public/public.csv.gz", "--out", tmp_path / "page.html"]
    process = subprocess.Popen(
        [sys.executable, "-m", "recore", *map(str, command)],
        cwd=ROOT,
        env=environment() | {"TMPDIR": str(tmp_path / "tmp")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: begun.exists() or process.poll() is not None)
    workers = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    status, lines, leftovers = outcome(process, tmp_path)
    assert (status, lines[-1], leftovers) == (130, LINE, ["begun"])
    assert not psutil.wait_procs(workers, timeout=60)[1]


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


def test_ctrl_c_at_a_question_ends_the_command() -> None:
    program = """
from recore.cli.common import ask
from stagemaker import interrupts
try:
    with interrupts.listen("test"):
        print(ask("Start?"))
except KeyboardInterrupt:
    print("interrupted")
"""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment(), stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stderr.read(len("Start? [y/N] ")) == b"Start? [y/N] "
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=60) == (b"interrupted\n", b"")
        finally:
            process.kill()
            os.close(ours)
            os.close(theirs)
