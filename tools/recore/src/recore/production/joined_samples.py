"""Join assays to the captured predictions of the same samples, and find requests to resend to other variants."""

import hashlib
from collections import Counter
from collections.abc import Iterable

import numpy as np

from recore.production.arrived_assays import Assays, format_id_names, format_key
from recore.production.data_capture import CaptureEvent, SampleKey, is_header_value, read_predictions, read_samples
from recore.production.project import MAX_INFERENCE_ID_LENGTH

PREFIX = "compare-"  # prefix of inference IDs in requests that a comparison sends, which are not client traffic


def make_inference_id(name: str) -> str:
    """Return the inference ID for resending a request that had this inference ID or event ID."""
    if name.startswith(PREFIX) and is_header_value(name):
        return name
    if len(PREFIX + name) > MAX_INFERENCE_ID_LENGTH or not is_header_value(name):
        name = hashlib.sha256(name.encode()).hexdigest()[: MAX_INFERENCE_ID_LENGTH - len(PREFIX)]
    return PREFIX + name


class JoinedSamples:
    """The assayed samples with the latest prediction of each variant.

    predictions: (samples, targets) by variant, NaN if missing. holes: by sample, "" if unknown. left_out: the number of
    ignored events for each reason. other_sample: one sample that was predicted but not assayed.
    """

    def __init__(self, assays: Assays, variants: Iterable[str]):
        self.predictions = {name: np.full(assays.values.shape, np.nan) for name in variants}
        self.holes = [sample[0] if sample else "" for sample in assays.samples]
        self.left_out: Counter[str] = Counter()
        self.other_sample = ""
        self._rows = dict(assays.rows)
        self._rows |= {make_inference_id(key): row for key, row in assays.rows.items() if isinstance(key, str)}
        self._by_id = len(self._rows) > len(assays.rows)
        # by row: the sample and the digest of the input, because an inference ID must not stand for several samples
        self._identities: list[dict[type, object]] = [{tuple: sample} if sample else {} for sample in assays.samples]
        self._ambiguous: set[int] = set()
        self._sources: dict[str, dict[int, CaptureEvent]] = {name: {} for name in self.predictions}
        self._traffic: dict[str, set[int]] = {name: set() for name in self.predictions}

    @property
    def traffic(self) -> dict[str, int]:
        """The number of samples that each variant predicted for clients."""
        return {name: len(rows - self._ambiguous) for name, rows in self._traffic.items()}

    @property
    def rows(self) -> list[int]:
        """The rows of the samples that at least one variant predicted."""
        return sorted(set().union(*self._sources.values()) - self._ambiguous)

    def add(self, event: CaptureEvent) -> None:
        """Add an event's predictions of assayed samples."""
        is_other = self._by_id and event.inference_id not in self._rows
        samples = [] if is_other else read_samples(event.input)
        keys: list[str | SampleKey | None] = [event.inference_id] if self._by_id else [*samples]
        rows = [self._rows.get(key) if key else None for key in keys]
        if not any(row is not None for row in rows):
            if not self.other_sample:
                self.other_sample = next((format_key(key) for key in keys if key), "")
            if not self._by_id and not any(keys):
                known = bool(event.input.content)
                self.left_out[f"no {format_id_names()} in the request" if known else "the input was not captured"] += 1
            return
        try:
            predictions = read_predictions(event.output)
        except ValueError as error:
            self.left_out[str(error)] += 1
            return
        if len(predictions) != len(rows):
            problem = "a single InferenceId for several samples" if self._by_id else "not one prediction per sample"
            self.left_out[problem] += 1
            return
        sources = self._sources[event.variant]
        for number, row in enumerate(rows):
            if row is None:
                continue
            sample = samples[number] if len(samples) == len(rows) else None
            identity = sample or hashlib.sha256(event.input.content).hexdigest()
            if self._by_id and self._identities[row].setdefault(type(identity), identity) != identity:
                self._ambiguous.add(row)
                self.left_out["one InferenceId for different samples"] += 1
                continue
            if row in sources and sources[row].time > event.time:
                continue
            sources[row] = event
            self.predictions[event.variant][row] = predictions[number]
            if not event.inference_id.startswith(PREFIX):
                self._traffic[event.variant].add(row)
            if not self.holes[row] and sample:
                self.holes[row] = str(sample[0])

    def find_missing(self, variant: str) -> list[CaptureEvent]:
        """Return other variants' events whose requests must be resent to get this variant's missing predictions."""
        predicted = self._sources[variant]
        events = {
            event.event_id: event
            for sources in self._sources.values()
            for row, event in sources.items()
            if row not in predicted and row not in self._ambiguous and event.input.content
        }
        return list(events.values())
