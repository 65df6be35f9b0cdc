"""The console in a browser."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from stagemaker.api.console import PATH

TITLE = "title => document.title === title && !document.querySelector('#problem').textContent"
SLOW_MS = 90_000  # the maximum wait for a job to start or to end


@dataclass
class ConsoleTab:
    """A browser tab with the console. problems: console messages and page errors. requests: the requested URLs.

    rejected: the operations and paths that were rejected. expected: the operations that may be rejected, by default
    DescribeLogStreams, because a job has no log before its first line.
    """

    page: Any
    address: str
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    rejected: set[str] = field(default_factory=set)
    expected: set[str] = field(default_factory=lambda: {"DescribeLogStreams"})

    def record(self) -> None:
        """Start recording the browser's messages, requests and rejections."""
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("response", self._add_rejection)

    def _add_rejection(self, response: Any) -> None:
        if response.status >= 400:
            target = response.request.headers.get("x-amz-target")
            self.rejected.add(target.rpartition(".")[2] if target else urlsplit(response.url).path)

    def open(self, *parts: str, query: str = "") -> "ConsoleTab":
        """Open a page, and wait until it has been rendered."""
        hash_ = "/".join(quote(part, safe="") for part in parts)
        self.page.goto(f"{self.address}#/{hash_}{query}")
        self.page.wait_for_function(TITLE, arg=" - ".join((*reversed(parts), "stagemaker")))
        return self

    def text(self, selector: str = "main") -> str:
        return str(self.page.locator(selector).first.inner_text())

    def rows(self, label: str) -> list[list[str]]:
        """Return the rows of the table with this label, as lists of cell texts."""
        rows = self.page.locator(f"[aria-label='{label}'] tbody tr")
        return [rows.nth(index).locator("th, td").all_inner_texts() for index in range(rows.count())]

    def wait_for(self, content: str, selector: str = "main") -> None:
        """Wait until `content` appears, without reloading the page."""
        self.page.locator(selector).filter(has_text=content).first.wait_for(timeout=SLOW_MS)

    def press(self, label: str) -> None:
        """Press a button, and accept any confirmation dialog."""
        self.page.once("dialog", lambda dialog: dialog.accept())
        self.page.get_by_role("button", name=label, exact=True).first.click()


@contextlib.contextmanager
def open_console(browser: Any, endpoint: str, **settings: Any) -> Iterator[ConsoleTab]:
    """Open the console in a separate browser context. On exit, assert that it had no problem or external request."""
    settings = {"viewport": {"width": 1200, "height": 900}} | settings
    with contextlib.closing(browser.new_context(**settings)) as context:
        tab = ConsoleTab(context.new_page(), endpoint + PATH)
        tab.record()
        yield tab
    paths = tab.rejected - tab.expected
    assert not paths, paths
    problems = [problem for problem in tab.problems if "responded with a status of 4" not in problem]
    assert not problems, problems
    allowed = (f"{endpoint}/", "blob:", "data:")
    assert [url for url in tab.requests if not url.startswith(allowed)] == []
