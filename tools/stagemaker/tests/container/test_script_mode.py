"""Script mode training jobs: the script's environment, and its exit codes, failure reasons, output and signals."""

import json
import os
import select
import signal
import sysconfig
import time
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.everywhere

REPORT = """
import json, os, sys
print(json.dumps({"arguments": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd()}))
"""


def report_of(stdout: str) -> dict:
    return json.loads(stdout.splitlines()[-1])


def test_a_successful_job_needs_no_system_programs(job) -> None:
    (job.base / "input/data/training").mkdir(parents=True)
    job.script(REPORT + "open(os.environ['SM_MODEL_DIR'] + '/model.pkl', 'w').close()")
    result = job.run(PATH="/no/such/folder")
    variables = report_of(result.stdout)["environment"]
    assert (result.code, result.failure) == (0, None)
    assert variables["SM_CHANNEL_TRAINING"] == str(job.base / "input/data/training")
    assert variables["SM_OUTPUT_DATA_DIR"] == str(job.base / "output/data")
    assert Path(variables["SM_OUTPUT_DATA_DIR"]).is_dir()
    assert (job.base / "model/model.pkl").exists()
    assert "SM_STUDIO_LOCAL_MODE" not in variables
    assert report_of(result.stdout)["folder"] == str(job.base / "code")


def test_the_path_of_the_environment_may_need_quotes_in_a_shell(job, tmp_path: Path) -> None:
    folder = tmp_path / '-it\'s "my" $HOME & `pwd` #1 100% Übung;'
    venv.create(folder, symlinks=True)
    packages = sysconfig.get_path("purelib", vars={"base": str(folder)})
    Path(packages, "others.pth").write_text(sysconfig.get_path("purelib"))
    job.python = folder / "bin/python"
    job.script("import sys; print(sys.executable)")
    (job.base.parent / "source/requirements.txt").write_text("numpy\n")  # makes the toolkit call pip
    result = job.run(PIP_NO_INDEX="1", PIP_DRY_RUN="1")
    assert (result.code, result.stdout.splitlines()[-1]) == (0, str(job.python)), result.stderr


def test_modules_next_to_the_script_may_share_names_with_container_files(job) -> None:
    job.script("", sagemaker_program="train.py")
    files = {"train.py": "import training, serving\nprint(training.X + serving.X)"}
    files |= {"training.py": "X = 'a'", "serving.py": "X = 'b'"}
    for name, content in files.items():
        (job.base.parent / "source" / name).write_text(content)
    result = job.run()
    assert (result.code, result.stdout) == (0, "ab\n"), result.stderr


def test_a_shell_script_gets_arguments_and_its_error_is_the_reason(job) -> None:
    job.script("", sagemaker_program="go.sh", rock="two words")
    (job.base.parent / "source/go.sh").write_text('#!/bin/sh\necho "got $*"\necho "no such rock" >&2\nexit 5\n')
    result = job.run()
    assert (result.code, result.stdout, result.failure) == (5, "got --rock two words\n", "no such rock")


ENDINGS = {
    "message": ("import sys; sys.exit('no copper here')", 1, "no copper here"),
    "recursion": ("def f(): f()\nf()", 1, "RecursionError: maximum recursion depth exceeded"),
    "caught": (
        "import sys, traceback\ntry: 1 / 0\nexcept ZeroDivisionError: traceback.print_exc()\nsys.exit(3)",
        3,
        "the script exited with code 3 after this error:\nZeroDivisionError: division by zero",
    ),
    "killed": ("import os; os.kill(os.getpid(), 9)", 137, "the script was killed by SIGKILL"),
    "not utf-8": ("import os; os.write(2, b'bad \\xff byte\\n'); os._exit(4)", 4, "bad \ufffd byte"),
    "syntax error": ("print('open'", 1, "SyntaxError: '(' was never closed"),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_failing_scripts_are_reported_with_exit_code_and_reason(job, name: str) -> None:
    content, code, failure = ENDINGS[name]
    job.script(content)
    result = job.run()
    assert result.code == code
    assert failure == result.failure or (name == "syntax error" and failure in result.failure)
    assert not (job.base / "output/success").exists()


TRACE = 'Traceback (most recent call last):\n  File "script.py", line 1, in <module>\n    dig()\n'
ROWS = "".join(f"row {number}\n" for number in range(300))


@pytest.mark.parametrize(
    ("stderr", "start", "end"),
    [
        ("", "", ""),
        (f"{TRACE}ValueError: no copper\n\n  but tin\n", "ValueError: no copper\n", "\n  but tin"),
        (
            f"{TRACE}ZeroDivisionError\n\nDuring handling of the above:\n\n{TRACE}KeyError: 'ore'",
            "KeyError: 'ore'",
            "'",
        ),
        (f"{TRACE}ValueError: first {'x' * 5000} last", "ValueError: first x", "x last"),
        (f"{TRACE}ZeroDivisionError: went on\n{ROWS}the real reason", "Zero", "row 299\nthe real reason"),
        (f"{ROWS}the real reason\n", "row ", "\nrow 299\nthe real reason"),
        ("x" * 5000, "x" * 1024, "x"),
    ],
    ids=["nothing", "lines", "chained", "long message", "output after an exception", "last lines", "long line"],
)
def test_the_reason_is_the_last_exception_or_the_last_lines(
    monkeypatch: pytest.MonkeyPatch, stderr: str, start: str, end: str
) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", "/opt/ml")  # importing the program sets this variable
    from stagemaker.container.script_mode import last_error

    reason = last_error(stderr)
    assert reason.startswith(start)
    assert reason.endswith(end)
    assert len(reason) <= 1024


def test_stderr_is_passed_on_unchanged(job) -> None:
    job.script("import sys\nfor n in range(100_000): print(f'{n:060}', file=sys.stderr)")
    lines = [line for line in job.run().stderr.splitlines() if len(line) == 60 and line.isdecimal()]
    assert lines == [f"{n:060}" for n in range(100_000)]


def test_a_process_left_behind_does_not_delay_the_end_of_the_job(job) -> None:
    job.script(
        "import subprocess, sys\n"
        "print(subprocess.Popen(['sleep', '600'], stdout=subprocess.DEVNULL).pid, flush=True)\nsys.exit('gone')"
    )
    result = job.run()  # communicate() would fail after a minute
    os.kill(int(result.stdout), signal.SIGKILL)
    assert result.failure == "gone"


def test_output_is_not_held_back(job) -> None:
    job.script("import time\nprint('first')\ntime.sleep(600)")
    with job.start() as process:
        assert select.select([process.stdout], [], [], 60)[0]
        assert process.stdout.readline() == "first\n"
        process.terminate()
        assert job.wait(process).code == 143


@pytest.mark.parametrize(
    ("handler", "code", "failure"),
    [
        ("lambda *_: sys.exit(7)", 7, "the script exited with code 7 and wrote no error"),
        ("signal.SIG_DFL", 143, "the script was killed by SIGTERM"),
    ],
)
def test_sigterm_reaches_the_script(job, handler: str, code: int, failure: str) -> None:
    job.script(f"import signal, sys, time\nsignal.signal(signal.SIGTERM, {handler})\nprint('ready')\ntime.sleep(60)\n")
    with job.start() as process:
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        result = job.wait(process)
    assert (result.code, result.failure) == (code, failure)


def test_sigterm_before_the_script_starts_ends_the_job(job) -> None:
    job.script(REPORT, hosts=("algo-1.invalid", "algo-2.invalid"))  # the job waits for a host that does not exist
    with job.start() as process:
        assert "Imported framework" in process.stderr.readline()
        time.sleep(0.5)
        process.terminate()
        result = job.wait(process)
    assert (result.code, result.stdout) == (143, "")


def test_requirements_that_do_not_exist_are_the_reason(job) -> None:
    job.script("print('ran')")
    (job.base.parent / "source/requirements.txt").write_text("no-such-mineral==1\n")
    result = job.run(PIP_NO_INDEX="1")
    assert result.code == 1
    assert "No matching distribution found for no-such-mineral==1" in result.failure
    assert "ran" not in result.stdout


@pytest.mark.parametrize("missing", ["/no/such/folder", "resourceconfig.json"])
def test_a_missing_source_or_configuration_file_is_the_reason(job, missing: str) -> None:
    job.script("", **({"sagemaker_submit_directory": missing} if missing.startswith("/") else {}))
    if not missing.startswith("/"):
        (job.base / "input/config" / missing).unlink()
    result = job.run()
    assert result.code != 0
    assert result.failure.startswith("FileNotFoundError: [Errno 2] No such file or directory: ")
    assert missing in result.failure
