import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from recore_support.browser import OpenReport, assert_sound, assert_usable, open_report
from recore_support.example_runs import HOSTILE, change_record, make_hostile, make_runs
from recore_support.monitored_traffic import monitor_sample
from support.checkout import ROOT, environment
from support.data_files import write_csv
from support.once import make_once

from recore.dataset.sample_files import Plan, make_sample
from recore.report import drift_page
from recore.report.explore.file_report import explore_file
from recore.report.page.page_files import write_page
from recore.report.run.run_report import write_report

pytestmark = pytest.mark.machine

FIND_LABEL_PROBLEMS = Path(__file__).with_name("labels.js").read_text()
MAX_PRINT_SIZE = 5_000_000  # bytes


def make_explore_report(folder: Path, sample: Path) -> None:
    write_page(explore_file(sample / "public/public.csv.gz", sample / "private/private.csv.gz"), folder / "report.html")


def read_with_long_names(sample: Path) -> pd.DataFrame:
    data = pd.read_csv(sample / "public/public.csv.gz", index_col=0)
    return data.assign(SiteID=data["SiteID"].astype(str) + HOSTILE)


def make_long_names_report(folder: Path, sample: Path) -> None:
    """Write a report with few targets, one of which contains zeros, and with long hole names that contain markup."""
    data = read_with_long_names(sample)
    data = data.drop(columns=[name for name in data if name.endswith("PPM") and name not in ("CuPPM", "AuPPM")])
    data.loc[data.index[:5], "CuPPM"] = 0
    write_page(explore_file(write_csv(folder / "long.csv.gz", data)), folder / "report.html")


def make_validate_report(folder: Path, sample: Path) -> None:
    public = write_csv(folder / "long.csv.gz", read_with_long_names(sample))
    files = ["--public", str(public), "--out", str(folder / "report.html")]
    command = [sys.executable, "-m", "recore", "validate", *files, "--repeats", "1", "--time-limit", "0.5"]
    subprocess.run(command, cwd=ROOT, env=environment(), check=True, timeout=600)


def make_run_report(folder: Path, sample: Path) -> None:
    """Write the report of a run next to an earlier run that was better for some targets."""
    make_runs(folder / "made", sample)
    shutil.copytree(folder / "made/runs/good", folder / "runs/mine")
    shutil.copytree(folder / "made/runs/good", folder / "runs/before")

    def make_earlier(record: dict[str, Any]) -> None:
        record["started"] = "2020-01-01T00:00:00+00:00"
        for index, name in enumerate(record["scores"]["private"]["r2"]):
            record["scores"]["private"]["r2"][name] += 0.01 * (index % 5 - 2)

    def lower_r2(record: dict[str, Any]) -> None:
        record["scores"]["private"]["r2"]["CuPPM"] = -7.25
        record["scores"]["public"]["r2"]["AuPPM"] = record["scores"]["private"]["r2"]["AuPPM"] = None

    change_record(folder / "runs/before", make_earlier)
    write_report(change_record(folder / "runs/mine", lower_r2))
    move_report(folder / "runs/mine", folder)


def make_hostile_run_report(folder: Path, sample: Path) -> None:
    make_runs(folder / "made", sample)
    write_report(make_hostile(folder / "made/runs/good", sample))
    move_report(folder / "made/runs/good", folder)


def move_report(run: Path, folder: Path) -> None:
    (run / "report.html").rename(folder / "report.html")
    (run / "report").rename(folder / "report")


def make_drift_report(folder: Path, sample: Path) -> None:
    make_sample(folder, Plan(rows=400, holes=40, channels=120, seed=5))
    write_page(drift_page(monitor_sample(folder, 0.2, HOSTILE)), folder / "report.html")


REPORTS: dict[str, Callable[[Path, Path], None]] = {
    "explore": make_explore_report,
    "long names": make_long_names_report,
    "validate": make_validate_report,
    "run": make_run_report,
    "hostile run": make_hostile_run_report,
    "drift": make_drift_report,
}
# The title of each report, and its figures with a legend.
LEGENDS = {
    "Explore": {"spectra", "spectra-by-hole", "scores"},
    "Validate": {"comparison-scores", "r2", "contributions", "sensitivity"},
    "Run ": {"r2", "possible-gains", "history", "change", "predicted-measured"},
    "Drift at cores": {"evidence", "samples", "scores", "deviations"},
}
# Of a figure's buttons none may send data to another computer: a new one needs a look at what it does.
BUTTONS = {"Download plot as a PNG", "Zoom", "Pan", "Zoom in", "Zoom out", "Autoscale", "Reset axes"}


@pytest.fixture(params=REPORTS)
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sample: Path) -> Path:
    make = REPORTS[request.param]
    return make_once(tmp_path_factory, f"layout {request.param}", lambda folder: make(folder, sample)) / "report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_works_with_mouse_and_keyboard_and_in_print(chromium: Any, page: Path, scheme: str) -> None:
    with open_report(chromium, page, scheme) as report:
        title = next(title for title in LEGENDS if report.tab.title().startswith(title))
        assert_usable(report, page, title, LEGENDS[title] & set(report.figures()))
        assert report.tab.locator("svg a").count() == 0
        assert report.buttons() == BUTTONS


@pytest.mark.parametrize("width", [1280, 390])
def test_labels_do_not_overlap_and_nothing_overflows(chromium: Any, page: Path, width: int) -> None:
    with open_report(chromium, page, width=width) as report:
        assert_sound(report, page)
        assert report.tab.evaluate(FIND_LABEL_PROBLEMS) == []


@pytest.mark.parametrize("page", ["validate", "run"], indirect=True)
@pytest.mark.parametrize("width", [1280, 390])
def test_predicted_against_measured_is_a_square_with_equal_axes(chromium: Any, page: Path, width: int) -> None:
    """This holds for every target, so the 1:1 line always runs from corner to corner."""
    with open_report(chromium, page, width=width) as report:
        chooser = report.tab.locator("[data-chooses]")
        figure = chooser.get_attribute("data-chooses")
        for choice in range(0, chooser.locator("option").count(), 6):
            chooser.select_option(str(choice))
            report.tab.wait_for_timeout(300)
            area = report.tab.locator(f"#{figure} .nsewdrag").bounding_box()
            assert area["width"] == pytest.approx(area["height"], abs=1)
            assert area["width"] > 0.5 * min(width, 600)
            x, y = report.tab.evaluate(f"""() => {{
                const {{ xaxis, yaxis }} = document.querySelector("[data-figure={figure}]")._fullLayout;
                return [xaxis, yaxis].map((axis) => [axis.type, ...axis.range]);
            }}""")
            assert x[0] == y[0]
            assert x[1:] == pytest.approx(y[1:])


def test_a_report_adapts_to_a_narrower_window(chromium: Any, page: Path) -> None:
    with open_report(chromium, page, width=1280) as report:
        report.tab.set_viewport_size({"width": 390, "height": 900})
        report.tab.wait_for_timeout(3000)
        assert (
            report.tab.evaluate("Math.max(...[...document.querySelectorAll('.plot')].map((one) => one.layout.width))")
            < 390
        )
        assert report.tab.evaluate(FIND_LABEL_PROBLEMS) == []


def choices_on_paper(report: OpenReport) -> set[int]:
    """Return the choices whose series are visible when the report is printed."""
    return set(
        report.tab.evaluate("""() => {
            dispatchEvent(new Event("beforeprint"));
            const choosers = [...document.querySelectorAll("[data-chooses]")];
            const series = choosers.flatMap(
                (one) => document.getElementById(one.dataset.chooses).querySelector(".plot").data);
            return series.filter((one) => one.visible === true && one.meta !== undefined).map((one) => one.meta);
        }""")
    )


def test_a_printed_report_is_small_and_shows_the_chosen_target(chromium: Any, page: Path) -> None:
    with open_report(chromium, page, width=1280) as report:
        for chooser in report.tab.query_selector_all("[data-chooses]"):
            chooser.select_option("3")
        printed = report.tab.pdf(format="A4")
        assert printed.startswith(b"%PDF")
        assert len(printed) < MAX_PRINT_SIZE
        assert choices_on_paper(report) <= {3}
        assert not report.tab.query_selector("[data-chooses]") or choices_on_paper(report) == {3}
        assert report.problems == []
