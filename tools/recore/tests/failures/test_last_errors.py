"""Training jobs, the simulator and recore/failures find the same error in a script's output.

The simulator and the program of training jobs import no other package of recore, so each has its own function. The
last three tests show where they differ.
"""

import subprocess
import sys
from collections.abc import Callable

import pytest

from recore.failures import find_exception
from stagemaker.compute.failure import last_message

# scripts, the message that a job fails with, and the exception that is shown to users, if there is one
SAME = {
    "a traceback": ("raise ValueError('no copper')", "ValueError: no copper", "ValueError: no copper"),
    "no message": ("raise StopIteration", "StopIteration", "StopIteration"),
    "several lines": (
        "raise ValueError('no copper\\n\\nbut tin')",
        "ValueError: no copper\n\nbut tin",
        "ValueError: no copper",
    ),
    "during handling": (
        "try: 1 / 0\nexcept ZeroDivisionError: raise KeyError('ore')",
        "KeyError: 'ore'",
        "KeyError: 'ore'",
    ),
    "cause": (
        "try: 1 / 0\nexcept ZeroDivisionError as error: raise KeyError('ore') from error",
        "KeyError: 'ore'",
        "KeyError: 'ore'",
    ),
    "a note": (
        "error = ValueError('a')\nerror.add_note('look there')\nraise error",
        "ValueError: a\nlook there",
        "ValueError: a",
    ),
    "a traceback in the message": (
        "import traceback\ntry: 1 / 0\nexcept ZeroDivisionError: text = traceback.format_exc()\n"
        "raise ValueError(f'all failed:\\n{text}')",
        "ZeroDivisionError: division by zero",
        "ZeroDivisionError: division by zero",
    ),
    "other lines after the traceback": (
        "import sys, traceback\ntry: 1 / 0\nexcept ZeroDivisionError: traceback.print_exc()\n"
        "sys.exit('the real reason')",
        "ZeroDivisionError: division by zero\nthe real reason",
        "ZeroDivisionError: division by zero",
    ),
    "invalid Python": (
        "a b",
        '  File "<string>", line 1\n    a b\n      ^\nSyntaxError: invalid syntax',
        "SyntaxError: invalid syntax",
    ),
    "invalid Python in a module": (
        "exec(compile('a b', 'module.py', 'exec'))",
        "SyntaxError: invalid syntax",
        "SyntaxError: invalid syntax",
    ),
    "no traceback": ("import sys; sys.exit('no copper')", "no copper", None),
    "no output": ("import sys; sys.exit(1)", "", None),
}
MANY_LINES = "import sys; sys.exit('\\n'.join('abcdefg'))"
GROUP = "raise ExceptionGroup('two', [ValueError('a'), TypeError('b')])"


@pytest.fixture(scope="module")
def error_of_training_job() -> Callable[[str], str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAGEMAKER_BASE_DIR", "/opt/ml")  # which importing the module would set for all later tests
        from stagemaker.container.script_mode import last_error
    return last_error


def run(script: str) -> str:
    """What a failing script writes to stderr."""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    return result.stderr.rstrip()


@pytest.mark.parametrize("name", SAME)
def test_all_find_the_same_error(name: str, error_of_training_job: Callable[[str], str]) -> None:
    script, message, exception_line = SAME[name]
    output = run(script)
    assert error_of_training_job(output) == message
    assert last_message(output.split("\n")) == message
    exception = find_exception(output)
    assert (exception and exception.head) == exception_line


@pytest.mark.parametrize(
    ("script", "exception_line"),
    [(MANY_LINES, None), (GROUP, "ExceptionGroup: two (2 sub-exceptions): ValueError: a")],
    ids=["no traceback", "a group"],
)
def test_without_an_ordinary_traceback_a_training_job_has_more_of_the_last_lines(
    script: str, exception_line: str | None, error_of_training_job: Callable[[str], str]
) -> None:
    output = run(script)
    lines = output.split("\n")
    assert len(lines) > 5
    assert error_of_training_job(output) == output
    assert last_message(lines) == "\n".join(lines[-5:])
    exception = find_exception(output)
    assert (exception and exception.head) == exception_line


def test_only_a_training_job_has_the_indented_lines_of_a_message(error_of_training_job: Callable[[str], str]) -> None:
    output = run("raise ValueError('no copper\\n  but tin\\nand zinc')")
    assert error_of_training_job(output) == "ValueError: no copper\n  but tin\nand zinc"
    assert last_message(output.split("\n")) == "ValueError: no copper\nand zinc"


def test_only_a_training_job_shortens_a_long_message(error_of_training_job: Callable[[str], str]) -> None:
    output = run("raise ValueError('x' * 2000)")
    assert error_of_training_job(output) == f"ValueError: {'x' * 495}\n...\n{'x' * 512}"
    assert last_message(output.split("\n")) == f"ValueError: {'x' * 2000}"
