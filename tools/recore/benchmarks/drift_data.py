"""Create samples for the drift benchmark, and compute model errors and drift."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from preprocess import IDS, TARGETS, DataError

from benchmarks.methods import Data, predict_template, read_files
from recore.dataset.sample_files import Plan, simulate_rows
from recore.listing import count
from recore.production.client_spectra import TrainingSummary, make_training_summary
from recore.production.containers.domain import MIN_HOLES, fit_reference
from recore.production.drift import Drift, detect_drift, group_units
from recore.production.monitoring import FALSE_ALARMS

START = datetime(2026, 3, 2, tzinfo=UTC)
WEEK = timedelta(weeks=1)
WEEK_SAMPLES = 50
CHANNELS = 850  # of a simulated spectrum, 4 cm-1 apart
HOLE_SAMPLES = 10  # on average; simulated holes have between half and one and a half times as many

ROW_ATTRIBUTES = ("spectra", "targets", "sites", "holes")  # attributes of Samples that have rows


@dataclass(frozen=True)
class Samples:
    """Samples with assays.

    wavenumbers: (channels,), cm-1, descending. spectra: (rows, channels). targets: (rows, 49), NaN if not measured.
    sites: (rows,), the SiteIDs, which are the groups in cross-validation. holes: (rows,), the drill holes.
    """

    wavenumbers: np.ndarray
    spectra: np.ndarray
    targets: np.ndarray
    sites: np.ndarray
    holes: np.ndarray

    def __len__(self) -> int:
        return len(self.spectra)

    def take(self, rows: np.ndarray) -> Self:
        """Return the samples selected by row numbers or a Boolean mask."""
        return replace(self, **{name: getattr(self, name)[rows] for name in ROW_ATTRIBUTES})

    def shuffle(self, random: np.random.Generator) -> Self:
        """Return the samples hole by hole, with the holes in random order."""
        names, codes = np.unique(self.holes, return_inverse=True)
        return self.take(np.argsort(random.permutation(len(names))[codes], kind="stable"))


def read_samples(public: Path, private: Path | None, actual: Path | None) -> Samples:
    """Read data files of soils. Each sample counts as a separate drill hole, and its SiteID is its landscape.

    Raises DataError if there are too few samples or landscapes.
    """
    data, _ = read_files(public, private, actual)
    _, sizes = np.unique(data.sites, return_counts=True)
    if len(sizes) < 2 or len(data) - sizes.max() < 2 * MIN_HOLES:
        need = f"at least two, and {2 * MIN_HOLES} samples outside each, are needed"
        raise DataError(f"{public}: {len(data)} samples of {count(len(sizes), 'landscape')} (SiteID); {need}")
    order = np.argsort(-data.channels)
    samples = data.spectra[:, order], data.targets.to_numpy(), data.sites, np.arange(len(data)).astype(str)
    return Samples(data.channels[order], *samples)


def concatenate(parts: Sequence[Samples]) -> Samples:
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ROW_ATTRIBUTES}
    return replace(parts[0], **joined)


def simulate(holes: int, seed: int, without: str | None = None) -> Samples:
    """Simulate drill holes without missing assays. Each is also a site. without: the name of a rock to exclude."""
    plan = Plan(HOLE_SAMPLES * holes, holes, CHANNELS, seed, missing=0, without=without)
    parts = []
    for _, inputs, assays in simulate_rows(plan):
        channels = [name for name in inputs if name not in ("", *IDS)]
        spectra = np.column_stack([inputs[name] for name in channels])
        targets = np.column_stack(list(assays.values()))
        names = np.array([f"{seed}-{name}" for name in inputs["SiteID"]])
        parts.append(Samples(np.array(channels, dtype=float), spectra, targets, names, names))
    return concatenate(parts)


# ---- Errors and drift of samples -------------------------------------------------------------------------
def predict_errors(training: Samples, traffic: Sequence[Samples]) -> list[np.ndarray]:
    """Train train.py's default model, and return its absolute errors (rows, targets) for each element of `traffic`."""
    known, held_out = (
        Data(training.wavenumbers, part.spectra, pd.DataFrame(part.targets, columns=TARGETS), part.sites)
        for part in (training, concatenate(traffic))
    )
    ends = np.cumsum([len(samples) for samples in traffic])[:-1]
    predicted = np.split(predict_template(known, held_out)["ours"], ends)
    return [abs(values - samples.targets) for values, samples in zip(predicted, traffic, strict=True)]


def summarise(training: Samples) -> TrainingSummary:
    """Return the training summary of a model version trained on these samples."""
    header = ["index", *IDS, *map(str, training.wavenumbers.tolist())]
    return make_training_summary(header, fit_reference(training.wavenumbers, training.spectra, training.holes))


def compute_statistics(trained_on: TrainingSummary, traffic: Samples) -> np.ndarray:
    domain = trained_on.domain
    return domain.statistics(traffic.spectra, domain.snv(traffic.spectra))


def compute_distances(trained_on: TrainingSummary, traffic: Samples) -> np.ndarray:
    """Return each sample's distance (rows,) to the training data: above 1 outside the applicability domain."""
    t2, q, _ = trained_on.domain.compare(trained_on.domain.snv(traffic.spectra))
    return np.maximum(t2, q)


def count_until_drift(trained_on: TrainingSummary, statistics: np.ndarray) -> int | None:
    """Return the number of soils that had arrived when drift was found, or None if it was never found.

    statistics: (soils, statistics), in order of arrival. Each soil counts as a separate drill hole.
    """
    times = [START + timedelta(minutes=number) for number in range(len(statistics))]
    holes = [f"soil {number}" for number in range(len(statistics))]
    alarm = _detect(trained_on, statistics, times, holes, times[-1], are_complete=True).alarm
    return None if alarm is None else alarm + 1


def find_week(trained_on: TrainingSummary, traffic: Samples) -> int | None:
    """Return the first week (from 1) after which `monitor` finds drift, or None. WEEK_SAMPLES arrive each week."""
    statistics, holes = compute_statistics(trained_on, traffic), traffic.holes.tolist()
    times = [START + WEEK * (row / WEEK_SAMPLES) for row in range(len(holes))]
    for week in range(1, len(holes) // WEEK_SAMPLES + 1):
        rows = slice(week * WEEK_SAMPLES)
        drift = _detect(trained_on, statistics, times[rows], holes[rows], START + week * WEEK, are_complete=False)
        if drift.alarm is not None:
            return week
    return None


def _detect(
    trained_on: TrainingSummary,
    statistics: np.ndarray,
    times: Sequence[datetime],
    holes: Sequence[str],
    now: datetime,
    are_complete: bool,
) -> Drift:
    reference = trained_on.reference_units()
    units, _ = group_units(times, holes, reference.size, now, are_complete)
    return detect_drift(reference, statistics, units, FALSE_ALARMS)
