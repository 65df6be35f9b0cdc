"""Constants for the tests of the accuracy benchmark, and its command-line options."""

from pathlib import Path

from support.checkout import ROOT

COMMAND = ROOT / "tools/recore/benchmarks/accuracy.py"
MEASURED_TARGETS = ("CuPPM", "FePCT", "AlPPM")
PRIVATE_ROWS = 15


def options(files: list[Path]) -> list[object]:
    return [word for pair in zip(("--public", "--private", "--actual"), files, strict=True) for word in pair]
