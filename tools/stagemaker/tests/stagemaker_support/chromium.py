"""Headless Chromium: the system's Chromium or Chrome. If neither is installed, the tests are skipped, with a reason."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_chromium() -> str:
    """Return the path of the browser; skip the test if none is installed."""
    executable = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if not executable:
        pytest.skip(f"none of {', '.join(PROGRAMS)} is installed, so no page can be opened")
    return executable


@pytest.fixture(scope="module")  # with a wider scope, Playwright's process and event loop would affect all other tests
def chromium() -> Iterator[Any]:
    """Return a running headless browser."""
    executable = find_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable)
        yield browser
        browser.close()
