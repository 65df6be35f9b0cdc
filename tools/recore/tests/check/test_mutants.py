"""Mutants of the sound submission: each operator changes it, and the rules find some mutants just by reading files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.mutants.catalogue import KINDS, MUTANTS
from benchmarks.mutants.measuring import WEIGHTS, find_codes, make_mutant, make_original, run_pipeline
from recore.check.catalogue import choose_codes, load_catalogue
from recore.check.runner import run_rules
from recore.check.source import SubmissionSource
from recore.dataset.sample_files import SAMPLE_FILES, Plan, make_sample
from recore.evaluation.data import DataFiles
from stagemaker.server import Simulator

BY_NAME = {mutant.name: mutant for mutant in MUTANTS}

FOUND_BY_READING = {
    "train.py is missing `import numpy as np`": "RC102",
    "preprocess.py imports linear.py": "RC109",
    "train.py misspells a target": "RC119",
    "setup.py misspells a module": "RC201",
    "setup.py is missing linear": "RC202",
}
FOUND_BY_RUNNING = {
    "the response is rounded to two digits": "RC604",
    "the prediction is missing the last row": "RC602",
    "preprocess.py subtracts the mean of the file": "RC505",
    "the model holds a function of train.py": "RC401",
    "preprocess.py adds noise": "RC303",
    "a module is split in two": "",
    "pandas reads the data": "",
    "normalised rows": "",
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataFiles:
    folder = tmp_path_factory.mktemp("data")
    make_sample(folder, Plan(rows=120, holes=8, channels=60))
    return DataFiles(*(folder / file for file in SAMPLE_FILES))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_there_are_enough_mutants_with_different_names() -> None:
    kinds = [mutant.kind for mutant in MUTANTS]
    assert len(BY_NAME) == len(MUTANTS)
    assert set(kinds) == set(KINDS)
    assert kinds.count("mistake") >= 60
    assert kinds.count("equivalent") >= 15


def test_every_operator_changes_the_submission_in_its_own_way(tmp_path: Path) -> None:
    original, names_by_content = contents(make_original(tmp_path / "original")), {}
    for number, mutant in enumerate(MUTANTS):
        changed = contents(make_mutant(mutant, tmp_path / str(number)))
        assert changed != original, mutant.name
        key = frozenset(changed.items())
        assert key not in names_by_content, (mutant.name, names_by_content[key])
        names_by_content[key] = mutant.name


def test_an_operator_that_finds_nothing_to_change_raises_an_error(tmp_path: Path) -> None:
    mutant = BY_NAME["setup.py misspells a module"]
    folder = make_mutant(mutant, tmp_path / "mutant")
    with pytest.raises(ValueError, match=r"setup.py holds '\"linear\"' 0 times"):
        mutant.change(folder)


@pytest.mark.parametrize("name", FOUND_BY_READING)
def test_reading_the_files_finds_a_mutant(name: str, tmp_path: Path) -> None:
    folder = make_mutant(BY_NAME[name], tmp_path / "mutant")
    rules = load_catalogue()
    results = run_rules(rules, choose_codes(rules, [], [], False), SubmissionSource(folder, tuple(WEIGHTS)))
    assert [result.rule.code for result in results if result.findings] == [FOUND_BY_READING[name]]


def test_reading_the_files_finds_no_fault_in_harmless_changes(tmp_path: Path) -> None:
    rules = load_catalogue()
    codes = choose_codes(rules, [], [], False)
    for number, mutant in enumerate(mutant for mutant in MUTANTS if mutant.kind in ("equivalent", "other")):
        folder = make_mutant(mutant, tmp_path / str(number))
        results = run_rules(rules, codes, SubmissionSource(folder, tuple(WEIGHTS)))
        assert [result.findings for result in results if result.findings] == [], mutant.name


@pytest.mark.slow
@pytest.mark.parametrize("name", FOUND_BY_RUNNING)
def test_running_the_submission_finds_a_mutant(
    name: str, simulator: Simulator, data: DataFiles, tmp_path: Path
) -> None:
    folder = make_mutant(BY_NAME[name], tmp_path / "mutant")
    codes = find_codes(folder, data.public, simulator)
    assert FOUND_BY_RUNNING[name] in codes if FOUND_BY_RUNNING[name] else codes == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "effect"),
    [
        ("a module is split in two", "none"),
        ("setup.py is missing linear", "fails: train"),
        ("other bins", "public score"),
    ],
)
def test_the_effect_is_measured_by_running_the_pipeline(
    name: str, effect: str, simulator: Simulator, data: DataFiles, tmp_path: Path
) -> None:
    original = run_pipeline(make_original(tmp_path / "original"), data, simulator)
    mutant = run_pipeline(make_mutant(BY_NAME[name], tmp_path / "mutant"), data, simulator)
    assert mutant.effect(original).startswith(effect)
