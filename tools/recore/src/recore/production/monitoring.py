"""Monitor an endpoint: test whether clients' spectra are still similar to the version's training spectra."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recore.absorption_bands import name_bands
from recore.challenge import challenge
from recore.listing import count
from recore.production.alarms import send_metrics
from recore.production.client_spectra import (
    ClientSpectra,
    SpectraReader,
    TrainingSummary,
    read_monitored_summary,
    read_training_summary,
)
from recore.production.containers.domain import MIN_HOLES
from recore.production.data_capture import read_events
from recore.production.drift import Drift, ReferenceUnits, Unit, detect_drift, group_units
from recore.production.endpoints import find_existing, find_pending, read_variants, version_of
from recore.production.next_command import ProjectState, suggest_after_alarm
from recore.production.project import Outcome, ProductionError, ProductionProject, Watch
from recore.production.versions import Version, find_version, list_versions, model_name
from recore.text import plain

FALSE_ALARMS = 0.05
ALARM_FIX = (
    "fix: service the instrument if it has changed; otherwise have some of these samples assayed, add them to "
    "the data, and `retrain`"
)
LISTED = 5  # maximum number of holes, and of bands, in a list
EARLIER_VERSIONS = 5  # the drill holes added since each of them form a separate reference


@dataclass(frozen=True)
class MonitorSettings:
    """Settings for monitoring. version: the version to compare with, by default the one with the largest weight.

    since: the start, by default the endpoint configuration's creation. false_alarms: the probability of a false alarm.
    """

    version: int | None = None
    since: datetime | None = None
    false_alarms: float = FALSE_ALARMS
    are_complete: bool = False


@dataclass(frozen=True)
class Monitoring:
    """The result of monitoring.

    since: the time from which requests are tested. reference: the training drill holes that the samples are most
    similar to. waiting: the number of samples in incomplete units.
    """

    endpoint: str
    version: int
    since: datetime
    training: TrainingSummary
    traffic: ClientSpectra
    reference: ReferenceUnits
    units: list[Unit]
    waiting: int
    drift: Drift
    false_alarms: float

    @property
    def statistics(self) -> list[str]:
        names: list[str] = self.training.reference["statistics"]
        return names

    @property
    def usual_text(self) -> str:
        return f"{self.training.usual_share:.1%} is usual for new drill holes"

    @property
    def units_text(self) -> str:
        """The numbers of tested units, such as "12 drill holes and 1 day"."""
        holes = sum(bool(unit.hole) for unit in self.units)
        counts = {"drill hole": holes, "day": len(self.units) - holes}
        return " and ".join(count(number, kind) for kind, number in counts.items() if number)

    @property
    def evidence_text(self) -> str:
        drift = self.drift
        name, side = self.statistics[drift.statistic], "below" if drift.alarm is None else "above"
        return f"strongest evidence {drift.max_evidence:.3g} ({name}), {side} the threshold of {drift.threshold:.3g}"

    @property
    def false_alarm_text(self) -> str:
        rate = f"at most {self.false_alarms:.1%}, however often you look"
        if all(unit.hole for unit in self.units):
            return rate
        return f"{rate}, provided that samples without {challenge().group} are from different drill holes each day"

    @property
    def changed_rows(self) -> NDArray[np.intp]:
        """The rows of the samples since the drift began, or all rows if there is no drift."""
        samples = np.arange(len(self.traffic.samples))
        return samples if self.drift.alarm is None else samples[self.units[self.drift.since].rows[0] :]

    @property
    def start(self) -> datetime | None:
        """The time when the drift most probably began, or None if there is no drift."""
        if self.drift.alarm is None:
            return None
        time: datetime = self.traffic.samples["time"].iloc[self.changed_rows[0]]
        return time

    @property
    def n_late(self) -> int:
        """The number of samples that arrived after their unit was complete."""
        return len(self.traffic.samples) - self.waiting - sum(len(unit.rows) for unit in self.units)

    @property
    def level(self) -> float:
        """log(maximum evidence) / log(threshold), at least 0; 1 or more means drift."""
        return max(0.0, math.log(self.drift.max_evidence) / math.log(self.drift.threshold))

    @cached_property
    def bands(self) -> list[dict[str, Any]]:
        """The bands where changed samples differ most, with mean deviations in units of a single spectrum's limits."""
        if self.drift.alarm is None:
            return []
        mean = self.traffic.deviations[self.changed_rows].astype(float).mean(axis=0)
        scale = abs(mean).max() / 2
        bands = self.training.domain.find_bands(mean / max(scale, 1e-9))
        return [
            {**band, "deviation": band["deviation"] * scale, "name": name_bands(band["from"], band["to"])}
            for band in bands
        ]

    @cached_property
    def holes(self) -> pd.DataFrame:
        """A row for each drill hole, in descending order of the fraction of its samples outside the domain."""
        groups = self.traffic.samples.assign(outside=self.traffic.outside_mask).groupby("hole", sort=False)
        table = groups.agg(
            samples=("distance", "size"),
            outside=("outside", "sum"),
            distance=("distance", "mean"),
            first=("time", "min"),
            last=("time", "max"),
        ).reset_index()
        order = np.lexsort([-table["distance"], -table["outside"] / table["samples"]])
        return table.iloc[order].reset_index(drop=True)


def monitor_endpoint(project: ProductionProject, settings: MonitorSettings, watch: Watch) -> Monitoring:
    """Test captured requests for drift. Raises ProductionError if they cannot be tested."""
    endpoint = find_existing(project)
    config = project.sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    version = _choose_version(project, endpoint, config, settings.version)
    watch("reading the version's reference", 0, 0)
    trained_on = read_monitored_summary(project, version)
    since = settings.since or config["CreationTime"]
    traffic = _read_traffic(project, endpoint, trained_on, since, watch)
    references = [trained_on.reference_units(), *_find_new_units(project, version.number, trained_on)]
    return examine_traffic(endpoint["EndpointName"], version.number, since, trained_on, references, traffic, settings)


def _read_traffic(
    project: ProductionProject, endpoint: dict[str, Any], trained_on: TrainingSummary, since: datetime, watch: Watch
) -> ClientSpectra:
    name, capture = endpoint["EndpointName"], endpoint.get("DataCaptureConfig", {})
    if not capture.get("DestinationS3Uri"):
        problem = "has no data capture, and only captured requests can be monitored"
        is_new = endpoint["EndpointStatus"] == "Creating"
        raise ProductionError(f"{name} {'is being created: wait until it is in service' if is_new else problem}")
    configs = [endpoint["EndpointConfigName"], find_pending(endpoint)]
    variants = dict.fromkeys(each.name for config in configs if config for each in read_variants(project, config))
    left_out: Counter[str] = Counter()
    reader = SpectraReader(trained_on, left_out)
    events = read_events(project.s3, capture["DestinationS3Uri"], name, variants, since, left_out)
    for number, event in enumerate(events):
        watch("reading captured requests", number, 0)
        reader.add(event)
    traffic = reader.finish()
    if not len(traffic.samples):
        reasons = "".join(f"; excluded: {reason} ({number:,})" for reason, number in left_out.most_common(2))
        raise ProductionError(f"{name} has captured no spectra since {_minute(since)}{reasons}")
    return traffic


def examine_traffic(
    endpoint: str,
    version: int,
    since: datetime,
    trained_on: TrainingSummary,
    references: Sequence[ReferenceUnits],
    traffic: ClientSpectra,
    settings: MonitorSettings,
) -> Monitoring:
    """Test for drift. references: sets of drill holes; there is no drift if the samples are similar to any of them."""
    times, holes, now = traffic.samples["time"].tolist(), traffic.samples["hole"].tolist(), datetime.now(UTC)
    results = []
    for reference in references:
        units, n_waiting = group_units(times, holes, reference.size, now, settings.are_complete)
        drift = detect_drift(reference, traffic.statistics, units, settings.false_alarms)
        results.append((reference, units, n_waiting, drift))
    closest_result = min(results, key=lambda result: result[-1].max_evidence)
    return Monitoring(endpoint, version, since, trained_on, traffic, *closest_result, settings.false_alarms)


def _find_new_units(project: ProductionProject, number: int, trained_on: TrainingSummary) -> list[ReferenceUnits]:
    """Return the training drill holes added since each of the EARLIER_VERSIONS versions before version `number`."""
    new_holes: dict[frozenset[str], int] = {}
    for version in [each for each in list_versions(project) if each.number < number][:EARLIER_VERSIONS]:
        try:
            earlier_holes = read_training_summary(project, version).hole_names
        except ProductionError:  # the earlier version has no reference
            continue
        if earlier_holes & trained_on.hole_names and (names := trained_on.hole_names - earlier_holes):
            new_holes.setdefault(names, version.number)
    groups = [
        trained_on.reference_units(names, f"the {count(len(names), 'drill hole')} added since version {number}")
        for names, number in new_holes.items()
    ]
    return [group for group in groups if len(group) >= MIN_HOLES]


def _choose_version(
    project: ProductionProject, endpoint: dict[str, Any], config: dict[str, Any], number: int | None
) -> Version:
    if number is None:
        weights = {each["VariantName"]: each.get("CurrentWeight", 0.0) for each in endpoint["ProductionVariants"]}
        model = max(config["ProductionVariants"], key=lambda each: weights.get(each["VariantName"], 0.0))["ModelName"]
        number = version_of(model)
        if model != model_name(project, number):  # another project's version of this number
            group = project.settings.model_package_group_name
            raise ProductionError(f"the endpoint serves the model {model}, which is not a version of {group}")
    return find_version(project, number)


def format_monitoring(result: Monitoring, state: ProjectState) -> Outcome:
    """Format the result of monitoring, for people and programs."""
    traffic, drift = result.traffic, result.drift
    samples, outside = len(traffic.samples), int(traffic.outside_mask.sum())
    holes = result.holes
    named = holes[holes["hole"] != ""]
    sizes = f"{count(samples, 'sample')} of {count(len(named), 'drill hole') if len(named) else 'unknown drill holes'}"
    comparison = f"compared with {result.reference.name} in the training data of version {result.version}"
    lines = [
        f"{result.endpoint}: {sizes} since {_minute(result.since)}, {comparison}",
        f"outside the domain: {outside:,} of {count(samples, 'sample')} ({outside / samples:.1%}); {result.usual_text}",
        *_format_drift(result),
    ]
    if result.waiting:
        lines.append(f"not tested yet: {count(result.waiting, 'sample')} from incomplete drill holes")
    if result.n_late:
        lines.append(
            f"not tested: {count(result.n_late, 'sample')} that arrived after their drill hole was complete "
            f"({result.reference.size} samples, or a long pause)"
        )
    if traffic.repeated:
        lines.append(f"sent more than once, but counted once: {count(traffic.repeated, 'sample')}")
    lines += [f"excluded: {plain(reason, 200)} ({number:,})" for reason, number in traffic.left_out.most_common(LISTED)]
    details = {
        "endpoint": result.endpoint,
        "version": result.version,
        "drift": drift.alarm is not None,
        "since": result.start,
        "statistic": result.statistics[drift.statistic] if result.units else None,
        "evidence": drift.max_evidence,
        "threshold": drift.threshold,
        "false_alarms": result.false_alarms,
        "units": len(result.units),
        "compared_with": result.reference.name,
        "samples": samples,
        "outside": outside,
        "usual_outside": result.training.usual_share,
        "waiting": result.waiting,
        "beyond": result.n_late,
        "repeated": traffic.repeated,
        "left_out": traffic.left_out,
        "bands": result.bands,
        "holes": holes.to_dict("records"),
    }
    return Outcome(lines, details, suggest_after_alarm(state, result.version, drift.alarm is not None), changed=False)


def send_alarm(project: ProductionProject, result: Monitoring, state: ProjectState, outcome: Outcome) -> Outcome:
    """Send the result to CloudWatch as metrics, create the alarm, and add its name to the outcome."""
    outside_share = float(result.traffic.outside_mask.mean())
    name = send_metrics(project, result.endpoint, result.version, result.level, outside_share)
    line = f"the evidence was sent to CloudWatch; alarm: {name}"
    next_step = suggest_after_alarm(state, result.version, result.drift.alarm is not None, name)
    return Outcome([*outcome.lines, line], outcome.details | {"alarm": name}, next_step)


def _format_drift(result: Monitoring) -> list[str]:
    drift = result.drift
    if not result.units:
        return ["nothing has been tested yet: no drill hole is complete"]
    rate = f"(false alarms: {result.false_alarm_text})"
    if drift.alarm is None:
        return [f"no drift in {result.units_text}: {result.evidence_text} {rate}"]
    changed = result.changed_rows
    bands = [
        f"{band['from']:.0f} to {band['to']:.0f} cm-1{' (' + band['name'] + ')' if band['name'] else ''} "
        f"{band['deviation']:+.2g}"
        for band in result.bands
    ]
    outside = result.holes
    outside = outside[(outside["outside"] > 0) & (outside["hole"] != "")].head(LISTED)
    hole_lines = [f"{plain(row.hole, 40)} ({row.outside} of {row.samples})" for row in outside.itertuples()]
    return [
        f"drift since about {_minute(result.start)} ({count(len(changed), 'sample')}): {result.evidence_text} {rate}",
        f"bands that differ most, with their mean deviation divided by the limit for one spectrum: {', '.join(bands)}",
        *([f"drill holes with the most samples outside the domain: {', '.join(hole_lines)}"] if hole_lines else []),
        ALARM_FIX,
    ]


def _minute(time: datetime | None) -> str:
    return "" if time is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
