import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from recore_support.browser import assert_usable, open_report
from recore_support.example_runs import Runs, change_record, make_hostile
from recore_support.run_command import file_options, run_recore
from recore_support.tiny_submission import tiny

from recore.dataset.sample_files import Plan, make_sample
from recore.report.run.run_report import write_report


@pytest.fixture
def run(runs: Runs, tmp_path: Path) -> Path:
    for name in ("mine", "before"):
        shutil.copytree(runs.good, tmp_path / "runs" / name)

    def make_earlier(record: dict[str, Any]) -> None:
        record["started"] = "2020-01-01T00:00:00+00:00"
        for index, name in enumerate(record["scores"]["private"]["r2"]):
            record["scores"]["private"]["r2"][name] += 0.01 * (index % 5 - 2)

    change_record(tmp_path / "runs/before", make_earlier)
    return tmp_path / "runs/mine"


FIGURES_WITH_LEGENDS = {"r2", "costs", "history", "change", "predicted-measured"}


def assert_report_works(chromium: Any, page: Path, scheme: str) -> None:
    with open_report(chromium, page, scheme) as report:
        assert_usable(report, page, "Run ", FIGURES_WITH_LEGENDS & set(report.figures()))
        assert report.tab.locator("svg a").count() == 0


@pytest.mark.machine
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("text", ["plain", "hostile"])
def test_the_report_works_in_a_browser(chromium: Any, run: Path, sample: Path, text: str, scheme: str) -> None:
    write_report(make_hostile(run, sample) if text == "hostile" else run)
    assert_report_works(chromium, run / "report.html", scheme)


@pytest.mark.machine
def test_a_report_on_real_soils_works_in_a_browser(chromium: Any, tmp_path: Path) -> None:
    if "RECORE_YAMSYS" not in os.environ:
        pytest.skip("RECORE_YAMSYS is not set; it must name a folder with the YAMSYS soils")
    folder = Path(os.environ["RECORE_YAMSYS"])
    files = ["--public", folder / "public.csv.gz", "--private", folder / "private.csv.gz"]
    result = run_recore(*files, "--actual", folder / "private_actual.csv.gz", "--out", tmp_path / "soils")
    assert result.returncode == 0, result.stderr
    assert_report_works(chromium, tmp_path / "soils/report.html", "light")


@pytest.mark.machine
def test_a_target_is_chosen_by_keyboard(chromium: Any, run: Path) -> None:
    write_report(run)
    with open_report(chromium, run / "report.html") as report:
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
    submission, seconds = tiny(tmp_path / "tiny"), []
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
