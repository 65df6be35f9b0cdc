"""Compute each target's errors on held-out drill holes, with intervals, and the errors of decisions at a cut-off."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from recore.challenge import challenge
from recore.evaluation import HELD_OUT
from recore.handover.hole_spread import Estimate, HoleSums, SampleShare, measure_errors
from recore.handover.run_files import HandoverRun
from recore.spectral_data import Floats
from recore.validation import paired_values, unit_of
from stagemaker import parse_number

HELD_OUT_FILE = f"predictions/{HELD_OUT}.csv"
QUANTILE = 75  # per cent; the default cut-off, which a quarter of the samples exceed
MIN_ROWS = 10  # rows with both values; figures from fewer rows are meaningless
TOLERANCE = 1e-6  # maximum difference between the recomputed and the recorded R2


@dataclass(frozen=True)
class CutOff:
    """Decisions at a cut-off. share: the fraction of assays above it. wrong: the fraction of wrong decisions."""

    value: float
    chosen: bool
    share: float
    precision: SampleShare
    recall: SampleShare
    wrong: SampleShare


@dataclass(frozen=True)
class TargetFigures:
    """Figures for a target. lowest, highest: the training assays' range. private_r2: None without a private score.

    rows: the number of rows with an assay and a held-out prediction. holes: the number of drill holes with such rows.
    """

    name: str
    unit: str
    weight: float
    rows: int
    holes: int
    lowest: float
    highest: float
    r2: Estimate
    rmse: Estimate
    private_r2: float | None
    cut_off: CutOff

    @property
    def is_refuted(self) -> bool:
        """Whether the private R2 is at most 0 or below the interval of the held-out R2, and so contradicts it."""
        return self.private_r2 is not None and (self.private_r2 <= 0 or self.private_r2 < self.r2.low)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as a dict, with None where a figure is undefined."""
        return dict(_replace_nan(asdict(self)))


def parse_cut_offs(arguments: Iterable[str]) -> dict[str, float]:
    """Parse arguments such as CuPPM=2000, and return the cut-offs by target. Raises ValueError."""
    values = {}
    for argument in arguments:
        name, _, number = argument.partition("=")
        value = parse_number(number)
        if name not in challenge().targets or value is None:
            raise ValueError(
                f"--cut-off {argument[:60]!r}: expected a target and a number, such as {challenge().example}=2000"
            )
        values[name] = value
    return values


def measure_cut_off(measured: Floats, predicted: Floats, sums: HoleSums, chosen: float | None) -> CutOff:
    """Measure decisions at a cut-off, by default the percentile QUANTILE of `measured`. sums: HoleSums of the rows."""
    value = float(np.percentile(measured, QUANTILE)) if chosen is None else chosen
    is_above, is_called = measured > value, predicted > value
    counts = {
        "right": is_above & is_called,
        "above": is_above,
        "called": is_called,
        "wrong": is_above != is_called,
        "rows": np.ones_like(is_above),
    }
    totals = sums.resample({name: each.astype(float) for name, each in counts.items()})
    return CutOff(
        value,
        chosen is not None,
        float(is_above.mean()),
        precision=totals.estimate_share("right", "called"),
        recall=totals.estimate_share("right", "above"),
        wrong=totals.estimate_share("wrong", "rows"),
    )


def measure_targets(run: HandoverRun, cut_offs: Mapping[str, float]) -> list[TargetFigures]:
    """Return the figures for targets with enough held-out rows, in descending order of weight.

    cut_offs: the user's cut-offs, by target. Raises ValueError if the predictions contradict the R2 in the run's score,
    or if a target with a chosen cut-off has too few rows.
    """
    figures = _measure_all(run, cut_offs)
    if missing := sorted(set(cut_offs) - {each.name for each in figures}):
        raise ValueError(f"--cut-off {missing[0]}: the run has too few held-out predictions of this target")
    return sorted(figures, key=lambda each: -each.weight)


def _measure_all(run: HandoverRun, cut_offs: Mapping[str, float]) -> list[TargetFigures]:
    score, private = (run.record.scores.get(name) for name in (HELD_OUT, "private"))
    path = run.folder / HELD_OUT_FILE
    if score is None or not path.is_file():
        return []
    predicted = read_held_out(run)
    if len(predicted) != run.data.rows:
        raise ValueError(f"{path}: {len(predicted)} rows, but the public data have {run.data.rows}")
    figures = []
    for position, name in enumerate(challenge().targets):
        if name not in run.data.assays:
            continue
        column: Floats = run.data.assays[name].to_numpy(float)
        pair = paired_values(column, predicted[:, position])
        if len(pair[0]) < MIN_ROWS or not np.ptp(pair[0]) > 0:
            continue
        sums = HoleSums(run.data.hole[np.isfinite(column) & np.isfinite(predicted[:, position])])
        r2, rmse = measure_errors(*pair, sums)
        recorded_r2 = score.r2.get(name)
        if recorded_r2 is not None and not abs(r2.value - recorded_r2) <= TOLERANCE * (1 + abs(recorded_r2)):
            raise ValueError(f"{path}: the run's score is of different predictions; R2 of {name} differs")
        figures.append(
            TargetFigures(
                name,
                unit_of(name),
                score.weights.get(name, 0.0),
                len(pair[0]),
                sums.holes,
                float(np.nanmin(column)),
                float(np.nanmax(column)),
                r2,
                rmse,
                private.r2.get(name) if private else None,
                measure_cut_off(*pair, sums, cut_offs.get(name)),
            )
        )
    return figures


def read_held_out(run: HandoverRun) -> Floats:
    """Return the held-out predictions, (rows, targets), with NaN for missing predictions."""
    table = pd.read_csv(run.folder / HELD_OUT_FILE, index_col=0, float_precision="round_trip")
    values: Floats = (
        table.reindex(columns=list(challenge().targets)).apply(pd.to_numeric, errors="coerce").to_numpy(float)
    )
    return np.where(np.isfinite(values), values, np.nan)


def _replace_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _replace_nan(each) for name, each in value.items()}
    return None if isinstance(value, float) and not np.isfinite(value) else value
