"""The web page for an endpoint, open in a browser."""

import base64
import contextlib
import csv
import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from recore_support.web_page import WebPage, opus_file, read_rows

DROP_SCRIPT = """(zone, files) => {
  const data = new DataTransfer();
  for (const [name, encoded, zeros] of files) {
    const content = zeros ? new Uint8Array(zeros) : Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
    data.items.add(new File([content], name));
  }
  for (const kind of ["dragover", "drop"])
    zone.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


@dataclass
class Tab:
    """The page in a browser. problems: the browser's errors and messages, except those about rejected files."""

    page: Any
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def add_files(self, files: dict[str, bytes]) -> None:
        """Choose files in the page's form, and wait until the page has read them."""
        items = [{"name": name, "mimeType": "", "buffer": content} for name, content in files.items()]
        self.page.set_input_files("#files", items)
        self.wait()

    def drop(self, files: dict[str, bytes], zeros: int = 0) -> None:
        """Drop files on the page; wait until it has read them. zeros: if set, each file is this many zero bytes."""
        encoded = [[name, base64.b64encode(content).decode(), zeros] for name, content in files.items()]
        self.page.locator("#drop").evaluate(DROP_SCRIPT, encoded)
        self.wait()

    def wait(self) -> None:
        self.page.wait_for_timeout(100)  # until the browser has notified the page of the files
        self.page.wait_for_selector("main[data-reading=false]", timeout=120_000)

    def messages(self) -> list[str]:
        return self.page.locator("#messages li").all_text_contents()

    def rows(self, table: str = "samples-table") -> list[list[str]]:
        """Return the cells in a table's body, row by row."""
        rows = self.page.locator(f"#{table} tbody tr")
        return [rows.nth(index).locator("th, td").all_text_contents() for index in range(rows.count())]

    def download(self, press: Any) -> list[dict[str, str]]:
        """Call `press`, and return the rows of the CSV file that the page then downloads."""
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
    """Open the page in a separate browser session. routes: handlers by URL path. ready: the selector to wait for."""
    settings = {"viewport": {"width": 1100, "height": 900}} | settings
    with contextlib.closing(browser.new_context(**settings)) as context:
        tab = Tab(context.new_page())
        tab.page.on("console", lambda message: is_rejection(message) or tab.problems.append(message.text))
        tab.page.on("pageerror", lambda error: tab.problems.append(str(error)))
        tab.page.on("dialog", lambda dialog: tab.problems.append(f"dialog: {dialog.message}"))
        tab.page.on("request", lambda request: tab.requests.append(request.url))
        for path, answer in (routes or {}).items():
            tab.page.route(f"**/{path}", answer)
        tab.page.goto(address)
        tab.page.wait_for_selector(ready)
        yield tab


def is_rejection(message: Any) -> bool:
    """Return whether a browser message only reports that the API rejected a file."""
    return "Failed to load resource" in message.text and "/api/assays?" in message.location["url"]


@pytest.fixture
def tab(chromium: Any, web_page: WebPage) -> Iterator[Tab]:
    """Yield the open page. Afterwards, check that the browser reported no problem and contacted no other host."""
    with open_tab(chromium, web_page.address) as tab:
        yield tab
    assert tab.problems == []
    assert [url for url in tab.requests if not url.startswith((web_page.address, "blob:", "data:"))] == []


@pytest.fixture
def files(few_rows: Path) -> dict[str, bytes]:
    """Return the contents, by name, of a CSV file with five samples and of two OPUS files."""
    rows = read_rows(few_rows)
    opus = {f"DD00{number}_53.0": opus_file(rows, number) for number in (1, 2)}
    return {"few.csv": gzip.decompress(few_rows.read_bytes()), **opus}
