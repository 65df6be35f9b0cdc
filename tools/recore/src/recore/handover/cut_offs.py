"""What a model is worth for a decision: is a sample above a cut-off? Measured on held-out drill holes."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from recore.handover.hole_spread import HoleSums, SampleShare
from recore.schema import TARGETS
from recore.spectral_data import Floats
from stagemaker import parse_number

QUANTILE = 75  # per cent: the default cut-off, above which a quarter of the samples is


@dataclass(frozen=True)
class CutOff:
    """Decisions at one cut-off. share: of samples above it. precision: of those predicted above. recall: of those
    above. wrong: of all on the wrong side."""

    value: float
    chosen: bool
    share: float
    precision: SampleShare
    recall: SampleShare
    wrong: SampleShare


def read_cut_offs(texts: Iterable[str]) -> dict[str, float]:
    """By target, from texts such as CuPPM=2000. Raises ValueError."""
    values = {}
    for text in texts:
        name, _, number = text.partition("=")
        value = parse_number(number)
        if name not in TARGETS or value is None:
            raise ValueError(f"--cut-off {text[:60]!r}: a target and a number are needed, such as CuPPM=2000")
        values[name] = value
    return values


def measure_cut_off(measured: Floats, predicted: Floats, sums: HoleSums, chosen: float | None) -> CutOff:
    """Decisions about the samples of one target, (rows,) each. sums: of these rows. chosen: None for the quartile."""
    value = float(np.percentile(measured, QUANTILE)) if chosen is None else chosen
    above, called = measured > value, predicted > value
    counts = {
        "right": above & called,
        "above": above,
        "called": called,
        "wrong": above != called,
        "rows": np.ones_like(above),
    }
    totals = sums.resample({name: each.astype(float) for name, each in counts.items()})
    return CutOff(
        value,
        chosen is not None,
        float(above.mean()),
        precision=totals.share("right", "called"),
        recall=totals.share("right", "above"),
        wrong=totals.share("wrong", "rows"),
    )
