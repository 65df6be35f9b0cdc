"""Skips the tests of the default model in a fork that has removed its estimators."""

from support.template import ROOT

NEEDED_FILES = ("challenge/features.py", "challenge/ridge.py")
collect_ignore_glob = [] if all((ROOT / name).is_file() for name in NEEDED_FILES) else ["test_*.py"]
