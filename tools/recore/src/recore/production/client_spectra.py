"""Read the spectra that clients sent to an endpoint, and compare them with a version's training spectra."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recore.challenge import challenge
from recore.distribution import PROGRAM
from recore.listing import count
from recore.production.containers.domain import MIN_HOLES, Domain, Reference
from recore.production.containers.features import REFERENCE, Columns, SpectraError, column_key, read_request
from recore.production.data_capture import CaptureEvent
from recore.production.drift import ReferenceUnits
from recore.production.handover_files import CHANNELS, parse_columns, parse_reference, read_features_files
from recore.production.joined_samples import PREFIX
from recore.production.project import ProductionError, ProductionProject
from recore.production.versions import Version, find_version
from recore.spectral_data import Floats
from recore.untrusted_json import parse_object


@dataclass(frozen=True)
class TrainingSummary:
    """Summary of a version's training data: the data file's columns, and the reference fitted to its spectra."""

    columns: Columns
    reference: Reference
    domain: Domain

    @property
    def hole_names(self) -> frozenset[str]:
        """The drill holes' names; empty if the data file contained none."""
        return frozenset(self.reference["hole_names"])

    @property
    def usual_share(self) -> float:
        """The fraction of training rows outside a domain that was fitted without their drill holes."""
        return usual_outside(self.reference)

    def reference_units(self, names: Container[str] | None = None, title: str = "all drill holes") -> ReferenceUnits:
        """Return the drill holes with these names, by default all, as reference units."""
        values, codes = np.array(self.reference["values"], dtype=float), np.array(self.reference["holes"])
        if names is not None:
            hole_mask = [name in names for name in self.reference["hole_names"]]
            rows = np.array(hole_mask)[codes]
            values, codes = values[rows], codes[rows]
        return ReferenceUnits(values, codes, title)


@dataclass(frozen=True)
class ClientSpectra:
    """Samples that clients sent, in chronological order, without repeated spectra.

    samples: a table with the columns index, hole, time, variant, t2, q and distance. statistics: (samples, statistics).
    deviations: (samples, bins), in units of the bins' limits. scores: (samples, components). repeated: the number of
    samples dropped as repeats. left_out: the numbers of ignored requests or spectra, by reason.
    """

    samples: pd.DataFrame
    statistics: Floats
    deviations: NDArray[np.float32]
    scores: Floats
    repeated: int
    left_out: Counter[str]

    @property
    def outside_mask(self) -> NDArray[np.bool_]:
        """Mask of the samples outside the domain."""
        return np.asarray(self.samples["distance"] > 1)


def usual_outside(reference: Reference) -> float:
    """Return the fraction of a reference's rows outside a domain that was fitted without their drill holes."""
    limits = np.array([reference["t2_limit"], reference["q_limit"]])
    distances = np.exp(np.array(reference["values"])[:, :2]) / limits
    return float((distances > 1).any(axis=1).mean())


def explain_unmonitored(reference: Reference) -> str:
    """Return why `monitor` cannot test spectra with this reference, or "" if it can."""
    holes = len(reference["hole_names"])
    if holes >= MIN_HOLES:
        return ""
    problem = f"it was trained on {count(holes, 'drill hole')}"
    return f"{problem}, but at least {MIN_HOLES} are needed to know how much new holes may differ"


def read_training_summary(project: ProductionProject, version: Version) -> TrainingSummary:
    """Read the summary of a version's training data. Raises ProductionError if the version's archive lacks it."""
    files = read_features_files(project, version, (CHANNELS, REFERENCE))
    header, content = files.get(CHANNELS), files.get(REFERENCE)
    if not header or not content:
        raise ProductionError(
            f"version {version.number} has no reference for its spectra: it predates `monitor`, or its "
            f"data had too few spectra; train a new version with `{PROGRAM} production train --again`"
        )
    try:
        return make_training_summary(parse_columns(header, CHANNELS), parse_reference(parse_object(content)))
    except ValueError as error:
        problem = f"the reference of its spectra is invalid: {error}"
        raise ProductionError(f"version {version.number}, {version.archives[0]}: {problem}") from None


def read_monitored_summary(project: ProductionProject, version: Version) -> TrainingSummary:
    """Read the summary of a version's training data. Raises ProductionError if `monitor` cannot use it."""
    summary = read_training_summary(project, version)
    if reason := explain_unmonitored(summary.reference):
        fix = f"train on data with more: `{PROGRAM} production retrain --public FILE`"
        raise ProductionError(f"version {version.number} cannot be monitored: {reason}; {fix}")
    return summary


def find_unmonitored(project: ProductionProject, numbers: Iterable[int]) -> list[str]:
    """Return a line for each of these versions that cannot be monitored, with the reason and the fix."""
    lines = []
    for number in numbers:
        try:
            read_monitored_summary(project, find_version(project, number))
        except ProductionError as error:
            lines.append(str(error))
    return lines


def make_training_summary(header: Sequence[str], reference: Reference) -> TrainingSummary:
    """Return the summary of a model's training data. header: the data file's header."""
    columns = Columns(header, challenge().ids, challenge().targets)
    return TrainingSummary(columns, reference, Domain(reference, [column_key(name) for name in columns.channels]))


class SpectraReader:
    """Collects the samples in captured requests."""

    def __init__(self, trained_on: TrainingSummary, left_out: Counter[str]) -> None:
        self._trained_on, self._left_out = trained_on, left_out
        self._rows: list[dict[str, Any]] = []
        self._arrays: list[tuple[Floats, NDArray[np.float32], Floats]] = []

    def add(self, event: CaptureEvent) -> None:
        """Add the samples in a captured request, unless it was sent to compare variants."""
        group = challenge().group
        if event.inference_id.startswith(PREFIX):
            return
        if not event.input.content:
            self._left_out["the input was not captured"] += 1
            return
        columns = self._trained_on.columns
        try:
            request = read_request(event.input.content, event.input.media_type or "text/csv", columns.ids)
            rows = list(columns.arrange(request))
        except SpectraError as error:
            self._left_out[str(error)] += 1
            return
        spectra, domain = columns.read_spectra(rows), self._trained_on.domain
        snv = domain.snv(spectra)
        known = np.isfinite(snv).all(axis=1)
        if missing := int((~known).sum()):
            self._left_out["a spectrum that is flat or has a gap"] += missing
        snv, spectra = snv[known], spectra[known]
        hole = columns.names.index(group) if group in columns.names else None
        t2, q, deviations = domain.compare(snv)
        known_rows = itertools.compress(rows, known)
        for row, spectrum, row_t2, row_q in zip(known_rows, spectra, t2.tolist(), q.tolist(), strict=True):
            self._rows.append(
                {
                    "index": event.inference_id or row[0],
                    "hole": row[hole].strip() if hole is not None else "",
                    "time": event.time,
                    "variant": event.variant,
                    "t2": row_t2,
                    "q": row_q,
                    "distance": max(row_t2, row_q),
                    "digest": hashlib.blake2b(spectrum.tobytes(), digest_size=16).digest(),
                }
            )
        statistics, scores = domain.statistics(spectra, snv), domain.components.scores(snv)
        self._arrays.append((statistics, deviations.astype(np.float32), scores))

    def finish(self) -> ClientSpectra:
        """Return the samples in chronological order, without samples that repeat an earlier spectrum."""
        samples = pd.DataFrame(self._rows)
        if not len(samples):
            empty = np.empty((0, 0))
            return ClientSpectra(samples, empty, empty.astype(np.float32), empty, 0, self._left_out)
        unique_samples = samples.sort_values("time", kind="stable").drop_duplicates("digest")
        statistics, deviations, scores = (
            np.concatenate(arrays)[unique_samples.index] for arrays in zip(*self._arrays, strict=True)
        )
        repeated = len(samples) - len(unique_samples)
        samples = unique_samples.drop(columns="digest").reset_index(drop=True)
        return ClientSpectra(samples, statistics, deviations, scores, repeated, self._left_out)
