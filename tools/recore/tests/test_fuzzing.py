import os
import subprocess
import sys
from pathlib import Path

from stagemaker_support import SEARCH_PATH

TEST = """
import os

from hypothesis import given
from hypothesis import strategies as st
from stagemaker_support.fuzzing import examples, generator

if os.environ.get("LOADED"):
    import constants


@examples(60)
@given(st.integers(), st.sets(st.text(max_size=3)))
def test_prints_examples(number: int, texts: set[str]) -> None:
    print("example", number, sorted(map(ascii, texts)))


def test_prints_random_numbers() -> None:
    print("example", generator("x").random())


@examples(5)
@given(st.integers(0, 99))
def test_fails_for_one_number(number: int) -> None:
    print("example", number)
    assert number != 37
"""


def run(folder: Path, *options: str, **variables: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "test_examples.py").write_text(TEST)
    (folder / "constants.py").write_text("NUMBERS = [" + ", ".join(map(str, range(10**6, 10**6 + 500))) + "]\n")
    environment = {name: value for name, value in os.environ.items() if name != "RECORE_FUZZ"} | variables
    environment["PYTHONPATH"] = f"{SEARCH_PATH}:{folder}"
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += [*options, folder]
    return subprocess.run(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True).stdout


def examples_in(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("example")]


def test_the_gates_examples_are_always_the_same(tmp_path: Path) -> None:
    first = examples_in(run(tmp_path))
    assert len(first) == 60 + 1 + 5
    assert examples_in(run(tmp_path, LOADED="yes")) == first


def test_more_random_examples_find_a_failure(tmp_path: Path) -> None:
    first, second = (run(tmp_path, "-k", "not test_prints_examples", RECORE_FUZZ="20") for _ in range(2))
    assert examples_in(first) != examples_in(second)
    for output in (first, second):
        assert "AssertionError" in output
        assert "@reproduce_failure" in output
