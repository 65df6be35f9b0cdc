import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from recore.evaluation.scores import Score, make_tables, read_score, read_scores


def write_details(path: Path, **r2: float | None) -> Path:
    weights = {"CuPPM": 0.35, "AuPPM": 0.04, "FePCT": 0.025}
    targets = {name: {"weight": weights[name], "r2": value, "measured": 5} for name, value in r2.items()}
    path.write_text(json.dumps({"score": 0.25, "weights_scored": 0.415, "rows": 5, "targets": targets}))
    return path


def test_contributions_and_possible_gains_are_computed_from_weights_and_r2(tmp_path: Path) -> None:
    score = read_score(write_details(tmp_path / "public.json", CuPPM=0.6, AuPPM=-1.0, FePCT=None))
    assert (score.value, score.weights_scored, score.rows) == (0.25, 0.415, 5)
    assert [score.contribution(name) for name in score.r2] == pytest.approx([0.21, -0.04, 0])
    assert [score.possible_gain(name) for name in score.r2] == pytest.approx([0.14, 0.08, 0])


def test_the_table_lists_the_targets_that_help_and_hurt_most(tmp_path: Path) -> None:
    write_details(tmp_path / "public.json", CuPPM=0.6, AuPPM=0.1, FePCT=0.8)
    write_details(tmp_path / "private.json", CuPPM=0.4, AuPPM=-5.0, FePCT=None)
    scores = read_scores(tmp_path)
    assert list(scores) == ["public", "private"]
    output = io.StringIO()
    Console(file=output, width=80).print(*make_tables(scores), sep="\n")
    lines = [line.split() for line in output.getvalue().splitlines()]
    assert ["score", "0.2500", "0.2500"] in lines
    assert ["CuPPM", "0.35", "0.600", "0.400", "0.1400"] in lines
    assert ["CuPPM", "0.35", "0.600", "0.400", "0.2100"] in lines
    gains = [line[0] for line in lines[[line[:2] for line in lines].index(["Largest", "possible"]) :] if line]
    assert gains.index("AuPPM") < gains.index("CuPPM")
    assert output.getvalue().isascii()


def test_a_public_score_alone_is_shown(tmp_path: Path) -> None:
    write_details(tmp_path / "public.json", CuPPM=0.6)
    assert isinstance(read_scores(tmp_path)["public"], Score)
    assert len(make_tables(read_scores(tmp_path))) == 3


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"score": 1, "weights_scored": 1, "rows": 1, "targets": {"CuPPM": 1}}']
)
def test_json_that_is_not_score_details_is_rejected(content: str, tmp_path: Path) -> None:
    (tmp_path / "public.json").write_text(content)
    with pytest.raises(ValueError, match=r"public\.json: these are not score details"):
        read_scores(tmp_path)


def test_missing_scores_are_reported(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"neither public\.json nor private\.json"):
        read_scores(tmp_path)
