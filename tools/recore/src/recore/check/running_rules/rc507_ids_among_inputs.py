"""The drill hole and the depths are not spectra. A model that gets them learns the level of each hole, or how an assay
changes with depth in these holes. These relations do not apply to the other holes of the private file, so scores on
rows of known holes are optimistic. The rule also checks that renaming the drill holes does not change the inputs.

    inputs["SiteID"] = data["SiteID"]

Fix: remove the ID columns, such as `SiteID`, and everything that is computed from them.
"""

import numpy as np
import pandas as pd

from recore.challenge import challenge
from recore.check.experiments import Experiments
from recore.check.inputs import effect_of_holes, read_columns
from recore.check.rule import Finding, Findings, Level, Location, rule
from recore.listing import list_names
from recore.schema import DEPTHS
from recore.spectral_data import SpectralData
from recore.text import plain

MIN_ROWS = 20  # rows; among fewer, a spectrum can follow the depth by chance
ROUNDING = 1e-4  # share of a column's range
MAX_LISTED = 3  # columns


@rule("The inputs contain neither the drill hole nor the depth", needs=("RC502", "RC503"))
def inspect(experiments: Experiments) -> Findings:
    ids = find_ids(read_columns(experiments.preprocessing()), experiments.data.content)
    fix = f"Remove {list_names(challenge().sample_ids, MAX_LISTED)}, and everything that is computed from them"
    for source, names in ids.items():
        columns = list_names([repr(plain(name, 40)) for name in names], MAX_LISTED)
        message = f"{source} is among the inputs, as {columns}: the private file has other drill holes"
        yield Finding(message, fix, Location("preprocess.py"), Level.WARNING)
    difference = effect_of_holes(experiments.differences())
    if difference and _name_group() not in ids:
        message = f"The inputs change if the drill holes have other names, as in the private file: {difference}"
        yield Finding(message, fix, Location("preprocess.py"), Level.WARNING)


def find_ids(inputs: pd.DataFrame, data: SpectralData) -> dict[str, list[str]]:
    """Return the names of input columns that can be derived from the drill hole or the depths, by source."""
    ids: dict[str, list[str]] = {}
    if len(inputs) != data.rows or data.rows < MIN_ROWS:
        return ids
    depths = np.column_stack([np.ones(data.rows), data.depth_from, data.depth_to])
    known = np.isfinite(depths).all(axis=1)
    holes, _ = pd.factorize(data.hole)
    repeated = np.bincount(holes)[holes] > 1
    for name, column in inputs.items():
        values = pd.to_numeric(column, errors="coerce").to_numpy(float)
        if (column.astype(str) == data.hole).all() or _is_constant_in(holes[repeated], values[repeated]):
            ids.setdefault(_name_group(), []).append(str(name))
        elif known.sum() >= MIN_ROWS and _is_linear_in(depths[known], values[known]):
            ids.setdefault(f"the depth ({' or '.join(DEPTHS)})", []).append(str(name))
    return ids


def _name_group() -> str:
    return f"the drill hole ({challenge().group})"


def _is_constant_in(holes: np.ndarray, values: np.ndarray) -> bool:
    """Return whether values are constant within each hole but differ between holes, like a hole's number."""
    if len(holes) < MIN_ROWS or not np.isfinite(values).all() or np.ptp(values) == 0:
        return False
    return bool((pd.Series(values).groupby(holes).nunique() == 1).all())


def _is_linear_in(depths: np.ndarray, values: np.ndarray) -> bool:
    if not np.isfinite(values).all() or np.ptp(values) == 0:
        return False
    weights, *_ = np.linalg.lstsq(depths, values)
    return bool(np.abs(depths @ weights - values).max() <= ROUNDING * np.ptp(values))
