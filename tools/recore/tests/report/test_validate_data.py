from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recore_support.validations import HOSTILE, TARGETS, WEIGHTS, figure, item

from recore.report.page.content import Page


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "name", "level", "reason"),
    [
        (lambda data: data.assign(SiteID="one"), "one hole", "bad", "only one hole"),
        (lambda data: data.iloc[::20], "few rows", "note", "8 rows"),
        (lambda data: data.assign(CuPPM=7.0), "constant", "bad", "CuPPM"),
        (lambda data: data.drop(columns=TARGETS[1:]), "not measured", "note", "48 of 49"),
        (lambda data: data.assign(**dict.fromkeys(TARGETS[1:], 3.0)), "constant", "bad", "48 targets"),
        (lambda data: data.assign(**dict.fromkeys(TARGETS, 3.0)), "constant", "bad", "49 targets"),
        (
            lambda data: data.assign(CuPPM=data["CuPPM"].where(data.index == data.index[0])),
            "seldom measured",
            "note",
            "CuPPM",
        ),
        (lambda data: data.assign(DepthFrom=np.nan), "score", "note", "of 1.01 possible"),
        (lambda data: data.assign(SiteID=data["SiteID"].astype(str) + HOSTILE), "score", "note", "of 1.01 possible"),
    ],
)
def test_unusual_data_are_reported_as_findings(
    validate_changed: Callable[..., Page],
    change: Callable[[pd.DataFrame], pd.DataFrame],
    name: str,
    level: str,
    reason: str,
) -> None:
    findings = validate_changed(change).findings
    messages = [finding.text for finding in findings if (finding.name, finding.level) == (name, level)]
    assert reason in " ".join(messages), messages


@pytest.mark.slow
@pytest.mark.parametrize("rows", [2, 3])
def test_few_rows_are_enough(validate_changed: Callable[..., Page], rows: int) -> None:
    assert validate_changed(lambda data: data.iloc[np.linspace(0, len(data) - 1, rows).astype(int)]).findings


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data.drop(columns=TARGETS), "no row has an assay"),
        (lambda data: data.iloc[:1], "only one row"),
        (lambda data: data.drop(columns="SiteID"), "SiteID"),
        (lambda data: data.assign(CuPPM="n.d."), "not a finite number"),
        (lambda data: data.assign(CuPPM=np.inf), "not a finite number"),
    ],
)
def test_data_that_cannot_be_validated_are_rejected(
    validate_changed: Callable[..., Page], change: Callable[[pd.DataFrame], pd.DataFrame], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        validate_changed(change)


@pytest.mark.slow
def test_targets_without_assays_are_collapsed(validate_changed: Callable[..., Page], tmp_path: Path) -> None:
    page = validate_changed(lambda data: data.drop(columns=TARGETS[2:]))
    section = next(section for section in page.sections if section.name == "target-scores")
    assert section.folded == {"47 of 49 targets without assays in these rows": ", ".join(TARGETS[2:])}
    html = (tmp_path / "f.html").read_text()
    assert f"<summary>47 of 49 targets without assays in these rows</summary><p>{TARGETS[2]}, {TARGETS[3]}" in html
    rows = html[html.index('id="targets"') : html.index('id="residuals"')]
    assert [name for name in TARGETS if f"<td>{name}</td>" in rows] == TARGETS[:2]
    assert len(item(page, "targets")) == 49
    assert len(figure(page, "predicted").choices) == 2


@pytest.mark.slow
def test_values_outside_an_axis_are_marked(validate_changed: Callable[..., Page]) -> None:
    """The holes' copper concentrations differ so much that none can be predicted from the other holes."""

    def shift(data: pd.DataFrame) -> pd.DataFrame:
        holes = np.arange(len(data)) * 3 // len(data)
        return data.assign(SiteID=[f"H{hole}" for hole in holes], CuPPM=50_000.0 * holes + data["CuPPM"])

    page = validate_changed(shift)
    r2 = item(page, "targets").set_index("target").loc["CuPPM", "R2 holes"]
    assert r2 < -0.5, "the data do not have the properties that this test needs"
    count = int((item(page, "targets")["R2 holes"] < -0.5).sum())
    for name in ("r2", "contributions"):
        assert f"{count} value" in figure(page, name).summary
    marks = next(trace for trace in figure(page, "r2").plot.data if trace.name == "held-out drill holes")
    position = list(marks.y).index("CuPPM")
    assert marks.marker.symbol[position] == "triangle-left"
    assert marks.x[position] == -0.5
    assert marks.customdata[position] == r2
    learning_curve = figure(page, "learning").plot.data[1]
    assert learning_curve.name == "R2 of CuPPM"
    assert "triangle-down" in learning_curve.marker.symbol


@pytest.mark.slow
def test_only_nine_of_many_holes_have_their_own_colour(validate_changed: Callable[..., Page]) -> None:
    page = validate_changed(lambda data: data.assign(SiteID=[f"H{index % 20}" for index in range(len(data))]))
    predicted = figure(page, "predicted")
    rows = predicted.plot.layout.meta
    assert "9 holes" in predicted.summary
    assert len(rows["looks"]) == 10
    assert len({(look["color"], look["symbol"]) for look in rows["looks"]}) == 10
    for label, group in zip(rows["labels"], rows["groups"], strict=True):
        hole = label.split(", ")[1]
        assert rows["looks"][group]["name"] == (hole if group else "other holes")
    by_hole = item(page, "residuals-by-hole")
    weights = dict(zip(TARGETS, WEIGHTS, strict=True))
    sizes = (by_hole["mean residual"].abs() * by_hole["target"].map(weights)).groupby(by_hole["SiteID"]).sum()
    assert {look["name"] for look in rows["looks"][1:]} == set(sizes.nlargest(9).index)
