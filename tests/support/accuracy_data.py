"""Constants and options of the accuracy benchmark's tests."""

from pathlib import Path

from support.checkout import ROOT

COMMAND = ROOT / "benchmarks/accuracy.py"
MEASURED = ("CuPPM", "FePCT", "AlPPM")
PRIVATE = 15  # rows


def options(files: list[Path]) -> list[object]:
    return [word for pair in zip(("--public", "--private", "--actual"), files, strict=True) for word in pair]
