"""Tests of the default model need its estimators, which a fork may have removed."""

from support.template import ROOT

NEEDED = ("challenge/features.py", "challenge/ridge.py")
collect_ignore_glob = [] if all((ROOT / name).is_file() for name in NEEDED) else ["test_*.py"]
