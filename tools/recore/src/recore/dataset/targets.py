"""What targets.toml says of each target, and the units of assays."""

import tomllib
from importlib.resources import files

from recore.schema import TARGETS

_CONTENTS = tomllib.loads(files(__package__).joinpath("targets.toml").read_text("utf-8"))
DETECTION_LIMITS: dict[str, float] = {name: _CONTENTS[name]["limit"] for name in TARGETS}
PLAUSIBLE: dict[str, list[float]] = {name: _CONTENTS[name]["plausible"] for name in TARGETS}
UNITS = {"PPM": 1.0, "PCT": 1e-4, "PPB": 1e3}  # one part per million by mass in each unit
LARGEST = {"PPM": 1e6, "PCT": 100.0, "PPB": 1e9}  # the whole sample is the element
