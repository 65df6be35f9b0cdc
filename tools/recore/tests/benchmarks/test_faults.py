"""benchmarks/faults.py: each fault in its list can be injected into the current source, and is seen by tests."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from support.checkout import ROOT, environment

from benchmarks import faults
from benchmarks.fault_list import AREAS, FAULTS, Fault
from benchmarks.fault_measuring import RECORDED, Measurement, edited, make_environment, text_at

GONE = Fault("dataset", "a fault", "tools/recore/src/recore/gone.py", "pass", "return")
CHANGED = Fault("scripts", "a fault", "score.py", "no such line", "pass")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_fault_changes_one_line(fault: Fault) -> None:
    before = (ROOT / fault.file).read_text("utf-8")
    after = edited(before, fault)
    compile(after, fault.file, "exec")
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    assert [(old.strip(), new.strip()) for old, new in pairs if old != new] == [(fault.old, fault.new)]


def test_a_line_that_occurs_twice_or_does_not_compile_is_refused() -> None:
    fault = Fault("dataset", "a fault", "a.py", "pass", "return (")
    with pytest.raises(ValueError, match="2 times"):
        edited("if a:\n    pass\nelse:\n    pass\n", fault)
    with pytest.raises(ValueError, match="0 times"):
        edited("a = 1\n", fault)
    with pytest.raises(ValueError, match="does not compile"):
        edited("def a():\n    pass\n", fault)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (GONE, "there is no tools/recore/src/recore/gone.py in "),
        (CHANGED, "score.py has the line 'no such line' 0 times, not once"),
    ],
)
def test_a_fault_that_a_commit_does_not_have_ends_the_benchmark_with_one_line(
    fault: Fault, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "FAULTS", (fault,))
    monkeypatch.setattr("sys.argv", ["faults.py"])
    with pytest.raises(SystemExit) as end:
        faults.main()
    assert str(end.value).startswith(f"faults.py: a fault: {reason}")
    assert "\n" not in str(end.value)
    with pytest.raises(ValueError, match="there is no"):
        text_at("HEAD", GONE.file)


def test_every_area_has_enough_faults() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 49
    counts = Counter(fault.area for fault in FAULTS)
    assert counts.keys() == AREAS.keys()
    assert min(counts.values()) >= 2


def test_every_area_has_tests() -> None:
    for area, paths in AREAS.items():
        missing = [path for path in paths if not (ROOT / path).exists()]
        assert not missing, area
        assert any(path.suffix or list(path.rglob("test_*.py")) for path in (ROOT / name for name in paths)), area


def test_the_template_is_recorded_anew_with_a_fault() -> None:
    """Otherwise, the tests of the template's own submission would be skipped."""
    assert (ROOT / RECORDED).is_file()


def test_the_default_selection_is_that_of_the_gate() -> None:
    assert "slow" in faults.MARKERS
    assert f'"{faults.MARKERS}"' in (ROOT / ".ci/gate.py").read_text()


def test_what_make_test_leaves_for_later_can_be_left_out() -> None:
    later = faults.later_files("HEAD")
    [everything] = Measurement("HEAD", faults.MARKERS, 60)._files(ROOT, "stagemaker/images")
    measurement = Measurement("HEAD", faults.MARKERS, 60, later)
    [files] = measurement._files(ROOT, "stagemaker/images")
    assert "tools/stagemaker/tests/simulator/test_images.py" in files
    assert set(files) == set(everything) - set(later) < set(everything)
    assert measurement.selection == f"{faults.MARKERS}, first"
    with pytest.raises(RuntimeError, match="no tests of stagemaker/images are to run in HEAD"):
        Measurement("HEAD", faults.MARKERS, 60, everything)._files(ROOT, "stagemaker/images")


def test_every_process_of_a_copy_has_the_packages_of_the_copy(tmp_path: Path) -> None:
    """Tests start processes without PYTHONPATH, and programs of the environment."""
    sources = {name: tmp_path / name / "src" for name in ("recore", "stagemaker")}
    for name, source in sources.items():
        (source / name).mkdir(parents=True)
        (source / name / "__init__.py").write_text(f"print('{name} with a fault')\n")
    (sources["stagemaker"] / "stagemaker/__main__.py").write_text("def run():\n    print('the command')\n")
    make_environment(tmp_path / "venv", sources)
    program = "import recore, stagemaker, pytest, sys; print(sys.prefix)"
    packages = "recore with a fault\nstagemaker with a fault\n"
    for command, expected in (
        ([tmp_path / "venv/bin/python", "-c", program], f"{packages}{tmp_path / 'venv'}\n"),
        ([tmp_path / "venv/bin/stagemaker"], "stagemaker with a fault\nthe command\n"),
    ):
        output = subprocess.run(command, cwd=tmp_path, env=environment(), check=True, capture_output=True, text=True)
        assert output.stdout == expected
    assert (Path(sys.prefix) / "bin/python").exists()
    own = subprocess.run([sys.executable, "-c", "import stagemaker"], cwd=tmp_path, capture_output=True, check=True)
    assert own.stdout == b"", "the environment of this process has changed"
