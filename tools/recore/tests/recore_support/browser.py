"""Open reports in headless Chromium."""

import contextlib
import re
import subprocess
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stagemaker_support.chromium import find_chromium

TIMEOUT_MS = 60_000  # for drawing all figures of a page


@dataclass
class OpenReport:
    """An open report, the problems that the browser reports, and the page's requests. tab: the Playwright page."""

    tab: Any
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def figures(self) -> list[str]:
        """Return the names of the figures that the page contains."""
        return self.tab.eval_on_selector_all(
            "[data-figure]", "elements => elements.map(element => element.dataset.figure)"
        )

    def empty_figures(self) -> list[str]:
        """Return the figures in which nothing was drawn: no line, bar, box, point or image."""
        marks = ".plot path.js-line, .bars path, .boxes path, .points path, .hm image, .points text, .violins path"
        return [name for name in self.figures() if not self.tab.query_selector(f"#{name} :is({marks})")]

    def buttons(self) -> set[str]:
        """Return the labels of the buttons in the figures' toolbars."""
        read = "elements => elements.map(element => element.dataset.title || element.getAttribute('aria-label'))"
        return set(self.tab.eval_on_selector_all(".modebar-btn", read))

    def hover(self, name: str) -> str:
        """Move the mouse over a figure until a label appears; return the label's text, or "" if none appears."""
        self.tab.locator(f"#{name} .plot").first.scroll_into_view_if_needed()
        box = self.tab.locator(f"#{name} .nsewdrag").first.bounding_box()
        positions = [
            (box["x"] + x * box["width"], box["y"] + y * box["height"])
            for y in (0.5, 0.3, 0.7, 0.1, 0.9, 0.95, 0.05)
            for x in (0.5, 0.52, 0.25, 0.75, 0.1, 0.9)
        ]
        bars = self.tab.locator(f"#{name} .barlayer .point path")  # bars may be short: use the longest one's middle
        boxes = [bars.nth(index).bounding_box() for index in range(bars.count())]
        if longest := max(filter(None, boxes), key=lambda bar: bar["width"] * bar["height"], default=None):
            centre = longest["x"] + longest["width"] / 2, longest["y"] + longest["height"] / 2
            positions.insert(0, centre)
        for position in positions:
            self.tab.mouse.move(*position)
            self.tab.wait_for_timeout(120)  # plotly waits before it shows a label
            if label := self.tab.locator(f"#{name} .hoverlayer .hovertext").all_text_contents():
                return " ".join(label)
        return ""

    def read_by_keyboard(self, name: str) -> str:
        """Step through a figure's points and series with the keyboard; return the text for screen readers."""
        self.tab.locator(f"#{name} .plot").first.focus()
        labels = []
        for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowRight", "PageDown"):
            self.tab.keyboard.press(key)
            self.tab.wait_for_timeout(200)  # plotly waits, and then the page waits too
            labels.append(self.tab.text_content("#spoken"))
        return " ".join(filter(None, labels))

    def toggle(self, name: str, entry: int = 0) -> tuple[str, str]:
        """Click an entry in a figure's legend; return the entry's opacity before and after the click."""
        item = self.tab.locator(f"#{name} .legend .traces").nth(entry)
        before = item.evaluate("element => element.style.opacity")
        self.tab.locator(f"#{name} .legendtoggle").nth(entry).click()
        self.tab.wait_for_timeout(700)  # plotly waits in case of a double click
        return before, self.tab.locator(f"#{name} .legend .traces").nth(entry).evaluate(
            "element => element.style.opacity"
        )


def print_from_shell(page: Path, *options: str) -> bytes:
    """Print a page with Chromium's command line, as soon as the page has loaded. Return the PDF."""
    printed = page.with_suffix(".pdf")
    command = [find_chromium(), "--headless", "--no-sandbox", *options, f"--print-to-pdf={printed}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return printed.read_bytes()


def printed_colours(pdf: bytes) -> set[str]:
    """Return the colours, as #rrggbb, of the lines, areas and letters in a PDF that Chromium has written."""
    colours = set()
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        with contextlib.suppress(zlib.error):
            for numbers in re.findall(rb"([\d.]+) ([\d.]+) ([\d.]+) rg\b", zlib.decompress(stream), re.IGNORECASE):
                colours.add("#" + "".join(f"{round(255 * float(number)):02x}" for number in numbers))
    return colours


@contextlib.contextmanager
def open_report(browser: Any, page: Path, scheme: str = "light", width: int = 1100) -> Iterator[OpenReport]:
    """Open a local report without network access, and wait until its figures are drawn."""
    with contextlib.closing(
        browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    ) as context:
        context.set_offline(True)
        report = OpenReport(context.new_page())
        report.tab.on("console", lambda message: report.problems.append(f"{message.type}: {message.text}"))
        report.tab.on("pageerror", lambda error: report.problems.append(str(error)))
        report.tab.on("request", lambda request: report.requests.append(request.url))
        report.tab.goto(page.as_uri())
        report.tab.wait_for_selector("html[data-ready]", state="attached", timeout=TIMEOUT_MS)
        yield report


def assert_sound(report: OpenReport, page: Path) -> None:
    """Check that the browser reports no error, every figure is drawn, and only the file itself is requested."""
    assert report.problems == []
    assert report.figures()
    assert report.empty_figures() == []
    outside_requests = [url for url in report.requests if not url.startswith(("data:", "blob:"))]
    assert outside_requests == [page.as_uri()]


def assert_usable(report: OpenReport, page: Path, title: str, legends: Iterable[str]) -> None:
    """Check that a report is sound and printable, its legends work, and its figures have mouse and keyboard labels."""
    assert_sound(report, page)
    assert_printable(report)
    assert report.tab.title().startswith(title)
    for name in report.figures():
        assert report.hover(name), f"{name} shows no label under the mouse pointer"
        assert report.read_by_keyboard(name), f"{name} has no text at the keyboard position"
    for name in legends:
        before, after = report.toggle(name)
        assert {before, after} == {"1", "0.5"}, name
    assert report.problems == []


def assert_printable(report: OpenReport) -> None:
    """Check that every figure is printed at a readable width, and that no figure is empty."""
    report.tab.emulate_media(media="print")
    for name in report.figures():
        box = report.tab.locator(f"#{name} .plot").first.bounding_box()
        assert box, f"{name} is missing in print"
        assert box["width"] > 200, f"{name} is only {box['width']} pixels wide in print"
    assert report.empty_figures() == []
    assert len(re.findall(rb"/Type\s*/Page\b", report.tab.pdf(format="A4"))) > 1
    report.tab.emulate_media(media="screen")
