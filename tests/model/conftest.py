"""The default model's tests need its estimators, which a fork may have removed."""

from template import ROOT

collect_ignore_glob = [] if (ROOT / "ridge.py").is_file() else ["test_*.py"]
