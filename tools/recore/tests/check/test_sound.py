"""Sound submissions cause no errors or warnings, with few or many rows, even if all CPUs are busy."""

import subprocess
import sys
from collections.abc import Iterator
from os import cpu_count
from pathlib import Path

import pytest
from recore_support.checking import check
from recore_support.edited_submissions import SUBMISSIONS
from support.checkout import ROOT
from support.once import make_once

from recore.check.rule import Level
from recore.dataset.sample_files import Plan, make_sample
from recore.template.new_submission import list_models, write_submission
from stagemaker.server import Simulator

INDEPENDENT = sorted(path.name for path in (SUBMISSIONS / "independent").iterdir())
FEW_ROWS = 1000  # a file with no more rows may cause a note about its size
ROWS = (200, FEW_ROWS, 3000)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def busy_cpus() -> Iterator[None]:
    """Keep every CPU busy with a process that never sleeps."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cpu_count() or 1)]
    yield
    for process in processes:
        process.kill()
        process.wait()


def data_of(rows: int, factory: pytest.TempPathFactory) -> Path:
    return make_once(factory, f"sound-{rows}", lambda folder: make_sample(folder, Plan(rows=rows))) / (
        "public/public.csv.gz"
    )


def folder_of(name: str, folder: Path) -> Path:
    """Return a submission's folder: the template, a `recore new` model, or one in submissions/independent."""
    if name in list_models():
        write_submission(folder / "new", name)
        return folder / "new"
    return ROOT if name == "template" else SUBMISSIONS / "independent" / name


@pytest.mark.timing
@pytest.mark.usefixtures("busy_cpus")
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("name", ["template", *list_models(), *INDEPENDENT])
def test_a_sound_submission_has_neither_errors_nor_warnings(
    name: str, rows: int, simulator: Simulator, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    all_findings = check(simulator, folder_of(name, tmp_path), data_of(rows, tmp_path_factory))
    notes = [finding for findings in all_findings.values() for finding in findings if finding.level is Level.NOTE]
    assert sum(map(len, all_findings.values())) == len(notes), all_findings
    assert rows <= FEW_ROWS or not notes, all_findings
