import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from support.checkout import ROOT, environment

UNSTABLE = """
from pathlib import Path

def test_{name}():
    is_repeated = Path("{name}").exists()
    Path("{name}").touch()
    assert is_repeated, "the first time"
"""
FAILING = "def test_{name}():\n    assert 1 == 2\n"
PASSING_TEST = "def test_{name}():\n    pass\n"
CACHED_TEST = "import sys\ndef test_{name}():\n    assert not sys.dont_write_bytecode\n"
MARKED_TEST = "import pytest\n@pytest.mark.{name}\ndef test_{name}():\n    assert 1 == 2\n"
MISSING_IMPORT = "import no_such_module\n"

GATE = runpy.run_path(str(ROOT / ".ci/gate.py"))
LISTS = {name: GATE["later_files"](name, (ROOT / name).read_text()) for name in GATE["LATER_LISTS"]}
LATER_FILES = [file for files in LISTS.values() for file in files]

FOLDER = "tools/recore/tests/dataset"  # some of its tests run later


def gate(folder: Path, workers: int = 0, **contents: str) -> subprocess.CompletedProcess[str]:
    tests = folder / "tests/unit"
    tests.mkdir(parents=True)
    for name, content in contents.items():
        (tests / f"test_{name}.py").write_text(content.format(name=name))
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = slow\n timing\n fuzz\n machine\n journey\n")
    command = [sys.executable, ROOT / ".ci/gate.py", "tests", "-q", "-n", str(workers), "--dist", "worksteal"]
    command += ["-p", "no:hypothesispytest"]  # its import takes as long as all the rest
    variables = environment() | {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=120)


def test_passing_tests_are_not_run_twice(tmp_path: Path) -> None:
    marked_tests = dict.fromkeys(("slow", "timing", "fuzz", "machine", "journey"), MARKED_TEST)
    result = gate(tmp_path, a=PASSING_TEST, **marked_tests)
    assert result.returncode == 0, result.stdout
    assert "1 passed, 5 deselected" in result.stdout
    assert "running again" not in result.stdout


def test_bytecode_is_stored_and_the_time_is_printed(tmp_path: Path) -> None:
    result = gate(tmp_path, a=CACHED_TEST)
    assert result.returncode == 0, result.stdout
    lines = result.stdout.splitlines()
    folders, files = (lines.index(f"seconds that the tests took, by {by}:") for by in ("folder", "file, the slowest"))
    assert lines[folders + 1].split()[1] == "tests/unit"
    assert lines[files + 1].split()[1] == "tests/unit/test_a.py"
    assert re.fullmatch(r"CPU seconds: \d+", lines[-1])


def test_a_test_that_passes_alone_is_listed_with_its_first_failure(tmp_path: Path) -> None:
    result = gate(tmp_path, workers=2, a=UNSTABLE, b=UNSTABLE, c=PASSING_TEST)
    assert result.returncode == 0, result.stdout
    report = result.stdout.partition("unstable tests: 2 failed at first")[2]
    assert "unstable tests.unit.test_a.test_a" in report
    assert "unstable tests.unit.test_b.test_b" in report
    assert report.count("AssertionError: the first time") == 2


@pytest.mark.parametrize(
    ("contents", "workers", "status", "is_repeated"),
    [
        ({"a": FAILING}, 0, 1, True),
        ({"a": FAILING, "b": UNSTABLE}, 2, 1, True),
        (dict.fromkeys("abcd", UNSTABLE), 0, 1, False),
        ({"a": UNSTABLE, "b": MISSING_IMPORT}, 0, 2, False),
        ({"a": PASSING_TEST, "b": MISSING_IMPORT}, 2, 1, False),
        ({"a": MARKED_TEST.replace("{name}", "slow")}, 0, 5, False),
    ],
    ids=["always", "one-of-two", "four", "no-module", "no-module-of-workers", "no-tests"],
)
def test_every_other_failure_fails_the_gate(
    contents: dict[str, str], workers: int, status: int, is_repeated: bool, tmp_path: Path
) -> None:
    result = gate(tmp_path, workers, **contents)
    assert result.returncode == status, result.stdout
    assert ("rerunning alone" in result.stdout) == is_repeated
    assert "unstable tests:" not in result.stdout


def collect(part: str) -> set[str]:
    command = [sys.executable, ROOT / ".ci/gate.py", part, FOLDER, "--collect-only", "-q"]
    result = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    return {f"tools/recore/{line.split('::')[0]}" for line in result.stdout.splitlines() if "::" in line}


def test_each_test_file_belongs_to_one_of_the_two_parts() -> None:
    first, later = collect("--first"), collect("--later")
    assert later == {file for file in LATER_FILES if file.startswith(f"{FOLDER}/")}
    assert not first & later
    assert f"{FOLDER}/test_import.py" in first


@pytest.mark.parametrize("name", LISTS)
def test_what_is_left_for_later_exists(name: str) -> None:
    files = LISTS[name]
    assert [file for file in files if not (ROOT / file).is_file()] == []
    assert files
    assert sorted(set(files)) == files
