"""A browser for the tests of reports."""

from browser import chromium

__all__ = ["chromium"]
