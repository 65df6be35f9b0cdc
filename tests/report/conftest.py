"""A browser for the tests of reports."""

from support.browser import chromium

__all__ = ["chromium"]
