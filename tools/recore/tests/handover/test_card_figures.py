"""The figures of the model card match an independent computation."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from handover.following import CUT_OFF
from sklearn.metrics import precision_score, r2_score, recall_score, root_mean_squared_error

from recore.handover.hole_spread import RESAMPLES, SEED


@pytest.fixture(scope="module")
def figures(template_run: Path) -> dict[str, Any]:
    return json.loads((template_run / "handover/handover.json").read_text())["targets"]


@pytest.fixture(scope="module")
def held_out(template_run: Path) -> pd.DataFrame:
    return pd.read_csv(template_run / "predictions/held-out.csv", index_col=0)


def test_each_target_has_the_errors_of_its_held_out_rows(
    figures: dict[str, Any], held_out: pd.DataFrame, template_public: pd.DataFrame
) -> None:
    assert len(figures) == 49
    for name, target in figures.items():
        mask = (template_public[name].notna() & held_out[name].notna()).to_numpy()
        measured, predicted = template_public[name].to_numpy()[mask], held_out[name].to_numpy()[mask]
        cut = CUT_OFF if name == "CuPPM" else np.quantile(measured, 0.75)
        above, called = measured > cut, predicted > cut
        assert target["rows"] == mask.sum()
        assert target["holes"] == template_public["SiteID"][mask].nunique()
        assert target["r2"]["value"] == pytest.approx(r2_score(measured, predicted))
        assert target["rmse"]["value"] == pytest.approx(root_mean_squared_error(measured, predicted))
        assert target["cut_off"]["value"] == pytest.approx(cut)
        assert target["cut_off"]["recall"]["value"] == pytest.approx(recall_score(above, called))
        if called.any():
            assert target["cut_off"]["precision"]["value"] == pytest.approx(precision_score(above, called))
        assert target["cut_off"]["wrong"]["value"] == pytest.approx(np.mean(above != called))


def test_the_intervals_match_a_bootstrap_over_drill_holes(
    figures: dict[str, Any], held_out: pd.DataFrame, template_public: pd.DataFrame
) -> None:
    mask = (template_public["CuPPM"].notna() & held_out["CuPPM"].notna()).to_numpy()
    measured, predicted = template_public["CuPPM"].to_numpy()[mask], held_out["CuPPM"].to_numpy()[mask]
    holes = template_public["SiteID"].to_numpy()[mask].astype(str)
    rows_of = [np.flatnonzero(holes == hole) for hole in np.unique(holes)]
    r2, wrong = [], []
    holes = len(rows_of)
    for times in np.random.default_rng(SEED).multinomial(holes, [1 / holes] * holes, size=RESAMPLES):
        rows = np.concatenate([np.tile(rows, count) for rows, count in zip(rows_of, times, strict=True)])
        r2.append(r2_score(measured[rows], predicted[rows]))
        wrong.append(np.mean((measured[rows] > CUT_OFF) != (predicted[rows] > CUT_OFF)))
    copper = figures["CuPPM"]
    for figure, draws in ((copper["r2"], r2), (copper["cut_off"]["wrong"], wrong)):
        assert [figure["low"], figure["high"]] == pytest.approx(np.percentile(draws, [5, 95]))


def test_the_pages_show_these_figures(figures: dict[str, Any], template_run: Path) -> None:
    card = (template_run / "handover/MODEL_CARD.md").read_text()
    record = json.loads((template_run / "run.json").read_text())
    copper = figures["CuPPM"]
    scores = card.partition("## Scores per target")[2]
    assert f"| {copper['r2']['value']:.3f} | {copper['r2']['low']:.2f} to {copper['r2']['high']:.2f} |" in scores
    assert (
        f"Of 100 samples predicted above {CUT_OFF:g} ppm, {100 * copper['cut_off']['precision']['value']:.0f} (" in card
    )
    assert f"| train | {record['steps'][1]['seconds']:.1f} s |" in card
    assert record["machine"]["processor"] in card.replace("\\", "")
    assert "It contains no LICENSE file" in card
    for sha256 in (record["submission"]["sha256"], *(each["sha256"] for each in record["data"].values())):
        assert sha256 in card


def test_the_requirements_are_the_installed_versions(template_run: Path) -> None:
    from importlib.metadata import version

    first, *lines = (template_run / "handover/requirements.txt").read_text().splitlines()
    assert first.endswith("as installed when this file was written.")
    pinned = dict(line.split("==") for line in lines)
    assert {"numpy", "scikit-learn", "pandas", "pyarrow", "joblib", "python-dateutil"} <= set(pinned)
    assert {name: version(name) for name in pinned} == pinned
    card = (template_run / "handover/MODEL_CARD.md").read_text()
    assert all(re.search(rf"^\| `{name}` \| .+ \| .+ \|$", card, re.MULTILINE) for name in pinned)
