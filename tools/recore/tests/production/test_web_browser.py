"""An endpoint's web page in headless Chromium. The simulator hosts the endpoint."""

from pathlib import Path
from typing import Any

import pytest
from recore_support.production import ProductionCommands
from recore_support.schema import TARGETS
from recore_support.web_page import PNG, WebPage, csv_bytes, opus_file, read_assays, read_rows
from recore_support.web_tab import Tab, open_tab
from stagemaker_support.axe import find_barriers

pytestmark = pytest.mark.machine


def test_dropped_files_get_the_same_assays_as_with_predict(
    tab: Tab, files: dict[str, bytes], project: ProductionCommands, few_rows: Path, tmp_path: Path
) -> None:
    project.succeed("predict", few_rows, "--out", tmp_path / "assays.csv", "--version", 1)
    expected = read_assays(tmp_path / "assays.csv")
    tab.drop(files)
    assert tab.messages() == []
    assert tab.page.text_content("#status") == "3 files: 7 samples."
    downloaded = tab.download(lambda: tab.page.click("#download"))
    assert len(downloaded) == 7 * len(TARGETS)
    by_file: dict[str, list[float]] = {}
    for row in downloaded:
        by_file.setdefault(row["file"], []).append(float(row["value"]))
    assert by_file["few.csv"] == pytest.approx([row[name] for row in expected for name in TARGETS], rel=1e-9)
    for number in (1, 2):  # OPUS files contain 32-bit numbers
        values = [expected[number - 1][name] for name in TARGETS]
        assert by_file[f"DD00{number}_53.0"] == pytest.approx(values, rel=1e-2, abs=1e-2)
    assert {row["unit"] for row in downloaded} == {"ppm", "%", "ppb"}
    assert [row["assay"] for row in downloaded[: len(TARGETS)]] == list(TARGETS)
    copper = next(row for row in tab.rows("assays-table") if row[0] == "CuPPM")
    assert float(copper[1]) == pytest.approx(expected[0]["CuPPM"], rel=1e-3)
    assert copper[2] == "ppm"
    assert " to " in copper[3]


def test_the_spectrum_is_drawn_with_the_names_of_its_bands(tab: Tab, files: dict[str, bytes]) -> None:
    tab.add_files(files)
    assert tab.page.locator("#spectrum :is(a, button)").count() == 0  # nothing that could send the spectrum elsewhere
    path = tab.page.get_attribute("#spectrum .curve", "d")
    assert path.count("L") == 119
    names = tab.page.locator("#spectrum .name").all_text_contents()
    assert {"water", "Si-O", "carbonate", "Al-OH"} <= {*names}
    assert "Excluding both ends, the highest absorbance is" in tab.page.text_content("#spectrum-summary")
    value = tab.page.text_content("#cursor-value")
    tab.page.locator("#spectrum").scroll_into_view_if_needed()
    box = tab.page.locator("#spectrum").bounding_box()
    tab.page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)
    assert tab.page.text_content("#cursor-value") != value


def test_a_script_in_names_is_shown_as_text(tab: Tab, few_rows: Path) -> None:
    rows = read_rows(few_rows)
    script = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    content = csv_bytes([rows[0], [script, *rows[1][1:]]])
    tab.add_files({"<img src=x onerror=alert(3)>.csv": content, "<b>bad<b>.csv": b"x"})
    assert [row[0] for row in tab.rows()] == [script]
    assert tab.rows()[0][5] == "<img src=x onerror=alert(3)>.csv"
    assert tab.page.text_content("#sample-title") == f"Sample {script}"
    assert tab.page.locator("main img, main b, main script").count() == 0
    assert tab.messages()[0].startswith("<b>bad<b>.csv: ")
    downloaded = tab.download(lambda: tab.page.click("#download"))
    assert {row["sample"] for row in downloaded} == {script}


def test_a_formula_in_a_name_is_text_in_a_spreadsheet(tab: Tab, few_rows: Path) -> None:
    rows = read_rows(few_rows)
    names = {
        "=HYPERLINK(1)": "'=HYPERLINK(1)",
        "-1+2": "'-1+2",
        "a;=1+2": "a;'=1+2",
        "a; @SUM(1)": "a;' @SUM(1)",
        "b;c;+1": "b;c;'+1",
        "\uff1d1+2": "'\uff1d1+2",
        "\uff20SUM(1)": "'\uff20SUM(1)",
        "A-1=2+3": "A-1=2+3",
    }
    tab.add_files({"+1.csv": csv_bytes([rows[0], *([name, *rows[1][1:]] for name in names)])})
    downloaded = tab.download(lambda: tab.page.click("#download"))
    assert [row["sample"] for row in downloaded[:: len(TARGETS)]] == [*names.values()]
    assert {row["file"] for row in downloaded} == {"'+1.csv"}
    assert not any("'" in row["value"] for row in downloaded)
    write = "(value) => import('./static/table.js').then((table) => table.writeCsv([[value]]))"
    assert tab.page.evaluate(write, "  =1") == "'  =1\r\n"
    assert tab.page.evaluate(write, -1.5) == "-1.5\r\n"


def test_replicates_of_a_sample_have_different_names(tab: Tab, files: dict[str, bytes]) -> None:
    opus = files["DD001_53.0"]
    tab.add_files({"DD1.0": opus, "DD1.1": opus, "DD1.2": opus})
    assert [row[0] for row in tab.rows()] == ["DD1", "DD1, replicate 1", "DD1, replicate 2"]
    tab.page.click("text=DD1, replicate 2")
    assert tab.page.text_content("#sample-title") == "Sample DD1, replicate 2"


def test_the_newest_sample_is_on_top_and_chosen_and_the_focus_stays(tab: Tab, files: dict[str, bytes]) -> None:
    tab.add_files({"DD7.0": files["DD001_53.0"], "DD8.0": files["DD002_53.0"]})
    tab.page.click("text=DD8")
    tab.page.locator("#samples-table button", has_text="DD8").focus()
    tab.page.locator("#samples-table button", has_text="DD8").evaluate("button => { button.old = true; }")
    tab.drop({"DD9.0": files["DD001_53.0"], "DD6.0": files["DD002_53.0"]})
    assert [row[0] for row in tab.rows()] == ["DD9", "DD6", "DD7", "DD8"]
    focused = "() => [document.activeElement.textContent, document.activeElement.old]"
    assert tab.page.evaluate(focused) == ["DD8", None]
    assert tab.page.text_content("#sample-title") == "Sample DD9"
    assert tab.page.locator("#samples-table [aria-current=true]").all_text_contents() == ["DD9"]
    tab.page.click("text=DD8")
    tab.page.reload()
    tab.page.wait_for_selector("html[data-ready]")
    assert tab.page.text_content("#sample-title") == "Sample DD9"


def test_live_regions_exist_before_they_are_announced(tab: Tab, files: dict[str, bytes]) -> None:
    display = "element => getComputedStyle(element).display"
    for name in ("status", "messages"):
        assert tab.page.text_content(f"#{name}") == ""
        assert tab.page.locator(f"#{name}").evaluate(display) != "none"
    assert tab.page.locator("main [aria-busy]").count() == 0
    watch = """() => { window.busy = []; new MutationObserver((changes) => changes.forEach(({ target }) =>
      window.busy.push(`${target.id} ${target.getAttribute("aria-busy")}`)))
      .observe(document.body, { subtree: true, attributeFilter: ["aria-busy"] }); }"""
    tab.page.evaluate(watch)
    tab.add_files({"a.csv": b"x", **files})
    assert set(tab.page.evaluate("() => window.busy")) <= {"samples true", "samples false"}
    assert tab.page.get_attribute("#samples", "aria-busy") == "false"
    regions = tab.page.get_by_role("region")
    names = [regions.nth(index).aria_snapshot().splitlines()[0] for index in range(regions.count())]
    assert len({*names}) == len(names) >= 4


def test_ten_files_at_once_are_shown_in_their_order(tab: Tab, few_rows: Path) -> None:
    rows = read_rows(few_rows)
    files = {f"S{index}.0": opus_file(rows, 1 + index % 5) for index in range(10)}
    tab.add_files(files)
    assert tab.messages() == []
    assert [row[5] for row in tab.rows()] == list(files)
    tab.add_files({f"T{index}.0": files["S1.0"] for index in range(22)})
    assert tab.messages() == ["2 files: not sent, because the limit is 20 at once"]
    assert len(tab.rows()) == 30


def test_samples_are_sorted_and_filtered_by_a_cut_off(tab: Tab, files: dict[str, bytes]) -> None:
    tab.add_files(files)
    tab.page.select_option("#assay", "FePCT")
    header = tab.page.locator("#samples-table thead th").nth(2)
    assert header.text_content() == "FePCT, %"
    header.locator("button").click()
    values = [float(row[2]) for row in tab.rows()]
    assert values == sorted(values)
    assert tab.page.locator("#samples-table thead th").nth(2).get_attribute("aria-sort") == "ascending"
    tab.page.locator("#samples-table thead th").nth(2).locator("button").click()
    assert [float(row[2]) for row in tab.rows()] == sorted(values, reverse=True)
    limit = sorted(values)[3]
    tab.page.fill("#cut-off", str(limit))
    shown = [float(row[2]) for row in tab.rows()]
    assert 0 < len(shown) < 7
    assert min(shown) >= limit * 0.999
    assert f"{len(shown)} of 7 samples have FePCT of at least" in tab.page.text_content("#shown")
    downloaded = tab.download(lambda: tab.page.click("#download"))
    assert len(downloaded) == len(shown) * len(TARGETS)
    iron = [float(row["value"]) for row in downloaded if row["assay"] == "FePCT"]
    assert iron == pytest.approx(shown, rel=1e-3)  # in the order shown
    assert iron == sorted(iron, reverse=True)


def test_the_history_is_of_this_session(tab: Tab, web_page: WebPage, chromium: Any, files: dict[str, bytes]) -> None:
    tab.add_files(files)
    rows = tab.rows()
    tab.page.reload()
    tab.page.wait_for_selector("html[data-ready]")
    assert tab.rows() == rows
    assert tab.page.is_visible("#spectrum .curve")
    with open_tab(chromium, web_page.address) as other_tab:
        assert other_tab.page.is_hidden("#samples")
    tab.page.click("#clear")
    assert tab.page.text_content("#status") == "7 samples removed from this tab."
    assert find_barriers(tab.page) == []
    tab.page.click("#undo")
    assert tab.page.text_content("#status") == "7 samples restored."
    tab.page.reload()
    tab.page.wait_for_selector("html[data-ready]")
    assert tab.rows() == rows
    tab.page.click("#clear")
    tab.add_files({"S1.0": files["DD001_53.0"]})
    assert tab.page.is_hidden("#undo")  # undo would remove the new sample
    tab.page.click("#clear")
    tab.page.reload()
    tab.page.wait_for_selector("html[data-ready]")
    assert tab.page.is_hidden("#samples")


def test_everything_can_be_done_with_the_keyboard(tab: Tab, files: dict[str, bytes]) -> None:
    def press(*keys: str) -> None:
        for key in keys:
            tab.page.keyboard.press(key)

    def focused_id() -> str:
        return tab.page.evaluate("() => document.activeElement.id || document.activeElement.textContent")

    def go_to(name: str, key: str = "Tab") -> None:
        for _ in range(60):
            if focused_id() == name:
                return
            press(key)
        raise AssertionError(f"{key} does not reach {name}")

    press("Tab", "Enter")
    assert focused_id() == "files"
    with tab.page.expect_file_chooser() as chooser:
        press("Space")
    chooser.value.set_files([{"name": n, "mimeType": "", "buffer": content} for n, content in files.items()])
    tab.wait()
    go_to("assay")
    press("A", "u")
    go_to("cut-off")
    tab.page.keyboard.type("0")
    go_to("AuPPM, ppm")
    press("Enter")
    assert focused_id() == "AuPPM, ppm"
    assert tab.page.locator("#samples-table th[aria-sort=ascending]").text_content() == "AuPPM, ppm"
    last = tab.rows()[-1][0]
    go_to(last)
    press("Enter")
    assert focused_id() == "sample-title"
    assert tab.page.text_content("#sample-title") == f"Sample {last}"
    go_to("cursor")
    value = tab.page.text_content("#cursor-value")
    press("Home", "ArrowRight")
    label = tab.page.get_attribute("#cursor", "aria-valuetext")
    assert label == tab.page.text_content("#cursor-value") != value
    press("Shift+Tab", "Shift+Tab")
    go_to("download", "Shift+Tab")
    assert tab.download(lambda: press("Enter"))
    rows = tab.rows()
    press("Tab", "Enter")
    assert tab.page.is_hidden("#samples")
    assert focused_id() == "files"
    press("Tab", "Enter")
    assert tab.rows() == rows
    assert tab.page.text_content("#sample-title") == f"Sample {last}"
    assert focused_id() == "samples-title"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 360])
def test_axe_finds_no_barrier_and_nothing_is_wider_than_the_screen(
    scheme: str, width: int, chromium: Any, web_page: WebPage, files: dict[str, bytes]
) -> None:
    settings = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with open_tab(chromium, web_page.address, **settings) as tab:
        assert find_barriers(tab.page) == []
        tab.add_files({**files, "photo.png": PNG})
        assert find_barriers(tab.page) == []
        assert tab.page.evaluate("() => document.documentElement.scrollWidth") <= width
        domain = tab.page.locator("#samples-table tbody tr").first.locator("td").first
        assert domain.text_content() in ("inside", "outside")
        assert domain.evaluate("cell => cell.getBoundingClientRect().right") < width
        tab.page.click("text=A form for a CSV line")
        assert find_barriers(tab.page) == []
        tab.page.fill("#line", ",".join(["0.1", "0.2"] * 60))
        tab.page.click("button")
        assert tab.page.is_visible("#assays")
        assert find_barriers(tab.page) == []
        assert tab.page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert tab.problems == []


def test_the_theme_can_be_changed(tab: Tab) -> None:
    def background() -> str:
        return tab.page.evaluate("() => getComputedStyle(document.body).backgroundColor")

    light = background()
    tab.page.click("text=Dark colours")
    assert background() != light
    tab.page.emulate_media(media="print")
    assert background() == light
    tab.page.emulate_media(media="screen")
    tab.page.click("text=Light colours")
    assert background() == light
