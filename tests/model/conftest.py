"""Skips the tests of the default model if a fork has removed the model's estimators."""

from support.template import ROOT

NEEDED_FILES = ("challenge/features.py", "challenge/ridge.py")
collect_ignore_glob = [] if all((ROOT / name).is_file() for name in NEEDED_FILES) else ["test_*.py"]
