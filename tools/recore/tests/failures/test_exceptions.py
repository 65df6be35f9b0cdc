"""The traceback parser reads the tracebacks that Python prints, and accepts any other content in a log."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recore_support.measuring import cpu_seconds

from recore.failures.exceptions import find_exception

LIBRARY = """
def call(function):
    return function()


def wrap(function):
    try:
        return function()
    except Exception as error:
        raise RuntimeError("in the library") from error


def fail():
    raise KeyError("rock")


def lookup():
    try:
        {}["rock"]
    except KeyError as error:
        raise KeyError("no such rock") from error


def log_and_end(function):
    import traceback
    try:
        function()
    except Exception:
        text = traceback.format_exc()
    try:
        raise RuntimeError("raised in the library alone")
    except RuntimeError:
        raise ValueError(f"\\nAll the 5 fits failed.\\nDetails:\\n{text}") from None
"""
START = "import library, sys\n\ndef fit():\n"
CASES = [  # the body of fit() in line 4 of train.py, the exception, and its line in train.py
    ("raise ValueError('no copper')", "ValueError: no copper", 4),
    ("raise StopIteration", "StopIteration", 4),
    ("class Sour(Exception): pass\nraise Sour('x: y')", "fit.<locals>.Sour: x: y", 5),
    ("raise ValueError('one\\ntwo\\n  three')", "ValueError: one", 4),
    ("raise ValueError('\\n\\n all failed')", "ValueError: all failed", 4),
    ("return 1 + (2 /\n   0)", "ZeroDivisionError: division by zero", 4),
    ("library.call(library.fail)", "KeyError: 'rock'", 4),
    ("library.lookup()", "KeyError: 'no such rock'", 4),
    ("try: 1 / 0\nexcept ZeroDivisionError: raise KeyError('ore')", "KeyError: 'ore'", 5),
    ("try: 1 / 0\nexcept ZeroDivisionError as e: raise KeyError('ore') from e", "KeyError: 'ore'", 5),
    ("fit()", "RecursionError: maximum recursion depth exceeded", 4),
    (
        "raise ExceptionGroup('two', [ValueError('a'), ExceptionGroup('in', [TypeError('b')])])",
        "ExceptionGroup: two (2 sub-exceptions): ValueError: a",
        4,
    ),
    (
        "raise ExceptionGroup('out', [ExceptionGroup('in', [TypeError('b'), KeyError('c')])])",
        "ExceptionGroup: out (1 sub-exception): ExceptionGroup: in (2 sub-exceptions): TypeError: b",
        4,
    ),
    (
        "some = []\nfor n in 'ab':\n    try: int(n)\n    except ValueError as e: some.append(e)\n"
        "raise ExceptionGroup('all', some)",
        "ExceptionGroup: all (2 sub-exceptions): ValueError: invalid literal for int() with base 10: 'a'",
        6,
    ),
    (
        "try: raise ExceptionGroup('all', [ValueError('a')])\nexcept ExceptionGroup as e: raise KeyError('k') from e",
        "KeyError: 'k'",
        5,
    ),
    ("library.log_and_end(library.fail)", "ValueError: All the 5 fits failed: KeyError: 'rock'", 4),
    ("error = ValueError('a')\nerror.add_note('look there')\nraise error", "ValueError: a", 6),
    (
        "import traceback\ntry: 1 / 0\nexcept ZeroDivisionError: traceback.print_exc()\nraise KeyError('new')",
        "KeyError: 'new'",
        7,
    ),
]
INVALID = [
    ("(", "SyntaxError: '(' was never closed (train.py, line 4)"),
    ("a = 1\n  b = 2", "IndentationError: unexpected indent (train.py, line 5)"),
    ("import broken", "SyntaxError: invalid syntax (broken.py, line 1)"),
]


@pytest.mark.parametrize(
    ("body", "expected"), [*((body, f"{head} (train.py, line {line}, in fit)") for body, head, line in CASES), *INVALID]
)
def test_tracebacks_that_python_prints_are_parsed(body: str, expected: str, tmp_path: Path) -> None:
    code, library = tmp_path / "mine", tmp_path / "library"
    for folder in (code, library):
        folder.mkdir()
    (library / "library.py").write_text(LIBRARY)
    (code / "broken.py").write_text("a b\n")
    (code / "train.py").write_text(f"{START}{textwrap.indent(body, '    ')}\n\nfit()\n")
    command, variables = [sys.executable, code / "train.py"], {"PYTHONPATH": str(library)}
    result = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert str(find_exception(result.stderr, code)) == expected


def test_a_traceback_from_a_process_pool_is_parsed(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import joblib\n\ndef fit(n):\n    raise ValueError('no copper')\n\nif __name__ == '__main__':\n"
        "    joblib.Parallel(2)(joblib.delayed(fit)(n) for n in range(2))\n"
    )
    result = subprocess.run([sys.executable, tmp_path / "train.py"], capture_output=True, text=True, timeout=60)
    exception = find_exception(result.stderr, tmp_path)
    assert exception
    assert exception.head == "ValueError: no copper"
    assert str(exception.location) == "train.py, line 7, in <module>"


def make_traceback(path: str, exception_line: str = "ValueError: a") -> str:
    return f'Traceback (most recent call last):\n  File "{path}", line 3, in fit\n    raise\n{exception_line}\n'


JOBS = "/tmp/stagemaker-jobs-y/job-a2ad1d9fd650"
SUBMISSION_FILES = {
    "/opt/ml/code/train.py": "train.py",
    "/opt/ml/code/mine/fits.py": "mine/fits.py",
    "/opt/ml/model/code/train.py": "train.py",
    "/opt/ml/processing/input/code/preprocess.py": "preprocess.py",
    f"{JOBS}/ml/code/train.py": "train.py",
    f"{JOBS}/instance-1/container-1/ml/model/code/train.py": "train.py",
    f"{JOBS}/servers-2/container-1/ml/model/code/train.py": "train.py",
}
OTHER_FILES = ("/opt/ml/code/lib/site-packages/xgboost/core.py", "/home/me/ml/code/stagemaker/container/serving.py")
TRAIN_TRACEBACK = make_traceback("/opt/ml/code/train.py")
WRAPPED = (
    make_traceback("/opt/ml/model/code/train.py", "KeyError: 'Cu'")
    + "\nDuring handling of the above exception, another exception occurred:\n\n"
    + make_traceback("/usr/lib/python3.12/site-packages/toolkit.py", "toolkit.errors.Refused: no")
)
LOGS = {
    **{make_traceback(path): f"ValueError: a ({name}, line 3, in fit)" for path, name in SUBMISSION_FILES.items()},
    **dict.fromkeys(
        map(make_traceback, (*OTHER_FILES, "/usr/lib/python3.12/json/decoder.py", "<string>")), "ValueError: a"
    ),
    WRAPPED: "KeyError: 'Cu' (train.py, line 3, in fit)",
    # a question or a progress bar before a traceback
    **dict.fromkeys(
        (before + TRAIN_TRACEBACK for before in ("components? ", "  0%|    | 0/9\r" * 200, "done\n")),
        "ValueError: a (train.py, line 3, in fit)",
    ),
    "": None,
    "ValueError: not raised": None,
    "Traceback (most recent call last):": None,
    'Traceback (most recent call last):\n  File "/opt/ml/code/train.py", line 3, in fit\n': None,
    'Traceback (most recent call last):\n  File "/opt/ml/code/train.py", line 3, in fit\n    x\n(no type)\n': None,
    '  File "/opt/ml/code/train.py", line 3\n    (\nsome other text\n': None,
}


@pytest.mark.parametrize(("log", "expected"), LOGS.items(), ids=range(len(LOGS)))
def test_the_exception_in_a_log_is_found_with_its_location_in_the_submission(log: str, expected: str | None) -> None:
    exception = find_exception(log)
    assert (exception and str(exception)) == expected


def test_windows_line_endings_and_following_lines_are_read() -> None:
    exception = find_exception(TRAIN_TRACEBACK.replace("\n", "\r\n") + "\n---\nafter\nthat")
    assert exception
    assert (exception.head, exception.following_lines) == ("ValueError: a", 2)


PARTS = st.sampled_from(
    textwrap.dedent(
        """\
        Traceback (most recent call last):
          File "/opt/ml/code/train.py", line 3, in fit
          File "/opt/ml/code/train.py", line 46
          File "library.py", line 99999999999999999999, in <module>
            ^^^^
        ValueError: a
        ValueError:
        During handling of the above exception, another exception occurred:
          + Exception Group Traceback (most recent call last):
          | ExceptionGroup: two (2 sub-exceptions)
          +-+---------------- 1 ----------------
            | Traceback (most recent call last):
            | ValueError: a
            +------------------------------------
        """
    ).splitlines()
)


@given(st.lists(PARTS | st.text()).map("\n".join))
def test_any_text_can_be_read(log: str) -> None:
    exception = find_exception(log)
    assert exception is None or (exception.type and str(exception).startswith(exception.type))


LONG_LOGS = [
    make_traceback("/opt/ml/code/train.py") * 10_000,
    "Traceback (most recent call last):\n" * 30_000,
    'Traceback (most recent call last):\n  File "' + '", line 1' * 100_000,
    "Traceback (most recent call last):\n" + '  File "a", line 1, in f\n' * 40_000 + "ValueError: a",
    (make_traceback("a") + "\nDuring handling of the above exception, another exception occurred:\n\n") * 8_000,
    "  + Exception Group Traceback (most recent call last):\n  | E: a\n" + "  +-+--- 1 ---\n    | E: b\n" * 30_000,
    "  + Exception Group Traceback (most recent call last):\n  | E: a\n"
    + "  +-+--- 1 ---\n    | ExceptionGroup: b\n" * 30_000,
    "Traceback (most recent call last):\n" + "a.<" * 300_000,
]


def test_long_text_can_be_read() -> None:
    assert not any("\n" in str(find_exception(log[: len(log) // 10])) for log in LONG_LOGS)


@pytest.mark.timing
@pytest.mark.parametrize("log", LONG_LOGS)
def test_the_time_grows_linearly_with_the_length(log: str) -> None:
    shorter_log = log[: len(log) // 10]
    assert cpu_seconds(lambda: str(find_exception(log))) < 30 * cpu_seconds(
        lambda: str(find_exception(shorter_log)), repeats=5
    )
