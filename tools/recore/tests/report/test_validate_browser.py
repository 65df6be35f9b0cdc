import re
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from recore_support.browser import open_report
from support.checkout import ROOT

from recore.dataset.sample_files import Plan, make_sample
from recore.report.page.page_files import write_page
from recore.report.validate.submission_report import validate_submission
from recore.validation import ValidationSettings


@pytest.mark.machine
def test_targets_are_chosen_and_points_are_coloured_by_hole(chromium: Any, csv_dir: Path) -> None:
    table = pd.read_csv(csv_dir / "errors-holes.csv").set_index("target")
    with open_report(chromium, csv_dir.with_suffix(".html")) as report:
        tab = report.tab
        drawn = "document.querySelector('[data-figure=predicted]').data.filter(one => one.hoverinfo !== 'skip')"
        series = f"{drawn}.filter(one => one.name !== 'below the axis')"
        count = f"{drawn}.reduce((sum, one) => sum + one.text.length, 0)"
        assert tab.locator("[data-chooses=predicted] option").count() == 49
        assert tab.evaluate(f"{series}.map(series => series.name)") == ["CuPPM"]
        points = tab.evaluate(count)
        assert f"RMSE {table.loc['CuPPM', 'RMSE']:.4g} ppm" in tab.text_content("[data-detail-of=predicted]")
        holes = set(pd.read_csv(csv_dir / "predicted.csv", dtype={"SiteID": str})["SiteID"])
        read_out = re.match(r"\d+, (\d+), [\d.]+ m", report.read_by_keyboard("predicted"))
        assert read_out
        assert read_out[1] in holes
        tab.locator("[data-chooses=predicted]").focus()
        tab.keyboard.press("ArrowDown")
        tab.locator("[data-groups=predicted]").focus()
        tab.keyboard.press("ArrowDown")
        tab.wait_for_timeout(500)
        assert tab.text_content("[data-chooses=predicted] option:checked").startswith("AuPPM")
        assert f"RPIQ {table.loc['AuPPM', 'RPIQ']:.2f}" in tab.text_content("[data-detail-of=predicted]")
        assert set(tab.evaluate(f"{series}.map(series => series.name)")) == holes
        assert tab.evaluate(count) == points
        assert tab.evaluate(f"{series}.every(one => one.text.every(text => text.includes(one.name)))")
        assert set(report.toggle("predicted")) == {"1", "0.5"}
        assert tab.locator("#predicted .plot").bounding_box()["height"] > 500
        tab.locator("[data-groups=predicted]").focus()
        tab.keyboard.press("ArrowUp")
        tab.wait_for_timeout(500)
        assert tab.evaluate(f"{series}.map(series => series.name)") == ["AuPPM"]
        assert report.problems == []


@pytest.mark.timing
def test_many_rows_stay_within_the_time_limit_and_10_MB(tmp_path: Path) -> None:
    make_sample(tmp_path, Plan(rows=28_000, holes=100, channels=1700, missing=0))
    data, settings = tmp_path / "public/public.csv.gz", ValidationSettings(time_limit=1.5)
    started = time.monotonic()
    page = validate_submission(ROOT, data, settings)
    write_page(page, tmp_path / "r.html")
    assert time.monotonic() - started < 60 * settings.time_limit + 15  # a required fit can end late on a busy machine
    assert page.facts["rows used"].startswith("2,")
    assert (tmp_path / "r.html").stat().st_size < 10_000_000
