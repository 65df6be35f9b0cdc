"""The 49 targets of targets.toml: their order, their units, their limits of detection and their plausible contents."""

import tomllib
from importlib.resources import files

_TARGETS = tomllib.loads(files(__package__).joinpath("targets.toml").read_text("utf-8"))
DETECTION_LIMITS: dict[str, float] = {name: target["limit"] for name, target in _TARGETS.items()}
PLAUSIBLE: dict[str, list[float]] = {name: target["plausible"] for name, target in _TARGETS.items()}
UNITS = {"PPM": 1.0, "PCT": 1e-4, "PPB": 1e3}  # one part per million by mass in each unit
LARGEST = {"PPM": 1e6, "PCT": 100.0, "PPB": 1e9}  # the whole sample is the element
IDS = ("DepthTo", "SiteID", "DepthFrom")
