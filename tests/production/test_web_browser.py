"""The web page of an endpoint in headless Chromium, against an endpoint of the simulator."""

import base64
import contextlib
import csv
import gzip
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.axe import find_barriers
from support.production import ProductionCommands
from support.web_page import PNG, WebPage, csv_bytes, opus_file, read_assays, read_rows

from recore.schema import TARGETS

pytestmark = pytest.mark.machine
DROP = """(zone, files) => {
  const data = new DataTransfer();
  for (const [name, text, zeros] of files) {
    const content = zeros ? new Uint8Array(zeros) : Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    data.items.add(new File([content], name));
  }
  for (const kind of ["dragover", "drop"])
    zone.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


@dataclass
class Tab:
    """The page in a browser. problems: what the browser reports, except for answers that refuse a file."""

    page: Any
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def add_files(self, files: dict[str, bytes]) -> None:
        """Choose files, and wait until the page has read them."""
        items = [{"name": name, "mimeType": "", "buffer": content} for name, content in files.items()]
        self.page.set_input_files("#files", items)
        self.wait()

    def drop(self, files: dict[str, bytes], zeros: int = 0) -> None:
        """Drop files on the page, and wait as `add_files` does. zeros: how many zeros each has instead of a content."""
        encoded = [[name, base64.b64encode(content).decode(), zeros] for name, content in files.items()]
        self.page.locator("#drop").evaluate(DROP, encoded)
        self.wait()

    def wait(self) -> None:
        self.page.wait_for_timeout(100)  # until the browser has told the page about the files
        self.page.wait_for_selector("main[data-reading=false]", timeout=120_000)

    def messages(self) -> list[str]:
        return self.page.locator("#messages li").all_text_contents()

    def rows(self, table: str = "samples-table") -> list[list[str]]:
        """Return the cells of a table's body."""
        rows = self.page.locator(f"#{table} tbody tr")
        return [rows.nth(number).locator("th, td").all_text_contents() for number in range(rows.count())]

    def download(self, press: Any) -> list[dict[str, str]]:
        """Return the rows of the CSV that an action downloads."""
        with self.page.expect_download() as download:
            press()
        with open(download.value.path(), newline="", encoding="utf-8-sig") as lines:
            return list(csv.DictReader(lines))


@contextlib.contextmanager
def open_tab(
    browser: Any,
    address: str,
    routes: dict[str, Callable[[Any], None]] | None = None,
    ready: str = "html[data-ready]",
    **settings: Any,
) -> Iterator[Tab]:
    """Open the page in a browser session of its own. routes: what answers addresses instead. ready: to wait for."""
    settings = {"viewport": {"width": 1100, "height": 900}} | settings
    with contextlib.closing(browser.new_context(**settings)) as context:
        tab = Tab(context.new_page())
        tab.page.on("console", lambda message: is_refusal(message) or tab.problems.append(message.text))
        tab.page.on("pageerror", lambda error: tab.problems.append(str(error)))
        tab.page.on("dialog", lambda dialog: tab.problems.append(f"dialog: {dialog.message}"))
        tab.page.on("request", lambda request: tab.requests.append(request.url))
        for path, answer in (routes or {}).items():
            tab.page.route(f"**/{path}", answer)
        tab.page.goto(address)
        tab.page.wait_for_selector(ready)
        yield tab


def is_refusal(message: Any) -> bool:
    """Whether the browser reports that the API refused a file, which the page reports, too."""
    return "Failed to load resource" in message.text and "/api/assays?" in message.location["url"]


@pytest.fixture
def tab(chromium: Any, web_page: WebPage) -> Iterator[Tab]:
    """Return the open page. Afterwards, the browser must have reported nothing, and asked no other host."""
    with open_tab(chromium, web_page.address) as tab:
        yield tab
    assert tab.problems == []
    assert [url for url in tab.requests if not url.startswith((web_page.address, "blob:", "data:"))] == []


@pytest.fixture
def files(few_rows: Path) -> dict[str, bytes]:
    """Return a CSV of five samples and two OPUS files."""
    rows = read_rows(few_rows)
    opus = {f"DD00{number}_53.0": opus_file(rows, number) for number in (1, 2)}
    return {"few.csv": gzip.decompress(few_rows.read_bytes()), **opus}


def test_dropped_files_get_the_assays_that_predict_gives(
    tab: Tab, files: dict[str, bytes], trained: ProductionCommands, few_rows: Path, tmp_path: Path
) -> None:
    trained.succeed("predict", few_rows, "--out", tmp_path / "assays.csv", "--version", 1)
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
    for number in (1, 2):  # OPUS files hold 32-bit numbers
        values = [expected[number - 1][name] for name in TARGETS]
        assert by_file[f"DD00{number}_53.0"] == pytest.approx(values, rel=1e-2, abs=1e-2)
    assert {row["unit"] for row in downloaded} == {"ppm", "%", "ppb"}
    assert [row["assay"] for row in downloaded[: len(TARGETS)]] == list(TARGETS)
    copper = next(row for row in tab.rows("assays-table") if row[0] == "CuPPM")
    assert float(copper[1]) == pytest.approx(expected[0]["CuPPM"], rel=1e-3)
    assert copper[2] == "ppm"
    assert " to " in copper[3]


def test_the_spectrum_is_drawn_with_its_bands_named(tab: Tab, files: dict[str, bytes]) -> None:
    tab.add_files(files)
    path = tab.page.get_attribute("#spectrum .curve", "d")
    assert path.count("L") == 119
    names = tab.page.locator("#spectrum .name").all_text_contents()
    assert {"water", "Si-O", "carbonate", "Al-OH"} <= {*names}
    assert "The highest absorbance is" in tab.page.text_content("#spectrum-summary")
    before = tab.page.text_content("#cursor-value")
    tab.page.locator("#spectrum").scroll_into_view_if_needed()
    box = tab.page.locator("#spectrum").bounding_box()
    tab.page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)
    assert tab.page.text_content("#cursor-value") != before


def test_each_bad_file_has_a_clear_message_and_the_others_are_predicted(tab: Tab, files: dict[str, bytes]) -> None:
    opus = files["DD001_53.0"]
    bad = {"photo.png": PNG, "broken.0": opus[:400], "empty.csv": b"", "large.csv": b""}
    for name, content in bad.items():
        tab.drop({name: content}, zeros=(50 << 20) * (name == "large.csv"))
        [message] = tab.messages()
        assert message.startswith(f"{name}: ")
        assert tab.page.is_hidden("#samples")
    assert "larger than 10 MB" in message
    tab.add_files({"photo.png": PNG, **files})
    assert len(tab.messages()) == 1
    assert len(tab.rows()) == 7


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
    assert all(float(row["value"]) == float(row["value"].removeprefix("'")) for row in downloaded)
    write = "(value) => import('./static/table.js').then((table) => table.writeCsv([[value]]))"
    assert tab.page.evaluate(write, " \t=1") == "' \t=1\r\n"
    assert tab.page.evaluate(write, -1.5) == "-1.5\r\n"


def test_replicates_of_a_sample_have_different_names(tab: Tab, files: dict[str, bytes]) -> None:
    opus = files["DD001_53.0"]
    tab.add_files({"DD1.0": opus, "DD1.1": opus, "DD1.2": opus})
    assert [row[0] for row in tab.rows()] == ["DD1", "DD1, replicate 1", "DD1, replicate 2"]
    tab.page.click("text=DD1, replicate 2")
    assert tab.page.text_content("#sample-title") == "Sample DD1, replicate 2"


def test_files_that_arrive_later_change_neither_the_focus_nor_the_sample(tab: Tab, files: dict[str, bytes]) -> None:
    tab.add_files({"DD7.0": files["DD001_53.0"], "DD8.0": files["DD002_53.0"]})
    tab.page.click("text=DD8")
    tab.page.locator("#samples-table button", has_text="DD8").focus()
    tab.page.locator("#samples-table button", has_text="DD8").evaluate("button => { button.old = true; }")
    tab.add_files({"DD9.0": files["DD001_53.0"]})
    assert len(tab.rows()) == 3
    focused = "() => [document.activeElement.textContent, document.activeElement.old]"
    assert tab.page.evaluate(focused) == ["DD8", None]
    assert tab.page.text_content("#sample-title") == "Sample DD8"


def test_what_screen_readers_announce_is_there_before_it_speaks(tab: Tab, files: dict[str, bytes]) -> None:
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
    names = [regions.nth(number).aria_snapshot().splitlines()[0] for number in range(regions.count())]
    assert len({*names}) == len(names) >= 4


def refuse_first(times: int) -> Callable[[Any], None]:
    """Return what answers the first requests as API Gateway does when there are too many."""
    refused: list[str] = []

    def answer(route: Any) -> None:
        if len(refused) < times:
            refused.append(route.request.url)
            route.fulfill(status=429, json={"message": "Too Many Requests"})
        else:
            route.continue_()

    return answer


def test_a_request_that_is_throttled_is_sent_again(chromium: Any, web_page: WebPage, files: dict[str, bytes]) -> None:
    routes = {"api/settings": refuse_first(1), "api/assays?*": refuse_first(3)}
    with open_tab(chromium, web_page.address, routes) as tab:
        assert web_page.endpoint in tab.page.text_content("#endpoint")
        tab.add_files(files)
        assert tab.messages() == []
        assert len(tab.rows()) == 7


def test_a_page_that_stays_throttled_says_so(chromium: Any, web_page: WebPage, files: dict[str, bytes]) -> None:
    with open_tab(chromium, web_page.address, {"api/settings": refuse_first(9)}, "#trouble:not([hidden])") as tab:
        assert "too many requests at the moment" in tab.page.text_content("#trouble")
        assert "undefined" not in tab.page.text_content("body")
    with open_tab(chromium, web_page.address, {"api/assays?*": refuse_first(99)}) as tab:
        tab.add_files(files)
        assert len(tab.messages()) == 3
        assert all("too many requests at the moment" in message for message in tab.messages())


def test_an_unusable_answer_does_not_keep_the_page_busy(
    chromium: Any, web_page: WebPage, files: dict[str, bytes]
) -> None:
    routes = {"api/assays?*": lambda route: route.fulfill(json={"samples": [], "problems": None})}
    with open_tab(chromium, web_page.address, routes) as tab:
        tab.add_files(files)
        assert "could not be read" in tab.page.text_content("#status")
        tab.page.unroute("**/api/assays?*")
        tab.add_files(files)
        assert len(tab.rows()) == 7


def test_an_api_key_that_no_header_can_have_is_named(chromium: Any, web_page: WebPage, files: dict[str, bytes]) -> None:
    def need_key(route: Any) -> None:
        response = route.fetch()
        route.fulfill(response=response, json=response.json() | {"needs_key": True})

    with open_tab(chromium, web_page.address, {"api/settings": need_key}) as tab:
        tab.page.fill("#api-key", "abc\u2013def")
        tab.add_files({"DD1.0": files["DD001_53.0"]})
        assert tab.messages() == ["DD1.0: the API key has characters that a key cannot have"]
        tab.page.fill("#api-key", " abc-def ")
        tab.add_files({"DD1.0": files["DD001_53.0"]})
        assert tab.messages() == []
    assert tab.problems == []


def test_ten_files_at_once_are_shown_in_their_order(tab: Tab, few_rows: Path) -> None:
    rows = read_rows(few_rows)
    files = {f"S{number}.0": opus_file(rows, 1 + number % 5) for number in range(10)}
    tab.add_files(files)
    assert tab.messages() == []
    assert [row[5] for row in tab.rows()] == list(files)
    tab.add_files({f"T{number}.0": files["S1.0"] for number in range(22)})
    assert tab.messages() == ["2 files: at most 20 are sent at once"]
    assert len(tab.rows()) == 30


def test_an_endpoint_or_a_page_that_is_gone_is_a_clear_message(
    chromium: Any,
    serving: ProductionCommands,
    files: dict[str, bytes],
) -> None:
    serving.succeed("deploy", "--variant", "A=1")
    page = WebPage(serving)
    with open_tab(chromium, page.address) as tab:
        serving.succeed("delete", "--endpoint")
        opus = {"DD001_53.0": files["DD001_53.0"]}
        tab.add_files(opus)
        [message] = tab.messages()
        assert f"the endpoint {serving.config['ENDPOINT_NAME']} does not answer" in message
        page.stop()
        tab.add_files(opus)
        [message] = tab.messages()
        assert "is it still running?" in message
        assert tab.page.is_hidden("#samples")
    assert tab.problems == []


def test_samples_are_sorted_and_filtered_by_a_cut_off(tab: Tab, files: dict[str, bytes]) -> None:
    tab.add_files(files)
    tab.page.select_option("#assay", "FePCT")
    header = tab.page.locator("#samples-table thead th").nth(1)
    assert header.text_content() == "FePCT, %"
    header.locator("button").click()
    values = [float(row[1]) for row in tab.rows()]
    assert values == sorted(values)
    assert tab.page.locator("#samples-table thead th").nth(1).get_attribute("aria-sort") == "ascending"
    tab.page.locator("#samples-table thead th").nth(1).locator("button").click()
    assert [float(row[1]) for row in tab.rows()] == sorted(values, reverse=True)
    limit = sorted(values)[3]
    tab.page.fill("#cut-off", str(limit))
    shown = [float(row[1]) for row in tab.rows()]
    assert 0 < len(shown) < 7
    assert min(shown) >= limit * 0.999
    assert f"{len(shown)} of 7 samples have FePCT of at least" in tab.page.text_content("#shown")
    downloaded = tab.download(lambda: tab.page.click("#download"))
    assert len(downloaded) == len(shown) * len(TARGETS)
    iron = [float(row["value"]) for row in downloaded if row["assay"] == "FePCT"]
    assert iron == pytest.approx(shown, rel=1e-3)  # in the order on the screen
    assert iron == sorted(iron, reverse=True)


def test_the_history_is_of_this_browser_session_only(
    tab: Tab,
    web_page: WebPage,
    chromium: Any,
    files: dict[str, bytes],
) -> None:
    tab.add_files(files)
    rows = tab.rows()
    tab.page.reload()
    tab.page.wait_for_selector("html[data-ready]")
    assert tab.rows() == rows
    assert tab.page.is_visible("#spectrum .curve")
    with open_tab(chromium, web_page.address) as other:
        assert other.page.is_hidden("#samples")
    tab.page.click("#clear")
    tab.page.reload()
    tab.page.wait_for_selector("html[data-ready]")
    assert tab.page.is_hidden("#samples")


def test_samples_for_which_the_browser_has_no_room_stay_until_the_page_is_reloaded(tab: Tab, few_rows: Path) -> None:
    rows = read_rows(few_rows)
    names = [f"S{number}" for number in range(100)]
    tab.page.evaluate("() => sessionStorage.setItem('other', 'x'.repeat(4.8e6))")
    tab.add_files({"many.csv": csv_bytes([rows[0], *([name, *rows[1][1:]] for name in names)])})
    assert [row[0] for row in tab.rows()] == names
    [message] = tab.messages()
    room = re.fullmatch(
        "History: the browser has room for the newest ([0-9]+) samples; the others are lost when the page is reloaded",
        message,
    )
    assert room
    assert 0 < int(room[1]) < 100
    tab.page.reload()
    tab.page.wait_for_selector("html[data-ready]")
    assert [row[0] for row in tab.rows()] == names[-int(room[1]) :]


def test_everything_can_be_done_with_the_keyboard(tab: Tab, files: dict[str, bytes]) -> None:
    def press(*keys: str) -> None:
        for key in keys:
            tab.page.keyboard.press(key)

    def focused() -> str:
        return tab.page.evaluate("() => document.activeElement.id || document.activeElement.textContent")

    def go_to(name: str) -> None:
        for _ in range(60):
            if focused() == name:
                return
            press("Tab")
        raise AssertionError(f"Tab does not reach {name}")

    press("Tab", "Enter")
    assert focused() == "files"
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
    assert focused() == "AuPPM, ppm"
    assert tab.page.locator("#samples-table th[aria-sort=ascending]").text_content() == "AuPPM, ppm"
    last = tab.rows()[-1][0]
    go_to(last)
    press("Enter")
    assert focused() == "sample-title"
    assert tab.page.text_content("#sample-title") == f"Sample {last}"
    go_to("cursor")
    before = tab.page.text_content("#cursor-value")
    press("Home", "ArrowRight")
    spoken = tab.page.get_attribute("#cursor", "aria-valuetext")
    assert spoken == tab.page.text_content("#cursor-value") != before
    press("Shift+Tab", "Shift+Tab")
    for _ in range(60):
        if focused() == "download":
            break
        press("Shift+Tab")
    assert tab.download(lambda: press("Enter"))
    press("Tab", "Enter")
    assert tab.page.is_hidden("#samples")
    assert focused() == "files"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 360])
def test_axe_finds_no_serious_barrier_and_nothing_is_wider_than_the_screen(
    scheme: str,
    width: int,
    chromium: Any,
    web_page: WebPage,
    files: dict[str, bytes],
) -> None:
    settings = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with open_tab(chromium, web_page.address, **settings) as tab:
        assert find_barriers(tab.page) == []
        tab.add_files({**files, "photo.png": PNG})
        assert find_barriers(tab.page) == []
        assert tab.page.evaluate("() => document.documentElement.scrollWidth") <= width
        tab.page.click("text=A form for one line")
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
    tab.page.click("text=Light colours")
    assert background() == light
