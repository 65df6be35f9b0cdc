import json
import re
from pathlib import Path

import pytest
from recore_support.run_command import file_options, run_on_terminal
from recore_support.tiny_submission import tiny

ANSI_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
DONE = "\N{CHECK MARK}"
STEPS = ["upload", "train", "public preprocess", "public predict"]


def last_lines(terminal_output: str, steps: list[str]) -> list[str]:
    lines = [line.strip() for line in re.split(r"[\r\n]+", ANSI_SEQUENCE.sub("", terminal_output))]
    return [[line for line in lines if re.match(rf"\S+ +{step} ", line)][-1] for step in steps]


@pytest.mark.slow
def test_each_step_has_one_line(tmp_path: Path, sample: Path) -> None:
    """The private data have no assays, so there are predictions but no score."""
    options = [*file_options(sample, "public", "private"), "--out", tmp_path / "run"]
    status, out, terminal_output = run_on_terminal("run", tiny(tmp_path / "mine"), *options)
    assert status == 0, terminal_output
    steps = [*STEPS, "public score", "private preprocess", "private predict", "held-out score", "clean up"]
    for step, line in zip(steps, last_lines(terminal_output, steps), strict=True):
        assert re.fullmatch(rf"{DONE} +{step} +Completed +\d+\.\d s( +memory \d+\.\d %)?", line)
    assert "\x1b[" in terminal_output
    assert "Traceback" not in terminal_output
    assert "\x1b" not in out  # stdout is not a terminal
    assert "private" not in out.replace(str(tmp_path), "")
    folder = tmp_path / "run"
    assert (folder / "predictions/private.csv.out").stat().st_size > 0
    assert not (folder / "scores/private.txt").exists()
    record = json.loads((folder / "run.json").read_text())
    assert set(record["scores"]) == {"public"}
    assert record["arguments"]["actual"] is None


@pytest.mark.slow
def test_a_run_on_public_data_alone_is_shown_in_ascii(tmp_path: Path, sample: Path) -> None:
    options = [*file_options(sample, "public"), "--out", tmp_path / "run", "--ascii", "--json"]
    status, out, terminal_output = run_on_terminal("run", tiny(tmp_path / "mine"), *options)
    assert status == 0, terminal_output
    assert terminal_output.isascii()
    steps = [*STEPS, "public score", "held-out score", "clean up"]
    for step, line in zip(steps, last_lines(terminal_output, steps), strict=True):
        assert re.fullmatch(rf"\+ +{step} +Completed +\d+\.\d s( +memory \d+\.\d %)?", line)
    assert json.loads(out)["state"] == "Completed"
    assert len(out.splitlines()) == 1
    assert sorted(path.name for path in (tmp_path / "run/predictions").iterdir()) == ["public.csv.out"]
