"""tests/support/gate.py: which tests pass, are repeated or fail, in small folders of tests."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.checkout import ROOT, environment

UNSTABLE = """
from pathlib import Path

def test_{name}():
    there = Path("{name}").exists()
    Path("{name}").touch()
    assert there, "the first time"
"""
FAILS = "def test_{name}():\n    assert 1 == 2\n"
PASSES = "def test_{name}():\n    pass\n"
NOT_HERE = "import pytest\n@pytest.mark.{name}\ndef test_it():\n    assert 1 == 2\n"
NOT_A_MODULE = "import no_such_module\n"


def gate(folder: Path, workers: int = 0, **contents: str) -> subprocess.CompletedProcess[str]:
    """Run the gate on test modules given as name=content."""
    tests = folder / "tests/room"
    tests.mkdir(parents=True)
    for name, content in contents.items():
        (tests / f"test_{name}.py").write_text(content.format(name=name))
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = slow\n timing\n fuzz\n machine\n")
    command = [sys.executable, ROOT / "tests/support/gate.py", "-q", "-n", str(workers), "--dist", "worksteal"]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=120)


def test_passing_tests_are_not_run_twice(tmp_path: Path) -> None:
    others = dict.fromkeys(("slow", "timing", "fuzz", "machine"), NOT_HERE)
    result = gate(tmp_path, a=PASSES, **others)
    assert result.returncode == 0, result.stdout
    assert "1 passed, 4 deselected" in result.stdout
    assert "once more" not in result.stdout


def test_the_seconds_of_each_folder_are_printed(tmp_path: Path) -> None:
    result = gate(tmp_path, a=PASSES)
    assert result.stdout.splitlines()[-2] == "seconds of tests, by folder:"
    assert result.stdout.splitlines()[-1].split()[1] == "tests/room"


def test_a_test_that_passes_alone_is_listed_with_its_first_failure(tmp_path: Path) -> None:
    result = gate(tmp_path, workers=2, a=UNSTABLE, b=UNSTABLE, c=PASSES)
    assert result.returncode == 0, result.stdout
    printed = result.stdout.partition("2 unstable")[2]
    assert "unstable tests.room.test_a.test_a" in printed
    assert "unstable tests.room.test_b.test_b" in printed
    assert printed.count("AssertionError: the first time") == 2


@pytest.mark.parametrize(
    ("contents", "workers", "status", "repeated"),
    [
        ({"a": FAILS}, 0, 1, True),
        ({"a": FAILS, "b": UNSTABLE}, 2, 1, True),
        (dict.fromkeys("abcd", UNSTABLE), 0, 1, False),
        ({"a": UNSTABLE, "b": NOT_A_MODULE}, 0, 2, False),
        ({"a": PASSES, "b": NOT_A_MODULE}, 2, 1, False),
        ({"a": NOT_HERE.replace("{name}", "slow")}, 0, 5, False),
    ],
    ids=["always", "one-of-two", "four", "no-module", "no-module-of-workers", "no-tests"],
)
def test_every_other_failure_fails_the_gate(
    contents: dict[str, str], workers: int, status: int, repeated: bool, tmp_path: Path
) -> None:
    result = gate(tmp_path, workers, **contents)
    assert result.returncode == status, result.stdout
    assert ("once more, alone" in result.stdout) == repeated
    assert "unstable:" not in result.stdout
