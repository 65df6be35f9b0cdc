"""Failures of the web page in headless Chromium, caused by files, the endpoint, limits or browser storage."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recore_support.production import ProductionCommands
from recore_support.web_page import PNG, WebPage, csv_bytes, read_rows
from recore_support.web_tab import Tab, open_tab

pytestmark = pytest.mark.machine


def test_each_bad_file_has_a_clear_message_and_the_others_are_predicted(tab: Tab, files: dict[str, bytes]) -> None:
    opus = files["DD001_53.0"]
    bad_files = {"photo.png": PNG, "broken.0": opus[:400], "empty.csv": b"", "large.csv": b""}
    for name, content in bad_files.items():
        tab.drop({name: content}, zeros=(50 << 20) * (name == "large.csv"))
        [message] = tab.messages()
        assert message.startswith(f"{name}: ")
        assert tab.page.is_hidden("#samples")
    assert "larger than 10 MB" in message
    tab.add_files({"photo.png": PNG, **files})
    assert len(tab.messages()) == 1
    assert len(tab.rows()) == 7


def throttle_first(times: int) -> Callable[[Any], None]:
    """Return a route handler that throttles the first `times` requests as API Gateway does."""
    throttled_urls: list[str] = []

    def respond(route: Any) -> None:
        if len(throttled_urls) < times:
            throttled_urls.append(route.request.url)
            route.fulfill(status=429, json={"message": "Too Many Requests"})
        else:
            route.continue_()

    return respond


def test_a_throttled_request_is_repeated(chromium: Any, web_page: WebPage, files: dict[str, bytes]) -> None:
    routes = {"api/settings": throttle_first(1), "api/assays?*": throttle_first(3)}
    with open_tab(chromium, web_page.address, routes) as tab:
        assert web_page.endpoint in tab.page.text_content("#endpoint")
        tab.add_files(files)
        assert tab.messages() == []
        assert len(tab.rows()) == 7


def test_a_page_that_remains_throttled_reports_it(chromium: Any, web_page: WebPage, files: dict[str, bytes]) -> None:
    with open_tab(chromium, web_page.address, {"api/settings": throttle_first(9)}, "#trouble:not([hidden])") as tab:
        assert "too many requests at the moment" in tab.page.text_content("#trouble")
        assert "undefined" not in tab.page.text_content("body")
    with open_tab(chromium, web_page.address, {"api/assays?*": throttle_first(99)}) as tab:
        tab.add_files(files)
        assert len(tab.messages()) == 3
        assert all("too many requests at the moment" in message for message in tab.messages())


def test_an_unusable_response_leaves_no_busy_page(chromium: Any, web_page: WebPage, files: dict[str, bytes]) -> None:
    routes = {"api/assays?*": lambda route: route.fulfill(json={"samples": [], "problems": None})}
    with open_tab(chromium, web_page.address, routes) as tab:
        tab.add_files(files)
        assert "could not be read" in tab.page.text_content("#status")
        tab.page.unroute("**/api/assays?*")
        tab.add_files(files)
        assert len(tab.rows()) == 7


def test_an_api_key_with_invalid_characters_fails(chromium: Any, web_page: WebPage, files: dict[str, bytes]) -> None:
    def need_key(route: Any) -> None:
        response = route.fetch()
        route.fulfill(response=response, json=response.json() | {"needs_key": True})

    with open_tab(chromium, web_page.address, {"api/settings": need_key}) as tab:
        tab.page.fill("#api-key", "abc\u2013def")
        tab.add_files({"DD1.0": files["DD001_53.0"]})
        assert tab.messages() == ["DD1.0: the API key has invalid characters"]
        tab.page.fill("#api-key", " abc-def ")
        tab.add_files({"DD1.0": files["DD001_53.0"]})
        assert tab.messages() == []
    assert tab.problems == []


def test_a_stopped_server_is_reported_clearly(
    chromium: Any, project: ProductionCommands, web_page: WebPage, files: dict[str, bytes], tmp_path: Path
) -> None:
    page = WebPage(ProductionCommands(project.client, tmp_path, "trained"), web_page.endpoint)
    with open_tab(chromium, page.address) as tab:
        page.stop()
        tab.add_files({"DD001_53.0": files["DD001_53.0"]})
        [message] = tab.messages()
        assert "check that it is running" in message
        assert tab.page.is_hidden("#samples")
    assert tab.problems == []


def test_samples_that_cannot_be_stored_stay_until_the_page_is_reloaded(tab: Tab, few_rows: Path) -> None:
    rows = read_rows(few_rows)
    names = [f"S{index}" for index in range(100)]
    tab.page.evaluate("() => sessionStorage.setItem('other', 'x'.repeat(4.8e6))")
    tab.add_files({"many.csv": csv_bytes([rows[0], *([name, *rows[1][1:]] for name in names)])})
    assert [row[0] for row in tab.rows()] == names
    [message] = tab.messages()
    room = re.fullmatch(
        "History: the browser can store only the newest ([0-9]+) samples; the others are lost when the page reloads",
        message,
    )
    assert room
    assert 0 < int(room[1]) < 100
    tab.page.reload()
    tab.page.wait_for_selector("html[data-ready]")
    assert [row[0] for row in tab.rows()] == names[: int(room[1])]
