import json
import re
from pathlib import Path

import pytest
from recore_support.run_command import file_options, run_on_terminal
from recore_support.tiny_submission import stub

ANSI_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
CHECK_MARK = "\N{CHECK MARK}"


def last_lines(terminal_output: str, steps: list[str]) -> list[str]:
    lines = [line.strip() for line in re.split(r"[\r\n]+", ANSI_SEQUENCE.sub("", terminal_output))]
    return [[line for line in lines if re.match(rf"\S+ +{step} ", line)][-1] for step in steps]


SPLIT_STEPS = ["public preprocess", "public predict", "public score", "private preprocess", "private predict"]


@pytest.mark.slow
@pytest.mark.parametrize("ascii_only", [False, True], ids=["Unicode", "ASCII"])
def test_each_step_has_one_line(ascii_only: bool, tmp_path: Path, sample: Path) -> None:
    """The private data have no assays, so there are predictions but no score."""
    splits, mark = (["public"], r"\+") if ascii_only else (["public", "private"], CHECK_MARK)
    flags = ["--ascii", "--json"] if ascii_only else []
    options = [*file_options(sample, *splits), "--out", tmp_path / "run", *flags]
    status, out, terminal_output = run_on_terminal("run", stub(tmp_path / "mine"), *options)
    assert status == 0, terminal_output
    steps = ["upload", "train", *(SPLIT_STEPS[:3] if ascii_only else SPLIT_STEPS), "held-out score", "clean up"]
    for step, line in zip(steps, last_lines(terminal_output, steps), strict=True):
        assert re.fullmatch(rf"{mark} +{step} +Completed +\d+\.\d s( +memory \d+\.\d %)?", line)
    assert terminal_output.isascii() == ascii_only
    assert "\x1b[" in terminal_output
    assert "Traceback" not in terminal_output
    assert "\x1b" not in out  # stdout is not a terminal
    assert "private" not in out.replace(str(tmp_path), "") or ascii_only
    record = json.loads((tmp_path / "run/run.json").read_text())
    if ascii_only:
        assert json.loads(out) == record
    assert record["state"] == "Completed"
    assert set(record["scores"]) == {"public"}
    assert record["arguments"]["actual"] is None
    predictions = tmp_path / "run/predictions"
    assert sorted(path.name for path in predictions.iterdir()) == sorted(f"{split}.csv.out" for split in splits)
    assert all(path.stat().st_size for path in predictions.iterdir())
    assert not (tmp_path / "run/scores/private.txt").exists()
