"""Training jobs, the simulator and recore/failures find the same error in a script's output.

The simulator and the training jobs' program do not import recore/failures, so each implements the search itself.
"""

import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from recore.failures import find_exception
from stagemaker.compute.failure import last_message

# scripts, and the message with which a job fails
SAME_ERRORS = [
    ("raise ValueError('no copper')", "ValueError: no copper"),
    ("raise StopIteration", "StopIteration"),
    ("raise ValueError('no copper\\n\\nbut tin')", "ValueError: no copper\n\nbut tin"),
    ("try: 1 / 0\nexcept ZeroDivisionError: raise KeyError('ore')", "KeyError: 'ore'"),
    ("try: 1 / 0\nexcept ZeroDivisionError as error: raise KeyError('ore') from error", "KeyError: 'ore'"),
    ("error = ValueError('a')\nerror.add_note('look there')\nraise error", "ValueError: a\nlook there"),
    (
        "import traceback\ntry: 1 / 0\nexcept ZeroDivisionError: text = traceback.format_exc()\n"
        "raise ValueError(f'all failed:\\n{text}')",
        "ZeroDivisionError: division by zero",
    ),
    (
        "import sys, traceback\ntry: 1 / 0\nexcept ZeroDivisionError: traceback.print_exc()\nsys.exit('the reason')",
        "ZeroDivisionError: division by zero\nthe reason",
    ),
    ("a b", '  File "<string>", line 1\n    a b\n      ^\nSyntaxError: invalid syntax'),
    ("exec(compile('a b', 'module.py', 'exec'))", "SyntaxError: invalid syntax"),
    ("import sys; sys.exit('no copper')", "no copper"),
    ("import sys; sys.exit(1)", ""),
]
# only a training job has the indented lines of a message, and shortens a long one
DIFFERENT_ERRORS = [
    (
        "raise ValueError('no copper\\n  but tin\\nand zinc')",
        "ValueError: no copper\n  but tin\nand zinc",
        "ValueError: no copper\nand zinc",
    ),
    ("raise ValueError('x' * 1500)", f"ValueError: {'x' * 495}\n...\n{'x' * 512}", f"ValueError: {'x' * 1500}"),
]
EXCEPTION = re.compile("^(?:[A-Z]\\w+Error|StopIteration).*", re.MULTILINE)
MULTILINE_EXIT = "import sys; sys.exit('\\n'.join('abcdefg'))"
GROUP_ERROR = "raise ExceptionGroup('two', [ValueError('a'), TypeError('b')])"


@pytest.fixture(scope="module")
def error_of_training_job() -> Callable[[str], str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAGEMAKER_BASE_DIR", "/opt/ml")  # importing the module would set this for all later tests
        from stagemaker.container.script_mode import last_error
    return last_error


def run(script: str) -> str:
    """Run a script that must fail, and return its stderr."""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    return result.stderr.rstrip()


@pytest.mark.parametrize(
    ("script", "of_training_job", "of_simulator"),
    [*((script, error, error) for script, error in SAME_ERRORS), *DIFFERENT_ERRORS],
)
def test_all_find_the_same_error(
    script: str, of_training_job: str, of_simulator: str, error_of_training_job: Callable[[str], str]
) -> None:
    output = run(script)
    assert error_of_training_job(output) == of_training_job
    assert last_message(output.split("\n")) == of_simulator
    exception = find_exception(output)
    named = EXCEPTION.search(of_simulator)
    assert (exception and exception.head) == (named and named[0])


@pytest.mark.parametrize(
    ("script", "exception_line"),
    [(MULTILINE_EXIT, None), (GROUP_ERROR, "ExceptionGroup: two (2 sub-exceptions): ValueError: a")],
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
