import time
from pathlib import Path
from typing import Any

import pytest
from recore_support.browser import open_report
from recore_support.example_runs import Runs
from recore_support.run_command import file_options, run_recore
from recore_support.tiny_submission import stub

from recore.dataset.sample_files import Plan, make_sample
from recore.report.run.run_report import write_report


@pytest.mark.machine
def test_a_target_is_chosen_by_keyboard(chromium: Any, runs: Runs) -> None:
    with open_report(chromium, runs.good / "report.html") as report:
        tab = report.tab
        shown = "document.querySelector('[data-figure=predicted-measured]')"
        drawn = f"{shown}.data.filter(one => one.visible === true).map(one => one.meta)"
        choices = tab.locator("[data-chooses] option").all_text_contents()
        assert len(choices) == 49
        assert tab.evaluate(drawn) == [0, 0, 0]
        first_ticks = tab.locator("#predicted-measured .xtick").all_text_contents()
        tab.locator("[data-chooses]").focus()
        tab.keyboard.press("ArrowDown")
        tab.keyboard.press("ArrowDown")
        tab.wait_for_timeout(500)
        assert tab.evaluate(drawn) == [2, 2, 2]
        assert tab.locator("#predicted-measured .xtick").all_text_contents() != first_ticks
        assert "measured" in report.read_by_keyboard("predicted-measured")
        assert report.problems == []


@pytest.mark.timing
def test_time_grows_with_the_rows_and_the_page_stays_within_10_MB(tmp_path: Path) -> None:
    submission, seconds = stub(tmp_path / "tiny"), []
    for rows in (2_860, 28_600):
        data, out = tmp_path / f"data-{rows}", tmp_path / f"runs-{rows}/run"
        make_sample(data, Plan(rows=rows, holes=100, channels=1700))
        result = run_recore(submission, *file_options(data, "public"), "--out", out, "--no-report")
        assert result.returncode == 0, result.stderr
        assert not (out / "report.html").exists()
        start = time.process_time()
        page = write_report(out)
        seconds.append(time.process_time() - start)
    assert seconds[1] < 15 * seconds[0]
    assert (out / "report.html").stat().st_size < 10_000_000
    assert len(next(item.numbers for item in page.items if item.name == "predicted-measured")) > 18_000
